"""The values of a spec that its publication does not print: those named in `report.implied`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import groupby

from ganspec.kinds.initializer import Initializer
from ganspec.language.kinds import Kind
from ganspec.language.parts import HOLDER, SpecPart, parts_of
from ganspec.language.section import Section
from ganspec.systems.spec import Spec
from ganspec.systems.wording import initial, label, phrase, spoken

MARK = "*"
LEGEND = f"{MARK} implied, in whole or in part: the report does not print it"


class Implied:
    """The implied values of a spec. The object counts as False if there are none."""

    def __init__(self, spec: Spec):
        self.spec, self.root = spec, parts_of(spec)
        self.named = {path: self.root.named(path) for path in spec.report.implied}
        parts = [part for parts in self.named.values() for part in parts]
        self.values = dict.fromkeys(value for part in parts for value in part.values())

    def __bool__(self) -> bool:
        return bool(self.values)

    @cached_property
    def paths(self) -> set[str]:
        """The key paths of the implied values."""
        return {part.path for part in self.values}

    def holds(self, paths: Iterable[str]) -> bool:
        """Return True if one of `paths` names a value that is implied."""
        parts = (part for path in paths for part in self.root.named(path))
        return any(value in self.values for part in parts for value in part.values())

    @cached_property
    def by_kind(self) -> dict[str, list[str]]:
        """The names of a kind's implied fields, by the kind's key path.

        If the choice of the kind itself is implied, the last name of its key path is listed, too.
        """
        found: dict[str, dict[str, None]] = {}
        for kind in (part for part in self.root.values() if part.kind):
            own = (part for part in (kind, *kind.parts) if part in self.values)
            found.setdefault(kind.path, {}).update(dict.fromkeys(part.name for part in own))
        return {path: list(names) for path, names in found.items() if names}

    def texts(self) -> Iterator[str]:
        """Yield each path of `report.implied` with its values: `generator.dropout.rate: 0.3`."""
        for path, parts in self.named.items():
            if words := dict.fromkeys(self._words(parts)):
                yield f"{path}: {'; '.join(words)}"

    def _words(self, parts: Iterable[SpecPart], inside: bool = False) -> Iterator[str]:
        """Yield `parts` as texts: kinds with their fields, and plain values.

        If `inside` is False, a path of `report.implied` names these parts, and plain values have no
        name beside them. If it is True, the path names a part that holds them, and plain values
        have their fields' names; None and False are left out.
        """
        for _, group in groupby(parts, key=lambda part: re.sub(r"\.[0-9]+$", "", part.path)):
            entries = list(group)
            first = entries[0]
            if first.value is HOLDER:
                for part in entries:
                    words = list(self._words(self._effective(part), inside=True))
                    if inside and words and not any(value.kind for value in part.values()):
                        words = [_named(part, words)]
                    yield from words
            elif first.kind:
                yield from (self._kind(each.kind) for each in entries if each.kind)
            elif not inside:
                is_init = first.name == "init"  # None stands for the framework's initial weights
                words = [spoken(each.value) for each in entries]
                yield initial(None) if is_init else ", ".join(words)
            elif first.value not in (None, False):
                yield _named(first, [spoken(each.value) for each in entries])

    def _kind(self, kind: Kind) -> str:
        if isinstance(kind, Initializer):
            return spoken(kind)
        return phrase(kind, self.spec.framework)

    def _effective(self, part: SpecPart) -> list[SpecPart]:
        """Return the parts of `part`; of a section, only fields that have an effect."""
        section = getattr(self.spec, part.path, None)
        if not isinstance(section, Section) or isinstance(section, Kind):
            return list(part.parts)
        kept = self.spec.compared(part.path, dict(section))
        return [inner for inner in part.parts if inner.name in kept]

    def data(self) -> list[dict[str, object]]:
        """Return the implied values as plain data, `path` and `value` of each."""
        return [{"path": part.path, "value": part.value} for part in self.values]


def _named(part: SpecPart, words: list[str]) -> str:
    return f"{label(part.name)} {', '.join(words)}"
