"""The values of a spec that determine a training, and how those of two specs differ."""

from __future__ import annotations

from typing import TypeAlias

from ganspec.language.errors import printable
from ganspec.language.fields import fields_of
from ganspec.language.kinds import within
from ganspec.language.parts import parts_of
from ganspec.language.section import Section
from ganspec.systems.schedule import KEEPING

Identity: TypeAlias = dict[str, list[str]]

# key paths whose values a resumed run may change
FREE = ("report", "evaluate", *(f"train.{name}" for name in ("epochs", *KEEPING)))
TAPS = ("as", "from")  # fields with names by which layers read other layers' outputs


def identity(spec: Section) -> Identity:
    """Return the values that determine a training, defaults included, as texts by key path.

    A key path in a repeat or a block has several texts, one for each round or use. Values that are
    None have no text.
    """
    values: Identity = {}
    for part in parts_of(spec).values():
        if part.value is not None and not _is_free(part.path):
            values.setdefault(part.path, []).append(str(part.value))
    for kind in within(spec):
        for known in fields_of(type(kind)).values():
            name = getattr(kind, known.attribute)
            if known.name in TAPS and isinstance(name, str):
                values.setdefault(f"{kind.key_path}.{known.name}", []).append(name)
    return values


def _is_free(path: str) -> bool:
    return any(path == free or path.startswith(f"{free}.") for free in FREE)


def difference(theirs: Identity, mine: Identity) -> str | None:
    """Return in words where two specs differ: `train.batch is 32 there, 64 here (and 2 more)`.

    Return None if they do not differ. Since `theirs` is from a file, its characters that
    cannot be printed are escaped.
    """
    paths = [path for path in {**mine, **theirs} if mine.get(path) != theirs.get(path)]
    if not paths:
        return None
    # the path with the fewest parts: if only one spec has a layer, the layer is named, not a field
    path = min(paths, key=lambda each: str(each).count("."))
    shown = f"{printable(str(path))} is {_shown(theirs, path)} there, {_shown(mine, path)} here"
    return f"{shown} (and {len(paths) - 1} more)" if len(paths) > 1 else shown


def _shown(values: Identity, path: str) -> str:
    listed = values.get(path, ["not set"])
    return printable(", ".join(map(str, listed)))[:60]
