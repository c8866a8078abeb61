"""The initial weights of the framework that a spec copies."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import nn

from ganspec.kinds.initializer import Initializer, weights_and_biases
from ganspec.kinds.initializers.xavier import init_xavier
from ganspec.program.ir import Call


def init_keras(network):
    """Draw weights scaled by their fan, embeddings within 0.05, and set biases to 0."""
    init_xavier(network)
    embeddings = [m for m in network.modules() if isinstance(m, nn.Embedding)]
    for weight, _ in weights_and_biases(nn.ModuleList(embeddings)):
        nn.init.uniform_(weight, -0.05, 0.05)


FILLS = {"keras": init_keras, "tensorflow": init_xavier}


class Framework(Initializer, kind="framework"):
    """What the spec's framework does by itself: Keras and TensorFlow 1 draw Glorot-uniform.

    Keras draws embeddings between -0.05 and 0.05, TensorFlow 1 as all else, torch from N(0, 1).
    """

    framework_defaults: ClassVar = {
        "keras": {"of": "keras"},
        "tensorflow": {"of": "tensorflow"},
    }

    of: Literal["torch", "keras", "tensorflow"] = "torch"

    def call(self) -> Call | None:
        return None if self.of == "torch" else Call(FILLS[self.of])
