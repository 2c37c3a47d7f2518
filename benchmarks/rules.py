"""Is it worth making labeling functions from a hundred labels? And: scorers with a prior, weak or good labels.

    OMP_NUM_THREADS=1 nice -n 15 python benchmarks/rules.py run --out docs/measurements/rules.csv
    python benchmarks/rules.py table --out docs/measurements/rules.csv --page docs/measurements/rules.md

``run`` appends one line per finished measurement and skips what the file holds. Real data at ../shared/data, or where
SFUMATO_REAL_DATA says. ``table`` writes the part of the page below its marker.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from real_data import loader
from rows import append_rows, finished, read_rows
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.semi_supervised import LabelSpreading

import sfumato as sf
from sfumato.core.errors import SfumatoError
from sfumato.labels import Semi
from sfumato.parts.linear import fit_linear
from sfumato.rules import IWS, Goggles, ScorerVotes, Snuba, elicitation, labels_worth, restricted, simulated_oracle

FIELDS = ("what", "set", "seed", "method", "accuracy", "macro_f1", "logistic", "labels", "coverage")
FIELDS += ("test_votes", "test_few", "test_coverage", "functions", "seconds", "note")
MARK = "<!-- below: written by benchmarks/rules.py table -->"
SETS = (
    "youtube, MiniLM",
    "sms_spam, MiniLM",
    "trec6, MiniLM",
    "trec6, words",
    "mnist, PCA",
)
SEEDS, FEW, POOL, TEST, STEPS = 3, 100, 2000, 1500, 300


def data(name: str) -> tuple[Any, Any]:
    """(X, y) of a set in one of its views; directions of words and pictures are learned without labels."""
    known = loader()
    source, view = name.split(", ")
    if source == "mnist":
        found = known.mnist()
        rows = np.random.default_rng(0).permutation(60000)[: POOL + TEST]
        x, y = found["x_train"][rows].reshape(len(rows), -1) / 255.0, found["y_train"][rows]
        return PCA(100, random_state=0).fit_transform(x), y.astype(np.int64)
    found = known.lf("youtube_lf") if source == "youtube" else known.text(source)
    y = np.asarray(found["y"]).astype(np.int64)
    if view == "MiniLM":
        return found["emb"].astype(np.float64), y
    words = TfidfVectorizer(min_df=2, sublinear_tf=True).fit_transform(found["text"])
    return TruncatedSVD(100, random_state=0).fit_transform(words), y


def drawn(name: str, seed: int) -> dict[str, Any]:
    """Pool and test rows, scaled by the pool, and a hundred labelled rows, at least three of each class."""
    x, y = data(name)
    draw = np.random.default_rng([seed, len(y)])
    rows = draw.permutation(len(y))
    test = min(TEST, round(0.3 * len(y)))
    pool, held = rows[test:][:POOL], rows[:test]
    first = np.concatenate([np.flatnonzero(y[pool] == c)[:3] for c in range(y.max() + 1)])
    few = np.concatenate([first, np.setdiff1d(np.arange(len(pool)), first)[: FEW - len(first)]])
    centre, scale = x[pool].mean(0), x[pool].std(0)
    scale[scale == 0] = 1
    if name.endswith(("words", "PCA")):  # directions keep their proportions: the small ones are mostly noise
        scale[:] = np.sqrt((scale**2).mean())
    told = np.full(len(pool), -1)
    told[few] = y[pool][few]
    z = (x - centre) / scale
    return {"X": z[pool], "y": y[pool], "few": few, "semi": Semi(told, int(y.max()) + 1), "T": z[held], "t": y[held]}


def end(method: str, X: Any, labels: Any, seed: int) -> Any:
    """A linear end model by so many steps, whatever the number of rows, on features as they are."""
    epochs = max(1, round(STEPS / max(1, -(-len(X) // 128))))
    return sf.Classifier(method, network="linear", epochs=epochs, lr=0.01, standardise=False, seed=seed).fit(X, labels)


def logistic(X: Any, posterior: Any) -> Any:
    """Scikit-learn's logistic regression, C = 1, on rows that belong to each class by so much."""
    row, said = np.nonzero(posterior > 0.01)
    return LogisticRegression(max_iter=500).fit(X[row], said, posterior[row, said])


GENERATORS: dict[str, Callable[[], Any]] = {
    "snuba, stumps": Snuba,
    "snuba, logistic": lambda: Snuba(heuristic="logistic"),
    "iws, stumps (oracle)": IWS,
    "iws, logistic (oracle)": lambda: IWS(heuristic="logistic"),
    "goggles": Goggles,
}


