"""What every optimizer is: the call of a torch optimizer, without its parameters."""

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
    """How a network's weights follow the gradient."""

    primary: ClassVar = "lr"

    lr: Rate

    def call(self) -> Call:
        """The torch optimizer with its options."""
        raise NotImplementedError
