"""What a layer or a condition may ask of the lowering that it is part of."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, NoReturn, Protocol

from ganspec.program.ir import Call, Value


class Lowering(Protocol):
    """The steps of one network or block, as they are gathered.

    `is_block` says whether a block of the spec is lowered, `heads` are further outputs by name,
    `normalization` is the layer that the layer `norm` stands for, and `weight_norm` the weight norm
    of every layer that has none of its own.
    """

    is_block: bool
    heads: dict[str, Value]
    normalization: Any
    weight_norm: Any

    @property
    def label(self) -> Value:
        """The label; raises SpecError where the spec has none."""

    @property
    def place(self) -> str:
        """Key path of the layer or condition that is being lowered."""

    def add(self, call: Call, *inputs: Value, initialize: Any = None) -> Value:
        """Add one step, and return the value that it makes."""

    def flatten(self, x: Value) -> Value:
        """Return `x` as a vector."""

    def weigh(self, call: Call, norm: Any = None) -> Call:
        """Return `call` inside the weight norm `norm`, or the network's own."""

    def tapped(self, name: str) -> Value:
        """Return the value that an earlier layer named; raises SpecError where none did."""

    def layer(self, layer: Any, x: Value) -> Value:
        """Add one layer's steps, and return the value that they make."""

    def layers(self, layers: Iterable[Any], x: Value, branch: str | None = None) -> Value:
        """Add layers one after another; `branch` names their module in emitted source."""

    def branch(self, name: str | None) -> AbstractContextManager[None]:
        """Name the modules that are added within the block."""

    def join(self, condition: Any, x: Value) -> Value:
        """Join the label to `x` by a condition."""

    def block(self, layer: Any, x: Value) -> Value:
        """Add a call of one of the spec's blocks."""

    def refuse(
        self, code: str, message: str, value: Value | None, help: str | None = None
    ) -> NoReturn:
        """Raise a SpecError at the layer being lowered; `value` is what it cannot read."""
