"""Find the values of expressions that are known before the code runs."""

from __future__ import annotations

import ast
import operator
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from torch import nn

from ganspec.compiler.definitions import UnmovableError
from ganspec.compiler.present import Present
from ganspec.compiler.python_text import PythonText
from ganspec.compiler.scopes import FunctionNode

COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
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
    """A value that is known before the code runs.

    `text` is its text in the emitted file, such as a literal or the placeholder of a constant. It
    is None for a value whose text is made only where it is needed, such as a function's.
    """

    value: Any
    text: str | None = None

    @property
    def is_plain(self) -> bool:
        return self.value is None or isinstance(self.value, (bool, int, float, str, tuple))

    def same(self, other: Known | None) -> bool:
        """Return True if `other` is not None, and has the same value, type and text."""
        if other is None or type(self.value) is not type(other.value) or self.text != other.text:
            return False
        return self.value == other.value if self.is_plain else self.value is other.value


@dataclass(frozen=True, eq=False)
class Namespace:
    """The settings that code reads as `cfg.name`, or those of a family, read as `cfg.loss.name`.

    `family` is empty in the first case, and `loss` in the second.
    """

    family: str
    values: dict[str, Any]

    @classmethod
    def of(cls, cfg: Mapping[str, object], family: str = "") -> Namespace:
        inner = {
            k: cls.of(vars(v), k) if isinstance(v, SimpleNamespace) else v for k, v in cfg.items()
        }
        return cls(family, inner)


@dataclass
class Facts:
    """Facts about the names of a text, known before the text runs.

    `arguments` are the known values of parameters of its function or constructor. `aliases` are the
    values of variables, and of attributes such as `self.size`, that only copy a known value.
    `absent` are variables that the configuration does not use. `spell` returns the text of a
    setting, or None. `modules` are the modules of the networks, for code that loops over them.
    `names` has the values of the names in the text's file.
    """

    arguments: dict[str, Known] = field(default_factory=dict)
    spell: Callable[[Namespace, str], str | None] = lambda space, name: None
    absent: frozenset[str] = frozenset()
    modules: list[nn.Module] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)
    aliases: dict[str, Known] = field(default_factory=dict)


