"""``sfumato audit`` on every kind of labels that a table can hold, hostile names among them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pytest

from sfumato.cli import main

EVIL = "<img src=x onerror=alert(1)>"
SPECS = {
    "bags": "bags:bag,count",
    "bag-values": "bag-values:bag,any",
    "sets": "sets:set,prior",
    "pairs": "pairs:pair,relation",
    "comparisons": "comparisons:pair,first",
    "confidence": "confidence:sure",
    "confidence-differences": "confidence-differences:pair,lead",
    "similarities": "similarities:pair,alike",
    "multi-label": "multi-label:holds",
    "distribution": f"distribution:low,{EVIL}",
    "targets": "targets:price",
    "lower": "lower:price",
    "votes": f"votes:rater,{EVIL}2",
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    n = 60
    share, alike, lead = rng.random(n), rng.random(n // 2), rng.uniform(-1, 1, n // 2)
    count = rng.integers(0, 6, n // 5)
    columns: dict[str, Any] = {
        "a": rng.normal(size=n),
        "b": rng.normal(size=n),
        "bag": [f"{EVIL}{i // 5}" for i in range(n)],
        "count": np.repeat(count, 5),
        "any": np.repeat((count > 0).astype(int), 5),
        "set": [f"{EVIL}{i % 3}" for i in range(n)],
        "prior": [(0.2, 0.5, 0.9)[i % 3] for i in range(n)],
        "pair": [i // 2 for i in range(n)],
        "relation": ["similar" if i // 2 % 3 else "dissimilar" for i in range(n)],
        "first": [i % 2 == 0 for i in range(n)],
        "sure": rng.uniform(0.1, 1, n),
        "lead": np.stack([-lead, lead], 1).ravel(),
        "alike": np.repeat(alike, 2),
        "holds": [f"{EVIL}|x" if i % 2 else "x|y" for i in range(n)],
        "low": share,
        EVIL: 1 - share,
        "price": rng.exponential(size=n).round(2),
        "rater": rng.choice(["x", EVIL], n),
        f"{EVIL}2": rng.choice(["x", EVIL], n),
    }
    path = tmp_path_factory.mktemp("kinds") / "table.csv"
    arrow_csv.write_csv(pa.table(columns), path)
    return path


@pytest.mark.parametrize("kind", SPECS)
def test_audit_takes_the_kind(kind: str, table: Path, tmp_path: Path) -> None:
    used = set(SPECS[kind].split(":", 1)[1].split(","))
    others = [
        word for name in arrow_csv.read_csv(table).column_names[2:] if name not in used for word in ("--drop", name)
    ]
    assert main(["audit", str(table), "--labels", SPECS[kind], "--out", str(tmp_path), *others]) == 0
    told = json.loads((tmp_path / "summary.json").read_text())
    assert told["kind"] == kind and told["modules"][0]["verdict"]
    assert "<img src=x" not in (tmp_path / "report.html").read_text()


def test_what_no_module_reads_is_one_line_and_exit_code_two(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["audit", str(table), "--labels", SPECS["bags"], "--out", str(tmp_path / "o"), "--truth", "first"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "truth beside bags labels" in said and "Traceback" not in said
