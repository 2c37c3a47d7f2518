"""What the data are: size, types, what is missing, and a fingerprint that tells them from any other data."""

from __future__ import annotations

import numpy as np

from sfumato.audit.section import Data, Section, Seen, counted, percent
from sfumato.parts.fingerprint import fingerprint
from sfumato.parts.svg import number


def metadata(data: Data, seen: Seen) -> Section:
    """Counts and fingerprints of what was passed in."""
    raw, constant = data.beside.raw, data.beside.constant
    said = data.said
    without = 0 if said is None else int((said < 0).sum())
    verdict = (
        f"{counted(len(raw), 'row')}, {counted(raw.shape[1], 'column')} of {raw.dtype}, "
        f"{counted(data.k, 'class')}, {data.kind} labels."
    )
    if constant:
        more = ", ..." if len(constant) > 10 else ""
        verdict += f" {counted(len(constant), 'constant column')} that say nothing: {', '.join(constant[:10])}{more}."
    features = fingerprint(raw)
    labels = None if said is None else fingerprint(said.astype(np.int64), data.names)
    return Section(
        "metadata",
        "Metadata",
        verdict,
        headline=("rows", number(len(raw))),
        facts=(
            ("size in memory", f"{number(round(raw.nbytes / 2**20, 1))} MiB"),
            ("observations", number(len(data.x))),
            ("without a label", f"{number(without)} ({percent(without / len(data.x))})"),
            ("SHA-256 of the features", features[:16] + " ..."),
            *(() if labels is None else (("SHA-256 of the labels", labels[:16] + " ..."),)),
        ),
        summary={
            "rows": len(raw),
            "columns": raw.shape[1],
            "type": str(raw.dtype),
            "bytes": int(raw.nbytes),
            "observations": len(data.x),
            "without_label": without,
            "constant_columns": list(constant),
            "features_sha256": features,
            "labels_sha256": labels,
            "rows_are_named": bool((data.rows != data.beside.at).any()),
        },
        light="look" if constant else "good",
    )
