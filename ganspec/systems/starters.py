"""Specs that come with ganspec, as starting points for new ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ganspec.language.dump import dump
from ganspec.language.errors import GanspecError, suggestion
from ganspec.language.load import shape, system_of
from ganspec.language.names import name_problem
from ganspec.language.source import read


class StarterError(GanspecError):
    """Raised when no spec of ganspec has the name to start from, or a new name is not allowed."""


def starters() -> dict[str, Path]:
    """Return the paths of the specs that come with ganspec, by name."""
    package = Path(__file__).parents[1]
    # the specs are inside an installed package, but next to the package in a clone
    folders = [package / "specs", package.parent / "specs"]
    folder = next((f for f in folders if f.is_dir()), package)
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


@dataclass(frozen=True)
class Starter:
    """A spec that comes with ganspec: its name, the name of its system, and its `doc`."""

    name: str
    system: str
    doc: str


def described_starters() -> list[Starter]:
    """Return the specs that come with ganspec, in the order of their names."""
    found = []
    for name, path in starters().items():
        tree = read(path, shape)
        doc = tree.get("doc")
        system = system_of(tree).__name__.lower()
        found.append(Starter(name, system, str(doc.value) if doc else ""))
    return found


def starter(source: str, name: str) -> str:
    """Return the text of spec `source` with another `name`, and without `report`.

    `report` has claims about the original, which an edit of the copy could make false. Raises
    StarterError if no spec is called `source`, or `name` is not allowed.
    """
    known = starters()
    if source not in known:
        if Path(source).exists():
            advice = "copy that spec, or write one that `extends` it"
            message = f"a new spec starts from a name of --list, not from {source}: {advice}"
            raise StarterError(message)
        raise StarterError(f"no spec is called `{source}`; {suggestion(source, known, 'specs')}")
    if problem := name_problem(name):
        raise StarterError(f"{problem[0]}; choose another file name")
    text = known[source].read_text("utf-8")
    if re.search("^extends:", text, re.MULTILINE):
        # from the copy, the path in `extends` would lead nowhere, so the base is written out
        data = read(known[source], shape).plain()
        data.pop("report", None)
        return dump({**data, "name": name})
    text = re.sub(r"^report:.*\n(?:[ #].*\n)*", "", text, flags=re.MULTILINE)
    return text.replace(f"name: {source}\n", f"name: {name}\n", 1)
