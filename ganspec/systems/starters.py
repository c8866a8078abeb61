"""Known specs as starting points for new ones."""

from __future__ import annotations

import re
from pathlib import Path

from ganspec.language.dump import dump
from ganspec.language.errors import GanspecError, suggestion
from ganspec.language.load import shape
from ganspec.language.names import name_problem
from ganspec.language.source import read


class StarterError(GanspecError):
    """A name that no spec to start from has, or that a new spec cannot have."""


def starters() -> dict[str, Path]:
    """Return the specs that come with ganspec, by name."""
    package = Path(__file__).parents[1]
    # an installed package carries them inside, a clone beside it
    folders = [package / "specs", package.parent / "specs"]
    folder = next((f for f in folders if f.is_dir()), package)
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def starter(source: str, name: str) -> str:
    """Return the text of spec `source` under a new name, without the report's claims.

    The claims are of the old widths; one edit of the copy would make them false. Raises
    StarterError.
    """
    known = starters()
    if source not in known:
        raise StarterError(f"no spec is called `{source}`; {suggestion(source, known, 'specs')}")
    if problem := name_problem(name):
        raise StarterError(f"{problem[0]}; choose another file name")
    text = known[source].read_text("utf-8")
    if re.search("^extends:", text, re.MULTILINE):
        # a copy would lie elsewhere than its base, so write both as one text
        data = read(known[source], shape).plain()
        data.pop("report", None)
        return dump({**data, "name": name})
    text = re.sub(r"^report:.*\n(?:[ #].*\n)*", "", text, flags=re.MULTILINE)
    return text.replace(f"name: {source}\n", f"name: {name}\n", 1)
