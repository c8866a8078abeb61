"""A settled text with what is known written in place, and marks in place of names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import partial

from ganspec.compiler.definitions import Definition, Import, UntoldError
from ganspec.compiler.known import Edits, Known, Namespace, View, plain
from ganspec.compiler.pieces import Moving
from ganspec.compiler.symbols import Symbol


class Rewriter:
    """Rewrites one settled text for the file that `mover` makes."""

    def __init__(self, mover: Moving, found: Definition, view: View, symbols: list[Symbol]):
        self.mover, self.found, self.view = mover, found, view
        self.names = dict(zip(found.names, symbols, strict=True))
        self.edits = Edits(view.text)

    def text(self) -> str:
        for node in self.view.tree.body:
            self.visit(node)
        self._heads()
        return self.edits.made().strip()

    def _heads(self) -> None:
        """Name the definition itself, and drop its settled parameters."""
        node, function = self.found.node, self.view.function
        if function is not None and self.view.given:
            self._parameters(function)
        if node is not None:
            head = self.view.tree.body[0]
            start = self.edits.start(head)
            found = re.compile(rb"(?:async\s+)?(?:def|class)\s+(\w+)").match(self.edits.data, start)
            self.edits.changes[found.span(1)] = self.names[self.found.names[0]].mark

    def _parameters(self, function: ast.FunctionDef) -> None:
        arguments, gone = function.args, self.view.given
        place = [*arguments.posonlyargs, *arguments.args]
        lacking = len(place) - len(arguments.defaults)
        defaults = [None] * lacking + arguments.defaults
        parts = []
        for argument, default in zip(place, defaults, strict=True):
            if argument.arg not in gone:
                parts.append(self._parameter(argument, default))
            if arguments.posonlyargs and argument is arguments.posonlyargs[-1] and parts:
                parts.append("/")
        only = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        only = [self._parameter(a, d) for a, d in only if a.arg not in gone]
        if arguments.vararg:
            parts.append(f"*{self._parameter(arguments.vararg, None)}")
        elif only:
            parts.append("*")
        parts += only
        if arguments.kwarg:
            parts.append(f"**{self._parameter(arguments.kwarg, None)}")
        nodes = [n for n in ast.walk(arguments) if isinstance(n, (ast.arg, ast.expr))]
        start = self.edits.data.index(b"(", self.edits.start(function)) + 1
        end = max(map(self.edits.end, nodes))
        end = re.compile(rb"(\s*,)?\s*").match(self.edits.data, end).end()
        self.edits.outer(start, end, ", ".join(parts))

    def _parameter(self, argument: ast.arg, default: ast.expr | None) -> str:
        text = self.edits.of(argument)
        if default is None:
            return text
        return f"{text}{' = ' if argument.annotation else '='}{self.edits.of(default)}"

    # -- expressions --------------------------------------------------------------------------

    def visit(self, node: ast.AST) -> None:
        """Note the changes of a node and all below it."""
        match node:
            case ast.Call():
                return self._call(node)
            case ast.Name() | ast.Attribute():
                if self._known(node):
                    return None
                if isinstance(node, ast.Name):
                    return self._name(node)
            case ast.arg(annotation=ast.expr() as annotation) if not self._resolves(annotation):
                return self.edits.replace(node, node.arg)
            case ast.AnnAssign(annotation=annotation) if not self._resolves(annotation):
                self.edits.replace(annotation, repr(ast.unparse(annotation)))
                return [self.visit(n) for n in (node.target, node.value) if n is not None]
            case ast.FunctionDef(returns=ast.expr() as returns) if not self._resolves(returns):
                start = self.edits.data.rindex(b"->", 0, self.edits.start(returns))
                self.edits.changes[start, self.edits.end(returns)] = ""
                node.returns = None
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] == "ganspec":
                raise UntoldError("ganspec itself, by an import")
            case ast.JoinedStr():
                return self._formatted(node)
            case ast.Global(names=names):
                marks = [self._global(name) or name for name in names]
                return self.edits.replace(node, f"global {', '.join(marks)}")
        for child in ast.iter_child_nodes(node):
            self.visit(child)
        return None

    def _formatted(self, node: ast.JoinedStr) -> None:
        """Write an f-string anew where its own text cannot stay.

        That is where it shows a known text, says a name, or would hold its own quotes within.
        """
        fields = [n for n in _parts(node) if isinstance(n, ast.FormattedValue)]
        for field in fields:
            self.visit(field.value)
        shown = {field: self._shown(field) for field in fields}
        made = {field: self._made(field.value) for field in fields}
        whole = ast.get_source_segment(self.view.text, node) or ""
        names = re.search(r"=\s*(![rsa])?(:[^{}]*)?}", whole)
        quoted = any(re.search("['\"]", text) and text not in whole for text in made.values())
        if not names and not quoted and all(text is None for text in shown.values()):
            return
        for field, text in made.items():
            field.value = ast.parse(text, mode="eval").body
        try:
            text = ast.unparse(_filled(node, shown))
        except ValueError:
            help = "give what it shows a name on a line before it"
            raise UntoldError("a text with a backslash within an f-string", help) from None
        self.edits.outer(self.edits.start(node), self.edits.end(node), text)

    def _made(self, node: ast.expr) -> str:
        """Return the text of what an f-string shows, whose place may be wrong if it is a name."""
        known = self.view.known(node)
        return known.text if known and known.text else self.edits.of(node)

    def _shown(self, field: ast.FormattedValue) -> str | None:
        """Return what an f-string shows of a known text, None for anything else."""
        known = self.view.known(field.value)
        spec = [v.value for v in field.format_spec.values] if field.format_spec else []
        if (
            known is None
            or not isinstance(known.value, str)
            or not all(isinstance(part, str) for part in spec)
        ):
            return None
        change = {114: repr, 97: ascii}.get(field.conversion, str)
        return format(change(known.value), "".join(spec))

    def _resolves(self, annotation: ast.expr) -> bool:
        """Return True if an annotation means something, outside of ganspec, before the text."""
        moving = [found for found, _ in self.mover.trail]
        try:
            for name in ast.walk(annotation):
                if isinstance(name, ast.Name) and self.view.scopes.is_global(name):
                    found = self.found.home.find(name.id)
                    own = isinstance(found, Definition) and found.home.name.startswith("ganspec")
                    if own or found in moving:
                        return False
        except UntoldError:
            return False
        return True

    def _known(self, node: ast.expr) -> bool:
        """Write a known name or attribute in place; return False where it is not known."""
        known = self.view.known(node)
        if known is None:
            return False
        text = known.text
        if text is None and isinstance(known.value, Namespace):
            text = self.mover.configuration(known.value)
        elif text is None:
            text = self._spelled(known)
        self.edits.replace(node, text)
        return True

    def _spelled(self, known: Known) -> str:
        value = known.value
        if isinstance(value, partial):
            return self.mover.printer.value(value)
        return getattr(value, "mark", None) or self.mover.printer.name(value)

    def _name(self, node: ast.Name) -> None:
        if self.view.scopes.is_global(node) and (mark := self._global(node.id)):
            self.edits.replace(node, mark)

    def _global(self, name: str) -> str | None:
        """Return the mark of a name of the definition's module, None for a builtin."""
        if name in self.names and self.found.node is None:
            return self.names[name].mark
        if name in self.found.cells:
            return self._cell(name)
        found = self.found if name in self.names else self._find(name)
        if isinstance(found, Import):
            return self.mover.bring(found)
        if isinstance(found, Definition) and found.node is None:
            return self.mover.value(found, name)
        return self.mover.whole(found) if found else None

    def _find(self, name: str) -> Definition | Import | None:
        found = self.found.home.find(name)
        node = found.node if isinstance(found, Definition) else None
        if isinstance(node, ast.ClassDef) and any(
            k.arg in ("kind", "family") for k in node.keywords
        ):
            raise UntoldError(f"`{name}`, a kind")
        return found

    def _cell(self, name: str) -> str:
        value = self.found.cells[name]
        if plain(value).is_plain:
            return self.mover.printer.value(value)
        if hasattr(value, "__module__"):
            return self.mover.printer.name(value)
        raise UntoldError(f"`{name}`, which the function around it sets")

    # -- calls --------------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> None:
        target, first, named = self._target(node.func)
        if target is None:
            self.visit(node.func)
        for argument in [*node.args, *node.keywords]:
            self.visit(argument)
        if isinstance(target, Definition):
            self._moved(node, target, first, named)
        elif target is not None:
            shown = [*map(self.mover.printer.value, first)]
            kept = [*shown, *map(self.edits.of, [*node.args, *node.keywords])]
            self._write(node, target, [*kept, *self.mover.printer.options(named)])

    def _target(self, node: ast.expr) -> tuple[Definition | str | None, tuple, dict]:
        """Return what is called, where that is known, and arguments that come with it."""
        known = self.view.known(node)
        if known is not None and known.text is None and not isinstance(known.value, Namespace):
            value, first, named = known.value, (), {}
            if isinstance(value, partial):
                value, first, named = value.func, value.args, value.keywords
            role = node.attr if isinstance(node, ast.Attribute) else "function"
            return self.mover.callee(value, role), first, named
        if isinstance(node, ast.Name) and self.view.scopes.is_global(node):
            if node.id in self.found.cells:
                return None, (), {}
            own = node.id in self.names and self.found.node is not None
            found = self.found if own else self._find(node.id)
            if isinstance(found, Definition) and found.function is not None:
                return found, (), {}
        return None, (), {}

    def _moved(self, node: ast.Call, found: Definition, first: tuple, named: dict) -> None:
        names = [a.arg for a in found.parameters] if found.function else []
        starred = any(isinstance(a, ast.Starred) for a in node.args)
        starred = starred or any(k.arg is None for k in node.keywords)
        values = [self._fixed(v) for v in first] + [self.view.known(a) for a in node.args]
        given = dict(zip(names, values, strict=False))
        given |= {k.arg: self.view.known(k.value) for k in node.keywords if k.arg}
        given |= {key: self._fixed(value) for key, value in named.items() if key not in given}
        call = self.mover.called(found, given, starred)
        places = [*map(self.mover.printer.value, first), *map(self.edits.of, node.args)]
        kept = [
            text
            for i, text in enumerate(places)
            if starred or i >= len(names) or names[i] not in call.without
        ]
        own = {k.arg for k in node.keywords}
        kept += [self.edits.of(k) for k in node.keywords if k.arg not in call.without]
        more = {k: v for k, v in named.items() if k not in own and k not in call.without}
        kept += self.mover.printer.options(more)
        untouched = not first and not named and len(kept) == len(node.args) + len(node.keywords)
        if untouched:
            self.edits.outer(self.edits.start(node.func), self.edits.end(node.func), call.mark)
        else:
            self._write(node, call.mark, kept)

    def _fixed(self, value: object) -> Known | None:
        known = plain(value)
        return Known(value, self.mover.printer.value(value)) if known.is_plain else None

    def _write(self, node: ast.Call, name: str, arguments: list[str]) -> None:
        start, end = self.edits.start(node), self.edits.end(node)
        self.edits.outer(start, end, f"{name}({', '.join(arguments)})")


def _parts(node: ast.JoinedStr) -> Iterator[ast.expr]:
    """Yield what an f-string consists of, and what the formats in it consist of."""
    for part in node.values:
        yield part
        if isinstance(part, ast.FormattedValue) and part.format_spec:
            yield from _parts(part.format_spec)


def _filled(node: ast.JoinedStr, shown: dict[ast.expr, str | None]) -> ast.expr:
    """Return an f-string with known texts in place of the braces that show them."""
    parts = []
    for part in node.values:
        if shown.get(part) is not None:
            part = ast.Constant(shown[part])
        elif isinstance(part, ast.FormattedValue) and part.format_spec:
            part.format_spec = ast.JoinedStr([_filled(part.format_spec, shown)])
        parts.append(part)
    if all(isinstance(part, ast.Constant) for part in parts):
        return ast.Constant("".join(part.value for part in parts))
    return ast.JoinedStr(parts)
