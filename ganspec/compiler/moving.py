"""Gather the code that an emitted file needs, from a system's main function and its networks.

A definition is settled and rewritten when code first names it, after the definitions that it uses.
Names are marks such as `__ganspec_7__` until `arrange.py` puts the texts in order.
"""

from __future__ import annotations

import ast
import operator
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from torch import nn

from ganspec.compiler.constants import Constants
from ganspec.compiler.definitions import Binding, Definition, Import, UnmovableError, is_own
from ganspec.compiler.known import Facts, Known, Namespace, plain
from ganspec.compiler.lookup import definition_of
from ganspec.compiler.pieces import CallText, Named, Piece, Version, alike, passes_on
from ganspec.compiler.present import modules_of
from ganspec.compiler.printer import Printer
from ganspec.compiler.rewrite import Rewriter
from ganspec.compiler.specialize import settle
from ganspec.compiler.symbols import HELPER, IMPORT, TRAINING, VALUE, Symbol, Symbols, namespaced
from ganspec.program.ir import Net

# Parameters that stay: (definition's key, families of its namespaces by parameter, parameter).
Varying: TypeAlias = set[tuple[tuple, tuple[tuple[str, str], ...], str]]

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
    """Moves definitions into the emitted file and replaces parameters by their known values.

    The first call of a function decides each parameter's value. If a later call has another value,
    the parameter becomes `varying`, and `changed` is True: the file has to be moved again.
    """

    def __init__(
        self, cfg: Mapping[str, Any], varying: Varying, also: frozenset[str] = frozenset()
    ):
        about = ("absent", "inline", "literal")
        self.cfg = Namespace.of({k: v for k, v in cfg.items() if k not in about})
        self.inline = frozenset(cfg.get("inline", ()))
        self.absent = frozenset(cfg.get("absent", ()))
        self.only_ours = also <= {"ganspec"}
        # users' code may use a number where only a name is allowed, as in `global`
        self.literal = frozenset(cfg.get("literal", ()) if self.only_ours else ())
        self.varying, self.also, self.changed = varying, also, False
        self.symbols = Symbols()
        self.printer = Printer(self.symbols, self.refer, self.bring)
        self.constants = Constants(self.cfg, self.printer)
        self.versions: dict[tuple, Version] = {}
        self.pieces: list[Piece] = []
        self.imports: dict[Symbol, list[Import]] = {}
        self.main = ""
        self.modules: list[nn.Module] = []
        self.homes: tuple[str, ...] = ("ganspec.systems",)
        # definitions being moved, outermost first, with their sections
        self.trail: list[tuple[Definition, str]] = []

    def networks(self, nets: dict[str, Net]) -> dict[str, str]:
        """Print the networks, after the functions that they name. Return their marks by key."""
        self.modules = modules_of(nets.values()) if self.only_ours else []
        marks = {key: self.printer.network(net) for key, net in nets.items()}
        for mark, text in self.printer.sources:
            self.pieces.append(Piece(self.symbols.used(mark), "Networks", text.strip()))
        return marks

    def start(self, main: Callable) -> str:
        """Move the main function, which is called with the configuration; return its mark."""
        self.homes += (main.__module__,)
        definition = definition_of(main)
        assert isinstance(definition, Definition)  # not an import, since ganspec defines it
        return self.called(definition, {"cfg": Known(self.cfg)}).mark

    def is_training(self, definition: Definition) -> bool:
        """Return True for the training code of a system, and for its rules."""
        return not definition.home.name or definition.home.name.startswith(self.homes)

    def inlined(self) -> list[str]:
        """Return the marks of the training's functions that the setting `inline` names."""
        versions = [v for v in self.versions.values() if v.definition.names[0] in self.inline]
        return [v.symbol.mark for v in versions if self.is_training(v.definition)]

    # -- names in texts -----------------------------------------------------------------------

    def refer(self, thing: Any) -> str:
        """Return the text that names a function or class which code does not call: a mark, mostly.

        Raise UnmovableError if it cannot be named or moved.
        """
        if isinstance(thing, partial):
            return self.printer.value(thing)
        if not is_own(getattr(thing, "__module__", None) or "builtins", self.also):
            return self._installed(thing)
        binding = definition_of(thing, "function")
        # a lambda that a statement names
        if isinstance(binding, Definition) and binding.node is None:
            values = binding.home.namespace
            return self._constant(binding, next(n for n in binding.names if values[n] is thing))
        return self.mark_of(binding, "")

    def _installed(self, thing: object) -> str:
        """Return the text of a function or class of an installed package, importing its name."""
        owner = getattr(thing, "__objclass__", thing)  # the class of a method written in C
        module = getattr(owner, "__module__", None) or "builtins"
        name = str(getattr(thing, "__qualname__", "") or getattr(thing, "__name__", ""))
        try:
            known = operator.attrgetter(name)(sys.modules[module]) is thing
        except (AttributeError, KeyError):
            known = False
        if not known:
            raise UnmovableError(f"{thing!r}, which has no name in its module")
        top, dot, rest = name.partition(".")
        if module != "builtins":
            top = self.bring(Import(f"from {module} import {top}", top))
        return top + dot + rest

    def bring(self, imported: Import) -> str:
        """Return the mark of an imported name."""
        symbol = self.symbols.of(imported.key, IMPORT, imported.name)
        lines = self.imports.setdefault(symbol, [])
        dotted = imported.line.startswith("import ") and "." in imported.line
        # `import a.b` and `import a.c` load different modules
        if not lines or (dotted and imported not in lines):
            lines.append(imported)
        return symbol.mark

    def mark_of(self, binding: Binding, name: str) -> str:
        """Return the mark of `name` in a text that does not call it."""
        if isinstance(binding, Import):
            return self.bring(binding)
        if binding.node is None:
            return self._constant(binding, name)
        for parameter in binding.parameters:  # its callers are unknown
            self._vary(binding, (), parameter)
        return self.called(binding, {}).mark

    def _constant(self, definition: Definition, name: str) -> str:
        """Return the mark of a constant that a module's statements set."""
        text, home = definition.text, id(definition.home)
        symbols = {n: self.symbols.of((text, home, n), VALUE, n) for n in definition.names}
        if (key := ("value", text, home)) not in self.versions:
            self.versions[key] = Version(definition, symbols[name])
            self._write(definition, list(symbols.values()), {})
        return symbols[name].mark

    # -- calls --------------------------------------------------------------------------------

    def callee(self, thing: Any, name: str = "") -> Definition | str:
        """Return the definition of a function that is moved, else the text that names it."""
        if isinstance(thing, Named):
            return thing.mark
        if namespaced(thing) or not is_own(thing.__module__ or "builtins", self.also):
            return self.printer.name(thing)
        binding = definition_of(thing, name)
        return self.bring(binding) if isinstance(binding, Import) else binding

    def called(
        self, definition: Definition, given: dict[str, Known | None], starred: bool = False
    ) -> CallText:
        """Return the function's name in a call with the arguments `given`, None where unknown.

        With `starred`, the call has `*` or `**`, so that all parameters stay.
        """
        defaults = definition.defaults()
        # in other classes, only parameters with a false default that no call gives are settled
        fixed = isinstance(definition.node, ast.ClassDef) and not self.is_training(definition)
        known: dict[str, Known | None] = {}
        for name in definition.parameters:
            default = defaults.get(name)
            value = plain(default.value) if isinstance(default, ast.Constant) else None
            value = given.get(name, value)
            off = value is not None and name not in given and not value.value
            usable = _is_namespace(value) or (off if fixed else _has_name(value))
            known[name] = value if usable and not starred else None
        version = self._version(definition, known)
        return CallText(version.stands_for or version.symbol.mark, set(version.bound))

    def _version(self, definition: Definition, known: dict[str, Known | None]) -> Version:
        spaces = tuple(
            (name, value.value.family)
            for name, value in known.items()
            if value and _is_namespace(value) and not self._varies(definition, (), name)
        )
        key = (definition.key, spaces)
        version = self.versions.get(key)
        if version is None:
            rank = TRAINING if self.is_training(definition) else HELPER
            symbol = self.symbols.of(key, rank, definition.names[0])
            version = self.versions[key] = Version(definition, symbol)
            for name, value in known.items():
                if value is None:
                    self._vary(definition, spaces, name)
                elif not self._varies(definition, spaces, name):
                    version.bound[name] = value
            written = self._write(definition, [symbol], version.bound, version)
            for name in set(version.bound) - written:
                self._vary(definition, spaces, name)  # assigned within the function
                self.changed = True
        for name, value in version.bound.items():
            if not value.same(known[name]):
                self._vary(definition, spaces, name)
                self.changed = True
        return version

    def _vary(self, definition: Definition, spaces: tuple, name: str) -> None:
        self.varying.add((definition.key, spaces, name))

    def _varies(self, definition: Definition, spaces: tuple, name: str) -> bool:
        return bool({(definition.key, at, name) for at in ((), spaces)} & self.varying)

    # -- texts --------------------------------------------------------------------------------

    def _write(
        self,
        definition: Definition,
        symbols: list[Symbol],
        given: dict[str, Known],
        version: Version | None = None,
    ) -> set[str]:
        """Add a definition's text after those it uses. Return the parameters it no longer has.

        Nothing is added if an equal text is there, or if the function only passes its arguments on.
        """
        home, training = definition.home, self.is_training(definition)
        section = self._section(home.name, given)
        self.trail.append((definition, section))
        facts = Facts(
            given=given,
            spell=self.constants.spell,
            absent=self.absent if training else frozenset(),
            modules=self.modules if section == "Networks" else [],
            names=home.namespace,
        )
        view = settle(definition.text, facts, training)
        text = Rewriter(self, definition, view, symbols).text()
        if version:
            version.stands_for = passes_on(text)
        self.trail.pop()
        twin = next((p for p in self.pieces if alike(p, text, symbols, section)), None)
        if twin and version:
            version.symbol = twin.symbols[0]
        elif not (version and version.stands_for):
            self.pieces.append(Piece(symbols, section, text, definition.node is None))
        return set(view.given)

    def _section(self, home: str, given: dict[str, Known]) -> str:
        """Return the section of a definition's module or family, else that of its first user."""
        for start, section in SECTIONS.items():
            if home.startswith(start):
                return section
        families = [v.value.family for v in given.values() if _is_namespace(v)]
        near = self.trail[-1][1] if self.trail else "Networks"
        return next((FAMILIES[f] for f in families if f in FAMILIES), near)


def _is_namespace(known: Known | None) -> bool:
    return known is not None and isinstance(known.value, Namespace)


def _has_name(known: Known | None) -> bool:
    """Return True if a value can replace a parameter: not a bare number, which needs its name."""
    if known is None or not known.text:
        return False
    return type(known.value) not in (int, float) or "ganspec" in known.text
