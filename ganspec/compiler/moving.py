"""Texts moved into an emitted file: settled, with marks for all names, after what they use."""

from __future__ import annotations

import ast
import operator
import sys
from functools import partial

from torch import nn

from ganspec.compiler.definitions import (
    Definition,
    Import,
    UntoldError,
    definition_of,
    from_text,
    is_own,
)
from ganspec.compiler.known import Known, Namespace, plain
from ganspec.compiler.pieces import Call, Named, Piece, Version, alike, key_of, renamed
from ganspec.compiler.present import Present, modules_of
from ganspec.compiler.printer import Printer
from ganspec.compiler.rewrite import Rewriter
from ganspec.compiler.scopes import every_argument
from ganspec.compiler.specialize import Settler
from ganspec.compiler.symbols import (
    HELPER,
    IMPORT,
    SETTING,
    TRAINING,
    VALUE,
    Symbol,
    Symbols,
    namespaced,
)
from ganspec.language.rules import Rule
from ganspec.program.ir import Net

SECTIONS = {
    "ganspec.kinds.losses": "Losses",
    "ganspec.kinds.criteria": "Losses",
    "ganspec.kinds.penalties": "Losses",
    "ganspec.kinds.datasets": "Data",
    "ganspec.kinds.metrics": "Training",
    "ganspec.systems": "Training",
}
FAMILIES = {"loss": "Losses", "penalty": "Losses", "criterion": "Losses"}


