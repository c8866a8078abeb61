"""House rules that a reader would hold the code to, held by a machine."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import tomllib

import pytest
from conftest import ROOT
from torch import nn

import ganspec
from ganspec.language.kinds import kinds_of
from ganspec.language.registry import PACKAGES

FILES = sorted((ROOT / "ganspec").rglob("*.py"))
# Imports run one way: a file may import its own rank and those to the left.
RANKS = [
    ("language", "atomic", "evaluation.score_file"),
    ("compiler.ir", "initializers", "weight_norms", "layers", "conditions", "losses", "penalties"),
    ("optimizers", "datasets", "criteria", "metrics"),
    ("compiler",),
    ("comparison", "decompiler"),
    ("report", "training", "progress", "drawing", "evaluation"),
    ("console", "commands"),
    ("cli", "__main__"),
]
# A text is moved into emitted files with these imports, and no others.
MOVABLE = {
    *("torch", "numpy", "PIL", "argparse", "gzip", "math", "operator", "pathlib", "pickle"),
    *("struct", "tarfile", "time", "warnings", "zlib", "functools", "io", "__future__"),
}


def rank(module: str) -> int:
    for i, names in enumerate(RANKS):
        if any(module == f"ganspec.{n}" or module.startswith(f"ganspec.{n}.") for n in names):
            return i
    raise AssertionError(f"{module} has no rank")


def imported(tree: ast.Module) -> list[str]:
    """Modules of ganspec that are imported when the file is, not inside its functions."""
    nodes = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    return [n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.module]


def name_of(path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


# The models of a spec name the families, whose kinds stand in later ranks: the one way back.
FROM_THE_LANGUAGE = {
    f"ganspec.language.{name}"
    for name in ("spec", "system", "supervised", "evaluation", "load", "resolve")
}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_run_one_way(path):
    module = name_of(path)
    if module in {"ganspec", *FROM_THE_LANGUAGE}:
        return
    for other in imported(ast.parse(path.read_text())):
        if other.startswith("ganspec.") and rank(other) > rank(module):
            pytest.fail(f"{module} imports {other}")


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
    found = {name_of(p.parent / "__init__.py") for p in (ROOT / "ganspec").rglob("__init__.py")}
    assert set(listed) == {*found, "ganspec.specs"}


def test_version_is_said_once():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == ganspec.__version__
