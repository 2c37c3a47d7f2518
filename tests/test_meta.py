"""Meta-features: by hand, at their bounds, and unchanged by renaming classes and reordering rows."""

import math

import numpy as np
import pytest
import torch

from sfumato import labels as kinds
from sfumato import meta
from sfumato.core.errors import ShapeError

K, N = 5, 80


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def every():
    """One example of each kind with its features."""
    g = rng()
    y = torch.arange(N) % K
    x = torch.randn(N, 3, generator=g) + 2 * torch.nn.functional.one_hot(y, K)[:, :3]
    two = y % 2
    return x.numpy(), [
        kinds.Exact(y, K),
        kinds.Symmetric(0.3).sample(y, K, g),
        kinds.FlipSets(0.4).sample(y, K, g),
        kinds.UniformComplementary.single(K).sample(y, K, g),
        kinds.MissingCompletely(0.4).sample(y, K, g),
        kinds.SingleSample(0.5, 0.2).sample(two, 2, g),
    ]


def renamed(labels, names):
    """The same labels with class j called names[j]."""
    if hasattr(labels, "mask"):
        return type(labels)(labels.mask[:, names.argsort()], labels.k)
    y = torch.where(labels.y >= 0, names[labels.y.clamp_min(0)], labels.y)
    return type(labels)(y, labels.k)


def test_sets_by_hand():
    mask = torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 1], [0, 1, 0]]).bool()
    told = meta.describe(kinds.Partial(mask, 3))
    q = np.array([1 / 2 + 1 + 1 / 3, 1 / 2 + 1 / 3 + 1, 1 / 3]) / 4
    assert told["ambiguity"] == pytest.approx((1 + 0 + 2 + 0) / 2 / 4, rel=1e-12)
    assert told["tail"] == pytest.approx(1 + (q * np.log(q)).sum() / math.log(3), rel=1e-12)
    # class 0 stands twice with 1, class 1 twice with 0, class 2 once with either; the sets hold 3 + 3 + 1 entries
    assert told["companion"] == pytest.approx((2 + 2 + 1) / 7, rel=1e-12)
    assert told["rows"] == pytest.approx(math.log10(4)) and told["classes"] == pytest.approx(math.log10(3))


def test_what_is_excluded_is_the_complement_of_what_is_possible():
    mask = torch.rand(30, 4, generator=rng()) < 0.5
    mask[:, 0], mask[:, 1] = True, False
    excluded, possible = meta.describe(kinds.Complementary(mask, 4)), meta.describe(kinds.Partial(~mask, 4))
    assert excluded == possible
    single = meta.describe(kinds.Complementary.from_labels([0, 1, 2, 3]))
    assert single["ambiguity"] == pytest.approx(2 / 3)


def test_missing_labels_and_unlabeled_rows_are_wholly_ambiguous():
    semi = kinds.Semi(torch.tensor([0, -1, 1, -1, -1, 2, -1, -1]), 3)
    assert meta.describe(semi)["ambiguity"] == pytest.approx(5 / 8)
    pu = kinds.PU(torch.tensor([True, False, False, True, False]), "single-sample")
    told = meta.describe(pu, facts={"prior": 0.6})
    assert told["ambiguity"] == pytest.approx(3 / 5) and told["one-sample"] == 1 and told["prior"] == 0.6
    assert "tail" not in told and "companion" not in told


def test_the_tail_is_zero_for_balanced_classes_and_one_for_a_single_class():
    assert meta.describe(kinds.Noisy(torch.arange(20) % 4, 4))["tail"] == pytest.approx(0, abs=1e-12)
    assert meta.describe(kinds.Noisy(torch.zeros(20, dtype=torch.long), 4))["tail"] == pytest.approx(1)


def test_disagreement_is_zero_where_groups_agree_and_one_where_labels_ignore_the_features():
    g = rng()
    y = torch.arange(400) % 4
    x = 100 * torch.nn.functional.one_hot(y, 4) + 0.1 * torch.randn(400, 4, generator=g)
    assert meta.describe(kinds.Exact(y, 4), x)["disagreement"] == 0
    shuffled = y[torch.randperm(400, generator=g)]
    assert meta.describe(kinds.Noisy(shuffled, 4), x)["disagreement"] == pytest.approx(1, abs=0.05)
    assert meta.describe(kinds.Noisy(torch.zeros(400, dtype=torch.long), 4), x)["disagreement"] == 1


