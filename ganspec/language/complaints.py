"""Pydantic's complaints about one map, in the language's words and at the smallest place."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ValidationError

from ganspec.language.annotations import describe, entry, fields_of, literals, mapping
from ganspec.language.errors import Diagnostic, nearest, quoted
from ganspec.language.expr import Width
from ganspec.language.tree import Node

BOUNDS = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
}
PROSE = ("doc", "cite", "notes")
LISTS = ("tuple_type", "too_long", "too_short", "missing")


def complaints(
    error: ValidationError, cls: type[BaseModel], node: Node, title: str
) -> Iterator[Diagnostic]:
    """One diagnostic for each field, or entry of a list, that pydantic refused."""
    fields = fields_of(cls)
    items = [i for i in error.errors(include_url=False) if not _is_known(i)]
    for key in dict.fromkeys(item["loc"][:1] for item in items):
        same = [item for item in items if item["loc"][:1] == key]
        if not key or key[0] not in node.value:
            if not key and (refusal := _refusal(same[0])):
                yield Diagnostic(*refusal[:2], node.key_mark or node.mark, (), refusal[2])
            continue
        child, field = node.value[key[0]], fields[key[0]]
        for item in _causes(same, child):
            yield _diagnostic(item, child, key[0], title, field.annotation)


def _is_known(item: dict) -> bool:
    """Whether a field is only absent: it was reported so, or its value was wrong already."""
    return item["type"] == "missing" and len(item["loc"]) == 1


def _causes(items: list[dict], child: Node) -> list[dict]:
    """Of a union's complaints, those about the type that was meant: one for each entry."""
    is_list = isinstance(child.value, list)
    fitting = [i for i in items if is_list == (bool(_entry(i)) or i["type"] in LISTS)] or items
    entries: dict[tuple, dict] = {}
    for item in sorted(fitting, key=_rank):
        entries.setdefault(_entry(item), item)
    whole = [item for entry, item in entries.items() if not entry]
    # a list of the wrong length says that, and nothing of its entries
    return whole[:1] if whole and whole[0]["type"] != "tuple_type" else list(entries.values())[:8]


def _rank(item: dict) -> int:
    kind = item["type"]
    if kind in BOUNDS or kind in ("refusal", "finite_number"):
        return 0
    return 1 if kind in ("too_long", "too_short", "missing") else 2


def _entry(item: dict) -> tuple:
    """Which entry of a list a complaint is about; a length is the whole list's."""
    if item["type"] == "missing":
        return ()
    return tuple(part for part in item["loc"][1:] if isinstance(part, int))


def _refusal(item: dict) -> tuple[str, str, str | None] | None:
    context = item.get("ctx", {})
    if item["type"] != "refusal":
        return None
    return context["code"], context["message"], context["help"]


def _diagnostic(item: dict, child: Node, key: str, title: str, annotation: object) -> Diagnostic:
    named = "[key]" in item["loc"]  # of a map whose keys the spec chooses
    at, label, annotation = _place(item, child, key, annotation)
    mark = at.key_mark if named else at.mark
    got, value = item.get("input"), at.value
    notes = ()
    if isinstance(got, Width) and isinstance(value, str) and value != str(got):
        notes = (f"{quoted(value)} is {got} here",)
    elif isinstance(value, str) and isinstance(got, float):
        notes = (f"{quoted(value)} is {got:g} here",)
    code, message, help = _worded(item, label, title, annotation, at)
    return Diagnostic(code, message, mark, notes, help)


def _place(item: dict, at: Node, key: str, annotation: object) -> tuple[Node, str, object]:
    """The smallest node that a complaint is about, the nearest name above it, and its type."""
    for part in item["loc"][1:] if item["type"] != "missing" else ():
        if isinstance(at.value, dict) and part in at.value:
            at, key = at.value[part], part
            annotation = mapping(annotation)[1]
        elif isinstance(at.value, list) and isinstance(part, int) and part < len(at.value):
            at, annotation = at.value[part], entry(annotation, part)
    return at, key, annotation


def _worded(
    item: dict, key: str, title: str, annotation: object, at: Node
) -> tuple[str, str, str | None]:
    got, kind, context = item.get("input"), item["type"], item.get("ctx", {})
    shown = quoted(at.value if _is_number(at.value) else _number(got))
    if refusal := _refusal(item):
        return refusal
    if kind in BOUNDS:
        bound = BOUNDS[kind].format(**{k: _number(v) for k, v in context.items()})
        return "out-of-range", f"`{key}` must be {bound}, got {shown}", None
    if kind == "finite_number":
        return "out-of-range", f"`{key}` must be finite, got {shown}", None
    if kind == "string_too_long":
        length, most = len(got), context["max_length"]
        return "out-of-range", f"`{key}` has {length} characters of at most {most}", None
    if kind == "too_short" and not got:
        return "out-of-range", f"`{key}` of {title} is empty", "list at least one"
    if kind in ("too_short", "too_long", "missing"):
        return "wrong-type", f"`{key}` is {describe(annotation)}, not of {len(at.value)}", None
    known = [str(value) for value in literals(annotation)]
    if kind == "literal_error" and known:
        close = nearest(got, known) if isinstance(got, str) else None
        help = f"use `{close}`" if close else f"values: {', '.join(known)}"
        return "unknown-value", f"`{key}` cannot be {shown}", help
    message = f"`{key}` is {describe(annotation)}, not {shown}"
    return "wrong-type", message, _conversion(key, annotation, got, at)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(value: object) -> object:
    return f"{value:g}" if isinstance(value, float) else value


def _conversion(key: str, annotation: object, got: object, at: Node) -> str | None:
    """Help where the value is right but written as another type."""
    wanted = describe(annotation)
    if isinstance(got, (int, float)) and "a text" in wanted and key in PROSE:
        return "write it in quotes"
    if isinstance(got, float) and got.is_integer() and "whole number" in wanted:
        return f"write `{int(got)}`"
    if isinstance(got, float) and isinstance(at.value, str) and "/" in at.value:
        return "`//` divides to a whole number"
    return None
