"""Settle a text: keep only the branches that known values choose, and shorten expressions.

The training code is ordinary Python that reads its settings from `cfg`. Its emitted form is the
same text, comments included, for one configuration. This is known as partial evaluation.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ganspec.compiler.known import Facts, Namespace, View, fill_comments
from ganspec.compiler.present import is_modules
from ganspec.compiler.python_text import Edits, PlacedNode, first_line, last_line

BODIES = ("body", "orelse", "finalbody")  # attributes of nodes that are lists of statements
# expressions that may replace `(a if b else c)` together with its parentheses
ALONE = (ast.Name, ast.Compare, ast.Call, ast.Subscript)
ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)  # no statement runs after them


def settle(text: str, facts: Facts, training: bool = False) -> View:
    """Return a view of `text` without the branches, loops and variables that `facts` make needless.

    `cfg.batch` is not replaced by its value. If `training`, variables that only copy others are
    removed, too. Variables and attributes of `self` that copy settings, None or a known parameter
    are added to `facts.aliases`; copies of absent variables, also to `facts.absent`.
    """
    text = fill_comments(text, facts.arguments)
    while True:
        view = View(text, facts)
        facts.aliases |= view.attributes
        settler = Settler(view)
        changed = settler.statement() or settler.expressions()
        if changed is None and training:
            changed = settler.copies()
        if changed is None:
            return view
        text = changed


class Settler:
    """Changes that known values allow in the text of `view`.

    Each public method returns a changed copy of the text, or None if it has nothing to change.
    """

    def __init__(self, view: View):
        self.view, self.facts, self.lines = view, view.facts, view.lines

    # -- statements ---------------------------------------------------------------------------

    def statement(self) -> str | None:
        """Replace the first statement that known values decide, or remove unreachable ones."""
        for node in ast.walk(self.view.tree):
            for name in BODIES:
                body = getattr(node, name, None)
                if not isinstance(body, list):
                    continue
                for i, statement in enumerate(body):
                    kept = self._kept(statement, node)
                    if kept is not None:
                        return self._replaced(statement, statement, kept, len(body) == 1)
                    if isinstance(statement, ENDS) and i + 1 < len(body):
                        return self._replaced(body[i + 1], body[-1], [], False)
        return None

    def _replaced(self, first: ast.stmt, last: ast.stmt, kept: list[str], alone: bool) -> str:
        """Return the text with the lines `kept` in place of the statements from `first` to `last`.

        `alone` is True if the block has no other statements: if `kept` has none, it gets `pass`.
        """
        if alone and not any(line.strip() and not line.strip().startswith("#") for line in kept):
            kept = [" " * first.col_offset + "pass"]
        before, after = self.lines[: first_line(first) - 1], self.lines[last_line(last) :]
        return "\n".join([*before, *kept, *after]) + "\n"

    def _kept(self, node: ast.stmt, parent: ast.AST) -> list[str] | None:
        """Return the lines that replace a statement, [] if it goes; None if it stays."""
        match node:
            case ast.If(test=test) if (known := self.view.known(test)) is not None:
                return self._branch(node, bool(known.value))
            case ast.For(body=[ast.Pass()], orelse=[], iter=all) if is_modules(all):
                return [] if self.facts.modules else None
            case ast.For(target=ast.Name(id=name)) if values := self.view.rounds(node, name):
                return self._unrolled(node, name, values)
            case ast.Assign(targets=[ast.Tuple() as targets], value=ast.Tuple() as values):
                return self._pairs(node, targets.elts, values.elts)
            case ast.Assign(targets=[target], value=value):
                outside = isinstance(parent, ast.ClassDef)
                is_alias = not outside and self._alias(target, value, node)
                return [] if is_alias or self._is_absent(target) else None
        return None

    def _pairs(
        self, node: ast.Assign, targets: list[ast.expr], values: list[ast.expr]
    ) -> list[str] | None:
        """Return the lines of `a, b = c, d` without absent variables; None if all stay."""
        pairs = list(zip(targets, values, strict=False)) if len(targets) == len(values) else []
        kept = [
            (target, value)
            for target, value in pairs
            if not self._is_absent(target)
            and not (self._is_absent(value) and self._alias(target, value, node))
        ]
        if len(kept) == len(pairs):
            return None
        sides = (", ".join(map(self._segment, side)) for side in zip(*kept, strict=True))
        return [" " * node.col_offset + " = ".join(sides)] if kept else []

    def _branch(self, node: ast.If, value: bool) -> list[str]:
        """Return the lines that replace an `if` or `elif` whose test is `value`."""
        indent = " " * node.col_offset
        if self._is_elif(node):
            if not value:  # the branches after this one continue the `if`
                return self.lines[last_line(node.body[-1]) : last_line(node)]
            return [f"{indent}else:", *self._block(node.body, node, indented=True)]
        if value:
            return self._block(node.body, node)
        if not node.orelse:
            return []
        first = node.orelse[0]
        if isinstance(first, ast.If) and self._is_elif(first):
            head = self.lines[first.lineno - 1].replace("elif", "if", 1)
            return [head, *self.lines[first.lineno : last_line(node)]]
        return self._block(node.orelse, node)

    def _is_elif(self, node: ast.If) -> bool:
        return self.lines[node.lineno - 1].lstrip().startswith("elif")

    def _block(self, body: list[ast.stmt], owner: ast.stmt, indented: bool = False) -> list[str]:
        """Return the lines of `body` and the comments above it, indented as `owner` is.

        With `indented`, they keep their own indentation.
        """
        start, last = first_line(body[0]), last_line(body[-1])
        line = self.lines[start - 1].encode()
        if line[: body[0].col_offset].strip():  # on the same line as its `if` or `else`
            indent = owner.col_offset + (4 if indented else 0)
            return [" " * indent + line[body[0].col_offset :].decode()]
        while self.lines[start - 2].lstrip().startswith("#"):
            start -= 1
        if indented:
            return self.lines[start - 1 : last]
        width, inside = body[0].col_offset - owner.col_offset, self._inside_strings()
        return [
            line if number in inside or line[:width].strip() else line[width:]
            for number, line in enumerate(self.lines[start - 1 : last], start)
        ]

    def _inside_strings(self) -> set[int]:
        """Return the numbers of the lines that begin inside a string."""
        nodes = ast.walk(self.view.tree)
        strings = (n for n in nodes if isinstance(n, (ast.JoinedStr, ast.Constant)))
        return {line for n in strings for line in range(n.lineno + 1, last_line(n) + 1)}

    def _unrolled(self, node: ast.For, name: str, values: tuple[object, ...]) -> list[str]:
        """Return the lines of a loop's body once for each value, which replaces the variable."""
        unrolled: list[str] = []
        for value in values:
            edits = Edits(self.view)
            for each in self.view.scopes.reads(name):
                edits.replace(each, repr(value))
            settler = Settler(View(edits.apply(), self.facts)) if edits.changes else self
            unrolled += [*([""] if unrolled else []), *settler._block(node.body, node)]
        return unrolled

    def _is_absent(self, node: ast.AST) -> bool:
        """Return True if an expression is an absent variable, or known to choose one."""
        if isinstance(node, ast.IfExp) and (known := self.view.known(node.test)) is not None:
            return self._is_absent(node.body if known.value else node.orelse)
        return isinstance(node, ast.Name) and node.id in self.facts.absent

    def _alias(self, target: ast.expr, value: ast.expr, node: ast.Assign) -> bool:
        """Return True if the assignment of `value` to `target` can go, since `value` is known.

        A variable goes only if `value` is None or settings, and if it is a local that is set once
        and read only below. It is added to `facts.aliases`, and if `value` is absent, to
        `facts.absent`.
        """
        known, scope = self.view.known(value), self.view.scope
        if known is None:
            return False
        match target:
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                return f"self.{name}" in self.view.attributes
            case ast.Name(id=name) if scope:
                names = self.view.scopes.named(name)
                single = scope.bound[name] == 1 and self._all_in_function(names)
                later = all(n is target or n.lineno > last_line(node) for n in names)
                if single and later and isinstance(known.value, (Namespace, type(None))):
                    if self._is_absent(value):
                        self.facts.absent |= {name}
                    self.facts.aliases[name] = known
                    return True
        return False

    def _all_in_function(self, names: list[ast.Name]) -> bool:
        """Return True if all nodes are local variables of `view.function`."""
        return all(self.view.scopes.holder(n) is self.view.scope for n in names)

    def copies(self) -> str | None:
        """Remove the first copy of a variable, or of an attribute if the copy is read once."""
        scope = self.view.scope
        if scope is None:
            return None
        for node in ast.walk(self.view.tree):
            match node:
                case ast.Assign(
                    targets=[ast.Name(id=name)],
                    value=ast.Name(id=base) | ast.Attribute(value=ast.Name(id=base)) as value,
                ):
                    other, names = ast.unparse(value), self.view.scopes.named(name)
                    single = scope.bound[name] == 1 and self._is_set_before(base, node)
                    single = single and (other == base or len(names) == 2)
                    if single and self._all_in_function(names):
                        edits = Edits(self.view)
                        for each in names:
                            edits.replace(each, other)
                        lines = edits.apply().splitlines()
                        return "\n".join([*lines[: node.lineno - 1], *lines[last_line(node) :]])
        return None

    def _is_set_before(self, name: str, node: ast.stmt) -> bool:
        """Return True if a local variable is set only once, or only in lines before `node`."""
        bound = self.view.scope.bound[name] if self.view.scope else 0
        sets = [n for n in self.view.scopes.named(name) if not isinstance(n.ctx, ast.Load)]
        return bound == 1 or (bound > 1 and all(n.lineno < node.lineno for n in sets))

    # -- expressions --------------------------------------------------------------------------

    def expressions(self) -> str | None:
        """Replace all expressions that known values decide, such as `a if cfg.flag else b`."""
        view, edits = self.view, Edits(self.view)
        for node, new in self._decided(view.tree):
            start, end = view.start(node), view.end(node)
            if isinstance(node, ast.IfExp) and isinstance(ast.parse(new, "", "eval").body, ALONE):
                before = re.search(rb"(?<= )\(\s*\Z", view.data[:start])
                after = re.match(rb"\s*\)", view.data[end:])
                if before and after:  # remove its parentheses, too
                    start, end = before.start(), end + after.end()
            edits.change(start, end, new)
        return edits.apply() if edits.changes else None

    def _decided(self, node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
        """Yield the outermost expressions that known values decide or shorten, with new texts."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr) and (new := self._expression(child)) is not None:
                yield child, new
            else:
                yield from self._decided(child)

    def _expression(self, node: ast.expr) -> str | None:
        """Return the new text of an expression that known values decide or shorten, or None."""
        match node:
            case ast.IfExp(test=test) if (known := self.view.known(test)) is not None:
                return self._segment(node.body if known.value else node.orelse)
            case ast.BoolOp(op=op, values=values) if self.view.known(node) is not None:
                ends = isinstance(op, ast.Or)
                facts = [(v, self.view.known(v)) for v in values]
                return self._segment(
                    next((v for v, k in facts if k and bool(k.value) == ends), values[-1])
                )
            case ast.BoolOp(op=op, values=values):
                # known values that do not decide the result are left out
                left = [v for v in values[:-1] if not self._neutral(v, op)] + values[-1:]
                if self._neutral(values[-1], op) and self._is_test(node):
                    left = left[:-1]
                if left and len(left) < len(values):
                    word = " and " if isinstance(op, ast.And) else " or "
                    return word.join(map(self._segment, left))
            case ast.Call(args=[subject, _]) if kept := self.view.present.fewer(node):
                kinds = ", ".join(map(self._segment, kept))
                kinds = kinds if len(kept) == 1 else f"({kinds})"
                return f"isinstance({self._segment(subject)}, {kinds})"
            case ast.Tuple(elts=parts):
                kept = [part for part in parts if not self._is_absent(part)]
                if len(kept) < len(parts):
                    return ", ".join(map(self._segment, kept))
        return None

    def _neutral(self, value: ast.expr, op: ast.boolop) -> bool:
        """Return True if an operand is known, and true in an `and` or false in an `or`."""
        known = self.view.known(value)
        return known is not None and bool(known.value) == isinstance(op, ast.And)

    def _is_test(self, node: ast.BoolOp) -> bool:
        """Return True if an expression is the test of an `if`, where only its truth matters."""
        tests = (n.test for n in ast.walk(self.view.tree) if isinstance(n, (ast.If, ast.IfExp)))
        return any(test is node for test in tests)

    def _segment(self, node: PlacedNode) -> str:
        """Return the text of a node, in parentheses if it may need them elsewhere in the code."""
        text = self.view.segment(node)
        # an expression of several lines may have lost the brackets that allowed the line breaks
        loose = isinstance(node, (ast.BoolOp, ast.IfExp, ast.Lambda, ast.NamedExpr)) or "\n" in text
        return f"({text})" if loose else text
