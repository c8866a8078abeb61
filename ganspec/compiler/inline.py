"""Write the bodies of some functions in place of their calls."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable

from ganspec.compiler.python_text import Edits, PythonText, last_line
from ganspec.compiler.scopes import every_argument
from ganspec.compiler.symbols import PLACEHOLDER

SIMPLE = (ast.Name, ast.Constant, ast.Attribute)  # arguments that may be written several times
PRIMARY = (*SIMPLE, ast.Call, ast.Subscript)  # need no parentheses, but the 1 in `(1).real`
HEAD = 4  # lines of a function besides its body: the `def` line, the docstring and blank lines
# nodes inside which no expressions but LOOSE ones need parentheses
ENCLOSING = (ast.Assign, ast.Return, ast.Yield, ast.Call, ast.keyword, ast.Tuple, ast.Slice)
LOOSE = (ast.NamedExpr, ast.Yield, ast.YieldFrom)  # these need parentheses nearly everywhere
# nodes whose parts may be evaluated never, later, or several times
CONDITIONAL = (
    *(ast.BoolOp, ast.IfExp, ast.Lambda, ast.Compare),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)
PRODUCTS = (ast.Mult, ast.Div, ast.FloorDiv)


def inline(
    texts: list[str], placeholders: list[str], fits: Callable[[str], bool] | None = None
) -> list[str]:
    """Return `texts` with the bodies of the functions `placeholders` in place of their calls.

    The text of an inlined function becomes empty. A function stays if it calls itself, if nothing
    names it, if it is named anywhere but in calls that can be replaced safely, or if it is more
    than an expression and the file would not get shorter. With `fits`, a function is inlined only
    if its body is one expression and `fits` returns True for every line that would change.
    """
    texts = list(texts)
    for placeholder in placeholders:
        head = f"def {placeholder}("
        place = next((i for i, text in enumerate(texts) if text.startswith(head)), None)
        # a recursive function cannot be inlined
        if place is None or texts[place].count(placeholder) > 1:
            continue
        function = Function(texts[place], placeholder)
        callers = {i: text for i, text in enumerate(texts) if i != place and placeholder in text}
        new = function.into_all(callers)
        is_expression = function.expression is not None
        if fits is None:
            calls = sum(text.count(placeholder) for text in callers.values())
            pays = is_expression or calls * (function.height - 1) < function.height + HEAD
        else:
            changed = {n for i in new for n in {*new[i].split("\n")} - {*texts[i].split("\n")}}
            pays = is_expression and all(map(fits, changed))
        if new and pays:
            texts = ["" if i == place else new.get(i, text) for i, text in enumerate(texts)]
    return texts


class CannotInlineError(Exception):
    """Raised for a call that cannot be inlined, or not without changing what the code does."""


class Function(PythonText):
    """The text of a single function without decorators, whose name is `placeholder`.

    `expression` is the returned expression if the body is a single `return`, and None otherwise.
    """

    def __init__(self, text: str, placeholder: str):
        super().__init__(text)
        (node,) = self.tree.body
        assert isinstance(node, ast.FunctionDef)
        self.placeholder, self.node, self.scope = placeholder, node, self.scopes.all[node]
        documented = ast.get_docstring(node) is not None
        self.body = node.body[1:] if documented else node.body
        self.names = [a.arg for a in node.args.args]
        only = self.body[0] if len(self.body) == 1 else None
        self.expression = only.value if isinstance(only, ast.Return) else None

    @property
    def inner(self) -> set[str]:
        """The names that lambdas, comprehensions and other scopes inside the function bind."""
        outer = (self.scope, self.scopes.module)
        return {name for s in self.scopes.all.values() if s not in outer for name in s.bound}

    @property
    def height(self) -> int:
        """The number of lines of the body, without the docstring."""
        return last_line(self.node) - self.body[0].lineno + 1

    def into_all(self, texts: dict[int, str]) -> dict[int, str]:
        """Return the texts with all calls inlined; {} if this is not possible in one of them."""
        inlined = {}
        try:
            _require(every_argument(self.node.args) == self.node.args.args)
            for i, text in texts.items():
                while self.placeholder in text:
                    text = self.into(PythonText(text))
                inlined[i] = text
        except CannotInlineError:
            return {}
        return inlined

    def into(self, caller: PythonText) -> str:
        """Return the text of `caller` with this function's calls inlined.

        Only one call is inlined if the function is more than an expression. Raise CannotInlineError
        if a call cannot be inlined.
        """
        calls = [n for n in ast.walk(caller.tree) if isinstance(n, ast.Call)]
        calls = [n for n in calls if isinstance(n.func, ast.Name) and n.func.id == self.placeholder]
        plain = all(len(c.args) == len(self.names) and not c.keywords for c in calls)
        plain = plain and not any(isinstance(a, ast.Starred) for c in calls for a in c.args)
        plain = plain and not any(caller.is_inside(c, ast.JoinedStr) for c in calls)
        _require(plain and len(calls) == caller.text.count(self.placeholder))
        if self.expression is None:
            return self._block(caller, calls[0])
        edits = Edits(caller)
        for call in sorted(calls, key=caller.start, reverse=True):
            new, outer = self._expression(caller, self.expression, call)
            edits.replace(call, _in_place(new, outer, call, caller.parents[call]))
        return edits.apply()

    def _expression(
        self, caller: PythonText, expression: ast.expr, call: ast.Call
    ) -> tuple[str, ast.expr]:
        """Return the text of the function's `expression`, with the arguments of `call` in it.

        Also return that text's node: an argument's, if the function returns just this argument.
        """
        # a lambda or comprehension must not bind a name that an argument reads
        _require(not _names(call.args) & self.inner)
        _require(not set(self.scope.bound) - set(self.names))
        edits, arguments = Edits(self), dict(zip(self.names, call.args, strict=True))
        names = [n for n in ast.walk(expression) if isinstance(n, ast.Name)]
        placed = []
        for name, argument in arguments.items():
            uses = [n for n in names if n.id == name and self.scopes.holder(n) is self.scope]
            _require(len(uses) == 1 or isinstance(argument, SIMPLE))
            if _acts(argument):
                placed.append(uses[0])
            for use in uses:
                # before Python 3.12, `ast` gives wrong columns inside an f-string
                _require(not self.is_inside(use, ast.JoinedStr))
                text = caller.segment(argument)
                edits.replace(use, _in_place(text, argument, use, self.parents[use]))
        self._check_order(placed, expression)
        _require(not ({n.id for n in names} - set(arguments)) & caller.scopes.locals())
        outer = expression
        if isinstance(expression, ast.Name):
            outer = arguments.get(expression.id, expression)
        return edits.of(expression), outer

    def _check_order(self, placed: list[ast.Name], expression: ast.expr) -> None:
        """Raise CannotInlineError unless arguments with calls are evaluated once, first, in order.

        `placed` are the names in `expression` that these arguments replace, in the arguments'
        order. Functions may draw random numbers, so the order counts.
        """
        _require(placed == sorted(placed, key=self.start))
        for use in placed:
            before = [n for n in ast.walk(expression) if isinstance(n, ast.expr)]
            before = [n for n in before if self.end(n) <= self.start(use)]
            _require(not any(map(_acts, before)))
            _require(not self.is_inside(use, CONDITIONAL))

    def _block(self, caller: PythonText, call: ast.Call) -> str:
        """Return the caller's text with the function's body in place of the call's statement.

        Raise CannotInlineError if that is not possible: if the statement is neither `call(...)` nor
        `target = call(...)`, for example.
        """
        statement, last = caller.parents[call], self.body[-1]
        returns = [n for n in ast.walk(self.node) if isinstance(n, ast.Return)]
        _require(returns in ([], [last]))
        target: ast.expr | None = None
        if isinstance(statement, ast.Assign):
            target, *others = statement.targets
            _require(not others)
        elif not isinstance(statement, ast.Expr):
            raise CannotInlineError
        arguments = dict(zip(self.names, call.args, strict=True))
        around = _function_around(statement, caller.parents)
        _require(around in caller.scopes.all)
        later = {n.id for n in caller.scopes.of if n.lineno > last_line(statement)}
        read = self.scopes.reads("_") or caller.scopes.reads("_")
        taken = set(caller.scopes.all[around].bound) - (set() if read else {"_"})
        self._check_names(arguments, taken, later, target)
        edits = Edits(self)
        for name in self.scopes.of:
            if self.scopes.holder(name) is self.scope and name.id in arguments:
                argument = arguments[name.id]
                text = caller.segment(argument)
                edits.replace(name, _in_place(text, argument, name, self.parents[name]))
        if isinstance(last, ast.Return):
            _require(last.value is not None or target is None)
            left = caller.segment(target) if target else ""
            value = edits.of(last.value) if last.value else ""
            edits.replace(last, f"{left} = {value}" if left not in ("", value) else "")
        # comments between the docstring and the body are kept
        first = self.node.body[0]
        above = last_line(first) if first is not self.body[0] else first.lineno - 1
        lines = edits.between(self.starts[above], self.end(last)).strip("\n").rstrip().splitlines()
        indent = " " * statement.col_offset
        lines = [indent + line[4:] if line.strip() else "" for line in lines]
        before, after = caller.lines[: statement.lineno - 1], caller.lines[last_line(statement) :]
        return "\n".join([*before, *lines, *after])

    def _check_names(
        self,
        arguments: dict[str, ast.expr],
        taken: set[str],
        later: set[str],
        target: ast.expr | None,
    ) -> None:
        """Raise CannotInlineError if the function might set a variable that its caller needs.

        Raise it, too, if an argument is not a name, constant or attribute. `taken` are the caller's
        variables, `later` the names in its lines after the call. The call's result is assigned to
        `target`, unless that is None.
        """
        for name, argument in arguments.items():
            _require(isinstance(argument, SIMPLE))
            if self.scope.bound[name] > 1:
                _require(isinstance(argument, ast.Name) and argument.id not in later)
        own = set(self.scope.bound) - set(arguments)
        set_anyway = {target.id} if isinstance(target, ast.Name) else set()
        _require(not own & ((taken - set_anyway) | _names(arguments.values())))
        _require(not any(PLACEHOLDER.search(name) for name in own))


def _require(holds: bool) -> None:
    if not holds:
        raise CannotInlineError


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    return {n.id for node in nodes for n in ast.walk(node) if isinstance(n, ast.Name)}


def _acts(node: ast.expr) -> bool:
    """Return True if an expression has a `yield`, a `:=`, or a call of anything but `len`."""
    calls = [n for n in ast.walk(node) if isinstance(n, (ast.Call, *LOOSE))]
    return any(not isinstance(n, ast.Call) or ast.unparse(n.func) != "len" for n in calls)


def _in_place(text: str, new: ast.expr, old: ast.expr, parent: ast.AST) -> str:
    """Return `text`, the text of `new`, in parentheses if it needs them in place of `old`."""
    loose = "\n" in text or not _is_tight(new, old, parent)
    return f"({text})" if loose else text


def _is_tight(new: ast.expr, old: ast.expr, parent: ast.AST) -> bool:
    """Return True if `new` needs no parentheses in place of `old` inside `parent`."""
    is_number = isinstance(new, ast.Constant) and isinstance(parent, ast.Attribute)
    if isinstance(new, LOOSE) or is_number:
        return False
    if isinstance(new, PRIMARY) or isinstance(parent, ENCLOSING):
        return True
    product = isinstance(new, ast.BinOp) and isinstance(new.op, PRODUCTS)
    match parent:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub()):
            signed = isinstance(new, ast.UnaryOp) and not isinstance(new.op, ast.Not)
            return product or (signed and left is old)
        case ast.BinOp(left=left, op=op):
            return product and isinstance(op, PRODUCTS) and left is old
    return False


def _function_around(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> ast.AST:
    """Return the innermost function or class around `node`, or `node` if there is none."""
    around = node
    while around in parents:
        around = parents[around]
        if isinstance(around, (ast.FunctionDef, ast.ClassDef)):
            return around
    return node
