"""A spec says what is wrong with it: key, value, what is wanted."""

from __future__ import annotations

import copy
import datetime
from pathlib import Path
from typing import Any

import pytest

from sfumato.bench.plan import plan
from sfumato.bench.spec import parse, presets, read
from sfumato.core.errors import FileError, ParameterError

GOOD: dict[str, Any] = {"name": "g", "datasets": ["wine"], "laws": ["uniform-sets"], "methods": ["cc"]}


def test_defaults_and_every_key() -> None:
    spec = parse(GOOD)
    assert (spec.seeds, spec.draws, spec.test, spec.train.epochs, spec.train.hidden) == ((0,), 1, 0.1, 100, (500,))
    full = GOOD | {"seeds": [3, 5], "draws": 4, "draw": {"lr": {"log10": [-3, -2]}}, "needs": {"prior": 0.3}}
    spec = parse(full | {"train": {"steps": 10, "network": "linear", "stack": True}})
    assert (spec.seeds, spec.draws, spec.needs, spec.train.stack) == ((3, 5), 4, {"prior": 0.3}, True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"nmae": "x"}, "did you mean name"),
        ({"datasets": []}, "datasets = []"),
        ({"datasets": [3]}, "a list of names or tables"),
        ({"datasets": ["wine", "wine"]}, "the data set 'wine' twice"),
        ({"datasets": [{"name": "wine", "rowz": 3}]}, "did you mean rows"),
        ({"datasets": [{"table": "a.csv"}]}, "without a column of the truth"),
        ({"datasets": [{"name": "wine", "truth": "y"}]}, "sets by name have no columns"),
        ({"datasets": [{"name": "wine", "positive": []}]}, "positive = []"),
        ({"laws": [{"noise_rate": 0.2}]}, "an entry of laws has no 'name'"),
        ({"methods": [{"name": "cc", "kinds": "partial"}]}, "a list of texts"),
        ({"seeds": 0}, "seeds = 0"),
        ({"seeds": [1, 1]}, "distinct integers"),
        ({"seeds": True}, "seeds = True"),
        ({"seeds": [2**63]}, "integers from 0 to 4294967295"),
        ({"seeds": 10**11}, "how many (1 to 1000000)"),
        ({"draws": 10**11}, "at most 1000000"),
        ({"name": "../../escaped/z"}, "a folder is called by it"),
        ({"name": ".."}, "a folder is called by it"),
        ({"small": {"seedz": 1}}, "did you mean seeds"),
        ({"small": 3}, "small = 3"),
        ({"small": {"train": {"epochs": 0}}}, "train: epochs = 0"),
        ({"datasets": [{"table": "a.csv", "truth": "y", "labels": "noisy:y"}]}, "the truth 'y' as a column of the lab"),
        (
            {"laws": [{"name": "flip-sets", "flip": 0.1}, {"name": "flip-sets", "flip": 0.1}]},
            "flip-sets(flip=0.1)' twice",
        ),
        ({"train": {"lr": 10**400}}, "a number from 1e-12 to 1000"),
        ({"train": {"epochs": 10**400}}, "an integer of at least 1"),
        ({"draws": 0}, "an integer of at least 1"),
        ({"test": 1.5}, "a number from 0.01 to 0.9"),
        ({"train": {"epochs": 2.5}}, "train: epochs = 2.5"),
        ({"train": {"network": "cnn"}}, "one of linear, mlp, residual, resnet"),
        ({"train": {"epochs": 3, "steps": 4}}, "one of the two"),
        ({"train": {"stack": True}}, "network = 'linear'"),
        ({"train": 3}, "train = 3; wanted a table"),
        ({"draw": {"lr": {"log10": [-2, -3]}}}, "low first"),
        ({"draw": {"lr": 0.1}}, "draw.lr = 0.1"),
        ({"draw": {"q": {"uniform": [0, 1]}}}, "fields of a method are drawn in its own entry"),
        ({"draw": {"lr": {"choice": [datetime.date(1979, 5, 27)]}}}, "finite numbers"),
        ({"draw": {"lr": {"choice": ["a"]}}}, "numbers from 1e-12 to 1000"),
        ({"draw": {"lr": {"each": [0.1, -1]}}}, "numbers from 1e-12 to 1000"),
        ({"draw": {"lr": {"log10": [400, 401]}}}, "numbers from -300 to 300"),
        ({"draw": {"lr": {"log10": [-2, 4]}}}, "numbers from 1e-12 to 1000"),
        ({"draw": {"batch_size": {"uniform": [16, 32]}}}, "by whole, choice or each"),
        ({"draw": {"batch_size": {"whole": [1, 10**24]}}}, "numbers from -2147483647"),
        ({"methods": [{"name": "cc", "fields": {"q": float("nan")}}]}, "finite numbers"),
        ({"needs": {"priro": 0.2}}, "needs.priro"),
        ({"needs": {"transition": 0.3}}, "needs.transition = 0.3; wanted the name of an estimator"),
        ({"needs": {"prior": 1}}, "a number in (0, 1)"),
        ({"needs": {"prior": []}}, "needs.prior = []"),
    ],
)
def test_one_clear_error_per_mistake(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError) as error:
        parse(GOOD | change)
    assert said.lower() in str(error.value).lower()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"datasets": ["vine"]}, "a data set named 'vine'"),
        ({"laws": ["uniform-set"]}, "a law named 'uniform-set'"),
        ({"laws": [{"name": "flip-sets"}]}, "without 'flip'"),
        ({"laws": [{"name": "flip-sets", "flip": "much"}]}, "flip = 'much'; wanted a number"),
        ({"laws": [{"name": "uniform-sets", "flip": 0.2}]}, "a parameter 'flip'"),
        ({"laws": ["given"]}, "meets no law"),
        ({"laws": ["scar"], "methods": ["nnpu"]}, "with 3 classes"),
        ({"methods": ["ccc"]}, "no learn method named 'ccc'"),
        ({"methods": ["gce"]}, "fits no law of this grid"),
        ({"methods": ["proden", "rc"]}, "two of its names may mean one method"),
        ({"methods": [{"name": "abs-gce", "fields": {"r": 1}}]}, "a field 'r'"),
        ({"methods": [{"name": "abs-gce", "fields": {"q": "x"}}]}, "q = 'x'"),
        ({"methods": [{"name": "abs-gce", "draw": {"r": {"uniform": [0, 1]}}}]}, "a field 'r'"),
        ({"methods": [{"name": "cc", "kinds": ["crowds"]}]}, "kind 'crowds'"),
        ({"methods": ["peer:nobody"]}, "a peer named 'nobody'"),
        ({"methods": ["peer:no.such:thing"]}, "peer:package.module:object"),
        ({"methods": ["peer:os:path"]}, "has no name, kind"),
    ],
)
def test_names_are_checked_before_any_run(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError) as error:
        plan(parse(GOOD | change))
    assert said.lower() in str(error.value).lower()