def few_shot(name: str, seed: int) -> Iterator[dict[str, Any]]:
    """Lines of one set and seed: what the labels alone give, what functions made from them give."""
    d = drawn(name, seed)
    X, y, few, semi, k = d["X"], d["y"], d["few"], d["semi"], int(d["semi"].k)

    def judged(method: str, said: Any, start: float, **more: Any) -> dict[str, Any]:
        f1 = f1_score(d["t"], said, average="macro")
        line = {"accuracy": f"{(said == d['t']).mean():.4f}", "macro_f1": f"{f1:.4f}"}
        return {"method": method, "seconds": f"{time.process_time() - start:.1f}"} | line | more

    def of(model: Any) -> Any:
        return np.asarray(model.predict(d["T"]))

    start = time.process_time()
    yield judged("few labels, linear", of(end("ce", X[few], sf.labels.Exact(y[few], k), seed)), start)
    start = time.process_time()
    base = of(LogisticRegression(max_iter=500).fit(X[few], y[few]))
    yield judged("few labels, logistic C = 1", base, start)
    start = time.process_time()
    spread = LabelSpreading(kernel="knn", n_neighbors=10).fit(X, semi.y.numpy())
    yield judged("semi: label spreading", of(spread), start, labels=f"{(spread.transduction_ == y).mean():.4f}")
    for method in ("pseudo-label", "softmatch"):
        start = time.process_time()
        yield judged(f"semi: {method}", of(end(method, X, semi, seed)), start)
    balance = tuple(((np.bincount(y[few], minlength=k) + 1) / (len(few) + k)).tolist())
    aggregators = {
        "majority": sf.aggregate.MajorityVote(),
        "dawid-skene": sf.aggregate.DawidSkene(),
        "naive-bayes": sf.aggregate.NaiveBayes(),
        "label-model": sf.aggregate.LabelModel(balance=balance),
    }
    for generator, maker in GENERATORS.items():
        start = time.process_time()
        told = (simulated_oracle(X, y),) if generator.startswith("iws") else ()
        try:
            found = maker().make(X, semi, *told, seed=seed)
        except SfumatoError as error:
            for title in aggregators:
                yield {"method": f"{generator} + {title}", "note": str(error)}
            continue
        votes, said = found.votes(X, gold=semi), found.matrix(X)
        covered = (said >= 0).any(1) | (semi.y.numpy() >= 0)
        fresh = found.votes(d["T"])
        spoken = (found.matrix(d["T"]) >= 0).any(1)
        made = time.process_time() - start
        for title, aggregator in aggregators.items():
            start = time.process_time() - made
            try:
                result = aggregator.fit(votes)
            except (ValueError, ArithmeticError) as error:  # an aggregation that stops is a result
                yield {"method": f"{generator} + {title}", "note": f"{type(error).__name__}: {error}"}
                continue
            soft = result.to_distribution()[covered]
            penalised = of(logistic(X[covered], result.posterior[covered]))
            voted = result.predict_proba(fresh).argmax(1)
            yield judged(
                f"{generator} + {title}",
                of(end("soft-ce", X[covered], soft, seed)),
                start,
                logistic=f"{(penalised == d['t']).mean():.4f}",
                test_votes=f"{(voted == d['t'])[spoken].mean():.4f}" if spoken.any() else "",
                test_few=f"{(base == d['t'])[spoken].mean():.4f}" if spoken.any() else "",
                test_coverage=f"{spoken.mean():.4f}",
                labels=f"{(result.codes() == y)[covered].mean():.4f}",
                coverage=f"{covered.mean():.4f}",
                functions=len(found),
            )
    start = time.process_time()
    yield judged("all labels, linear", of(end("ce", X, sf.labels.Exact(y, k), seed)), start)


