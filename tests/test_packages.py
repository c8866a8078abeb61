"""The wheel and the sdist, and what a project on GitHub has beside them."""

from __future__ import annotations

import email
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKED = ["ganspec", "specs", "LICENSE", "MANIFEST.in", "README.md", "pyproject.toml", "tests"]
NOT_FOR_USERS = {"all", "docs", "test"}  # extras that `all` does not have
ON_GITHUB = {
    "vendor.github-workflows": [".github/workflows/ci.yml"],
    "vendor.dependabot": [".github/dependabot.yml"],
    "vendor.github-issue-config": [".github/ISSUE_TEMPLATE/config.yml"],
    "vendor.github-issue-forms": [
        ".github/ISSUE_TEMPLATE/bug.yml",
        ".github/ISSUE_TEMPLATE/idea.yml",
    ],
}


def run(*command, **options) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_all_is_every_extra_for_users():
    extras = PROJECT["optional-dependencies"]
    wanted = {f"ganspec[{name}]" for name in extras.keys() - NOT_FOR_USERS}
    assert set(extras["all"]) == wanted


@pytest.mark.parametrize("schema", ON_GITHUB)
def test_files_for_github_are_valid(schema):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    run(*command, *(ROOT / name for name in ON_GITHUB[schema]))


def test_each_python_of_the_workflow_is_in_the_metadata():
    listed = {c.rpartition(" ")[2] for c in PROJECT["classifiers"] if "Python :: 3." in c}
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    assert all(f'"{version}"' in workflow for version in listed)
    assert PROJECT["requires-python"] == f">={min(listed, key=lambda v: int(v[2:]))}"


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    """Return a folder with the sdist, and the wheel that is built from it."""
    source = tmp_path_factory.mktemp("source")
    for name in PACKED:
        place = ROOT / name
        if place.is_dir():
            shutil.copytree(place, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(place, source)
    run(sys.executable, "-m", "build", "--no-isolation", source)
    return source / "dist"


@pytest.mark.slow
def test_packages_are_complete(dist):
    run(sys.executable, "-m", "twine", "check", "--strict", *dist.iterdir())
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        about = email.message_from_bytes(archive.read(metadata))
    packed = {name for name in names if not name.startswith("ganspec-")}
    mine = {p for p in (ROOT / "ganspec").rglob("*") if p.is_file() and p.suffix != ".pyc"}
    mine = {p.relative_to(ROOT).as_posix() for p in mine}
    mine |= {f"ganspec/specs/{p.name}" for p in (ROOT / "specs").glob("*.yaml")}
    assert packed == mine and "ganspec/py.typed" in packed
    assert (about["License-Expression"], about["License-File"]) == ("MIT", "LICENSE")
    assert (
        about["Author"] and about["Keywords"] and "Typing :: Typed" in about.get_all("Classifier")
    )
    (sdist,) = dist.glob("*.tar.gz")
    listed = run("tar", "tzf", sdist)
    assert "/LICENSE\n" in listed and "/tests/" not in listed


@pytest.mark.slow
def test_the_wheel_works_where_only_it_is_installed(dist, tmp_path):
    """Its dependencies are those of these tests, since torch alone takes minutes to install."""
    (wheel,) = dist.glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "clean")
    python = tmp_path / "clean" / "bin" / "python"
    paths = {"base": str(tmp_path / "clean"), "platbase": str(tmp_path / "clean")}
    own = Path(sysconfig.get_path("purelib", vars=paths))
    options = ["--no-deps", "--no-index", "--quiet", "--no-compile"]
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, wheel)
    (own / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    here = {"cwd": tmp_path, "env": environment}
    place = run(python, "-c", "import ganspec; print(ganspec.__file__)", **here)
    assert Path(place.strip()) == own / "ganspec" / "__init__.py"
    ganspec = tmp_path / "clean" / "bin" / "ganspec"
    assert run(ganspec, "--version", **here) == f"ganspec {PROJECT['version']}\n"
    run(ganspec, "new", "my.yaml", "--from", "dcgan", **here)
    assert run(ganspec, "check", "my.yaml", **here) == "my.yaml: ok\n"
    small = [
        "--set",
        "vars.ch=4",
        "--set",
        "train.batch=4",
        "--set",
        "data.dataset={shapes: {count: 8}}",
    ]
    run(ganspec, "train", "my.yaml", "--steps", 1, "--quiet", "--device", "cpu", *small, **here)
    assert (tmp_path / "runs" / "my" / "checkpoint.pt").exists()
