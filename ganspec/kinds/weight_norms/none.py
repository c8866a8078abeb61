"""No weight norm."""

from __future__ import annotations

from ganspec.kinds.weight_norm import WeightNorm


class Plain(WeightNorm, kind="none"):
    """The weight as it is, where the network has another default."""

    def wrap(self) -> None:
        return None