def test_entries_that_differ_are_not_twice() -> None:
    """However alike they look in a table."""
    matrices = [{"name": "class-conditional", "transition": [[1 - r, r], [r, 1 - r]]} for r in (0.1, 0.2)]
    rates = [{"name": "flip-sets", "flip": r} for r in (0.2, 0.20000001)]
    sets = [{"name": "digits", "positive": [c]} for c in (0, 1)]
    spec = parse(GOOD | {"laws": matrices + rates, "datasets": sets})
    assert (len(spec.laws), len(spec.datasets)) == (4, 2)


@pytest.mark.parametrize("values", [None, "x", 3, [1]])
def test_what_is_no_table_is_no_spec(values: Any) -> None:
    with pytest.raises(ParameterError, match="wanted a table"):
        parse(values)


def test_small_is_laid_over_the_rest() -> None:
    values = GOOD | {"train": {"epochs": 9, "lr": 0.5}, "small": {"seeds": 2, "train": {"epochs": 1}}}
    before = copy.deepcopy(values)
    small, whole = parse(values, small=True), parse(values)
    assert (small.train.epochs, small.train.lr, small.seeds) == (1, 0.5, (0, 1))
    assert (whole.train.epochs, whole.seeds) == (9, (0,))
    assert values == before
    with pytest.raises(ParameterError, match="small scale of a spec that has none"):
        parse(GOOD, small=True)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('name = "t"\ndatasets = [{ table = "t.csv", truth = "y" }]\nlaws = ["clean"]\nmethods = ["ce"]\n')
    assert read(path).datasets[0].table == str(tmp_path / "t.csv")
    path.write_text("name = ")
    with pytest.raises(FileError, match="is not TOML"):
        read(path)
    for text in ("seeds = " + "1" * 5000, "seeds = " + "[" * 5000):  # Python's own limits
        path.write_text(text)
        with pytest.raises(FileError, match="is not TOML"):
            read(path)
    path.write_text("name = 0x" + "f" * 9000)
    with pytest.raises(ParameterError, match="too long to show"):
        read(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(FileError, match="cannot be read"):
        read(path)
    with pytest.raises(FileError, match="no file"):
        read(tmp_path / "b.toml")
    with pytest.raises(ParameterError, match="bags, complementary, confidence, crowds, distribution, instances"):
        read("plench")


@pytest.mark.parametrize("name", presets())
def test_packaged_protocols_plan(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the real sets too: their runs are planned as skipped, with the reason."""
    monkeypatch.setenv("SFUMATO_REAL_DATA", str(tmp_path))
    bare = ("multilabel", "distribution")  # nobody bundles a set of such a truth
    for small in (True, False):
        runs = plan(read(name, small))
        assert any(r.skip is None for r in runs) == (name not in bare)
        reasons = ("no file", "is not installed", "takes 2 classes")
        assert all(any(reason in r.skip for reason in reasons) for r in runs if r.skip is not None)
        assert any("no file" in r.skip for r in runs if r.skip is not None) == (not small or name in ("partial", *bare))
