"""Load kinds from the Python files that a user names and from installed entry points."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import inspect
import itertools
import linecache
import os
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import CodeType

from ganspec.language.errors import GanspecError, one_line, printable, quoted
from ganspec.language.paths import is_path
from ganspec.language.registry import BASES, LOADED, PACKAGES, KindsFile

VARIABLE = "GANSPEC_KINDS"  # environment variable with files of kinds, separated as in PATH
GROUP = "ganspec.kinds"  # entry points by which installed packages name their modules of kinds


class KindsError(GanspecError):
    """Raised when a file or an installed package of kinds cannot be loaded."""


def load_kinds(path: str | Path) -> None:
    """Run a Python file that defines kinds (see `ganspec.extend`), so that specs can name them.

    A file with the same content as a loaded one is not run again. Raises KindsError if the file
    cannot be read or run, has changed since it was loaded, or defines a kind that breaks the
    contract or whose name is taken. Then no kind is added; those of an earlier call stay.
    """
    fix = f"--kinds, ${VARIABLE} and load_kinds need the path of a readable Python file"
    if not is_path(path):
        raise KindsError(f"{quoted(path)} is no path; {fix}")
    path = Path(path)
    try:
        data = path.read_bytes()
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise KindsError(f"{printable(str(path))}: {reason}; {fix}") from None
    digest = hashlib.sha256(data).hexdigest()
    if any(each.sha256 == digest for each in LOADED):
        return
    if any(each.path == path.resolve() for each in LOADED):
        raise KindsError(f"{path} has changed since it was loaded; start Python again")
    file = KindsFile(path.resolve(), _free_name(path.stem), digest, text)
    _check_syntax(path, data)
    with _undone_on_error():
        _execute(file, path)
        _check_kinds(file.module, path)
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
    """Import what an installed entry point names. List its module's file in `LOADED`.

    A module that was imported before is not listed. Raises KindsError if the import fails, or if a
    kind has a fault.
    """
    before, top = set(sys.modules), entry.module.partition(".")[0]
    named = f"entry point {entry.name} ({entry.value})"
    try:
        with _undone_on_error():
            entry.load()
            for module in sorted(set(sys.modules) - before):  # the package may have several modules
                if module.partition(".")[0] == top:
                    _check_kinds(module, Path(sys.modules[module].__file__ or module))
    except KindsError as error:
        raise KindsError(f"{named}: {error}") from None
    except Exception as error:
        reason = one_line(error)
        raise KindsError(f"{named}: {reason}; mend or uninstall that package") from None
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
    name = "ganspec_kinds_" + re.sub(r"\W", "_", stem)
    numbered = (f"{name}_{number}" for number in itertools.count(2))
    return next(n for n in itertools.chain([name], numbered) if n not in sys.modules)


def _check_syntax(path: Path, data: bytes) -> None:
    """Raise KindsError if `data`, the bytes of the file `path`, are not Python.

    Raise it, too, if a class declares a field `model_config`.
    """
    try:
        tree = ast.parse(data, str(path))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        reason = getattr(error, "msg", None) or error
        raise KindsError(f"{path}:{line}: {reason}; correct this line of Python") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "model_config":
            what = "`model_config` cannot be a field, since pydantic reads it"
            raise KindsError(f"{path}:{node.lineno}: {what}; choose another name")


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
        if not taken:  # else the reason names its fix
            what = ": ".join(filter(None, [type(error).__name__, reason]))
            reason = f"{what}; correct the file"
        raise KindsError(f"{path}:{line}: {reason}") from None


def _check_kinds(module: str, path: Path) -> None:
    """Raise KindsError for the first fault of a kind in a loaded module, whose file is `path`.

    It is a fault if a norm would have the name of another in `normalization`. A layer `batch_norm`
    and a weight norm `batch`, for example, would both be `batch` there.
    """
    from ganspec.kinds.class_checks import class_faults, classes_of  # imports pydantic
    from ganspec.kinds.normalization import Normalization, norms, word  # imports torch

    for cls in classes_of(module):
        if fault := next(class_faults(cls), None):
            raise KindsError(f"{path}:{inspect.getsourcelines(cls)[1]}: {fault}")
    for kind in norms():
        other = Normalization.members()[word(kind)]
        if kind.__module__ == module and other is not kind:
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
                is_builtin = kind.__module__.startswith(f"{PACKAGES.get(family)}.")
                if name not in before.get(family, {}) and not is_builtin:
                    del kinds[name]
        raise
