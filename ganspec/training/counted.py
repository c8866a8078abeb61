"""Steps of an optimizer whose `eps` depends on the number of its steps, counted on a GPU."""

from __future__ import annotations

import torch
from torch import optim

from ganspec.kinds.optimizers.adam import AdamEpsHat


class Counted:
    """Lets the steps of `AdamEpsHat` that are recorded count on the device, until `end`.

    When a graph is played, no Python runs that could count. So the recorded steps add to a number
    on the device, and compute `eps` there.
    """

    def __init__(self, optimizer: AdamEpsHat):
        self.optimizer, self.steps = optimizer, 0  # steps in a recording
        device = optimizer.param_groups[0]["params"][0].device
        self.counts = [
            torch.zeros((), dtype=torch.float64, device=device) for _ in optimizer.param_groups
        ]
        self.counted = [group["count"] for group in optimizer.param_groups]
        self.eps = [group["eps"] for group in optimizer.param_groups]
        optimizer.step = self._step  # type: ignore[method-assign]  # for the recording

    def _step(self) -> None:
        self.steps += 1
        for group, count in zip(self.optimizer.param_groups, self.counts, strict=True):
            count.add_(1)
            correction = 1 - torch.pow(group["betas"][1], count)
            group["eps"] = (group["eps_hat"] / correction.sqrt()).float()
        optim.Adam.step(self.optimizer)

    def end(self) -> None:
        """End the recording: the optimizer's own steps count in Python again."""
        del self.optimizer.step
        groups = self.optimizer.param_groups
        for group, count, eps in zip(groups, self.counted, self.eps, strict=True):
            group["count"], group["eps"] = count, eps

    def fill(self) -> None:
        """Set the number on the device to that of the optimizer, before a recording is played."""
        for group, count in zip(self.optimizer.param_groups, self.counts, strict=True):
            count.fill_(group["count"])

    def advance(self) -> None:
        """Count the steps of a recording that was played."""
        for group in self.optimizer.param_groups:
            group["count"] += self.steps
            correction = 1 - group["betas"][1] ** group["count"]
            group["eps"] = group["eps_hat"] / correction**0.5
