"""Count the multiply-adds of torch's operators, without importing torch's compiler."""

from __future__ import annotations

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class MultiplyAdds(TorchDispatchMode):
    """Counts in `count` the multiply-adds of all operators that run in its `with` block.

    The numbers come from torch's formulas. An operator without one counts as the operators of which
    it consists, or as 0. `torch.utils.flop_counter.FlopCounterMode` gives twice these numbers, but
    imports torch's compiler, some 800 modules, which takes two seconds.
    """

    count = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # True would import torch's compiler

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        formula = flop_registry.get(operator._overloadpacket)
        if formula is None:  # it may consist of operators that have a formula
            with self:
                result = operator.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        result = operator(*args, **kwargs)
        if formula is not None:
            # torch counts a multiply-add as two operations
            self.count += formula(*args, **kwargs, out_val=result) // 2
        return result
