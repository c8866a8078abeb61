"""Find the text that defines a name in a Python file, or the import that binds the name.

Both are read from the file's syntax tree: a value in memory does not tell which statements set it.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from ganspec.compiler.python_text import PythonText, first_line, last_line
from ganspec.compiler.scopes import (
    DEFINING,
    FunctionNode,
    bound_names,
    changed_names,
    defaults_of,
    every_argument,
)

Values: TypeAlias = dict[str, Any]  # values by name
ALLOWED = {"__name__", "__doc__"}  # names that an emitted file has without a definition
INSTALLED = ("site-packages", "dist-packages")  # emitted files import code in these folders


class UnmovableError(Exception):
    """Raised when code cannot be moved into an emitted file.

    The message continues "FILE reads": it says what the code reads, and why that fails. `help` says
    what the user can write instead.
    """

    def __init__(self, why: str, help: str = ""):
        super().__init__(why)
        self.help = help or "define it at the top level of the kind's own file, or import it"


@dataclass(frozen=True, eq=False)
class Definition:
    """The text of a function, of a class, or of the statements that set constants.

    `home` is the file of the text, and `names` are the names that the text defines.
    """

    home: Home
    text: str
    names: tuple[str, ...]
    cells: Values = field(default_factory=dict)  # closure variables by name

    @property
    def key(self) -> tuple:
        """A key that is the same for two lookups of one definition."""
        return self.home.name, self.names, self.text, tuple(map(id, self.cells.values()))

    @cached_property
    def node(self) -> FunctionNode | ast.ClassDef | None:
        """The text's syntax tree if it is one function or class; None for constants."""
        (first, *rest) = ast.parse(self.text).body
        if rest or not isinstance(first, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return None
        return first

    @cached_property
    def function(self) -> FunctionNode | None:
        """The syntax tree of the function that a call runs, the `__init__` for a class.

        It is None for constants, and for a function or class whose call may run other code: one
        with decorators, keywords such as `metaclass`, a `__new__`, or no `__init__` of its own.
        """
        node = self.node
        if node is None or node.decorator_list:
            return None
        if not isinstance(node, ast.ClassDef):
            return node
        made_by = [n for n in node.body if getattr(n, "name", "") in ("__init__", "__new__")]
        match made_by:
            case [ast.FunctionDef(name="__init__", decorator_list=[]) as init] if not node.keywords:
                return init
        return None

    @property
    def parameters(self) -> list[str]:
        """All parameters of `function`, also `self` of `__init__`; [] if `function` is None."""
        return [a.arg for a in every_argument(self.function.args)] if self.function else []

    @property
    def placed(self) -> list[str]:
        """The parameters that a call may pass by position, without the `self` of `__init__`."""
        if self.function is None:
            return []
        arguments = self.function.args
        names = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
        return names[1:] if isinstance(self.node, ast.ClassDef) else names

    def defaults(self) -> dict[str, ast.expr]:
        """Return the default of each parameter that has a default, as a syntax tree, by name."""
        return defaults_of(self.function.args) if self.function else {}


@dataclass(frozen=True)
class Import:
    """An import statement that binds `name`; `line` is the statement without its `as`, if any."""

    line: str
    name: str

    def text(self, name: str) -> str:
        """Return the statement that binds the same object to `name`, or two in two lines.

        For `import a.b`, the object is the package `a`: only a second statement can rename it.
        """
        if name == self.natural:
            return self.line
        if self.name == self.natural and self.line.startswith(f"import {self.natural}."):
            return f"{self.line}\nimport {self.natural} as {name}"
        return f"{self.line} as {name}"

    @property
    def key(self) -> tuple[str, int | str]:
        """A key that is equal for two statements that bind the same object to the same name.

        Different statements about a module that is not loaded have different keys.
        """
        words = self.line.split()
        is_from = words[0] == "from"
        module = sys.modules.get(words[1] if is_from or self.name != self.natural else self.natural)
        thing = getattr(module, words[3], None) if is_from else module
        return self.name, id(thing) if thing is not None else self.line

    @property
    def natural(self) -> str:
        """The name that `line` binds without an `as`."""
        last = self.line.split()[-1]
        return last if self.line.startswith("from ") else last.split(".")[0]


Binding: TypeAlias = Definition | Import


class Home:
    """A Python file: its text `source`, and the values of its names in `namespace`.

    `name` is the name of its module; it is empty for a rule of a spec, which is in no file.
    """

    def __init__(self, name: str, namespace: Values, source: str):
        self.name, self.namespace, self.source = name, namespace, source
        self.known: dict[str, Binding | None] = {}

    @property
    def path(self) -> str:
        """The file's path, relative to the working directory if the file is below it."""
        file = self.namespace.get("__file__") or self.name
        below = Path(file).is_relative_to(Path.cwd())
        return str(Path(file).relative_to(Path.cwd()) if below else file)

    @cached_property
    def parsed(self) -> PythonText:
        return PythonText(self.source)

    @cached_property
    def bindings(self) -> dict[str, list[ast.stmt]]:
        """The top-level statements that bind a name or change its value, by name, in order."""
        bindings: dict[str, list[ast.stmt]] = {}
        for statement in self.parsed.tree.body:
            for name in dict.fromkeys([*bound_names(statement), *changed_names(statement)]):
                bindings.setdefault(name, []).append(statement)
        return bindings

    def find(self, name: str) -> Binding | None:
        """Return the definition or import of `name`; None for builtins, `__name__` and `__doc__`.

        Raise UnmovableError if an emitted file can neither define nor import `name`.
        """
        if name not in self.known:
            self.known[name] = self._find(name)
        return self.known[name]

    def _find(self, name: str) -> Binding | None:
        # a function that declares `name` global binds the name, but does not define it
        statements = [s for s in self.bindings.get(name, []) if getattr(s, "name", name) == name]
        # statements that only change attributes of a function or class do not define it
        if statements and isinstance(statements[0], DEFINING):
            statements = [s for s in statements if name not in changed_names(s)]
        if not statements:
            if (star := self._star(name)) is not None:
                return self._imported(name, star)
            if hasattr(builtins, name) or name in ALLOWED:
                return None
            if name in self.namespace:
                raise UnmovableError(f"`{name}`, which no statement of the file sets")
            raise UnmovableError(f"`{name}`, which is not defined")
        last = statements[-1]
        if isinstance(last, (ast.Import, ast.ImportFrom)):
            return self._imported(name, last)
        if isinstance(last, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return self._shared(Definition(self, self._lines(last), (name,)))
        if isinstance(last, ast.If) and "TYPE_CHECKING" in ast.unparse(last.test):
            raise UnmovableError(f"`{name}`, which is there for type checkers only")
        names = dict.fromkeys(n for s in statements for n in bound_names(s))
        return self._shared(Definition(self, "".join(map(self._lines, statements)), tuple(names)))

    def _star(self, name: str) -> ast.ImportFrom | None:
        """Return a statement that imports just `name`, if an `import *` binds it; else None."""
        for node in ast.walk(self.parsed.tree):
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                module = sys.modules.get(self._module(node))
                if name in self.namespace and getattr(module, name, self) is self.namespace[name]:
                    return ast.ImportFrom(node.module, [ast.alias(name)], node.level)
        return None

    def _module(self, node: ast.ImportFrom) -> str:
        """Return the full name of the module that a statement imports from."""
        if not node.level:
            return node.module or ""
        parts = str(self.namespace.get("__package__")).split(".")
        base = parts[: len(parts) - node.level + 1]
        return ".".join([*base, *filter(None, [node.module])])

    def _shared(self, definition: Definition) -> Definition:
        """Return a known definition with the same text, or else `definition`.

        So two names that one statement sets, as in `A, B = 1, 2`, have one definition.
        """
        known = (self.known.get(name) for name in definition.names)
        same = (d for d in known if isinstance(d, Definition) and d.text == definition.text)
        return next(same, definition)

    def _lines(self, node: ast.stmt) -> str:
        lines = self.parsed.lines[first_line(node) - 1 : last_line(node)]
        return "\n".join(lines) + "\n"

    def _imported(self, name: str, node: ast.Import | ast.ImportFrom) -> Binding | None:
        """Return the import that binds `name` in the statement `node`.

        If code of the imported module must be moved, return the definition there instead; None for
        a builtin. Raise UnmovableError if the name is such a module itself, or cannot be moved.
        """
        alias = next(a for a in node.names if name in (a.asname, a.name, a.name.split(".")[0]))
        if isinstance(node, ast.Import):
            if is_own(alias.name):
                raise _unmovable_module(name, alias.name)
            return Import(f"import {alias.name}", name)
        module = self._module(node)
        if is_own(module) and module in sys.modules:
            home = home_of_module(module)
            if inspect.ismodule(home.namespace.get(alias.name)):
                raise _unmovable_module(name, f"{module}.{alias.name}")
            return home.find(alias.name)
        return Import(f"from {module} import {alias.name}", name)


def _unmovable_module(name: str, module: str) -> UnmovableError:
    help = f"import each name that your file needs: `from {module} import NAME`"
    return UnmovableError(f"`{name}`, a module that an emitted file cannot import", help)


def is_own(module: str, also: frozenset[str] = frozenset()) -> bool:
    """Return True if code of a module must be moved, since an emitted file cannot import it.

    That is so for ganspec and for files that are not installed. `also` are top-level packages whose
    code is moved although they are installed.
    """
    top = module.split(".")[0]
    if top == "ganspec" or top in also:
        return True
    if top in sys.stdlib_module_names or top == "torch":
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    return module == "__main__" or bool(file and not set(INSTALLED) & set(Path(file).parts))


HOMES: dict[str, Home] = {}


def home_of_module(name: str) -> Home:
    """Return the `Home` of a module in `sys.modules`. Raise UnmovableError if it has no text."""
    module = sys.modules[name]
    known = HOMES.get(name)
    if known is None or known.namespace is not vars(module):
        try:
            source = inspect.getsource(module)
        except (OSError, TypeError):
            raise UnmovableError(f"the module {name}, whose source cannot be found") from None
        HOMES[name] = Home(name, vars(module), source)
    return HOMES[name]
