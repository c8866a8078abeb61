"""Print programs as Python classes, with placeholders in place of global names.

When the printer writes a placeholder, it also adds the import, function or class to the file.
"""

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
from ganspec.compiler.layout import Part, layout, numbered, widths
from ganspec.compiler.symbols import BLOCK, NETWORK, Symbols, namespaced
from ganspec.language.expr import Width
from ganspec.program.defaults import non_defaults
from ganspec.program.ir import Call, Net
from ganspec.program.spelling import INDENT, LINE, comment, docstring, holds_width, number

INFIX = {operator.add: "+", operator.mul: "*"}


class Printer:
    """Prints programs, and arguments of calls.

    `refer` adds a function or class that `namespaced` does not know to the file, and returns the
    text that names it. `bring` adds an import, and returns its placeholder.
    """

    def __init__(
        self,
        symbols: Symbols,
        refer: Callable[[object], str],
        bring: Callable[[Import], str],
    ):
        self.symbols, self.refer, self.bring = symbols, refer, bring
        # a block's source, with `?` as its name -> its placeholder
        self.classes: dict[str, str] = {}
        self.sources: list[tuple[str, str]] = []  # (placeholder of the name, source) of each class

    # -- values -------------------------------------------------------------------------------

    def value(self, argument: object, width: Callable[[Width], str] | None = None) -> str:
        """Return an argument as Python. `width(w)`, if given, is the text of a symbolic width w."""
        if isinstance(argument, Width):
            return width(argument) if width and argument.symbolic else argument.text
        if isinstance(argument, (tuple, list)):
            inner = ", ".join(self.value(part, width) for part in argument)
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
            items = (f"{self.value(k)}: {self.value(v)}" for k, v in argument.items())
            return f"{{{', '.join(items)}}}"
        return self.name(argument)

    def options(self, kwargs: dict[str, object]) -> list[str]:
        """Return keyword arguments as Python, such as `bias=False`."""
        return [f"{key}={self.value(value)}" for key, value in kwargs.items()]

    def name(self, target: object) -> str:
        """Return the text that names a class or function, such as `nn.Conv2d`."""
        if (usual := namespaced(target)) is None:
            return self.refer(target)
        imported, inner = usual
        return self.bring(imported) + inner

    def _construct(self, call: Call) -> str:
        """Return the text that builds a call's module, such as `nn.Conv2d(3, 64, 4)`.

        Keyword arguments that equal the defaults of the class are left out.
        """
        if isinstance(call.target, Net):
            return f"{self._block(call.target)}({', '.join(map(self.value, call.args))})"
        options = self.options(non_defaults(call))
        text = f"{self.name(call.target)}({', '.join([*map(self.value, call.args), *options])})"
        for wrap in call.wraps:
            text = f"{self.name(wrap.target)}({', '.join([text, *self.options(wrap.kwargs)])})"
        return text

    # -- classes ------------------------------------------------------------------------------

    def _block(self, net: Net) -> str:
        """Print a block's class, unless it is printed already, and return its placeholder.

        Blocks with the same source share a class.
        """
        text = self._source(net, "?")
        if text not in self.classes:
            placeholder = self.symbols.of(("block", text), BLOCK, net.name).placeholder
            self.classes[text] = placeholder
            self.sources.append((placeholder, text.replace("class ?(", f"class {placeholder}(", 1)))
        return self.classes[text]

    def network(self, net: Net) -> str:
        """Print a network's class, after the blocks that it uses, and return its placeholder."""
        placeholder = self.symbols.of(("network", net.name), NETWORK, net.name).placeholder
        self.sources.append((placeholder, self._source(net, placeholder)))
        return placeholder

    def _source(self, net: Net, name: str) -> str:
        """Return the source of a program's class, called `name`."""
        forward = Forward(self, net)
        body = self._init_body(net, forward)
        lines = [f"class {name}({self.name(nn.Module)}):"]
        lines += [f"    {docstring(net.doc)}", ""] if net.doc else []
        params = [k if net.is_block else f"{k}={int(v)}" for k, v in net.params.items()]
        lines.append(f"    def __init__({', '.join(['self', *params])}):")
        lines.append(f"{INDENT}super().__init__()")
        lines += [f"{INDENT}{line}" for line in body]
        inputs = ", ".join(i.name for i in net.inputs)
        lines += ["", f"    def forward(self, {inputs}):"]
        lines += [f"{INDENT}{line}" for line in forward.lines()]
        return "\n".join(lines)

    def _init_body(self, net: Net, forward: Forward) -> list[str]:
        """Return the lines of `__init__` after `super().__init__()`, without indentation."""
        lines = [f"self.{attribute} = {name}" for name, attribute in forward.kept.items()]
        shapes = {i.value.id: i.value.shape for i in net.inputs}
        for part in forward.parts:
            shape = shapes[part.inputs[0]]
            shapes[part.output.id] = part.output.shape
            if not part.is_module:
                continue
            head, indent, tail = f"self.{part.name} = ", "", ""
            if part.is_chain:
                lines.append(f"{head}nn.Sequential(")
                head, indent, tail = "", "    ", ","
            for step in part.steps:
                line = f"{indent}{head}{self._construct(step.call)}{tail}"
                note = self.comment(line, shape, step.output.shape, net)
                if note or holds_width(line, step.output.shape):
                    shape = step.output.shape
                lines.append(line + note)
            if part.is_chain:
                lines.append(")")
        if not net.is_block:
            lines += self._initializers(net)
        return lines

    def _initializers(self, net: Net) -> Iterable[str]:
        """Yield the lines that fill weights: those of the network, then those of layers."""
        if net.initialize:
            yield self._fill("self", net.initialize)
        for path, call in overrides(net):
            parts = [f"[{p}]" if p.isdigit() else f".{p}" for p in path]
            yield self._fill("self" + "".join(parts), call)

    def _fill(self, module: str, call: Call) -> str:
        return f"{self.name(call.target)}({', '.join([module, *self.options(non_defaults(call))])})"

    def comment(self, line: str, before: tuple[int, ...], after: tuple[int, ...], net: Net) -> str:
        """Return a comment with the shape `after` for `line`, such as `  # 64 x 8 x 8`.

        Return "" if `after` equals `before`, if `line` shows it already, if the comment does not
        fit, or if `net` is a block, which may be used at several shapes.
        """
        return comment(self.symbols.plain(line), before, after, net.is_block)


