"""Gather the code that a system's main function and networks need in an emitted file.

A definition is added when code first names it: after the definitions that it uses, and without the
branches that known values rule out. Texts have placeholders, such as `__ganspec_7__`, for names.
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
from ganspec.compiler.specialize import settle
from ganspec.compiler.symbols import HELPER, IMPORT, TRAINING, VALUE, Symbol, Symbols, namespaced
from ganspec.compiler.transcription import Transcriber
from ganspec.program.ir import Net

# Parameters that stay in emitted functions: the definition's key; (parameter, family) of each
# argument that is a namespace, or () for all calls; and the parameter that stays.
Varying: TypeAlias = set[tuple[tuple, tuple[tuple[str, str], ...], str]]

SECTIONS = {  # of code, by the beginning of its module's name
    "ganspec.kinds.losses": "Losses",
    "ganspec.kinds.criteria": "Losses",
    "ganspec.kinds.penalties": "Losses",
    "ganspec.kinds.datasets": "Data",
    "ganspec.kinds.metrics": "Training",
    "ganspec.systems": "Training",
}
# the same for code of other modules, by the family of the settings that a call passes
FAMILIES = {"loss": "Losses", "penalty": "Losses", "criterion": "Losses"}


class Mover:
    """Moves definitions into the emitted file and replaces parameters by their known values.

    A version of a function leaves out the parameters whose values its first call makes known. If a
    later call has another value, or the function sets the parameter, that is added to `varying`,
    and `changed` becomes True: then a new mover with this `varying` must move everything again.
    `also` are packages whose code is moved although they are installed.
    """

    def __init__(
        self, cfg: Mapping[str, Any], varying: Varying, also: frozenset[str] = frozenset()
    ):
        about = ("absent", "inline", "literal")
        self.cfg = Namespace.of({k: v for k, v in cfg.items() if k not in about})
        self.inline = frozenset(cfg.get("inline", ()))
        self.absent = frozenset(cfg.get("absent", ()))
        self.only_ours = also <= {"ganspec"}
        # some settings become plain numbers, but not if users' code is moved, which may have such a
        # name where Python allows no number, as in `global height`
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
        """Print the networks' classes, and move what they name. Return placeholders by key."""
        self.modules = modules_of(nets.values()) if self.only_ours else []
        placeholders = {key: self.printer.network(net) for key, net in nets.items()}
        for placeholder, text in self.printer.sources:
            self.pieces.append(Piece(self.symbols.used(placeholder), "Networks", text.strip()))
        return placeholders

    def start(self, main: Callable, **known: Known) -> str:
        """Move `main`, with `known` parameters besides `cfg`. Return its placeholder."""
        self.homes += (main.__module__,)
        definition = definition_of(main)
        assert isinstance(definition, Definition)  # not an import, since ganspec defines it
        return self.call_of(definition, {"cfg": Known(self.cfg), **known}).placeholder

    def is_training(self, definition: Definition) -> bool:
        """Return True for code of the training text, rules such as `g_loss < d_loss` included."""
        return not definition.home.name or definition.home.name.startswith(self.homes)

    def inlined(self) -> list[str]:
        """Return placeholders of the training text's functions that the setting `inline` names."""
        versions = [v for v in self.versions.values() if v.definition.names[0] in self.inline]
        return [v.symbol.placeholder for v in versions if self.is_training(v.definition)]

    # -- names in texts -----------------------------------------------------------------------

    def refer(self, thing: Any) -> str:
        """Return the text that names a function, class or `partial` outside calls; move it if new.

        Raise UnmovableError if it cannot be moved, or has no name in its installed module.
        """
        if isinstance(thing, partial):
            return self.printer.value(thing)
        if not is_own(getattr(thing, "__module__", None) or "builtins", self.also):
            return self._installed(thing)
        binding = definition_of(thing, "function")
        # a lambda that a statement assigns to a name
        if isinstance(binding, Definition) and binding.node is None:
            values = binding.home.namespace
            return self._constant(binding, next(n for n in binding.names if values[n] is thing))
        return self.placeholder_of(binding, "")

    def _installed(self, thing: object) -> str:
        """Return the text that names a function or class of an installed package, and import it."""
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
        """Add an import to the file, and return the placeholder of its name."""
        symbol = self.symbols.of(imported.key, IMPORT, imported.name)
        lines = self.imports.setdefault(symbol, [])
        dotted = imported.line.startswith("import ") and "." in imported.line
        # `import a.b` and `import a.c` load different modules
        if not lines or (dotted and imported not in lines):
            lines.append(imported)
        return symbol.placeholder

    def placeholder_of(self, binding: Binding, name: str) -> str:
        """Move or import `binding`. Return what names it, or its constant `name`, outside calls."""
        if isinstance(binding, Import):
            return self.bring(binding)
        if binding.node is None:
            return self._constant(binding, name)
        for parameter in binding.parameters:  # its calls are not known
            self._vary(binding, (), parameter)
        return self.call_of(binding, {}).placeholder

    def _constant(self, definition: Definition, name: str) -> str:
        """Move the statements that set the constant `name`, once. Return its placeholder."""
        text, home = definition.text, id(definition.home)
        symbols = {n: self.symbols.of((text, home, n), VALUE, n) for n in definition.names}
        if (key := ("value", text, home)) not in self.versions:
            self.versions[key] = Version(definition, symbols[name])
            self._write(definition, list(symbols.values()), {})
        return symbols[name].placeholder

    # -- calls --------------------------------------------------------------------------------

    def callee(self, thing: Any, name: str) -> Definition | str:
        """Return the definition of a function if it must be moved, or else the text that names it.

        `name` is a new name for a lambda, or for a function inside another function.
        """
        if isinstance(thing, Named):
            return thing.placeholder
        if namespaced(thing) or not is_own(thing.__module__ or "builtins", self.also):
            return self.printer.name(thing)
        binding = definition_of(thing, name)
        return self.bring(binding) if isinstance(binding, Import) else binding

    def call_of(
        self, definition: Definition, arguments: dict[str, Known | None], starred: bool = False
    ) -> CallText:
        """Move a function or class for a call. Return its name there and the parameters left out.

        `arguments` are the values of parameters that the call sets, None where not known. With
        `starred`, the call has `*` or `**`, so that all parameters stay.
        """
        defaults = definition.defaults()
        # a class outside the training text loses only `cfg`, and parameters that the call does not
        # pass and whose default is false, such as None or 0
        fixed = isinstance(definition.node, ast.ClassDef) and not self.is_training(definition)
        known: dict[str, Known | None] = {}
        for name in definition.parameters:
            default = defaults.get(name)
            value = plain(default.value) if isinstance(default, ast.Constant) else None
            value = arguments.get(name, value)
            off = value is not None and name not in arguments and not value.value
            usable = _is_namespace(value) or (off if fixed else _has_name(value))
            known[name] = value if usable and not starred else None
        version = self._version(definition, known)
        return CallText(version.stands_for or version.symbol.placeholder, set(version.bound))

    def _version(self, definition: Definition, known: dict[str, Known | None]) -> Version:
        """Return the version of a definition for a call, and move the version if it is new.

        `known` has the value of each parameter that may be left out, and None for the others.
        """
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
                self._vary(definition, spaces, name)  # the function sets it to another value
                self.changed = True
        for name, value in version.bound.items():
            if not value.same(known[name]):
                self._vary(definition, spaces, name)
                self.changed = True
        return version

    def _vary(self, definition: Definition, spaces: tuple, name: str) -> None:
        """Let the parameter `name` stay in the version for `spaces`; in all versions for ()."""
        self.varying.add((definition.key, spaces, name))

    def _varies(self, definition: Definition, spaces: tuple, name: str) -> bool:
        """Return True if the parameter `name` stays in this version, or in all versions."""
        return bool({(definition.key, at, name) for at in ((), spaces)} & self.varying)

    # -- texts --------------------------------------------------------------------------------

    def _write(
        self,
        definition: Definition,
        symbols: list[Symbol],
        arguments: dict[str, Known],
        version: Version | None = None,
    ) -> set[str]:
        """Add a definition's text to `pieces`, after the definitions that it uses.

        A function or class, which has a `version`, is not added if the file has an equal text, or
        if it only passes its arguments on. Return the parameters that the text no longer has.
        """
        home, training = definition.home, self.is_training(definition)
        section = self._section(home.name, arguments)
        self.trail.append((definition, section))
        facts = Facts(
            arguments=arguments,
            spell=self.constants.spell,
            absent=self.absent if training else frozenset(),
            modules=self.modules if section == "Networks" else [],
            names=home.namespace,
        )
        view = settle(definition.text, facts, training)
        text = Transcriber(self, definition, view, symbols).text()
        if version:
            version.stands_for = passes_on(text)
        self.trail.pop()
        twin = next((p for p in self.pieces if alike(p, text, symbols, section)), None)
        if twin and version:
            version.symbol = twin.symbols[0]
        elif not (version and version.stands_for):
            self.pieces.append(Piece(symbols, section, text, definition.node is None))
        return set(view.settled)

    def _section(self, home: str, arguments: dict[str, Known]) -> str:
        """Return the section for a definition in the module `home` that is called with `arguments`.

        If neither the module nor a family of settings in `arguments` has a section, it is that of
        the definition which first names this one.
        """
        for start, section in SECTIONS.items():
            if home.startswith(start):
                return section
        families = [v.value.family for v in arguments.values() if _is_namespace(v)]
        near = self.trail[-1][1] if self.trail else "Networks"
        return next((FAMILIES[f] for f in families if f in FAMILIES), near)


def _is_namespace(known: Known | None) -> bool:
    return known is not None and isinstance(known.value, Namespace)


def _has_name(known: Known | None) -> bool:
    """Return True if a value's text is clear without its parameter's name, unlike a bare number."""
    if known is None or not known.text:
        return False
    return type(known.value) not in (int, float) or "ganspec" in known.text
