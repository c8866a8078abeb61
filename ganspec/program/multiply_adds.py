"""Multiply-adds of torch's operators."""

from __future__ import annotations

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class MultiplyAdds(TorchDispatchMode):
    """Counts what is computed within its block, by torch's own formulas for each operator.

    As `torch.utils.flop_counter.FlopCounterMode` counts, which imports torch's compiler, some 800
    modules, with the first operator: two seconds of every command that shows a cost.
    """

    count = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """What makes torch import its compiler."""
        return False

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        formula = flop_registry.get(operator._overloadpacket)
        if formula is None:
            with self:
                made = operator.decompose(*args, **kwargs)
            if made is not NotImplemented:
                return made
        made = operator(*args, **kwargs)
        if formula is not None:
            self.count += formula(*args, **kwargs, out_val=made) // 2  # torch counts both
        return made
