"""Families of named things and the packages that define them, one file each.

The language knows no kind: `ganspec/__init__.py` says which package holds which family. A package
is imported when its family is first asked for, so adding a kind is adding a file.
"""

from __future__ import annotations

import importlib.util
import pkgutil

PACKAGES: dict[str, str] = {}  # family -> package
BASES: dict[str, type] = {}  # family -> its base class, which registers itself here
_searched: set[str] = set()


def base_of(family: str) -> type:
    """Return the family's base class, after importing every module of its package once."""
    if family not in _searched:
        package = importlib.import_module(PACKAGES[family])
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            name = f"{module.name}.spec" if module.ispkg else module.name
            if importlib.util.find_spec(name):
                importlib.import_module(name)
        _searched.add(family)
    return BASES[family]