def test_disagreement_of_one_class_per_row_is_the_share_of_neighbours_with_another_label():
    x, (_, noisy, *_) = every()
    from sfumato.score import KnnDisagreement

    y = noisy.y.numpy()
    share = KnnDisagreement(k=meta.NEIGHBOURS).score(x, y).mean()
    pairs = (y[:, None] != y).sum() / (len(y) * (len(y) - 1))
    assert meta.describe(noisy, x)["disagreement"] == pytest.approx(share / pairs, rel=1e-12)


def test_noise_raises_disagreement_and_larger_sets_raise_ambiguity():
    g = rng()
    y = torch.arange(600) % 3
    x = torch.randn(600, 3, generator=g) + 4 * torch.nn.functional.one_hot(y, 3)
    noise = [meta.describe(kinds.Symmetric(r).sample(y, 3, rng(1)), x)["disagreement"] for r in (0.05, 0.2, 0.5)]
    sizes = [meta.describe(kinds.FlipSets(f).sample(y, 3, rng(1)), x)["ambiguity"] for f in (0.1, 0.3, 0.6)]
    assert noise == sorted(noise) and sizes == sorted(sizes)


def test_row_order_and_class_names_do_not_matter():
    x, all_kinds = every()
    order, names = torch.randperm(N, generator=rng(3)), torch.tensor([3, 0, 4, 1, 2])
    for labels in all_kinds:
        told = meta.describe(labels, x)
        others = [meta.describe(labels[order], x[order.numpy()])]
        if labels.kind != "pu":
            others.append(meta.describe(renamed(labels, names), x))
        for other in others:
            assert other.keys() == told.keys()
            for name in told:
                assert other[name] == pytest.approx(told[name], rel=1e-12, abs=1e-12), (labels.kind, name)


def test_every_feature_has_a_meaning_and_is_finite():
    x, all_kinds = every()
    seen = set()
    for labels in all_kinds:
        told = meta.describe(labels, x, {"noise_rate": 0.2, "prior": 0.4, "transition": np.eye(2)})
        assert told.keys() <= meta.MEANING.keys() and all(math.isfinite(v) for v in told.values())
        for name in ("ambiguity", "tail", "companion"):
            assert -1e-12 <= told.get(name, 0) <= 1 + 1e-12
        seen |= told.keys()
    for labels in further().values():
        told = meta.describe(labels)
        assert all(math.isfinite(v) for v in told.values())
        seen |= told.keys()
    assert seen == meta.MEANING.keys()


def test_a_kind_that_nobody_described_tells_only_its_shape():
    class Strange(kinds.Labels):
        kind, columns, k, classes = "strange", ("at",), 3, None

        def __init__(self):
            self.at = torch.arange(7)

    assert meta.describe(Strange(), np.zeros((7, 10))).keys() == {"rows", "columns", "classes"}


def test_blocks_change_nothing(monkeypatch):
    x, all_kinds = every()
    whole = [meta.describe(labels, x) for labels in all_kinds]
    monkeypatch.setattr(meta, "_BLOCK", 7)
    for labels, told in zip(all_kinds, whole, strict=True):
        assert meta.describe(labels, x) == pytest.approx(told, rel=1e-12, abs=1e-12)


def test_lengths_must_fit():
    with pytest.raises(ShapeError, match="3 rows and 80 observations"):
        meta.describe(every()[1][0], np.zeros((3, 2)))


