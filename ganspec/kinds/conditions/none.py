"""The condition `none`."""

from __future__ import annotations

from ganspec.kinds.condition import Condition
from ganspec.kinds.layer import Lowering
from ganspec.program.ir import Value


class Unconditional(Condition, kind="none"):
    """Joins no label. In a spec with `extends`, it removes the inherited condition."""

    def join(self, net: Lowering, x: Value) -> Value:
        return x
