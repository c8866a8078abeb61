"""Rules of this code: imports, sizes of files and functions, docstrings, names, messages."""

from __future__ import annotations

import ast
import graphlib
import importlib
import inspect
import pkgutil
import re
import tomllib

import pytest
from conftest import ROOT
from torch import nn

import ganspec
from ganspec.language.kinds import kinds_of
from ganspec.language.registry import PACKAGES

FILES = sorted((ROOT / "ganspec").rglob("*.py"))
# From the ground to the roof. An import goes to a lower floor or stays in its room: rooms of one
# floor know nothing of each other. "" is `ganspec/__init__.py`, Python's way in.
FLOORS = [
    ("version", "streams", "progress", "seal"),
    ("atomic",),
    ("language",),
    ("program",),
    ("plots",),
    ("kinds",),
    ("systems",),
    ("reference", "runs"),
    ("compiler", "scores"),
    ("comparison", "importing", "training"),
    ("sampling",),
    ("evaluation", "report"),
    ("exporting", "language_server", "serving"),
    ("kinds_files",),
    ("console", ""),
    ("output_files",),
    ("commands",),
    ("cli",),
    ("__main__",),
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# Imports inside functions keep a command's start quick. Where there are some, and what is slow:
LATE = {"", "commands", "kinds_files", "training.loop", "systems.classifier.training"}
SLOW = {"matplotlib", "numpy", "pydantic", "scipy", "torch", "yaml"} | {"starlette", "uvicorn"}
# Names that only annotations need may hide from the start of a command.
HIDING = {"", "commands", "console", "cli", "progress"}
# A text is moved into emitted files with these imports, and no others.
MOVABLE = {
    *("torch", "numpy", "PIL", "argparse", "gzip", "math", "operator", "pathlib", "pickle"),
    *("struct", "tarfile", "time", "warnings", "zlib", "functools", "io", "__future__"),
}


def name_of(path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


MODULES = {name_of(path) for path in FILES}
# The public surface for kinds has its name at the top and its place among the bases of kinds, which
# kinds in the tree may import, too.
PLACES = {"ganspec.extend": "ganspec.kinds.extend"}


def file_of(name: str) -> str:
    """Return the module of a dotted name, or of the nearest package above it."""
    while name not in MODULES and f"{name}.__init__" not in MODULES:
        name = name.rpartition(".")[0]
    return name if name in MODULES else f"{name}.__init__"


def named(node: ast.AST, module: str) -> list[str]:
    """Return the dotted names of ganspec's modules that a node imports, or spells as a string."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        above = module.split(".")[: -node.level] if node.level else []
        start = ".".join([*above, *([node.module] if node.module else [])])
        names = [f"{start}.{alias.name}" for alias in node.names]
    elif isinstance(node, ast.Constant) and re.fullmatch(
        r"ganspec(?!.*\.json$)(\.\w+)+\.?",
        str(node.value),  # a file is no module
    ):
        names = [node.value]
    else:
        names = []
    return [name for name in names if name.split(".")[0] == "ganspec"]


def imported(tree: ast.AST, module: str) -> set[str]:
    """Return the files of ganspec that a file imports anywhere, packages on the way included."""
    found = set()
    for name in (name for node in ast.walk(tree) for name in named(node, module)):
        found.add(file_of(name))
        parts = file_of(name).split(".")
        # all files import the root package, which therefore is imported only where it is named
        found |= {f"{'.'.join(parts[:i])}.__init__" for i in range(2, len(parts))}
    return found - {module}


def climbs(module: str, other: str) -> bool:
    """Return True if an import leads up, or to another room of the same floor."""
    here, there = (name.split(".")[1].replace("__init__", "") for name in (module, other))
    return here != there and FLOOR_OF[there] >= FLOOR_OF[here]


def circle(graph: dict[str, set[str]], package: str) -> list[str]:
    """Return a circle among the files and folders of a package, [] where there is none."""
    inner = {}
    for module, others in graph.items():
        for other in others:
            if module.startswith(f"{package}.") and other.startswith(f"{package}."):
                a, b = (name[len(package) + 1 :].split(".")[0] for name in (module, other))
                inner.setdefault(a, set()).update({b} - {a})
    try:
        graphlib.TopologicalSorter(inner).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


TREES = {PLACES.get(name_of(p), name_of(p)): ast.parse(p.read_text()) for p in FILES}
IMPORTS = {
    module: {PLACES.get(other, other) for other in imported(tree, module)}
    for module, tree in TREES.items()
}


@pytest.mark.parametrize("module", IMPORTS)
def test_imports_go_down(module):
    assert not [other for other in IMPORTS[module] if climbs(module, other)]


@pytest.mark.parametrize("package", [n[:-9] for n in IMPORTS if n.endswith(".__init__")])
def test_no_circle_of_files_or_folders(package):
    assert circle(IMPORTS, package) == []


def slow(module: str, seen: set[str]) -> bool:
    """Return True if importing a module imports something slow."""
    seen.add(module)
    top = ast.Module([n for n in TREES[module].body if isinstance(n, ast.Import | ast.ImportFrom)])
    names = {a.name for n in top.body if isinstance(n, ast.Import) for a in n.names}
    names |= {node.module for node in top.body if isinstance(node, ast.ImportFrom)}
    if {name.split(".")[0] for name in names} & SLOW:
        return True
    return any(slow(other, seen) for other in imported(top, module) - seen)


@pytest.mark.parametrize("module", IMPORTS)
def test_imports_stand_at_the_top_but_for_a_quick_start(module):
    tree, place = TREES[module], module.removeprefix("ganspec.").removesuffix("__init__")
    hiding = [n for n in tree.body if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n)]
    assert not hiding or place.split(".")[0] in HIDING
    early = {id(each) for node in hiding for each in ast.walk(node)}
    late = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    late = [n for n in late if id(n) not in early and n not in tree.body and named(n, module)]
    assert not late or {place, place.split(".")[0]} & LATE
    for node in late:
        others = imported(ast.Module([node]), module)
        assert any(slow(other, set()) for other in others), ast.unparse(node)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("import ganspec.report.page", "ganspec.report.page"),
        ("from ganspec.report import page", "ganspec.report.page"),
        ("from ganspec.report.page import page", "ganspec.report.page"),
        ("from ..report import page as p", "ganspec.report.page"),
        ("def late():\n    from ganspec.report import page", "ganspec.report.page"),
        ("if TYPE_CHECKING:\n    from ganspec.report import page", "ganspec.report.page"),
        ("importlib.import_module('ganspec.report.page')", "ganspec.report.page"),
        ("HOMES = {f'ganspec.report.diff_{form}': 1}", "ganspec.report.__init__"),
        ("import ganspec.report.page", "ganspec.report.__init__"),
        ("from ganspec import emit", "ganspec.__init__"),
    ],
)
def test_no_import_hides(text, other):
    found = imported(ast.parse(text), "ganspec.kinds.layer")
    assert other in found
    assert all(climbs("ganspec.kinds.layer", name) for name in found)


def test_circles_are_found():
    files = {"ganspec.kinds.a": {"ganspec.kinds.b"}, "ganspec.kinds.b": {"ganspec.kinds.a"}}
    folders = {"ganspec.a.x.f": {"ganspec.a.y.g"}, "ganspec.a.y.h": {"ganspec.a.x.k"}}
    assert set(circle(files, "ganspec.kinds")) == {"a", "b"}
    assert set(circle(folders, "ganspec.a")) == {"x", "y"}
    assert climbs("ganspec.comparison.a", "ganspec.importing.b")
    assert not climbs("ganspec.report.a", "ganspec.report.b")


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_and_functions_stay_small(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 45, node.name


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_evaluates_text(path):
    """No eval, no exec, no unsafe loading: specs and checkpoints come from strangers."""
    calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
    for call in calls:
        name = ast.unparse(call.func)
        assert name not in {"eval", "exec", "yaml.load", "pickle.load", "pickle.loads"}
        if name == "torch.load":
            assert "weights_only" in {k.arg for k in call.keywords}


def families():
    return [kind for family in PACKAGES if family != "system" for kind in kinds_of(family).values()]


@pytest.mark.parametrize("kind", families(), ids=lambda k: f"{k.family}-{k.kind}")
def test_kinds_say_what_they_are(kind):
    assert kind.summary().rstrip().endswith((".", ")")), kind
    assert kind.__doc__ != kind.__mro__[1].__doc__


def movable_modules():
    for family in PACKAGES.values():
        package = importlib.import_module(family)
        for info in pkgutil.iter_modules(package.__path__):
            yield importlib.import_module(f"{family}.{info.name}")
    yield from map(importlib.import_module, ["ganspec.systems.gan.step", "ganspec.systems.batches"])


def test_moved_modules_import_only_what_emitted_files_may():
    for module in movable_modules():
        for _, thing in inspect.getmembers(module, inspect.isclass):
            if thing.__module__ != module.__name__ or not issubclass(thing, nn.Module):
                continue
            names = {
                n.id
                for n in ast.walk(ast.parse(inspect.getsource(thing)))
                if isinstance(n, ast.Name)
            }
            for name in names & set(vars(module)):
                used = getattr(module, name)
                home = used.__name__ if inspect.ismodule(used) else used.__module__
                assert home.split(".")[0] in MOVABLE | {"torch", module.__name__.split(".")[0]}


def test_packages_are_listed_for_installation():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {name[:-9] for name in MODULES if name.endswith(".__init__")}
    assert set(listed) == {*found, "ganspec.specs"}


def test_version_is_said_once():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == ganspec.__version__


# A first line that begins so is half a sentence, and a reader has to find the other half.
VAGUE = re.compile(r"(What|Whether|How|Where|Which|Who|Whose|When|That)\b")
WRITTEN = [*FILES, *sorted((ROOT / "generated").glob("*.py"))]


def texts_of(tree: ast.AST) -> list[str]:
    """Return the docstrings of a file, and the strings that describe attributes."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Expr))
    values = (node.value for node in nodes if isinstance(node.value, ast.Constant))
    return [value.value for value in values if isinstance(value.value, str)]


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_docstrings_are_whole_sentences(path):
    """Orders of functions are ruff's to check (D401); this holds for classes and modules too."""
    assert [text for text in texts_of(ast.parse(path.read_text())) if VAGUE.match(text)] == []


def test_vague_docstrings_are_found():
    source = 'def f():\n    """Whether it is so."""\n\n\nX = 1\n"""What X is."""\n'
    assert [bool(VAGUE.match(text)) for text in texts_of(ast.parse(source))] == [True, True]


def test_no_two_classes_share_a_name():
    classes = [n.name for tree in TREES.values() for n in tree.body if isinstance(n, ast.ClassDef)]
    assert sorted({name for name in classes if classes.count(name) > 1}) == []


@pytest.mark.parametrize("path", sorted((ROOT / "generated").glob("*.py")), ids=name_of)
def test_emitted_lines_fit_88_columns(path):
    """Ruff's formatter breaks code, but neither docstrings nor comments."""
    assert [line for line in path.read_text().splitlines() if len(line) > 88] == []


SENTENCES = {"message", "help"}  # of diagnostics and errors
EDITS = {"replace", "removeprefix", "removesuffix", "partition", "rpartition"}


def edited_sentences(tree: ast.AST) -> list[str]:
    """Return the calls that change the words of a message that was written elsewhere."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [
        ast.unparse(call)
        for call in calls
        if isinstance(call, ast.Attribute) and call.attr in EDITS
        if {n.attr for n in ast.walk(call.value) if isinstance(n, ast.Attribute)} & SENTENCES
        or {n.id for n in ast.walk(call.value) if isinstance(n, ast.Name)} & SENTENCES
    ]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_message_is_made_of_another_by_editing_it(path):
    """Where a message has two wordings, both are written out, or made of the same parts."""
    assert edited_sentences(ast.parse(path.read_text())) == []


def test_edited_messages_are_found():
    assert edited_sentences(ast.parse('help.replace("write ", "try ")'))
    assert edited_sentences(ast.parse('found.message.partition(",")[0]'))
    assert not edited_sentences(ast.parse('replace(found, message="other")'))
