"""A class of a Python file, built with numbers from the command line."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import sys
import traceback
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from torch import nn

from ganspec.language.errors import GanspecError, listed, quoted, suggestion


class UnreadableError(GanspecError):
    """Code or a table that cannot be read as a network."""


@dataclass(frozen=True)
class Given:
    """A tensor that a network reads: `z:100`, `x:3x64x64`, `y:10` (multi-hot), `y:class10`."""

    name: str
    shape: tuple[int, ...]
    classes: int | None = None

    @property
    def is_label(self) -> bool:
        return self.name == "y"

    @property
    def text(self) -> str:
        return f"{self.name}:" + "x".join(map(str, self.shape))


def given(text: str) -> Given:
    """`--input`'s value; raises UnreadableError."""
    match = re.fullmatch(r"([xyz]):(?:(class)(\d{1,7})|(\d{1,7}(?:x\d{1,7}){0,2}))", text)
    if not match or (match[2] and match[1] != "y"):
        wanted = "`z:100`, `x:3x64x64`, `y:10` (multi-hot) or `y:class10` (indices)"
        raise UnreadableError(f"{quoted(text)} is no input; write {wanted}")
    if match[2]:
        return Given("y", (), _size(match[3]))
    shape = tuple(map(_size, match[4].split("x")))
    return Given(match[1], shape, shape[0] if match[1] == "y" else None)


def _size(text: str) -> int:
    if not 0 < int(text) <= 1_000_000:
        raise UnreadableError(f"an input of size {text}; sizes go from 1 to 1,000,000")
    return int(text)


def numbers(settings: Iterable[str]) -> dict[str, object]:
    """`--with nz=100,ngf=64` as names and numbers; raises UnreadableError."""
    found = {}
    for setting in settings:
        for part in re.split(r",(?![^\[(]*[\])])", setting):
            name, equals, text = (p.strip() for p in part.partition("="))
            try:
                value = ast.literal_eval(text)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                value = ""
            if not equals or not name.isidentifier() or not _is_number(value):
                raise UnreadableError(
                    f"{quoted(part)} gives no number; write `--with nz=100,ngf=64`"
                )
            found[name] = value
    return found


def _is_number(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_number, value))
    return value is None or isinstance(value, (int, float))


def run_file(path: Path) -> ModuleType:
    """The file as a module, run as Python's import runs it; raises UnreadableError."""
    if not path.is_file():
        raise UnreadableError(f"there is no file {path}")
    if path.suffix != ".py":
        raise UnreadableError(
            f"{path} is no Python file; for a printed table, write --summary {path}"
        )
    # its own name would find an installed package of that name in its place
    spec = importlib.util.spec_from_file_location(f"imported_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # data classes look themselves up there
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UnreadableError(f"{_place(error, path)} while {path} was run") from None
    finally:
        sys.path.remove(str(path.resolve().parent))
    return module


def _place(error: BaseException, path: Path) -> str:
    """An error of the user's code on one line, with the last place in their file."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f.lineno for f in frames if f.filename == str(path)]
    text = str(error).strip().splitlines() or [""]
    where = f"line {lines[-1]}: " if lines else ""
    return f"{where}{type(error).__name__}: {text[0]}"[:300].rstrip(": ")


def class_of(module: ModuleType, name: str, path: Path) -> type[nn.Module]:
    """The class called `name`; raises UnreadableError."""
    found = {
        key: value
        for key, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, nn.Module)
        and value.__module__ == module.__name__
    }
    if name in found:
        return found[name]
    if not found:
        raise UnreadableError(f"{path} defines no nn.Module")
    raise UnreadableError(
        f"{path} has no network {quoted(name)}; {suggestion(name, found, 'it has')}"
    )


def build(cls: type[nn.Module], settings: dict[str, object]) -> nn.Module:
    """The class with those of the settings that its constructor has; raises UnreadableError."""
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    takes = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
    missing = [
        p.name
        for p in parameters
        if p.name not in settings and p.default is p.empty and p.name in takes
    ]
    if missing:
        example = ",".join(f"{name}=..." for name in missing)
        raise UnreadableError(f"{cls.__name__} needs {listed(missing)}; add --with {example}")
    given = {k: v for k, v in settings.items() if anything or k in takes}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of functions that torch means to drop
            return cls(**given)
    except Exception as error:
        raise UnreadableError(
            f"{_place(error, Path(inspect.getfile(cls)))} in {cls.__name__}()"
        ) from None


def takes(cls: type[nn.Module]) -> set[str]:
    """Names that the constructor knows."""
    return set(inspect.signature(cls.__init__).parameters)


def arity(network: nn.Module) -> int:
    """How many tensors `forward` has to be given."""
    parameters = inspect.signature(network.forward).parameters.values()
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in plain and p.default is p.empty for p in parameters)
