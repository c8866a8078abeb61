"""Norm layers and weight norms as one family, by the short names that `normalization` takes."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from ganspec.kinds.layer import Layer
from ganspec.kinds.weight_norm import WeightNorm
from ganspec.language.errors import listed
from ganspec.language.fields import Family
from ganspec.language.kinds import Kind, kinds_of
from ganspec.language.types import refusal


class Normalization(Kind, family="normalization"):
    """The family of all norm layers and weight norms.

    The family calls a layer with the role `norm` by its name without the ending `_norm`: the layer
    `batch_norm` is `batch`. It calls a weight norm by its usual name.
    """

    @classmethod
    def members(cls) -> dict[str, type[Kind]]:
        """Return all norms by `word`; a layer hides a weight norm of the same word."""
        return {word(kind): kind for kind in reversed(norms())}


def norms() -> list[type[Kind]]:
    """Return the classes of all norm layers, then those of all weight norms."""
    layers = [kind for kind in kinds_of("layer").values() if getattr(kind, "role", "") == "norm"]
    return [*layers, *kinds_of("weight_norm").values()]


AnyNorm: TypeAlias = Annotated[Layer | WeightNorm, Family("normalization")]
Norms: TypeAlias = AnyNorm | Annotated[tuple[AnyNorm, ...], Field(min_length=1)] | None


def check_norms(norms: Norms) -> Norms:
    """Return `norms`, the value of a network's `normalization`, unchanged.

    Refuse `none` beside others, and more than one norm of activations or of weights.
    """
    if isinstance(norms, tuple):
        layers = [word(norm) for norm in norms if isinstance(norm, Layer)]
        weights = [word(norm) for norm in norms if isinstance(norm, WeightNorm)]
        if "none" in weights and len(norms) > 1:
            raise refusal("bad-value", "`none` goes with no other normalization", "remove `none`")
        for names, whose in ((layers, "of activations"), (weights, "of weights")):
            if len(names) > 1:
                message = f"`normalization` takes one norm {whose}, got {listed(names)}"
                raise refusal("bad-value", message, f"write one of them, such as `{names[0]}`")
    return norms


def word(kind: Kind | type[Kind]) -> str:
    """Return the name of a norm in `normalization`, such as `batch` for the layer `batch_norm`."""
    return kind.kind.removesuffix("_norm") if kind.family == "layer" else kind.kind
