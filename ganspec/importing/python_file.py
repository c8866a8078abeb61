"""Construction of networks from a Python module and arguments of the command line."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from torch import nn

from ganspec.importing.graph import Shape
from ganspec.language.errors import GanspecError, listed, quoted, suggestion

UNDEFINED = "__undefined__"  # the file's variable with the reasons why names are not defined
# usual names of an argument that takes the parsed options of a script
PARSED = ("args", "cfg", "config", "hparams", "opt", "opts")


class UnreadableError(GanspecError):
    """Raised when code or a table cannot be read as a network."""


@dataclass(frozen=True)
class CodeInput:
    """A tensor that a network reads: `z:100`, `x:3x64x64`, `y:10` (multi-hot), `y:class10`."""

    name: str
    shape: Shape
    classes: int | None = None  # number of classes of a label; None if it is not a label

    @property
    def is_label(self) -> bool:
        return self.classes is not None

    @property
    def text(self) -> str:
        """The input as the user writes it: `x:3x64x64`, or `y:class10` for the index of a class."""
        sizes = "x".join(map(str, self.shape))
        return f"{self.name}:{sizes or f'class{self.classes}'}"


def refuse_unread(inputs: Iterable[CodeInput]) -> None:
    """Raise UnreadableError if there are `inputs`, which no network reads."""
    for each in inputs:
        raise UnreadableError(f"nothing reads the input {each.text}: leave out this --input")


def parse_input(text: str) -> CodeInput:
    """Parse an argument of `--input`, such as `z:100`. Raise UnreadableError for another text."""
    match = re.fullmatch(r"([xz]):(\d{1,7}(?:x\d{1,7}){0,2})|y:(class)?(\d{1,7})", text)
    if not match:
        wanted = "`z:100`, `x:3x64x64`, `y:10` (multi-hot) or `y:class10` (an index)"
        raise UnreadableError(f"--input {quoted(text)} is no tensor; write {wanted}")
    if match[1]:
        return CodeInput(match[1], tuple(map(_size, match[2].split("x"))))
    size = _size(match[4])
    return CodeInput("y", () if match[3] else (size,), size)


def _size(text: str) -> int:
    if not 0 < int(text) <= 1_000_000:
        raise UnreadableError(f"--input has the size {text}; write a size from 1 to 1,000,000")
    return int(text)


class SettingsObject:
    """An object with the attributes that `--with opt.img_size=32,opt.channels=1` gives to `opt`."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(f"`{self._name}` has no `{name}`")
        raise AttributeError(f"`{self._name}` has no `{name}`; add --with {self._name}.{name}=...")


def parse_settings(texts: Iterable[str]) -> dict[str, object]:
    """Parse the texts of `--with`, such as `nz=100,opt.size=32`, as arguments by name.

    The argument `opt` is a SettingsObject. Raise UnreadableError if a text is not a setting, or if
    an argument gets both a value and fields.
    """
    settings: dict[str, object] = {}
    for text in texts:
        for part in re.split(r",(?![^\[(]*[\])])", text):
            name, equals, value = (p.strip() for p in part.partition("="))
            owner, dot, field = name.rpartition(".")
            if not equals or not field.isidentifier() or not (owner.isidentifier() or not dot):
                wanted = "`--with nz=100,norm=batch` or `--with opt.nz=100`"
                raise UnreadableError(f"{quoted(part)} is not a setting; write {wanted}")
            first = owner or field
            if first in settings and isinstance(settings[first], SettingsObject) != bool(owner):
                raise UnreadableError(
                    f"--with gives {quoted(first)} a value and fields; leave out one or the other"
                )
            if owner:
                vars(settings.setdefault(owner, SettingsObject(owner)))[field] = _value(value, part)
            else:
                settings[field] = _value(value, part)
    return settings


def _value(text: str, part: str) -> object:
    """Return the value of the setting `part`: a word, or a plain Python value such as a list.

    Raise UnreadableError if `text` is neither.
    """
    if re.fullmatch(r"[A-Za-z_][\w.-]*", text) and text not in ("True", "False", "None"):
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = object()
    if not _is_plain(value):
        message = f"{quoted(part)} has no value that can be read"
        raise UnreadableError(f"{message}: write a number, a word, a list or a text in quotes")
    return value


def _is_plain(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (int, float, str))


