"""Base class of optimizers: the call of a torch optimizer, without the parameters."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from ganspec.language.kinds import Kind
from ganspec.language.types import Positive
from ganspec.program.ir import Call

Beta = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[Positive, Field(description="size of a step")]
Decay = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Optimizer(Kind, family="optimizer"):
    """A rule by which weights follow their gradient.

    A kind defines `call`. Every optimizer has the field `lr`, which a bare value sets.
    """

    primary: ClassVar = "lr"

    lr: Rate

    def call(self) -> Call:
        """Return a subclass of `torch.optim.Optimizer` with its keyword arguments."""
        raise NotImplementedError
