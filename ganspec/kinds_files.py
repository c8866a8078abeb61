"""Load kinds from the Python files that a user names and from installed entry points."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import inspect
import linecache
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import CodeType

from ganspec.language.errors import GanspecError, conjunction, one_line
from ganspec.language.registry import BASES, LOADED, PACKAGES, KindsFile

VARIABLE = "GANSPEC_KINDS"  # environment variable with files of kinds, separated as in PATH
GROUP = "ganspec.kinds"  # entry points by which installed packages name their modules of kinds


class KindsError(GanspecError):
    """Raised when a file of kinds cannot be loaded; the message gives its line and a fix."""


def load_kinds(path: str | Path) -> None:
    """Run the Python file at `path`, whose classes become kinds that specs can name.

    A file with the same content as a loaded one is not run again. Warns if the file imports modules
    by names that they had in version 0.1. Raises KindsError if the file cannot be read or run, has
    changed since it was loaded, or defines a kind without a docstring or with a name that is taken.
    Then no kind is added; those of an earlier call stay.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        fix = f"--kinds, ${VARIABLE} and load_kinds need the path of a readable Python file"
        raise KindsError(f"{path}: {reason}; {fix}") from None
    digest = hashlib.sha256(data).hexdigest()
    if any(each.sha256 == digest for each in LOADED):
        return
    if any(each.path == path.resolve() for each in LOADED):
        raise KindsError(f"{path} has changed since it was loaded; start Python again")
    file = KindsFile(path.resolve(), _free_name(path.stem), digest, text)
    with _undone_on_error(), _old_places(path, _parsed(path, data)):
        _execute(file, path)
        _check_documented(file, path)
        _check_words(file, path)
    LOADED.append(file)


def load_all(paths: Iterable[Path]) -> None:
    """Load kinds of installed entry points, then of the files in `$GANSPEC_KINDS`, then of `paths`.

    Raises KindsError at the first that cannot be loaded.
    """
    for entry in entry_points(group=GROUP):
        _load_entry(entry)
    listed = os.environ.get(VARIABLE, "").split(os.pathsep)
    for path in [*map(Path, filter(None, listed)), *paths]:
        load_kinds(path)


def _load_entry(entry: EntryPoint) -> None:
    """Import the module that an installed entry point names. Raise KindsError if that fails.

    List the module's file in `LOADED`, unless the module was imported before.
    """
    before = set(sys.modules)
    try:
        with _undone_on_error():
            entry.load()
    except Exception as error:
        reason = one_line(error)
        raise KindsError(
            f"entry point {entry.name} ({entry.value}): {reason}; mend or uninstall that package"
        ) from None
    path = Path(sys.modules[entry.module].__file__ or "")
    if entry.module not in before and path.suffix == ".py":
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        LOADED.append(KindsFile(path.resolve(), entry.module, digest, data.decode("utf-8")))


def _free_name(stem: str) -> str:
    """Return a module name that is not in `sys.modules` for the file `stem`.py.

    For `my-layers` it is `ganspec_kinds_my_layers`, or if that is taken `ganspec_kinds_my_layers_2`
    and so on.
    """
    name = unique = "ganspec_kinds_" + re.sub(r"\W", "_", stem)
    count = 1
    while unique in sys.modules:
        count += 1
        unique = f"{name}_{count}"
    return unique


def _parsed(path: Path, data: bytes) -> ast.Module:
    """Return the syntax tree of `data`, the bytes of the file `path`.

    Raise KindsError if they are not valid Python.
    """
    try:
        return ast.parse(data, str(path))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        reason = getattr(error, "msg", None) or error
        raise KindsError(f"{path}:{line}: {reason}; correct this line of Python") from None


