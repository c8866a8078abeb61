"""No condition."""

from __future__ import annotations

from ganspec.kinds.condition import Condition
from ganspec.kinds.layer import Lowering
from ganspec.program.ir import Value


class Unconditional(Condition, kind="none"):
    """No label: replaces the condition of a spec that this one extends."""

    def join(self, net: Lowering, x: Value) -> Value:
        return x
