"""Search for the networks that names in a Python file stand for."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from torch import nn

Branch = tuple[object, ...]  # statements `if`, each followed by `body` or `orelse`
# methods of a network that return it
SAME = ("apply", "cpu", "cuda", "double", "eval", "float", "half", "to", "train")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(eq=False)
class OwnerScope:
    """A module, class or function, with the networks that its names stand for.

    `owners` has None for a name of which nothing is known, and an empty set for a name of another
    object. Names in `each` are variables of loops over a literal list: they stand for one of their
    networks after the other. Those in `parts` are variables of other loops: they stand for parts of
    networks, such as layers. Names in `shared` are `global` ones.
    """

    node: ast.AST
    parent: OwnerScope | None
    owners: dict[str, frozenset[str] | None] = field(default_factory=dict)
    each: set[str] = field(default_factory=set)
    parts: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)

    def find(self, text: str) -> frozenset[str] | None:
        """Return the networks that `text`, such as `net` or `make()`, stands for; None if unknown.

        A name that this scope does not define is looked up in the scopes around it.
        """
        if text in self.owners or self.parent is None:
            return self.owners.get(text)
        return self.parent.find(text)


class NameReader:
    """Finder of the networks that a file's names stand for.

    `names` are the networks' own names, `module` is the file after it was run.
    """

    def __init__(self, path: Path, module: ModuleType, names: Iterable[str]):
        self.tree = ast.parse(path.read_bytes(), str(path))
        self.module, self.names = module, frozenset(names)
        self.scopes = list(self._scopes(self.tree, None))
        for scope in [*self.scopes, *self.scopes]:  # a name can be used above its assignment
            for node, _ in within(scope.node):
                self._assign(scope, node)

    def _scopes(self, node: ast.AST, parent: OwnerScope | None) -> Iterator[OwnerScope]:
        parts = [part for part, _ in within(node)]
        names = [part.arg for part in parts if isinstance(part, ast.arg)]
        shared = {name for part in parts if isinstance(part, ast.Global) for name in part.names}
        scope = OwnerScope(node, parent, dict.fromkeys(names), shared=shared)
        yield scope
        for inner in parts:
            if isinstance(inner, (*FUNCTIONS, ast.ClassDef)):
                yield from self._scopes(inner, scope)

    def _assign(self, scope: OwnerScope, node: ast.AST) -> None:
        """Record the networks that `node` assigns to names, loops over or returns."""
        match node:
            case ast.Assign([ast.Tuple(elts=names)], ast.Tuple(elts=values)):
                for name, value in zip(names, values, strict=False):
                    self._own(scope, name, self.networks(scope, value))
            case ast.Assign(targets, value):
                for target in targets:
                    self._own(scope, target, self.networks(scope, value))
            case ast.AnnAssign(target, _, ast.expr() as value) | ast.NamedExpr(target, value):
                self._own(scope, target, self.networks(scope, value))
            case ast.For(target, value) | ast.comprehension(target, value):
                self._own(scope, target, self.networks(scope, value))
                is_each = isinstance(value, (ast.List, ast.Tuple))
                (scope.each if is_each else scope.parts).add(ast.unparse(target))
            case ast.Return(ast.expr() as value) if scope.parent:
                name = ast.Name(f"{getattr(scope.node, 'name', '')}()")
                self._own(scope.parent, name, self.networks(scope, value))

    def _own(self, scope: OwnerScope, target: ast.expr, found: frozenset[str] | None) -> None:
        """Record that `target`, or each of its parts, stands for the networks `found`."""
        for part in target.elts if isinstance(target, (ast.List, ast.Tuple)) else [target]:
            text = ast.unparse(part)
            owner = self.scopes[0] if text in scope.shared else scope
            if text.startswith("self.") and scope.parent:
                owner = scope.parent
                if not found and self.is_network(owner.node):
                    continue  # a layer in a network's class is a part of the network
            before = owner.owners.get(text)
            owner.owners[text] = found if before is None else before | (found or frozenset())

    def networks(self, scope: OwnerScope, node: ast.AST) -> frozenset[str] | None:
        """Return the networks that an expression holds, perhaps none; None if that is unknown."""
        if isinstance(node, ast.Name) and node.id in self.names:
            return frozenset({node.id})
        function = node.func if isinstance(node, ast.Call) else None
        text = f"{ast.unparse(function)}()" if function else ast.unparse(node)
        if (found := scope.find(text)) is not None:
            return found
        parts = [self.networks(scope, part) for part in ast.iter_child_nodes(node)]
        known = [part for part in parts if part is not None]
        is_new = function is not None and self._makes_new_object(function)
        return frozenset().union(*known) if known or is_new else None

    def is_whole(self, scope: OwnerScope, node: ast.expr) -> bool:
        """Return True if an expression is a whole network, perhaps moved or wrapped."""
        match node:
            case ast.Attribute(inner, "module"):
                return self.is_whole(scope, inner)
            case ast.Call(ast.Attribute(inner, method)) if method in SAME:
                return self.is_whole(scope, inner)
            case ast.Call(function, args):
                is_made = bool(scope.find(f"{ast.unparse(function)}()"))
                return is_made or any(self.is_whole(scope, each) for each in (function, *args))
        text = ast.unparse(node)
        return text in self.names or (bool(scope.find(text)) and text not in scope.parts)

    def arguments(
        self, maker: Callable[..., nn.Module], settings: Mapping[str, object]
    ) -> list[str]:
        """Return notes on calls in which `maker` has other plain arguments than in this import.

        The import gives it `settings`, and the defaults of its other arguments.
        """
        parameters = inspect.signature(maker).parameters
        notes = []
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) != maker.__name__:
                continue
            named: dict[str, ast.expr] = dict(zip(parameters, node.args, strict=False))
            named |= {w.arg: w.value for w in node.keywords if w.arg and w.arg in parameters}
            for name, value in named.items():
                used = settings.get(name, parameters[name].default)
                plain = plain_values([value])
                if plain and not isinstance(used, nn.Module) and plain[0] != used:
                    text = f"{name}={ast.unparse(value)}"
                    notes.append(f"line {node.lineno} makes it with {text}: add --with {text}")
        return list(dict.fromkeys(notes))

    def is_network(self, node: ast.AST) -> bool:
        """Return True if `node` is the class of a network or of a part of one."""
        if not isinstance(node, ast.ClassDef):
            return False
        value = getattr(self.module, node.name, None)
        is_module = inspect.isclass(value) and issubclass(value, nn.Module)
        return is_module or "Module" in " ".join(map(ast.unparse, node.bases))

    def _makes_new_object(self, function: ast.expr) -> bool:
        """Return True if `function` is a class, or a function of torch."""
        value: object = self.module
        for name in ast.unparse(function).split("."):
            value = getattr(value, name, None)
            if inspect.ismodule(value) and value.__name__.partition(".")[0] == "torch":
                return True
        return inspect.isclass(value)


def plain_values(nodes: Sequence[ast.expr]) -> list[object] | None:
    """Return the values of expressions; None if one is not a plain value, such as a number."""
    try:
        return [ast.literal_eval(node) for node in nodes]
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def within(node: ast.AST, branch: Branch = ()) -> Iterator[tuple[ast.AST, Branch]]:
    """Yield the nodes inside `node` in order, each with the branches of `if` around it.

    Nodes inside functions, lambdas and classes are left out, unless `node` is one of these.
    """
    for name, value in ast.iter_fields(node):
        is_branch = isinstance(node, ast.If) and name in ("body", "orelse")
        inner = (*branch, node, name) if is_branch else branch
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.AST):
                yield part, inner
                if not isinstance(part, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
                    yield from within(part, inner)
