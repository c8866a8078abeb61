"""The weight norm `none`."""

from __future__ import annotations

from ganspec.kinds.weight_norm import WeightNorm


class Plain(WeightNorm, kind="none"):
    """No weight norm, also where the network has one."""

    def wrap(self) -> None:
        return None
