"""The csv of a script: a unit is appended once, and a file written whole is the old one or the new one."""

from __future__ import annotations

import os

import pytest

from benchmarks import rows

FIELDS = ("set", "seed", "value")


def row(name: str, seed: int, value: object = 0.5) -> dict[str, object]:
    return {"set": name, "seed": seed, "value": value}


def test_two_units_stand_below_one_header(tmp_path):
    out = tmp_path / "new" / "out.csv"
    rows.append_rows(out, FIELDS, [row("a", 0), row("a", 1)])
    rows.append_rows(out, FIELDS, (row("b", seed) for seed in range(1)))
    assert out.read_bytes() == b"set,seed,value\na,0,0.5\na,1,0.5\nb,0,0.5\n"


def test_an_empty_file_gets_its_header_and_a_header_alone_no_second_one(tmp_path):
    out = tmp_path / "out.csv"
    out.touch()
    rows.append_rows(out, FIELDS, [])
    rows.append_rows(out, FIELDS, [row("a", 0)])
    assert out.read_text() == "set,seed,value\na,0,0.5\n"


def test_what_is_finished_is_skipped_by_the_next_run(tmp_path):
    out = tmp_path / "out.csv"
    assert rows.finished(out, "set", "seed") == set()
    for seeds in (2, 3):
        done = rows.finished(out, "set", "seed")
        for seed in range(seeds):
            if ("a", str(seed)) not in done:
                rows.append_rows(out, FIELDS, [row("a", seed, seeds)])
    assert rows.finished(out, "seed", "set") == {("0", "a"), ("1", "a"), ("2", "a")}
    assert [each["value"] for each in rows.read_rows(out)] == ["2", "2", "3"]


def test_any_text_comes_back_as_it_was(tmp_path):
    out, text = tmp_path / "out.csv", 'Müller, "ŷ ± 2"\nand a second line'
    rows.append_rows(out, FIELDS, [row(text, 0, "")])
    rows.append_rows(out, FIELDS, [row("b", 0)])
    assert rows.read_rows(out)[0] == {"set": text, "seed": "0", "value": ""}
    assert rows.finished(out, "set") == {(text,), ("b",)}
    held = out.read_bytes()
    assert "Müller".encode() in held and b"\r" not in held
    rows.write_rows(out, FIELDS, rows.read_rows(out))
    assert out.read_bytes() == held


@pytest.mark.parametrize("how", [rows.append_rows, rows.write_rows])
@pytest.mark.parametrize("wrong", [{"set": "b", "seed": 1}, row("b", 1) | {"more": 2}])
def test_a_row_with_other_fields_is_refused_with_its_whole_unit(tmp_path, how, wrong):
    out = tmp_path / "out.csv"
    rows.append_rows(out, FIELDS, [row("a", 0)])
    held = out.read_bytes()
    with pytest.raises(ValueError, match="value|more"):
        how(out, FIELDS, [row("b", 0), wrong])
    assert out.read_bytes() == held


def test_a_whole_write_that_stops_leaves_the_old_file_alone(tmp_path, monkeypatch):
    out = tmp_path / "out.csv"
    rows.write_rows(out, FIELDS, [row("a", 0)])
    rows.write_rows(out, FIELDS, [row("b", 0)])
    held = out.read_bytes()
    assert held == b"set,seed,value\nb,0,0.5\n"

    def stop(*paths: object) -> None:
        raise OSError("the machine stops here")

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(OSError, match="stops here"):
        rows.write_rows(out, FIELDS, [row("c", 0)])
    assert out.read_bytes() == held
    assert list(tmp_path.iterdir()) == [out]


def test_a_file_that_is_to_be_read_must_be_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        rows.read_rows(tmp_path / "out.csv")
