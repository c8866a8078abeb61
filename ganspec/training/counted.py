"""A step of the optimizer `AdamEpsHat` that a GPU can record, though its `eps` changes."""

from __future__ import annotations

from typing import cast

import torch

from ganspec.kinds.optimizers.adam import AdamEpsHat


class Counted:
    """Replaces an optimizer's `step`, until `end`, by one that counts on the device.

    The optimizer's own `step` counts in Python, which does not run when a graph is played, and
    passes `eps` to torch as a number. This one subtracts from each weight
    lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + eps) in step t, as in section 2 of the paper
    on Adam (Kingma & Ba, 2015).
    """

    def __init__(self, optimizer: AdamEpsHat):
        self.optimizer, self.steps = optimizer, 0  # optimizer steps in the recording
        optimizer.step = self._step  # type: ignore[method-assign]  # until `end`

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
            # the count of any weight will do, since all have made the same number of steps
            count = counts[0].double()
            rate = group["lr"] * (1 - second**count).sqrt() / (1 - first**count)
            roots = torch._foreach_sqrt(squares)
            torch._foreach_add_(roots, eps)
            changes = torch._foreach_div(means, roots)
            torch._foreach_mul_(changes, rate.float())
            torch._foreach_sub_(weights, changes)

    def end(self) -> None:
        """Let the optimizer make its own steps again."""
        del self.optimizer.step

    def advance(self) -> None:
        """Add the steps of a played recording to the optimizer's own count, and adapt its `eps`.

        Without this, the optimizer's next own step would go on from an old count.
        """
        for group in self.optimizer.param_groups if self.steps else ():
            group["count"] = group.get("count", 0) + self.steps
            correction = 1 - group["betas"][1] ** group["count"]
            group["eps"] = group.setdefault("eps_hat", group["eps"]) / correction**0.5