def place_of(error: BaseException, path: Path) -> str:
    """Return an error of the user's code as text: `line 8: ValueError: wrong size`.

    The line is the last one of the file `path` in the traceback; it is left out if there is none.
    """
    frames = list(traceback.walk_tb(error.__traceback__))
    own = path.resolve()
    lines = [n for frame, n in frames if Path(frame.f_code.co_filename).resolve() == own]
    text = str(error).strip().splitlines() or [""]
    where = f"line {lines[-1]}: " if lines else ""
    reason = ""
    if isinstance(error, NameError) and frames:
        known = frames[-1][0].f_globals.get(UNDEFINED, {})
        reason = f" ({known[error.name]})" if error.name in known else ""
    return f"{where}{type(error).__name__}: {text[0]}{reason}"[:300].rstrip(": ")


Maker = Callable[..., nn.Module]  # a network's class, or a function that returns a network


def maker_of(module: ModuleType, name: str, path: Path) -> Maker:
    """Return the network's class or the function called `name` that the file `path` defines.

    `module` is the file after it was run. Raise UnreadableError if it has no such definition at its
    top level.
    """
    own = {
        key: value
        for key, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__
    }
    classes = {k: v for k, v in own.items() if inspect.isclass(v) and issubclass(v, nn.Module)}
    if name in classes or inspect.isfunction(own.get(name)):
        return own[name]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name:
            what = f"{quoted(name)}, line {node.lineno}, is no network at the top level of {path}"
            raise UnreadableError(f"{what}; move it there, if it makes one")
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == name:
            what = f"{quoted(name)} is made by a statement, line {node.lineno} of {path}"
            raise UnreadableError(f"{what}; make it in a function and name the function")
    if not classes:
        raise UnreadableError(f"{path} defines no nn.Module; name the file that does")
    raise UnreadableError(
        f"{path} has no network {quoted(name)}; {suggestion(name, classes, 'it has')}"
    )


def build(maker: Maker, settings: dict[str, object]) -> nn.Module:
    """Return the network that `maker` makes; its arguments are taken from `settings`, by name.

    Raise UnreadableError if an argument is missing, or if `maker` fails or makes no network.
    """
    parameters = inspect.signature(maker).parameters
    named = {
        n: p for n, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    }
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    missing = [n for n, p in named.items() if n not in settings and p.default is p.empty]
    if missing:
        example = ",".join(f"{name}=..." for name in missing)
        hint = f", or --with {missing[0]}.NAME=... for its fields" if missing[0] in PARSED else ""
        raise UnreadableError(
            f"{maker.__name__} needs {listed(missing)}; add --with {example}{hint}"
        )
    namespace = vars(sys.modules[maker.__module__])
    arguments = {k: _meant(v, namespace) for k, v in settings.items() if anything or k in named}
    try:
        with warnings.catch_warnings(action="ignore"):  # such as deprecations of torch
            network = maker(**arguments)
    except (Exception, SystemExit) as error:
        place = place_of(error, Path(inspect.getfile(maker)))
        raise UnreadableError(f"{place} in {maker.__name__}()") from None
    if not isinstance(network, nn.Module):
        raise UnreadableError(f"{maker.__name__}() makes no nn.Module; name the network's class")
    return network


def _meant(value: object, namespace: dict[str, object]) -> object:
    """Return the class or function that a word such as `nn.ReLU` names; else `value` itself.

    In a SettingsObject, attributes that are such words are replaced in place.
    """
    if isinstance(value, SettingsObject):
        for name, field in vars(value).items():
            vars(value)[name] = _meant(field, namespace) if name != "_name" else field
    if not isinstance(value, str):
        return value
    first, *rest = value.split(".")
    named = namespace.get(first)
    for name in rest:
        named = getattr(named, name, None)
    return named if inspect.isclass(named) or inspect.isfunction(named) else value


def unpassed(network: nn.Module, count: int) -> list[str]:
    """Return a note, in a list, on arguments of `forward` after the first `count`; [] for none."""
    parameters = inspect.signature(network.forward).parameters.values()
    own = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    left = own[count:]
    return [f"read with the defaults of `forward` for {listed(left)}"] if left else []


def arity(network: nn.Module) -> tuple[int, int]:
    """Return how many positional arguments `forward` requires, and how many it takes at most.

    With `*args`, the second number is 2, the most that a spec can give, or the first if larger.
    """
    parameters = list(inspect.signature(network.forward).parameters.values())
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = sum(p.kind in plain and p.default is p.empty for p in parameters)
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return required, max(required, 2)
    return required, sum(p.kind in plain for p in parameters)
