"""The page of repeated sources: copies are drawn as it says, and its tables hold what was measured."""

from __future__ import annotations

import numpy as np

from benchmarks import source_correlations as page


def test_the_copies_are_of_the_first_source():
    said, y = page.copied(4, 0.0, 0)
    assert said.shape == (300, 13) and (said[:, 10:] == said[:, :1]).all()
    assert abs((said == y[:, None])[said >= 0].mean() - 0.7) < 0.05
    noisy, _ = page.copied(4, 0.5, 0)
    asked = noisy[:, 0] >= 0
    assert 0.5 < (noisy[asked, 10] == noisy[asked, 0]).mean() < 0.8
    assert np.array_equal(noisy[:, :10], said[:, :10])


def test_the_tables_hold_the_rows():
    shared = {"alone": "0.5", "decorrelated": "0.75", "vote": "0.6", "links": "3"}
    rows = [{"what": "simulated", "case": "2 / 0.0", "without_copies": "0.8"} | shared]
    rows += [{"what": "real", "case": "rte", "base": base} | shared for base in page.BASES]
    told = page.lines(rows)
    assert "| 2 / 0.0 | 60.0 | 50.0 | 75.0 | 80.0 | 3.0 |" in told
    assert "| mace | 50.0 > 75.0 (3) |" in told
