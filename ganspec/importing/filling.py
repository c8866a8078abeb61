"""Search of a Python file for code that draws a network's initial weights outside of its class.

A drawing is a call that draws weights or adds weight norms, such as `net.apply(f)` or `f(net)`; a
fill is a function that repeats it. The statements of a training are not run, so drawings are read
from the text. The initial weights are unclear if a drawing cannot be tied to one network and to a
function of the file.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import methodcaller
from pathlib import Path
from types import ModuleType

from torch import nn

from ganspec.importing.owners import FUNCTIONS, Branch, NameReader, OwnerScope, plain_values, within
from ganspec.importing.python_file import Maker, build

Fill = Callable[[nn.Module], object]
# functions of `torch.nn.init`, as the text of a call
INITS = re.compile(
    r"\binit\.(constant|dirac|eye|kaiming|normal|ones|orthogonal|sparse|trunc|uniform|xavier|zero)"
)
NORMS = ("spectral_norm", "weight_norm")  # these replace weights
# methods that change a weight in place, as the text before `(` of a call
IN_PLACE = re.compile(r"\b(weight|bias|p|param|parameter)\b.*\.(normal|uniform|fill|zero)_$")


@dataclass
class Fills:
    """A file's code that draws the weights of a network again, after it was made.

    `known` are functions that repeat it, in the file's order. `unclear` says which code cannot be
    repeated, or may not be what a training runs; it is "" if there is none. `idle` has notes on the
    file's functions and classes that draw weights, but that nothing uses.
    """

    known: list[Fill] = field(default_factory=list)
    unclear: str = ""
    idle: list[str] = field(default_factory=list)

    def made(self, maker: Maker, settings: dict[str, object]) -> nn.Module:
        """Return the network of `maker` after the known fills; one that fails becomes unclear."""
        network = build(maker, settings)
        for fill in list(self.known):
            try:
                made = fill(network)
                network = made if type(made) is type(network) else network
            except (Exception, SystemExit) as error:
                self.known.remove(fill)
                self.unclear = f"code that fails here: {type(error).__name__}: {error}"[:200]
        return network


@dataclass(frozen=True)
class WeightDrawing:
    """A call that draws the weights of `networks`; its `fill` is None if it is unclear.

    `branch` is the file, class or function and the branches of `if` that the call is in.
    """

    call: ast.Call
    branch: Branch
    networks: frozenset[str]
    fill: Fill | None

    @property
    def place(self) -> str:
        """The function that draws and the line of the call, such as `init_weights, line 40`."""
        given = _applied(self.call)
        text = ast.unparse(given or self.call.func).partition("(")[0]
        name = "a lambda" if isinstance(given, ast.Lambda) else text
        return f"{name}, line {self.call.lineno}"


class FillReader(NameReader):
    """Finder of the drawings in a file.

    `drawers` has the functions, methods and classes that draw weights of their arguments; `makers`
    has the names that hold or return such a function. `nested` are the functions inside others.
    """

    def __init__(self, path: Path, module: ModuleType, names: Iterable[str]):
        super().__init__(path, module, names)
        self.drawers: set[str] = set()
        self.makers: set[str] = set()
        self.nested = {
            getattr(scope.node, "name", "")
            for scope in self.scopes
            if scope.parent and isinstance(scope.parent.node, FUNCTIONS)
        }

    def drawings(self) -> list[WeightDrawing]:
        """Return the drawings of the file, in its order."""
        while True:  # until no further function that draws is found
            known = len(self.drawers), len(self.makers)
            found = [drawing for scope in self.scopes for drawing in self._drawings(scope)]
            if known == (len(self.drawers), len(self.makers)):
                return found

    def fills(self, names: Mapping[str, str]) -> dict[str, Fills]:
        """Return each network's fills by role; `names` has the networks' names by role."""
        drawings, idle = self.drawings(), self.idle()
        fills = {}
        for role, name in names.items():
            own = [drawing for drawing in drawings if name in drawing.networks]
            unclear = [drawing for drawing in own if drawing.fill is None]
            calls, branches = {ast.unparse(d.call) for d in own}, {d.branch for d in own}
            if len(calls) > 1 and len(branches) > 1:
                unclear = own  # it is not known which of them a training runs
            known = {ast.unparse(d.call): d.fill for d in own if d.fill is not None}
            reason = " or ".join(dict.fromkeys(drawing.place for drawing in unclear))
            fills[role] = Fills(list(known.values()), reason, idle)
        return fills

    def idle(self) -> list[str]:
        """Return notes on functions and classes that draw weights, but that nothing uses."""
        used = {node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)}
        own = [n for n in self.tree.body if isinstance(n, (*FUNCTIONS, ast.ClassDef))]
        unused = [f"{n.name}, line {n.lineno}" for n in own if n.name in self.drawers - used]
        return [f"{each}, draws weights, but nothing in the file uses it" for each in unused]

    def _drawings(self, scope: OwnerScope) -> Iterator[WeightDrawing]:
        """Yield the drawings in a scope, and add to `drawers` and `makers` what it defines."""
        if isinstance(scope.node, FUNCTIONS) and scope.node.name in self.names:
            return  # a function that makes a network is run, not read
        for node, branch in within(scope.node):
            self._note_maker(scope, node)
            if not isinstance(node, ast.Call):
                continue
            drawn, fill = self._drawn(scope, node)
            if drawn is None and not branch and self._is_loading(scope, node):
                drawn = node.func
            if drawn is None:
                continue
            networks = self.networks(scope, drawn)
            if networks is None and not self._note_drawer(scope):
                networks, fill = self.names, None  # they may be the weights of any network
            elif not self.is_whole(scope, drawn) or (
                len(networks or ()) > 1 and ast.unparse(drawn) not in scope.each
            ):
                fill = None  # it draws a part of a network, or one of several
            if networks:
                yield WeightDrawing(node, (scope.node, *branch), networks, fill)

    def _is_loading(self, scope: OwnerScope, call: ast.Call) -> bool:
        """Return True if a call loads a network's weights from a file, in what seems a training."""
        is_load = getattr(call.func, "attr", "") == "load_state_dict"
        if not is_load or "state_dict()" in ast.unparse(call):
            return False
        whole = "" if scope.parent is None else ast.unparse(scope.node)
        is_trained = scope.parent is None or ".backward(" in whole or ".apply(" in whole
        return is_trained and bool(self.networks(scope, call.func))

    def _note_maker(self, scope: OwnerScope, node: ast.AST) -> None:
        """Add to `makers` a name that holds or returns a function that draws weights."""
        match node:
            case ast.Return(ast.Call(ast.Name(name))) | ast.Assign(_, ast.Call(ast.Name(name))) if (
                name in self.drawers
            ):
                pass  # such as `net = init_weights(net)`, which holds a network
            case ast.Return(ast.expr() as value) if self._draws(value):
                self.makers.add(getattr(scope.node, "name", ""))
            case ast.Assign([ast.Name(name)], value) if self._draws(value):
                self.makers.add(name)

    def _drawn(self, scope: OwnerScope, call: ast.Call) -> tuple[ast.expr | None, Fill | None]:
        """Return the expression whose weights a call draws, and the fill; each may be None."""
        match call:
            case ast.Call(ast.Attribute(owner)) if given := _applied(call):
                is_own = self.networks(scope, owner) and not isinstance(given, ast.Lambda)
                if is_own or self._draws(given):
                    draw = self._function(given)
                    return owner, methodcaller("apply", draw) if draw else None
            case ast.Call(ast.Attribute(owner, name), args) if name in self.drawers:
                values = _values(args, call.keywords)
                return owner, methodcaller(name, *values[0], **values[1]) if values else None
            case ast.Call(ast.Name(name), args, words) if name in self.drawers:
                function, values = self._function(call.func), _values(args[1:], words)
                if function is None or values is None or not args:
                    return ast.Tuple([*args, *(word.value for word in words)]), None
                return args[0], partial(_call_with, function, values)
            case ast.Call(function, args) if self._is_drawing(call):
                is_init = args and not IN_PLACE.search(ast.unparse(function))
                return args[0] if is_init else function, None
        return None, None

    def _function(self, node: ast.expr) -> Callable[..., object] | None:
        """Return the function that an expression names or makes; None if it is not known."""
        match node:
            case ast.Name(name) if name not in self.nested:
                value = getattr(self.module, name, None)
                return value if inspect.isroutine(value) else None
            case ast.Call(ast.Name() as maker, args, words) if given := _values(args, words):
                make = self._function(maker)
                return partial(_apply_made, make, given) if make else None
        return None

    def _draws(self, node: ast.expr) -> bool:
        """Return True if an expression names or makes a function that draws weights."""
        return any(
            getattr(part, "id", getattr(part, "attr", None)) in self.drawers | self.makers
            or (isinstance(part, ast.Name) and self._is_imported(part.id))
            or (isinstance(part, ast.Call) and self._is_drawing(part))
            for part in ast.walk(node)
        )

    def _is_imported(self, name: str) -> bool:
        """Return True if `name` is a function of another file that seems to draw weights."""
        value = getattr(self.module, name, None)
        origin = getattr(value, "__module__", None) or ""
        is_other = origin != self.module.__name__ and origin.partition(".")[0] != "torch"
        return inspect.isfunction(value) and is_other and bool(re.search("init|weight", name))

    def _is_drawing(self, call: ast.Call) -> bool:
        """Return True if a call seems to draw weights by torch or to add a weight norm."""
        text = ast.unparse(call.func)
        origin = getattr(getattr(self.module, text, None), "__module__", "")
        is_init = INITS.search(text) or origin == "torch.nn.init"
        is_drawing = is_init or IN_PLACE.search(text) or text.endswith(NORMS)
        return bool(is_drawing) and "grad" not in text

    def _note_drawer(self, scope: OwnerScope) -> bool:
        """Note that a function draws weights of its arguments.

        Return False if `scope` is no function with arguments.
        """
        function, owner = scope.node, scope.parent.node if scope.parent else None
        if not isinstance(function, FUNCTIONS) or not any(ast.iter_child_nodes(function.args)):
            return False
        name = function.name
        if isinstance(owner, ast.ClassDef) and name == "__init__":
            if self.is_network(owner):
                return True  # a part of a network that draws its own weights
            name = owner.name
        self.drawers.add(name)
        return True


Given = tuple[list[object], dict[str, object]]  # the arguments of a call


def _values(args: Sequence[ast.expr], words: Sequence[ast.keyword]) -> Given | None:
    """Return the arguments of a call; None if one is not a plain value, such as a number."""
    plain, named = plain_values(args), plain_values([word.value for word in words])
    names = [word.arg for word in words if word.arg is not None]
    if plain is None or named is None or len(names) < len(words):
        return None
    return plain, dict(zip(names, named, strict=True))


def _applied(call: ast.Call) -> ast.expr | None:
    """Return `f` of the call `network.apply(f)`; None for another call."""
    given = [*call.args, *(word.value for word in call.keywords)]
    is_apply = isinstance(call.func, ast.Attribute) and call.func.attr == "apply"
    return given[0] if is_apply and len(given) == 1 else None


def _apply_made(make: Callable[..., object], given: Given, part: nn.Module) -> None:
    draw = make(*given[0], **given[1])
    if callable(draw):
        draw(part)


def _call_with(function: Callable[..., object], given: Given, network: nn.Module) -> object:
    return function(network, *given[0], **given[1])
