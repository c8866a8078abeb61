"""Lookup of a network's layers and conditions, the spec's pydantic objects, by key path."""

from __future__ import annotations

from typing import TypeAlias

from ganspec.kinds.condition import Condition
from ganspec.kinds.layer import Layer
from ganspec.kinds.layers.join_label import JoinLabel
from ganspec.kinds.layers.norm import Norm
from ganspec.language.kinds import Kind, within
from ganspec.systems.spec import Network, Spec

LayerModel: TypeAlias = Layer | Condition


def models(spec: Spec, name: str) -> dict[str, LayerModel]:
    """Return a network's layers and conditions by key path, with blocks and repeats opened.

    The network's normalization takes the place of a layer `norm`, and the network's condition that
    of a `join_label` without a condition.
    """
    network: Network = getattr(spec, name)
    found: dict[str, LayerModel] = {}
    for kind in (*within(network), *spec.interfaces()[name].heads.values()):
        model: Kind | None = kind
        if isinstance(kind, Norm):
            model = network.activation_norm
        elif isinstance(kind, JoinLabel) and kind.condition is None:
            model = network.condition
        if kind.key_path and isinstance(model, LayerModel):
            found.setdefault(kind.key_path, model)
    return found