class _Loader(SourceFileLoader):
    """A loader that compiles the file each time: it neither reads nor writes a `.pyc` file."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _execute(file: KindsFile, path: Path) -> None:
    """Run the file as a module. If it raises, raise KindsError with the line of the file.

    The message names the file by `path`. `inspect` finds the source even if the file changes later.
    """
    loader = _Loader(file.module, str(file.path))
    spec = importlib.util.spec_from_file_location(file.module, file.path, loader=loader)
    assert spec is not None  # it is None only without a loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.module] = module
    # `linecache` keeps an entry without a modification time even if the file changes
    lines = file.text.splitlines(keepends=True)
    linecache.cache[str(file.path)] = (len(file.text), None, lines, str(file.path))
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(file.module)
        frames = traceback.extract_tb(error.__traceback__)
        line = next((f.lineno for f in reversed(frames) if f.filename == str(file.path)), 1)
        reason = str(error).partition("\n")[0]
        taken = isinstance(error, TypeError) and "is already defined in" in reason
        fix = "choose another `kind=`" if taken else "correct the file"
        what = reason if taken else ": ".join(filter(None, [type(error).__name__, reason]))
        raise KindsError(f"{path}:{line}: {what}; {fix}") from None


def _check_documented(file: KindsFile, path: Path) -> None:
    """Raise KindsError if a kind of the file has no docstring."""
    for family, kinds in _families():
        for name, kind in kinds.items():
            if kind.__module__ == file.module and not vars(kind).get("__doc__"):
                line = inspect.getsourcelines(kind)[1]
                what = f"the {family.replace('_', ' ')} `{name}` has no docstring"
                raise KindsError(f"{path}:{line}: {what}; write one that describes it")


def _check_words(file: KindsFile, path: Path) -> None:
    """Raise KindsError if `normalization` knows another norm by the name of a norm in the file.

    A layer `batch_norm` and a weight norm `batch`, for example, would both be `batch` there.
    """
    from ganspec.kinds.normalization import Normalization, norms, word  # imports torch

    for kind in norms():
        other = Normalization.members()[word(kind)]
        if kind.__module__ == file.module and other is not kind:
            line = inspect.getsourcelines(kind)[1]
            what = f"`normalization: {word(kind)}` is already defined in {other.__module__}"
            raise KindsError(f"{path}:{line}: {what}; choose another `kind=`")


def _families() -> Iterator[tuple[str, dict[str, type]]]:
    """Yield the name of each family and a dict of its kinds by name, which is {} for systems."""
    for family, base in BASES.items():
        yield family, getattr(base, "kinds", {})


@contextmanager
def _undone_on_error() -> Iterator[None]:
    """Remove the kinds that the `with` block defined, except ganspec's own, if the block raises."""
    before = {family: dict(kinds) for family, kinds in _families()}
    try:
        yield
    except BaseException:
        for family, kinds in _families():
            for name, kind in list(kinds.items()):
                if name not in before.get(family, {}) and not _is_built_in(kind, family):
                    del kinds[name]
        raise


def _is_built_in(kind: type, family: str) -> bool:
    """Return True if the kind is defined in ganspec's own package of its family."""
    return kind.__module__.startswith(f"{PACKAGES.get(family)}.")


# -- files written for version 0.1 ------------------------------------------------------------


def _new_place(module: str) -> str | None:
    """Return the present name of a module that had the name `module` in version 0.1.

    `ganspec.layers.conv`, for example, is `ganspec.kinds.layers.conv` now. Return None if `module`
    is no such old name.
    """
    if module == "ganspec.compiler.ir":
        return "ganspec.program.ir"
    _, _, name = module.partition("ganspec.")
    folder, _, name = name.partition(".")
    for family, package in PACKAGES.items():
        if name.isidentifier() and package == f"ganspec.kinds.{folder}":
            place = f"ganspec.kinds.{name}" if name == family else f"{package}.{name}"
            return place if importlib.util.find_spec(place) else None
    return None


@contextmanager
def _old_places(path: Path, tree: ast.Module) -> Iterator[None]:
    """Let a `with` block import modules by the names of version 0.1 that `tree` imports.

    `tree` is the syntax tree of the file `path`. Warn if it imports any module by such a name.
    """
    names = [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module]
    moved = {name: place for name in names if (place := _new_place(name))}
    if moved:
        verb = "has" if len(moved) == 1 else "have"
        message = f"{path}: {conjunction(list(moved))} {verb} moved; import from ganspec.extend"
        warnings.warn(message, stacklevel=3)
    sys.modules.update({old: importlib.import_module(new) for old, new in moved.items()})
    try:
        yield
    finally:
        for old in moved:
            del sys.modules[old]
