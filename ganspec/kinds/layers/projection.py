"""The projection discriminator's last layer."""

from __future__ import annotations

import operator
from typing import ClassVar

from torch import nn

from ganspec.kinds.conditions.label import embedding
from ganspec.kinds.layer import Lowering, Weighted
from ganspec.program.ir import Call, Value


def inner_product(label, x):
    """Return the inner product of two vectors for each image: N x 1."""
    return (label * x).sum(dim=1, keepdim=True)


class Projection(Weighted, kind="projection"):
    """A score for each vector: a linear layer, plus the inner product of the vector with an
    embedding of the label (Miyato & Koyama, 2018, equation 4).

    The embedding of a multi-hot label is the sum of its classes' vectors.
    """

    conditional: ClassVar = True
    expects: ClassVar = "vector"

    def lower(self, net: Lowering, x: Value) -> Value:
        with net.branch("score"):
            score = self.add(net, Call(nn.Linear, x.channels, 1, channels=1), x)
        with net.branch("label"):
            label = self.add(net, embedding(net.label, x.channels), net.label)
        product = net.add(Call(inner_product, channels=1), label, x)
        return net.add(Call(operator.add), score, product)
