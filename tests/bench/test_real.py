"""Readers of the real sets, where they are."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from sfumato.bench import real
from sfumato.bench.sets import load
from sfumato.bench.spec import DatasetEntry
from sfumato.core.errors import FileError
from sfumato.labels import Complementary, Noisy, Partial


@pytest.fixture
def here(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SFUMATO_REAL_DATA", str(real_data))
    return real_data


@pytest.mark.parametrize("name", ["lost", "msrcv2", "birdsong"])
def test_candidate_sets(name: str, here: Path, load_real: ModuleType) -> None:
    held, own = load(DatasetEntry(name)), load_real.pll(name)
    assert isinstance(held.labels, Partial)
    assert np.array_equal(held.labels.mask.numpy(), own["candidate"])
    assert np.array_equal(held.x, own["x"])
    assert np.array_equal(held.y, own["y"])
    assert held.k == own["candidate"].shape[1]


@pytest.mark.parametrize("name", ["spambase", "magic", "phoneme", "mammography", "letter"])
def test_tables(name: str, here: Path, load_real: ModuleType) -> None:
    held = load(DatasetEntry(name))
    own = load_real.tabular(f"adbench_{name}" if name in ("spambase", "magic") else name)
    assert np.allclose(held.x, own["x"])
    if name == "letter":
        assert "".join(chr(ord("A") + int(c)) for c in held.y[:50]) == "".join(own["y"][:50])
    else:
        assert np.array_equal(held.y, own["y"])
        assert held.k == 2


def test_texts_and_digits_have_their_official_test_rows(here: Path, load_real: ModuleType) -> None:
    held, own = load(DatasetEntry("trec6")), load_real.text("trec6")
    assert held.test is not None
    assert np.array_equal(held.test, own["is_test"])
    assert held.x.shape == own["emb"].shape
    assert load(DatasetEntry("sms_spam")).test is None
    small = load(DatasetEntry("mnist", rows=500))
    assert small.x.shape == (10500, 784)
    assert small.test is not None
    assert int(small.test.sum()) == 10000


@pytest.mark.slow
def test_labels_that_people_gave(here: Path, load_real: ModuleType) -> None:
    pytest.importorskip("PIL")
    held, own = load(DatasetEntry("cifar10n-worst")), load_real.human("cifar10n")
    assert isinstance(held.labels, Noisy)
    assert np.array_equal(held.labels.y.numpy(), own["worse_label"])
    assert np.array_equal(held.y, own["clean_label"])
    assert held.x.shape == (50000, 3072)


@pytest.mark.slow
def test_what_people_said_is_a_candidate_set_or_names_what_nobody_saw(here: Path, load_real: ModuleType) -> None:
    pytest.importorskip("PIL")
    union, own = load(DatasetEntry("cifar10n-union")), load_real.human("cifar10n")
    assert isinstance(union.labels, Partial)
    for i in (1, 2, 3):
        assert union.labels.mask[range(50000), own[f"random_label{i}"].astype(int)].all()
    assert int(union.labels.mask.sum(1).max()) <= 3
    held, votes = load(DatasetEntry("cifar10h-zero-votes")), load_real.human("cifar10h")
    assert isinstance(held.labels, Complementary)
    kept = (votes["counts"] == 0).any(1)
    assert len(held.y) == int(kept.sum()) == 9997
    assert (held.labels.mask.sum(1) == 1).all()
    assert not votes["counts"][kept][held.labels.mask.numpy()].any()
    assert np.array_equal(held.y, votes["label"][kept])
    assert union.x.shape[1] == held.x.shape[1] == 192


def test_a_picture_is_described_by_the_edges_and_the_colour_of_its_cells() -> None:
    picture = np.zeros((1, 32, 32, 3), np.float32)
    picture[0, :, 12:, 0] = 1  # a vertical edge inside the second column of cells; red right of it
    told = real.described(picture.reshape(1, -1))[0]
    edges, colours = told[:144].reshape(4, 4, 9), told[144:].reshape(4, 4, 3)
    assert np.allclose(edges[:, 1, 0], 0.5)  # the only edges, of unit length together
    assert np.count_nonzero(edges) == 4
    assert np.allclose(colours[:, :, 0], [0, 0.5, 1, 1])
    assert not colours[:, :, 1:].any()


def test_a_damaged_file_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFUMATO_REAL_DATA", str(tmp_path))
    for name, reader in real.READERS.items():
        path = tmp_path / reader.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not what it should be")
        with pytest.raises(FileError, match="cannot be read"):
            real.read(name)
