"""The notebooks of examples/ run from the first cell to the last, at tiny sizes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest
from conftest import ROOT

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
SMALL = {  # in place of the cell that is tagged `parameters`
    "first_gan": "PHOTOGRAPHS = 'photographs'\nSTEPS = 3",
    "one_line": "STEPS = 2\nVALUES = {'vars.ch': 4, 'train.batch': 4,"
    " 'data.dataset': {'shapes': {'count': 8}}}",
    "read_code": "STEPS = 2\nWIDTHS = {'vars.ngf': 4, 'vars.ndf': 4, 'train.batch': 4,"
    " 'data.dataset': {'shapes': {'count': 8}}}",
}


def tags(cell):
    return cell.metadata.get("tags", [])


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Run all notebooks in one process, which imports torch once. Return them by name."""
    folder = tmp_path_factory.mktemp("notebooks")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    books = {path.stem: nbformat.read(path, 4) for path in NOTEBOOKS}
    whole = nbformat.v4.new_notebook()
    for name, book in books.items():
        for cell in book.cells:
            if "parameters" in tags(cell):
                cell.source = SMALL[name]
        whole.cells += book.cells
    client = nbclient.NotebookClient(whole, timeout=300, kernel_name="python3")
    client.execute(cwd=str(folder), env=environment)
    return books


def html(cell):
    return "".join(o.data.get("text/html", "") for o in cell.outputs if "data" in o)


def last(book, text):
    """Return the last code cell whose source contains `text`."""
    return [c for c in book.cells if c.cell_type == "code" and text in c.source][-1]


def plain(cell):
    return "".join(o.get("data", {}).get("text/plain", o.get("text", "")) for o in cell.outputs)


@pytest.mark.slow
def test_the_first_gan(executed):
    book = executed["first_gan"]
    assert "conv_transpose 4 x 4, stride 2" in html(last(book, "ganspec.load"))
    training = last(book, "steps=STEPS")
    shown = [o["data"]["text/plain"] for o in training.outputs if o.output_type == "display_data"]
    # a line each, which changed as the work went on
    assert shown[0] == "reading photographs: 400 of 400 images"
    assert shown[1].startswith("my_gan: 3 of 3 steps, d_loss ")
    assert html(training).count("<img") == 2
    (mistake,) = last(book, "optimiser").outputs
    assert "train has no field `optimiser`" in "".join(mistake.traceback)
    assert "Traceback" not in "".join(mistake.traceback) and len(mistake.traceback) < 9
    assert "6 of 6 steps" in plain(last(book, "resume=True"))
    assert "data:image/png" in html(last(book, "run.sample"))
    assert plain(last(book, "generator(")) == "torch.Size([4, 3, 32, 32])"


@pytest.mark.slow
def test_one_line(executed):
    book = executed["one_line"]
    assert "adds spectral norm to every weight" in html(last(book, "ganspec.diff"))
    assert "2 of 2 steps" in plain(last(book, "ganspec.train"))
    assert html(last(book, "display(run.sample")).count("data:image/png") == 2


@pytest.mark.slow
def test_read_code(executed):
    book = executed["read_code"]
    assert plain(last(book, "ganspec import")).count("equal outputs on random input") == 2
    assert "drops a batch norm, adds dropout" in html(last(book, "ganspec.diff"))
    assert "2 of 2 steps" in plain(last(book, "ganspec.train"))


def test_a_cell_that_defines_a_kind_can_run_again(tmp_path):
    page = (ROOT / "docs/extending.md").read_text("utf-8")
    kind = page.partition("```python\n")[2].partition("```")[0]
    setting = "generator.layers.3"
    load = f"import ganspec\nspec = ganspec.load({str(ROOT / 'specs/dcgan.yaml')!r})\n"
    load += f"text = ganspec.emit(spec.with_values({setting!r}, 'celu'))\n"
    load += "print(*(line for line in text.split() if 'CELU' in line))"
    cells = [kind, load, kind.replace("1.0", "3.0"), load]
    book = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, cells)))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    client = nbclient.NotebookClient(book, timeout=300, kernel_name="python3")
    client.execute(cwd=str(tmp_path), env=environment)
    assert [plain(cell).strip() for cell in book.cells] == [
        "",
        "nn.CELU(1.0),",
        "",
        "nn.CELU(3.0),",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(path):
    book = nbformat.read(path, 4)
    nbformat.validate(book)
    assert [tags(cell) for cell in book.cells].count(["parameters"]) == 1
    assert not [cell for cell in book.cells if cell.get("outputs") or cell.get("execution_count")]
