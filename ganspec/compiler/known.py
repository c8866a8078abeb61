"""Find the values of a text's expressions that are known before it runs."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

from ganspec.compiler.definitions import UntoldError
from ganspec.compiler.present import Present
from ganspec.compiler.scopes import Scopes

COMPARISONS = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}


@dataclass(frozen=True)
class Known:
    """A value, and how the emitted file spells it; None where that has another way to say it."""

    value: object
    text: str | None = None

    @property
    def is_plain(self) -> bool:
        return self.value is None or isinstance(self.value, (bool, int, float, str, tuple))

    def same(self, other: Known | None) -> bool:
        """Return True if both are one value, of one type, spelled alike."""
        if other is None or type(self.value) is not type(other.value) or self.text != other.text:
            return False
        return self.value == other.value if self.is_plain else self.value is other.value


@dataclass(frozen=True, eq=False)
class Namespace:
    """A configuration that texts read as `cfg.name`, or the part of it that is a family's."""

    family: str
    values: dict[str, object]

    @classmethod
    def of(cls, cfg: dict[str, object], family: str = "") -> Namespace:
        inner = {
            k: cls.of(vars(v), k) if isinstance(v, SimpleNamespace) else v for k, v in cfg.items()
        }
        return cls(family, inner)


NONE = Known(None, "None")


class View:
    """A text with what is known of its names.

    `given` are the parameters of its function, or of its class's constructor, whose values are
    known; `aliases` are variables that held nothing else; `spell` writes a setting. `present`
    are the modules that it may go through.
    """

    def __init__(
        self,
        text: str,
        given: dict[str, Known],
        aliases: dict[str, Known],
        absent: frozenset[str],
        spell: Callable[[Namespace, str], str],
        present: Present | None = None,
    ):
        self.text, self.aliases, self.absent, self.spell = text, aliases, absent, spell
        self.tree = ast.parse(text)
        self.present = present.read(self.tree) if present else None
        self.scopes = Scopes(self.tree)
        self.function = self._function()
        scope = self.scopes.all.get(self.function)
        self.scope = scope
        self.given = {p: k for p, k in given.items() if scope and scope.bound.get(p) == 1}
        self.attributes = self._attributes()

    def _function(self) -> ast.AST | None:
        first = self.tree.body[0] if self.tree.body else None
        if isinstance(first, ast.ClassDef):
            return next((n for n in first.body if getattr(n, "name", "") == "__init__"), None)
        return first if isinstance(first, (ast.FunctionDef, ast.AsyncFunctionDef)) else None

    def _attributes(self) -> dict[str, Known]:
        """Return a class's attributes that hold a known configuration or parameter."""
        if not isinstance(self.tree.body[0] if self.tree.body else None, ast.ClassDef):
            return {}
        stores, found = {}, {}
        for node in ast.walk(self.tree):
            match node:
                case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                    stores[name] = stores.get(name, 0) + 1
        for node in getattr(self.function, "body", ()):
            match node:
                case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)]):
                    value = self.known(node.value)
                    own = isinstance(node.value, ast.Name) and node.value.id in self.given
                    own = own or (value and isinstance(value.value, Namespace))
                    if own and stores[name] == 1:
                        found[name] = value
        return {
            **{k: v for k, v in self.aliases.items() if k.startswith("self.")},
            **{f"self.{k}": v for k, v in found.items()},
        }

    def known(self, node: ast.AST) -> Known | None:
        """Return what an expression is, if that is known."""
        if self.present and (answer := self.present.known(node)) is not None:
            return plain(answer)
        if self.present and self.present.is_none(node):
            return NONE
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None as value):
                return Known(value, ast.get_source_segment(self.text, node) or repr(value))
            case ast.Name(id=name, ctx=ast.Load()):
                return self._name(node, name)
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Load()) if (
                f"self.{name}" in getattr(self, "attributes", ())
            ):
                return self.attributes[f"self.{name}"]
            case ast.Attribute(value=base, attr=name, ctx=ast.Load()):
                inner = self.known(base)
                if inner and isinstance(inner.value, Namespace) and not name.startswith("__"):
                    if name not in inner.value.values:
                        raise UntoldError(f"`{ast.unparse(node)}`, which is not set")
                    return Known(inner.value.values[name], self.spell(inner.value, name))
            case ast.Tuple(elts=parts):
                found = [self.known(part) for part in parts]
                if all(part and part.is_plain for part in found):
                    return Known(tuple(part.value for part in found))
            case ast.UnaryOp() | ast.BoolOp() | ast.Compare():
                return self._logic(node)
        return None

    def _name(self, node: ast.Name, name: str) -> Known | None:
        if name in self.absent:
            return NONE
        holder = self.scopes.holder(node)
        if holder is self.scope and name in self.given:
            return self.given[name]
        if holder is self.scopes.module or holder is self.scope:
            return self.aliases.get(name) if name not in holder.bound else None
        return None

    def _logic(self, node: ast.expr) -> Known | None:
        match node:
            case ast.UnaryOp(op=ast.Not() | ast.USub() as op, operand=operand):
                inner = self.known(operand)
                if inner is None:
                    return None
                if isinstance(op, ast.Not):
                    return plain(not inner.value)
                if isinstance(inner.value, (int, float)):
                    return Known(-inner.value, f"-{inner.text}")
            case ast.BoolOp(op=op, values=values):
                found = [self.known(v) for v in values]
                ends = isinstance(op, ast.Or)  # a value of this truth decides all
                decided = next((v for v in found if v and bool(v.value) == ends), None)
                if decided and all(v is not None for v in found[: found.index(decided)]):
                    return decided
                if decided:
                    return plain(ends) if _is_pure(node) else None
                return found[-1] if all(v is not None for v in found) else None
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
                a, b = self.known(left), self.known(right)
                try:
                    return plain(COMPARISONS[type(op)](a.value, b.value)) if a and b else None
                except TypeError:  # left for the text itself to raise, should it run
                    return None
        return None


