"""Layers that are repeated."""

from __future__ import annotations

from ganspec.kinds.layer import Layer, Lowering
from ganspec.program.ir import Value


class Repeat(Layer, kind="repeat"):
    """Repeats `layers` for each value of a name, or `times` times.

    `repeat: {with: {c: [4 * ch, 2 * ch]}, layers: [{conv: c}, relu]}` makes two convs, one for each
    value of `c`. With several names, each round takes the next value of every name.
    """

    rounds: tuple[tuple[Layer, ...], ...]

    def lower(self, net: Lowering, x: Value) -> Value:
        for layers in self.rounds:
            x = net.layers(layers, x)
        return x
