"""Objects that show themselves in a notebook.

Their HTML is written in rooms above, by functions that `ganspec/__init__` lists in `VIEWS`, and
that are imported when a notebook first asks for them.
"""

from __future__ import annotations

import importlib
from typing import ClassVar

VIEWS: dict[str, str] = {}  # name of a view -> `module:function`


class Viewed:
    """A base class of objects that a notebook shows by the function `VIEWS[view]`."""

    view: ClassVar[str]

    def _repr_html_(self) -> str:
        module, _, function = VIEWS[self.view].partition(":")
        return getattr(importlib.import_module(module), function)(self)
