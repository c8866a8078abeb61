"""No condition."""

from __future__ import annotations

from ganspec.kinds.condition import Condition
from ganspec.program.ir import Value


class Unconditional(Condition, kind="none"):
    """The network reads no label, where the spec that it extends has another condition."""

    def join(self, net, x: Value) -> Value:
        return x
