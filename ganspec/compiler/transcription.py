"""Transcribe a definition for an emitted file: names become placeholders, settings become values.

Parameters with known values disappear from the function and from its calls.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import partial
from typing import Any

from ganspec.compiler.definitions import Binding, Definition, UnmovableError
from ganspec.compiler.f_strings import fields_in, filled, spec_of
from ganspec.compiler.known import Known, Namespace, View, plain
from ganspec.compiler.pieces import Moving, Named
from ganspec.compiler.python_text import Edits, span_after
from ganspec.compiler.scopes import FunctionNode, defaults_of
from ganspec.compiler.symbols import Symbol


@dataclass(frozen=True)
class Target:
    """The function that a call runs, or the text that names it.

    `args` and `kwargs` are those of a `partial` around the function, if there is one.
    """

    callee: Definition | str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Transcriber:
    """Rewrites the text of `definition` for an emitted file.

    `view` is that text, with the values that are known of its expressions. `symbols` are those of
    the names that `definition` defines.
    """

    def __init__(self, mover: Moving, definition: Definition, view: View, symbols: list[Symbol]):
        self.mover, self.definition, self.view = mover, definition, view
        self.names = dict(zip(definition.names, symbols, strict=True))
        self.edits = Edits(view)

    def text(self) -> str:
        """Return the transcribed text."""
        for node in self.view.tree.body:
            self.visit(node)
        self._heads()
        return self.edits.apply().strip()

    def _heads(self) -> None:
        """Write the placeholder after `def` or `class`, and drop the settled parameters."""
        if self.view.function is not None and self.view.settled:
            self._parameters(self.view.function)
        if self.definition.node is not None:
            start = self.view.start(self.view.tree.body[0])
            head = rb"(?:async\s+)?(?:def|class)\s+(\w+)"
            span = span_after(head, self.view.data, start, group=1)
            self.edits.change(*span, self.names[self.definition.names[0]].placeholder)

    def _parameters(self, function: FunctionNode) -> None:
        """Write the function's parameters anew, without the settled ones."""
        arguments, defaults = function.args, defaults_of(function.args)

        def text(argument: ast.arg) -> str:
            name, default = self.edits.of(argument), defaults.get(argument.arg)
            equals = " = " if argument.annotation else "="
            return name if default is None else f"{name}{equals}{self.edits.of(default)}"

        def kept(group: list[ast.arg]) -> list[str]:
            return [text(a) for a in group if a.arg not in self.view.settled]

        parts = kept(arguments.posonlyargs)
        parts += ["/"] if parts else []
        parts += kept(arguments.args)
        only = kept(arguments.kwonlyargs)
        if arguments.vararg:
            parts.append(f"*{text(arguments.vararg)}")
        elif only:
            parts.append("*")
        parts += only
        if arguments.kwarg:
            parts.append(f"**{text(arguments.kwarg)}")
        nodes = [n for n in ast.walk(arguments) if isinstance(n, (ast.arg, ast.expr))]
        start = self.view.data.index(b"(", self.view.start(function)) + 1
        _, end = span_after(rb"(\s*,)?\s*", self.view.data, max(map(self.view.end, nodes)))
        self.edits.change(start, end, ", ".join(parts))

    # -- expressions --------------------------------------------------------------------------

    def visit(self, node: ast.AST) -> None:
        """Record the edits of a node and all nodes in it."""
        match node:
            case ast.Call():
                self._call(node)
            case ast.Name() | ast.Attribute() if known := self.view.known(node):
                self.edits.replace(node, self._written(known))
            case ast.Name(id=name):
                if self.view.scopes.is_global(node) and (placeholder := self._global(name)):
                    self.edits.replace(node, placeholder)
            case ast.arg(annotation=ast.expr() as annotation) if not self._resolves(annotation):
                self.edits.replace(node, node.arg)
            case ast.AnnAssign(annotation=annotation) if not self._resolves(annotation):
                self.edits.replace(annotation, repr(ast.unparse(annotation)))
                for part in filter(None, (node.target, node.value)):
                    self.visit(part)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] == "ganspec":
                help = f"move `{ast.unparse(node)}` to the top level of the file"
                raise UnmovableError(f"`{module}`, which a function or class imports", help)
            case ast.JoinedStr():
                self._formatted(node)
            case ast.Global(names=names):
                placeholders = [self._global(name) or name for name in names]
                self.edits.replace(node, f"global {', '.join(placeholders)}")
            case ast.FunctionDef(returns=ast.expr() as returns) if not self._resolves(returns):
                start = self.view.data.rindex(b"->", 0, self.view.start(returns))
                self.edits.change(start, self.view.end(returns), "")
                for child in ast.iter_child_nodes(node):
                    if child is not returns:
                        self.visit(child)
            case _:
                for child in ast.iter_child_nodes(node):
                    self.visit(child)

    def _formatted(self, node: ast.JoinedStr) -> None:
        """Rewrite the fields of an f-string, or all of it if this cannot be done field by field.

        It cannot if a field shows a known text, ends in `=`, or gets a text with quotes.
        """
        fields = list(fields_in(node.values))
        for field in fields:
            self.visit(field.value)
        shown = {each: text for each in fields if (text := self._shown(each)) is not None}
        made = {each: self._made(each.value) for each in fields}
        whole = ast.get_source_segment(self.view.text, node) or ""
        names = re.search(r"=\s*(![rsa])?(:[^{}]*)?}", whole)
        quoted = any(re.search("['\"]", text) and text not in whole for text in made.values())
        if not names and not quoted and not shown:
            return
        try:
            text = ast.unparse(filled(node, shown, made))
        except ValueError:
            help = "assign what it shows to a variable on the line before"
            raise UnmovableError("a text with a backslash within an f-string", help) from None
        self.edits.replace(node, text)

    def _made(self, node: ast.expr) -> str:
        """Return the new text of `node`, the expression that a field of an f-string shows."""
        known = self.view.known(node)
        return known.text if known and known.text else self.edits.of(node)

    def _shown(self, field: ast.FormattedValue) -> str | None:
        """Return what a field of an f-string shows, if its value is a known text; else None."""
        known = self.view.known(field.value)
        spec = [part.value if isinstance(part, ast.Constant) else None for part in spec_of(field)]
        if known is None or not isinstance(known.value, str) or None in spec:
            return None
        change = {114: repr, 97: ascii}.get(field.conversion, str)
        return format(change(known.value), "".join(map(str, spec)))

    def _resolves(self, annotation: ast.expr) -> bool:
        """Return True if an annotation can stay: the file defines all its names above this text.

        Return False, too, if it names a definition of ganspec, so as not to move that for it alone.
        """
        moving = [definition for definition, _ in self.mover.trail]
        try:
            for name in ast.walk(annotation):
                if isinstance(name, ast.Name) and self.view.scopes.is_global(name):
                    binding = self.definition.home.find(name.id)
                    ours = isinstance(binding, Definition) and binding.home.name[:7] == "ganspec"
                    if ours or binding in moving:
                        return False
        except UnmovableError:
            return False
        return True

    def _written(self, known: Known) -> str:
        """Return the text of a known value."""
        if known.text is not None:
            return known.text
        match known.value:
            case Namespace() as space:
                return self.mover.constants.configuration(space)
            case Named(placeholder):
                return placeholder
        return self.mover.printer.value(known.value)

    def _global(self, name: str) -> str | None:
        """Return the text for a global name or closure variable; None if the name stays."""
        if name in self.names and self.definition.node is None:
            return self.names[name].placeholder
        if name in self.definition.cells:
            return self._cell(name)
        binding = self._find(name)
        return self.mover.placeholder_of(binding, name) if binding else None

    def _find(self, name: str) -> Binding | None:
        """Return a global name's definition or import; None for one that stays, such as a builtin.

        Raise UnmovableError if it names a kind, or cannot be moved.
        """
        if name in self.names:
            return self.definition
        binding = self.definition.home.find(name)
        node = binding.node if isinstance(binding, Definition) else None
        if isinstance(node, ast.ClassDef) and {"kind", "family"} & {k.arg for k in node.keywords}:
            help = "write what the code needs outside of the kind, at the top level of the file"
            raise UnmovableError(f"`{name}`, a kind", help)
        return binding

    def _cell(self, name: str) -> str:
        """Return a closure variable's value as Python. Raise UnmovableError if it has no text."""
        value = self.definition.cells[name]
        if plain(value).is_plain or hasattr(value, "__module__"):
            return self.mover.printer.value(value)
        raise UnmovableError(f"`{name}`, which an enclosing function sets")

    # -- calls --------------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> None:
        """Record the edits for a call and its arguments."""
        target, printer = self._target(node.func), self.mover.printer
        if target is None:
            self.visit(node.func)
        for argument in [*node.args, *node.keywords]:
            self.visit(argument)
        if target is None:
            return
        if isinstance(target.callee, Definition):
            self._moved(node, target, target.callee)
        else:
            texts = [*map(printer.value, target.args), *map(self.edits.of, node.args)]
            texts += [*map(self.edits.of, node.keywords), *printer.options(target.kwargs)]
            self.edits.replace(node, f"{target.callee}({', '.join(texts)})")

    def _target(self, node: ast.expr) -> Target | None:
        """Return the function that `node` names in a call; None if the call keeps its form."""
        known = self.view.known(node)
        if known is not None and known.text is None and not isinstance(known.value, Namespace):
            role = node.attr if isinstance(node, ast.Attribute) else "function"
            value = known.value
            if isinstance(value, partial):
                return Target(self.mover.callee(value.func, role), value.args, value.keywords)
            return Target(self.mover.callee(value, role), (), {})
        if isinstance(node, ast.Name) and self.view.scopes.is_global(node):
            if node.id in self.definition.cells:
                return None
            binding = self._find(node.id)
            if isinstance(binding, Definition) and binding.function is not None:
                return Target(binding, (), {})
        return None

    def _moved(self, node: ast.Call, target: Target, definition: Definition) -> None:
        """Rewrite the call of a moved function, without its settled parameters."""
        names, printer = definition.placed, self.mover.printer
        starred = any(isinstance(a, ast.Starred) for a in node.args)
        starred = starred or None in [k.arg for k in node.keywords]
        values = [*map(self._plain, target.args), *map(self.view.known, node.args)]
        arguments = {key: self._plain(value) for key, value in target.kwargs.items()}
        arguments |= dict(zip(names, values, strict=False))
        arguments |= {k.arg: self.view.known(k.value) for k in node.keywords if k.arg}
        call = self.mover.call_of(definition, arguments, starred)
        gone = {i for i, name in enumerate(names) if name in call.without and not starred}
        placed = [*map(printer.value, target.args), *map(self.edits.of, node.args)]
        kept = [text for i, text in enumerate(placed) if i not in gone]
        kept += [self.edits.of(k) for k in node.keywords if k.arg not in call.without]
        own = call.without | {k.arg for k in node.keywords}
        kept += printer.options({k: v for k, v in target.kwargs.items() if k not in own})
        added = target.args or target.kwargs
        if not added and len(kept) == len(node.args) + len(node.keywords):
            self.edits.replace(node.func, call.placeholder)
        else:
            self.edits.replace(node, f"{call.placeholder}({', '.join(kept)})")

    def _plain(self, value: object) -> Known | None:
        """Return a number, text, tuple, bool or None as a `Known`; None for any other value."""
        return Known(value, self.mover.printer.value(value)) if plain(value).is_plain else None
