"""Find where a moved name is defined: the text of a function, class or constant, or its import."""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import sys
import textwrap
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ganspec.compiler.scopes import DEFINING, Scopes, changed_names

ALLOWED = {"__name__", "__doc__"}
INSTALLED = ("site-packages", "dist-packages")


class UntoldError(Exception):
    """A text that cannot be moved; the message says what is wrong with it."""

    def __init__(self, why: str, help: str = ""):
        super().__init__(why)
        self.help = help or (
            "define it in the kind's own file, by a statement at its top, or import it"
        )


@dataclass(frozen=True, eq=False)
class Definition:
    """The text of a function, a class, or of the statements that set a constant."""

    home: Home
    text: str
    names: tuple[str, ...]
    cells: dict[str, object] = field(default_factory=dict)  # what a closure remembers

    @cached_property
    def node(self) -> ast.AST | None:
        """The function or class; None for a constant."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        (first, *rest) = ast.parse(self.text).body
        return first if isinstance(first, kinds) and not rest else None

    @cached_property
    def function(self) -> ast.FunctionDef | None:
        """Return what a call runs, whose arguments may be settled; None where that is unknown."""
        node = self.node
        if node is None or node.decorator_list:
            return None
        if not isinstance(node, ast.ClassDef):
            return node
        inits = [n for n in node.body if getattr(n, "name", "") in ("__init__", "__new__")]
        fine = len(inits) == 1 and inits[0].name == "__init__" and not node.keywords
        return inits[0] if fine and not inits[0].decorator_list else None

    @property
    def parameters(self) -> list[ast.arg]:
        """The parameters that a caller can give by place; a method's `self` is none."""
        arguments = self.function.args
        named = [*arguments.posonlyargs, *arguments.args]
        return named[1:] if isinstance(self.node, ast.ClassDef) else named

    def name_of(self, thing: object) -> str:
        """Return the one of the names that stands for `thing`."""
        return next(name for name in self.names if self.home.namespace.get(name) is thing)

    def defaults(self) -> dict[str, ast.expr]:
        """Return the default of each parameter that has one."""
        arguments = self.function.args
        named, given = [*arguments.posonlyargs, *arguments.args], arguments.defaults
        found = zip(named[len(named) - len(given) :], given, strict=True)
        only = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        return {a.arg: value for a, value in [*found, *only] if value is not None}


@dataclass(frozen=True)
class Import:
    """An import statement, for the one name that is bound by it."""

    line: str  # with {} for how the name is called
    name: str

    def text(self, name: str) -> str:
        renamed = f" as {name}" if name != self.natural else ""
        return f"{self.line}{renamed}"

    @property
    def key(self) -> tuple:
        """Two statements that bind one thing to one name have one key."""
        words = self.line.split()
        module = sys.modules.get(
            words[1] if words[0] == "from" or self.name != self.natural else self.natural
        )
        thing = getattr(module, words[3], None) if words[0] == "from" else module
        return (self.name, id(thing) if thing is not None else self.line)

    @property
    def natural(self) -> str:
        """The name that the statement binds by itself."""
        last = self.line.split()[-1]
        return last if self.line.startswith("from ") else last.split(".")[0]


