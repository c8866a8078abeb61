"""Scaling of losses, so that gradients in half precision (fp16) do not vanish."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import optim

from ganspec.systems.checkpoint import State

FIRST = 2.0**16  # scale of the first loss
GROWTH_STEPS = 2000  # updates with finite gradients before the scale is doubled


class Scaler:
    """A factor of losses that grows while gradients are finite, and is halved if one is not.

    The rule is that of `torch.amp.GradScaler` (Micikevicius et al., 2018, section 3.2). But this
    class never waits for a GPU to tell if gradients are finite: it makes each update, and undoes
    the update if a gradient was not finite.
    """

    def __init__(self, device: torch.device):
        self.scale = torch.full((), FIRST, device=device)
        # updates with finite gradients since the scale changed
        self.good = torch.zeros((), device=device)

    def update(self, optimizer: optim.Optimizer, loss: torch.Tensor) -> None:
        """Make one optimizer step for `loss`, unless a gradient is not finite. Adapt the scale."""
        optimizer.zero_grad()
        (self.scale * loss).backward()
        with torch.no_grad():
            gradients = [w.grad for w in weights_of(optimizer) if w.grad is not None]
            torch._foreach_div_(gradients, self.scale)
            largest = torch.stack(torch._foreach_norm(gradients, torch.inf))
            is_finite = torch.isfinite(largest).all()
            before = [(tensor, tensor.clone()) for tensor in tensors_of(optimizer)]
            # a first update creates averages, which are not in `before`; zeros keep them at 0
            for gradient in gradients:
                gradient.masked_fill_(~is_finite, 0.0)
            optimizer.step()
            before += [(count, torch.zeros_like(count)) for count in new_counts(optimizer, before)]
            for tensor, old in before:
                if tensor.device == is_finite.device:
                    tensor.copy_(torch.where(is_finite, tensor, old))
            self._adapt(is_finite)

    def _adapt(self, is_finite: torch.Tensor) -> None:
        good = torch.where(is_finite, self.good + 1, 0)
        grows = good >= GROWTH_STEPS
        grown = torch.where(grows, 2 * self.scale, self.scale)
        self.scale.copy_(torch.where(is_finite, grown, self.scale / 2))
        self.good.copy_(torch.where(grows, 0, good))

    def state(self) -> State:
        """Return the scale, and the number of updates with finite gradients since it changed."""
        return {"scale": self.scale, "good": self.good}

    def restore(self, state: State) -> None:
        """Set the scale, and the number of updates since it changed, to those of `state`."""
        self.scale.copy_(state["scale"])
        self.good.copy_(state["good"])


def new_counts(
    optimizer: optim.Optimizer, known: list[tuple[torch.Tensor, torch.Tensor]]
) -> Iterator[torch.Tensor]:
    """Yield the tensors `step` of an optimizer, its counts of steps, except those in `known`.

    `known` are pairs of one of the optimizer's tensors and another tensor, which is not read.
    """
    ids = {id(tensor) for tensor, _ in known}
    for kept in optimizer.state.values():
        count = kept.get("step")
        if isinstance(count, torch.Tensor) and id(count) not in ids:
            yield count


def weights_of(optimizer: optim.Optimizer) -> Iterator[torch.Tensor]:
    """Yield the weights that an optimizer updates."""
    return (weight for group in optimizer.param_groups for weight in group["params"])


def tensors_of(optimizer: optim.Optimizer) -> Iterator[torch.Tensor]:
    """Yield the weights of an optimizer and the tensors of its state, such as averages."""
    yield from weights_of(optimizer)
    for kept in optimizer.state.values():
        yield from (value for value in kept.values() if isinstance(value, torch.Tensor))
