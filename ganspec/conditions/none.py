"""No condition."""

from __future__ import annotations

from ganspec.compiler.ir import Value
from ganspec.conditions.condition import Condition


class Unconditional(Condition, kind="none"):
    """The network reads no label, where the spec that it extends has another condition."""

    def join(self, net, x: Value) -> Value:
        return x
