"""Steps of an optimizer whose `eps` depends on the number of its steps, counted on a GPU."""

from __future__ import annotations

from typing import cast

import torch

from ganspec.kinds.optimizers.adam import AdamEpsHat


class Counted:
    """Lets the steps of `AdamEpsHat` that are recorded count on the device, until `end`.

    When a graph is played, no Python runs that could count. torch's own step takes `eps` as a
    number, so a recorded step is made here, by the same formulas.
    """

    def __init__(self, optimizer: AdamEpsHat):
        self.optimizer, self.steps = optimizer, 0  # steps in a recording
        optimizer.step = self._step  # type: ignore[method-assign]  # for the recording

    @torch.no_grad()
    def _step(self) -> None:
        self.steps += 1
        for group in self.optimizer.param_groups:
            eps = group.get("eps_hat", group["eps"])
            weights = [weight for weight in group["params"] if weight.grad is not None]
            gradients = [cast(torch.Tensor, weight.grad) for weight in weights]
            if group["weight_decay"]:
                gradients = list(
                    torch._foreach_add(gradients, weights, alpha=group["weight_decay"])
                )
            states = [self.optimizer.state[weight] for weight in weights]
            means, squares, counts = (
                [state[name] for state in states] for name in ("exp_avg", "exp_avg_sq", "step")
            )
            first, second = group["betas"]
            torch._foreach_add_(counts, 1)
            torch._foreach_lerp_(means, gradients, 1 - first)
            torch._foreach_mul_(squares, second)
            torch._foreach_addcmul_(squares, gradients, gradients, 1 - second)
            # all weights have made the same number of steps
            count = counts[0].double()
            rate = group["lr"] * (1 - second**count).sqrt() / (1 - first**count)
            roots = torch._foreach_sqrt(squares)
            torch._foreach_add_(roots, eps)
            changes = torch._foreach_div(means, roots)
            torch._foreach_mul_(changes, rate.float())
            torch._foreach_sub_(weights, changes)

    def end(self) -> None:
        """End the recording: the optimizer's own steps count in Python again."""
        del self.optimizer.step

    def advance(self) -> None:
        """Count the steps of a recording that was played."""
        for group in self.optimizer.param_groups if self.steps else ():
            group["count"] = group.get("count", 0) + self.steps
            correction = 1 - group["betas"][1] ** group["count"]
            group["eps"] = group.setdefault("eps_hat", group["eps"]) / correction**0.5
