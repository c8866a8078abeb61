"""The initial weights of the framework that a spec copies."""

from __future__ import annotations

from typing import ClassVar, Literal

from ganspec.compiler.ir import Call
from ganspec.initializers.initializer import Initializer
from ganspec.initializers.xavier import Xavier


class Framework(Initializer, kind="framework"):
    """What the spec's framework does by itself: Keras and TensorFlow 1 draw Glorot-uniform."""

    framework_defaults: ClassVar = {
        "keras": {"of": "keras"},
        "tensorflow": {"of": "tensorflow"},
    }

    of: Literal["torch", "keras", "tensorflow"] = "torch"

    def call(self) -> Call | None:
        return None if self.of == "torch" else Xavier().call()
