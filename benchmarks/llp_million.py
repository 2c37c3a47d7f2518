"""Learning from label proportions on a million rows: peak memory and CPU seconds of each method, in a fresh process.

    OMP_NUM_THREADS=1 python benchmarks/llp_million.py --write docs/measurements/llp-million.md

Made data (two Gaussians), one epoch of a linear head: it asks whether a million rows fit, not how well they are
learned.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

METHODS = ("proportion", "marginal-likelihood", "easyllp", "llpfc", "mixbag", "llp-vat", "llp-bp")
MARK = "<!-- below: written by benchmarks/llp_million.py -->"


def one(method: str, rows: int, columns: int, bag: int, epochs: int) -> dict[str, float]:
    """Train here; peak memory of this process in megabytes, before and in all, and accuracy on fresh rows."""
    import sfumato as sf

    def megabytes() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    rng = np.random.default_rng(0)
    share = np.repeat(rng.random(rows // bag), bag)
    y = (rng.random(len(share)) < share).astype(np.int64)
    X = rng.standard_normal((len(y), columns), np.float32)
    X[:, 0] += 2 * y
    labels = sf.labels.Bags.from_labels(np.arange(len(y)) // bag, y)
    before, start = megabytes(), time.process_time()
    settings = {"network": "linear", "epochs": epochs, "batch_size": max(1024, bag), "lr": 1e-2}
    fitted = sf.Classifier(method, **settings).fit(X, labels)
    seconds = time.process_time() - start
    told = rng.integers(0, 2, 10_000)
    new = rng.standard_normal((10_000, columns), np.float32)
    new[:, 0] += 2 * told
    return {"before": before, "peak": megabytes(), "seconds": seconds, "accuracy": float(fitted.score(new, told))}


def main() -> None:
    """One line per method and size of bags."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=32)
    parser.add_argument("--bags", type=int, nargs="+", default=[64, 1024])
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--limit", type=float, default=240, help="seconds that a method may take")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--one", nargs=2, metavar=("METHOD", "BAG"))
    told = parser.parse_args()
    if told.one:
        print(json.dumps(one(told.one[0], told.rows, told.columns, int(told.one[1]), told.epochs)))
        return
    lines = ["| method | bags of | before, MB | peak, MB | CPU s | accuracy % |", "|---|---|---|---|---|---|"]
    for bag in told.bags:
        for method in told.methods:
            size = [f"--{name}={getattr(told, name)}" for name in ("rows", "columns", "epochs")]
            command = [sys.executable, __file__, *size, "--one", method, str(bag)]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=told.limit)
            except subprocess.TimeoutExpired:
                lines.append(f"| {method} | {bag} | | | more than {told.limit:.0f} | |")
                continue
            if done.returncode:
                lines.append(f"| {method} | {bag} | | | {done.stderr.strip().splitlines()[-1][:160]} | |")
                continue
            f = json.loads(done.stdout.splitlines()[-1])
            numbers = f"{f['before']:.0f} | {f['peak']:.0f} | {f['seconds']:.0f} | {100 * f['accuracy']:.1f}"
            lines.append(f"| {method} | {bag} | {numbers} |")
            print(lines[-1], flush=True)
    text = "\n".join(lines) + "\n"
    if told.write is not None:
        head = told.write.read_text(encoding="utf-8").split(MARK)[0] if told.write.exists() else ""
        told.write.write_text(head + MARK + "\n\n" + text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
