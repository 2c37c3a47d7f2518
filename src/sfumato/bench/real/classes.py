"""Real tables and texts of one true class per row, some with labels of their own."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from sfumato.labels import Noisy, Partial

from .found import Found, Reader, arrays


def _candidates(path: Path) -> Found:
    z = arrays(path)
    mask = torch.from_numpy(z["candidate"].astype(bool))
    return Found(z["x"].astype(np.float32), z["y"].astype(np.int64), mask.shape[1], Partial(mask, mask.shape[1]))


def _plain(path: Path) -> Found:
    z = arrays(path)
    y = z["y"].astype(np.int64)
    return Found(z["x"].astype(np.float32), y, int(y.max()) + 1)


def _mnist(path: Path) -> Found:
    z = arrays(path)
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
    z = arrays(path)
    x = np.load(path.with_name(f"{path.stem}_minilm384.npy"), allow_pickle=False).astype(np.float32)
    y = z["y"].astype(np.int64)
    test = z["is_test"].astype(bool) if "is_test" in z else None
    return Found(x, y, int(y.max()) + 1, test=test)


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


READERS = {
    "hausa-news": Reader("noisy", "lf/hausa_news_noisy.csv.gz", _hausa),
    **{name: Reader("partial", f"pll/{name}.npz", _candidates) for name in ("lost", "msrcv2", "birdsong")},
    **{name: Reader(None, f"tabular/adbench_{name}.npz", _plain) for name in ("magic", "spambase")},
    **{name: Reader(None, f"text/{name}.npz", _embedded) for name in ("trec6", "sms_spam")},
    "mnist": Reader(None, "mnist/mnist.npz", _mnist),
    "letter": Reader(None, "tabular/letter.csv.gz", _csv(False, 0)),
    "phoneme": Reader(None, "tabular/phoneme.csv.gz", _csv(False, -1)),
    "mammography": Reader(None, "tabular/mammography.csv.gz", _csv(False, -1)),
}
