"""The sum of two branches."""

from __future__ import annotations

import operator
from typing import ClassVar

from pydantic import Field

from ganspec.kinds.layer import Layer, Lowering
from ganspec.program.ir import Call, Value


class Residual(Layer, kind="residual"):
    """Adds the outputs of `main` and `skip`, which both read the input.

    An empty `skip` passes the input on unchanged.
    """

    primary: ClassVar = "main"
    examples: ClassVar = [
        ({"main": ["relu", {"conv": 4}]}, (4, 5, 5)),
        (
            {
                "main": ["relu", {"conv": 8}, "batch_norm", {"avg_pool": 2}],
                "skip": [{"conv": {"out": 8, "kernel": 1}}, {"avg_pool": 2}],
            },
            (4, 6, 6),
        ),
    ]

    main: tuple[Layer, ...] = Field(min_length=1)
    skip: tuple[Layer, ...] = ()

    def lower(self, net: Lowering, x: Value) -> Value:
        main = net.layers(self.main, x, branch="main")
        skip = net.layers(self.skip, x, branch="skip")
        if main.shape != skip.shape:
            help = "give `skip` layers that make the same shape, such as a conv or a pool"
            net.refuse("shape-mismatch", f"main makes {main}, skip makes {skip}", main, help)
        return net.add(Call(operator.add, channels=main.channels), main, skip)