def scorers(name: str, seed: int) -> Iterator[dict[str, Any]]:
    """Three scorers of texts, cosines to the mean of five examples per class, on a pool of which 90 % is one class."""
    x, y = data(name)
    draw = np.random.default_rng([seed, len(y), 1])
    k, common = int(y.max()) + 1, int(np.bincount(y).argmax())
    used, centres = np.zeros(len(y), bool), []
    for _ in range(3):
        some = [draw.choice(np.flatnonzero((y == c) & ~used), 5, replace=False) for c in range(k)]
        used[np.concatenate(some)] = True
        mean = np.stack([x[rows].mean(0) for rows in some])
        centres.append(mean / np.linalg.norm(mean, axis=1, keepdims=True))
    rows = skewed(np.where(used, -1, y), common, draw)
    unit = x[rows] / np.linalg.norm(x[rows], axis=1, keepdims=True)
    z = np.stack([20 * unit @ c.T for c in centres], axis=1)
    yield from with_priors(lambda prior: ScorerVotes(form="logits").make(z, prior).votes(z), y[rows], k, draw)


def functions(name: str, seed: int) -> Iterator[dict[str, Any]]:
    """The given labeling functions of a set, on a pool of which 90 % is one class."""
    found = loader().lf(name)
    y = np.asarray(found["y"]).astype(np.int64)
    draw = np.random.default_rng([seed, len(y), 2])
    k = int(max(y.max(), found["votes"].max())) + 1
    rows = skewed(y, int(np.bincount(y).argmax()), draw)
    votes = sf.labels.Votes.from_matrix(found["votes"][rows].astype(np.int64), k=k)
    yield from with_priors(lambda prior: votes, y[rows], k, draw)


