"""Two specs to all that differs between them."""

from __future__ import annotations

from collections.abc import Sequence

from ganspec.comparison.authored import Both
from ganspec.comparison.edits import Comparison, NetworkDiff, Side
from ganspec.comparison.networks import alone, difference
from ganspec.comparison.programs import Program
from ganspec.comparison.sections import CLAIMS, sections, titles_of
from ganspec.comparison.sentences import answer
from ganspec.compiler.lower import lower
from ganspec.language.errors import GanspecError, suggestion
from ganspec.program.ir import Net
from ganspec.systems.spec import Spec


class PartError(GanspecError):
    """A comparison of a part that neither spec has."""


def compare(
    a: Spec, b: Spec, titles: tuple[str, str] | None = None, only: Sequence[str] = ()
) -> Comparison:
    """What differs from `a` to `b`, by what they mean; `titles` are what a user called them.

    Networks are compared by name. `only` are the networks and sections to look at, all by default.
    Raises SpecError where a network does not fit together, and PartError.
    """
    titles = titles or (a.name, b.name)
    both = Both(a, b)
    nets = [_asked(lower(spec), a, b, only) for spec in (a, b)]
    networks = networks_of(a, b, *nets, both)
    found = tuple(s for s in sections(a, b, both) if not only or s.name in only)
    return Comparison(
        side(a, titles[0]),
        side(b, titles[1]),
        networks,
        found,
        answer(a, b, networks, found, only),
        counts_claims=CLAIMS in only,
    )


def _asked(nets: dict[str, Net], a: Spec, b: Spec, only: Sequence[str]) -> dict[str, Net]:
    """The networks among `only`; raises PartError where that names something else."""
    known = [*a.networks, *b.networks, *titles_of(a), *titles_of(b), CLAIMS]
    for name in only:
        if name not in known:
            message = f"neither spec has a part `{name}`"
            raise PartError(f"{message}; {suggestion(name, dict.fromkeys(known), 'parts')}")
    return {name: net for name, net in nets.items() if not only or name in only}


def networks_of(
    a: Spec, b: Spec, ours: dict[str, Net], theirs: dict[str, Net], both: Both
) -> tuple[NetworkDiff, ...]:
    """The networks of both, by name."""
    measured: dict = {}
    programs = [
        {name: Program(spec, name, net, measured) for name, net in nets.items()}
        for spec, nets in ((a, ours), (b, theirs))
    ]
    found = []
    for name in {**ours, **theirs}:
        if name in ours and name in theirs:
            found.append(difference(name, programs[0][name], programs[1][name], both))
        else:
            side = "a" if name in ours else "b"
            found.append(alone(name, programs[side == "b"][name], side))
    return tuple(found)


def side(spec: Spec, title: str) -> Side:
    """What a header says of a spec."""
    return Side(title, spec.name, spec.doc, spec.noun, spec.framework)
