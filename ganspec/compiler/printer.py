"""A program as Python classes, and the imports and helpers that they need."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn, optim

from ganspec.compiler.definitions import Import
from ganspec.compiler.evaluate import overrides
from ganspec.compiler.forward import Forward
from ganspec.compiler.layout import layout
from ganspec.compiler.symbols import BLOCK, NETWORK, Symbols
from ganspec.language.expr import Width
from ganspec.program.ir import Call, Net, given
from ganspec.program.spelling import INDENT, comment, docstring, number, says

NAMESPACES = [
    (nn, Import("from torch import nn", "nn"), ""),
    (F, Import("import torch.nn.functional", "F"), ""),
    (nn.init, Import("from torch import nn", "nn"), ".init"),
    (optim, Import("import torch", "torch"), ".optim"),
    (torch, Import("import torch", "torch"), ""),
]


def namespaced(target: object) -> tuple[Import, str] | None:
    """Return how a class or function of torch is usually written; None for any other."""
    # by identity: __module__ lies for builtins
    for namespace, found, inner in NAMESPACES:
        name = getattr(target, "__name__", "")
        if getattr(namespace, name, None) is target:
            return found, f"{inner}.{name}"
    return None


class Printer:
    """Prints nets with marks for all names; `refer` gives those of what is not torch's."""

    def __init__(
        self,
        symbols: Symbols,
        refer: Callable[[object], str],
        bring: Callable[[Import], str],
    ):
        self.symbols, self.refer, self.bring = symbols, refer, bring
        self.classes: dict[str, str] = {}  # source with a blank name -> mark of the class
        self.sources: list[tuple[str, str]] = []  # marks of the classes, and their texts

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
            name = self.bring(Import("from functools import partial", "partial"))
            parts = [self.name(argument.func), *map(self.value, argument.args)]
            return f"{name}({', '.join([*parts, *self.options(argument.keywords)])})"
        if argument is None or isinstance(argument, (bool, int, str)):
            return repr(argument)
        if isinstance(argument, float):
            return number(argument)
        return self.name(argument)

    def options(self, kwargs: dict[str, object]) -> list[str]:
        return [f"{key}={self.value(value)}" for key, value in kwargs.items()]

    def name(self, target: object) -> str:
        """Return how the text calls a class or function."""
        if found := namespaced(target):
            return self.bring(found[0]) + found[1]
        return self.refer(target)

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
        """Return the class of a block's net; calls that print alike share one."""
        text = self.source(net, "?")
        if text not in self.classes:
            mark = self.symbols.of(("block", text), BLOCK, net.name).mark
            self.classes[text] = mark
            self.sources.append((mark, text.replace("class ?(", f"class {mark}(", 1)))
        return self.classes[text]

    def network(self, net: Net) -> str:
        """Print a network's class, after the blocks that it uses, and return its mark."""
        mark = self.symbols.of(("network", net.name), NETWORK, net.name).mark
        self.sources.append((mark, self.source(net, mark)))
        return mark

    def source(self, net: Net, name: str) -> str:
        """The class as text."""
        body = self.init_body(net)
        lines = [f"class {name}({self.name(nn.Module)}):"]
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
        kept = Forward(self, net).kept
        lines = [f"self.{attribute} = {name}" for name, attribute in kept.items()]
        shapes = {i.value.id: i.value.shape for i in net.inputs}
        for part in layout(net):
            shape = shapes[part.inputs[0]]
            shapes[part.output.id] = part.output.shape
            if not part.is_module:
                continue
            head, indent, tail = f"self.{part.name} = ", "", ""
            if part.is_chain:
                lines.append(f"{head}nn.Sequential(")
                head, indent, tail = "", "    ", ","
            for step in part.steps:
                line = f"{indent}{head}{self.construct(step.call)}{tail}"
                note = self.comment(line, shape, step.output.shape, net)
                if note or says(line, step.output.shape):
                    shape = step.output.shape
                lines.append(line + note)
            if part.is_chain:
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

    def comment(self, line: str, before: tuple, after: tuple, net: Net) -> str:
        return comment(self.symbols.plain(line), before, after, net.is_block)

    # -- forward ------------------------------------------------------------------------------

    def forward_body(self, net: Net) -> list[str]:
        return Forward(self, net).lines()
