"""Run a network in half precision, in another memory format, or compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ganspec.systems.execution import Execution

# runs the steps of a network: from its inputs to its outputs
Compute = Callable[..., torch.Tensor | tuple[torch.Tensor, ...]]


class Casting:
    """Runs a network in training in the way that `execution` says.

    Weights and results stay in single precision.
    """

    def __init__(self, execution: Execution, device: torch.device, compute: Compute):
        self.execution, self.device = execution, device
        if "compile" in execution.speedups:
            # each batch size is compiled by itself, so that results do not depend on earlier sizes
            compute = torch.compile(compute, dynamic=False)
        self.compute = compute

    def __call__(self, *inputs: torch.Tensor) -> Any:
        """Return the network's results for `inputs`."""
        ordered = [
            x.contiguous(memory_format=self.execution.memory_format) if x.dim() == 4 else x
            for x in inputs
        ]
        half = self.execution.half
        with torch.autocast(self.device.type, dtype=half, enabled=half is not None):
            results = self.compute(*ordered)
        if isinstance(results, tuple):
            return tuple(result.float() for result in results)
        return results.float()

    def __deepcopy__(self, memo: dict) -> None:
        """Return None, since the copy of a network, such as its average, is not trained."""
