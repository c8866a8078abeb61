"""The projection discriminator's last layer."""

from __future__ import annotations

import operator
from typing import ClassVar

from torch import nn

from ganspec.kinds.conditions.label import embedding
from ganspec.kinds.layer import Weighted
from ganspec.language.expr import Width
from ganspec.program.ir import Call, Value


def inner_product(label, x):
    """Sum over the numbers of two vectors' products, for each image."""
    return (label * x).sum(dim=1, keepdim=True)


class Projection(Weighted, kind="projection"):
    """One score of a vector: a linear layer, plus the inner product of the vector with an
    embedding of the label (Miyato & Koyama, 2018, equation 4).

    Of a multi-hot label the embedding is the sum of the present classes' vectors.
    """

    conditional: ClassVar = True
    expects: ClassVar = "vector"

    def lower(self, net, x: Value) -> Value:
        with net.branch("score"):
            call = Call(nn.Linear, x.channels, 1, channels=Width(1))
            score = net.add(self.weigh(net, call), x, initialize=self.init)
        with net.branch("label"):
            call = self.weigh(net, embedding(net.label, x.channels))
            label = net.add(call, net.label, initialize=self.init)
        product = net.add(Call(inner_product, channels=Width(1)), label, x)
        return net.add(Call(operator.add), score, product)
