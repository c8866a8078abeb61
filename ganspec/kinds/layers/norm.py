"""The layer `norm`."""

from __future__ import annotations

from ganspec.kinds.layer import Layer, Lowering
from ganspec.program.ir import Value


class Norm(Layer, kind="norm"):
    """The layer in the network's `normalization`: one line changes every `norm`."""

    def lower(self, net: Lowering, x: Value) -> Value:
        if net.normalization is None:
            help = "add `normalization: batch_norm` above the network's layers"
            net.refuse("missing-field", "the network does not say what `norm` is", None, help)
        # errors show this layer's line, not that of the network's `normalization`
        return net.layer(net.normalization.model_copy().place(self.path, self.mark), x)
