"""Repeated layers."""

from __future__ import annotations

from ganspec.kinds.layer import Layer, Lowering
from ganspec.program.ir import Value


class Repeat(Layer, kind="repeat"):
    """The same layers once for each value of a name, or `times` times.

    `repeat: {with: {c: [4 * ch, 2 * ch]}, layers: [{conv: c}, relu]}`. With several names, each
    round takes the next value of each.
    """

    rounds: tuple[tuple[Layer, ...], ...]

    def lower(self, net: Lowering, x: Value) -> Value:
        for layers in self.rounds:
            x = net.layers(layers, x)
        return x
