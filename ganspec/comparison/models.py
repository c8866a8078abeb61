"""What a spec says at a step's key path."""

from __future__ import annotations

from ganspec.language.kinds import Kind, within
from ganspec.systems.spec import Spec


def models(spec: Spec, name: str) -> dict[str, Kind]:
    """Return a network's layers and conditions by key path, blocks and repeats opened.

    For the layer `norm` it is what that stands for.
    """
    found: dict[str, Kind] = {}
    network, heads = getattr(spec, name), spec.interfaces()[name].heads.values()
    for kind in (*within(network), *heads):
        if kind.path:
            found.setdefault(kind.path, network.normalization if kind.kind == "norm" else kind)
    return found
