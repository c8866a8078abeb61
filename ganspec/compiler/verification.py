"""Hold what an emitted text defines against what the files of people's own kinds made."""

from __future__ import annotations

import ast
import collections
import functools
import inspect
import itertools
import operator
import sys
import types
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from ganspec.compiler.definitions import Definition, UnmovableError, is_own
from ganspec.compiler.moving import Mover
from ganspec.compiler.pieces import Version

COMPARED = (int, float, complex, str, bytes, bool, type(None), set, frozenset, range)
COMPARED += (list, tuple, dict, torch.Tensor, np.ndarray)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
MUTATING = {n for t in (list, dict, set, bytearray) for n in dir(t)}
MUTATING -= {n for t in (tuple, frozenset, bytes, types.MappingProxyType) for n in dir(t)}
HELP = "give it its whole value where it is defined, in statements at the top of the file"


def verify(mover: Mover, source: str) -> None:
    """Run an emitted module's definitions; raise UnmovableError where one is not as it was.

    Not all that a file's statements do to each other can be read from its text: a decorator that
    keeps a list, a call, an attribute set from outside. So what came of them is compared. Nothing
    runs where all kinds are ganspec's; files of others have run already, as their users asked.
    """
    own = [v for v in mover.versions.values() if _is_own(v.definition)]
    if not own:
        return
    made = vars(_run(source))
    comparison = Comparison(own, made)
    for version in own:
        for name, symbol in _symbols(mover, version):
            home = version.definition.home
            if symbol not in made or name not in home.namespace:
                continue
            where = comparison.difference(home.namespace[name], made[symbol], name)
            free = changing(home.source)
            if where and name not in free and f".{where.partition('.')[2]}" not in free:
                mover.trail.append((version.definition, ""))
                raise UnmovableError(f"`{where}`, which other statements change or set", HELP)


def _run(source: str) -> types.ModuleType:
    """Return the module of an emitted text; raises UnmovableError where that cannot be run."""
    with TemporaryDirectory(prefix="ganspec-") as folder:
        path = Path(folder) / "emitted.py"
        path.write_text(source, "utf-8")
        spec = spec_from_file_location("emitted by ganspec", path)
        module = module_from_spec(spec)
        sys.modules[module.__name__] = module  # where dataclasses look
        try:
            with torch.random.fork_rng(devices=[]):
                spec.loader.exec_module(module)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise UnmovableError(f"what cannot be run on its own: {reason}") from error
        finally:
            del sys.modules[module.__name__]
    return module


def _is_own(found: Definition) -> bool:
    return bool(found.home.name) and not found.home.name.startswith("ganspec.")


def _symbols(mover: Mover, version: Version) -> Iterator[tuple[str, str]]:
    """Yield what a definition defines: names in its file, and in the emitted one."""
    found = version.definition
    if found.node is not None:
        yield found.names[0], version.symbol.name
        return
    for name in found.names:
        symbol = mover.symbols.table.get((found.text, id(found.home), name))
        if symbol is not None:
            yield name, symbol.name


@functools.cache
def changing(source: str) -> frozenset[str]:
    """Return the names of a file whose values its functions may change while they run.

    A function that statements of the file call has done so already, and is not meant.
    """
    tree, found = ast.parse(source), set()
    functions = [n for n in ast.walk(tree) if isinstance(n, FUNCTIONS)]
    inside = {n for f in functions for part in f.body for n in ast.walk(part)}
    called = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n not in inside}
    names = {f.name for f in functions}
    for function in functions:
        for node in ast.walk(function) if function.name not in called else ():
            match node:
                case ast.Global(names=told):
                    found.update(told)
                case (
                    ast.Subscript(ctx=ast.Store() | ast.Del())
                    | ast.Attribute(ctx=ast.Store() | ast.Del())
                ):
                    found |= _parts(node)
                case ast.Call(func=ast.Attribute(value=part, attr=method)):
                    found |= _parts(part) if method in MUTATING or method[-1] == "_" else set()
                case ast.Call(func=ast.Name(id=name), args=given) if name in names:
                    found |= {n.id for n in given if isinstance(n, ast.Name)}
    return frozenset(found)


def _parts(node: ast.expr) -> set[str]:
    """Return the name and the attributes, `.key`, of what an expression changes."""
    inner = [n for n in ast.walk(node) if isinstance(n, (ast.Name, ast.Attribute))]
    return {f".{n.attr}" if isinstance(n, ast.Attribute) else n.id for n in inner}


