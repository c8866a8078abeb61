"""Find what a text that goes through a network's modules will meet there."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from torch import nn

from ganspec.program.ir import Net
from ganspec.program.probe import hollow

NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.ListComp)
NESTED += (ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Present:
    """The modules of some networks, and those that a text's variables stand for.

    In `for module in network.modules():` the variable stands for each of them, and below
    `if isinstance(module, nn.Linear):` for those that are linear layers.
    """

    def __init__(self, modules: Iterable[nn.Module], names: dict[str, object]):
        self.modules, self.names = list(modules), names
        self.meant: dict[ast.Name, list[nn.Module]] = {}

    def read(self, tree: ast.AST) -> Present:
        """Return the same for the variables of another text."""
        found = Present(self.modules, self.names)
        found._visit(tree, {})
        return found

    def values(self, node: ast.AST) -> list[object] | None:
        """Return what an expression is for each module that it may read; None if unknown."""
        match node:
            case ast.Name():
                return self.meant.get(node)
            case ast.Attribute(value=ast.Name() as base, attr=name):
                modules = self.meant.get(base)
                if modules is not None and all(hasattr(module, name) for module in modules):
                    return [getattr(module, name) for module in modules]
            case ast.Call(
                func=ast.Name(id="getattr"),
                args=[ast.Name() as base, ast.Constant(value=str(name)), ast.Constant(value=None)],
                keywords=[],
            ) if (modules := self.meant.get(base)) is not None:
                return [getattr(module, name, None) for module in modules]
        return None

    def known(self, node: ast.AST) -> bool | None:
        """Return what a test of a module is for all that it may read; None if they differ."""
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[ast.Constant(value=None)]):
                values = self.values(left)
                answers = {isinstance(op, ast.Is) == (v is None) for v in values or ()}
                told = isinstance(op, (ast.Is, ast.IsNot))
                return answers.pop() if told and len(answers) == 1 else None
        modules, parts = self._asked(node)
        answers = {isinstance(m, tuple(parts.values())) for m in modules}
        return answers.pop() if len(answers) == 1 else None

    def is_none(self, node: ast.AST) -> bool:
        """Return True if an expression is None for every module that it may read."""
        values = self.values(node)
        return bool(values) and all(value is None for value in values)

    def fewer(self, node: ast.Call) -> list[ast.expr]:
        """Return the classes of an `isinstance` that some module has, where others have none."""
        modules, parts = self._asked(node)
        kept = [e for e, kind in parts.items() if any(isinstance(m, kind) for m in modules)]
        return kept if len(kept) < len(parts) else []

    def _asked(self, node: ast.AST) -> tuple[list[nn.Module], dict[ast.expr, type]]:
        """Return the modules and the classes that an `isinstance` is about; none if unknown."""
        match node:
            case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name() as base, classes]):
                if parts := self._classes(classes):
                    return self.meant.get(base, []), parts
        return [], {}

    def _visit(self, node: ast.AST, bound: dict[str, list[nn.Module]]) -> None:
        match node:
            case ast.Name(id=name) if name in bound:
                self.meant[node] = bound[name]
            case ast.For(target=ast.Name(id=name), iter=all) if is_modules(all):
                sets = [n for part in node.body for n in ast.walk(part) if _sets(n, name)]
                inner = bound if sets else {**bound, name: self.modules}
                for part in node.body:
                    self._visit(part, inner)
            case ast.If(test=test) | ast.IfExp(test=test):
                self._visit(test, bound)
                inner = self._narrowed(test, bound)
                for part in node.body if isinstance(node.body, list) else [node.body]:
                    self._visit(part, inner)
                for part in node.orelse if isinstance(node.orelse, list) else [node.orelse]:
                    self._visit(part, bound)
            case ast.BoolOp(op=ast.And(), values=values):
                for value in values:
                    self._visit(value, bound)
                    bound = self._narrowed(value, bound)
            case _:
                # names of a nested scope may be others
                inner = {} if isinstance(node, NESTED) else bound
                for child in ast.iter_child_nodes(node):
                    self._visit(child, inner)

    def _narrowed(self, test: ast.expr, bound: dict) -> dict[str, list[nn.Module]]:
        """Return which modules variables stand for where a test is true."""
        match test:
            case ast.BoolOp(op=ast.And(), values=values):
                for value in values:
                    bound = self._narrowed(value, bound)
            case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=name), classes]):
                parts = self._classes(classes)
                if name in bound and parts is not None:
                    kinds = tuple(parts.values())
                    return {**bound, name: [m for m in bound[name] if isinstance(m, kinds)]}
        return bound

    def _classes(self, node: ast.expr) -> dict[ast.expr, type] | None:
        """Return the classes that an expression names; None if one is unknown."""
        found = {}
        for part in node.elts if isinstance(node, ast.Tuple) else [node]:
            match part:
                case ast.Name(id=name):
                    kind = self.names.get(name)
                case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                    kind = getattr(self.names.get(name), attribute, None)
                case _:
                    kind = None
            if not isinstance(kind, type) or not issubclass(kind, nn.Module):
                return None
            found[part] = kind
        return found


def is_modules(node: ast.expr) -> bool:
    """Return True for `network.modules()`."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(), attr="modules"), args=[], keywords=[]):
            return True
    return False


def _sets(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)


def modules_of(nets: Iterable[Net]) -> list[nn.Module]:
    """Return every kind of module that networks consist of, containers included.

    Weights are not drawn. A layer below a spectral norm has `parametrizations`, which is empty.
    There are none where a class or function is somebody's own, which may do anything.
    """
    nets = list(nets)
    calls = {step.call: None for net in nets for step in net.leaves() if step.is_module}
    fills = [net.initialize for net in nets] + [s.initialize for n in nets for s in n.leaves()]
    used = [each for call in (*calls, *filter(None, fills)) for each in (call, *call.wraps)]
    homes = [str(getattr(each.target, "__module__", "")) for each in used]
    if not all(home.startswith(("torch.", "ganspec.")) for home in homes):
        return []
    found: list[nn.Module] = [nn.Module(), nn.Sequential()]
    for call in calls:
        module = hollow(call)
        if call.wraps:
            module.parametrizations = nn.ModuleDict()
        found += module.modules()
    return found
