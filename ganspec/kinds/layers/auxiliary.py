"""The auxiliary classifier of a discriminator."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import nn

from ganspec.kinds.layer import Layer, Lowering, Weighted
from ganspec.program.ir import Call, Value


class Auxiliary(Weighted, kind="auxiliary"):
    """A classifier as the discriminator's second output (ACGAN; Odena et al., 2017).

    A linear layer turns a vector into one logit per class. The next layer reads the same input as
    this one. `objective.auxiliary` sets the weight of the classifier's loss.
    """

    noun: ClassVar = "the auxiliary classifier"
    conditional: ClassVar = True
    primary: ClassVar = "layers"

    layers: tuple[Layer, ...] = Field((), description="layers before the linear layer")
    softmax: bool = Field(
        False,
        description="apply a softmax to the logits; the loss reads its outputs as if they were "
        "logits, as where `nn.CrossEntropyLoss` follows an `nn.Softmax`",
    )

    def lower(self, net: Lowering, x: Value) -> Value:
        if net.is_block or net.heads:
            where = "inside a block" if net.is_block else "a second time"
            help = "put one auxiliary among the discriminator's own layers"
            net.refuse("bad-value", f"auxiliary cannot stand {where}", None, help)
        h = net.layers(self.layers, x, branch="auxiliary")
        if h.is_map:
            help = "put flatten, sum_pool or mean_pool before it, or into its `layers`"
            net.refuse("shape-mismatch", f"auxiliary expects a vector, got {h}", h, help)
        size = net.label.channels
        with net.branch("auxiliary"):
            call = Call(nn.Linear, h.channels, size, channels=size)
            head = self.add(net, call, h)
            net.heads["auxiliary"] = net.add(Call(nn.Softmax, 1), head) if self.softmax else head
        return x
