"""Normalizations of a network: norm layers and weight norms, by the words of papers."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from ganspec.kinds.layer import Layer
from ganspec.kinds.weight_norm import WeightNorm
from ganspec.language.fields import Family
from ganspec.language.kinds import Kind, kinds_of


class Normalization(Kind, family="normalization"):
    """The family of all norm layers and weight norms.

    A layer of the role `norm` is named without its ending `_norm`: `batch` is the layer
    `batch_norm`. A weight norm keeps its name.
    """

    @classmethod
    def members(cls) -> dict[str, type[Kind]]:
        layers = {n: k for n, k in kinds_of("layer").items() if getattr(k, "role", "") == "norm"}
        return {**{word(k): k for k in layers.values()}, **kinds_of("weight_norm")}


AnyNorm: TypeAlias = Annotated[Layer | WeightNorm, Family("normalization")]


def word(kind: Kind | type[Kind]) -> str:
    """Return the word for a norm layer or weight norm: `batch` for `batch_norm`."""
    return kind.kind.removesuffix("_norm") if kind.family == "layer" else kind.kind
