"""Comparison of two specs: all networks, then all sections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ganspec.comparison.authored import AuthoredPair
from ganspec.comparison.edits import CLAIMS, Comparison, NetworkDiff, Side
from ganspec.comparison.gaps import unread_lines
from ganspec.comparison.networks import alone, difference
from ganspec.comparison.programs import NetworkLayers
from ganspec.comparison.sections import sections, titles_of
from ganspec.comparison.sentences import answer
from ganspec.compiler.view import lower_to_view
from ganspec.language.errors import GanspecError, suggestion
from ganspec.program.measure import Cost
from ganspec.systems.spec import Spec


class PartError(GanspecError):
    """Raised when a part to compare is in neither spec."""


def compare(
    a: Spec, b: Spec, titles: tuple[str, str] | None = None, only: Iterable[str] = ()
) -> Comparison:
    """Return the differences from `a` to `b` in networks, data, training and claims.

    Networks with the same name are compared with each other. `titles` replace the specs' names.
    `only` names the networks and sections to compare; all if empty. Raise PartError for a name in
    `only` that is in neither spec, and SpecError if a spec's networks have errors.
    """
    only = tuple(only)
    known = [*a.networks, *b.networks, *titles_of(a), *titles_of(b), CLAIMS]
    for name in only:
        if name not in known:
            hint = suggestion(name, dict.fromkeys(known), "parts")
            raise PartError(f"neither spec has a part `{name}`; {hint}")
    texts = AuthoredPair(a, b)
    networks = tuple(_networks(a, b, only, texts))
    changed = tuple(s for s in sections(a, b, texts) if not only or s.name in only)
    before, after = titles or (a.name, b.name)
    gaps = unread_lines(a, b, only)
    return Comparison(
        Side(before, a.name, a.doc, a.noun, a.framework),
        Side(after, b.name, b.doc, b.noun, b.framework),
        networks,
        changed,
        answer=answer(a, b, networks, changed, gaps, only),
        unread=gaps,
        counts_claims=CLAIMS in only,
    )


def _networks(a: Spec, b: Spec, only: Sequence[str], texts: AuthoredPair) -> Iterator[NetworkDiff]:
    """Yield the difference of each network, or of each in `only`, equal ones too.

    Networks that are `unknown` in one of the specs are left out.
    """
    measured: dict[object, Cost] = {}
    before, after = (
        {
            name: NetworkLayers(spec, name, net, measured)
            for name, net in lower_to_view(spec).items()
            if not only or name in only
        }
        for spec in (a, b)
    )
    for name in {**before, **after}:
        if name in (*a.unread, *b.unread):
            continue
        if name in before and name in after:
            yield difference(name, before[name], after[name], texts)
        elif name in before:
            yield alone(before[name], "a")
        else:
            yield alone(after[name], "b")
