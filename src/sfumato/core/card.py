"""The declaration of a method: ``@method`` reads its class and keeps one Card that every surface shows."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Collection, Iterator, Mapping
from types import ModuleType
from typing import Any, TypeVar

from .errors import ParameterError
from .words import HOOKS, NEEDS, words

Cls = TypeVar("Cls", bound=type)

CLAIMS = {
    "identity": "with clean labels the risk and its gradient are those of the cross entropy",
    "unbiased": "the expected gradient over the law's population is that of the clean risk",
    "calibrated": "the population minimiser is the posterior P(true label | x)",
    "bounded": "the loss of one observation is bounded",
}
_cards: dict[str, Card] = {}


@dataclasses.dataclass(frozen=True)
class Card:
    """One method as every surface sees it.

    Args: name and aliases (kebab-case), role (learn, aggregate, rules, estimate, score, adapt, infer), kind (what it
    eats: noisy, partial, ...; "any" where the law decides), needs (facts about the world), claims (contract checks it
    must pass), paper (key in refs.bib), summary (first sentence of the docstring), cls (the class), waived (contract
    check -> the reason why it is expected to fail).
    """

    name: str
    aliases: tuple[str, ...]
    role: str
    kind: str
    needs: tuple[str, ...]
    claims: tuple[str, ...]
    paper: str
    summary: str
    cls: type
    waived: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """The card as plain JSON-ready values."""
        keep = ("name", "role", "kind", "paper", "summary")
        lists = ("aliases", "needs", "claims")
        return {k: getattr(self, k) for k in keep} | {k: list(getattr(self, k)) for k in lists}


def method(
    name: str,
    *,
    paper: str,
    claims: tuple[str, ...] = (),
    also: tuple[str, ...] = (),
    waived: Mapping[str, str] | None = None,
) -> Callable[[Cls], Cls]:
    """Declare a class as a method: its name on every surface, its paper, what it claims, its other names.

    Args: name (kebab-case of the paper's name), paper (key in refs.bib), claims (keys of CLAIMS; each becomes a
    contract check), also (other names), waived (contract check -> reason, for a check this method is expected to
    fail; one that passes all the same fails the run).
    """

    def declare(cls: Cls) -> Cls:
        unknown = [claim for claim in claims if claim not in CLAIMS]
        if unknown:
            raise ParameterError(f"{cls.__name__} claims {unknown}", f"claims among {sorted(CLAIMS)}")
        kind = str(getattr(cls, "kind", None) or getattr(getattr(cls, "eats", None), "kind", "any"))
        card = Card(
            name=name,
            aliases=also,
            role=getattr(cls, "role", "learn"),
            kind=kind,
            needs=tuple(sorted(_needs(cls))),
            claims=claims,
            paper=paper,
            summary=_summary(cls),
            cls=cls,
            waived=dict(waived or {}),
        )
        for each in (name, *also):
            other = _cards.get(f"{card.role}/{kind}/{each}")
            if other is not None and other.cls.__qualname__ != cls.__qualname__:
                raise ParameterError(
                    f"two methods named {each!r}: {other.cls} and {cls}", "one name per method and kind"
                )
            _cards[f"{card.role}/{kind}/{each}"] = card
        cls.card = card  # type: ignore[attr-defined]
        return cls

    return declare


def _summary(cls: type) -> str:
    doc = inspect.cleandoc(cls.__doc__ or "")
    return " ".join(doc.split("\n\n")[0].split())


def _needs(cls: type) -> set[str]:
    """What the world must supply: needs named by hooks, and the fields of the law that a hook asks for."""
    named: set[str] = set()
    for hook in HOOKS:
        function = getattr(cls, hook, None)
        if function is not None:
            named.update(words(function))
    found = named & set(NEEDS)
    law = getattr(cls, "law", None)
    if "law" in named and law is not None:
        found |= set(law.needs()) - set(law.read_off)
    begins = words(cls.learns) if hasattr(cls, "learns") else ()  # a learned need that learning starts from
    return found - (set(getattr(cls, "learned", ())) - set(begins))


def discover(package: ModuleType) -> None:
    """Import every module below a package, so that one file is enough to add a method."""
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(info.name)


def cards(role: str | None = None, kinds: Collection[str] | None = None) -> Iterator[Card]:
    """Every declared card once, in order of role, kind and name; ``role`` and ``kinds`` (a kind and its ancestors)
    narrow it.
    """
    seen = {id(card): card for card in _cards.values()}
    for card in sorted(seen.values(), key=lambda c: (c.role, c.kind, c.name)):
        if (role is None or card.role == role) and (kinds is None or card.kind == "any" or card.kind in kinds):
            yield card


_LONGEST = 800  # characters of a list that a person still reads


def find(name: str, *, role: str, kinds: Collection[str] | None = None) -> Card:
    """The card of that name or alias; where several kinds share the name, the first of ``kinds`` wins; an unknown
    name lists the known ones.
    """
    hits = [c for c in cards(role, kinds) if name == c.name or name in c.aliases]
    if len(hits) > 1 and kinds is not None:
        order = [*kinds, "any"]
        hits = sorted(hits, key=lambda c: order.index(c.kind))[:1]
    if len(hits) == 1:
        return hits[0]
    if len(hits) > 1:
        raise ParameterError(
            f"{name!r} names methods for {sorted(c.kind for c in hits)} labels", "one kind", "say which kind of labels"
        )
    known = sorted({n for c in cards(role, kinds) for n in (c.name, *c.aliases)})
    elsewhere = sorted({c.kind for c in cards(role) if name in (c.name, *c.aliases)})
    near = difflib.get_close_matches(str(name), known, n=3)
    hint = (
        f"{name!r} exists for {', '.join(elsewhere)} labels only"
        if elsewhere
        else ("did you mean " + " or ".join(near) + "?" if near else "")
    )
    where = f" for {next(iter(kinds))} labels" if kinds else ""
    wanted = "one of " + ", ".join(known)
    if len(wanted) > _LONGEST:
        listed = ", ".join(difflib.get_close_matches(str(name), known, n=8, cutoff=0.3))
        wanted = f"one of {len(known)} names that `sfumato methods` lists" + (f", such as {listed}" if listed else "")
    raise ParameterError(f"no {role} method named {name!r}{where}", wanted, hint)