def further():
    """One example of each kind that tells shares instead of sets of classes."""
    bags = kinds.Bags.from_lists([[0, 1, 2, 3], [4, 5]], counts=torch.tensor([[1, 3, 0], [2, 0, 0]]))
    return {
        "bags": bags,
        "bag-values": kinds.BagValues.from_lists([[0, 1], [2], [3]], [1, 0, 0]),
        "sets": kinds.Sets.from_counts([3, 1], priors=[0.5, 1.0]),
        "pairs": kinds.Pairs.from_lists(similar=[(0, 1)], dissimilar=[(2, 3)], unlabeled=[4, 5]),
        "comparisons": kinds.Comparisons.from_lists([(0, 1), (2, 3)]),
        "confidence": kinds.Confidence.from_values([0.5, 1.0]),
        "confidence-differences": kinds.ConfidenceDifferences.from_lists([(0, 1), (1, 2)], [-0.5, 1.0]),
        "similarities": kinds.Similarities.from_lists([(0, 1), (1, 2)], [0.5, 1.0]),
        "multi-label": kinds.MultiLabel(torch.tensor([[1, 0, -1, 0], [1, 1, 0, 0]]), 4),
        "distribution": kinds.Distribution.from_matrix([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]),
        "votes": kinds.Votes.from_matrix(np.array([[0, 0, 1], [1, 1, -1], [-1, -1, -1]]), k=2),
        "lower": kinds.Lower.from_values([1.0, 2.0]),
    }


def entropy(*q):
    return -sum(p * math.log(p) for p in q if p)


def test_what_further_kinds_tell_by_hand():
    told = {kind: meta.describe(labels) for kind, labels in further().items()}
    log2, log3 = math.log(2), math.log(3)
    wanted = {
        "bags": {
            "size": math.log10(3),
            "undecided": entropy(0.25, 0.75) / 2 / log3,
            "tail": 1 - entropy(0.625, 0.375) / log3,
        },
        "bag-values": {"size": math.log10(4 / 3), "undecided": 0, "tail": 1 - entropy(1 / 3, 2 / 3) / log2},
        "sets": {"sets": math.log10(2), "undecided": 0.75, "tail": 1 - entropy(0.375, 0.625) / log2},
        "pairs": {"size": math.log10(1.5), "undecided": 0, "tail": 1 - entropy(0.5, 0.25, 0.25) / log3},
        "comparisons": {"size": math.log10(2), "undecided": 0, "tail": 1},
        "confidence": {"undecided": 0.5, "tail": 1 - entropy(0.25, 0.75) / log2},
        "confidence-differences": {
            "size": math.log10(2),
            "undecided": 0.5,
            "tail": 1 - entropy(0.25, 0.75) / log2,
        },
        "similarities": {"size": math.log10(2), "undecided": 0.5, "tail": 1 - entropy(0.25, 0.75) / log2},
        "multi-label": {"cardinality": 3 / 8, "unknown": 4 / 8},
        "distribution": {"undecided": log2 / 2 / log3, "tail": 1 - entropy(0.25, 0.25, 0.5) / log3},
        # three votes on the first item, of whose three pairs one agrees; one pair on the second; none on the third
        "votes": {
            "votes": math.log10(1 + 5 / 3),
            "sources": math.log10(3),
            "agreement": 2 / 4,
            "undecided": entropy(1 / 3, 2 / 3) / log2 / 2,
            "tail": 1 - entropy(1 / 3, 2 / 3) / log2,
        },
        "lower": {},
    }
    for kind, own in wanted.items():
        rest = {name: told[kind][name] for name in told[kind] if name not in ("rows", "classes")}
        assert rest == pytest.approx(own, rel=1e-12, abs=1e-12), kind


def test_what_nobody_knows_is_left_out():
    assert "undecided" not in meta.describe(kinds.Sets.from_counts([3, 1]))
    silent = meta.describe(kinds.Votes.from_matrix(np.array([[0], [1]]), k=2))
    assert "agreement" not in silent  # nobody spoke twice of one item


def test_rows_of_X_are_those_that_the_labels_point_at():
    g = rng()
    labels, x = kinds.Bags.from_lists([[5, 1], [0, 7]], counts=torch.tensor([[1, 1], [2, 0]])), np.zeros((9, 4))
    assert meta.describe(labels, x)["columns"] == pytest.approx(math.log10(4))
    flags, x = torch.rand(30, generator=g) < 0.4, torch.randn(20, 3, generator=g).numpy()
    pointer = torch.randint(20, (30,), generator=g)
    pointed, plain = kinds.PU(flags, "case-control", pointer=pointer), kinds.PU(flags, "case-control")
    assert meta.describe(pointed, x) == meta.describe(plain, x[pointer.numpy()])
