"""Import an emitted file, and compare values in it with those in users' own files of kinds.

A difference is an error: statements that were not moved have changed the value.
"""

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
from typing import Any

import numpy as np
import torch

from ganspec.compiler.definitions import Definition, UnmovableError, is_own
from ganspec.compiler.moving import Mover
from ganspec.compiler.pieces import Version

# types of the attributes that are compared
COMPARED: tuple[type, ...] = (int, float, complex, str, bytes, bool, type(None), set, frozenset)
COMPARED += (range, list, tuple, dict, torch.Tensor, np.ndarray)
# names of methods that may change a collection
MUTATING = {n for t in (list, dict, set, bytearray) for n in dir(t)}
MUTATING -= {n for t in (tuple, frozenset, bytes, types.MappingProxyType) for n in dir(t)}
HELP = "give it its whole value where it is defined, in statements outside of functions"


def verify(mover: Mover, source: str) -> None:
    """Raise UnmovableError if a value in the emitted `source` differs from that in a user's file.

    Raise it, too, if `source` cannot be imported. It is imported only if it has code of users'
    files, which ran already when they were loaded.

    Only statements that visibly set a name are moved with it. Others may change its value: a
    decorator may fill a list, or a call may set an attribute of a function. Values that functions
    change when they are called, and objects of installed packages, are not compared.
    """
    own = [v for v in mover.versions.values() if _is_users(v.definition)]
    if not own:
        return
    emitted = vars(_run(source))
    comparison = ValueComparison(own, emitted)
    for version in own:
        home = version.definition.home
        for name, symbol in _symbols(mover, version):
            if symbol not in emitted or name not in home.namespace:
                continue
            where = comparison.difference(home.namespace[name], emitted[symbol], name)
            free = changing(home.source)
            if where and name not in free and f".{where.partition('.')[2]}" not in free:
                mover.trail.append((version.definition, ""))
                raise UnmovableError(f"`{where}`, which other statements change or set", HELP)


def _run(source: str) -> types.ModuleType:
    """Import an emitted text as a module, and return it. Raise UnmovableError if that fails."""
    with TemporaryDirectory(prefix="ganspec-") as folder:
        path = Path(folder) / "emitted.py"
        path.write_text(source, "utf-8")
        spec = spec_from_file_location("emitted by ganspec", path)
        assert spec is not None and spec.loader is not None  # the path ends in .py
        module = module_from_spec(spec)
        sys.modules[module.__name__] = module  # dataclasses look modules up here
        try:
            with torch.random.fork_rng(devices=[]):
                spec.loader.exec_module(module)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            help = "define all that it needs at the top level of the kind's own file, or import it"
            raise UnmovableError(f"code that cannot run on its own: {reason}", help) from error
        finally:
            del sys.modules[module.__name__]
    return module


def _is_users(definition: Definition) -> bool:
    """Return True if a definition is from a user's file, not from ganspec or a rule of a spec."""
    return bool(definition.home.name) and not definition.home.name.startswith("ganspec.")


def _symbols(mover: Mover, version: Version) -> Iterator[tuple[str, str]]:
    """Yield each name that a definition sets in its own file, with its name in the emitted file."""
    definition = version.definition
    if definition.node is not None:
        yield definition.names[0], version.symbol.name
        return
    for name in definition.names:
        symbol = mover.symbols.table.get((definition.text, id(definition.home), name))
        if symbol is not None:
            yield name, symbol.name


@functools.cache
def changing(source: str) -> frozenset[str]:
    """Return the names in a file whose values its functions may change when they are called.

    Attributes are written as `.key`. Functions whose names are read outside of functions do not
    count: the file may have called them when it was loaded, so that the values must be compared.
    """
    tree, names = ast.parse(source), set[str]()
    functions = [
        n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    inside = {n for f in functions for part in f.body for n in ast.walk(part)}
    called = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n not in inside}
    known = {f.name for f in functions}
    for function in functions:
        for node in ast.walk(function) if function.name not in called else ():
            match node:
                case ast.Global(names=declared):
                    names.update(declared)
                case (
                    ast.Subscript(ctx=ast.Store() | ast.Del())
                    | ast.Attribute(ctx=ast.Store() | ast.Del())
                ):
                    names |= _parts(node)
                case ast.Call(func=ast.Attribute(value=part, attr=method)):
                    names |= _parts(part) if method in MUTATING or method[-1] == "_" else set()
                case ast.Call(func=ast.Name(id=name), args=arguments) if name in known:
                    names |= {n.id for n in arguments if isinstance(n, ast.Name)}
    return frozenset(names)


