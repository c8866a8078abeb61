"""Weight normalization."""

from __future__ import annotations

from torch.nn.utils.parametrizations import weight_norm

from ganspec.kinds.weight_norm import WeightNorm
from ganspec.program.ir import Call


class Weight(WeightNorm, kind="weight"):
    """Separate direction and length of each weight vector (Salimans & Kingma, 2016)."""

    def wrap(self) -> Call:
        return Call(weight_norm)
