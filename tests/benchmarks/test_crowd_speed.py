"""The page of speed: what the script makes of rows that were measured."""

from __future__ import annotations

import csv
import sys

from benchmarks import crowd_speed


def row(name: str, **rest: object) -> dict[str, str]:
    told = dict.fromkeys(crowd_speed.FIELDS, "1") | {"row": name, "title": name} | rest
    return {k: str(v) for k, v in told.items()}


def test_the_page_shows_every_row_once_in_the_order_of_the_script(tmp_path, monkeypatch):
    out = tmp_path / "crowd_speed.csv"
    measured = [
        row("stream", ours_cpu=31.4, ours_mb=1488.7, peer_mb=1868.9, cpu_ratio="", peer_cpu=""),
        row("dawid-skene-1M-2", ours_cpu=0.25, peer_cpu=5, cpu_ratio=20, cpu_least=18, cpu_most=21, difference=1e-10),
    ]
    with out.open("w", newline="") as file:
        writer = csv.DictWriter(file, crowd_speed.FIELDS)
        writer.writeheader()
        writer.writerows(measured)
    monkeypatch.setattr(sys, "argv", ["crowd_speed.py", "table", "--out", str(out)])
    crowd_speed.main()
    page = out.with_suffix(".md").read_text().splitlines()
    table = [line for line in page if line.startswith("| dawid-skene")]
    assert len(table) == 1
    assert table[0].split(" | ")[3:7] == ["0.25", "5.00", "20.0", "18.0 - 21.0"]
    assert any("31 CPU seconds" in line and "1,869 MB, 1,489 MB" in line for line in page)


def test_a_row_measured_anew_replaces_its_own(tmp_path, monkeypatch):
    out = tmp_path / "crowd_speed.csv"
    answers = iter([{"cpu": 1.0, "extra": 2.0, "accuracy": 0.5}, {"cpu": 12.0, "extra": 30.0, "accuracy": 0.5}] * 2)

    def ask(python, **job):
        crowd_speed.np.save(job["beliefs"], crowd_speed.np.zeros((2, 2)))
        return next(answers)

    monkeypatch.setattr(crowd_speed, "ask", ask)
    for name in ("label-model", "dawid-skene-1M-5"):
        monkeypatch.setattr(sys, "argv", ["x", "run", "--rows", name, "--rounds", "1", "--out", str(out)])
        crowd_speed.main()
    held = crowd_speed.kept(out)
    assert list(held) == ["dawid-skene-1M-5", "label-model"]
    assert (float(held["label-model"]["cpu_ratio"]), float(held["label-model"]["mb_ratio"])) == (12.0, 15.0)
