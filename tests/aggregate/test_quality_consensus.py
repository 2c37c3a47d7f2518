"""quality-consensus, consensus maps and the quality of maps: formulas by hand, wrong uses."""

import numpy as np
import pytest

from sfumato.aggregate import (
    MajorityVote,
    QualityConsensus,
    consensus_map,
    map_quality,
    map_votes,
)
from sfumato.checks import check
from sfumato.core.errors import LabelError, ParameterError, ShapeError
from sfumato.labels import Votes
from sfumato.score import bayesian_risk
from tests.aggregate.crowds import crowd


def test_the_weights_are_quality_times_producer_s_accuracy():
    # three labellers of five reference cells (truth 1 1 1 0 0) and one new cell
    truth = np.array([1, 1, 1, 0, 0, -1])
    said = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]])
    found = QualityConsensus().fit(Votes.from_matrix(said, k=2, gold=truth, abstain=None))
    q = (said[:5] == truth[:5, None]).mean(0)
    sensitivity, specificity = (said[:3] == 1).mean(0), (said[3:5] == 0).mean(0)
    w = q * np.where(said[5] == 1, sensitivity, specificity)
    assert np.allclose(found.posterior[5], [w[1:].sum() / w.sum(), w[0] / w.sum()], rtol=1e-12)
    assert np.array_equal(found.posterior[:5], np.eye(2)[truth[:5]])
    assert np.allclose(bayesian_risk(found.posterior[5:]), min(w[0], w[1:].sum()) / w.sum(), rtol=1e-12)


def test_an_unsure_vote_is_half_a_vote_for_either_and_the_consensus_stays_a_share():
    truth = np.array([1, 1, 0, 0, -1, -1])
    said = np.array([[1, 1], [1, 0], [0, 0], [0, 0], [1, -1], [-1, -1]])
    found = QualityConsensus().fit(Votes.from_matrix(said, k=2, gold=truth))
    sure, unsure = 1.0, 0.75 * (0.5 + 1) / 2
    assert np.allclose(found.posterior[4], [unsure / 2 / (sure + unsure), (sure + unsure / 2) / (sure + unsure)])
    assert np.allclose(found.posterior.sum(1), 1, atol=1e-12)
    assert np.allclose(found.posterior[5], 0.5)
    assert bayesian_risk(found.posterior).max() <= 0.5


def test_a_source_without_reference_items_has_the_quality_of_all():
    said, y = crowd(n=80, sources=6, share=1.0)
    gold = np.where(np.arange(80) < 30, y, -1)
    said[:30, 5] = -1  # not asked about reference items
    v = Votes.from_matrix(said, k=3, absent=True, gold=gold)
    found = QualityConsensus().fit(v)
    hits = said[:30, :5] == y[:30, None]
    pooled = [hits[y[:30] == k].mean() for k in range(3)]
    assert np.allclose(np.diagonal(found.table[5, :3]), hits.mean() * np.array(pooled), rtol=1e-12)


def test_quality_judged_elsewhere_replaces_the_share_of_right_answers():
    said, y = crowd(n=40, sources=4, share=1.0)
    v = Votes.from_matrix(said, k=3, gold=np.where(np.arange(40) < 20, y, -1), abstain=None)
    q = np.array([1.0, 0.5, 0.0, 0.25])
    own, other = QualityConsensus().fit(v), QualityConsensus().fit(v, quality=q)
    right = (said[:20] == y[:20, None]).mean(0)
    assert np.allclose(other.table * right[:, None, None], own.table * q[:, None, None], atol=1e-12)


def test_without_gold_the_vote_is_the_reference_and_the_contract_holds():
    check(QualityConsensus)
    said, _ = crowd(n=50, share=1.0)
    v = Votes.from_matrix(said, k=3, abstain=None)
    first = MajorityVote().fit(v).posterior
    gold = np.where((first == first.max(1, keepdims=True)).sum(1) == 1, first.argmax(1), -1)
    untied = np.flatnonzero(gold >= 0)
    found = QualityConsensus().fit(v[untied])
    told = QualityConsensus().fit(Votes.from_matrix(said[untied], k=3, abstain=None, gold=gold[untied]))
    assert np.allclose(found.table, told.table, rtol=1e-12)


