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
        return {word(kind): kind for kind in reversed(norms())}


def norms() -> list[type[Kind]]:
    """Return every norm layer, then every weight norm."""
    layers = [kind for kind in kinds_of("layer").values() if getattr(kind, "role", "") == "norm"]
    return [*layers, *kinds_of("weight_norm").values()]


AnyNorm: TypeAlias = Annotated[Layer | WeightNorm, Family("normalization")]


def word(kind: Kind | type[Kind]) -> str:
    """Return the word for a norm layer or weight norm: `batch` for `batch_norm`."""
    return kind.kind.removesuffix("_norm") if kind.family == "layer" else kind.kind
