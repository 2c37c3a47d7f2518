"""What a command prints never acts on the terminal."""

from __future__ import annotations

import pytest

from sfumato.cli.show import say, table

HOSTILE = "x\x1b[31mRED\u202e"


def test_names_of_columns_are_inert_as_cells_and_titles_are(capsys: pytest.CaptureFixture[str]) -> None:
    table(["method", HOSTILE], [[HOSTILE, 1.0]], HOSTILE)
    say(HOSTILE)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert out.count("x[U+001B][31mRED[U+202E]") == 4