class Home:
    """A module's text and what its names stand for."""

    def __init__(self, name: str, namespace: dict[str, object], source: str):
        self.name, self.namespace, self.source = name, namespace, source
        self.found: dict[str, Definition | Import | None] = {}

    @property
    def file(self) -> str:
        return self.namespace.get("__file__") or self.name

    @cached_property
    def bindings(self) -> dict[str, list[ast.stmt]]:
        """The statements at the module's top that bind each name."""
        found: dict[str, list[ast.stmt]] = {}
        for statement in ast.parse(self.source).body:
            scope = Scopes(ast.Module([statement], [])).module
            for name in {**scope.bound, **dict.fromkeys(changed_names(statement))}:
                found.setdefault(name, []).append(statement)
        return found

    def find(self, name: str) -> Definition | Import | None:
        """Return where `name` comes from; None for builtins. Raises UntoldError."""
        if name not in self.found:
            self.found[name] = self._find(name)
        return self.found[name]

    def _find(self, name: str) -> Definition | Import | None:
        # a function that declares a name global sets it, and is not its definition
        statements = [s for s in self.bindings.get(name, []) if getattr(s, "name", name) == name]
        if statements and isinstance(statements[0], DEFINING):  # a change of it is not itself
            statements = [s for s in statements if name not in changed_names(s)]
        if not statements:
            if (star := self._star(name)) is not None:
                return self._imported(name, star)
            if hasattr(builtins, name) or name in ALLOWED:
                return None
            if name in self.namespace:
                raise UntoldError(f"`{name}`, which no statement of the file sets")
            raise UntoldError(f"`{name}`, which is not defined")
        last = statements[-1]
        if isinstance(last, (ast.Import, ast.ImportFrom)):
            return self._imported(name, last)
        if isinstance(last, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return self._shared(Definition(self, self._lines(last) + "\n", (name,)))
        if isinstance(last, ast.If) and "TYPE_CHECKING" in ast.unparse(last.test):
            raise UntoldError(f"`{name}`, which is there for type checkers only")
        names = [n for s in statements for n in Scopes(ast.Module([s], [])).module.bound]
        text = "\n".join(self._lines(statement) for statement in statements)
        return self._shared(Definition(self, text + "\n", tuple(dict.fromkeys(names))))

    def _star(self, name: str) -> ast.ImportFrom | None:
        """Return the import of a name that came by `import *`."""
        for node in ast.walk(ast.parse(self.source)):
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
        """Return the definition that other names of the same statements were given already."""
        known = (self.found.get(name) for name in definition.names)
        same = (d for d in known if isinstance(d, Definition) and d.text == definition.text)
        return next(same, definition)

    def _lines(self, node: ast.stmt) -> str:
        start = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        return "\n".join(self.source.splitlines()[start - 1 : node.end_lineno])

    def _imported(self, name: str, node: ast.Import | ast.ImportFrom) -> Definition | Import:
        alias = next(a for a in node.names if name in (a.asname, a.name, a.name.split(".")[0]))
        if isinstance(node, ast.Import):
            if alias.name.split(".")[0] == "ganspec":
                raise UntoldError(f"`{name}`, a module of ganspec")
            return Import(f"import {alias.name}", name)
        module = self._module(node)
        if is_own(module) and module in sys.modules:
            home = home_of_module(module)
            if inspect.ismodule(home.namespace.get(alias.name)):
                raise UntoldError(f"`{name}`, a module that is not installed")
            return home.find(alias.name)
        return Import(f"from {module} import {alias.name}", name)


def is_own(module: str, also: frozenset[str] = frozenset()) -> bool:
    """Return True if a module's text must be moved, as it is no installed package's."""
    top = module.split(".")[0]
    if top == "ganspec" or top in also:
        return True
    if top in sys.stdlib_module_names or top == "torch":
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    return module == "__main__" or bool(file and not set(INSTALLED) & set(Path(file).parts))


_homes: dict[str, Home] = {}


def home_of_module(name: str) -> Home:
    module = sys.modules[name]
    known = _homes.get(name)
    if known is None or known.namespace is not vars(module):
        try:
            source = inspect.getsource(module)
        except (OSError, TypeError):
            raise UntoldError(f"the module {name}, which has no text") from None
        _homes[name] = Home(name, vars(module), source)
    return _homes[name]


def home_of(thing: object) -> Home:
    """Return the home of a function or class, which need not be importable by its name."""
    thing = inspect.unwrap(thing)
    namespace = getattr(thing, "__globals__", None)
    name = thing.__module__
    if name in sys.modules and namespace in (None, vars(sys.modules[name])):
        return home_of_module(name)
    if namespace is None:
        methods = (getattr(m, "__globals__", None) for m in vars(thing).values())
        namespace = next((n for n in methods if n is not None), None)
    file = (namespace or {}).get("__file__")
    source = "".join(linecache.getlines(file)) if file else ""
    if not source:
        raise UntoldError(f"`{thing.__name__}`, whose text is nowhere")
    known = _homes.get(file)
    if known is None or known.namespace is not namespace:
        _homes[file] = Home(name, namespace, source)
    return _homes[file]


def definition_of(thing: object, name: str = "") -> Definition | Import:
    """Return where a function or class is defined; `name` is what a lambda is called."""
    if not hasattr(thing, "__qualname__"):
        raise UntoldError(f"{thing!r}, which is neither a function nor a class")
    home = home_of(thing)
    names = [thing.__qualname__] + [k for k, v in home.namespace.items() if v is thing]
    for own in names:
        if own in home.bindings and inspect.unwrap(home.namespace.get(own)) is inspect.unwrap(
            thing
        ):
            return home.find(own)
    code = getattr(thing, "__code__", None)
    key = f"{thing.__qualname__}:{code.co_firstlineno if code else ''}"
    if key not in home.found or thing.__closure__:
        home.found[key] = _nested(thing, home, name)
    return home.found[key]


def _nested(thing: object, home: Home, name: str) -> Definition:
    """Return a function that is defined inside another or in a class, or as a lambda."""
    code = thing.__code__
    for node in ast.walk(ast.parse(home.source)):
        if isinstance(node, ast.Lambda) and thing.__name__ == "<lambda>":
            text = ast.get_source_segment(home.source, node)
            same = node.lineno <= code.co_firstlineno <= node.end_lineno
            if same and compile(text, "", "eval").co_consts[0].co_code == code.co_code:
                inner = ast.get_source_segment(home.source, node.body)
                text = f"def {name}({ast.unparse(node.args)}):\n    return ({inner})\n"
                break
        elif getattr(node, "name", "") == thing.__name__ and hasattr(node, "decorator_list"):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            if first == code.co_firstlineno:
                lines = home.source.splitlines()[node.lineno - 1 : node.end_lineno]
                text = textwrap.dedent("\n".join(lines)) + "\n"
                break
    else:
        raise UntoldError(f"`{thing.__name__}`, whose text is nowhere")
    cells = inspect.getclosurevars(thing).nonlocals
    return Definition(home, text, (name or thing.__name__,), dict(cells))


def from_text(text: str, name: str) -> Definition:
    """Return a function that is its text alone."""
    return Definition(Home("", {}, text), text, (name,))


def path_of(home: Home) -> str:
    """Return a home's file as people write it."""
    try:
        return str(Path(home.file).relative_to(Path.cwd()))
    except ValueError:
        return str(home.file)
