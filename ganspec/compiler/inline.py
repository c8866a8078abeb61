"""Functions that an emitted file has no use for, written where they are called."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from ganspec.compiler.known import Edits
from ganspec.compiler.scopes import Scope, Scopes, every_argument
from ganspec.compiler.symbols import MARK

SIMPLE = (ast.Name, ast.Constant, ast.Attribute)
PRIMARY = (*SIMPLE, ast.Call, ast.Subscript)
HEAD = 4  # lines of a function besides its body: its first, its docstring, and blank ones
HELD = (ast.Assign, ast.Return, ast.Yield, ast.Call, ast.keyword, ast.Tuple, ast.Slice)
PRODUCTS = (ast.Mult, ast.Div, ast.FloorDiv)


def inline(texts: list[str], marks: list[str]) -> list[str]:
    """Return texts in which functions called `marks` stand in place of their calls.

    A text is emptied that nothing calls any more. A function is left where its names would clash,
    and where it is called so often that it would be longer in place than on its own.
    """

    def pays(function: Function, made: dict[int, str]) -> bool:
        calls = sum(texts[i].count(function.mark) for i in made)
        return bool(function.expression) or calls * (function.lines - 1) < function.lines + HEAD

    texts = list(texts)
    for mark in marks:
        _put(texts, mark, pays)
    return texts


def inline_short(texts: list[str], marks: list[str], fits: Callable[[str], bool]) -> list[str]:
    """Do the same for functions of one expression, where each line that changes `fits`."""

    def short(function: Function, made: dict[int, str]) -> bool:
        lines = (set(new.splitlines()) - set(texts[i].splitlines()) for i, new in made.items())
        one = function.expression is not None and function.is_plain
        return one and all(fits(line) for changed in lines for line in changed)

    texts = list(texts)
    for mark in marks:
        _put(texts, mark, short)
    return texts


def _put(texts: list[str], mark: str, wanted: Callable[[Function, dict[int, str]], bool]) -> None:
    """Put a function in place of its calls, and empty its own text, where that is `wanted`."""
    place = next((i for i, text in enumerate(texts) if re.match(rf"def {mark}\(", text)), None)
    if place is None or texts[place].count(mark) > 1:  # of what calls itself, one is always left
        return
    function, made = Function(texts[place], mark), {}
    for i, text in enumerate(texts):
        while i != place and text is not None and mark in text:
            text = made[i] = function.into(text)
    if made and None not in made.values() and wanted(function, made):
        texts[:] = [made.get(i, text) for i, text in enumerate(texts)]
        texts[place] = ""


class Function:
    """The function in a text of its own."""

    def __init__(self, text: str, mark: str):
        self.text, self.mark, self.tree = text, mark, ast.parse(text)
        self.node: ast.FunctionDef = self.tree.body[0]
        self.scopes = Scopes(self.tree)
        self.scope = self.scopes.all[self.node]
        documented = ast.get_docstring(self.node) is not None
        self.body = self.node.body[1:] if documented else self.node.body
        self.names = [a.arg for a in self.node.args.args]
        only = self.body[0] if len(self.body) == 1 else None
        self.expression = only.value if isinstance(only, ast.Return) else None

    @property
    def inner(self) -> set[str]:
        """The names that lambdas and comprehensions in the function bind."""
        outer = (self.scope, self.scopes.module)
        return {name for s in self.scopes.all.values() if s not in outer for name in s.bound}

    @property
    def lines(self) -> int:
        return self.node.end_lineno - self.body[0].lineno + 1

    @property
    def is_plain(self) -> bool:
        """Return True if all parameters are given by place, and nothing wraps the function."""
        arguments = self.node.args
        return every_argument(arguments) == arguments.args and not self.node.decorator_list

    def into(self, text: str) -> str | None:
        """Return `text` with the function in place of its calls; None where that fails."""
        tree = ast.parse(text)
        parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
        calls = [n for n in calls if isinstance(n.func, ast.Name) and n.func.id == self.mark]
        plain = all(len(c.args) == len(self.names) and not c.keywords for c in calls)
        if not plain or len(calls) != text.count(self.mark):
            return None
        if self.expression is None:
            return self._block(text, Scopes(tree), calls[0], parents[calls[0]], parents)
        scopes, edits = Scopes(tree), Edits(text)
        for call in sorted(calls, key=lambda c: (c.lineno, c.col_offset), reverse=True):
            if (new := self._expression(text, scopes, call)) is None:
                return None
            loose = "\n" in new or not _stands(self.expression, call, parents[call])
            edits.outer(edits.start(call), edits.end(call), f"({new})" if loose else new)
        return edits.made()

    def _expression(self, text: str, scopes: Scopes, call: ast.Call) -> str | None:
        edits, given = Edits(self.text), dict(zip(self.names, call.args, strict=True))
        read = {n.id for a in call.args for n in ast.walk(a) if isinstance(n, ast.Name)}
        if read & self.inner or set(self.scope.bound) - set(self.names):
            return None  # in place, a name would mean another thing
        names = [n for n in ast.walk(self.expression) if isinstance(n, ast.Name)]
        for name, argument in given.items():
            uses = [n for n in names if n.id == name and self.scopes.holder(n) is self.scope]
            if len(uses) != 1 and not isinstance(argument, SIMPLE):
                return None
            for use in uses:
                edits.replace(use, ast.get_source_segment(text, argument))
        if any(n.id not in given and n.id in scopes.locals() for n in names):
            return None
        return edits.of(self.expression)

    def _block(
        self, text: str, scopes: Scopes, call: ast.Call, statement: ast.AST, parents: dict
    ) -> str | None:
        """Return `text` with the function's statements in place of the one that calls it."""
        last = self.body[-1]
        returns = [n for n in ast.walk(self.node) if isinstance(n, ast.Return)]
        if returns not in ([], [last]) or not isinstance(statement, (ast.Assign, ast.Expr)):
            return None
        caller = next((s for n, s in scopes.all.items() if _holds(n, statement, parents)), None)
        arguments = dict(zip(self.names, call.args, strict=True))
        later = {n.id for n in scopes.of if n.lineno > statement.end_lineno}
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        set_anyway = {target.id} if isinstance(target, ast.Name) else set()
        if caller is None or not self._fits(arguments, caller, later, set_anyway):
            return None
        edits = Edits(self.text)
        for name in self.scopes.of:
            if self.scopes.holder(name) is self.scope and name.id in arguments:
                edits.replace(name, ast.get_source_segment(text, arguments[name.id]))
        if returns and isinstance(statement, ast.Assign):
            target = ast.get_source_segment(text, statement.targets[0])
            value = edits.of(last.value)
            edits.outer(edits.start(last), edits.end(last), f"{target} = {value}")
            if target == value:
                edits.outer(edits.start(last), edits.end(last), "")
        elif returns:
            edits.outer(edits.start(last), edits.end(last), "")
        first = self.node.body[0]  # comments below a docstring come along
        start = edits.starts[first.end_lineno if first is not self.body[0] else first.lineno - 1]
        lines = edits.between(start, edits.end(last)).strip("\n").rstrip().splitlines()
        indent = " " * statement.col_offset
        lines = [indent + line[4:] if line.strip() else "" for line in lines]
        before, after = text.splitlines()[: statement.lineno - 1], text.splitlines()
        return "\n".join([*before, *lines, *after[statement.end_lineno :]])

    def _fits(
        self, arguments: dict[str, ast.expr], caller: Scope, later: set[str], target: set[str]
    ) -> bool:
        """Return True if neither side's variables change what the other's mean."""
        own = {name for name in self.scope.bound if name not in arguments}
        for name, argument in arguments.items():
            if not isinstance(argument, SIMPLE):
                return False
            rebound = self.scope.bound[name] > 1
            if rebound and (not isinstance(argument, ast.Name) or argument.id in later):
                return False
        read = {n.id for a in arguments.values() for n in ast.walk(a) if isinstance(n, ast.Name)}
        return not own & ((set(caller.bound) - target) | read) and not any(
            MARK.search(n) for n in own
        )


def _stands(new: ast.expr, old: ast.expr, parent: ast.AST) -> bool:
    """Return True if an expression needs no parentheses in the place of another."""
    if isinstance(new, PRIMARY) or isinstance(parent, HELD):
        return True
    product = isinstance(new, ast.BinOp) and isinstance(new.op, PRODUCTS)
    match parent:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub()):
            return product or (isinstance(new, ast.UnaryOp) and left is old)
        case ast.BinOp(left=left, op=op):
            return product and isinstance(op, PRODUCTS) and left is old
    return False


def _holds(node: ast.AST, statement: ast.AST, parents: dict) -> bool:
    """Return True if a function is the innermost one around a statement."""
    around = statement
    while around in parents:
        around = parents[around]
        if isinstance(around, (ast.FunctionDef, ast.ClassDef)):
            return around is node
    return False
