"""Execution of a Python file as far as its networks need it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from ganspec.importing.python_file import UNDEFINED, UnreadableError, place_of

DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


def run_file(path: Path, names: set[str]) -> ModuleType:
    """Run the Python file at `path` as a module and return the module.

    Statements after the definitions of `names` are usually a training, so they run only if they
    import modules, define functions, classes or constants, or parse options, and give no earlier
    name another value; one that fails is left out. If no statement makes any of `names`, this holds
    for all statements. Raise UnreadableError if there is no such file, if it is not Python, or if
    an earlier statement other than an import fails.
    """
    if not path.is_file():
        raise UnreadableError(f"there is no file {path}")
    if path.suffix != ".py":
        raise UnreadableError(
            f"{path} is not a Python file; for a printed table, write --summary {path}"
        )
    # without the prefix, a file such as `copy.py` would replace the module of its name
    name = f"imported_{path.stem}"
    loader = NetworksLoader(name, path, names)
    spec = spec_from_file_location(name, path, loader=loader)
    assert spec  # always set for a loader
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # data classes look up their module there
    sys.path.insert(0, str(path.resolve().parent))
    words, sys.argv = sys.argv, [str(path)]  # the file must not parse ganspec's own options
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UnreadableError(f"{place_of(error, path)} while {path} was run") from None
    finally:
        sys.argv = words
        sys.path.remove(str(path.resolve().parent))
    return module


class NetworksLoader(SourceFileLoader):
    """Loader of a Python file that leaves out statements that the file's `networks` do not need."""

    def __init__(self, name: str, path: Path, networks: set[str]):
        super().__init__(name, str(path))
        self.networks = networks
        self.left_out: dict[str, str] = {}  # by name, the reason why it has no value

    def exec_module(self, module: ModuleType) -> None:
        vars(module)[UNDEFINED] = self.left_out
        super().exec_module(module)

    def get_code(self, fullname: str) -> CodeType:
        tree = ast.parse(self.get_data(self.path), self.path)
        places = {name: i for i, node in reversed([*enumerate(tree.body)]) for name in _made(node)}
        places |= {getattr(node, "name", ""): i for i, node in enumerate(tree.body)}
        end = max((places[name] for name in self.networks & set(places)), default=-1) + 1
        known = _names(tree.body[:end])
        options, below = _options(tree.body), tree.body[end:]
        rest = [n for n in below if isinstance(n, DEFINES) or _is_constant(n) or n in options]
        # the networks are made with the first value of a name, not with a later one
        rest = [n for n in rest if not _names([n]) & known]
        kept = set(rest)
        for node in (n for n in below if n not in kept):
            reason = f"line {node.lineno}, which makes it, is below the networks: move it up"
            self.left_out |= dict.fromkeys(_names([node]), reason)
        tree.body[end:] = map(_guarded, rest)
        # a package that is not installed matters only if a network needs it
        imports = (ast.Import, ast.ImportFrom)
        tree.body = [_guarded(n) if isinstance(n, imports) else n for n in tree.body]
        return compile(ast.fix_missing_locations(tree), self.path, "exec", dont_inherit=True)


def _guarded(node: ast.stmt) -> ast.stmt:
    """Return a `try` statement that runs `node`, and goes on if it fails.

    If it is an import, the module's dict UNDEFINED then gets the reason for each of its names. An
    import from `__future__` is returned as it is, since it may not be in a `try`.
    """
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        return node
    names = [part.asname or part.name for part in ast.walk(node) if isinstance(part, ast.alias)]
    text = f"""
try:
    pass
except (Exception, SystemExit) as {UNDEFINED}error:
    for {UNDEFINED}name in {[name.partition(".")[0] for name in names]}:
        {UNDEFINED}[{UNDEFINED}name] = f"its import failed: {{{UNDEFINED}error}}"
"""
    (guard,) = ast.parse(text).body
    assert isinstance(guard, ast.Try)
    guard.body = [node]
    return guard


def _made(node: ast.AST) -> Iterator[str]:
    """Yield the names of the functions, classes and variables that a top-level statement makes.

    Those within an `if` or a `try` count, names that an import makes do not.
    """
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    else:
        for part in ast.iter_child_nodes(node):
            yield from _made(part)


def _names(nodes: list[ast.stmt]) -> set[str]:
    """Return the names that the assignments among `nodes` make."""
    assignments = (node for node in nodes if isinstance(node, (ast.Assign, ast.AnnAssign)))
    return {name for node in assignments for name in _made(node)}


def _options(nodes: list[ast.stmt]) -> set[ast.stmt]:
    """Return the statements that make a parser of options, add to it or parse by it."""
    parsers: set[str] = set()
    found = set()
    for node in nodes:
        call = node.value if isinstance(node, (ast.Assign, ast.Expr)) else None
        if not isinstance(call, ast.Call):
            continue
        owner, _, name = ast.unparse(call.func).rpartition(".")
        if name == "ArgumentParser" or owner in parsers:
            found.add(node)
            if name in ("ArgumentParser", "add_argument_group"):
                parsers |= _names([node])
    return found


def _is_constant(node: ast.stmt) -> bool:
    """Return True if `node` is an assignment without calls, such as `ngf = 64`."""
    is_assignment = isinstance(node, (ast.Assign, ast.AnnAssign))
    return is_assignment and not any(isinstance(part, ast.Call) for part in ast.walk(node))
