"""Read plain data in a scope: names in sight, the path, and the mistakes so far."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping

from pydantic import BaseModel

from ganspec.language.annotations import describe, leaves, literals, options, words
from ganspec.language.errors import (
    Diagnostic,
    Mark,
    SpecError,
    listed,
    nearest,
    quoted,
    suggestion,
)
from ganspec.language.expr import ExpressionError, UnknownValueError, evaluate
from ganspec.language.tree import Node

MAX_ERRORS = 50
YAML_1_1_WORDS = {
    **dict.fromkeys(("yes", "on", "y"), "true"),
    **dict.fromkeys(("no", "off", "n"), "false"),
}
MISSING = object()  # in place of a value that is wrong or cannot be known


class Scope:
    """Names, blocks and the path to a value; mistakes gather in `diagnostics`."""

    def __init__(self, framework: str):
        self.framework = framework
        self.names: Mapping[str, object] = {}
        self.vars: Mapping[str, object] = {}  # the part of `names` that is in sight everywhere
        self.blocks: dict[
            str, tuple[BaseModel | None, Node | None]
        ] = {}  # by name: signature and layers
        self.diagnostics: list[Diagnostic] = []
        self.layer_count = 0
        self.calls: tuple[str, ...] = ()  # blocks being opened
        self.path: tuple[str, ...] = ()
        self.opened: set[str] = set()  # blocks that were called
        self.names_known = True  # False where `vars` itself cannot be read
        self.listed: set[str] = set()  # families whose kinds a help has listed

    def report(
        self, code: str, message: str, mark: Mark, help: str | None = None, *notes: str
    ) -> None:
        """Record one mistake. Raises SpecError where there are too many to read."""
        self.diagnostics.append(Diagnostic(code, message, mark, notes, help))
        if len(self.diagnostics) >= MAX_ERRORS:
            rest = Diagnostic("too-many", f"{MAX_ERRORS} mistakes or more; not all are shown")
            raise SpecError([*self.diagnostics, rest])

    def wrong(self, node: Node, wanted: str, help: str | None = None) -> object:
        """Report a value of another type than `wanted`. Return MISSING."""
        self.report("wrong-type", f"{wanted}, not {quoted(node.value)}", node.mark, help)
        return MISSING

    def inside(self, key: str, function: Callable, *arguments: object) -> object:
        """Return `function(*arguments)`, called with `key` added to the path."""
        outer, self.path = self.path, (*self.path, key)
        result = function(*arguments)
        self.path = outer
        return result

    def known(self, node: Node, names: list[str], title: str) -> bool:
        """Return True if every key of a map is one of `names`; report the others."""
        unknown = [key for key in node.value if key not in names]
        what = "section" if title == "the spec" else "field"
        for key in unknown:
            help = suggestion(key, names, f"{what}s") if names else "it takes no fields"
            message = f"{title} has no {what} {quoted(key)}"
            self.report("unknown-field", message, node.value[key].key_mark or node.mark, help)
        return not unknown

    def complete(self, node: Node, needed: list[str], title: str) -> bool:
        """Return True if a map has every key that it needs; report the missing ones."""
        lacking = [name for name in needed if name not in node.value]
        # a misspelt key is one mistake, and was reported as such
        misspelt = [nearest(k, lacking) for k in node.value if k not in needed] if lacking else []
        missing = [name for name in lacking if name not in misspelt]
        if missing:
            message, mark = f"{title} needs {listed(missing)}", node.key_mark or node.mark
            self.report("missing-field", message, mark, f"add {listed(f'{m}:' for m in missing)}")
        return not lacking

    def data(self, annotation: object, node: Node, name: str) -> object:
        """Return plain data, or MISSING; a text where a number belongs is an expression."""
        allowed = set(leaves(annotation))
        if isinstance(node.value, list):
            if not any(typing.get_origin(o) is tuple for o in options(annotation)):
                return self.wrong(node, f"`{name}` is {describe(annotation)}")
            found = [self.data(annotation, child, name) for child in node.value]
            return MISSING if any(value is MISSING for value in found) else tuple(found)
        if isinstance(node.value, dict):
            return self.wrong(node, f"`{name}` is {describe(annotation)}")
        real = float in allowed and int not in allowed
        if not isinstance(node.value, str) or node.value in words(annotation) or str in allowed:
            whole = isinstance(node.value, int) and not isinstance(node.value, bool)
            return _real(node.value) if whole and real else node.value
        if bool in allowed and (meant := YAML_1_1_WORDS.get(node.value.lower())):
            message = f"{quoted(node.value)} is a word, not true or false"
            self.report("wrong-type", message, node.mark, f"write `{meant}`")
            return MISSING
        if not {int, float} & allowed:
            return node.value
        return self._number(node, name, literals(annotation), real)

    def _number(self, node: Node, name: str, values: list[object], real: bool) -> object:
        """Return the value of an expression, or MISSING."""
        try:
            value = evaluate(node.value, self.names)
            return float(value) if real else value
        except UnknownValueError:
            return MISSING
        except ExpressionError as error:
            if error.code == "unknown-name" and not self.names_known:
                return MISSING
            if values and node.value.isidentifier():
                help = suggestion(node.value, map(str, values), "values")
                message = f"`{name}` cannot be {quoted(node.value)}"
                self.report("unknown-value", message, node.mark, help)
            else:
                mark = node.mark.within(node.value, error.start, error.end)
                self.report(error.code, error.message, mark, error.help)
            return MISSING


def _real(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
