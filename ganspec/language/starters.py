"""Known specs as starting points for new ones."""

from __future__ import annotations

from pathlib import Path

from ganspec.language.errors import suggestion


class StarterError(Exception):
    """No such spec to start from, or a file name that can be no spec's name."""


def starters() -> dict[str, Path]:
    """The specs that come with ganspec, by name."""
    package = Path(__file__).parents[1]
    # an installed package carries them inside, a clone beside it
    folders = [package / "specs", package.parent / "specs"]
    folder = next((f for f in folders if f.is_dir()), package)
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def starter(source: str, name: str) -> str:
    """The text of spec `source` under a new name; raises StarterError."""
    from ganspec.language.load import is_kind, name_problem
    from ganspec.language.source import read

    known = starters()
    if source not in known:
        raise StarterError(f"no spec is called `{source}`; {suggestion(source, known, 'specs')}")
    if problem := name_problem(name):
        raise StarterError(f"`{name}` {problem}; choose another file name")
    text = known[source].read_text("utf-8")
    if "\nextends:" in f"\n{text}":
        # a copy would stand elsewhere than its base: write what the two make together
        import yaml

        data = read(known[source], is_kind).plain()
        return yaml.safe_dump({**data, "name": name}, sort_keys=False, default_flow_style=None)
    return text.replace(f"name: {source}\n", f"name: {name}\n", 1)
