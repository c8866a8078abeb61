"""Find tests such as `isinstance(module, nn.Linear)` whose result the spec's networks decide.

In a loop `for module in network.modules():`, `module` may be any module of the networks. A test is
decided if it has the same result for all of them. Below `if isinstance(module, nn.Linear):`, only
linear layers count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import torch
from torch import nn

from ganspec.compiler.scopes import COMPREHENSIONS, FUNCTIONS
from ganspec.program.ir import Call, Net, module_of
from ganspec.program.probe import hollow

Meanings: TypeAlias = dict[str, list[nn.Module]]  # modules that each variable may be
# attributes of modules with weight norms; code may set any other attribute while it runs
NORMED = ("parametrizations", "original", "original0")
NESTED = (*FUNCTIONS, ast.ClassDef, *COMPREHENSIONS)  # nodes with a scope of their own


class Present:
    """The modules that each variable of the code `tree` may be.

    `modules` are those of the networks, [] if they are not known. `names` has the values of the
    names in the code's file.
    """

    def __init__(self, tree: ast.AST, modules: list[nn.Module], names: Mapping[str, Any]):
        self.modules, self.names = modules, names
        self.meant: dict[ast.Name, list[nn.Module]] = {}
        if modules:
            self._visit(tree, {})

    def _values(self, node: ast.AST) -> list[object]:
        """Return an expression's value for each module that its variable may be; [] if unknown."""
        match node:
            case ast.Name():
                return [*self.meant.get(node, ())]
            case ast.Attribute(value=base, attr=name):
                values = self._values(base)
                if all(hasattr(value, name) for value in values):
                    return [getattr(value, name) for value in values]
            case ast.Call(
                func=ast.Name(id="getattr"),
                args=[ast.Name() as base, ast.Constant(value=str(name)), ast.Constant(value=None)],
                keywords=[],
            ):
                return [getattr(module, name, None) for module in self.meant.get(base, ())]
        return []

    def known(self, node: ast.AST) -> bool | None:
        """Return the result of a test of modules; None if it varies or is unknown."""
        match node:
            case ast.Compare(
                left=left,
                ops=[ast.Is() | ast.IsNot() as op],
                comparators=[ast.Constant(value=None)],
            ):
                answers = {isinstance(op, ast.Is) == (v is None) for v in self._values(left)}
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                answer = self.known(operand)
                return None if answer is None else not answer
            case ast.Call(
                func=ast.Name(id="hasattr"), args=[base, ast.Constant(value=str(name))]
            ) if name in NORMED:
                answers = {hasattr(value, name) for value in self._values(base)}
            case _:
                modules, classes = self._asked(node)
                answers = {isinstance(m, tuple(classes.values())) for m in modules}
        return answers.pop() if len(answers) == 1 else None

    def is_none(self, node: ast.AST) -> bool:
        """Return True if an expression is None for every module that its variable may be."""
        values = self._values(node)
        return bool(values) and all(value is None for value in values)

    def fewer(self, node: ast.Call) -> list[ast.expr]:
        """Return the classes in an `isinstance` that have an instance among the possible modules.

        Return [] if all of the classes have one, or none has.
        """
        modules, classes = self._asked(node)
        kept = [e for e, kind in classes.items() if any(isinstance(m, kind) for m in modules)]
        return kept if len(kept) < len(classes) else []

    def _asked(self, node: ast.AST) -> tuple[list[nn.Module], dict[ast.expr, type]]:
        """Return the modules and the classes that an `isinstance` compares.

        Both are empty for any other node, and if one of them is unknown.
        """
        match node:
            case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name() as base, classes]):
                if base in self.meant and (kinds := self._classes(classes)):
                    return self.meant[base], kinds
        return [], {}

    def _visit(self, node: ast.AST, bound: Meanings) -> None:
        """Record the modules that each name in `node` may be; `bound` are those known around it."""
        match node:
            case ast.Name(id=name) if name in bound:
                self.meant[node] = bound[name]
            case ast.For(target=ast.Name(id=name), iter=all) if is_modules(all):
                sets = any(_sets(n, name) for part in node.body for n in ast.walk(part))
                self._visit_all(node.body, bound if sets else {**bound, name: self.modules})
            case ast.If() | ast.IfExp():
                self._visit(node.test, bound)
                body, orelse = node.body, node.orelse
                narrowed = self._narrowed(node.test, bound)
                self._visit_all(body if isinstance(body, list) else [body], narrowed)
                narrowed = self._narrowed(node.test, bound, holds=False)
                self._visit_all(orelse if isinstance(orelse, list) else [orelse], narrowed)
            case ast.BoolOp(op=ast.And(), values=values):
                for value in values:
                    self._visit(value, bound)
                    bound = self._narrowed(value, bound)
            case _:
                # a nested scope may bind the same names anew
                inner = {} if isinstance(node, NESTED) else bound
                self._visit_all(ast.iter_child_nodes(node), inner)

    def _visit_all(self, nodes: Iterable[ast.AST], bound: Meanings) -> None:
        for node in nodes:
            self._visit(node, bound)

    def _narrowed(self, test: ast.expr, bound: Meanings, holds: bool = True) -> Meanings:
        """Return the modules that each variable may be where `test` is `holds`."""
        match test:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self._narrowed(operand, bound, not holds)
            case ast.BoolOp(op=ast.And(), values=values) if holds:
                for value in values:
                    bound = self._narrowed(value, bound)
            case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=name), classes]):
                kinds = tuple(self._classes(classes).values())
                if name in bound and kinds:
                    kept = [m for m in bound[name] if isinstance(m, kinds) == holds]
                    return {**bound, name: kept}
            case ast.Call(
                func=ast.Name(id="hasattr"), args=[ast.Name(id=name), ast.Constant(value=str(part))]
            ) if name in bound and part in NORMED:
                return {**bound, name: [m for m in bound[name] if hasattr(m, part) == holds]}
        return bound

    def _classes(self, node: ast.expr) -> dict[ast.expr, type]:
        """Return the classes of modules that an expression names; {} if it names anything else."""
        classes: dict[ast.expr, type] = {}
        for part in node.elts if isinstance(node, ast.Tuple) else [node]:
            match part:
                case ast.Name(id=name):
                    kind = self.names.get(name)
                case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                    kind = getattr(self.names.get(name), attribute, None)
                case _:
                    kind = None
            if not isinstance(kind, type) or not issubclass(kind, nn.Module):
                return {}
            classes[part] = kind
        return classes


