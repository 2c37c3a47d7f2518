"""Small readers of public real sets that a person has put on this machine; nothing is downloaded or copied.

They lie in the folder that SFUMATO_REAL_DATA names, else in ``../shared/data`` below the present folder.
"""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sfumato.core.errors import FileError
from sfumato.core.streams import numpy_rng
from sfumato.labels import Complementary, Labels, Noisy, Partial, Votes


class Absent(Exception):
    """A set or a package that is not on this machine: its runs are recorded as skipped, with this reason."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a reader found: x (n, ...), y (n,) true codes (of votes, -1 where nobody knows), k, the weak labels it
    carries, its official test rows.
    """

    x: NDArray[Any]
    y: NDArray[np.int64]
    k: int
    labels: Labels | None = None
    test: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Reader:
    """How a set is read: kind of the labels it carries, or None; file, below the folder; load, path -> Found."""

    kind: str | None
    file: str
    load: Callable[[Path], Found]


def folder() -> Path:
    """The folder of the real sets; it need not exist."""
    told = os.environ.get("SFUMATO_REAL_DATA")
    return Path(told) if told else Path("..") / "shared" / "data"


def read(name: str) -> Found:
    """A real set by name. Errors: Absent where its file is not there, FileError where it cannot be read."""
    reader = READERS[name]
    path = folder() / reader.file
    if not path.is_file():
        raise Absent(f"{name}: no file {path} (SFUMATO_REAL_DATA names the folder of the real sets)")
    try:
        return reader.load(path)
    except (OSError, ValueError, KeyError, EOFError, IndexError) as error:
        raise FileError(f"{path} cannot be read: {error}", f"the public set {name} as its reader knows it") from None


def _npz(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path, allow_pickle=False) as z:
        return {name: z[name] for name in z.files}


def _candidates(path: Path) -> Found:
    z = _npz(path)
    mask = torch.from_numpy(z["candidate"].astype(bool))
    return Found(z["x"].astype(np.float32), z["y"].astype(np.int64), mask.shape[1], Partial(mask, mask.shape[1]))


def _plain(path: Path) -> Found:
    z = _npz(path)
    y = z["y"].astype(np.int64)
    return Found(z["x"].astype(np.float32), y, int(y.max()) + 1)


def _mnist(path: Path) -> Found:
    z = _npz(path)
    x = np.concatenate([z["x_train"], z["x_test"]]).reshape(-1, 784).astype(np.float32)
    y = np.concatenate([z["y_train"], z["y_test"]]).astype(np.int64)
    return Found(x, y, 10, test=np.arange(len(y)) >= len(z["y_train"]))


def _csv(header: bool, target: int) -> Callable[[Path], Found]:
    def load(path: Path) -> Found:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as f:
            rows = list(csv.reader(f))[1 if header else 0 :]
        said = [row[target].strip("'") for row in rows]
        codes = {name: code for code, name in enumerate(sorted(set(said), key=lambda s: (len(s), s)))}
        if set(codes) == {"1", "-1"}:
            codes = {"-1": 0, "1": 1}
        x = np.array([[v for j, v in enumerate(row) if j != target % len(row)] for row in rows], np.float32)
        return Found(x, np.array([codes[s] for s in said], np.int64), len(codes))

    return load


def _embedded(path: Path) -> Found:
    z = _npz(path)
    x = np.load(path.with_name(f"{path.stem}_minilm384.npy"), allow_pickle=False).astype(np.float32)
    y = z["y"].astype(np.int64)
    test = z["is_test"].astype(bool) if "is_test" in z else None
    return Found(x, y, int(y.max()) + 1, test=test)


def _human(column: str) -> Callable[[Path], Found]:
    """CIFAR-10's training pictures with labels that people gave, flat pixels; needs Pillow to decode them."""

    def load(path: Path) -> Found:
        said, pictures = _npz(path), folder() / "cifar10" / "cifar10_train_jpegpack.npz"
        if not pictures.is_file():
            raise Absent(f"no file {pictures}")
        y = said["clean_label"].astype(np.int64)
        x = _pictures(pictures)
        return Found(x, y, 10, Noisy(torch.from_numpy(said[column].astype(np.int64)), 10))

    return load


def _pictures(path: Path) -> NDArray[np.float32]:
    try:
        import io

        from PIL import Image
    except ImportError:
        raise Absent("Pillow is not installed, and the pictures are JPEG files") from None
    z = _npz(path)
    head, body, at = z["header"].tobytes(), z["body"].tobytes(), z["offset"]
    x = np.empty((len(at) - 1, 3072), np.float32)
    for i in range(len(x)):
        picture = Image.open(io.BytesIO(head + body[at[i] : at[i + 1]])).convert("RGB")
        x[i] = np.asarray(picture, np.float32).reshape(-1) / 255
    return x


def described(x: NDArray[np.float32], side: int = 32, cells: int = 4, angles: int = 9) -> NDArray[np.float32]:
    """(n, cells^2 (angles + 3)) of flat pictures (n, 3 side^2): per cell how strong the edges of each direction are,
    relative to the picture's, and the mean colour. Nothing is learned; small networks see more in them than in pixels.
    """
    width = side // cells
    pictures = x.reshape(-1, side, side, 3)
    dy, dx = np.gradient(pictures.mean(3), axis=(1, 2))
    angle = (np.arctan2(dy, dx) % np.pi * angles / np.pi).astype(np.int64) % angles
    edges = np.stack([np.where(angle == a, np.hypot(dx, dy), 0) for a in range(angles)], 3)
    by_cell = [
        each.reshape(len(x), cells, width, cells, width, -1).mean(axis=(2, 4)).reshape(len(x), -1)
        for each in (edges, pictures)
    ]
    by_cell[0] /= np.maximum(np.linalg.norm(by_cell[0], axis=1, keepdims=True), 1e-12)
    return np.concatenate(by_cell, 1).astype(np.float32)


