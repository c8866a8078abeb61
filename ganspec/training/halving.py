"""Changes of a training's settings for half precision and for compiled networks."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import SimpleNamespace

import torch

from ganspec.compiler.evaluate import EvaluatedNetwork
from ganspec.systems.execution import Execution
from ganspec.systems.scaling import Scaler


def fit_settings(execution: Execution, cfg: SimpleNamespace, device: torch.device) -> None:
    """Change the settings `cfg` of a training so that its steps work under `execution`.

    In fp16, losses get a scaler. In half precision, or with compiled networks, penalties run the
    discriminator in single precision, not compiled.
    """
    if execution.precision == "fp16":
        cfg.scaler = Scaler(device)
    penalty = getattr(cfg, "penalty", None)
    if penalty and (execution.half or "compile" in execution.speedups):
        penalty.penalty = _in_single(penalty.penalty)


def _in_single(penalty: Callable) -> Callable:
    """Return `penalty` with the discriminator in single precision, and not compiled.

    The gradients in a penalty are not scaled: in fp16 they would vanish, and in bf16 lose digits.
    Compiled networks have no second derivatives.
    """

    @wraps(penalty)
    def wrapped(discriminator: EvaluatedNetwork, *arguments: object) -> torch.Tensor:
        casting, discriminator.casting = discriminator.casting, None
        try:
            return penalty(discriminator, *arguments)
        finally:
            discriminator.casting = casting

    return wrapped
