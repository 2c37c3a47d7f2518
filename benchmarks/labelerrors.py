"""Wrong labels among the CIFAR-10 and MNIST test sets, ranked from given probabilities, against human verdicts.

    python benchmarks/labelerrors.py > docs/measurements/labelerrors.md

The data lie in ../shared/data beside the repository (SFUMATO_REAL_DATA overrides); cleanlab is a development-only
oracle.
Average precision is over the rows that people reviewed; wrong = fewer than three of five say the given label.
"""

from __future__ import annotations

import numpy as np
from cleanlab import filter as peer_filter
from cleanlab import rank as peer_rank
from real_data import needed
from sklearn.metrics import average_precision_score

import sfumato as sf
from sfumato.score import ConfidentLearning

FILTERS = ("prune_by_noise_rate", "prune_by_class", "both", "confident_learning", "predicted_neq_given")
FILTERS += ("low_normalized_margin", "low_self_confidence")
SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")


def main() -> None:
    print("# Wrong labels against human verdicts\n\nWritten by `python benchmarks/labelerrors.py`.\n")
    print("| set | reviewed, wrong | score | ours | cleanlab 2.9 |\n|---|---|---|---|---|")
    unequal = {}
    for name in ("cifar10", "mnist"):
        d = needed().load(f"labelerrors/{name}")
        y, p, rows = d["given"].astype(int), d["pred_probs"], d["mturk_index"]
        wrong = d["mturk_votes"][:, list(d["mturk_keys"]).index("given")] < 3
        for score in SCORES:
            ours = average_precision_score(wrong, sf.score.label_quality(y, p, score=score)[rows])
            kwargs = {"adjust_pred_probs": False, "method": score}
            peer = average_precision_score(wrong, -peer_rank.get_label_quality_scores(y, p, **kwargs)[rows])
            print(f"| {name} | {len(rows)}, {wrong.sum()} | {score} | {ours:.4f} | {peer:.4f} |")
        ours = average_precision_score(wrong, ConfidentLearning().score(y, p)[rows])
        print(f"| {name} | {len(rows)}, {wrong.sum()} | confident-learning (marked rows first) | {ours:.4f} | - |")
        unequal[name] = sum(
            int((sf.score.find_label_issues(y, p, filter=f) != peer_filter.find_label_issues(y, p, filter_by=f)).sum())
            for f in FILTERS
        )
    print("\nRows on which the masks differ from cleanlab's, summed over the seven filters: ", end="")
    print(", ".join(f"{name} {count}" for name, count in unequal.items()) + ".")
    assert np.sum(list(unequal.values())) == 0


if __name__ == "__main__":
    main()