def _parts(node: ast.expr) -> set[str]:
    """Return the names in an expression, and the names of its attributes, as `.key`."""
    inner = [n for n in ast.walk(node) if isinstance(n, (ast.Name, ast.Attribute))]
    return {f".{n.attr}" if isinstance(n, ast.Attribute) else n.id for n in inner}


class ValueComparison:
    """Compares values of users' files with those of the emitted file.

    `twins` has the emitted versions of each function and class, by its `id`. `open` are the ids of
    values that are being compared, which may contain themselves.
    """

    def __init__(self, versions: list[Version], emitted: dict[str, Any]):
        # a function or class may be emitted several times, once for each configuration
        self.twins: dict[int, list[Any]] = {}
        for version in versions:
            thing = version.definition.home.namespace.get(version.definition.names[0])
            if version.definition.node is not None and version.symbol.name in emitted:
                self.twins.setdefault(id(thing), []).append(emitted[version.symbol.name])
        self.open: set[int] = set()

    def difference(self, old: Any, new: Any, name: str) -> str:
        """Return the name of the difference: `name`, or `name.key` for an attribute; "" for none.

        Attributes are compared only for functions and classes that were emitted.
        """
        if not self.same(old, new):
            return name
        return self._attributes(old, new, name) if id(old) in self.twins else ""

    def same(self, old: Any, new: Any) -> bool:
        """Return True if two values are equal, or of a type that is not compared.

        A function or class is equal to each of its twins.
        """
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

    def _same(self, old: Any, new: Any) -> bool:
        match old:
            case torch.Tensor():
                nans = old.dtype == new.dtype and torch.equal(old.isnan(), new.isnan())
                return nans and torch.equal(old.nan_to_num(), new.nan_to_num())
            case np.ndarray():
                return old.dtype == new.dtype and np.array_equal(old, new)
            case float():
                return old == new or (old != old and new != new)
            case bool() | int() | complex() | str() | bytes() | bytearray() | None:
                return old == new
            case set() | frozenset() | range():
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
                return self.same(*((f.func, f.args, f.keywords) for f in (old, new)))
            case types.FunctionType():
                cells = ([c.cell_contents for c in f.__closure__ or ()] for f in (old, new))
                return self.same(*cells) and _code(old.__code__) == _code(new.__code__)
            case type() | types.ModuleType():
                return True
        # objects of installed packages, such as loggers, are not compared
        if not is_own(type(old).__module__):
            return True
        return self.same(_fields(old), _fields(new))

    def _attributes(self, old: Any, new: Any, name: str) -> str:
        """Return `name` if a parameter's default or the number of `singledispatch` cases differs.

        Otherwise return the first attribute that differs, as `name.key`, or "" if none does.
        """
        if isinstance(old, types.FunctionType):
            first, second = inspect.signature(old).parameters, inspect.signature(new).parameters
            # how many implementations `singledispatch` knows of each
            registered = [len(getattr(f, "registry", ())) for f in (old, new)]
            shared = [p for p in second if p in first]
            defaults = all(self.same(first[p].default, second[p].default) for p in shared)
            if registered[0] != registered[1] or not defaults:
                return name
        mine, theirs = ({k: v for k, v in vars(t).items() if k[:2] != "__"} for t in (old, new))
        for key, value in mine.items():
            compared = isinstance(value, COMPARED)
            if key not in theirs or (compared and not self.same(value, theirs[key])):
                return f"{name}.{key}"
        return ""


def _fields(thing: Any) -> dict[str, Any]:
    """Return the attributes of an object by name, those in slots included."""
    slots = [getattr(t, "__slots__", ()) for t in type(thing).__mro__]
    names = [n for each in slots for n in ([each] if isinstance(each, str) else each)]
    values = {n: getattr(thing, n) for n in names if n[:2] != "__" and hasattr(thing, n)}
    return {**values, **getattr(thing, "__dict__", {})}


def _code(code: types.CodeType) -> tuple:
    """Return a function's bytecode and constants, but not its names, which may differ."""
    inner = [_code(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    plain = [repr(c) for c in code.co_consts if not isinstance(c, types.CodeType)]
    return code.co_code, plain, inner
