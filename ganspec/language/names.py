"""Rules for the names in a spec, which become names in Python and of files."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable
from typing import Any

from ganspec.language.errors import quoted

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
PLAIN = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
LONGEST = 40  # most characters of a name
SUFFIXES = (".yaml", ".yml")  # of files of specs
WHOLE = f"^[a-z][a-z0-9_]{{0,{LONGEST - 1}}}$"  # PLAIN and LONGEST in one pattern, for editors

# Names that emitted Python uses for something else.
RESERVED = frozenset(
    {"self", "torch", "nn", "partial", "math", "in_channels", "spectral_norm", "weight_norm"}
    | {"training"}  # an attribute of every `nn.Module`
    | {"label_planes", "inner_product", "label_size"}
)


def entries_of(value: object) -> list[Any]:
    """Return the entries of a list, or [`value`] if it is one text or no list; [] for None."""
    if value is None:
        return []
    is_one = isinstance(value, str | bytes) or not isinstance(value, Iterable)
    return [value] if is_one else list(value)  # type: ignore[call-overload]  # it is iterable


def name_problem(name: object) -> tuple[str, str | None] | None:
    """Return the message and the help for an invalid name; None if the name is valid."""
    if not isinstance(name, str):
        return f"{quoted(name)} is not a name", None
    if len(name) > LONGEST:
        return f"a name of {len(name)} characters", f"at most {LONGEST} are allowed"
    if not PLAIN.fullmatch(name):
        return f"{quoted(name)} is not a plain name", _plainer(name)
    if keyword.iskeyword(name) or hasattr(builtins, name):
        return f"`{name}` means something else in Python", f"use `my_{name}`"
    if name in RESERVED or name.startswith("init_"):
        return f"`{name}` means something else in emitted code", f"use `my_{name}`"
    return None


def _plainer(name: str) -> str:
    """Return help for a name that is not plain: a valid name like it, or the rule for names."""
    words = re.findall(r"[a-z0-9]+", name.lower()) if name.isascii() else []
    plain = "_".join(words).lstrip("0123456789_")
    if plain and name_problem(plain) is None:
        return f"use `{plain}`"
    return "use small letters, digits and `_`, a letter first"