class View(PythonText):
    """A Python text whose expressions have known values where these follow from `facts`.

    `settled` has the known values of parameters that the text does not set again, `attributes`
    those of attributes of `self`.
    """

    def __init__(self, text: str, facts: Facts):
        super().__init__(text)
        self.facts = facts
        self.present = Present(self.tree, facts.modules, facts.names)
        self.function = self._function()
        self.scope = self.scopes.all[self.function] if self.function else None
        bound = self.scope.bound if self.scope else {}
        self.settled = {p: k for p, k in facts.arguments.items() if bound.get(p) == 1}
        self.attributes: dict[str, Known] = {}
        self.attributes = self._attributes()

    def _function(self) -> FunctionNode | None:
        """Return the function that the text defines, or its class's `__init__`; None for others."""
        first = self.tree.body[0] if self.tree.body else None
        if isinstance(first, ast.ClassDef):
            first = next((n for n in first.body if getattr(n, "name", "") == "__init__"), None)
        return first if isinstance(first, (ast.FunctionDef, ast.AsyncFunctionDef)) else None

    def _attributes(self) -> dict[str, Known]:
        """Return the known values of attributes of `self`; the keys are texts such as `self.size`.

        An attribute is known if the text sets it once, in `__init__`, to settings or to a settled
        parameter; or if `facts` has it as an alias.
        """
        if not self.tree.body or not isinstance(self.tree.body[0], ast.ClassDef):
            return {}
        stores: Counter[str] = Counter()
        for node in ast.walk(self.tree):
            match node:
                case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                    stores[name] += 1
        attributes = {k: v for k, v in self.facts.aliases.items() if k.startswith("self.")}
        for statement in self.function.body if self.function else ():
            match statement:
                case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)]):
                    value, source = self.known(statement.value), statement.value
                    own = isinstance(source, ast.Name) and source.id in self.settled
                    if value and (own or isinstance(value.value, Namespace)) and stores[name] == 1:
                        attributes[f"self.{name}"] = value
        return attributes

    def known(self, node: ast.AST) -> Known | None:
        """Return the value of an expression as a `Known`, or None if it is unknown.

        It is True or False for an `and` or `or` of which only the truth is known.
        Raise UnmovableError if the expression reads a setting that the configuration lacks.
        """
        if (answer := self.present.known(node)) is not None:
            return plain(answer)
        if self.present.is_none(node):
            return plain(None)
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None as value):
                return Known(value, self.segment(node))
            case ast.Name(id=name, ctx=ast.Load()):
                return self._name(node, name)
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Load()) if (
                f"self.{name}" in self.attributes
            ):
                return self.attributes[f"self.{name}"]
            case ast.Attribute(value=base, attr=name, ctx=ast.Load()):
                inner = self.known(base)
                if inner and isinstance(inner.value, Namespace) and not name.startswith("__"):
                    if name not in inner.value.values:
                        help = f"add the field to the kind, such as `{name}: float = 1.0`"
                        raise UnmovableError(f"`{ast.unparse(node)}`, which is not set", help)
                    return Known(inner.value.values[name], self.facts.spell(inner.value, name))
            case ast.Tuple(elts=parts):
                values = [part for part in map(self.known, parts) if part and part.is_plain]
                if len(values) == len(parts):
                    return Known(tuple(part.value for part in values))
            case ast.UnaryOp(op=ast.Not() | ast.USub() as op, operand=operand):
                return self._unary(op, self.known(operand))
            case ast.BoolOp():
                return self._either(node)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
                a, b = self.known(left), self.known(right)
                try:
                    return plain(COMPARISONS[type(op)](a.value, b.value)) if a and b else None
                except TypeError:  # left for the emitted code to raise
                    return None
        return None

    def rounds(self, node: ast.For, name: str) -> tuple[object, ...]:
        """Return the values of a loop's variable `name`; () if the loop must stay.

        A loop is replaced by its body, once for each value, if it goes over a known tuple and
        compares its variable with something, or over `range(1)` without reading its variable. It
        stays if it has `else`, `break` or `continue`, or if other code uses its variable.
        """
        body = [n for part in node.body for n in ast.walk(part)]
        if node.orelse or any(isinstance(n, (ast.Break, ast.Continue)) for n in body):
            return ()
        reads = self.scopes.reads(name)
        match node.iter:
            case ast.Call(func=ast.Name(id="range"), args=[count]):
                known = self.known(count)
                return (0,) if known and known.value == 1 and not reads else ()
        known = self.known(node.iter)
        if known is None or not isinstance(known.value, tuple):
            return ()
        compared = any(isinstance(n, ast.Compare) and n.left in reads for n in body)
        inside = all(n in body or n is node.target for n in self.scopes.named(name))
        return known.value if compared and inside else ()

    def _name(self, node: ast.Name, name: str) -> Known | None:
        if name in self.facts.absent:
            return plain(None)
        holder = self.scopes.holder(node)
        if holder is self.scope and name in self.settled:
            return self.settled[name]
        if holder is self.scopes.module or holder is self.scope:
            return self.facts.aliases.get(name) if name not in holder.bound else None
        return None

    def _unary(self, op: ast.unaryop, operand: Known | None) -> Known | None:
        if operand is None:
            return None
        if isinstance(op, ast.Not):
            return plain(not operand.value)
        is_number = isinstance(operand.value, (int, float))
        return Known(-operand.value, f"-{operand.text}") if is_number else None

    def _either(self, node: ast.BoolOp) -> Known | None:
        """Return the value of an `and` or `or`, or its truth if only that is known, or None."""
        values = [self.known(v) for v in node.values]
        ends = isinstance(node.op, ast.Or)  # a value with this truth decides the result
        decides = next((i for i, v in enumerate(values) if v and bool(v.value) == ends), None)
        before = values if decides is None else values[: decides + 1]
        if None not in before:
            return before[-1]
        return plain(ends) if decides is not None and _is_pure(node) else None


def fill_comments(text: str, arguments: dict[str, Known]) -> str:
    """Return `text` with settings filled into comments such as `# maximise {cfg.loss.d_goal}`.

    `arguments` are the known arguments of the function. Without `cfg` in them, nothing changes.
    """

    def value(match: re.Match) -> str:
        name, *path = match[2].split(".")
        part = arguments[name].value
        for key in path:
            part = part.values[key]
        return f"{match[1]}{part}"

    return re.sub(r"(?m)^(\s*# .*)\{(cfg(?:\.\w+)+)\}", value, text) if "cfg" in arguments else text


def plain(value: object) -> Known:
    """Return `value` as a `Known` whose text is its `repr`."""
    return Known(value, repr(value))


def _is_pure(node: ast.AST) -> bool:
    """Return True if an expression has no calls but of `isinstance`, no `await` and no `:=`."""
    tests = [n.func for n in ast.walk(node) if isinstance(n, ast.Call)]
    if any(not isinstance(f, ast.Name) or f.id != "isinstance" for f in tests):
        return False
    return not any(isinstance(n, (ast.Await, ast.NamedExpr)) for n in ast.walk(node))
