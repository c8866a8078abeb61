"""The README, `docs/` and the other pages: what they show is what happens.

A page's blocks run in order, in one folder that has `specs` and `tests` in it. In a `console` block
each line after `$ ` is a command; lines below it are its whole output, `...` standing for any
lines. A command without output shown must succeed. `python` blocks run as programs. `yaml` blocks
are specs, or parts laid over a small one. A comment on the line before a block says otherwise:

- `not run: WHY`
- `stand-in: COMMAND`, which makes what the page leaves to its reader, such as photographs
- `file: NAME`, which the block is written to; `file: NAME with FILE` if it needs a file of kinds
- `wrong: NAME`, which the block is written to without a check
- `source of: NAME`: the block is part of what that spec becomes
- `with: FILE`: the spec needs this file of kinds; it is also emitted and trained
- `rule: SETTING`, on a `diff` block: a change of ganspec that makes the setting possible
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from glob import glob
from pathlib import Path

import pytest
import torch
from conftest import ROOT, own_kinds_forgotten, run_source
from test_errors import BASE
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.compiler.lower import lower

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += [page for page in sorted((ROOT / "docs").glob("*.md")) if page.name != "language.in.md"]
BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*) -->\n)?^```(?P<kind>console|diff|python|yaml)\n(?P<text>.*?)^```$",
    re.M | re.S,
)
MARKS = ("not run", "stand-in", "file", "wrong", "source of", "with", "rule")
# laid over every training, so that what takes minutes takes seconds
FAST = ["--set=vars.ch=4", "--set=data.dataset={shapes: {count: 256}}"]

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)


@every_page
def test_blocks_run_as_typed(page, tmp_path, monkeypatch):
    for folder in ("specs", "tests"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / "base.yaml").write_text(BASE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # `train` sets its own
    for block in BLOCK.finditer(page.read_text("utf-8")):
        what, _, value = (block["mark"] or "").partition(": ")
        assert what in ("", *MARKS), f"no such mark: {what}"
        if what == "not run":
            continue
        if what == "wrong":
            Path(value).write_text(block["text"])
            continue
        if what == "stand-in":
            assert execute(value)[0] == 0
        kinds = value if what == "with" else ""
        if what == "file":
            file, _, kinds = value.partition(" with ")
            Path(file).write_text(block["text"])
        if what == "source of":
            assert block["text"].strip() in ganspec.emit(ganspec.load(value))
        elif kinds:
            check_with_kinds(block["text"], kinds)
        elif what == "rule":
            check_rule(block["text"], value)
        else:
            CHECKS[block["kind"]](block["text"])


def check_console(text):
    for entry in text.removeprefix("$ ").split("\n$ "):
        command, _, shown = entry.partition("\n")
        fast = command.startswith("ganspec train") and "--steps" not in command
        # a resumed run has to have something left to do
        short = [*FAST, "--steps=4" if "--resume" in command else "--steps=2"]
        status, output = execute(command, short if fast and not shown else [])
        if shown:
            parts = [
                re.escape(part.strip("\n")) for part in re.split(r"^\.\.\.$", shown, flags=re.M)
            ]
            assert re.fullmatch(r"\s*" + r"(.*\n)?".join(parts) + r"\s*", output, re.S), output
        else:
            assert status == 0, output


def execute(command, more=()):
    """Exit status and output of a command; ganspec's own run here, which saves importing torch."""
    words = [each for word in shlex.split(command) for each in sorted(glob(word)) or [word]]
    if words[0] == "ganspec" and not {"|", ">", "&&"} & set(words):
        with own_kinds_forgotten():
            result = CliRunner().invoke(app, [*words[1:], *more])
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, result.output
    # `python` and `ganspec` are this environment's, whether or not it was activated
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment)
    return run.returncode, run.stdout + run.stderr


def check_python(text):
    Path("block.py").write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "block.py"]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr


def check_yaml(text):
    if text.startswith("- "):  # layers by themselves, which the page's own maker has lowered
        return
    head = "" if text.startswith(("name:", "extends:")) else "extends: base.yaml\n"
    Path("block.yaml").write_text(head + text)
    lower(ganspec.load("block.yaml"))


def check_with_kinds(text, file):
    """Check a spec that uses kinds of `file`, emit it, run what is emitted, and train it."""
    with own_kinds_forgotten():
        ganspec.load_kinds(file)
        check_yaml(text)
        few = [] if "dataset" in text else ["data.dataset={shapes: {count: 64}}", "train.batch=4"]
        spec = ganspec.load("block.yaml", few)
        ganspec.check(spec)
        source = ganspec.emit(spec)
        assert "ganspec_kinds" not in source and "cfg" not in source
        emitted = run_source(source)
        assert all(getattr(emitted, name.capitalize())() for name in ganspec.build(spec))
        assert ganspec.train(spec, f"runs/{file}", steps=2, overwrite=True).step == 2


def check_rule(text, setting):
    """Change a copy of ganspec; train with the setting, there and by the emitted file."""
    shutil.copytree(ROOT / "ganspec", "changed/ganspec", ignore=lambda *_: ["__pycache__"])
    Path("rule.diff").write_text(text)
    subprocess.run(["git", "apply", "../rule.diff"], cwd="changed", check=True)
    tree = ast.parse(Path("changed/ganspec/systems/gan/step.py").read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert all(node.end_lineno - node.lineno < 45 for node in functions)
    environment = {**os.environ, "PYTHONPATH": "changed"}
    steps = ["--steps", "3", "--device", "cpu"]
    data = ["--set", "data.dataset={shapes: {count: 64}}", "--set", setting]
    train = ["-m", "ganspec", "train", "base.yaml", "--out", "runs/rule", "--exact", *data]
    emitted = ["runs/rule/tiny.py", "--out", "out"]
    for command in (train, emitted):
        subprocess.run([sys.executable, *command, *steps], env=environment, check=True)
    weights = torch.load("runs/rule/checkpoint.pt", weights_only=True)["networks"]
    for name, network in torch.load("out/weights.pt", weights_only=True).items():
        assert all(torch.equal(weights[name][key], value) for key, value in network.items())


CHECKS = {"console": check_console, "python": check_python, "yaml": check_yaml}


def test_the_reference_is_fresh():
    written = (ROOT / "docs" / "language.md").read_text("utf-8")
    page = subprocess.run(
        [sys.executable, ROOT / "docs" / "write_language.py"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert written == page, "run python docs/write_language.py > docs/language.md"


def anchors(page):
    """Return the anchors that GitHub gives a page's headings."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)
    heads = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^a-z0-9 _-]", "", head.lower()).replace(" ", "-") for head in heads}


@every_page
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        if path.startswith("http"):
            continue
        other = (page.parent / path).resolve() if path else page
        assert other.exists(), target
        assert not anchor or anchor in anchors(other), target


def test_every_code_is_listed():
    """Whatever an error can be called is in the list of codes, and nothing else is."""
    listed = re.findall(r"^\| (`.+?`) \|", (ROOT / "docs/errors.md").read_text("utf-8"), re.M)
    listed = {code for cell in listed for code in re.findall(r"`([a-z-]+)`", cell)}
    shown = {
        code
        for path in (ROOT / "tests/errors").glob("*.md")
        for code in re.findall(r"^(?:error|warning)\[([a-z-]+)\]", path.read_text("utf-8"), re.M)
    }
    assert shown <= listed
    source = "".join(p.read_text("utf-8") for p in (ROOT / "ganspec").rglob("*.py"))
    assert all(f'"{code}"' in source for code in listed)
    assert set(re.findall(r'Diagnostic\(\s*"([a-z-]+)"', source)) <= listed
