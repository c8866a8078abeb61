"""Losses of probabilities that return NaN for NaN, as all other losses do.

torch's binary cross-entropy raises an error for NaN. After that error no tensor on a GPU can be
read, so the step and the weights that became NaN first would stay unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import SimpleNamespace

import torch

# settings that are losses, each with the name of its attribute that says what it reads
READS = {"loss": "scores", "criterion": "outputs"}


def passing_nan(cfg: SimpleNamespace) -> SimpleNamespace:
    """Let the losses in `cfg` that read probabilities return NaN for NaN. Return `cfg`.

    For other probabilities, each loss and its gradient stay the same, bit for bit. Losses that read
    other outputs are left alone.
    """
    for name, form in READS.items():
        part = getattr(cfg, name, None)
        if getattr(part, form, None) == "probabilities":
            losses = {k: v for k, v in vars(part).items() if callable(v)}
            vars(part).update({k: _passing_nan(v) for k, v in losses.items()})
    return cfg


def _passing_nan(loss: Callable) -> Callable:
    @wraps(loss)
    def wrapped(probabilities: torch.Tensor, *arguments: object) -> torch.Tensor:
        known = torch.where(probabilities.isnan(), 0.5, probabilities)
        return loss(known, *arguments) + 0 * probabilities.sum()

    return wrapped
