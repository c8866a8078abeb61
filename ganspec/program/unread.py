"""Layers whose receptive field depends on a part of the spec that is `unknown`."""

from __future__ import annotations

from ganspec.language.unread import NOT_READ, UNREAD
from ganspec.program.ir import Net
from ganspec.program.measure import below_key
from ganspec.program.receptive import receptive_field

# a layer's receptive field depends on these of its fields
DECIDING = {"kernel", "stride", "padding", "dilation", "split", "size", "factor", "mode"}


def lost_fields(net: Net) -> frozenset[str]:
    """Return the layers whose receptive fields are not known, as paths below the network's key.

    The first of them is a layer that is `unknown`, or that has an unknown field in DECIDING. All
    layers after it follow.
    """
    paths: set[str] = set()
    for step in net.leaves():
        origin = step.origin
        if paths or origin.kind == UNREAD or not DECIDING.isdisjoint(origin.unread):
            paths.add(below_key(origin.path))
    return frozenset(paths)


def field_text(net: Net) -> str | None:
    """Return a network's receptive field as text, `70 x 70` or NOT_READ; None if it has none."""
    field = receptive_field(net)
    if field is None:
        return None
    return NOT_READ if lost_fields(net) else " x ".join(map(str, field))
