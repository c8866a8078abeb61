"""Run a network in half precision, in another memory format, or compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ganspec.systems.execution import Execution

# a function that runs the steps of a network: it takes its inputs and returns its outputs
Compute = Callable[..., torch.Tensor | tuple[torch.Tensor, ...]]


class Casting:
    """Runs `compute`, the steps of a network, as `execution` says.

    Inputs that are maps get its memory format, and the steps run in its precision, compiled if it
    has the speedup `compile`. Weights and results stay in single precision.
    """

    def __init__(self, execution: Execution, device: torch.device, compute: Compute):
        self.execution, self.device = execution, device
        if "compile" in execution.speedups:
            # compile each batch size by itself, so that results do not depend on earlier batches
            compute = torch.compile(compute, dynamic=False)
        self.compute = compute

    def __call__(self, *inputs: torch.Tensor) -> Any:
        """Return the network's output for `inputs`, a tuple of outputs if it has several."""
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
