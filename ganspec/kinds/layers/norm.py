"""The layer `norm`."""

from __future__ import annotations

from ganspec.kinds.layer import Layer, Lowering
from ganspec.program.ir import Value


class Norm(Layer, kind="norm"):
    """The layer that the network's key `normalization` names: that key sets all `norm` at once.

    Under `normalization: none`, or a weight norm alone, `norm` adds no layer.
    """

    def lower(self, net: Lowering, x: Value) -> Value:
        layer = net.activation_norm
        if layer is None:
            help = "add `normalization: batch` above the network's layers"
            net.refuse("missing-field", "the network does not say what `norm` is", None, help)
        # errors then show the line of this `norm`, not that of the network's `normalization`
        return net.layer(layer.model_copy().place(self.key_path, self.mark), x)