@dataclass(frozen=True)
class Pending:
    """The expression `text`, which computes `part` and is not yet in any statement.

    `reads` are the variables that it reads.
    """

    text: str
    part: Part
    reads: set[str]


class Forward:
    """The statements of one `forward`.

    If only one function or the `return` reads a call's result, the call is written there, as long
    as the line stays short. Any other value, such as a module's input, is assigned to a variable.
    """

    def __init__(self, printer: Printer, net: Net):
        self.printer, self.net, self.parts = printer, net, layout(net)
        self.names = {i.value.id: i.name for i in net.inputs}
        self.pending: dict[int, Pending] = {}  # by id: values read once, not yet in a statement
        self.statements: list[str] = []
        self.shape = net.inputs[0].value.shape
        self.results = [value.id for value in net.outputs.values()]
        self.last_read = dict.fromkeys(self.results, len(self.parts))
        self.kept = self._kept()
        for i, part in enumerate(self.parts):
            for value in part.inputs:
                self.last_read[value] = max(i, self.last_read.get(value, -1))

    def lines(self) -> list[str]:
        """Return the lines of the body, without indentation."""
        for i, part in enumerate(self.parts):
            self._add(i, part)
        if list(self.pending) != [value for value in self.results if value in self.pending]:
            self._flush(len(self.parts))
        return [*self.statements, f"return {', '.join(map(self._read, self.results))}"]

    def _add(self, index: int, part: Part) -> None:
        """Make the call of the part with the number `index` a pending expression."""
        nested = [i for i in part.inputs if i in self.pending]
        # nest only the last pending calls, in order, so that all still run in the program's order
        nests = not part.is_module and list(self.pending)[-len(nested) :] == nested
        if nested and not (nests and self._is_short(self._text(part))):
            self._flush(index)
            nested = []
        text, reads = self._text(part), {self.names[i] for i in part.inputs if i in self.names}
        for value in nested:
            reads |= self.pending.pop(value).reads
        self.pending[part.output.id] = Pending(text, part, reads)
        if self.net.uses[part.output.id] != 1 or part.tap:
            self._flush(index + 1)

    def _kept(self) -> dict[str, str]:
        """Return the attributes for constructor parameters that `forward` reads, by parameter."""
        read = {n for p in self.parts if not p.is_module for w in widths(p.call) for n in w.names()}
        taken = {part.name for part in self.parts} | set(dir(nn.Module()))
        kept: dict[str, str] = {}
        for name in self.net.params:
            if name in read:
                kept[name] = numbered(name, taken)
                taken.add(kept[name])
        return kept

    def _attribute(self, width: Width) -> str:
        """Return a width as an expression of the module's attributes."""
        return re.sub(r"[A-Za-z_]\w*", lambda m: f"self.{self.kept[m[0]]}", width.text)

    def _is_short(self, text: str) -> bool:
        text = self.printer.symbols.plain(text)
        return len(INDENT) + len(text) + len("return ") <= LINE

    def _read(self, value: int) -> str:
        """Return the text that reads a value: its pending expression or its variable."""
        return self.pending[value].text if value in self.pending else self.names[value]

    def _operand(self, value: int, target: object, right: bool) -> str:
        """Return the text of `value` as an operand of `target`, in parentheses where needed."""
        text = self._read(value)
        inner = self.pending[value].part.call.target if value in self.pending else None
        loose = inner is operator.add and target is operator.mul
        return f"({text})" if loose or (right and inner in INFIX) else text

    def _text(self, part: Part) -> str:
        """Return the expression that computes a part; pending inputs are written inside it."""
        inputs, call = [self._read(i) for i in part.inputs], part.call
        if part.is_module:
            return f"self.{part.name}({', '.join(inputs)})"
        if call.target in INFIX:
            left = self._operand(part.inputs[0], call.target, right=False)
            right = self._operand(part.inputs[1], call.target, right=True)
            return f"{left} {INFIX[call.target]} {right}"
        if call.pack:
            inputs = [f"[{', '.join(inputs)}]"]
        write = partial(self.printer.value, width=self._attribute)
        options = [f"{key}={write(value)}" for key, value in call.kwargs.items()]
        arguments = [*inputs, *map(write, call.args), *options]
        return f"{self.printer.name(call.target)}({', '.join(arguments)})"

    def _flush(self, index: int) -> None:
        """Assign all pending values to variables; `index` is the number of the next part."""
        for value, pending in list(self.pending.items()):
            del self.pending[value]
            name = self.names[value] = self._variable(value, pending.part, index)
            shape = pending.part.output.shape
            line = f"{name} = {pending.text}"
            note = self.printer.comment(line, self.shape, shape, self.net)
            self.shape = shape if note else self.shape
            self.statements.append(line + note)

    def _variable(self, value: int, part: Part, index: int) -> str:
        """Return a name for the variable of `value` that hides nothing still needed.

        It is no input's name, nor that of a variable that part `index`, a later part or a pending
        expression reads.
        """
        taken = {
            self.names[v]
            for v, last in self.last_read.items()
            if v in self.names and v != value and last >= index
        }
        taken |= {name for pending in self.pending.values() for name in pending.reads}
        return numbered(part.tap or "h", taken | {i.name for i in self.net.inputs})
