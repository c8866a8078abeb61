"""Objects that a notebook shows as HTML.

Other packages have the functions that write the HTML. `ganspec/__init__` lists them in `VIEWS`, and
they are imported when a notebook first shows such an object.
"""

from __future__ import annotations

import importlib
from typing import ClassVar

VIEWS: dict[str, str] = {}  # name of a view -> `module:function`


class Viewed:
    """A base class of objects that a notebook shows with the function `VIEWS[view]`."""

    view: ClassVar[str]

    def _repr_html_(self) -> str:
        module, _, function = VIEWS[self.view].partition(":")
        return getattr(importlib.import_module(module), function)(self)
