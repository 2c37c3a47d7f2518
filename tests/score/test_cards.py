"""What the cards of all rooms say of the labels that they take."""

from __future__ import annotations

import sfumato as sf


def test_kinds_are_spelled_as_those_of_labels() -> None:
    names = {cls.kind for cls in vars(sf.labels).values() if isinstance(cls, type) and "kind" in vars(cls)}
    spelled = {kind.replace("-", ""): kind for kind in names}
    assert spelled["multilabel"] == "multi-label"
    for card in sf.methods():
        assert card.kind == spelled.get(card.kind.replace("-", ""), card.kind), card.name
    assert "multilabel-quality" in {card.name for card in sf.methods("score", "multi-label")}
