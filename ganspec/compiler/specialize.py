"""Function text with `cfg` settled: what an engineer would have written for one configuration.

The training code is ordinary Python that reads a frozen `cfg`. Its emitted form is that same
text, comments included, in which branches on `cfg` are decided and `cfg.x` is a constant `X`.
"""

from __future__ import annotations

import ast
import operator
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from ganspec.compiler.printer import Printer

UNKNOWN = object()
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
class Symbol:
    """A value of `cfg` that stands for a name of the emitted file, such as a class."""

    name: str


class Specializer:
    """Settles texts against one `cfg`; `constants` are the names that the texts came to need.

    `cfg` itself vanishes from arguments and parameters. So does every name in `absent`, which has
    no value in this configuration: from tuples too, and with what is assigned to it.
    """

    def __init__(self, cfg: dict[str, object], printer: Printer):
        self.cfg, self.printer = cfg, printer
        self.absent = {"cfg"}
        self.constants: dict[str, object] = {}

    def settle(self, source: str, absent: Iterable[str] = ()) -> str:
        """`source` of a function or class with everything about `cfg` decided."""
        text, self.absent = textwrap.dedent(source), {"cfg", *absent}
        while (changed := self._statement(text)) is not None:
            text = changed
        while (changed := self._conditional(text)) is not None:
            text = changed
        while (changed := self._tuple(text)) is not None:
            text = changed
        return self._names(text)

    # -- deciding -----------------------------------------------------------------------------

    def _statement(self, text: str) -> str | None:
        """`text` with its first settled `if`, or loop of one round, gone; None if there is none."""
        lines = text.splitlines()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.If) and (value := self._decide(node.test)) is not UNKNOWN:
                kept = self._branch(lines, node, bool(value))
            elif isinstance(node, ast.For) and self._once(node):
                kept = _dedented(lines[node.body[0].lineno - 1 : node.end_lineno])
            elif _is_cfg_assignment(node) or self._assigns_absent(node):
                kept = []
            else:
                continue
            return "\n".join([*lines[: node.lineno - 1], *kept, *lines[node.end_lineno :]]) + "\n"
        return None

    def _branch(self, lines: list[str], node: ast.If, value: bool) -> list[str]:
        if value:
            last = node.body[-1].end_lineno
            return _dedented(lines[node.test.end_lineno : last])
        if not node.orelse:
            return []
        first = node.orelse[0]
        if isinstance(first, ast.If) and lines[first.lineno - 1].lstrip().startswith("elif"):
            head = lines[first.lineno - 1].replace("elif", "if", 1)
            return [head, *lines[first.lineno : node.end_lineno]]
        start = node.body[-1].end_lineno  # comments above `else` go with it
        while lines[start].strip() != "else:":
            start += 1
        return _dedented(lines[start + 1 : node.end_lineno])

    def _once(self, node: ast.For) -> bool:
        match node.iter:
            case ast.Call(func=ast.Name(id="range"), args=[only]):
                return self._decide(only) == 1
        return False

    def _assigns_absent(self, node: ast.AST) -> bool:
        if not isinstance(node, ast.Assign):
            return False
        parts = (node.targets[0], node.value)
        return any(isinstance(p, ast.Name) and p.id in self.absent for p in parts)

    def _conditional(self, text: str) -> str | None:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.IfExp) and (value := self._decide(node.test)) is not UNKNOWN:
                kept = ast.get_source_segment(text, node.body if value else node.orelse)
                return _spliced(text, [(node, kept)])
            if isinstance(node, ast.BoolOp):  # what is known of it is neutral, or all is known
                left = [v for v in node.values if self._decide(v) is UNKNOWN]
                if left and len(left) < len(node.values):
                    word = " and " if isinstance(node.op, ast.And) else " or "
                    parts = [ast.get_source_segment(text, v) for v in left]
                    return _spliced(text, [(node, word.join(parts))])
        return None

    def _tuple(self, text: str) -> str | None:
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Tuple):
                continue
            kept = [e for e in node.elts if not self._is_absent(e)]
            if len(kept) < len(node.elts):
                parts = ", ".join(ast.get_source_segment(text, e) for e in kept)
                return _spliced(text, [(node, parts)])
        return None

    def _is_absent(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id in self.absent

    def _decide(self, node: ast.expr) -> object:
        """The value of an expression that reads nothing but `cfg`, else UNKNOWN."""
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Attribute(attr=name) if _is_cfg(node.value):
                return self.cfg[name]
            case ast.UnaryOp(op=ast.Not() | ast.USub() as op, operand=operand):
                value = self._decide(operand)
                if value is UNKNOWN:
                    return UNKNOWN
                return not value if isinstance(op, ast.Not) else -value
            case ast.BoolOp(op=op, values=values):
                found = [self._decide(v) for v in values]
                known = [v for v in found if v is not UNKNOWN]
                if isinstance(op, ast.And):
                    return False if not all(known) else UNKNOWN if UNKNOWN in found else True
                return True if any(known) else UNKNOWN if UNKNOWN in found else False
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
                a, b = self._decide(left), self._decide(right)
                known = a is not UNKNOWN and b is not UNKNOWN
                return COMPARISONS[type(op)](a, b) if known else UNKNOWN
        return UNKNOWN

    # -- naming -------------------------------------------------------------------------------

    def _names(self, text: str) -> str:
        edits = []
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call):
                edits += self._call(text, node)
            if isinstance(node, ast.Attribute) and _is_cfg(node.value):
                if isinstance(self.cfg[node.attr], partial):
                    continue  # replaced with its call
                edits.append((node, self._constant(node.attr)))
            if isinstance(node, ast.arguments):
                edits += [(a, "") for a in node.args if a.arg in self.absent]
        return _spliced(text, edits)

    def _call(self, text: str, node: ast.Call) -> list[tuple[ast.AST, str]]:
        edits: list[tuple[ast.AST, str]] = [
            (a, "") for a in node.args if _is_cfg(a) or self._is_absent(a)
        ]
        if isinstance(node.func, ast.Attribute) and _is_cfg(node.func.value):
            value = self.cfg[node.func.attr]
            if isinstance(value, partial):
                edits.append((node.func, self.printer.name(value.func)))
                options = self.printer.options(value.keywords)
                last = [*node.args, *(k.value for k in node.keywords)]
                if options and last:
                    end = ast.get_source_segment(text, last[-1])
                    edits.append((last[-1], ", ".join([end, *options])))
        return edits

    def _constant(self, name: str) -> str:
        value = self.cfg[name]
        if isinstance(value, Symbol):
            return value.name
        if callable(value):
            return self.printer.name(value)
        if isinstance(value, (bool, str, tuple)) or value is None:
            return self.printer.value(value)
        self.constants[name.upper()] = value
        return name.upper()


def _is_cfg(node: ast.AST) -> bool:
    match node:
        case ast.Name(id="cfg") | ast.Attribute(value=ast.Name(id="self"), attr="cfg"):
            return True
    return False


def _is_cfg_assignment(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign) and _is_cfg(node.targets[0]) and _is_cfg(node.value)


def _dedented(lines: list[str]) -> list[str]:
    return [line.removeprefix("    ") for line in lines]


def _spliced(text: str, edits: list[tuple[ast.AST, str]]) -> str:
    """`text` with each node's span replaced; an emptied argument takes its comma along."""
    data, starts = text.encode(), [0]  # ast counts columns in bytes
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    spans = [
        (starts[n.lineno - 1] + n.col_offset, starts[n.end_lineno - 1] + n.end_col_offset, new)
        for n, new in edits
    ]
    for start, end, new in sorted(spans, reverse=True):
        before, after = data[:start], data[end:]
        if not new and before.rstrip().endswith(b","):
            before = before.rstrip()[:-1]
        elif not new and after.lstrip().startswith(b","):
            after = after.lstrip()[1:].lstrip()
        data = before + new.encode() + after
    return data.decode()