def test_maps_become_votes_and_the_consensus_a_map():
    rng = np.random.default_rng(0)
    truth = (np.add.outer(np.arange(12), np.arange(15)) % 7 < 3).astype(int)
    maps = np.where(rng.random((4, 12, 15)) < 0.8, truth, 1 - truth)
    maps[0, 0, 0] = -1
    drawn = np.ones(maps.shape, bool)
    drawn[3, :, 7:] = False
    v = map_votes(maps, 2, drawn=drawn)
    assert len(v) == 180 and v.counts().tolist() == drawn.reshape(4, -1).sum(0).tolist()
    found = consensus_map(MajorityVote().fit(v), (12, 15))
    votes = np.where(drawn & (maps >= 0), maps, 0).sum(0) / (drawn & (maps >= 0)).sum(0)
    assert np.allclose(found.share[..., 1], votes)
    assert np.allclose(found.risk, np.minimum(votes, 1 - votes))
    assert np.array_equal(found.label, (votes > 0.5).astype(int))
    assert found.mean_risk == pytest.approx(np.minimum(votes, 1 - votes).mean())
    assert found.risky() == pytest.approx((np.minimum(votes, 1 - votes) > 0.34).mean())

    judged = QualityConsensus().fit(map_votes(maps, 2, reference=truth, drawn=drawn))
    elsewhere = consensus_map(judged.predict_proba(map_votes(maps, 2, drawn=drawn)), (12, 15))
    w = np.diagonal(judged.table[:, :2], axis1=1, axis2=2)
    given = [w[j, maps[j, 5, 9]] for j in range(3)]
    assert elsewhere.share[5, 9, 1] == pytest.approx(sum(g for j, g in enumerate(given) if maps[j, 5, 9]) / sum(given))


def fields(*boxes, shape=(40, 40)):
    found = np.zeros(shape, int)
    for category, (top, bottom, left, right) in boxes:
        found[top:bottom, left:right] = category
    return found


TRUE = fields((1, (2, 12, 2, 12)), (2, (2, 12, 20, 30)), (1, (20, 30, 5, 15)))


def test_map_quality_by_hand():
    assert map_quality(TRUE, TRUE) == map_quality(TRUE, TRUE, buffer=0)
    assert map_quality(TRUE, TRUE).score == pytest.approx(1, abs=1e-12)
    # the first field two rows lower, the second of another category, the third missing, an extra one far away
    own = fields((1, (4, 14, 2, 12)), (1, (2, 12, 20, 30)), (1, (35, 38, 35, 38)))
    found = map_quality(own, TRUE, buffer=1)
    assert found.area == pytest.approx(1 - (20 + 20 + 100 + 9) / 1600)
    assert found.fields == pytest.approx(2 / 3)
    assert found.category == pytest.approx(1 / 2)
    # of the first field's 36 boundary cells those within one cell of the drawn sides: 9 of each side, and the two of
    # the bottom row next to them; the drawn top and bottom are two cells away
    assert found.edges == pytest.approx(((2 * 9 + 2) / 36 + 1) / 2)
    assert found.score == pytest.approx(
        0.55 * found.area + 0.225 * found.fields + 0.1 * found.edges + 0.125 * found.category
    )


def test_maps_without_fields():
    none = np.zeros((40, 40), int)
    assert map_quality(none, none).score == pytest.approx(1)
    blind = map_quality(none, TRUE)
    assert (blind.fields, blind.edges, blind.category) == (0, 0, 0)
    assert blind.area == pytest.approx(1 - 300 / 1600)
    merged = map_quality(fields((1, (2, 30, 2, 30))), TRUE)  # one blob over all of them is more than twice any
    assert merged.fields == 0


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: map_quality(TRUE, TRUE[:5]), ShapeError),
        (lambda: map_quality(TRUE - 1, TRUE), LabelError),
        (lambda: map_quality(TRUE, TRUE, weights=(1, 1, 1, 1)), ParameterError),
        (lambda: map_votes(TRUE, 3), ShapeError),
        (lambda: map_votes(TRUE[None], 2), LabelError),
        (lambda: map_votes(TRUE[None], 3, reference=TRUE[:5]), ShapeError),
        (lambda: map_votes(TRUE[None], 3, drawn=TRUE[None]), ShapeError),
        (lambda: consensus_map(np.full((10, 2), 0.5), (3, 3)), ShapeError),
        (lambda: QualityConsensus().fit(map_votes(TRUE[None].repeat(3, 0), 3), quality=[1, 2, 3]), ParameterError),
    ],
)
def test_wrong_uses_are_named(call, error):
    with pytest.raises(error):
        call()
