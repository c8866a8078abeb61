"""The lines of a comparison that say which parts of its specs are unknown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ganspec.comparison.phrases import number
from ganspec.comparison.sections import TITLES
from ganspec.language.errors import conjunction
from ganspec.systems.spec import Spec
from ganspec.systems.unread import unread


def unread_lines(a: Spec, b: Spec, only: Sequence[str]) -> tuple[str, ...]:
    """Return lines such as `not read in A: objective and one part of the discriminator`.

    Only parts of the networks and sections in `only` are named, or all parts if it is empty. Return
    () if no such part is unknown.
    """
    one, other = (list(dict.fromkeys(_parts(spec, only))) for spec in (a, b))
    if one and one == other:
        return (f"not read in either: {conjunction(one)}",)
    sides = (("A", one), ("B", other))
    return tuple(f"not read in {name}: {conjunction(parts)}" for name, parts in sides if parts)


def _parts(spec: Spec, only: Sequence[str]) -> Iterator[str]:
    """Yield the unknown parts in words: `objective loss`, or `two parts of the generator`."""
    parts = unread(spec)
    for part in parts:
        if only and TITLES.get(part.network, part.network) not in only:
            continue
        if part.network in spec.networks and part.network not in spec.unread:
            count = sum(other.network == part.network for other in parts)
            yield f"{number(count)} part{'s' * (count > 1)} of the {part.network}"
        else:
            yield part.path.replace(".", " ")
