"""The layers and conditions of a network by their key paths."""

from __future__ import annotations

from typing import TypeAlias

from ganspec.kinds.condition import Condition
from ganspec.kinds.layer import Layer
from ganspec.kinds.layers.norm import Norm
from ganspec.language.kinds import within
from ganspec.systems.spec import Network, Spec

LayerModel: TypeAlias = Layer | Condition


def models(spec: Spec, name: str) -> dict[str, LayerModel]:
    """Return a network's layers and conditions by key path, blocks and repeats opened.

    In place of the layer `norm` it has the one that `norm` stands for.
    """
    network: Network = getattr(spec, name)
    found: dict[str, LayerModel] = {}
    for kind in (*within(network), *spec.interfaces()[name].heads.values()):
        model = network.normalization if isinstance(kind, Norm) else kind
        if kind.path and isinstance(model, LayerModel):
            found.setdefault(kind.path, model)
    return found
