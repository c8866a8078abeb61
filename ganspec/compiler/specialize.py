"""Text with what is known of it decided: what an engineer would have written for one case.

The training code is ordinary Python that reads a frozen `cfg`. Its emitted form is that same
text, comments included, in which branches on what is known are gone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from ganspec.compiler.known import Edits, Known, Namespace, View
from ganspec.compiler.present import Present, is_modules

BODIES = ("body", "orelse", "finalbody")
ALONE = (ast.Name, ast.Compare, ast.Call, ast.Subscript)  # they need no parentheses
ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def filled(text: str, given: dict[str, Known]) -> str:
    """Return `text` with settings written into its comments: `# maximise {cfg.loss.goal}`."""

    def value(match: re.Match) -> str:
        name, *path = match[2].split(".")
        found = given[name].value
        for part in path:
            found = found.values[part]
        return f"{match[1]}{found}"

    return re.sub(r"(?m)^(\s*# .*)\{(cfg(?:\.\w+)+)\}", value, text) if "cfg" in given else text


class Settler:
    """Decides one text, of a function whose parameters `given` are known, step by step."""

    def __init__(
        self,
        text: str,
        given: dict[str, Known],
        absent: frozenset[str],
        spell: Callable[[Namespace, str], str],
        training: bool = True,
        present: Present | None = None,
    ):
        self.text = filled(text, given)
        self.given, self.absent, self.spell = given, absent, spell
        self.training, self.present = training, present
        self.aliases: dict[str, Known] = {}

    def settle(self) -> View:
        """Return the view of the text in which nothing is left to decide."""
        while True:
            view = View(self.text, self.given, self.aliases, self.absent, self.spell, self.present)
            self.view, self.lines = view, self.text.splitlines()
            self.aliases |= view.attributes
            changed = self._statement() or self._expressions() or self._copies()
            if changed is None:
                return view
            self.text = changed

    # -- statements ---------------------------------------------------------------------------

    def _statement(self) -> str | None:
        """Return the text with its first settled statement gone; None where there is none."""
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
        start = _top(first)
        if alone and not any(line.strip() and not line.strip().startswith("#") for line in kept):
            kept = [" " * first.col_offset + "pass"]
        return "\n".join([*self.lines[: start - 1], *kept, *self.lines[last.end_lineno :]]) + "\n"

    def _kept(self, node: ast.stmt, parent: ast.AST) -> list[str] | None:
        """Return the lines that a settled statement leaves; None where it is not settled."""
        match node:
            case ast.If(test=test) if (known := self.view.known(test)) is not None:
                return self._branch(node, bool(known.value))
            case ast.For(body=[ast.Pass()], orelse=[]) if self.present and is_modules(node.iter):
                return []
            case ast.For() if self._once(node):
                return self._block(node.body, node)
            case ast.Assign(targets=[target], value=value):
                if self._is_absent(target) or self._is_absent(value):
                    return []
                return [] if self._alias(target, value, node, parent) else None
        return None

    def _branch(self, node: ast.If, value: bool) -> list[str]:
        indent = " " * node.col_offset
        if self.lines[node.lineno - 1].lstrip().startswith("elif"):
            if not value:  # what follows goes on from the `if` before
                return self.lines[node.body[-1].end_lineno : node.end_lineno]
            return [f"{indent}else:", *self._block(node.body, node, indented=True)]
        if value:
            return self._block(node.body, node)
        if not node.orelse:
            return []
        first = node.orelse[0]
        if isinstance(first, ast.If) and self.lines[first.lineno - 1].lstrip().startswith("elif"):
            head = self.lines[first.lineno - 1].replace("elif", "if", 1)
            return [head, *self.lines[first.lineno : node.end_lineno]]
        return self._block(node.orelse, node)

    def _block(self, body: list[ast.stmt], owner: ast.stmt, indented: bool = False) -> list[str]:
        """Return the lines of a block, with the comments above it, as far left as its owner."""
        start, last = _top(body[0]), body[-1].end_lineno
        before = self.lines[start - 1].encode()[: body[0].col_offset].decode()
        if before.strip():  # on the line of its `if` or `else`
            one = self.text.splitlines()[start - 1].encode()[body[0].col_offset :].decode()
            return [" " * owner.col_offset + ("    " if indented else "") + one]
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
        """Return the lines that begin within a string."""
        strings = (ast.JoinedStr, ast.Constant)
        nodes = (n for n in ast.walk(self.view.tree) if isinstance(n, strings))
        return {line for n in nodes for line in range(n.lineno + 1, n.end_lineno + 1)}

    def _once(self, node: ast.For) -> bool:
        """Return True if a loop is of one round, which its body does not know of."""
        match node:
            case ast.For(
                target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=[only])
            ) if not node.orelse:
                inner = [n for part in node.body for n in ast.walk(part)]
                jumps = any(isinstance(n, (ast.Break, ast.Continue)) for n in inner)
                names = [n for n in ast.walk(self.view.tree) if isinstance(n, ast.Name)]
                read = any(n.id == name and isinstance(n.ctx, ast.Load) for n in names)
                known = self.view.known(only)
                return bool(known and known.value == 1 and not jumps and not read)
        return False

    def _is_absent(self, node: ast.AST) -> bool:
        if isinstance(node, ast.IfExp) and (known := self.view.known(node.test)) is not None:
            return self._is_absent(node.body if known.value else node.orelse)
        return isinstance(node, ast.Name) and node.id in self.absent

    def _alias(self, target: ast.expr, value: ast.expr, node: ast.stmt, parent: ast.AST) -> bool:
        """Return True if a variable only stands for None or a configuration, and remember it."""
        known = self.view.known(value)
        match target:
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                return known is not None and f"self.{name}" in self.view.attributes
        if known is None or not (known.value is None or isinstance(known.value, Namespace)):
            return False
        match target:
            case ast.Name(id=name) if self.view.scope and not isinstance(parent, ast.ClassDef):
                names = [n for n in self.view.scopes.of if n.id == name]
                scope = self.view.scope
                single = scope.bound.get(name) == 1 and all(
                    self.view.scopes.holder(n) is scope for n in names
                )
                if single and all(n is target or n.lineno > node.end_lineno for n in names):
                    self.aliases[name] = known
                    return True
        return False

    def _copies(self) -> str | None:
        """Return training's text without a variable that is another's copy; None without one."""
        scope = self.view.scope
        for node in ast.walk(self.view.tree) if self.training and scope else ():
            match node:
                case ast.Assign(
                    targets=[ast.Name(id=name)],
                    value=ast.Name(id=base) | ast.Attribute(value=ast.Name(id=base)) as value,
                ):
                    other = ast.unparse(value)
                    names = [n for n in self.view.scopes.of if n.id == name]
                    single = scope.bound.get(name) == 1 and self._is_set_before(base, node)
                    single = single and (other == base or len(names) == 2)
                    if single and all(self.view.scopes.holder(n) is scope for n in names):
                        edits = Edits(self.text)
                        for each in names:
                            edits.replace(each, other)
                        lines = edits.made().splitlines()
                        return "\n".join([*lines[: node.lineno - 1], *lines[node.end_lineno :]])
        return None

    def _is_set_before(self, name: str, node: ast.stmt) -> bool:
        """Return True if nothing gives a variable of the function a value from a statement on."""
        bound = self.view.scope.bound.get(name, 0)
        sets = [n for n in self.view.scopes.of if n.id == name and not isinstance(n.ctx, ast.Load)]
        return bound == 1 or (bound > 1 and all(n.lineno < node.lineno for n in sets))

    # -- expressions --------------------------------------------------------------------------

    def _expressions(self) -> str | None:
        edits = Edits(self.text)
        for node, new in self._decided(self.view.tree):
            start, end, data = edits.start(node), edits.end(node), edits.data
            if isinstance(node, ast.IfExp) and isinstance(ast.parse(new, "", "eval").body, ALONE):
                held = re.search(rb"(?<= )\(\s*\Z", data[:start])
                after = re.match(rb"\s*\)", data[end:])
                if held and after:  # its parentheses go
                    start, end = held.start(), end + after.end()
            edits.changes[start, end] = new
        return edits.made() if edits.changes else None

    def _decided(self, node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
        """Yield the outermost settled expressions with what is left of them."""
        for child in ast.iter_child_nodes(node):
            new = self._expression(child)
            if new is None:
                yield from self._decided(child)
            else:
                yield child, new

    def _expression(self, node: ast.AST) -> str | None:
        match node:
            case ast.IfExp(test=test) if (known := self.view.known(test)) is not None:
                return self._segment(node.body if known.value else node.orelse)
            case ast.BoolOp(op=op, values=values) if self.view.known(node) is not None:
                known, ends = [self.view.known(v) for v in values], isinstance(op, ast.Or)
                last = next((i for i, k in enumerate(known) if k and bool(k.value) == ends), -1)
                return self._segment(values[last])
            case ast.BoolOp(op=op, values=values):
                # a known value is neutral where it does not decide
                left = [v for v in values[:-1] if not self._neutral(v, op)] + values[-1:]
                if self._neutral(values[-1], op) and self._is_test(node):
                    left = left[:-1]
                if left and len(left) < len(values):
                    word = " and " if isinstance(op, ast.And) else " or "
                    return word.join(map(self._segment, left))
            case ast.Call(args=[subject, _]) if self.present and (
                kept := self.view.present.fewer(node)
            ):
                kinds = ", ".join(map(self._segment, kept))
                kinds = kinds if len(kept) == 1 else f"({kinds})"
                return f"isinstance({self._segment(subject)}, {kinds})"
            case ast.Tuple(elts=parts):
                kept = [part for part in parts if not self._is_absent(part)]
                if len(kept) < len(parts):
                    return ", ".join(map(self._segment, kept))
        return None

    def _neutral(self, value: ast.expr, op: ast.boolop) -> bool:
        known = self.view.known(value)
        return known is not None and bool(known.value) == isinstance(op, ast.And)

    def _is_test(self, node: ast.BoolOp) -> bool:
        """Return True if only the truth of an expression matters."""
        tests = (n.test for n in ast.walk(self.view.tree) if isinstance(n, (ast.If, ast.IfExp)))
        return any(test is node for test in tests)

    def _segment(self, node: ast.AST) -> str:
        text = ast.get_source_segment(self.text, node)
        # an expression over several lines was held together by what was around it
        loose = isinstance(node, (ast.BoolOp, ast.IfExp, ast.Lambda, ast.NamedExpr)) or "\n" in text
        return f"({text})" if loose else text


def _top(node: ast.stmt) -> int:
    """Return the first line of a statement, decorators included."""
    return min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
