"""The default initial weights of the spec's framework."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import nn

from ganspec.kinds.initializer import Initializer, init_weights
from ganspec.program.ir import Call


def init_keras(network):
    """Draw Keras's weights: Glorot-uniform, embeddings in [-0.05, 0.05], biases 0."""
    init_weights(network, nn.init.xavier_uniform_)
    for module in network.modules():
        if isinstance(module, nn.Embedding):
            init_weights(module, nn.init.uniform_, a=-0.05, b=0.05)


class Framework(Initializer, kind="framework"):
    """The default weights of the spec's framework.

    In Keras and TensorFlow 1, weights are Glorot-uniform and biases 0; but embeddings of Keras are
    uniform from -0.05 to 0.05. In torch, layers draw weights and biases as their classes do by
    default, embeddings from N(0, 1).
    """

    framework_defaults: ClassVar = {
        "keras": {"of": "keras"},
        "tensorflow": {"of": "tensorflow"},
    }

    of: Literal["torch", "keras", "tensorflow"] = "torch"

    def call(self) -> Call | None:
        if self.of == "torch":
            return None
        if self.of == "keras":
            return Call(init_keras)
        return Call(init_weights, fill=nn.init.xavier_uniform_)
