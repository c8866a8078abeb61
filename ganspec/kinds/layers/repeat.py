"""Layers several times over."""

from __future__ import annotations

from ganspec.kinds.layer import Layer
from ganspec.program.ir import Value


class Repeat(Layer, kind="repeat"):
    """The same layers once for each value of a name, or `times` over.

    `repeat: {with: {c: [4 * ch, 2 * ch]}, layers: [{conv: c}, relu]}`; with several names, each
    round takes the next value of all of them.
    """

    rounds: tuple[tuple[Layer, ...], ...]

    def lower(self, net, x: Value) -> Value:
        for layers in self.rounds:
            x = net.layers(layers, x)
        return x
