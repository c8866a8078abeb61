"""What a spec says at a step's key path."""

from __future__ import annotations

from ganspec.language.kinds import Kind, within
from ganspec.systems.spec import Network


def models(network: Network) -> dict[str, Kind]:
    """A network's layers and conditions by key path, blocks and repeats opened.

    For the layer `norm` it is what that stands for.
    """
    found: dict[str, Kind] = {}
    for kind in within(network):
        if kind.path:
            found.setdefault(kind.path, network.normalization if kind.kind == "norm" else kind)
    return found
