"""Model directories: model.safetensors (every number) and model.json (every word). No pickle; a foreign or damaged
file is one clear error.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from sfumato import catalogue, labels
from sfumato.choice import Choice
from sfumato.core.errors import FileError, ParameterError, RefusedError
from sfumato.data.encoder import TableEncoder
from sfumato.labels import Law
from sfumato.train import checkpoint as files
from sfumato.train.networks import NAMES, build

if TYPE_CHECKING:
    from sfumato.estimators import Classifier, Learner, Regressor

FORMAT = 1


def _plain(value: Any) -> Any:
    """JSON-ready, or None where it cannot be told in JSON."""
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    raise RefusedError(f"a value of type {type(value).__name__} in a model", "numbers, strings and lists of them")


def save(clf: Learner, path: Path) -> None:
    """Write the fitted classifier or regressor into the directory ``path``."""
    law: Any = clf.law_
    fields = {name: getattr(law, name) for name in law.needs()} if isinstance(law, Law) else {}
    tensors: dict[str, Tensor] = {f"law.{k}": v for k, v in fields.items() if isinstance(v, Tensor)}
    for which, weights in (("last", clf.last_), ("chosen", clf.chosen_)):
        for m, state in enumerate(weights or []):
            tensors |= {f"{which}.{m}.{k}": v for k, v in state.items()}
    for m, bank in enumerate(clf.banks_):
        tensors |= {f"bank.{m}.{k}": v for k, v in (bank or {}).items()}
    for name, value in clf.needs_.items():
        if isinstance(value, (Tensor, np.ndarray)):
            tensors[f"needs.{name}"] = torch.as_tensor(value)
    card = clf.method_
    words = {
        "format": FORMAT,
        "method": None if card is None else {"name": card.name, "kind": card.kind},
        "fields": {k: _plain(v) for k, v in clf.objective_.get_params(deep=False).items()} if card is not None else {},
        "classes": None if clf.class_names_ is None else _plain(list(clf.class_names_)),
        "k": clf.k_,
        "law": {
            "name": (type(law) if isinstance(law, Law) else law).__name__,
            "bound": isinstance(law, Law),
            "fields": {k: _plain(v) for k, v in fields.items() if not isinstance(v, Tensor)},
        },
        "needs": {k: _plain(v) for k, v in clf.needs_.items() if not isinstance(v, (Tensor, np.ndarray))},
        "network": clf.network if clf.network in NAMES else "own",
        "hidden": _plain(list(clf.hidden)),
        "dropout": clf.dropout,
        "precision": clf.precision,
        "epoch": clf.epoch,
        "chosen_epoch": clf.chosen_epoch_,
        "choose_by": clf.choose_by,
        "history": clf.history_,
        "scores": clf.scores_,
        "choice": None if clf.choice_ is None else clf.choice_.to_dict(),
        "scale": [clf.centre_, clf.spread_] if hasattr(clf, "centre_") else None,
        "encoder": clf.encoder_.to_dict(),
        "shape": list(clf.encoder_.shape_out),
        "weights": files.digest(*[tensors[k] for k in sorted(tensors)]),
    }
    files.save(path / "model.safetensors", tensors, {"kind": "model"})
    files.write_atomic(path / "model.json", json.dumps(words, indent=1, ensure_ascii=False).encode())


def load(path: Path, network: Any = None) -> Classifier | Regressor:
    """Read a model directory."""
    from sfumato.estimators import Classifier, Regressor

    words = _words(path / "model.json")
    tensors, meta = files.read(path / "model.safetensors")
    if meta.get("kind") != "model":
        raise FileError(f"{path / 'model.safetensors'} is not a model", "the file that fit wrote")
    if words["weights"] != files.digest(*[tensors[k] for k in sorted(tensors)]):
        raise FileError(f"{path}: model.json and model.safetensors do not belong together", "both files of one fit")
    if words["network"] == "own" and network is None:
        raise ParameterError(
            f"{path} was fitted with a network of your own", "that network", "pass network=... to load"
        )
    if words["method"] is None:
        raise FileError(
            f"{path} was fitted with an objective that has no card",
            "a declared method",
            "declare it with @method before saving",
        )
    encoder = TableEncoder.from_dict(words["encoder"])
    scale = words.get("scale")  # a regressor's; models of older versions have none
    clf = (Classifier if scale is None else Regressor)(
        network=words["network"] if network is None else network,
        hidden=tuple(words["hidden"]),
        dropout=words["dropout"],
        standardise=encoder.standardise,
        precision=words["precision"],
        epoch=words["epoch"],
        choose_by=words["choose_by"],
    )
    card = catalogue.method(words["method"]["name"], "learn", (words["method"]["kind"],))
    clf.method, clf.method_, clf.objective_ = card.name, card, card.cls(**words["fields"])
    clf.k_, clf.class_names_ = words["k"], None if words["classes"] is None else tuple(words["classes"])
    if isinstance(clf, Regressor):
        clf.centre_, clf.spread_ = words["scale"]
    else:
        clf.classes_ = np.asarray(clf.class_names_ if clf.class_names_ is not None else range(clf.k_))
    clf.history_, clf.scores_, clf.chosen_epoch_ = words["history"], words["scores"], words["chosen_epoch"]
    chosen = words.get("choice")  # models of older versions have none
    clf.choice_ = None if chosen is None else Choice.from_dict(chosen)
    clf.needs_ = words["needs"] | {k.removeprefix("needs."): v for k, v in tensors.items() if k.startswith("needs.")}
    clf.encoder_ = encoder
    law_class = _law(words["law"]["name"])
    bound = {k.removeprefix("law."): v for k, v in tensors.items() if k.startswith("law.")} | words["law"]["fields"]
    clf.law_ = law_class.bound(**bound) if words["law"]["bound"] else law_class
    clf.head_ = clf.objective_.head_for(clf.law_)
    shape = tuple(words["shape"])
    clf.n_features_in_ = int(np.prod(shape))
    clf.last_, clf.chosen_ = _weights(tensors, "last"), _weights(tensors, "chosen") or None
    clf.banks_ = _weights(tensors, "bank") or [None] * len(clf.last_)
    solved = clf.objective_.predictor
    try:
        clf.networks_ = [
            (
                solved(**state)
                if solved is not None
                else build(clf.network, shape, clf.head_.width(clf.k_), 0, clf.hidden, clf.dropout, clf.head_.layer)
            )
            .to(clf._dtype())
            .eval()
            for state in clf.last_
        ]
        return clf.use(clf.epoch)
    except (RuntimeError, KeyError, TypeError) as error:
        raise FileError(f"{path}: the weights do not fit the network: {error}", "the keys that fit wrote") from None


def _words(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileError(
            f"no file {path}",
            "a model directory with model.json and model.safetensors",
            "check the path given to fit --out",
        )
    try:
        words = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise FileError(
            f"{path} is damaged: {error}", "the JSON that fit wrote", "restore it from a copy, or fit again"
        ) from None
    wanted = {
        "format",
        "method",
        "fields",
        "classes",
        "k",
        "law",
        "needs",
        "network",
        "hidden",
        "encoder",
        "shape",
        "weights",
        "epoch",
    }
    if not isinstance(words, dict) or not wanted <= set(words):
        raise FileError(
            f"{path} lacks {sorted(wanted - set(words)) if isinstance(words, dict) else 'everything'}",
            "the JSON that fit wrote",
        )
    if words["format"] != FORMAT:
        raise FileError(
            f"{path} has format {words['format']}", f"format {FORMAT}", "use the version of sfumato that wrote it"
        )
    return words


def _law(name: str) -> Any:
    law = getattr(labels, name, None)
    if not (isinstance(law, type) and issubclass(law, Law)):
        raise FileError(f"a model under an unknown law {name!r}", "a law of sfumato.labels")
    return law


def _weights(tensors: dict[str, Tensor], which: str) -> list[dict[str, Tensor]]:
    out: list[dict[str, Tensor]] = []
    m = 0
    while any(k.startswith(f"{which}.{m}.") for k in tensors):
        out.append({k.removeprefix(f"{which}.{m}."): v for k, v in tensors.items() if k.startswith(f"{which}.{m}.")})
        m += 1
    return out
