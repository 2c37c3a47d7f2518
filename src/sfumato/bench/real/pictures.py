"""Pictures with what people said of them; Pillow decodes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sfumato.core.streams import numpy_rng
from sfumato.labels import Complementary, Noisy, Partial

from .found import Absent, Found, Reader, arrays, folder


def _human(column: str) -> Callable[[Path], Found]:
    """CIFAR-10's training pictures with labels that people gave, flat pixels; needs Pillow to decode them."""

    def load(path: Path) -> Found:
        said, pictures = arrays(path), folder() / "cifar10" / "cifar10_train_jpegpack.npz"
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
    z = arrays(path)
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
    said = arrays(path)
    x = _packed("cifar10_train_jpegpack.npz")
    named = np.stack([said[f"random_label{i}"] for i in (1, 2, 3)], 1)
    mask = (named[:, :, None] == np.arange(10)).any(1)
    return Found(x, said["clean_label"].astype(np.int64), 10, Partial(torch.from_numpy(mask), 10))


def _zero_votes(path: Path) -> Found:
    """CIFAR-10's test pictures, described; one class is named as wrong, drawn among those that no person named.

    Three pictures whose every class somebody named have no such class: they are no rows.
    """
    said = arrays(path)
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


READERS = {
    "cifar10n-union": Reader("partial", "human/cifar10n.npz", _union),
    "cifar10h-zero-votes": Reader("complementary", "human/cifar10h.npz", _zero_votes),
    **{
        f"cifar10n-{name}": Reader("noisy", "human/cifar10n.npz", _human(column))
        for name, column in (("aggregate", "aggre_label"), ("random1", "random_label1"), ("worst", "worse_label"))
    },
}
