"""Base class of optimizers: calls that make a torch optimizer, without the parameters."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import optim

from ganspec.language.kinds import Kind
from ganspec.language.types import Positive
from ganspec.program.ir import Call

Beta = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[Positive, Field(description="learning rate")]
Decay = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Optimizer(Kind, family="optimizer"):
    """A rule that updates weights by their gradients.

    A kind sets `optimizer` to a subclass of `torch.optim.Optimizer` and has fields named as its
    keyword arguments, or it defines `call`. Every kind has the field `lr`, which a bare value sets,
    as in `adam: 2e-4`.
    """

    optimizer: ClassVar[type[optim.Optimizer]]
    primary: ClassVar = "lr"

    lr: Rate

    def call(self) -> Call:
        """Return the optimizer's class and keyword arguments, without the weights to optimize."""
        return Call(self.optimizer, **dict(self))
