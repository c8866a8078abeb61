"""Find the scope that binds each name of a Python text, from its syntax tree."""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
DEFINING = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(eq=False)
class NameScope:
    """A module, function, class, lambda or comprehension, and the names that it binds.

    `declared` has `global` or `nonlocal` for each name that the scope declares so.
    """

    node: ast.AST
    outer: NameScope | None
    bound: Counter[str] = field(default_factory=Counter)  # how often each name is set
    declared: dict[str, str] = field(default_factory=dict)

    @property
    def module(self) -> NameScope:
        return self.outer.module if self.outer else self

    def bind(self, name: str) -> None:
        """Count that this scope sets `name`, which it may declare `global` or `nonlocal`."""
        scope = self
        if self.declared.get(name) == "global":
            scope = self.module
        elif name in self.declared and self.outer:
            scope = self.outer.holder(name)
        scope.bound[name] += 1

    def holder(self, name: str, inside: bool = True) -> NameScope:
        """Return the scope that binds `name` for code of this scope; the module if none does.

        `inside` is False if the code is in a scope inside this one.
        """
        if self.outer is None:
            return self
        # functions in a class do not see the class's names
        if name in self.bound and (inside or not isinstance(self.node, ast.ClassDef)):
            return self
        if self.declared.get(name) == "global":
            return self.module
        return self.outer.holder(name, inside=False)


class Scopes:
    """The scopes of a text.

    `of` has the scope in which each name stands. `all` has the scope that each function, class,
    lambda, comprehension or module makes.
    """

    def __init__(self, tree: ast.Module):
        self.module = NameScope(tree, None)
        self.all: dict[ast.AST, NameScope] = {tree: self.module}
        self.of: dict[ast.Name, NameScope] = {}
        self._all(tree.body, self.module)

    def holder(self, name: ast.Name) -> NameScope:
        """Return the scope that binds the name of a node."""
        return self.of[name].holder(name.id)

    def is_global(self, name: ast.Name) -> bool:
        """Return True if the module binds a node's name, or no scope does, as with builtins."""
        return self.holder(name) is self.module

    def named(self, name: str) -> list[ast.Name]:
        """Return the nodes of the name `name`, in any scope."""
        return [node for node in self.of if node.id == name]

    def reads(self, name: str) -> list[ast.Name]:
        """Return the nodes that read the name `name`, in any scope."""
        return [node for node in self.named(name) if isinstance(node.ctx, ast.Load)]

    def locals(self) -> set[str]:
        """Return every name that a scope inside the module binds."""
        return {name for scope in self.all.values() if scope.outer for name in scope.bound}

    def _new_scope(self, node: ast.AST, scope: NameScope) -> NameScope:
        self.all[node] = NameScope(node, scope)
        return self.all[node]

    def _visit(self, node: ast.AST, scope: NameScope) -> None:
        """Record the names and scopes of a node, which lies in `scope`."""
        match node:
            case ast.Name(id=name, ctx=context):
                self.of[node] = scope
                if not isinstance(context, ast.Load):
                    scope.bind(name)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                scope.declared.update(dict.fromkeys(names, type(node).__name__.lower()))
            case ast.NamedExpr(target=target, value=value):
                while scope.outer and isinstance(scope.node, COMPREHENSIONS):
                    scope = scope.outer  # `:=` binds outside of comprehensions
                self._all([target, value], scope)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                self._function(node, scope)
            case ast.ClassDef(name=name):
                scope.bind(name)
                self._all([*node.decorator_list, *node.bases, *node.keywords], scope)
                self._all(node.body, self._new_scope(node, scope))
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                inner = self._new_scope(node, scope)
                self._visit(node.generators[0].iter, scope)
                for i, part in enumerate(node.generators):
                    self._all([part.target, *part.ifs, *([part.iter] if i else [])], inner)
                made = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
                self._all(made, inner)
            case _:
                self._binding(node, scope)
                self._all(ast.iter_child_nodes(node), scope)

    def _all(self, nodes: Iterable[ast.AST], scope: NameScope) -> None:
        for node in nodes:
            self._visit(node, scope)

    def _function(self, node: FunctionNode | ast.Lambda, scope: NameScope) -> None:
        inner, arguments = self._new_scope(node, scope), node.args
        if not isinstance(node, ast.Lambda):
            scope.bind(node.name)
            self._all([*node.decorator_list, *([node.returns] if node.returns else [])], scope)
        self._all([*arguments.defaults, *filter(None, arguments.kw_defaults)], scope)
        for argument in every_argument(arguments):
            inner.bind(argument.arg)
            if argument.annotation:
                self._visit(argument.annotation, scope)
        self._all([node.body] if isinstance(node, ast.Lambda) else node.body, inner)

    def _binding(self, node: ast.AST, scope: NameScope) -> None:
        """Record the names that a node sets without an `ast.Name` for them."""
        match node:
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                for alias in names:
                    scope.bind(alias.asname or alias.name.split(".")[0])
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                scope.bind(name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                scope.bind(name)


def bound_names(statement: ast.stmt) -> list[str]:
    """Return the global names that a statement at the top level of a module binds."""
    return list(Scopes(ast.Module([statement], [])).module.bound)


def every_argument(arguments: ast.arguments) -> list[ast.arg]:
    """Return all parameters of a function, starred ones last."""
    starred = [a for a in (arguments.vararg, arguments.kwarg) if a]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *starred]


def defaults_of(arguments: ast.arguments) -> dict[str, ast.expr]:
    """Return the default of each parameter that has a default, by the parameter's name."""
    placed = reversed([*arguments.posonlyargs, *arguments.args])
    pairs = zip(placed, reversed(arguments.defaults), strict=False)
    named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return {a.arg: value for a, value in [*pairs, *named] if value is not None}


def changed_names(statement: ast.stmt) -> list[str]:
    """Return the names whose values a statement may change without binding them: `TABLE[0] = 1`."""
    parts: list[ast.expr] = []
    match statement:
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            parts = [t for t in targets if isinstance(t, (ast.Subscript, ast.Attribute))]
        case ast.AugAssign(target=ast.Subscript() | ast.Attribute() as part):
            parts = [part]
        case ast.Expr(value=ast.Call(func=ast.Attribute() as part, args=arguments)):
            parts = [part, *(each for each in arguments if isinstance(each, ast.Name))]
        case ast.Expr(value=ast.Call(func=ast.Name(id=name), args=arguments)):
            if not hasattr(builtins, name):
                parts = [each for each in arguments if isinstance(each, ast.Name)]
        case _ if isinstance(statement, (*DEFINING, ast.Expr)):
            pass
        case _:  # a loop, or another statement with statements inside
            inner = (n for n in ast.walk(statement) if n is not statement)
            return [name for n in inner if isinstance(n, ast.stmt) for name in changed_names(n)]
    return [part.id for part in map(_root, parts) if isinstance(part, ast.Name)]


def _root(node: ast.expr) -> ast.expr:
    """Return the first part of an expression: `table` of `table["a"].rows.append`."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node
