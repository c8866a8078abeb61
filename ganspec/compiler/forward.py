"""The statements of an emitted `forward`."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganspec.compiler.ir import Net, Step
from ganspec.compiler.spelling import INDENT, LINE, comment

if TYPE_CHECKING:
    from ganspec.compiler.printer import Printer

INFIX = {operator.add: "+", operator.mul: "*"}


@dataclass(frozen=True)
class Pending:
    """An expression that no statement holds yet, with the variables that it reads."""

    text: str
    step: Step
    reads: set[str]


class Forward:
    """The statements of one `forward`: values named, calls read once nested where short."""

    def __init__(self, printer: Printer, net: Net):
        self.printer, self.net = printer, net
        self.names = {i.value.id: i.name for i in net.inputs}
        self.pending: dict[int, Pending] = {}  # read once, not yet a statement
        self.statements: list[str] = []
        self.shape = net.inputs[0].value.shape
        results = (value.id for value in net.results)
        self.last_read: dict[int, int] = dict.fromkeys(results, len(net.steps))
        for i, step in enumerate(net.steps):
            for value in step.inputs:
                self.last_read[value] = max(i, self.last_read.get(value, -1))

    def lines(self) -> list[str]:
        for i, step in enumerate(self.net.steps):
            self.step(i, step)
        results = [value.id for value in self.net.results]
        if list(self.pending) != [value for value in results if value in self.pending]:
            self.flush(len(self.net.steps))
        return [*self.statements, f"return {', '.join(map(self.read, results))}"]

    def step(self, index: int, step: Step) -> None:
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

    def short(self, text: str) -> bool:
        return len(INDENT) + len(text) + len("return ") <= LINE

    def read(self, value: int) -> str:
        return self.pending[value].text if value in self.pending else self.names[value]

    def operand(self, value: int, target: object, right: bool) -> str:
        """`value` beside an operator, in parentheses where Python would sort it otherwise."""
        text = self.read(value)
        inner = self.pending[value].step.call.target if value in self.pending else None
        loose = inner is operator.add and target is operator.mul
        return f"({text})" if loose or (right and inner in INFIX) else text

    def text(self, step: Step) -> str:
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
            *map(self.printer.value, call.args),
            *self.printer.options(call.kwargs),
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
            note = comment(line, self.shape, shape, self.net.is_block)
            self.shape = shape if note else self.shape
            self.statements.append(line + note)

    def fresh(self, value: int, step: Step, index: int) -> str:
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
