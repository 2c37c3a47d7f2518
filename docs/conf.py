"""Sphinx set-up. The pages of the methods and of the API are written from the cards and the modules at each build."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import pkgutil
import re
import shutil
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # tools/ is no part of the installed package

from sphinx.util.inspect import stringify_signature  # noqa: E402

import sfumato  # noqa: E402
from tools.check_docs import read_bib  # noqa: E402

project = "sfumato"
author = copyright = "The sfumato maintainers"
release = version = importlib.metadata.version("sfumato")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_gallery.gen_gallery"]
exclude_patterns = ["_build", "examples", "decisions/0000-template.md"]
myst_heading_anchors = 3
# Annotations name classes by their short names, and two rooms may have a Table each: such a name stays without a link.
suppress_warnings = ["ref.python"]
smartquotes = False  # "quoted" strings in docstrings are code more often than prose
html_theme = "alabaster"
html_theme_options = {"description": "Learning, audit and inference with imperfect labels", "page_width": "72rem"}
html_static_path = ["_static"]
html_css_files = ["sfumato.css"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "abort_on_example_error": True,
    "show_memory": False,
    "download_all_examples": False,
    "write_computation_times": False,
}

ROLES = {
    "learn": "Objectives that learn from imperfect labels",
    "aggregate": "From the votes of many sources to a posterior",
    "rules": "From a few labels, or from scores, to labeling functions",
    "estimate": "From data to one unknown of the world",
    "score": "From a model's output to one number per sample",
    "adapt": "From a finished predictor to another",
    "infer": "Valid statistics from imperfect labels",
}


def escape(text: str) -> str:
    """Plain text as reStructuredText that shows it unchanged."""
    return re.sub(r"([\\*`|_<>])", r"\\\1", text)


def heading(text: str, mark: str = "=") -> list[str]:
    text = escape(text)
    return [text, mark * max(len(text), 3), ""]


def plain(doc: str) -> list[str]:
    """A docstring: its first paragraph as prose, the rest as it was typed. Formulas in it are ASCII, not markup."""
    first, _, rest = inspect.cleandoc(doc).partition("\n\n")
    lines = [escape(" ".join(first.split())), ""]
    if rest.strip():
        lines += [".. code-block:: text", "   :class: docstring", "", *(f"   {line}" for line in rest.splitlines()), ""]
    return lines


def write(folder: str, pages: dict[str, list[str]]) -> None:
    """Write a folder of generated pages anew; what an earlier build left for a method that is gone goes with it."""
    shutil.rmtree(HERE / folder, ignore_errors=True)
    (HERE / folder).mkdir()
    for name, lines in pages.items():
        (HERE / folder / f"{name}.rst").write_text("\n".join(lines) + "\n", encoding="utf-8")


def toctree(names: Iterable[str]) -> list[str]:
    return [".. toctree::", "   :hidden:", "", *(f"   {name}" for name in names), ""]


def reference(key: str, entry: dict[str, str]) -> str:
    """One source as a line of text."""
    where = next((entry[f] for f in ("journal", "booktitle", "publisher", "eprint", "howpublished") if f in entry), "")
    who = entry.get("author", entry.get("editor", "")).replace(" and ", "; ")
    line = ". ".join(part for part in (who, entry["title"], where, entry["year"]) if part)
    return escape(re.sub(r"[{}]", "", line)) + f". ``{key}``"


def method_pages() -> None:
    """One page per card and an index, from ``sfumato.methods()`` and refs.bib."""
    sources, wrong = read_bib((HERE.parent / "refs.bib").read_text(encoding="utf-8"))
    if wrong:
        raise SystemExit("\n".join(wrong))
    pages: dict[str, list[str]] = {}
    index = [*heading("Methods"), "Every method that ``sfumato methods`` lists, by what it does and what it eats.", ""]
    for role, in_role in groupby(
        sorted(sfumato.methods(), key=lambda c: (list(ROLES).index(c.role), c.kind, c.name)), lambda c: c.role
    ):
        index += heading(ROLES[role], "-")
        for kind, cards in groupby(in_role, lambda c: c.kind):
            index += [f".. rubric:: {escape(kind)}", "", ".. list-table::", "   :widths: 22 78", ""]
            for card in cards:
                page = f"{role}-{kind}-{card.name}"
                index += [f"   * - :doc:`{card.name} <{page}>`", f"     - {escape(card.summary)}"]
                pages[page] = method_page(card, sources)
            index.append("")
    write("methods", {"index": index + toctree(pages), **pages})


def method_page(card: Any, sources: dict[str, dict[str, str]]) -> list[str]:
    """What the card says, the docstring, the signature, the source."""
    facts = {
        "Other names": ", ".join(f"``{name}``" for name in card.aliases),
        "Role": card.role,
        "Labels": escape(card.kind),
        "Needs": ", ".join(f"``{need}``" for need in card.needs),
        "Claims": ", ".join(card.claims),
        "Class": f"``{card.cls.__module__}.{card.cls.__qualname__}``",
    }
    fields = [f":{name}: {value}" for name, value in facts.items() if value]
    call = [f"   {card.cls.__name__}{stringify_signature(inspect.signature(card.cls), show_return_annotation=False)}"]
    keys = re.split(r"[\s,]+", card.paper)
    if unknown := [key for key in keys if key not in sources]:
        raise SystemExit(f"{card.name}: not in refs.bib: {', '.join(unknown)}")
    source = [f"* {reference(key, sources[key])}" for key in keys]
    return [
        *heading(card.name),
        *plain(card.cls.__doc__),
        *fields,
        "",
        *(".. code-block:: python", "", *call, ""),
        *(".. rubric:: Source", "", *source, ""),
    ]


def api_pages() -> None:
    """One page per room, each of its modules in turn."""
    pages: dict[str, list[str]] = {}
    for room in pkgutil.iter_modules(sfumato.__path__, "sfumato."):
        names = [room.name]
        if room.ispkg:
            package = importlib.import_module(room.name)
            names += [info.name for info in pkgutil.walk_packages(package.__path__, f"{room.name}.")]
        lines = heading(room.name)
        for name in names:
            if any(part.startswith("_") for part in name.split(".")):
                continue
            if name != room.name:
                lines += heading(name, "-")
            # A name that a package passes on is described once, in the module where it stands.
            lines += [f".. automodule:: {name}", "   :members:", "   :ignore-module-all:", "   :show-inheritance:", ""]
        pages[room.name.removeprefix("sfumato.")] = lines
    listed = [f"* :doc:`{name}`" for name in pages]
    write("api", {"index": [*heading("API"), "The rooms of the house.", "", *listed, "", *toctree(pages)], **pages})


def as_typed(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Autodoc reads docstrings as markup; ours are plain text."""
    lines[:] = plain("\n".join(lines)) if any(lines) else []


def from_root(app: Any, page: str, source: list[str]) -> None:
    """README and CONTRIBUTING stand at the root of the repository; here they are pages among the others."""
    if page in ("readme", "contributing"):
        file = HERE.parent / f"{page.upper()}.md"
        app.env.note_dependency(str(file))
        text = file.read_text(encoding="utf-8")
        for there, here in (
            ("docs/measurements)", "measurements/index.md)"),
            ("docs/", ""),
            ("CONTRIBUTING.md", "contributing.md"),
            ("LICENSE", "../LICENSE"),
            ("refs.bib", "../refs.bib"),
        ):
            text = text.replace(f"]({there}", f"]({here}")
        source[0] = text


def setup(app: Any) -> None:
    method_pages()
    api_pages()
    app.connect("source-read", from_root)
    app.connect("autodoc-process-docstring", as_typed)
