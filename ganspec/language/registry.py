"""Families of kinds, and the packages and files that define the kinds.

The language itself lists no kinds: `ganspec/__init__.py` fills `PACKAGES`. The files of a package
are imported when its family is first used, so that a new kind is only a new file. `LOADED` lists
the users' own files, which `ganspec.kinds_files` loads.
"""

from __future__ import annotations

import importlib.util
import pkgutil
import traceback
from dataclasses import dataclass, field
from pathlib import Path

PACKAGES: dict[str, str] = {}  # family -> package
BASES: dict[str, type] = {}  # family -> base class, which registers itself here
HOME = Path(__file__).parents[1]  # the folder of ganspec's code
_searched: set[str] = set()


@dataclass(frozen=True)
class KindsFile:
    """A user's Python file of kinds, as it was loaded; `module` is its name in `sys.modules`."""

    path: Path
    module: str
    sha256: str
    text: str = field(repr=False)

    @property
    def name(self) -> str:
        """The name of the file's copy in run folders: a second `my.py` is `my_2.py`."""
        namesakes = [each.path for each in LOADED if each.path.name == self.path.name]
        place = namesakes.index(self.path) if self.path in namesakes else 0
        return f"{self.path.stem}_{place + 1}.py" if place else self.path.name


LOADED: list[KindsFile] = []


def own_line(error: BaseException) -> tuple[Path, int] | None:
    """Return the user's file of kinds and the line in it that raised `error`; None if none did.

    Errors that code outside ganspec, such as torch, raises for that line count, too.
    """
    paths = {str(file.path): file.path for file in LOADED}
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if path := paths.get(frame.filename):
            return path, frame.lineno or 1
        if Path(frame.filename).is_relative_to(HOME):
            return None
    return None


def base_of(family: str) -> type:
    """Return the base class of a family, whose package is imported first.

    All modules in the package are imported, and of each folder in it the module `spec`.
    """
    if family in PACKAGES and family not in _searched:
        package = importlib.import_module(PACKAGES[family])
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            name = f"{module.name}.spec" if module.ispkg else module.name
            if importlib.util.find_spec(name):
                importlib.import_module(name)
        _searched.add(family)
    return BASES[family]
