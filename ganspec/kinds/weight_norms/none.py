"""The weight norm `none`."""

from __future__ import annotations

from ganspec.kinds.weight_norm import WeightNorm


class Plain(WeightNorm, kind="none"):
    """The plain weight, in place of the network's weight norm."""

    def wrap(self) -> None:
        return None
