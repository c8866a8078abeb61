"""The network's own normalization, named once."""

from __future__ import annotations

from ganspec.kinds.layer import Layer
from ganspec.program.ir import Value


class Norm(Layer, kind="norm"):
    """Whatever the network's `normalization` says, so that batch to instance is one line."""

    def lower(self, net, x: Value) -> Value:
        if net.normalization is None:
            help = "add `normalization: batch_norm` above the network's layers"
            net.refuse("missing-field", "the network does not say what `norm` is", None, help)
        # in this layer's place: its line, not that of the network's `normalization`
        return net.layer(net.normalization.model_copy().place(self.path, self.mark), x)
