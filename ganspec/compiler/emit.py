"""A spec as one file of plain PyTorch: networks, data, losses, trainer; no ganspec import."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from functools import cache
from types import ModuleType

import jinja2

from ganspec.compiler.ir import Net
from ganspec.compiler.lower import lower
from ganspec.compiler.printer import Printer, docstring
from ganspec.compiler.specialize import Specializer, Symbol
from ganspec.language.spec import Spec


def emit(spec: Spec) -> str:
    """Source of a self-contained program equal to the spec's runtime; raises SpecError."""
    # the trainer's text is needed only here
    from ganspec.training import program
    from ganspec.training.config import configure

    nets = lower(spec)
    networks = Text(Printer(), {})
    for net in nets.values():
        networks.printer.network(net)
    symbols = {key: Symbol(net.name) for key, net in nets.items()}
    trainer = Text(networks.printer, {**vars(configure(spec)), **symbols})
    networks.move_used()
    networks.add(*networks.printer.sources)
    already = set(map(id, networks.moved))
    trainer.moved = list(networks.moved)
    trainer.move(program.main)
    trainer.moved = [m for m in trainer.moved if id(m) not in already]
    return formatted(
        template().render(
            title=docstring(spec.doc or spec.name)[3:-3],
            name=spec.name,
            imports=imports([*networks.imports, *trainer.imports]),
            constants=trainer.constant_lines(spec),
            networks=networks.parts,
            trainer=trainer.parts,
        )
    )


def emit_networks(nets: dict[str, Net]) -> str:
    """Source of the networks alone, for use in one's own loop."""
    text = Text(Printer(), {})
    for net in nets.values():
        text.printer.network(net)
    text.move_used()
    text.add(*text.printer.sources)
    return formatted("\n".join([*imports(text.imports), "", "", "\n\n\n".join(text.parts)]))


class Text:
    """Parts of an emitted file: texts of functions and classes, moved with what they use."""

    def __init__(self, printer: Printer, cfg: dict[str, object]):
        self.printer = printer
        self.specializer = Specializer(cfg, printer)
        self.parts: list[str] = []
        self.moved: list[object] = []
        self.imports: list[str] = []

    def add(self, *sources: str) -> None:
        """Append parts as they are, noting the imports that they need."""
        for source in sources:
            self.parts.append(source.strip())
            self.need(source, _STANDARD)

    def move(self, thing: object) -> None:
        """Append a function or class as text, after everything of ganspec that it uses."""
        if any(thing is m for m in self.moved):
            return
        self.moved.append(thing)
        module = sys.modules[thing.__module__]
        named = len(self.printer.used)
        text = self.specializer.settle(inspect.getsource(thing))
        for used in [*self.printer.used[named:], *_ganspec_names(text, module)]:
            if _is_own(used) and used is not thing:
                self.move(used)
        self.parts.append(text.strip())
        self.need(text, import_lines(module))

    def move_used(self) -> None:
        """Move every helper that the printed networks name."""
        for used in list(self.printer.used):
            if _is_own(used):
                self.move(used)
            else:
                self.imports.append(f"from {_public_module(used)} import {used.__name__}")

    def need(self, text: str, available: dict[str, str]) -> None:
        """Note the imports among `available` whose names `text` reads."""
        self.imports += [available[n] for n in _names(text) if n in available]

    def constant_lines(self, spec: Spec) -> list[str]:
        """`BATCH = 64` for everything that the moved text came to need."""
        constants = self.specializer.constants
        return [f"{name} = {self.printer.value(value)}" for name, value in constants.items()]


_STANDARD = {"torch": "import torch", "nn": "from torch import nn"}


def _public_module(thing: object) -> str:
    """Where a person would import `thing` from."""
    module = thing.__module__
    return module.split("._")[0]


def _is_own(thing: object) -> bool:
    return getattr(thing, "__module__", "").startswith(("ganspec.", "examples.")) or (
        (inspect.isfunction(thing) or inspect.isclass(thing))
        and not getattr(thing, "__module__", "").startswith(("torch", "functools"))
    )


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)))


def _ganspec_names(text: str, module: ModuleType) -> list[object]:
    """Functions and classes of ganspec that `text` names, as `module` knows them."""
    found = [getattr(module, name, None) for name in _names(text)]
    return [f for f in found if callable(f) and getattr(f, "__module__", "").startswith("ganspec")]


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
    """Import statements sorted and grouped as isort does: standard library, then the rest."""
    unique = sorted(set(lines), key=_import_key)
    standard = [line for line in unique if line.split()[1].split(".")[0] in sys.stdlib_module_names]
    others = [line for line in unique if line not in standard]
    return [*standard, "", *others] if standard and others else [*standard, *others]


def _import_key(line: str) -> tuple:
    return line.startswith("from "), line.split()[1].lower(), line


@cache
def template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ganspec.compiler"),
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
    run = subprocess.run(command, input=source, capture_output=True, text=True, check=True)
    return run.stdout
