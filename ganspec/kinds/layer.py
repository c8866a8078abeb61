"""Base classes of layers, and the protocol by which they add steps to a program."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, NoReturn, Protocol, TypeAlias

from pydantic import Field

from ganspec.kinds.initializer import Initializer
from ganspec.kinds.weight_norm import WeightNorm
from ganspec.language.kinds import Kind
from ganspec.language.types import Name
from ganspec.program.ir import Call, Value

Examples: TypeAlias = Sequence[tuple[dict[str, Any] | None, tuple[int, ...]]]


class Lowering(Protocol):
    """The program of a network or block while its layers add steps to it.

    `is_block` is True for a block of the spec. `heads` are the network's further outputs by name.
    """

    is_block: bool
    heads: dict[str, Value]

    @property
    def weight_norm(self) -> WeightNorm | None:
        """The network's weight norm, for layers that set none; None if the network sets none."""

    @property
    def activation_norm(self) -> Layer | None:
        """The layer that `norm` stands for; None if the network has no `normalization`.

        It is `identity` if `normalization` names no norm layer.
        """

    @property
    def condition(self) -> Any:  # Condition's file imports this one
        """The network's condition; None if the network has no `condition`."""

    @property
    def label(self) -> Value:
        """The label, an input of the network. Raises SpecError if the network gets no labels."""

    @property
    def key_path(self) -> str:
        """Key path of the layer or condition that is adding steps."""

    def add(self, call: Call, *inputs: Value, initialize: Initializer | None = None) -> Value:
        """Add the step `call(*inputs)` and return its output.

        `initialize` fills the weights of this step in place of the network's initializer.
        """

    def flatten(self, x: Value) -> Value:
        """Return `x` as a vector, by a further step if `x` is a map."""

    def wrap(self, call: Call, norm: WeightNorm | None = None) -> Call:
        """Return `call` wrapped in `norm`, or in the network's weight norm if `norm` is None.

        Return `call` itself if there is neither, or if that norm is `none`.
        """

    def tapped(self, name: str) -> Value:
        """Return the output of the earlier layer that has the field `as: name`.

        Raises SpecError if no earlier layer has it.
        """

    def layer(self, layer: Layer, x: Value) -> Value:
        """Add the steps of a layer. Return its output.

        The layer reads `x`, or the named output in its field `from`.
        """

    def layers(self, layers: Iterable[Layer], x: Value, branch: str | None = None) -> Value:
        """Add the steps of layers, of which the first reads `x`. Return the last one's output.

        `branch` names the module that the steps become in emitted source.
        """

    def branch(self, name: str | None) -> AbstractContextManager[None]:
        """Name the module that the steps of a `with` block become in emitted source."""

    def join(self, condition: Any, x: Value) -> Value:  # Condition's file imports this one
        """Add the steps by which `condition` joins the label to `x`. Return the joined value."""

    def block(self, layer: Any, x: Value) -> Value:  # Block's file imports this one
        """Add a step that calls one of the spec's blocks on `x`. Return its output."""

    def refuse(
        self, code: str, message: str, value: Value | None, help: str | None = None
    ) -> NoReturn:
        """Raise SpecError at the line of the layer or condition that is adding steps.

        `value` is the value at fault, and a note says where it comes from; None for no note. `help`
        says what the user must change.
        """


class Layer(Kind, family="layer"):
    """An entry of a network's `layers`: one torch call, or several.

    A kind defines `call`, or `lower` if it makes several calls. `expects` is `map`, `vector`, or
    None if the input may be either. `output_range` is the lowest and the highest possible output,
    or None if the output has no bounds. `examples` are pairs of fields and an input shape without
    the batch: tests try them, and `ganspec import` recognises the layer by them.

    The other attributes are for `ganspec compare` and `diff`. Kinds with the same `role`, such as
    `pool`, count as replacements of each other; those with the role `norm` can also be named by
    `normalization`. `noun` names the layer in a sentence; by default that is `a conv` for `conv`.
    If `tells_size` is True, the sentence adds the size of the map: `self attention at 8 x 8`.
    `conditional` is True if the layer itself reads or predicts the label, without a condition.
    """

    expects: ClassVar[str | None] = None
    output_range: ClassVar[tuple[float, float] | None] = None
    examples: ClassVar[Examples] = []
    role: ClassVar[str] = ""
    noun: ClassVar[str] = ""
    conditional: ClassVar[bool] = False
    tells_size: ClassVar[bool] = False

    as_: Name | None = Field(None, alias="as", description="name of the layer's output")
    from_: Name | None = Field(
        None, alias="from", description="named output to read in place of the previous layer's"
    )

    def call(self, x: Value) -> Call:
        """Return the torch call on `x`: a module class or a function, with its arguments."""
        raise NotImplementedError

    def lower(self, net: Lowering, x: Value) -> Value:
        """Add this layer's calls on `x` to `net`. Return the value for the next layer."""
        return net.add(self.call(x), x)


class Weighted(Layer):
    """A layer with a weight, which a weight norm may wrap and an initializer may fill."""

    weight_norm: WeightNorm | None = Field(
        None, description="weight norm in place of the network's"
    )
    init: Initializer | None = Field(None, description="initial weights in place of the network's")

    def lower(self, net: Lowering, x: Value) -> Value:
        return self.add(net, self.call(x), x)

    def add(self, net: Lowering, call: Call, x: Value) -> Value:
        """Add `call` on `x`, with this layer's weight norm and `init`. Return the call's output."""
        return net.add(net.wrap(call, self.weight_norm), x, initialize=self.init)
