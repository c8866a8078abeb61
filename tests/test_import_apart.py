"""`ganspec import` of files that misbehave, and of several files at once."""

from __future__ import annotations

import multiprocessing
import re
import sys
import types
from pathlib import Path

import pytest
from conftest import ROOT
from typer.testing import CliRunner

from ganspec.cli import app
from ganspec.importing import apart
from ganspec.importing.apart import import_apart
from ganspec.importing.python_file import UnreadableError

TABLES = Path(__file__).parent / "summaries"
NETS = """
from torch import nn

class G(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 3 * 8 * 8), nn.Unflatten(1, (3, 8, 8)), nn.Tanh())

    def forward(self, z):
        return self.net(z)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*words):
    return CliRunner().invoke(app, ["import", *words, "--input", "z:4"])


def test_an_input_that_nothing_reads_is_an_error():
    Path("net.py").write_text(NETS)
    table = str(TABLES / "dcgan_keras_discriminator_plain.txt")
    for words, name in [
        (["net.py", "--generator", "G", "--input", "x:3x50x50"], "x:3x50x50"),
        (["net.py:G", "--input", "y:10"], "y:10"),
        (["--summary", table], "z:4"),
    ]:
        result = run(*words, "--stdout")
        said = f"error: nothing reads the input {name}: leave out this --input\n"
        assert (result.exit_code, result.stderr) == (2, said)


MISBEHAVING = {
    "import os; os._exit(0)": "the process that ran bad.py ended with exit status 0, before",
    "import os; os.kill(os.getpid(), 9)": "that ran bad.py ended with signal 9 (Killed), before",
    "import os; os.kill(os.getpid(), 35)": "ended with signal 35 (Real-time signal 1), before",
    "while True: pass": "bad.py ran for 0.02 minutes; allow more with --minutes\n",
    "x = bytearray(12 << 30)": "line 1: MemoryError while bad.py was run",
    "import torch; x = torch.empty(3 << 30)": "line 1: RuntimeError: ",
    "x = input()": "line 1: EOFError: EOF when reading a line while bad.py was run",
}


@pytest.mark.parametrize("code", MISBEHAVING)
def test_code_that_misbehaves_ends_in_one_line(code):
    Path("bad.py").write_text(code + NETS)
    result = run("bad.py:G", "--minutes", "0.02" if "while" in code else "1")
    assert result.exit_code == 2
    assert result.output.startswith("error: ") and result.output.count("\n") == 1
    assert MISBEHAVING[code] in result.output
    assert not Path("bad.yaml").exists()


def test_one_minute_is_no_minutes(monkeypatch):
    clock = types.SimpleNamespace(monotonic=iter([0, 61]).__next__)
    monkeypatch.setattr(apart, "time", clock)
    Path("bad.py").write_text("while True: pass" + NETS)
    said = "error: bad.py ran for 1 minute; allow more with --minutes\n"
    assert run("bad.py:G", "--minutes", "1").stderr == said


def test_a_limit_of_memory_is_named_where_there_is_one(monkeypatch):
    def read():
        raise MemoryError

    with pytest.raises(UnreadableError, match=r"^bad.py needs over 8 GiB of memory$"):
        import_apart(read, "bad.py", 1)
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    with pytest.raises(UnreadableError, match=r"^bad.py needs more memory than it can get$"):
        import_apart(read, "bad.py", 1)


def test_what_code_changes_ends_with_its_process():
    import torch

    before = torch.get_default_dtype()
    Path("net.py").write_text("import torch; torch.set_default_dtype(torch.float64)" + NETS)
    run("net.py:G")
    assert torch.get_default_dtype() == before


def test_what_code_prints_goes_to_standard_error():
    text = "import os, sys; print('by Python'); sys.stderr.write('too\\n')"
    Path("net.py").write_text(text + NETS)
    result = run("net.py:G", "--stdout")
    assert result.exit_code == 0
    assert result.stderr.startswith("by Python\ntoo\n")
    assert result.stdout.startswith("# ") and "by Python" not in result.stdout


def test_a_process_that_is_no_fork_knows_own_kinds(monkeypatch):
    """As on macOS and Windows."""
    monkeypatch.setattr(apart, "CONTEXT", multiprocessing.get_context("spawn"))
    page = (ROOT / "docs" / "extending.md").read_text("utf-8")
    (kind,) = re.findall(r"<!-- file: celu.py -->\n```python\n(.*?)^```", page, re.M | re.S)
    Path("celu.py").write_text(kind)
    Path("net.py").write_text(NETS.replace("nn.Tanh()", "nn.CELU(0.5)"))
    result = run("net.py:G", "--stdout", "--kinds", "celu.py")
    assert result.exit_code == 0, result.output
    assert "celu: 0.5" in result.stdout


def test_several_files_become_specs_in_a_folder():
    """A file that cannot be read does not keep the others from it."""
    for name, text in {
        "a": NETS,
        "b": "1 / 0" + NETS,
        "c": NETS.replace("Tanh", "Sigmoid"),
    }.items():
        Path(f"{name}.py").write_text(text)
    Path("specs").mkdir()
    words = ["a.py", "b.py", "c.py", "--generator", "G"]
    result = run(*words, "-o", "specs")
    assert result.exit_code == 2
    assert (
        result.stderr == "error: line 1: ZeroDivisionError: division by zero while b.py was run\n"
    )
    lines = [
        line
        for name in "ac"
        for line in (
            f"specs/{name}.yaml written; next: ganspec check specs/{name}.yaml",
            "generator: equal outputs on random input",
        )
    ]
    assert result.stdout.splitlines() == lines
    assert run(*words).exit_code == 2
    assert sorted(path.name for path in Path().glob("*.yaml")) == ["a.yaml", "c.yaml"]
    again = run(*words, "-o", "specs")
    assert again.stderr.count("exists and is not overwritten") == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["a.py:G", "b.py:G", "--stdout"],
            "several specs are not printed: write them into a folder",
        ),
        (
            ["a.py:G", "b.py:G", "-o", "-"],
            "several specs are not printed: write them into a folder",
        ),
        (
            ["a.py:G", "--stdout", "-o", "."],
            "--stdout prints, and -o . writes into a folder: choose",
        ),
        (
            ["a.py:G", "b.py:G", "-o", "none"],
            "there is no folder none, and several specs need one: make",
        ),
        (
            ["--summary", "a.txt", "--generator", "G"],
            "with --summary, leave out `--generator`: for Python",
        ),
        (
            ["--summary", "a.txt", "--minutes", "1"],
            "with --summary, leave out `--minutes`: for Python",
        ),
        (
            ["--summary", "a.txt", "--with", "a=1"],
            "with --summary, leave out `--with`: for Python",
        ),
        (
            ["a.py:G", "--summary", "a.txt"],
            "give a Python file, as module.py:Generator, or a table",
        ),
    ],
)
def test_options_without_an_effect_are_refused(words, message):
    result = run(*words)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {message}") and result.stderr.count("\n") == 1