class Mover:
    """Moves definitions; `varying` parameters have no one value at all of a function's calls.

    A value is settled where a function is first called. Where a later call differs, `changed`
    says that all has to be done again.
    """

    def __init__(
        self,
        cfg: dict[str, object],
        varying: set[tuple[object, str]],
        also: frozenset[str] = frozenset(),
    ):
        said = ("absent", "inline", "literal")
        self.cfg = Namespace.of({k: v for k, v in cfg.items() if k not in said})
        self.inline = frozenset(cfg.get("inline", ()))
        self.absent = frozenset(cfg.get("absent", ()))
        # in anybody's own text, a number may be used in ways that only a name bears
        self.literal = frozenset(cfg.get("literal", ()) if also <= {"ganspec"} else ())
        self.varying, self.also, self.changed = varying, also, False
        self.symbols = Symbols()
        self.printer = Printer(self.symbols, self.refer, self.bring)
        self.versions: dict[object, Version] = {}
        self.pieces: list[Piece] = []
        self.imports: dict[Symbol, list[Import]] = {}
        self.settings: dict[Symbol, str] = {}
        self.named: dict[Symbol, tuple[str, str]] = {}
        self.main = ""
        self.modules: list[nn.Module] = []
        self.homes: tuple[str, ...] = ("ganspec.systems",)
        self.trail: list[tuple[Definition, str]] = []  # what is being moved, and its section

    def networks(self, nets: dict[str, Net]) -> dict[str, str]:
        """Print the networks, after the helpers that they name; return their marks by key."""
        self.modules = modules_of(nets.values()) if self.also <= {"ganspec"} else []
        marks = {key: self.printer.network(net) for key, net in nets.items()}
        for mark, text in self.printer.sources:
            (symbol,) = self.symbols.used(mark)
            self.pieces.append(Piece([symbol], "Networks", text.strip()))
        return marks

    def start(self, main: object) -> str:
        """Move the main function, which is called with the configuration; return its mark."""
        self.homes += (main.__module__,)
        return self.called(definition_of(main), {"cfg": Known(self.cfg)}).mark

    def is_training(self, found: Definition) -> bool:
        """Return True for the system's training text, and rules that were made for it."""
        return not found.home.name or found.home.name.startswith(self.homes)

    # -- what texts name ----------------------------------------------------------------------

    def refer(self, thing: object) -> str:
        """Return the mark of a function or class that is used as it is, not called from a text."""
        if isinstance(thing, Rule):
            return self.called(from_text(thing.source, thing.__name__), {}).mark
        if isinstance(thing, partial):
            return self.printer.value(thing)
        module = getattr(thing, "__module__", None) or "builtins"
        if not is_own(module, self.also):
            return self._installed(thing)
        found = definition_of(thing, "function")
        if isinstance(found, Definition) and found.node is None:  # a lambda with a name
            return self.value(found, found.name_of(thing))
        return self.whole(found)

    def _installed(self, thing: object) -> str:
        """Return the mark of what an installed package has, by its name there."""
        owner = getattr(thing, "__objclass__", thing)  # of a method written in C
        module = getattr(owner, "__module__", None) or "builtins"
        name = getattr(thing, "__qualname__", None) or getattr(thing, "__name__", "")
        try:
            found = operator.attrgetter(name)(sys.modules[module])
        except (AttributeError, KeyError):
            found = None
        if found is not thing:
            raise UntoldError(f"{thing!r}, which has no name in its module")
        top, dot, rest = name.partition(".")
        if module != "builtins":
            top = self.bring(Import(f"from {module} import {top}", top))
        return top + dot + rest

    def bring(self, found: Import) -> str:
        """Return the mark of an imported name."""
        symbol = self.symbols.of(found.key, IMPORT, found.name)
        lines = self.imports.setdefault(symbol, [])
        dotted = found.line.startswith("import ") and "." in found.line
        if not lines or (dotted and found not in lines):  # each loads another part
            lines.append(found)
        return symbol.mark

    def whole(self, found: Definition | Import) -> str:
        """Return the mark of something whose calls are not all known: nothing in it is settled."""
        if isinstance(found, Import):
            return self.bring(found)
        arguments = every_argument(found.function.args) if found.function else []
        for argument in arguments:
            self._vary(found, (), argument.arg)
        return self.called(found, {}).mark

    def value(self, found: Definition, name: str) -> str:
        """Return the mark of a constant that a module's statements set."""
        symbols = {
            n: self.symbols.of((found.text, id(found.home), n), VALUE, n) for n in found.names
        }
        if (key := ("value", found.text, id(found.home))) not in self.versions:
            self.versions[key] = Version(found, symbols[name])
            self._write(found, list(symbols.values()), {})
        return symbols[name].mark

    def spell(self, space: Namespace, name: str) -> str | None:
        """Return how a setting is written; numbers become constants."""
        value = space.values[name]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            wishes = [name.upper(), *([f"{space.family}_{name}".upper()] if space.family else [])]
            rank = SETTING if space.family else TRAINING
            symbol = self.symbols.of((space.family, name), rank, *wishes)
            self.settings[symbol] = self.printer.value(value)
            self.named[symbol] = (space.family, name)
            return symbol.mark
        if value is None or isinstance(value, (bool, str, tuple, list, dict)):
            return self.printer.value(value)
        return None

    def inlined(self) -> list[str]:
        """Return the marks of the functions that the training's text declares to be inlined."""
        versions = [v for v in self.versions.values() if v.definition.names[0] in self.inline]
        return [v.symbol.mark for v in versions if self.is_training(v.definition)]

    def place(self, symbol: Symbol) -> tuple:
        """Return where a setting stands among the others: as in `cfg`, families last."""
        family, name = self.named[symbol]
        values = self.cfg.values
        inner = list(values[family].values) if family else []
        outer = list(values).index(family or name) if family or name else -1
        return (bool(family), outer, inner.index(name) if name in inner else len(inner))

    def configuration(self, space: Namespace) -> str:
        """Return the mark of a configuration as a value, for texts that pass it on unread."""
        wish = space.family.upper() or "CFG"
        symbol = self.symbols.of(("configuration", space.family), SETTING, wish)
        values = {k: v for k, v in space.values.items() if plain(v).is_plain}
        parts = [f"{k}={self.printer.value(v)}" for k, v in values.items()]
        space_mark = self.bring(Import("from types import SimpleNamespace", "SimpleNamespace"))
        self.named[symbol] = (space.family, "")
        self.settings[symbol] = f"{space_mark}({', '.join(parts)})"
        return symbol.mark

    # -- calls --------------------------------------------------------------------------------

    def callee(self, thing: object, name: str = "") -> Definition | str:
        """Return the definition of a function that is moved, else the text that names it."""
        if isinstance(thing, Named):
            return thing.mark
        if isinstance(thing, Rule):
            return from_text(thing.source, thing.__name__)
        if (text := namespaced(thing)) or not is_own(thing.__module__ or "builtins", self.also):
            return self.printer.name(thing) if text else self.refer(thing)
        found = definition_of(thing, name)
        return self.bring(found) if isinstance(found, Import) else found

    def called(
        self, found: Definition, given: dict[str, Known | None], starred: bool = False
    ) -> Call:
        """Return how a call is written whose arguments are `given`, None where unknown."""
        if found.function is None:
            given = {}
        arguments = every_argument(found.function.args) if found.function else []
        defaults = found.defaults() if found.function else {}
        # of a class that is no training's own, only what is off and never turned on is settled
        fixed_class = isinstance(found.node, ast.ClassDef) and not self.is_training(found)
        known = {}
        for argument in arguments:
            default = defaults.get(argument.arg)
            fixed = plain(default.value) if isinstance(default, ast.Constant) else None
            value = given.get(argument.arg, fixed)
            space = value and isinstance(value.value, Namespace)
            # a number without a name says more as a parameter
            bare = value and type(value.value) in (int, float) and "ganspec" not in str(value.text)
            usable = space or (value and value.text and not fixed_class and not bare)
            usable = usable or (
                fixed_class and value and not value.value and argument.arg not in given
            )
            known[argument.arg] = value if usable and not starred else None
        spaces = tuple(
            (k, v.value)
            for k, v in known.items()
            if v and isinstance(v.value, Namespace) and not self._varies(found, (), k)
        )
        version = self._version(found, spaces, known)
        return Call(version.stands_for or version.symbol.mark, set(version.bound))

    def _version(self, found: Definition, spaces: tuple, known: dict[str, Known | None]) -> Version:
        key = (key_of(found), tuple((name, space.family) for name, space in spaces))
        version = self.versions.get(key)
        if version is None:
            rank = TRAINING if self.is_training(found) else HELPER
            symbol = self.symbols.of(key, rank, found.names[0])
            version = self.versions[key] = Version(found, symbol)
            for name, value in known.items():
                if value is None:
                    self._vary(found, key[1], name)
            fixed = {k: v for k, v in known.items() if v and not self._varies(found, key[1], k)}
            version.bound = fixed
            for name in set(fixed) - self._write(found, [symbol], fixed, version):
                self._vary(found, key[1], name)  # set anew within the function
                self.changed = True
        for name, value in list(version.bound.items()):
            if not value.same(known[name]):
                self._vary(found, key[1], name)
                self.changed = True
        return version

    def _vary(self, found: Definition, spaces: tuple, name: str) -> None:
        self.varying.add((key_of(found), spaces, name))

    def _varies(self, found: Definition, spaces: tuple, name: str) -> bool:
        return bool({(key_of(found), (), name), (key_of(found), spaces, name)} & self.varying)

    # -- texts --------------------------------------------------------------------------------

    def _write(
        self,
        found: Definition,
        symbols: list[Symbol],
        given: dict[str, Known],
        version: Version | None = None,
    ) -> set[str]:
        """Add a definition's settled text, after what it uses; return its settled parameters."""
        near = self.trail[-1][1] if self.trail else "Networks"
        spaces = [v.value.family for v in given.values() if isinstance(v.value, Namespace)]
        homes = (s for home, s in SECTIONS.items() if found.home.name.startswith(home))
        section = next(homes, None) or next((FAMILIES[s] for s in spaces if s in FAMILIES), near)
        absent = self.absent if self.is_training(found) else frozenset()
        self.trail.append((found, section))
        training = self.is_training(found)
        settles = section == "Networks" and self.modules
        present = Present(self.modules, found.home.namespace) if settles else None
        view = Settler(found.text, given, absent, self.spell, training, present).settle()
        text = Rewriter(self, found, view, symbols).text()
        if version:
            version.stands_for = renamed(text)
        self.trail.pop()
        twin = next((p for p in self.pieces if alike(p, text, symbols, section)), None)
        if twin and version:
            version.symbol = twin.symbols[0]
        elif not (version and version.stands_for):
            self.pieces.append(Piece(symbols, section, text, found.node is None))
        return set(view.given)
