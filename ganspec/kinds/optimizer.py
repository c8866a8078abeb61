"""Base class of optimizers: the call of a torch optimizer, without the parameters."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import optim

from ganspec.language.kinds import Kind
from ganspec.language.types import Positive
from ganspec.program.ir import Call

Beta = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[Positive, Field(description="size of a step")]
Decay = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Optimizer(Kind, family="optimizer"):
    """A rule by which weights follow their gradient.

    A kind names `optimizer`, a subclass of `torch.optim.Optimizer`, and has its keyword arguments
    as fields, or defines `call`. Every kind has the field `lr`, which a bare value sets.
    """

    optimizer: ClassVar[type[optim.Optimizer]]
    primary: ClassVar = "lr"

    lr: Rate

    def call(self) -> Call:
        """Return the optimizer's class with its keyword arguments, without the parameters."""
        return Call(self.optimizer, **dict(self))
