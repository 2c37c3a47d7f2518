"""Checkpoints are written whole or not at all, and a file that is damaged, foreign or newer is one clear error."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save as pack
from torch import nn

from sfumato.core.errors import FileError
from sfumato.labels import Noisy
from sfumato.parts import files
from sfumato.train import checkpoint, resume
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.networks import build
from tests.checks.toys import Plain

TENSORS = {
    "a": torch.arange(6).reshape(2, 3),
    "b.c": torch.randn(4, dtype=torch.float64),
    "empty": torch.zeros(0, 3),
    "flag": torch.tensor(True),
}


def test_a_round_trip_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "run.safetensors"
    checkpoint.save(path, TENSORS, {"epoch": 3, "text": 'é"<b>'})
    tensors, meta = checkpoint.read(path)
    assert set(tensors) == set(TENSORS) and all(
        torch.equal(tensors[k], TENSORS[k]) and tensors[k].dtype == TENSORS[k].dtype for k in TENSORS
    )
    assert meta == {"format": checkpoint.FORMAT, "epoch": 3, "text": 'é"<b>'}


def test_shared_and_strided_tensors_are_kept_apart(tmp_path: Path) -> None:
    base = torch.arange(6.0)
    checkpoint.save(tmp_path / "f", {"a": base, "b": base, "c": base.reshape(2, 3).T}, {})
    tensors, _ = checkpoint.read(tmp_path / "f")
    assert torch.equal(tensors["a"], tensors["b"]) and torch.equal(tensors["c"], base.reshape(2, 3).T)


def test_a_write_that_dies_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run"
    checkpoint.write_atomic(path, b"old")
    for name in ("replace", "fsync"):

        def fail(*args: Any) -> None:
            raise OSError("disk full")

        with monkeypatch.context() as patch:
            patch.setattr(files.os, name, fail)
            with pytest.raises(OSError, match="disk full"):
                checkpoint.write_atomic(path, b"new")
        assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["run"]
    checkpoint.write_atomic(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 50, -1])
def test_a_truncated_file_is_a_file_error(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "run"
    checkpoint.save(path, TENSORS, {})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(FileError, match="run"):
        checkpoint.read(path)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"not a checkpoint at all, but long enough to be looked into", "cannot be read"),
        (pack({"a": torch.ones(2)}), "not written by sfumato"),
        (pack({"a": torch.ones(2)}, {"other": "x"}), "not written by sfumato"),
        (pack({"a": torch.ones(2)}, {"sfumato": "{broken"}), "damaged header"),
        (pack({"a": torch.ones(2)}, {"sfumato": json.dumps({"format": 999})}), "format 999"),
        (pack({"a": torch.ones(2)}, {"sfumato": json.dumps([1])}), "damaged header"),
        (pack({"a": torch.ones(2)}, {"sfumato": "null"}), "damaged header"),
    ],
)
def test_foreign_files_are_named(tmp_path: Path, content: bytes, match: str) -> None:
    path = tmp_path / "run"
    path.write_bytes(content)
    with pytest.raises(FileError, match=match):
        checkpoint.read(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(FileError, match="no file"):
            checkpoint.read(path)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_checkpoint_may_be_read_by_others(tmp_path: Path) -> None:
    checkpoint.write_atomic(tmp_path / "f", b"x")
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o644


def test_digests_tell_values_types_and_order_apart() -> None:
    a, b = torch.tensor([1, 2]), torch.tensor([2, 1])
    found = [
        checkpoint.digest(*values)
        for values in (
            (a,),
            (b,),
            (a, b),
            (b, a),
            (a.float(),),
            (a.int(),),
            (a[:, None],),
            (torch.zeros(0),),
            (torch.zeros(0, 2),),
            ("12",),
            (12,),
            ("1", "2"),
            ({"a": 1},),
            (None,),
        )
    ]
    assert len(set(found)) == len(found)
    assert checkpoint.digest(a) == checkpoint.digest(a.clone())
    assert checkpoint.digest(torch.arange(6).reshape(2, 3).T) == checkpoint.digest(
        torch.arange(6).reshape(2, 3).T.clone()
    )


def test_a_file_is_known_by_its_size_and_by_pieces_of_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    content = bytearray(range(256)) * 400  # 25 pieces

    def found(blocks: int = 1) -> str:
        path.write_bytes(content)
        return checkpoint.sampled(path, blocks)

    whole = found()
    assert found() == whole
    for at in (0, 50_000, len(content) - 1):
        content[at] ^= 1
        assert found() != whole
        content[at] ^= 1
    monkeypatch.setattr(checkpoint, "PLACES", 3)
    few = found()
    content[len(content) - 1] ^= 1  # the end is always among them
    assert found() != few
    content.append(0)
    assert found() != few
    seen: list[int] = []
    monkeypatch.setattr(checkpoint.hashlib, "sha256", lambda: Counted(seen))
    checkpoint.sampled(path, 1)
    checkpoint.sampled(path, 10)  # one piece of every block at least
    assert seen == [4, 11]


class Counted:
    def __init__(self, seen: list[int]) -> None:
        self.seen = seen
        seen.append(-1)  # the size

    def update(self, _: bytes) -> None:
        self.seen[-1] += 1

    def hexdigest(self) -> str:
        return ""


# ---------------------------------------------------------------- of a run

X = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))


def fresh(name: Any = "mlp", hidden: tuple[int, ...] = (8,), dropout: float = 0.0) -> Run:
    config = Config(epochs=2, batch_size=20)
    labels = Noisy((X[:, 0] > 0).long(), 2)
    return Run(X, labels, Plain(), lambda m: build(name, (5,), 2, m, hidden, dropout), config)


@pytest.mark.parametrize(
    "other", [{"hidden": (9,)}, {"dropout": 0.5}, {"name": "linear"}, {"name": nn.Sequential(nn.Linear(5, 2))}], ids=str
)
def test_a_checkpoint_of_another_network_is_refused(other: dict[str, Any], tmp_path: Path) -> None:
    fresh().fit(save=tmp_path / "c", stop_after=1)
    assert fresh().fit(save=tmp_path / "c").epoch == 2
    with pytest.raises(FileError, match="network"):
        fresh(**other).fit(save=tmp_path / "c")


def test_what_a_network_is_called_has_no_address() -> None:
    class Told(nn.Linear):
        def extra_repr(self) -> str:
            return repr(object())

    assert resume.told(Told(2, 2)) == resume.told(Told(2, 2)) != resume.told(Told(2, 3))


def test_data_are_looked_at_once_for_all_checkpoints_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    digest = checkpoint.digest
    monkeypatch.setattr(checkpoint, "digest", lambda *values: calls.append(1) or digest(*values))
    fresh().fit(save=tmp_path / "c", save_seconds=0)
    assert len(calls) == 1


def test_a_folder_that_cannot_be_made_is_an_error_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    run = fresh()
    with pytest.raises(FileError, match="cannot be written"):
        run.fit(save=tmp_path / "file" / "c")
    assert not run.history
    with pytest.raises(FileError, match="cannot be written"):
        checkpoint.write_atomic(tmp_path / "file" / "c", b"x")
    with pytest.raises(FileError, match="folder"):
        checkpoint.check_writable(tmp_path)
    checkpoint.check_writable(tmp_path / "new" / "c")
    assert list((tmp_path / "new").iterdir()) == []