def is_modules(node: ast.expr) -> bool:
    """Return True if `node` is a call such as `network.modules()`."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(), attr="modules"), args=[], keywords=[]):
            return True
    return False


def _sets(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)


def modules_of(nets: Iterable[Net]) -> list[nn.Module]:
    """Return the modules of each different call in the networks, and examples of containers.

    Their weights mean nothing. A module with a weight norm has the `parametrizations` of a linear
    layer of one weight. Return [] if a module, an initializer or a weight norm is not torch's or
    ganspec's, since it may contain or make modules of any class.
    """
    nets = list(nets)
    calls = {step.call: None for net in nets for step in net.leaves() if step.is_module}
    fills = [net.initialize for net in nets] + [s.initialize for n in nets for s in n.leaves()]
    used = [each for call in (*calls, *filter(None, fills)) for each in (call, *call.wraps)]
    homes = [str(getattr(each.target, "__module__", "")) for each in used]
    if not all(home.startswith(("torch.", "ganspec.")) for home in homes):
        return []
    modules: list[nn.Module] = [nn.Module(), nn.Sequential()]
    for call in calls:
        module = hollow(call)
        if call.wraps:
            with torch.random.fork_rng(devices=[]):
                small = module_of(Call(nn.Linear, 1, 1, wraps=call.wraps))
            module.parametrizations = small.parametrizations
        modules += module.modules()
    return modules
