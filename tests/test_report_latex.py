"""The LaTeX report: a document that compiles, with every figure, whatever the names are."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from conftest import ROOT
from PIL import Image
from test_report_page import FASHION, HOSTILE, make_run, score
from typer.testing import CliRunner

from ganspec.cli import app
from ganspec.report.run_files import write_report
from ganspec.seal import is_report

SAGAN = ROOT / "specs" / "sagan.yaml"


def report(*words, status=0):
    result = CliRunner().invoke(app, ["report", *map(str, words)])
    assert result.exit_code == status, result.output
    return result.output


@pytest.fixture
def runs(tmp_path):
    """Return two runs; the path of one and a note on its scores have TeX's characters."""
    scores = [
        score(value=100.0, epoch=2),
        score(value=90.0, epoch=4, note=r"50% of \input{x} & {y}_z #1 ^ ~ $a$ é" + HOSTILE),
        score("inception_score", 2.786, deviation=0.0721),
    ]
    first = make_run(tmp_path / "50%_a&b", FASHION, scores=scores)
    return [first, make_run(tmp_path / "other", SAGAN, ["vars.ch=16"])]


def tables(text):
    """Return the rows of each table, as cells."""
    parts = re.findall(r"\\begin\{tabular\}.*?\n(.*?)\\end\{tabular\}", text, re.S)
    lines = [
        [line.strip() for line in part.splitlines() if line.endswith(r" \\")] for part in parts
    ]
    return [[re.split(r"(?<!\\) & ", line[:-3]) for line in rows] for rows in lines]


def implied(*cells):
    return [f"{cell}{{*}}" for cell in cells]


def check(text):
    """Assert what LaTeX needs: environments and braces in pairs, no bare special character."""
    opened = []
    for which, name in re.findall(r"\\(begin|end)\{(\w+\*?)\}", text):
        if which == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    body = text[text.index(r"\begin{document}") : text.index(r"\end{document}")]
    bare = re.sub(r"\\[&%$#_{}\\]", "", body)
    assert bare.count("{") == bare.count("}")
    assert not re.search(r"[%#^~]", bare)
    assert bare.count("$") % 2 == 0
    for rows in tables(body):
        assert rows and len({len(row) for row in rows}) == 1, rows


def test_a_report_has_its_tables_and_figures(runs, tmp_path):
    out = tmp_path / "page.tex"
    report(*runs, "--latex", "-o", out)
    text = out.read_text()
    check(text)
    assert is_report(out.read_bytes())
    hyper, scores, *networks = tables(text)
    assert hyper == [
        ["run", "loss", "learning rate", "optimizer kind", "beta 1", "beta 2", "batch", "epochs"],
        [r"50\%\_a\&b", *implied("minimax", "1e-4", "Adam", "0.9", "0.999", "256"), "100"],
        ["other", "hinge", "1e-4{*} / 4e-4{*}", *implied("Adam", "0", "0.9", "128", "200")],
    ]
    assert "{*} implied, in whole or in part: the report does not print it." in text
    assert "a / b: generator / discriminator" in text
    values = {row[2]: row[3] for row in scores}
    assert values["5.8469"] == r"2.786 $\pm$ 0.072"
    assert len(networks) == 4
    included = re.findall(r"\\includegraphics\[[^]]*\]\{page_files/([^}]*)\}", text)
    assert set(included) == {path.name for path in (tmp_path / "page_files").iterdir()}
    assert {name.rpartition(".")[2] for name in included} == {"pdf", "png"}
    for name in included:
        file = tmp_path / "page_files" / name
        if file.suffix == ".pdf":
            assert file.read_bytes().startswith(b"%PDF")
        else:
            Image.open(file).verify()
    labels = re.findall(r"\\label\{([^}]*)\}", text)
    assert len(labels) == len(set(labels))
    again = {path.name: path.read_bytes() for path in (tmp_path / "page_files").iterdir()}
    report(*runs, "-o", out)  # an unchanged page is written anew, equal to the last bit
    assert out.read_text() == text
    assert {p.name: p.read_bytes() for p in (tmp_path / "page_files").iterdir()} == again


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_the_report_compiles(runs, tmp_path):
    write_report(runs, tmp_path / "page.tex")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-2000:]
    log = (tmp_path / "page.log").read_text(errors="replace")
    assert "undefined" not in log and "multiply" not in log
    assert not re.search(r"Overfull \\hbox \((\d{3,})", log)  # more than a third of an inch


def test_one_run_has_its_report_in_its_folder(tmp_path, monkeypatch):
    run = make_run(tmp_path / "run")
    assert report(run, "--latex") == f"{run}/report.tex written\n"
    check((run / "report.tex").read_text())
    (run / "report.tex").write_text("mine")
    assert "add --overwrite" in report(run, "--latex", status=2)
    assert (run / "report.tex").read_text() == "mine"
    said = report(run, "--latex", "-o", tmp_path / "a.html", status=2)
    assert "--latex writes a .tex file" in said and "a.html, or leave --latex out" in said
    assert "LaTeX cannot include pictures" in report(run, "-o", tmp_path / "a b.tex", status=2)
    assert "end its name in .html, .md or .tex" in report(run, "-o", tmp_path / "a.pdf", status=2)


def test_a_damaged_run_has_a_report(tmp_path):
    run = make_run(tmp_path / "run")
    (run / "spec.yaml").write_text("name: [")
    for path in (run / "samples").iterdir():
        path.unlink()
    (run / "log.jsonl").write_text("")
    report(run, "--latex")
    check((run / "report.tex").read_text())
    assert not (run / "report_files").exists()
