"""Parts of a spec that are `unknown`, so that it cannot be built or trained."""

from __future__ import annotations

from ganspec.language.errors import Diagnostic, SpecError
from ganspec.language.kinds import within
from ganspec.language.tree import find
from ganspec.language.unread import UNREAD, Unread
from ganspec.systems.spec import Spec

FIX = "write what it is in place of `unknown`"


def unread(spec: Spec, key: str | None = None) -> list[Unread]:
    """Return the unknown parts of a spec in the order of the text.

    If `key` is given, only the parts in the network or section `key` are returned.
    """
    # by place, since the rounds of a repeat have the same one
    parts = {gap.mark: gap for gap in spec.gaps}
    for name in spec.networks:
        if name in spec.unread:
            continue
        network = spec.network(name)
        for i, seen in enumerate(network.unknown):
            path = (name, UNREAD, i)
            parts.setdefault(mark := find(spec.tree, path).mark, Unread(name, seen, mark))
        for kind in within(network):
            if kind.kind == UNREAD:
                seen = str(getattr(kind, "seen", ""))
                parts.setdefault(kind.mark, Unread(kind.key_path, seen, kind.mark))
    found = [part for part in parts.values() if key in (None, part.network)]
    return sorted(
        found, key=lambda part: (part.mark.line, part.mark.column) if part.mark else (0, 0)
    )


def unread_in_networks(spec: Spec) -> list[Unread]:
    """Return the unknown parts of networks, except networks that are unknown as a whole."""
    known = set(spec.networks) - set(spec.unread)
    return [part for part in unread(spec) if part.network in known]


def diagnosed(parts: list[Unread], severity: str = "error") -> list[Diagnostic]:
    """Return a diagnostic of `severity` for each unknown part."""
    return [
        Diagnostic("not-read", f"{p.path} is not known: {p.seen}", p.mark, (), FIX, severity)
        for p in parts
    ]


def refuse_unread(spec: Spec, in_networks: bool = False) -> None:
    """Raise SpecError if a part of the spec is unknown.

    If `in_networks` is True, only the parts that `unread_in_networks` returns count.
    """
    if parts := unread_in_networks(spec) if in_networks else unread(spec):
        raise SpecError(diagnosed(parts))