def plain(value: object) -> Known:
    return Known(value, repr(value))


def _is_pure(node: ast.AST) -> bool:
    """Return True if an expression does nothing, so that leaving it out changes nothing else."""
    tests = [n.func for n in ast.walk(node) if isinstance(n, ast.Call)]
    if any(not isinstance(f, ast.Name) or f.id != "isinstance" for f in tests):
        return False
    return not any(isinstance(n, (ast.Await, ast.NamedExpr)) for n in ast.walk(node))


class Edits:
    """Changes of a text by the positions of its nodes."""

    def __init__(self, text: str):
        self.text, self.data, self.starts = text, text.encode(), [0]  # ast counts in bytes
        for line in self.data.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.changes: dict[tuple[int, int], str] = {}

    def start(self, node: ast.AST) -> int:
        return self.starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.AST) -> int:
        return self.starts[node.end_lineno - 1] + node.end_col_offset

    def replace(self, node: ast.AST, new: str) -> None:
        self.changes[self.start(node), self.end(node)] = new

    def between(self, start: int, end: int) -> str:
        """Return the part of the text from `start` to `end` with its changes made."""
        data = self.data[start:end]
        inside = [(s, e, new) for (s, e), new in self.changes.items() if start <= s and e <= end]
        for s, e, new in sorted(inside, reverse=True):
            data = data[: s - start] + new.encode() + data[e - start :]
        return data.decode()

    def of(self, node: ast.AST) -> str:
        return self.between(self.start(node), self.end(node))

    def outer(self, start: int, end: int, new: str) -> None:
        """Replace a span, and forget the changes within it."""
        self.changes = {
            (s, e): text for (s, e), text in self.changes.items() if not (start <= s and e <= end)
        }
        self.changes[start, end] = new

    def made(self) -> str:
        return self.between(0, len(self.data))