class Comparison:
    """Compares the values of a file with those that an emitted text makes anew."""

    def __init__(self, versions: list[Version], made: dict[str, object]):
        # a file's function or class may have become several, each of another configuration
        self.twins: dict[int, list[object]] = {}
        for version in versions:
            thing = version.definition.home.namespace.get(version.definition.names[0])
            if version.definition.node is not None and version.symbol.name in made:
                self.twins.setdefault(id(thing), []).append(made[version.symbol.name])
        self.open: set[int] = set()

    def difference(self, old: object, new: object, name: str) -> str:
        """Return the name of what differs, `name` itself or an attribute; empty for nothing."""
        if id(old) in self.twins:
            if not any(new is twin for twin in self.twins[id(old)]):
                return name
            return self._attributes(old, new, name)
        return "" if self.same(old, new) else name

    def same(self, old: object, new: object) -> bool:
        """Return True if two values are equal, or of a kind that is not compared."""
        if old is new or id(old) in self.open:
            return True
        if id(old) in self.twins:
            return any(new is twin for twin in self.twins[id(old)])
        if type(old).__name__ != type(new).__name__:
            return False
        self.open.add(id(old))
        try:
            return self._same(old, new)
        finally:
            self.open.remove(id(old))

    def _same(self, old: object, new: object) -> bool:
        match old:
            case torch.Tensor():
                return (
                    old.dtype == new.dtype
                    and torch.equal(old.isnan(), new.isnan())
                    and torch.equal(old.nan_to_num(), new.nan_to_num())
                )
            case np.ndarray():
                return old.dtype == new.dtype and np.array_equal(old, new)
            case float():
                return old == new or (old != old and new != new)
            case bool() | int() | complex() | str() | bytes() | bytearray() | None:
                return old == new
            case set() | frozenset():
                return old == new
            case torch.Generator():
                return torch.equal(old.get_state(), new.get_state())
            case np.random.Generator():
                return self.same(old.bit_generator.state, new.bit_generator.state)
            case itertools.count():
                return repr(old) == repr(new)
            case collections.abc.Iterator():
                return operator.length_hint(old, -1) == operator.length_hint(new, -1)
            case torch.nn.Module():
                return self.same(dict(old.state_dict()), dict(new.state_dict()))
            case list() | tuple() | collections.deque():
                return len(old) == len(new) and all(map(self.same, old, new))
            case dict():
                return list(old) == list(new) and all(map(self.same, old.values(), new.values()))
            case functools.partial():
                parts = (old.func, old.args, old.keywords), (new.func, new.args, new.keywords)
                return self.same(*parts)
            case types.FunctionType():
                cells = [f.__closure__ or () for f in (old, new)]
                inside = [[c.cell_contents for c in each] for each in cells]
                return _code(old.__code__) == _code(new.__code__) and self.same(*inside)
            case type() | types.ModuleType():
                return True
        if not is_own(type(old).__module__):  # of an installed package, such as a logger
            return True
        return self.same(_fields(old), _fields(new))

    def _attributes(self, old: object, new: object, name: str) -> str:
        """Return an attribute of a function or class, or a default, that differs."""
        if isinstance(old, types.FunctionType):
            parameters = [inspect.signature(f).parameters for f in (old, new)]
            kinds = [len(getattr(f, "registry", ())) for f in (old, new)]  # of `singledispatch`
            if kinds[0] != kinds[1]:
                return name
            shared = [p for p in parameters[1] if p in parameters[0]]
            if any(not self.same(*(each[p].default for each in parameters)) for p in shared):
                return name
        mine, theirs = ({k: v for k, v in vars(t).items() if k[:2] != "__"} for t in (old, new))
        for key, value in mine.items():
            if key not in theirs or (
                isinstance(value, COMPARED) and not self.same(value, theirs[key])
            ):
                return f"{name}.{key}"
        return ""


def _fields(thing: object) -> dict[str, object]:
    """Return an object's attributes by name, those in slots included."""
    slots = [getattr(t, "__slots__", ()) for t in type(thing).__mro__]
    names = [n for each in slots for n in ([each] if isinstance(each, str) else each)]
    held = {n: getattr(thing, n) for n in names if n[:2] != "__" and hasattr(thing, n)}
    return {**held, **getattr(thing, "__dict__", {})}


def _code(code: types.CodeType) -> tuple:
    """Return what a function does, whatever the names are that it reads."""
    inner = [_code(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    plain = [repr(c) for c in code.co_consts if not isinstance(c, types.CodeType)]
    return code.co_code, plain, inner
