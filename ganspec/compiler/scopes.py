"""Which scope of a Python text binds each of its names."""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, field

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
DEFINING = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(eq=False)
class Scope:
    """A function, class, lambda, comprehension or module, and the names that it binds."""

    node: ast.AST
    outer: Scope | None
    bound: dict[str, int] = field(default_factory=dict)  # how often each name is set
    elsewhere: dict[str, str] = field(default_factory=dict)  # `global` and `nonlocal` names

    def bind(self, name: str) -> None:
        scope = self
        if self.elsewhere.get(name) == "global":
            while scope.outer:
                scope = scope.outer
        elif name in self.elsewhere and self.outer:
            scope = self.outer.holder(name)
        scope.bound[name] = scope.bound.get(name, 0) + 1

    def holder(self, name: str) -> Scope:
        """Return the scope that binds `name` as read from here; the module where none does."""
        scope, first = self, True
        while scope.outer:
            if name in scope.bound and (first or not isinstance(scope.node, ast.ClassDef)):
                return scope
            if scope.elsewhere.get(name) == "global":
                first, scope = False, scope.outer
                while scope.outer:
                    scope = scope.outer
                return scope
            scope, first = scope.outer, False
        return scope


class Scopes:
    """The scopes of a text: `of` maps each name node to the scope that it stands in."""

    def __init__(self, tree: ast.Module):
        self.module = Scope(tree, None)
        self.all = {tree: self.module}
        self.of: dict[ast.Name, Scope] = {}
        self.pending: list[tuple[ast.Name, Scope]] = []
        for statement in tree.body:
            self._visit(statement, self.module)

    def holder(self, name: ast.Name) -> Scope:
        """Return the scope that binds a name node."""
        return self.of[name].holder(name.id)

    def is_global(self, name: ast.Name) -> bool:
        return self.holder(name) is self.module

    def locals(self) -> set[str]:
        """Return every name that a scope below the module binds."""
        return {name for scope in self.all.values() if scope.outer for name in scope.bound}

    def _inner(self, node: ast.AST, scope: Scope) -> Scope:
        self.all[node] = Scope(node, scope)
        return self.all[node]

    def _visit(self, node: ast.AST, scope: Scope) -> None:
        match node:
            case ast.Name(id=name, ctx=context):
                self.of[node] = scope
                if not isinstance(context, ast.Load):
                    scope.bind(name)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                kind = type(node).__name__.lower()
                scope.elsewhere.update(dict.fromkeys(names, kind))
            case ast.NamedExpr(target=target, value=value):
                while isinstance(scope.node, COMPREHENSIONS):  # a walrus binds outside of them
                    scope = scope.outer
                self._visit(target, scope)
                self._visit(value, scope)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                self._function(node, scope)
            case ast.ClassDef(name=name):
                scope.bind(name)
                self._all([*node.decorator_list, *node.bases, *node.keywords], scope)
                self._all(node.body, self._inner(node, scope))
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                inner = self._inner(node, scope)
                self._visit(node.generators[0].iter, scope)
                for i, part in enumerate(node.generators):
                    self._all([part.target, *part.ifs, *([part.iter] if i else [])], inner)
                parts = ("key", "value", "elt")
                self._all([getattr(node, p) for p in parts if hasattr(node, p)], inner)
            case _:
                self._binding(node, scope)
                self._all(ast.iter_child_nodes(node), scope)

    def _all(self, nodes, scope: Scope) -> None:
        for node in nodes:
            self._visit(node, scope)

    def _function(self, node: ast.AST, scope: Scope) -> None:
        inner, arguments = self._inner(node, scope), node.args
        if not isinstance(node, ast.Lambda):
            scope.bind(node.name)
            self._all([*node.decorator_list, *([node.returns] if node.returns else [])], scope)
        self._all([*arguments.defaults, *filter(None, arguments.kw_defaults)], scope)
        for argument in every_argument(arguments):
            inner.bind(argument.arg)
            if argument.annotation:
                self._visit(argument.annotation, scope)
        self._all(node.body if isinstance(node.body, list) else [node.body], inner)

    def _binding(self, node: ast.AST, scope: Scope) -> None:
        match node:
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                for alias in names:
                    scope.bind(alias.asname or alias.name.split(".")[0])
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                scope.bind(name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                scope.bind(name)


def every_argument(arguments: ast.arguments) -> list[ast.arg]:
    """Return all parameters of a function, starred ones included."""
    starred = [a for a in (arguments.vararg, arguments.kwarg) if a]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *starred]


def changed_names(statement: ast.stmt) -> list[str]:
    """Return the names whose values a statement changes, as `TABLE[0] = 1` does."""
    match statement:
        case ast.Assign(targets=parts) | ast.Delete(targets=parts):
            parts = [t for t in parts if isinstance(t, (ast.Subscript, ast.Attribute))]
        case ast.AugAssign(target=ast.Subscript() | ast.Attribute() as part):
            parts = [part]
        case ast.Expr(value=ast.Call(func=ast.Attribute() as part, args=given)):
            parts = [part, *(each for each in given if isinstance(each, ast.Name))]
        case ast.Expr(value=ast.Call(func=ast.Name(id=name), args=given)):
            own = not hasattr(builtins, name)
            parts = [each for each in given if isinstance(each, ast.Name)] if own else []
        case _ if isinstance(statement, (*DEFINING, ast.Expr)):
            return []
        case _:  # of a loop, or another statement that holds some
            inner = (n for n in ast.walk(statement) if n is not statement)
            parts = [changed_names(n) for n in inner if isinstance(n, ast.stmt)]
            return [name for names in parts for name in names]
    roots = map(root, parts)
    return [part.id for part in roots if isinstance(part, ast.Name)]


def root(node: ast.expr) -> ast.expr:
    """Return the name that an expression such as `table["a"].rows.append` begins with."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node
