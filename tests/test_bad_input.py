"""Wrong uses of labels, laws, methods and training: each is one clear error that says what it saw and what it wants.

The doors (files, tables, the command line, models) have a page of their own, test_bad_input_doors.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import sfumato as sf
from sfumato.core.errors import (
    InputError,
    LabelError,
    NeedError,
    ParameterError,
    RefusedError,
    SfumatoError,
    ShapeError,
    TableError,
)
from sfumato.labels import (
    PU,
    Bags,
    BiasedComplementary,
    CaseControl,
    ClassConditional,
    Clean,
    Complementary,
    DrawnPairs,
    Exact,
    FlipSets,
    InstanceFlips,
    InstanceSets,
    MissingCompletely,
    Noisy,
    PairFlip,
    Pairs,
    Partial,
    SelectedAtRandom,
    Semi,
    Sets,
    SingleSample,
    Symmetric,
    Triplets,
    UniformComplementary,
    UniformSets,
)
from sfumato.learn.families import SignedRisk
from sfumato.learn.noisy.gce import GCE
from sfumato.train.needs import supply

T = torch.tensor
NAN = float("nan")
RNG = torch.Generator().manual_seed(0)
X = np.random.default_rng(0).normal(size=(8, 3))
Y = np.array([0, 1, 0, 1, 0, 1, 0, 1])
NOISY = Noisy(T([0, 1, 2]), 3)


def fit(
    labels: Any = Y, X: Any = X, method: Any = "ce", fit_: dict[str, Any] | None = None, **settings: Any
) -> Callable[[], Any]:
    return lambda: sf.Classifier(method, network="linear", epochs=1, **settings).fit(X, labels, **(fit_ or {}))


WRONG: list[tuple[str, Callable[[], Any], type[SfumatoError], str]] = [
    # ---- exact and noisy labels
    ("float codes", lambda: Noisy(T([0.0, 1.0]), 2), LabelError, "float.*integer codes.*from_labels"),
    ("boolean codes", lambda: Noisy(T([True, False]), 2), LabelError, "bool.*from_labels"),
    ("a code too large", lambda: Noisy(T([0, 2]), 2), LabelError, r"entry 1 is 2.*\[0, 1\]"),
    ("a negative code", lambda: Exact(T([0, -1]), 2), LabelError, "entry 1 is -1"),
    ("codes in two dimensions", lambda: Noisy(T([[0], [1]]), 2), ShapeError, r"\(2, 1\).*\(n,\)"),
    ("no codes", lambda: Noisy(torch.zeros(0, dtype=torch.long), 2), ShapeError, "empty"),
    ("one class", lambda: Noisy(T([0, 0]), 1), ParameterError, "k = 1.*at least 2"),
    ("k of the wrong type", lambda: Noisy(T([0, 1]), 2.0), ParameterError, "k = 2.0"),  # type: ignore[arg-type]
    ("k is a truth value", lambda: Noisy(T([0, 1]), True), ParameterError, "k = True"),
    ("too few names", lambda: Noisy(T([0, 1]), 2, ("a",)), ParameterError, "1 class names for k = 2"),
    ("labels of one class", lambda: Noisy.from_labels(["a", "a"]), LabelError, "only 1 class.*classes="),
    ("a missing label", lambda: Noisy.from_labels(["a", None, "b"]), LabelError, "entry 1 is missing.*Semi"),
    ("a NaN label", lambda: Noisy.from_labels([1.0, NAN, 2.0]), LabelError, "entry 1 is missing"),
    ("mixed types", lambda: Noisy.from_labels(["a", 1]), LabelError, r"mixed types \['int', 'str'\]"),
    (
        "a label outside the classes",
        lambda: Noisy.from_labels(["a", "c"], classes=["a", "b"]),
        LabelError,
        "entry 1 is 'c'.*'a', 'b'",
    ),
    ("a class named twice", lambda: Noisy.from_labels(["a", "b"], classes=["a", "b", "a"]), LabelError, "twice"),
    ("labels in two dimensions", lambda: Noisy.from_labels([["a"], ["b"]]), ShapeError, r"\(2, 1\)"),
    ("no labels", lambda: Noisy.from_labels([]), ShapeError, "empty"),
    (
        "a column that is not there",
        lambda: Noisy.from_frame(pd.DataFrame({"y": [1, 2]}), "z"),
        TableError,
        "no column 'z'.*'y'",
    ),
    ("a frame that is none", lambda: Noisy.from_frame({"y": [1, 2]}, "y"), TableError, "dict.*data frame"),
    # ---- candidate sets
    (
        "an empty set",
        lambda: Partial(T([[True, False], [False, False]]), 2),
        LabelError,
        "row 1 has an empty candidate set",
    ),
    ("an empty list", lambda: Partial.from_lists([["a", "b"], []]), LabelError, "row 1 has an empty"),
    ("a blank string", lambda: Partial.from_strings(["a|b", " "]), LabelError, "row 1 has an empty"),
    ("a doubled separator", lambda: Partial.from_strings(["a||b", "a"]), LabelError, r"entry 0 is 'a\|\|b'"),
    ("a string for a list", lambda: Partial.from_lists(["ab", "b"]), LabelError, "entry 0 is 'ab'.*from_strings"),
    ("a number for a list", lambda: Partial.from_lists([3, 4]), LabelError, "entry 0 is 3"),
    (
        "a candidate outside the classes",
        lambda: Partial.from_lists([["a", "z"]], classes=["a", "b"]),
        LabelError,
        "entry 0 names 'z'",
    ),
    ("candidates of mixed types", lambda: Partial.from_lists([["a", 1]]), LabelError, "mixed types"),
    ("numbers other than 0 and 1", lambda: Partial.from_mask([[0, 2], [1, 1]]), LabelError, "other than 0 and 1"),
    ("NaN in a mask", lambda: Partial.from_mask([[0, NAN], [1, 1]]), LabelError, "other than 0 and 1"),
    ("a mask in one dimension", lambda: Partial.from_mask([0, 1]), ShapeError, r"\(n, K\)"),
    ("a mask of one class", lambda: Partial.from_mask([[1], [1]]), ShapeError, "two classes"),
    (
        "more columns than classes",
        lambda: Partial.from_mask([[1, 0, 1]], classes=["a", "b"]),
        ShapeError,
        "3 columns.*2",
    ),
    (
        "a long table with an unnamed row",
        lambda: Partial.from_long([0, 2], ["a", "b"]),
        LabelError,
        "row 1 has an empty",
    ),
    ("a long table of unequal columns", lambda: Partial.from_long([0, 1], ["a"]), ShapeError, "2 items and 1 labels"),
    ("a long table with a name for a row", lambda: Partial.from_long(["x", 1], ["a", "b"]), LabelError, "row numbers"),
    ("a long table beyond n", lambda: Partial.from_long([0, 5], ["a", "b"], n=2), LabelError, "item 5.*below n = 2"),
    # ---- labels of several rows (the containers' own pages are tests/labels/test_bags.py, test_sets.py, ...)
    (
        "a bag of rows that X does not have",
        fit(Bags.from_lists([[0, 8]], counts=[1]), method="marginal-likelihood"),
        ShapeError,
        "row 8 of X with 8 rows",
    ),
    (
        "a method for single rows on bags",
        fit(Bags.from_lists([[0, 1]], counts=[1])),
        ParameterError,
        "for bags labels.*exact",
    ),
    ("bags for a law over pairs", fit(Bags.from_lists([[0, 1]], counts=[1]), method="su"), ParameterError, "pairs"),
    ("auto on triplets", fit(Triplets.from_lists([(0, 1, 2), (1, 2, 0)]), method="auto"), NeedError, "'prior'.*needs="),
    (
        "pairs without a prior",
        fit(Pairs.from_lists([(0, 1)], [(2, 3)]), method="sd"),
        NeedError,
        "'prior'.*needs=",
    ),
    (
        "sets of unknown shares",
        fit(Sets.from_counts([4, 4]), method="uu", needs={"prior": 0.5}),
        NeedError,
        "'thetas'.*needs=",
    ),
    (
        "sets for fewer rows than X has",
        fit(Sets.from_counts([2, 2], [0.1, 0.9]), method="uu", needs={"prior": 0.5}),
        ShapeError,
        "8 rows and 4 labels",
    ),
    (
        "row weights that leave the numbers",
        fit(
            Bags.from_lists([list(range(8))], counts=[4]),
            method="marginal-likelihood",
            fit_={"sample_weight": np.full(8, 1e300)},
            precision="float64",
        ),
        RefusedError,
        "products over groups of up to 8 rows",
    ),
    (
        "proportions asked of pairs",
        lambda: sf.select.criterion("proportion-error", torch.zeros(2, 2), Pairs.from_lists([(0, 1)]), DrawnPairs),
        RefusedError,
        "bags with counts",
    ),
    # ---- complementary labels
    (
        "nothing excluded",
        lambda: Complementary(T([[True, False], [False, False]]), 2),
        LabelError,
        "row 1 excludes no class",
    ),
    (
        "everything excluded",
        lambda: Complementary(T([[True, True], [False, True]]), 2),
        LabelError,
        "row 0 excludes every class",
    ),
    # ---- positive and unlabeled
    ("no positive", lambda: PU(T([False, False])), LabelError, "no labeled positive"),
    ("nothing unlabeled", lambda: PU(T([True, True])), LabelError, "no unlabeled"),
    ("flags as numbers", lambda: PU(T([1, 0])), LabelError, "from_flags"),
    (
        "an unknown scheme",
        lambda: PU(T([True, False]), "two-sample"),
        ParameterError,
        "scheme 'two-sample'.*case-control",
    ),
    ("three classes", lambda: PU(T([True, False]), k=3), ParameterError, "k = 3"),
    ("flags of other values", lambda: PU.from_flags([1, 2, 3]), LabelError, "values.*from_labels"),
    (
        "a labeled negative",
        lambda: PU.from_labels(["spam", "ham"], positive="spam"),
        LabelError,
        "entry 1 is 'ham'.*Semi",
    ),
    ("no such positive", lambda: PU.from_labels(["", ""], positive="spam"), LabelError, "no labeled positive"),
    ("counts of none", lambda: PU.from_counts(0, 5), LabelError, "0 positives"),
    ("a pointer of another length", lambda: PU(T([True, False]), pointer=T([0])), ShapeError, "pointer"),
    ("a negative pointer", lambda: PU(T([True, False]), pointer=T([0, -1])), ShapeError, "row numbers >= 0"),
    # ---- partly missing labels
    ("all missing", lambda: Semi.from_labels([None, None], classes=["a", "b"]), LabelError, "every label is missing"),
    ("a code below -1", lambda: Semi(T([0, -2]), 2), LabelError, "entry 1 is -2"),
    # ---- laws
    ("rows that miss one", lambda: ClassConditional([[0.5, 0.4], [0.5, 0.5]]), ParameterError, "miss one"),
    ("a transposed matrix", lambda: ClassConditional([[0.9, 0.3], [0.1, 0.7]]), ParameterError, "swapped|[Tt]ranspose"),
    ("a negative probability", lambda: ClassConditional([[1.1, -0.1], [0, 1]]), ParameterError, "negative"),
    ("NaN in a matrix", lambda: ClassConditional([[NAN, 1], [0, 1]]), ParameterError, "non-finite"),
    ("a matrix that is not square", lambda: ClassConditional([[0.5, 0.5]]), ShapeError, r"\(1, 2\).*\(K, K\)"),
    ("a matrix of words", lambda: ClassConditional([["a", "b"], ["c", "d"]]), ParameterError, "numbers"),
    (
        "a matrix of other classes",
        lambda: ClassConditional(np.eye(2)).log_prob(torch.zeros(3, 3), NOISY),
        ShapeError,
        r"2 x 2.*3 classes",
    ),
    ("a matrix per row in two dimensions", lambda: InstanceFlips(np.eye(3)), ShapeError, r"\(n, K, K\)"),
    (
        "as many matrices as rows",
        lambda: InstanceFlips(np.eye(3)[None]).sample(T([0, 1]), 3, RNG),
        ShapeError,
        "2 labels for 1",
    ),
    ("a noise rate of one", lambda: Symmetric(1.0), ParameterError, r"noise_rate = 1.*\[0, 1\)"),
    ("a noise rate in words", lambda: PairFlip("much"), ParameterError, "'much'"),  # type: ignore[arg-type]
    ("a flip probability of one", lambda: FlipSets(1.0), ParameterError, "flip = 1"),
    ("a flip matrix without ones", lambda: FlipSets(torch.full((2, 2), 0.5)), ParameterError, "diagonal"),
    ("a flip matrix that is not square", lambda: FlipSets(torch.ones(2, 3)), ShapeError, "one number or"),
    ("flips outside their range", lambda: InstanceSets(torch.ones(2, 3)), ParameterError, r"\[0, 1\)"),
    (
        "flips of other rows",
        lambda: InstanceSets(torch.zeros(2, 3)).sample(T([0, 1, 2]), 3, RNG),
        ShapeError,
        r"\(2, 3\).*\(3, 3\)",
    ),
    ("sizes that miss one", lambda: UniformComplementary(T([0.5, 0.4])), ParameterError, "sum to one"),
    (
        "sizes of other classes",
        lambda: UniformComplementary(T([1.0])).sample(T([0, 1, 2]), 3, RNG),
        ShapeError,
        "sizes of length 1 for 3",
    ),
    (
        "several complementary labels by a matrix",
        lambda: BiasedComplementary.read(Complementary(T([[True, True, False]]), 3)),
        LabelError,
        "exactly one",
    ),
    ("a prior of zero", lambda: CaseControl(0, 0.5), ParameterError, r"prior = 0.*\(0, 1\)"),
    ("a prior of one", lambda: SingleSample(1, 0.5), ParameterError, "prior = 1"),
    ("a prior below the labeled share", lambda: SingleSample(0.2, 0.5), ParameterError, "below the labeled share"),
    ("a propensity of zero", lambda: SelectedAtRandom(T([0.0, 0.5])), ParameterError, "propensity"),
    ("nobody observed", lambda: MissingCompletely(0), ParameterError, "observed = 0"),
    ("a joint that misses one", lambda: Clean().population(torch.ones(2, 2)), ShapeError, "sum to one"),
    (
        "an enumeration too large",
        lambda: UniformSets().population(torch.full((1, 11), 1 / 11, dtype=torch.float64)),
        RefusedError,
        "11 classes.*sample",
    ),
    (
        "a population of another prior",
        lambda: CaseControl(0.3, 0.5).population(torch.full((1, 2), 0.5)),
        ParameterError,
        "prior 0.5",
    ),
    ("no positive to draw", lambda: CaseControl(0.3, 0.5).sample(T([0, 0]), 2, RNG), LabelError, "no positive row"),
    ("a matrix that cannot be inverted", lambda: Symmetric(2 / 3).rewrite(NOISY), RefusedError, "condition number"),
    # ---- methods and needs
    (
        "a need that nobody gave",
        lambda: supply(SignedRisk(), ClassConditional, {}, X, NOISY, 0),
        NeedError,
        r"'transition'.*needs=",
    ),
    (
        "a need of an unknown name",
        lambda: supply(GCE(), ClassConditional, {"priors": 1}, X, NOISY, 0),
        ParameterError,
        "'priors'.*prior",
    ),
    (
        "an estimator of something else",
        lambda: supply(SignedRisk(), ClassConditional, {"transition": sf.estimate.PriorBBE()}, X, NOISY, 0),
        ParameterError,
        "estimates 'prior'",
    ),
    ("a field that a method lacks", lambda: GCE().set_params(p=1), ParameterError, "no field 'p'.*'q'"),
    ("an unknown method", fit(method="gcee"), ParameterError, "no learn method named 'gcee'.*gce"),
    ("a method for other labels", fit(method="nnpu"), ParameterError, "'nnpu' exists for pu labels only"),
    ("a method that is no method", fit(method=3), ParameterError, "method of type int"),
    ("an unknown role", lambda: sf.methods("teach"), ParameterError, "role 'teach'.*learn"),
    ("an unknown kind", lambda: sf.methods(eats="fuzzy"), ParameterError, "kind 'fuzzy'.*partial"),
    # ---- training
    ("rows and labels of unequal length", fit(Y[:5]), ShapeError, "8 rows and 5 labels"),
    ("negative weights", fit(fit_={"sample_weight": -np.ones(8)}), ParameterError, "negative"),
    ("weights of another length", fit(fit_={"sample_weight": np.ones(3)}), ShapeError, r"\(3,\).*\(8,\)"),
    ("weights of zero", fit(fit_={"sample_weight": np.zeros(8)}), ParameterError, "only zero"),
    ("groups of another length", fit(fit_={"group": np.ones(3)}), ShapeError, "group"),
    ("no epochs", lambda: sf.Classifier("ce", epochs=0).fit(X, Y), ParameterError, "epochs = 0"),
    ("an unknown precision", fit(precision="float8"), ParameterError, "float8.*float32"),
    ("an unknown network", lambda: sf.Classifier("ce", network="cnn").fit(X, Y), ParameterError, "'cnn'.*mlp"),
    ("tables for a resnet", lambda: sf.Classifier("ce", network="resnet").fit(X, Y), ShapeError, "images"),
    ("a validation share of one", fit(validation=1.0), ParameterError, "validation = 1.0"),
    ("patience without validation", fit(patience=3), ParameterError, "validation > 0"),
    ("an unknown epoch", fit(epoch="best"), ParameterError, "'best'.*chosen"),
    ("an unknown setting", lambda: sf.Classifier("ce").set_params(rate=1), ParameterError, "'rate'"),
    ("a law over other labels", fit(law=UniformSets()), ParameterError, "partial"),
    ("a law that is none", fit(law="uniform"), ParameterError, "law of type str"),
    ("a prediction before fit", lambda: sf.Classifier("ce").predict(X), SfumatoError, "fit"),
    ("a prediction on other columns", lambda: fit()().predict(X[:, :2]), InputError, "2.*3|3.*2"),
    ("a need that the method does not have", fit(needs={"prior": 0.3}), ParameterError, "'prior'"),
    ("features that are not finite", fit(X=np.where(X > 1, NAN, X)), InputError, "."),
    # ---- checks
    ("a check of nothing", lambda: sf.checks.check(3), ParameterError, "a card"),
    (
        "a check of a class without a card",
        lambda: sf.checks.check(type("M", (GCE.__bases__[0],), {})),
        ParameterError,
        "@method",
    ),
    ("an unknown check", lambda: sf.checks.run(GCE, "magic"), ParameterError, "'magic'.*weights"),
    ("a check that does not apply", lambda: sf.checks.run(GCE, "unbiased"), ParameterError, "does not claim"),
]


@pytest.mark.parametrize(("call", "error", "match"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_a_wrong_use_is_one_clear_error(call: Callable[[], Any], error: type[SfumatoError], match: str) -> None:
    with pytest.raises(error, match=match) as caught:
        call()
    # every error says what it wants or what to do, on one line of reasonable length
    assert caught.value.wants or caught.value.do, str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_page_is_long_enough_and_names_each_use_once() -> None:
    names = [w[0] for w in WRONG]
    assert len(names) >= 60 and len(set(names)) == len(names)
