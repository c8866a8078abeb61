"""The values of a spec that its report does not print, by the paths in `report.implied`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from ganspec.language.parts import Part, parts_of
from ganspec.systems.spec import Spec
from ganspec.systems.wording import label, phrase, spoken

MARK = "*"
LEGEND = f"{MARK} implied: the report does not print it"


class Implied:
    """A spec's implied values: those of the parts that `report.implied` names."""

    def __init__(self, spec: Spec):
        self.spec, self.root = spec, parts_of(spec)
        self.named = {path: self.root.named(path) for path in spec.report.implied}
        parts = [part for parts in self.named.values() for part in parts]
        self.values = dict.fromkeys(value for part in parts for value in part.values())

    def __bool__(self) -> bool:
        return bool(self.values)

    def holds(self, paths: Iterable[str]) -> bool:
        """Return True if a value that one of `paths` names is implied."""
        parts = (part for path in paths for part in self.root.named(path))
        return any(value in self.values for part in parts for value in part.values())

    @cached_property
    def by_kind(self) -> dict[str, list[str]]:
        """Names of implied values by the key path of their kind; the kind's own is its name."""
        found: dict[str, dict[str, None]] = {}
        for kind in (part for part in self.root.values() if part.kind):
            own = (part for part in (kind, *kind.parts) if part in self.values)
            found.setdefault(kind.path, {}).update(dict.fromkeys(part.name for part in own))
        return {path: list(names) for path, names in found.items() if names}

    def texts(self) -> Iterator[str]:
        """Yield each path with its values: `discriminator.dropout.rate: 0.3`."""
        for path, parts in self.named.items():
            words = [word for part in parts for word in self._words(part, part.path)]
            if words:
                yield f"{path}: {'; '.join(dict.fromkeys(words))}"

    def _words(self, part: Part, top: str) -> Iterator[str]:
        if part.kind:
            yield phrase(part.kind, self.spec.framework)
        elif part in self.values and part.path == top:
            yield spoken(part.value)
        elif part in self.values and part.value not in (None, False):
            yield f"{label(part.name)} {spoken(part.value)}"
        for inner in () if part.kind else part.parts:
            yield from self._words(inner, top)

    def data(self) -> list[dict[str, object]]:
        """Return the implied values as plain data: each with its key path."""
        return [{"path": part.path, "value": part.value} for part in self.values]
