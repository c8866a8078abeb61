"""The execution of a training: its precision and its speedups."""

from __future__ import annotations

from dataclasses import dataclass

import torch

PRECISIONS = ("fp32", "tf32", "bf16", "fp16")
SPEEDUPS = ("channels_last", "compile", "graphs")
HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Execution:
    """A precision, and speedups in the order of SPEEDUPS.

    - `fp32` is single precision; under `tf32` a GPU rounds the factors of products to 11 bits;
      under `bf16` and `fp16`, layers compute in half precision where `torch.autocast` does so, and
      all else is in single precision.
    - `channels_last` keeps the channels of a pixel side by side in memory; `compile` compiles the
      networks; `graphs` records a training step on a GPU and plays it again.
    """

    precision: str = "fp32"
    speedups: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return a text that `parsed` reads, such as `bf16 channels_last compile`."""
        return " ".join([self.precision, *self.speedups])

    @classmethod
    def parsed(cls, text: str) -> Execution:
        """Return the execution that `text` names, as `bf16 compile`. Raises ValueError if none."""
        precision, *speedups = text.split() or [""]
        if precision not in PRECISIONS or not set(speedups) <= set(SPEEDUPS):
            raise ValueError(f"execution is {text[:60]!r}")
        return cls(precision, tuple(speedups))

    @property
    def said(self) -> str:
        """The speedups as a value of the option `--speedups`: `compile,graphs`, or `none`."""
        return ",".join(self.speedups) or "none"

    @property
    def half(self) -> torch.dtype | None:
        """The type of half precision that `precision` names; None if it names none."""
        return HALVES.get(self.precision)

    @property
    def casts(self) -> bool:
        """True if half precision, `channels_last` or `compile` changes how networks are called."""
        return self.half is not None or not {"channels_last", "compile"}.isdisjoint(self.speedups)

    @property
    def memory_format(self) -> torch.memory_format:
        """The order in which the numbers of images lie in memory."""
        is_last = "channels_last" in self.speedups
        return torch.channels_last if is_last else torch.contiguous_format
