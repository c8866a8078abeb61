"""A program as Python classes, and the imports and helpers that they need."""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Iterable
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn, optim

from ganspec.compiler.evaluate import overrides
from ganspec.compiler.ir import Call, Net, Step
from ganspec.language.expr import Width

INFIX = {operator.add: "+", operator.mul: "*"}
NAMESPACES = [
    (nn, "nn"),
    (F, "F"),
    (nn.init, "nn.init"),
    (optim, "optim"),
    (torch, "torch"),
]
LINE = 88
INDENT = " " * 8


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
                if prefix == "optim":
                    return f"torch.optim.{name}"
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
        shape = net.inputs[0].value.shape
        for step in net.steps:
            if not step.is_module:
                shape = step.output.shape
                continue
            if step.chain:
                lines.append(f"self.{step.name} = nn.Sequential(")
                for part in step.chain:
                    line = f"    {self.construct(part.call)},"
                    note = comment(line, shape, part.output.shape, net.is_block)
                    shape = part.output.shape if note else shape
                    lines.append(line + note)
                lines.append(")")
            else:
                line = f"self.{step.name} = {self.construct(step.call)}"
                note = comment(line, shape, step.output.shape, net.is_block)
                shape = step.output.shape if note else shape
                lines.append(line + note)
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


class Forward:
    """The statements of one `forward`: values named, calls read once nested where short."""

    def __init__(self, printer: Printer, net: Net):
        self.printer, self.net = printer, net
        self.names = {i.value.id: i.name for i in net.inputs}
        self.pending: dict[int, tuple[str, Step]] = {}  # read once, not yet a statement
        self.statements: list[str] = []
        self.shape = net.inputs[0].value.shape
        self.last_read: dict[int, int] = {net.output.id: len(net.steps)}
        for i, step in enumerate(net.steps):
            for value in step.inputs:
                self.last_read[value] = max(i, self.last_read.get(value, -1))

    def lines(self) -> list[str]:
        for i, step in enumerate(self.net.steps):
            self.step(i, step)
        result = self.net.output.id
        if list(self.pending) != [result]:
            self.flush(len(self.net.steps))
        text = self.pending[result][0] if result in self.pending else self.names[result]
        return [*self.statements, f"return {text}"]

    def step(self, index: int, step: Step) -> None:
        held = [i for i in step.inputs if i in self.pending]
        nests = not step.is_module and list(self.pending) == held
        if not nests or not self.short(self.text(step)):
            self.flush(index)
        text = self.text(step)
        for value in held:
            self.pending.pop(value, None)
        self.pending[step.output.id] = (text, step)
        if self.net.uses.get(step.output.id, 0) != 1 or step.tap:
            self.flush(index + 1)

    def short(self, text: str) -> bool:
        return len(INDENT) + len(text) + len("return ") <= LINE

    def read(self, value: int) -> str:
        return self.pending[value][0] if value in self.pending else self.names[value]

    def text(self, step: Step) -> str:
        inputs = [self.read(i) for i in step.inputs]
        call = step.call
        if step.is_module:
            return f"self.{step.name}({', '.join(inputs)})"
        if call.target in INFIX:
            left, right = inputs
            return f"{left} {INFIX[call.target]} {right}"
        if call.pack:
            inputs = [f"[{', '.join(inputs)}]"]
        options = [
            *map(self.printer.value, call.args),
            *self.printer.options(call.kwargs),
        ]
        return f"{self.printer.name(call.target)}({', '.join([*inputs, *options])})"

    def flush(self, index: int) -> None:
        """Make statements of what is pending; `index` is the step about to read it."""
        for value, (text, step) in list(self.pending.items()):
            del self.pending[value]
            name = self.fresh(value, step, index)
            self.names[value] = name
            line = f"{name} = {text}"
            note = comment(line, self.shape, step.output.shape, self.net.is_block)
            self.shape = step.output.shape if note else self.shape
            self.statements.append(line + note)

    def fresh(self, value: int, step: Step, index: int) -> str:
        """A variable for `value` that no value still needed has."""
        needed = {
            self.names[v]
            for v, last in self.last_read.items()
            if v in self.names and v != value and last >= index
        }
        base = step.tap or "h"
        options = [base, *(f"{base}{i}" for i in range(2, 1000))]
        taken = needed | {i.name for i in self.net.inputs}
        return next(name for name in options if name not in taken)


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


def comment(line: str, before: tuple[int, ...], after: tuple[int, ...], hidden: bool) -> str:
    """What follows `line` where the shape changes; blocks are used at several shapes."""
    note = f"  # {' x '.join(map(str, after))}"
    fits = len(INDENT) + len(line) + len(note) <= LINE
    return note if before != after and fits and not hidden else ""


def number(value: float) -> str:
    """A float as a person would write it: 0.0002 as 2e-4, 1000000.0 as 1e6."""
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be printed")
    plain = repr(value)
    if value and (abs(value) <= 1e-3 or abs(value) >= 1e6):
        digits, _, exponent = f"{value:.17e}".partition("e")
        for places in range(17):
            short = f"{value:.{places}e}"
            if float(short) == value:
                digits, _, exponent = short.partition("e")
                return f"{digits}e{int(exponent)}"
    return plain


def docstring(text: str) -> str:
    """`text` as a docstring on one line, whatever stands in it."""
    text = " ".join(text.split())
    if text and not text.endswith((".", "!", "?", ":")):
        text += "."
    if text.isprintable() and "\\" not in text:
        text = text.replace('"', "'")
    else:  # control and format characters never reach a file as themselves
        text = text.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"""{text}"""'


# Classes that the rest of an emitted file defines.
RESERVED_CLASSES = {"Generator", "Discriminator", "Batches", "Path", "Image"}
