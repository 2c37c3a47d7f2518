"""External methods: whatever their module does is one error with their name, and nothing ends the process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sfumato.bench.peers import find
from sfumato.bench.perform import perform
from sfumato.bench.plan import plan
from sfumato.bench.spec import parse
from sfumato.core.errors import ParameterError

PEER = """
class Peer:
    name, kind = "mine", "exact"
    def missing(self): {missing}
    def fit(self, X, labels, seed): {fit}
PEER = Peer()
"""


@pytest.mark.parametrize("name", ["peer:.foo:bar", "peer:..:x", "peer:no.such:thing", "peer::x", "peer:os:nothing"])
def test_what_cannot_be_imported(name: str) -> None:
    with pytest.raises(ParameterError, match="package.module:object that can be imported"):
        find(name)


@pytest.mark.parametrize(
    ("text", "said"), [("1 / 0", "ZeroDivisionError"), ("def (", "SyntaxError"), ("exit(3)", "Exit")]
)
def test_modules_that_fail(text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = f"peer_{said.lower()}"
    (tmp_path / f"{module}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ParameterError, match=said):
        find(f"peer:{module}:PEER")


def test_missing_and_exits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "peer_raises.py").write_text(PEER.format(missing="raise OSError('no')", fit="pass"))
    (tmp_path / "peer_odd.py").write_text(PEER.format(missing="return 3", fit="pass"))
    (tmp_path / "peer_exits.py").write_text(PEER.format(missing="return None", fit="raise SystemExit(7)"))
    (tmp_path / "peer_later.py").write_text(PEER.format(missing="return None", fit="return exit"))
    monkeypatch.syspath_prepend(tmp_path)
    for module, said in (("peer_raises", "OSError: no"), ("peer_odd", "gave 3")):
        with pytest.raises(ParameterError, match=said):
            find(f"peer:{module}:PEER").missing()
    with pytest.raises(RuntimeError, match="peer_later:PEER ended the process"):
        find("peer:peer_later:PEER").fit(np.zeros((1, 1)), None, 0)(np.zeros((1, 1)))
    grid = {"name": "g", "datasets": ["wine"], "laws": ["clean"], "methods": ["peer:peer_exits:PEER"]}
    (run,) = plan(parse(grid))
    row = perform(run.id, run.job)
    assert row["status"] == "failed"
    assert "ended the process: SystemExit(7)" in row["error"]
