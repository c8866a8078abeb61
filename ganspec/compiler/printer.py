"""A program as Python classes, and the imports and helpers that they need."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn, optim

from ganspec.compiler.evaluate import overrides
from ganspec.compiler.forward import Forward
from ganspec.compiler.ir import Call, Net
from ganspec.compiler.spelling import INDENT, comment, docstring, number, says
from ganspec.language.expr import Width

NAMESPACES = [
    (nn, "nn"),
    (F, "F"),
    (nn.init, "nn.init"),
    (optim, "torch.optim"),
    (torch, "torch"),
]


class Printer:
    """Prints nets; remembers the blocks' classes and every outside object it named."""

    def __init__(self):
        self.classes: dict[str, str] = {}  # source with a blank name -> class name
        self.sources: list[str] = []
        self.used: list[object] = []  # helpers and functions named by the text, in order

    # -- values -------------------------------------------------------------------------------

    def value(self, argument: object) -> str:
        """Python text of a constructor's or function's argument."""
        if isinstance(argument, Width):
            return argument.text
        if isinstance(argument, (tuple, list)):
            inner = ", ".join(map(self.value, argument))
            comma = "," if isinstance(argument, tuple) and len(argument) == 1 else ""
            return f"({inner}{comma})" if isinstance(argument, tuple) else f"[{inner}]"
        if isinstance(argument, partial):
            self.used.append(partial)
            options = self.options(argument.keywords)
            return f"partial({', '.join([self.name(argument.func), *options])})"
        if argument is None or isinstance(argument, (bool, int, str)):
            return repr(argument)
        if isinstance(argument, float):
            return number(argument)
        return self.name(argument)

    def options(self, kwargs: dict[str, object]) -> list[str]:
        return [f"{key}={self.value(value)}" for key, value in kwargs.items()]

    def name(self, target: object) -> str:
        """How the text calls a class or function."""
        # by identity: __module__ lies for builtins
        for namespace, prefix in NAMESPACES:
            name = getattr(target, "__name__", "")
            if getattr(namespace, name, None) is target:
                return f"{prefix}.{name}"
        if target not in self.used:
            self.used.append(target)
        return target.__name__

    def construct(self, call: Call) -> str:
        """`nn.Conv2d(3, 64, 4)`: arguments equal to their defaults left out."""
        if isinstance(call.target, Net):
            return f"{self.block(call.target)}({', '.join(map(self.value, call.args))})"
        options = self.options(given(call))
        text = f"{self.name(call.target)}({', '.join([*map(self.value, call.args), *options])})"
        for wrap in call.wraps:
            text = f"{self.name(wrap.target)}({', '.join([text, *self.options(wrap.kwargs)])})"
        return text

    # -- classes ------------------------------------------------------------------------------

    def block(self, net: Net) -> str:
        """Name of the class for a block's net; calls that print alike share one."""
        text = self.source(net, "?")
        if text not in self.classes:
            taken = set(self.classes.values())
            name, index = net.name, 2
            while name in taken or name in RESERVED_CLASSES:
                name, index = f"{net.name}{index}", index + 1
            self.classes[text] = name
            self.sources.append(text.replace("class ?(", f"class {name}(", 1))
        return self.classes[text]

    def network(self, net: Net) -> None:
        """Print a network's class, after the blocks that it uses."""
        self.sources.append(self.source(net, net.name))

    def source(self, net: Net, name: str) -> str:
        """The class as text."""
        body = self.init_body(net)
        lines = [f"class {name}(nn.Module):"]
        lines += [f"    {docstring(net.doc)}", ""] if net.doc else []
        defaults = not net.is_block
        params = [f"{k}={v}" if defaults else k for k, v in self.parameters(net).items()]
        lines.append(f"    def __init__({', '.join(['self', *params])}):")
        lines.append(f"{INDENT}super().__init__()")
        lines += [f"{INDENT}{line}" for line in body]
        inputs = ", ".join(i.name for i in net.inputs)
        lines += ["", f"    def forward(self, {inputs}):"]
        lines += [f"{INDENT}{line}" for line in self.forward_body(net)]
        return "\n".join(lines)

    def parameters(self, net: Net) -> dict[str, int]:
        return {name: int(width) for name, width in net.params.items()}

    def init_body(self, net: Net) -> list[str]:
        lines = []
        shapes = {i.value.id: i.value.shape for i in net.inputs}
        for step in net.steps:
            shape = shapes[step.inputs[0]]
            shapes[step.output.id] = step.output.shape
            if not step.is_module:
                continue
            head, indent, tail = f"self.{step.name} = ", "", ""
            if step.chain:
                lines.append(f"{head}nn.Sequential(")
                head, indent, tail = "", "    ", ","
            for part in step.chain or (step,):
                line = f"{indent}{head}{self.construct(part.call)}{tail}"
                note = comment(line, shape, part.output.shape, net.is_block)
                if note or says(line, part.output.shape):
                    shape = part.output.shape
                lines.append(line + note)
            if step.chain:
                lines.append(")")
        if not net.is_block:
            lines += self.initializers(net)
        return lines

    def initializers(self, net: Net) -> Iterable[str]:
        if net.initialize:
            yield self.fill("self", net.initialize)
        for path, call in overrides(net):
            parts = [f"[{p}]" if p.isdigit() else f".{p}" for p in path]
            yield self.fill("self" + "".join(parts), call)

    def fill(self, module: str, call: Call) -> str:
        return f"{self.name(call.target)}({', '.join([module, *self.options(given(call))])})"

    # -- forward ------------------------------------------------------------------------------

    def forward_body(self, net: Net) -> list[str]:
        return Forward(self, net).lines()


def given(call: Call) -> dict[str, object]:
    """The call's keyword arguments that differ from the target's defaults."""
    parameters = inspect.signature(call.target).parameters
    return {
        key: value
        for key, value in call.kwargs.items()
        if key not in parameters or not _is_default(value, parameters[key].default)
    }


def _is_default(value: object, default: object) -> bool:
    if isinstance(value, bool) != isinstance(default, bool):
        return False
    if isinstance(value, Width) and value.symbolic:
        return False
    return value is default or value == default


# Classes that the rest of an emitted file defines.
RESERVED_CLASSES = {
    *("Generator", "Discriminator", "Classifier", "Autoencoder", "Batches", "Path", "Image"),
    "OneHot",
}
