"""The README's Python examples run as they stand, and its shell examples name real commands and options."""

import re
from pathlib import Path

import pandas as pd

PAGE = (Path(__file__).parent.parent / "README.md").read_text()


def test_python_examples_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    space = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        exec(compile(block, "README.md", "exec"), space)
    assert (tmp_path / "report.html").stat().st_size > 1000
    again = space["sf"].load(tmp_path / "model")
    assert (again.predict_proba(space["X"]) == space["clf"].predict_proba(space["X"])).all()
    found = int(capsys.readouterr().out.splitlines()[0])
    assert 60 <= found <= 200  # ninety were planted
    aggregated, y = space["found"], space["y"]
    assert round((aggregated.labels() == y).mean(), 3) == 0.996
    assert round((aggregated.majority.argmax(1) == y).mean(), 2) == 0.72


def test_shell_examples_run(tmp_path, monkeypatch):
    from sfumato.cli import main
    from sfumato.data import load

    monkeypatch.chdir(tmp_path)
    X, y, _ = load("breast_cancer")
    frame = pd.DataFrame(X[:, :5], columns=list("abcde"))
    frame.head(50).to_csv("new.csv", index=False)
    noisy = frame.assign(label=y)
    noisy.to_csv("train.csv", index=False)
    commands = re.search(r"```sh\n(.*?)```", PAGE, re.S).group(1).strip().splitlines()
    audit, fit, predict, methods = (line.split()[1:] for line in commands)
    assert main(audit) == 0
    frame.assign(flag=((y == 1) & (frame.index % 2 == 0)).astype(int)).to_csv("train.csv", index=False)
    assert main([*fit, "--epochs", "2"]) == 0
    assert main(predict) == 0
    assert len(pd.read_csv("predictions.csv")) == 50
    assert main(methods) == 0
