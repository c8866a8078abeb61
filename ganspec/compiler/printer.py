"""A program as Python classes, and the imports and helpers that they need."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from torch import nn

from ganspec.compiler.definitions import Import
from ganspec.compiler.evaluate import overrides
from ganspec.compiler.layout import Part, layout
from ganspec.compiler.symbols import BLOCK, NETWORK, Symbols, namespaced
from ganspec.language.expr import Width
from ganspec.program.ir import Call, Net, non_defaults
from ganspec.program.spelling import INDENT, LINE, comment, docstring, holds_width, number

INFIX = {operator.add: "+", operator.mul: "*"}


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
            return number(argument) if math.isfinite(argument) else f'float("{argument}")'
        if isinstance(argument, dict):
            inner = (f"{self.value(k)}: {self.value(v)}" for k, v in argument.items())
            return f"{{{', '.join(inner)}}}"
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
        options = self.options(non_defaults(call))
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
        params = [k if net.is_block else f"{k}={int(v)}" for k, v in net.params.items()]
        lines.append(f"    def __init__({', '.join(['self', *params])}):")
        lines.append(f"{INDENT}super().__init__()")
        lines += [f"{INDENT}{line}" for line in body]
        inputs = ", ".join(i.name for i in net.inputs)
        lines += ["", f"    def forward(self, {inputs}):"]
        lines += [f"{INDENT}{line}" for line in Forward(self, net).lines()]
        return "\n".join(lines)

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
                if note or holds_width(line, step.output.shape):
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
        return f"{self.name(call.target)}({', '.join([module, *self.options(non_defaults(call))])})"

    def comment(self, line: str, before: tuple, after: tuple, net: Net) -> str:
        return comment(self.symbols.plain(line), before, after, net.is_block)


@dataclass(frozen=True)
class Pending:
    """An expression that no statement holds yet, with the variables that it reads."""

    text: str
    step: Part
    reads: set[str]


class Forward:
    """The statements of one `forward`: values named, calls read once nested where short."""

    def __init__(self, printer: Printer, net: Net):
        self.printer, self.net, self.parts = printer, net, layout(net)
        self.names = {i.value.id: i.name for i in net.inputs}
        self.pending: dict[int, Pending] = {}  # read once, not yet a statement
        self.statements: list[str] = []
        self.shape = net.inputs[0].value.shape
        results = (value.id for value in net.outputs.values())
        self.last_read: dict[int, int] = dict.fromkeys(results, len(self.parts))
        self.kept = self._kept()
        for i, step in enumerate(self.parts):
            for value in step.inputs:
                self.last_read[value] = max(i, self.last_read.get(value, -1))

    def lines(self) -> list[str]:
        for i, step in enumerate(self.parts):
            self.step(i, step)
        results = [value.id for value in self.net.outputs.values()]
        if list(self.pending) != [value for value in results if value in self.pending]:
            self.flush(len(self.parts))
        return [*self.statements, f"return {', '.join(map(self.read, results))}"]

    def step(self, index: int, step: Part) -> None:
        held = [i for i in step.inputs if i in self.pending]
        # the last ones pending, in order: nested, they still run after the others
        nests = not step.is_module and list(self.pending)[-len(held) :] == held
        if held and not (nests and self.short(self.text(step))):
            self.flush(index)
            held = []
        text, reads = self.text(step), {self.names[i] for i in step.inputs if i in self.names}
        for value in held:
            reads |= self.pending.pop(value).reads
        self.pending[step.output.id] = Pending(text, step, reads)
        if self.net.uses.get(step.output.id, 0) != 1 or step.tap:
            self.flush(index + 1)

    def _kept(self) -> dict[str, str]:
        """Return the constructor's names that functions read, with the attributes for them."""
        calls = [part.call for part in self.parts if not part.is_module]
        widths = [w for call in calls for w in _widths([*call.args, *call.kwargs.values()])]
        names = [n for n in self.net.params if any(n in width.names() for width in widths)]
        taken = {part.name for part in self.parts} | set(dir(nn.Module()))
        kept = {}
        for name in names:
            options = [name, *(f"{name}{i}" for i in range(2, 1000))]
            kept[name] = next(option for option in options if option not in taken)
            taken.add(kept[name])
        return kept

    def value(self, argument: object) -> str:
        """Return an argument's text in `forward`, where a width is an attribute."""
        if isinstance(argument, Width):
            return re.sub(r"[A-Za-z_]\w*", lambda m: f"self.{self.kept[m[0]]}", argument.text)
        if isinstance(argument, (tuple, list)) and _widths(argument):
            inner = ", ".join(map(self.value, argument))
            comma = "," if isinstance(argument, tuple) and len(argument) == 1 else ""
            return f"({inner}{comma})" if isinstance(argument, tuple) else f"[{inner}]"
        return self.printer.value(argument)

    def short(self, text: str) -> bool:
        text = self.printer.symbols.plain(text)
        return len(INDENT) + len(text) + len("return ") <= LINE

    def read(self, value: int) -> str:
        return self.pending[value].text if value in self.pending else self.names[value]

    def operand(self, value: int, target: object, right: bool) -> str:
        """`value` beside an operator, in parentheses where Python would sort it otherwise."""
        text = self.read(value)
        inner = self.pending[value].step.call.target if value in self.pending else None
        loose = inner is operator.add and target is operator.mul
        return f"({text})" if loose or (right and inner in INFIX) else text

    def text(self, step: Part) -> str:
        inputs = [self.read(i) for i in step.inputs]
        call = step.call
        if step.is_module:
            return f"self.{step.name}({', '.join(inputs)})"
        if call.target in INFIX:
            left = self.operand(step.inputs[0], call.target, right=False)
            right = self.operand(step.inputs[1], call.target, right=True)
            return f"{left} {INFIX[call.target]} {right}"
        if call.pack:
            inputs = [f"[{', '.join(inputs)}]"]
        options = [
            *map(self.value, call.args),
            *(f"{key}={self.value(value)}" for key, value in call.kwargs.items()),
        ]
        return f"{self.printer.name(call.target)}({', '.join([*inputs, *options])})"

    def flush(self, index: int) -> None:
        """Make statements of what is pending; `index` is the step about to read it."""
        for value, part in list(self.pending.items()):
            del self.pending[value]
            name = self.fresh(value, part.step, index)
            self.names[value] = name
            shape = part.step.output.shape
            line = f"{name} = {part.text}"
            note = self.printer.comment(line, self.shape, shape, self.net)
            self.shape = shape if note else self.shape
            self.statements.append(line + note)

    def fresh(self, value: int, step: Part, index: int) -> str:
        """A variable for `value` that no value still needed has."""
        needed = {
            self.names[v]
            for v, last in self.last_read.items()
            if v in self.names and v != value and last >= index
        }
        for part in self.pending.values():  # statements that still have to come
            needed |= part.reads
        base = step.tap or "h"
        options = [base, *(f"{base}{i}" for i in range(2, 1000))]
        taken = needed | {i.name for i in self.net.inputs}
        return next(name for name in options if name not in taken)


def _widths(arguments: Iterable[object]) -> list[Width]:
    """Return the symbolic widths among arguments, those within tuples included."""
    found = []
    for argument in arguments:
        if isinstance(argument, (tuple, list)):
            found += _widths(argument)
        elif isinstance(argument, Width) and argument.symbolic:
            found.append(argument)
    return found
