"""The examples run as they are, and the demo says what it did."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import ROOT, write_fashion_mnist

EXAMPLES = ["train_from_python.py", "own_layer.py", "own_loop.py"]


def run(tmp_path, *arguments, **environment):
    command = [sys.executable, *map(str, arguments)]
    result = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_example(tmp_path, name):
    assert run(tmp_path, ROOT / "examples" / name).strip()


def test_demo_names_what_to_look_at(tmp_path):
    write_fashion_mnist(tmp_path)
    arguments = ["--minutes", "0.02", "--batch", "4", "--out", "run"]
    out = run(tmp_path, ROOT / "examples/demo.py", *arguments, GANSPEC_DATA=str(tmp_path))
    assert "real Fashion-MNIST" in out
    for line in out.partition("Look at:")[2].strip().splitlines():
        assert (tmp_path / line.split()[0]).is_file()