def _union(path: Path) -> Found:
    """CIFAR-10's training pictures, described; candidates are the classes that any of three people named."""
    said = _npz(path)
    x = _packed("cifar10_train_jpegpack.npz")
    named = np.stack([said[f"random_label{i}"] for i in (1, 2, 3)], 1)
    mask = (named[:, :, None] == np.arange(10)).any(1)
    return Found(x, said["clean_label"].astype(np.int64), 10, Partial(torch.from_numpy(mask), 10))


def _zero_votes(path: Path) -> Found:
    """CIFAR-10's test pictures, described; one class is named as wrong, drawn among those that no person named.

    Three pictures whose every class somebody named have no such class: they are no rows.
    """
    said = _npz(path)
    unnamed = said["counts"] == 0
    rows = np.flatnonzero(unnamed.any(1))
    chance = np.where(unnamed, numpy_rng(0, "bench zero votes").random(unnamed.shape), -1)[rows]
    wrong = chance.argmax(1)[:, None] == np.arange(10)
    x = _packed("cifar10_test_jpegpack.npz")
    return Found(x[rows], said["label"].astype(np.int64)[rows], 10, Complementary(torch.from_numpy(wrong), 10))


def _packed(name: str) -> NDArray[np.float32]:
    path = folder() / "cifar10" / name
    if not path.is_file():
        raise Absent(f"no file {path}")
    x = _pictures(path)
    return np.concatenate([described(part) for part in np.array_split(x, max(1, len(x) // 2000))])


def _hausa(path: Path) -> Found:
    """Headlines whose distant label (by rules) and true label are both known; 100 directions of their words.

    Words and directions are learned on all texts but the test ones. Headlines without a distant label have none to
    learn from, and those without a true one cannot be judged: neither are rows. (So no official test row is left.)
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    with gzip.open(path, "rt", encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    words = TfidfVectorizer(sublinear_tf=True, min_df=3).fit([r["text"] for r in rows if r["split"] != "test"])
    known = [r for r in rows if r["label"] and r["noisy"]]
    directions = TruncatedSVD(100, random_state=0).fit(
        words.transform([r["text"] for r in rows if r["split"] != "test"])
    )
    x = directions.transform(words.transform([r["text"] for r in known])).astype(np.float32)
    code = {name: i for i, name in enumerate(sorted({r["label"] for r in rows if r["label"]}))}
    y, said = (np.array([code[r[column]] for r in known], np.int64) for column in ("label", "noisy"))
    return Found(x, y, len(code), Noisy(torch.from_numpy(said), len(code)))


def _crowd(path: Path) -> Found:
    """Answers of people; a person who answered an item twice counts twice."""
    z = _npz(path)
    y, k = z["truth"].astype(np.int64), len(z["classes"])
    votes = Votes.from_table(
        z["task"], z["worker"], z["label"].astype(np.int64), n=len(y), classes=range(k), duplicates="all"
    )
    return Found(np.zeros((len(y), 0), np.float32), y, k, votes)


def _functions(path: Path) -> Found:
    """Labeling functions: each was asked about every item, and -1 is what it said where it declined."""
    z = _npz(path)
    y = z["y"].astype(np.int64)
    k = int(y.max()) + 1
    return Found(np.zeros((len(y), 0), np.float32), y, k, Votes.from_matrix(z["votes"].astype(np.int64), k=k))


CROWDS = ("rte", "bluebird", "dog", "product", "face_sentiment", "adult2")
FUNCTIONS = ("youtube_lf", "hausa_lf", "spear_trec")
READERS: dict[str, Reader] = {
    **{name: Reader("votes", f"crowd/{name}.npz", _crowd) for name in CROWDS},
    **{name: Reader("votes", f"lf/{name}.npz", _functions) for name in FUNCTIONS},
    "hausa-news": Reader("noisy", "lf/hausa_news_noisy.csv.gz", _hausa),
    **{name: Reader("partial", f"pll/{name}.npz", _candidates) for name in ("lost", "msrcv2", "birdsong")},
    **{name: Reader(None, f"tabular/adbench_{name}.npz", _plain) for name in ("magic", "spambase")},
    **{name: Reader(None, f"text/{name}.npz", _embedded) for name in ("trec6", "sms_spam")},
    "cifar10n-union": Reader("partial", "human/cifar10n.npz", _union),
    "cifar10h-zero-votes": Reader("complementary", "human/cifar10h.npz", _zero_votes),
    **{
        f"cifar10n-{name}": Reader("noisy", "human/cifar10n.npz", _human(column))
        for name, column in (("aggregate", "aggre_label"), ("random1", "random_label1"), ("worst", "worse_label"))
    },
    "mnist": Reader(None, "mnist/mnist.npz", _mnist),
    "letter": Reader(None, "tabular/letter.csv.gz", _csv(False, 0)),
    "phoneme": Reader(None, "tabular/phoneme.csv.gz", _csv(False, -1)),
    "mammography": Reader(None, "tabular/mammography.csv.gz", _csv(False, -1)),
}