def skewed(y: Any, common: int, draw: np.random.Generator) -> Any:
    """Rows of which nine in ten are of one class; those of code -1 are left out."""
    most = draw.permutation(np.flatnonzero(y == common))
    rest = draw.permutation(np.flatnonzero((y >= 0) & (y != common)))[: len(most) // 9]
    return draw.permutation(np.concatenate([most, rest]))


def with_priors(votes: Callable[[Any], Any], truth: Any, k: int, draw: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Lines for a level prior, the true one, and the true one with types: each wrong class is impossible for a random
    half of the rows.
    """
    prior = (np.bincount(truth, minlength=k) + 1) / (len(truth) + k)
    mask = draw.random((len(truth), k)) < 0.5
    mask[np.arange(len(truth)), truth] = True
    for title, told, masked in (
        ("level prior", None, False),
        ("known prior (oracle)", prior, False),
        ("known prior and types (oracle)", prior, True),
    ):
        start = time.process_time()
        balance = None if told is None else tuple(told.tolist())
        posterior = sf.aggregate.LabelModel(balance=balance).fit(votes(told)).posterior
        if masked:
            posterior = restricted(posterior, mask, prior)
        said = posterior.argmax(1)
        f1 = f1_score(truth, said, average="macro", labels=np.unique(truth))
        seconds = f"{time.process_time() - start:.1f}"
        yield {
            "method": title,
            "accuracy": f"{(said == truth).mean():.4f}",
            "macro_f1": f"{f1:.4f}",
            "seconds": seconds,
        }


BUDGETS, SHARES, ERRORS = (16, 64, 256), (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 1.0), (0.1, 0.25, 0.4)
PENALTIES = (0.1, 1.0, 10.0)
REPEATS = 2  # draws of rows and flips that are averaged, per seed


def fitted(x: Any, said: Any, w: Any, k: int) -> Any:
    """A linear head whose penalty is chosen on a fifth of its own rows, weak labels and all."""
    check = np.arange(len(x)) % 5 == 4
    losses = []
    for l2 in PENALTIES:
        p = fit_linear(x[~check], said[~check], k, weight=w[~check], l2=l2).probabilities(x[check])
        losses.append(-(w[check] * np.log(np.maximum(p[np.arange(check.sum()), said[check]], 1e-6))).sum())
    return fit_linear(x, said, k, weight=w, l2=PENALTIES[int(np.argmin(losses))])


def elicited(name: str, seed: int) -> Iterator[dict[str, Any]]:
    """Accuracy at equal cost of good labels (1 each) and weak ones (1/10): flipped at random, or by a small model."""
    x, y = data(name)
    x, k = 10 * PCA(64, random_state=0).fit_transform(x), int(y.max()) + 1
    for kind in (*(f"flips {e}" for e in ERRORS), "a model of 30 rows"):
        table: dict[tuple[int, float], list[float]] = {}
        off = []
        for repeat in range(REPEATS):
            draw = np.random.default_rng([seed, repeat, len(y)])
            rows = draw.permutation(len(y))
            test, rows = rows[: round(0.3 * len(y))], rows[round(0.3 * len(y)) :]
            weak = y.copy()
            if kind.startswith("flips"):
                flip = draw.random(len(y)) < float(kind.split()[1])
                weak[flip] = (y[flip] + draw.integers(1, k, flip.sum())) % k
            else:
                small, rows = rows[:30], rows[30:]
                weak = fit_linear(x[small], y[small], k, l2=1.0).probabilities(x).argmax(1)
            off.append(float((weak != y)[rows].mean()))
            for budget in BUDGETS:
                for share in SHARES:
                    good = round(share * budget)
                    many = min(round((budget - good) * 10), len(rows) - good)
                    taken = draw.permutation(good + many)
                    said = np.where(taken < good, y[rows[taken]], weak[rows[taken]])
                    least = max(labels_worth(min(off[-1], 1 - 1 / k), k), 1e-3)
                    model = fitted(x[rows[taken]], said, np.where(taken < good, 1.0, least), k)
                    right = (model.probabilities(x[test]).argmax(1) == y[test]).mean()
                    table.setdefault((budget, share), []).append(float(right))
        for (budget, share), values in table.items():
            said = elicitation(budget, weak_cost=0.1, weak_error=min(float(np.mean(off)), 0.999 - 1 / k), k=k).regime
            note = f"weak error {np.mean(off):.3f}; without a bias the formula says {said}"
            yield {"method": f"{kind}|{budget}|{share}", "accuracy": f"{np.mean(values):.4f}", "note": note}


PARTS: dict[str, tuple[tuple[str, ...], Callable[[str, int], Iterator[dict[str, Any]]]]] = {
    "scorers": (SETS[:3], scorers),
    "elicit": (SETS[:3], elicited),
    "few": (SETS, few_shot),
    "functions": (("youtube_lf", "hausa_lf", "spear_trec"), functions),
}


def run(out: Path) -> None:
    """What is not in the file yet, a set and seed at a time."""
    done = finished(out, "what", "set", "seed")
    for what, (sets, part) in PARTS.items():
        for seed in range(SEEDS):
            for name in sets:
                if (what, name, str(seed)) in done:
                    continue
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    lines = list(part(name, seed))
                unit = dict.fromkeys(FIELDS, "") | {"what": what, "set": name, "seed": seed}
                append_rows(out, FIELDS, (unit | line for line in lines))
                print(what, name, seed, file=sys.stderr, flush=True)


# ---------------------------------------------------------------------- the page


def _mean(rows: list[dict[str, str]], column: str) -> str:
    values = [100 * float(r[column]) for r in rows if r[column]]
    return f"{np.mean(values):.1f}" if values else "none"


def lines(rows: list[dict[str, str]]) -> list[str]:
    """The generated part of the page."""
    few = [r for r in rows if r["what"] == "few"]
    names, methods = list(dict.fromkeys(r["set"] for r in few)), list(dict.fromkeys(r["method"] for r in few))

    def of(table: list[dict[str, str]], name: str, method: str) -> list[dict[str, str]]:
        return [r for r in table if (r["set"], r["method"]) == (name, method)]

    head = ["", "| method | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    out = []
    for title, column in (("accuracy on test rows, %", "accuracy"), ("macro-F1 on test rows, %", "macro_f1")):
        out += ["", f"## End models: {title}", *head]
        out += [f"| {m} | " + " | ".join(_mean(of(few, n, m), column) for n in names) + " |" for m in methods]
    made = [m for m in methods if " + " in m]
    out += ["", "## Functions with the end model of the baseline, logistic C = 1: accuracy on test rows, %", *head]
    for m in methods:
        column = "logistic" if m in made else "accuracy"
        if m in made or m == "few labels, logistic C = 1":
            out.append(f"| {m} | " + " | ".join(_mean(of(few, n, m), column) for n in names) + " |")
    out += [
        "",
        "## Worth it? Accuracy %, the best row of each kind in each column (chosen on test rows: an oracle)",
        *head,
    ]
    kinds = {
        "few labels alone": lambda m: m.startswith("few"),
        "semi-supervised": lambda m: m.startswith("semi"),
        "functions from labels": lambda m: " + " in m and "oracle" not in m,
        "functions and 30 answers (oracle)": lambda m: " + " in m and "oracle" in m,
        "all labels": lambda m: m.startswith("all"),
    }
    for title, fits in kinds.items():
        cells = [[_mean(of(few, n, m), c) for m in methods if fits(m) for c in ("accuracy", "logistic")] for n in names]
        best = [max((float(v) for v in cell if v != "none"), default=np.nan) for cell in cells]
        out.append(f"| {title} | " + " | ".join("none" if np.isnan(b) else f"{b:.1f}" for b in best) + " |")
    stops: dict[str, dict[str, None]] = {}
    for r in few:
        if r["note"]:
            maker = r["method"] if "Error" in r["note"] else r["method"].split(" + ")[0]
            stops.setdefault(r["note"].rstrip("."), {})[f"{maker} on {r['set']} (seed {r['seed']})"] = None
    if stops:
        out += ["", "Without a result:", ""]
        out += [f"- {reason}: {'; '.join(where)}." for reason, where in stops.items()]
    out += ["", "## The labels they trained on: accuracy on covered pool rows / share covered, %", *head]
    for m in made:
        both = [f"{_mean(of(few, n, m), 'labels')} / {_mean(of(few, n, m), 'coverage')}" for n in names]
        out.append(f"| {m} | " + " | ".join(both) + " |")
    out += [
        "",
        "## The claim's own measure: accuracy of the votes on covered test rows / of the logistic regression on the",
    ]
    out[-1] += " same rows / share covered, %"
    out += head
    for m in made:
        columns = ("test_votes", "test_few", "test_coverage")
        cells = [" / ".join(_mean(of(few, n, m), c) for c in columns) for n in names]
        out.append(f"| {m} | " + " | ".join(cells) + " |")
    for what, title in (("scorers", "Scorers of texts"), ("functions", "Given labeling functions")):
        told = [r for r in rows if r["what"] == what]
        names = list(dict.fromkeys(r["set"] for r in told))
        out += ["", f"## {title} with a prior: macro-F1 (accuracy), %, where 90 % of rows are one class"]
        out += ["", "| prior | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
        for m in dict.fromkeys(r["method"] for r in told):
            each = [f"{_mean(of(told, n, m), 'macro_f1')} ({_mean(of(told, n, m), 'accuracy')})" for n in names]
            out.append(f"| {m} | " + " | ".join(each) + " |")
    asked = [r for r in rows if r["what"] == "elicit"]
    ends, agreed = [], 0
    for name in dict.fromkeys(r["set"] for r in asked):
        for kind in dict.fromkeys(r["method"].split("|")[0] for r in asked if r["method"].startswith("flips")):
            for budget in BUDGETS:
                weak, good = (of(asked, name, f"{kind}|{budget}|{share}") for share in (SHARES[0], SHARES[-1]))
                better = "quantity" if float(_mean(weak, "accuracy")) > float(_mean(good, "accuracy")) else "quality"
                said = weak[0]["note"].split()[-1]
                ends.append(f"{name}, {kind}, {budget}" if said != better else "")
                agreed += said == better
    out += ["", "## Weak or good labels at equal cost: test accuracy %, by the share of the budget spent on good ones"]
    out += ["", "| set | weak labels | budget | " + " | ".join(map(str, SHARES)) + " | best share | without a bias |"]
    out += ["|---|---|---|" + "---|" * (len(SHARES) + 2)]
    for name in dict.fromkeys(r["set"] for r in asked):
        for kind in dict.fromkeys(r["method"].split("|")[0] for r in asked):
            for budget in BUDGETS:
                cells = [of(asked, name, f"{kind}|{budget}|{share}") for share in SHARES]
                values = [_mean(cell, "accuracy") for cell in cells]
                if "none" in values:
                    continue
                best = SHARES[int(np.argmax([float(v) for v in values]))]
                formula = " or ".join(dict.fromkeys(r["note"].split()[-1] for r in cells[0]))
                out.append(f"| {name} | {kind} | {budget} | " + " | ".join(values) + f" | {best} | {formula} |")
    if ends:
        wrong = "; ".join(e for e in ends if e) or "none"
        out += [
            "",
            f"With random flips the formula names the better end in {agreed} of {len(ends)} cases; not in: {wrong}.",
        ]
    return out


def show(out: Path, page: Path) -> None:
    """Write the part of the page below its marker."""
    rows = read_rows(out)
    above = page.read_text(encoding="utf-8").split(MARK)[0] if page.exists() else "# Labeling functions\n\n"
    page.write_text(above + MARK + "\n" + "\n".join(lines(rows)) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--page", type=Path)
    told = parser.parse_args()
    run(told.out) if told.what == "run" else show(told.out, told.page or told.out.with_suffix(".md"))


if __name__ == "__main__":
    main()
