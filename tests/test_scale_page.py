"""The examples of docs/scale.md run as they stand, in the order of the page: Python, files, and shell commands."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sfumato as sf
from sfumato.core.errors import RefusedError

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "docs" / "scale.md").read_text(), re.S)
RAY = importlib.util.find_spec("ray") is not None


def python_blocks():
    """What the Python examples leave behind; a block that begins with the name of a file is written there."""
    space = {}
    for kind, text in BLOCKS:
        if named := re.match(r"# (\w+\.\w+)\n", text):
            Path(named[1]).write_text(text)
        elif kind == "python":
            exec(compile(text, "scale.md", "exec"), space)
        else:
            assert kind == "sh"
    return space


def test_python_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space = python_blocks()
    assert (space["clf"].predict(space["x"]) == space["truth"]).mean() > 0.9
    assert str(space["run"].memory[0]["rows"].dtype) == "torch.float16"


@pytest.mark.slow
def test_shell_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "benchmarks").symlink_to(ROOT / "benchmarks")
    space = python_blocks()
    for text in (text for kind, text in BLOCKS if kind == "sh"):
        if "ray start" in text or ("--executor ray" in text and not RAY):
            continue  # a cluster that is started so outlives its test
        for command in text.splitlines():
            done = subprocess.run(command.split(), capture_output=True, text=True, timeout=300, check=False)
            assert done.returncode == 0, f"{command}: {done.stderr[-3000:]}"
    two = sf.load("model").predict_proba(space["x"])  # what torchrun's processes wrote
    one = sf.Classifier("elr", hidden=(32,), epochs=2).fit(sf.data.open_rows("x.npy"), space["y"])
    np.testing.assert_allclose(two, one.predict_proba(space["x"]), atol=1e-5)
    for folder in ("in-processes", *(["on-ray"] if RAY else [])):
        assert sf.bench.Store(folder).counts()["done"] == 6


def test_what_the_page_says_is_refused_is_refused(tmp_path):
    x, y = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32), np.arange(60) % 2
    np.save(tmp_path / "x.npy", x)
    rows = sf.data.open_rows(tmp_path / "x.npy", rows=20)
    asked = [
        {"method": "auto"},
        {"validation": 0.1},
        {"method": "forward", "needs": {"transition": sf.estimate.TransitionConfidentJoint()}},
        {"sampling": "balanced"},
        {"method": "rcal"},
    ]
    for told in asked:
        with pytest.raises(RefusedError):
            sf.Classifier(**{"method": "gce", "epochs": 1, **told}).fit(rows, y)
