"""A spec as one file of plain PyTorch: networks, data, losses, trainer; no ganspec import."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import jinja2

from ganspec.compiler.lower import lower
from ganspec.compiler.printer import Printer
from ganspec.compiler.seal import BLANK, sealed
from ganspec.compiler.specialize import Specializer, Symbol
from ganspec.language.rules import Rule
from ganspec.program.ir import Net
from ganspec.program.spelling import docstring
from ganspec.systems.spec import Spec

SECTIONS = {
    "ganspec.kinds.losses": "Losses",
    "ganspec.kinds.criteria": "Losses",
    "ganspec.kinds.penalties": "Losses",
    "ganspec.kinds.datasets": "Data",
    "ganspec.kinds.metrics": "Training",
    "ganspec.systems": "Training",
}


def emit(spec: Spec) -> str:
    """Source of a self-contained program equal to the spec's runtime; raises SpecError."""
    nets = lower(spec)
    symbols = {key: Symbol(net.name) for key, net in nets.items()}
    if len(nets) == 1:  # such programs share one text
        (symbols["network"],) = symbols.values()
    subject = spec.noun[:1].upper() + spec.noun[1:]
    text = Text({**vars(spec.settings(nets)), **symbols})
    text.print(nets)
    text.move(spec.main())
    source = formatted(
        template().render(
            title=docstring(spec.doc or f"{subject} `{spec.name}`")[3:-3],
            name=spec.name,
            seal=BLANK,
            imports=imports(text.imports),
            constants=text.constants(),
            sections={name: parts for name, parts in text.sections.items() if parts},
        )
    )
    return sealed(source)


def emit_networks(nets: dict[str, Net]) -> str:
    """Source of the networks alone, for use in one's own loop."""
    text = Text({})
    text.print(nets)
    parts = "\n\n\n".join(text.sections["Networks"])
    return formatted("\n".join([*imports(text.imports), "", "", parts]))


class Text:
    """An emitted file's parts: printed classes, and functions moved with what they use."""

    def __init__(self, cfg: dict[str, object]):
        self.printer = Printer()
        self.specializer = Specializer(cfg, self.printer)
        self.sections: dict[str, list[str]] = {
            name: [] for name in ("Networks", "Losses", "Data", "Training")
        }
        losses = ("real_loss", "fake_loss", "generator_loss", "penalty")
        self.roles = {cfg[name]: "Losses" for name in losses if cfg.get(name)}
        self.moved: list[object] = []
        self.imports: list[str] = []

    def print(self, nets: dict[str, Net]) -> None:
        """Print the networks, after the helpers that they name."""
        for net in nets.values():
            self.printer.network(net)
        for used in list(self.printer.used):
            if _is_own(used):
                self.move(used)
            else:
                self.imports.append(f"from {used.__module__} import {used.__name__}")
        for source in self.printer.sources:
            self.sections["Networks"].append(source.strip())
            self.need(source, _STANDARD)

    def move(self, thing: object, near: str = "Networks") -> None:
        """Add a function or class as text, after everything of its own package that it uses.

        `near` is the section of what uses it, for things that are not of ganspec.
        """
        if any(thing is m for m in self.moved):
            return
        self.moved.append(thing)
        module = sys.modules[thing.__module__]
        homes = (name for home, name in SECTIONS.items() if module.__name__.startswith(home))
        section = next(homes, None) or self.roles.get(thing, near)
        source = thing.source if isinstance(thing, Rule) else inspect.getsource(thing)
        # a data set's own `labels` are another thing than a training's
        absent = () if section == "Data" else self.specializer.cfg.get("absent", ())
        text = self.specializer.settle(source, absent)
        own = {f.__name__: f for f in [*_own_names(text, module), *self.printer.used]}
        for name in _names(text):
            if name in own and _is_own(own[name]) and own[name] is not thing:
                self.move(own[name], section)
        self.sections[section].append(text.strip())
        self.need(text, import_lines(module))

    def need(self, text: str, available: dict[str, str]) -> None:
        """Note the imports among `available` whose names `text` reads."""
        self.imports += [available[n] for n in _names(text) if n in available]

    def constants(self) -> list[str]:
        """`BATCH = 64` for everything that the moved text came to need, in `cfg`'s order."""
        needed, order = self.specializer.constants, [k.upper() for k in self.specializer.cfg]
        return [f"{k} = {self.printer.value(needed[k])}" for k in order if k in needed]


_STANDARD = {"torch": "import torch", "nn": "from torch import nn"}


def _is_own(thing: object) -> bool:
    """Whether `thing` must be moved as text, being neither torch's nor the standard library's."""
    return thing.__module__.split(".")[0] not in {"torch", *sys.stdlib_module_names}


def _names(text: str) -> list[str]:
    """The names that `text` reads or sets, in their order, each once."""
    nodes = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)]
    nodes.sort(key=lambda n: (n.lineno, n.col_offset))
    return list(dict.fromkeys(n.id for n in nodes))


def _own_names(text: str, module: ModuleType) -> list[object]:
    """Functions and classes that `text` names and that its module or ganspec defines."""
    found = [getattr(module, name, None) for name in _names(text)]
    homes = ("ganspec.", module.__name__)
    things = [f for f in found if inspect.isfunction(f) or inspect.isclass(f)]
    return [f for f in things if f.__module__.startswith(homes)]


@cache
def import_lines(module: ModuleType) -> dict[str, str]:
    """Every name that a module's own import statements bind, with its statement."""
    found = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.split(".")[0]
                renamed = f" as {alias.asname}" if alias.asname else ""
                found[bound] = f"import {alias.name}{renamed}"
        elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("ganspec"):
            for alias in node.names:
                renamed = f" as {alias.asname}" if alias.asname else ""
                bound = alias.asname or alias.name
                found[bound] = f"from {node.module} import {alias.name}{renamed}"
    found.pop("annotations", None)
    return found


def imports(lines: list[str]) -> list[str]:
    """Import statements sorted and grouped as isort does: standard library, then the rest.

    What is imported from one module is imported in one statement.
    """
    whole = {line for line in lines if line.startswith("import ")}
    named: dict[str, set[str]] = {}
    for line in set(lines) - whole:
        module, _, names = line.removeprefix("from ").partition(" import ")
        named.setdefault(module, set()).update(names.split(", "))
    merged = {f"from {m} import {', '.join(sorted(names))}" for m, names in named.items()}
    unique = sorted(whole | merged, key=_import_key)
    standard = [line for line in unique if line.split()[1].split(".")[0] in sys.stdlib_module_names]
    others = [line for line in unique if line not in standard]
    return [*standard, "", *others] if standard and others else [*standard, *others]


def _import_key(line: str) -> tuple:
    return line.startswith("from "), line.split()[1].lower(), line


@cache
def template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
    )
    return environment.get_template("program.py.jinja")


def formatted(source: str) -> str:
    """`source` as `ruff format` writes it; raises SyntaxError where it is no Python."""
    ast.parse(source)
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
    run = subprocess.run(command, input=source, capture_output=True, encoding="utf-8", check=True)
    return run.stdout
