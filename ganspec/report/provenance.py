"""Implied values and unknown parts of a spec, and notes on its report, for tables and pages."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.language.unread import NOT_READ
from ganspec.systems.implied import LEGEND, Implied
from ganspec.systems.unread import unread


def marks(implied: Implied, name: str) -> frozenset[str]:
    """Return the key paths, below the network `name`, of its kinds that have implied values."""
    within = (path.partition(".") for path in implied.by_kind)
    return frozenset(path for network, _, path in within if network == name)


def remarks(implied: Implied) -> Iterator[tuple[str, list[str]]]:
    """Yield pairs of a title and lines about a spec: unknown parts, implied values, its notes.

    Titles without lines are left out.
    """
    spec = implied.spec
    if parts := unread(spec):
        yield NOT_READ, [f"{part.path}: {part.seen}" for part in parts]
    if implied:
        yield LEGEND, list(implied.texts())
    if spec.report.notes:
        yield (
            f"notes on {spec.report.cite or 'the report'}",
            [" ".join(note.split()) for note in spec.report.notes],
        )
