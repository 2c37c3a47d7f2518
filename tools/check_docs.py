"""Docstrings and refs.bib, read from the text alone: nothing is imported, so it takes a second and needs no torch.

1. Every public class and function of the rooms that hold methods and labels has a docstring.
2. Every annotated field of a class under ``@method`` is named in the part of its docstring that begins with "Args".
3. Every ``paper="key"`` of ``@method`` is a key of refs.bib.
4. refs.bib: every key once; author (or editor), title and year in each entry.

    python tools/check_docs.py [repository root]
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOMS = ("labels", "learn", "aggregate", "rules", "estimate", "score", "adapt", "infer")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def _fields(body: str) -> dict[str, str] | None:
    """The fields of one entry, from after its key; None where braces or quotes do not close."""
    fields: dict[str, str] = {}
    at = 0
    while name := re.compile(r"[\s,]*([\w-]+)\s*=\s*").match(body, at):
        at = start = name.end()
        depth, quoted = 0, body[at : at + 1] == '"'
        for at in range(start, len(body)):
            letter = body[at]
            depth += (letter == "{") - (letter == "}")
            if depth < 0 or (depth == 0 and at > start and (letter == '"' if quoted else letter in "},")):
                break
        else:
            return None
        if (body[at] == "}" and depth == 0) or quoted:
            at += 1
        fields[name[1].lower()] = body[start:at].strip().strip('{}"').strip()
    return fields if re.fullmatch(r"[\s,]*\}\s*", body[at:]) else None


def read_bib(text: str) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Entries by key, each a dict of lower-case fields, and what is wrong with them."""
    entries: dict[str, dict[str, str]] = {}
    wrong: list[str] = []
    text = re.sub(r"^\s*%.*$", "", text, flags=re.MULTILINE)
    # A line that opens an entry also closes the one before: a forgotten brace then costs one entry, not the rest.
    for chunk in re.split(r"^(?=@)", text, flags=re.MULTILINE):
        if not chunk.strip():
            continue
        head = re.match(r"@\w+\s*\{\s*([^\s,{}]+)\s*,", chunk)
        if head is None:
            wrong.append(f"refs.bib: not an entry: {chunk.strip().splitlines()[0][:60]!r}")
            continue
        key, fields = head[1], _fields(chunk[head.end() :])
        if key in entries:
            wrong.append(f"refs.bib: {key}: the key stands twice")
        entries[key] = fields or {}
        if fields is None:
            wrong.append(f"refs.bib: {key}: braces or quotes do not close, or text stands between fields")
            continue
        missing = [name for name in ("author", "title", "year") if not fields.get(name)]
        if "author" in missing and fields.get("editor"):
            missing.remove("author")
        if missing:
            wrong.append(f"refs.bib: {key}: no {', '.join(missing)}")
        elif not re.fullmatch(r"\d{4}", fields["year"]):
            wrong.append(f"refs.bib: {key}: the year is {fields['year']!r}, not four digits")
    return entries, wrong


def public(tree: ast.Module) -> Iterator[ast.ClassDef | Function]:
    """The classes and functions at the top of a module that ``__all__`` lists, or that have no leading underscore."""
    listed: set[str] | None = None
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            listed = set(ast.literal_eval(node.value))
    for node in tree.body:
        if isinstance(node, ast.ClassDef | Function):
            if node.name in listed if listed is not None else not node.name.startswith("_"):
                yield node


def declaration(node: ast.ClassDef) -> ast.Call | None:
    """The call of ``@method(...)`` above a class."""
    for call in node.decorator_list:
        if isinstance(call, ast.Call):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if name == "method":
                return call
    return None


def own_fields(node: ast.ClassDef) -> list[str]:
    """Annotated names in the body of a class: what may be set and tuned; ClassVar and private names are not."""
    return [
        item.target.id
        for item in node.body
        if isinstance(item, ast.AnnAssign)
        and isinstance(item.target, ast.Name)
        and not item.target.id.startswith("_")
        and "ClassVar" not in ast.unparse(item.annotation)
    ]


def check_module(where: str, text: str, keys: set[str]) -> list[str]:
    """What is wrong with the docstrings and the papers of one module."""
    wrong: list[str] = []
    for node in public(ast.parse(text, filename=where)):
        at = f"{where}:{node.lineno}: {node.name}"
        doc = ast.get_docstring(node) or ""
        if not doc.strip():
            wrong.append(f"{at}: no docstring")
            continue
        if not isinstance(node, ast.ClassDef) or (call := declaration(node)) is None:
            continue
        papers = [word.value for word in call.keywords if word.arg == "paper"]
        if not papers:
            wrong.append(f"{at}: @method names no paper")
        for paper in papers:
            try:
                value = ast.literal_eval(paper)
            except ValueError:
                wrong.append(f"{at}: the paper is not written out as a string")
                continue
            wrong += [
                f"{at}: paper {key!r} is not a key of refs.bib" for key in re.split(r"[\s,]+", value) if key not in keys
            ]
        start = re.search(r"^\s*Args\b", doc, flags=re.MULTILINE)
        said = doc[start.start() :] if start else ""
        silent = [name for name in own_fields(node) if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said)]
        if silent:
            wrong.append(f"{at}: the docstring's Args do not name {', '.join(silent)}")
    return wrong


def check(root: Path) -> list[str]:
    """Everything that is wrong under a repository root, one line each."""
    entries, wrong = read_bib((root / "refs.bib").read_text(encoding="utf-8"))
    for room in ROOMS:
        for path in sorted((root / "src" / "sfumato" / room).rglob("*.py")):
            wrong += check_module(str(path.relative_to(root)), path.read_text(encoding="utf-8"), set(entries))
    return wrong


def main() -> int:
    """Print what is wrong; exit code 1 if anything is."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    wrong = check(root)
    print("\n".join(wrong) if wrong else "docstrings and refs.bib: nothing wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
