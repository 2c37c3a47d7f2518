"""What the audit says of each kind of labels that is no single label: figures against their definitions."""

from __future__ import annotations

import json
from dataclasses import replace
from math import comb, log2

import numpy as np
import pytest
import torch

from sfumato.aggregate import OneCoin
from sfumato.audit import audit
from sfumato.audit.contradictions import contradictions
from sfumato.audit.coverage import coverage
from sfumato.audit.modules import KINDS, WEAK
from sfumato.audit.sections.bags import mixing, overdispersion
from sfumato.audit.sections.tuples import prior_of
from sfumato.core.errors import ParameterError, ShapeError
from sfumato.labels import (
    Bags,
    BagValues,
    Comparisons,
    Confidence,
    ConfidenceDifferences,
    Distribution,
    Lower,
    Masks,
    MultiLabel,
    Pairs,
    Sets,
    Similarities,
    Targets,
    Triplets,
    Votes,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
HOSTILE = "<script>alert(1)</script>"


def section(report, name):
    return next(s for s in report.sections if s.name == name)


def bagged(counts, names=None):
    """Bags of equal size over the first rows of X."""
    counts = np.asarray(counts)
    g = int(counts[0].sum())
    return Bags.from_lists(np.arange(len(counts) * g).reshape(-1, g), counts, classes=names)


def sample(kind):
    """Labels of a kind over the 60 rows, with names from the user where it has any."""
    names = ("<b>no", HOSTILE)
    pairs = np.arange(60).reshape(-1, 2)
    if kind == "bags":
        return bagged(RNG.multinomial(5, [0.3, 0.7], 12), names)
    if kind == "bag-values":
        bags = np.arange(60).reshape(-1, 5)
        return replace(BagValues.from_lists(bags, RNG.integers(0, 2, 12)), classes=names)
    if kind == "sets":
        return Sets.from_column([f"{HOSTILE}{i % 3}" for i in range(60)], {f"{HOSTILE}0": 0.2, f"{HOSTILE}1": 0.8})
    if kind == "pairs":
        return Pairs.from_lists(pairs[:15], pairs[15:25], np.arange(50, 60))
    if kind == "comparisons":
        return Comparisons.from_lists(pairs, RNG.random(30) < 0.8)
    if kind == "triplets":
        return Triplets.from_lists(np.arange(60).reshape(-1, 3), RNG.random(20) < 0.8)
    if kind == "confidence":
        return Confidence.from_values(RNG.uniform(0.2, 1, 60), classes=names)
    if kind == "confidence-differences":
        return ConfidenceDifferences.from_lists(pairs, RNG.uniform(-1, 1, 30))
    if kind == "similarities":
        return Similarities.from_lists(pairs, RNG.uniform(0, 1, 30))
    if kind == "multi-label":
        return MultiLabel.from_matrix(RNG.choice([1.0, 0.0, np.nan], (60, 3)), [*names, "c"])
    if kind == "distribution":
        return Distribution.from_matrix(RNG.dirichlet(np.ones(3), 60), [*names, "c"])
    if kind in ("targets", "lower"):
        return (Targets if kind == "targets" else Lower).from_values(RNG.normal(size=60).tolist())
    if kind == "votes":
        table = [(i, f"{HOSTILE}{j}", names[int(RNG.random() < 0.5)]) for i in range(60) for j in range(3)]
        return Votes.from_table(*(list(c) for c in zip(*table, strict=True)), n=60)
    if kind == "masks":
        return Masks.from_labels(RNG.choice([*names, "c"], (60, 6, 5)))
    raise AssertionError(kind)


NEW = tuple(kind for kind in WEAK if kind not in ("partial", "complementary", "pu"))


@pytest.mark.parametrize("kind", NEW)
def test_every_kind_has_a_module_a_page_and_json(kind, tmp_path, read_page):
    labels = sample(kind)
    assert labels.kind == kind
    report = audit(X, labels)
    report.save(tmp_path)
    page = read_page((tmp_path / "report.html").read_text("utf-8"))
    told = json.loads((tmp_path / "summary.json").read_text("utf-8"))
    assert told["kind"] == kind and len(told["verdict"]) == len(report.sections)
    own = report.sections[0]
    assert told[own.name] and own.facts and own.figures
    if kind in ("bags", "bag-values", "sets", "multi-label", "distribution", "votes", "masks"):
        assert "<script>alert(1)" in "".join(page.words)  # shown as text: read_page refuses what acts
    assert told["class_count"] == (0 if kind in ("targets", "lower") else labels.k)


def test_the_door_names_all_kinds_and_refuses_what_no_module_reads():
    assert set(NEW) < set(KINDS)
    for name, value in (("truth", [0] * 60), ("groups", ["a"] * 60), ("probabilities", np.full((60, 2), 0.5))):
        with pytest.raises(ParameterError, match=f"{name} beside bags labels"):
            audit(X, sample("bags"), **{name: value})
    with pytest.raises(ParameterError, match="votes beside targets labels"):
        audit(X, sample("targets"), votes=np.zeros((60, 2), int))
    with pytest.raises(ShapeError, match="row 59 with 50 rows"):
        audit(X[:50], sample("bags"))
    with pytest.raises(ShapeError, match="60 labels for 50 rows"):
        audit(X[:50], sample("distribution"))


def test_bags_count_rank_condition_and_what_is_left_open():
    report = audit(X, bagged([[3, 1], [1, 3], [4, 0]]))
    told, own = report.summary["bags"], section(report, "bags")
    shares = np.array([[0.75, 0.25], [0.25, 0.75], [1, 0]])
    assert told["condition"] == pytest.approx(np.linalg.cond(shares), rel=1e-12) and told["rank"] == 2
    entropy = -(0.75 * log2(0.75) + 0.25 * log2(0.25))
    assert told["left_open_bits"] == pytest.approx(2 / 3 * entropy, rel=1e-12)
    assert told["pure"] == 1 and told["rows_in_none"] == 48 and told["size"] == {"least": 4, "median": 4, "most": 4}
    assert own.word == "good"


def test_bags_that_all_look_alike_are_urgent_and_so_is_a_class_that_never_occurs():
    report = audit(X, bagged([[2, 2]] * 5))
    assert report.summary["bags"]["rank"] == 1 and report.summary["bags"]["condition"] is None
    assert section(report, "bags").word == "act" and "rank 1 of 2" in report.verdict[0]
    assert "1 class never occurs" in audit(X, bagged([[2, 2, 0], [1, 3, 0]])).verdict[0]


def test_condition_and_overdispersion_by_hand():
    assert mixing(np.eye(3)) == (3, 1.0)
    assert mixing(np.full((4, 2), 0.5)) == (1, float("inf"))
    counts = np.array([[4, 0], [0, 4]])
    assert overdispersion(counts) == pytest.approx(4 * (2**2 / 2))
    assert overdispersion(counts[:1]) is None
    drawn = RNG.multinomial(50, [0.2, 0.3, 0.5], 4000)
    assert overdispersion(drawn) == pytest.approx(1, abs=5 * np.sqrt(2 / (3999 * 2)))


def test_bag_values_bound_the_share_of_positives():
    report = audit(X, BagValues.from_lists(np.arange(20).reshape(-1, 5), [0, 1, 1, 0]))
    told = report.summary["bag-values"]
    assert told["settled_rows"] == 10 and told["values"] == {"0": 2, "1": 2}
    assert told["positive_share"] == {"least": 2 / 20, "most": 10 / 20}
    assert section(audit(X, BagValues.from_lists([[0, 1], [2, 3]], [1, 1])), "bag-values").word == "act"


def test_sets_say_how_far_their_shares_lie_apart():
    index = np.arange(60) % 3
    report = audit(X, Sets(index, 3, torch.tensor([0.2, 0.7, float("nan")], dtype=torch.float64)))
    told = report.summary["sets"]
    assert told["condition"] == pytest.approx(np.linalg.cond([[0.8, 0.2], [0.3, 0.7]]), rel=1e-12)
    assert told["largest_gap"] == pytest.approx(0.5) and told["share"][2] is None and told["size"] == [20, 20, 20]
    assert section(report, "sets").word == "look"
    assert section(audit(X, Sets(index, 3)), "sets").word == "unknown"
    assert section(audit(X, Sets(index, 3, order=((0, 1),))), "sets").word == "look"
    same = audit(X, Sets(index, 3, torch.full((3,), 0.4)))
    assert section(same, "sets").word == "act" and "cannot tell" in same.verdict[0]


def test_pairs_imply_a_prior():
    assert prior_of(2 * 0.3 * 0.7, 2.0) == pytest.approx(0.3) and prior_of(0.3 * 0.7, 1.0) == pytest.approx(0.3)
    assert prior_of(0.6, 2.0) is None
    i = np.arange(60).reshape(-1, 2)
    told = audit(X, Pairs.from_lists(i[:20], i[20:])).summary["tuples"]
    assert told["implied_prior"]["prior"] == pytest.approx(prior_of(1 / 3, 2.0))
    assert told["answers"] == {"unlabeled": 0, "similar": 20, "dissimilar": 10} and told["tied_groups"] == 30
    more = audit(X, Pairs.from_lists(i[:2], i[2:]))
    assert "than any prior gives" in more.verdict[0] and more.summary["tuples"]["implied_prior"]["prior"] is None
    assert section(more, "tuples").word == "look"
    few = audit(X, Pairs.from_lists(i[:4], i[4:10]))  # the share itself is impossible, its interval is not
    assert section(few, "tuples").word == "good" and few.summary["tuples"]["implied_prior"]["prior"] is None


def test_contradictions_of_pairs_are_found_through_others():
    chain = Pairs.from_lists([(0, 1), (1, 2), (5, 6)], [(2, 0), (6, 7), (7, 8)])
    report = audit(X, chain)
    assert report.summary["tuples"]["contradicting_rows"] == [0, 1, 2]
    assert section(report, "tuples").word == "act"
    odd_circle = Pairs.from_lists((), [(0, 1), (1, 2), (2, 0)])
    assert audit(X, odd_circle).summary["tuples"]["contradicting_rows"] == [0, 1, 2]
    even_circle = Pairs.from_lists((), [(0, 1), (1, 2), (2, 3), (3, 0)])
    assert audit(X, even_circle).summary["tuples"]["contradicting_rows"] == []


def test_contradictions_of_comparisons_are_rows_forced_to_both_classes():
    # 0 < 1 forces 0 negative and 1 positive; 2 >= 1 forces 2 positive; 2 < 3 forces it negative
    answers = Comparisons.from_lists([(0, 1), (2, 1), (2, 3), (4, 5)], [False, True, False, True])
    assert audit(X, answers).summary["tuples"]["contradicting_rows"] == [1, 2]
    fine = Comparisons.from_lists([(0, 1), (1, 0), (2, 3)], [True, True, False])
    assert audit(X, fine).summary["tuples"]["contradicting_rows"] == []


@pytest.mark.parametrize("kind", ["pairs", "comparisons"])
def test_contradictions_are_those_that_enumeration_finds(kind):
    """Over all splits of 5 rows: none fits where and only where some row contradicts itself."""
    truths = (np.arange(32)[:, None] >> np.arange(5)) & 1
    seen = set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        i = np.stack([rng.choice(5, 2, replace=False) for _ in range(4)])
        said = rng.random(4) < 0.5
        a, b = truths[:, i[:, 0]], truths[:, i[:, 1]]
        labels = Pairs.from_lists(i[said], i[~said]) if kind == "pairs" else Comparisons.from_lists(i, said)
        fits = np.where(said, a == b, a != b) if kind == "pairs" else np.where(said, a >= b, a < b)

        class Given:
            x = X[:5]

        Given.labels = labels
        found = contradictions(kind, np.asarray(labels.form), coverage(Given))
        assert bool(found.rows.any()) == (not fits.all(axis=1).any())
        seen.add(bool(found.rows.any()))
    assert seen == {True, False}


def test_confidences_imply_the_prior_and_weigh_by_their_inverse():
    r = np.array([0.5, 1.0, 0.25, 1.0] * 15)
    told = audit(X, Confidence.from_values(r.tolist())).summary["confidence"]
    assert told["implied_prior"]["value"] == pytest.approx(1 / np.mean(1 / r))
    assert told["effective_rows"] == pytest.approx((1 / r).sum() ** 2 / (1 / r**2).sum())
    assert told["at_one"] == 30 and told["below_half"] == 0.25
    same = audit(X, Confidence.from_values([0.7] * 60))
    assert section(same, "confidence").word == "act"


def test_numbers_of_pairs():
    i = np.arange(60).reshape(-1, 2)
    told = audit(X, ConfidenceDifferences.from_lists(i, [1.0, 0.0, -1.0] * 10)).summary["pair-confidence"]
    assert told["at_ends"] == 20 and told["at_zero"] == 10 and told["mean"]["value"] == pytest.approx(0)
    tilted = audit(X, ConfidenceDifferences.from_lists(i, RNG.uniform(0, 1, 30)))
    assert section(tilted, "pair-confidence").word == "look"
    likes = audit(X, Similarities.from_lists(i, [0.58, 0.58, 0.6, 0.56, 0.58] * 6))
    assert likes.summary["pair-confidence"]["implied_prior"] == pytest.approx(0.3)
    assert section(audit(X, Similarities.from_lists(i, RNG.uniform(0, 0.2, 30))), "pair-confidence").word == "look"


def test_multi_labels_count_what_is_known():
    signs = np.zeros((60, 4), int)
    signs[:30, 0], signs[:10, 1], signs[30:, 2] = 1, 1, -1
    report = audit(X, MultiLabel(signs, 4))
    told = report.summary["multi-label"]
    assert told["cardinality"] == pytest.approx(40 / 60) and told["unknown"] == pytest.approx(1 - 70 / 240)
    assert told["positives"] == [30, 10, 0, 0] and told["negatives"] == [0, 0, 30, 0]
    assert told["co_occurrence"][0][1] == pytest.approx(1 / 3) and told["co_occurrence"][1][0] == 1
    assert told["never_positive"] == [2, 3] and section(report, "multi-label").word == "act"
    single = MultiLabel.from_single([str(i % 3) for i in range(60)])
    assert audit(X, single).summary["multi-label"]["single_positive"]


def test_distributions_are_spread_over_a_number_of_classes():
    d = np.array([[1.0, 0, 0], [0.5, 0.5, 0], [1 / 3] * 3] * 20)
    told = audit(X, Distribution.from_matrix(d)).summary["distributions"]
    assert told["spread"]["mean"] == pytest.approx((1 + 2 + 3) / 3)
    assert told["one_class_rows"] == 20 and told["even_rows"] == 20 and told["zero_shares"] == pytest.approx(3 / 9)
    mean = d.mean(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.nansum(d * np.log(d / mean), axis=1).mean()
    assert told["divergence_from_mean"] == pytest.approx(gap)
    same = audit(X, Distribution.from_matrix(np.tile([0.2, 0.8], (60, 1))))
    assert section(same, "distributions").word == "act"
    hard = audit(X, Distribution.from_matrix(np.eye(2)[np.arange(60) % 2]))
    assert section(hard, "distributions").word == "look" and "single labels" in hard.verdict[0]


def test_targets_and_lower_bounds():
    v = np.r_[np.zeros(15), RNG.uniform(1, 2, 45)]
    told = audit(X, Lower.from_values(v.tolist())).summary["targets"]
    assert told["at_least_value"]["value"] == 0.25 and told["quantiles"]["0.5"] == pytest.approx(np.median(v))
    heaped = audit(X, Targets.from_values(v.tolist()))
    assert section(heaped, "targets").word == "look" and heaped.summary["targets"]["at_least_value"] is None
    far = RNG.normal(size=60)
    far[3] = 1e6
    assert audit(X, Targets.from_values(far.tolist())).summary["targets"]["far"] == 1
    assert section(audit(X, Targets.from_values([2.0] * 60)), "targets").word == "act"
    assert audit(X, Targets.from_values(far.tolist())).summary["class_names"] == []


def test_votes_reach_part_and_are_held_against_gold():
    lines = (
        [(i, "a", "x") for i in range(50)] + [(i, "b", "y" if i < 10 else "x") for i in range(30)] + [(55, "b", None)]
    )
    item, who, said = (list(c) for c in zip(*lines, strict=True))
    said = ["-" if v is None else v for v in said]
    votes = Votes.from_table(item, who, said, n=60, abstain="-", classes=["x", "y"], gold={0: "x", 1: "y", 40: "x"})
    report = audit(X, votes)
    told = report.summary["votes"]
    assert told["votes"] == 80 and told["abstentions"] == 1 and told["items_without_vote"] == 10
    assert told["items_with_two"] == 30 and told["items_that_part"] == 10 and told["votes_per_source"] == [50, 30]
    assert told["vote_share"] == [pytest.approx(70 / 80), pytest.approx(10 / 80)]
    assert [(k["source"], k["items"], k["accuracy"]) for k in told["on_gold"]] == [("a", 3, 2 / 3), ("b", 2, 1 / 2)]
    # agreement comes from the votes themselves
    assert report.summary["annotators"]["votes"] == 80
    pairs_agreeing = comb(2, 2) * 20
    assert report.summary["annotators"]["unanimous"] == pairs_agreeing
    assert told["without_gold"] == []  # two sources, one of which declined once


def test_sources_of_votes_have_accuracies_with_intervals_without_any_truth():
    rng = np.random.default_rng(3)
    y = np.arange(60) % 2
    said = np.where(rng.random((60, 5)) < [0.9, 0.85, 0.8, 0.8, 0.6], y[:, None], 1 - y[:, None])
    votes = Votes.from_matrix(said, who=("a", "b", "c", "d", "e"))
    report = audit(X, votes)
    told = report.summary["votes"]["without_gold"]
    sure = OneCoin().fit(votes).interval()
    assert [k["source"] for k in told] == ["a", "b", "c", "d", "e"] and {k["votes"] for k in told} == {60}
    np.testing.assert_allclose(
        [[k["accuracy"], k["low"], k["high"]] for k in told], np.stack([sure.value, sure.low, sure.high], 1)
    )
    assert "e is right least often" in " ".join(section(report, "votes").notes)


def test_votes_for_sets_of_classes_are_counted_in_parts():
    offsets, source = torch.arange(0, 121, 2), torch.tensor([0, 1]).repeat(60)
    means = torch.tensor([[True, False, False], [False, True, True]])
    report = audit(X, Votes(offsets, source, source.clone(), 3, 2, means=means))
    assert report.summary["votes"]["vote_share"] == [0.5, 0.25, 0.25]
    assert all(s.name != "annotators" for s in report.sections)
