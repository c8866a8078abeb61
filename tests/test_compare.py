"""`ganspec compare`: what its cells say, against the built networks; its tables, read back.

`surveys/` has the expected tables of the reports' specs; `GANSPEC_UPDATE=1` writes them again.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import shutil
import subprocess

import pytest
from conftest import ROOT, SPECS
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_errors import BASE
from torch import nn
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.comparison.survey import Survey, SurveyError, SurveyRow, survey
from ganspec.comparison.surveyed import SurveyedSystem, open_systems
from ganspec.comparison.traits import TRAITS, Portrait, ordinal
from ganspec.compiler.lower import lower
from ganspec.language.load import loads
from ganspec.report.markup import latex, markdown
from ganspec.report.survey_table import FORMS, SurveyLayout, layout
from ganspec.report.table_data import described

UPDATE = bool(os.environ.get("GANSPEC_UPDATE"))
NAMES = [str(path) for path in SPECS]
NORMS = {"BN": (nn.BatchNorm1d, nn.BatchNorm2d), "IN": (nn.InstanceNorm2d,)}
drawn = settings(max_examples=60, deadline=None, derandomize=True)
ACTIVATIONS = {"ReLU": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "softmax": nn.Softmax}


def run(*arguments, status=0):
    """Output of `ganspec compare ARGUMENTS` on a terminal that is no terminal."""
    result = CliRunner().invoke(app, ["compare", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result.output


@pytest.fixture(scope="module")
def reports():
    """Return the survey of all specs."""
    return survey(open_systems(NAMES))


def rows_of(text):
    """Return the rows of a CSV table by the first cell."""
    head, *lines = csv.reader(io.StringIO(text))
    return {line[0]: dict(zip(head[1:], line[1:], strict=True)) for line in lines}


# -- what the reports come to -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["reports.csv", "reports.txt"])
def test_the_survey_of_the_reports(reports, name):
    form = {"csv": "csv", "txt": "text"}[name.split(".")[1]]
    write, width = FORMS[form]
    text = write(layout(reports, width, None, every=form == "csv")) + "\n"
    golden = ROOT / "tests" / "surveys" / name
    if UPDATE:
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


def test_the_docs_have_the_survey():
    """The table under the comment is what the command in it prints."""
    text = (ROOT / "docs/comparing.md").read_text("utf-8")
    shown = re.search(
        r"^<!-- (ganspec compare [^\n]*) -->\n(.*?)(?=\n\n[^|a\\]|\Z)", text, re.M | re.S
    )
    words = shlex.split(shown[1].replace("specs/*.yaml", " ".join(NAMES)))
    assert run(*words[2:]).strip() == shown[2].strip()


def test_hyperparameters_have_columns_of_their_own():
    """The table is report 003's table 1, with more columns."""
    names = ["specs/cgan_iclevr.yaml", "specs/wgan_gp_iclevr.yaml", "specs/wgan_cifar32.yaml"]
    words = ["--rows", "hyperparameters", "--all", "--transpose", "--format", "csv"]
    head, *rows = csv.reader(run(*names, *words).splitlines())
    assert head == [
        *("spec", "loss", "learning rate", "optimizer kind", "beta 1", "beta 2"),
        *("batch", "epochs", "GP weight", "clip"),
    ]
    assert rows == [
        ["cgan_iclevr", "non-saturating", "2e-4", "Adam", "0.5", "0.999", "128", "100*", "", ""],
        ["wgan_gp_iclevr", "Wasserstein", "1e-4", "Adam", "0.5", "0.9", "128", "100*", "10", ""],
        ["wgan_cifar32", "Wasserstein", "5e-5", "RMSprop", "", "", "128*", "100", "", "0.01"],
    ]
    (sagan,) = csv.reader(run("specs/sagan.yaml", *words).splitlines()[1:])
    assert sagan[2] == "1e-4* / 4e-4*"  # generator / discriminator
    assert "beta 1" not in run(*names, "--all")  # the usual rows have them in short form
    assert "learning rate" not in run(names[0], "--rows", "loss,optimizer")


IMPLIED = {
    "optimizers": ["learning rate", "optimizer kind", "beta 1", "beta 2", "eps"],
    "optimizers.generator.lr": ["learning rate"],
    "optimizers.betas.1": ["beta 2"],
    "optimizers.adam.eps": ["eps"],
    "objective.loss": ["loss"],
    "objective.penalty": ["GP weight"],
    "objective.clip": ["clip"],
    "objective.l2": ["L2 factor"],
    "train.batch": ["batch"],
    "train.generator_batch": ["batch"],
    "train.epochs": ["epochs"],
    "train.iterations": ["iterations per epoch"],
}


@pytest.mark.parametrize(("path", "names"), IMPLIED.items(), ids=IMPLIED)
def test_implied_hyperparameters_are_marked(path, names):
    text = BASE.replace("betas: [0.5, 0.999]", "betas: [0.5, 0.999], eps: 1e-6")
    text = text.replace(
        "{loss: hinge}", "{loss: hinge, penalty: gradient, clip: 1, l2: {generator: 1}}"
    )
    text = text.replace("{batch: 4}", "{batch: 4, generator_batch: 8, iterations: 3}")
    spec = loads(f"{text}report: {{implied: [{path}]}}\n")
    rows = survey([SurveyedSystem("a", spec)], ["hyperparameters"]).rows
    marked = dict.fromkeys(row.name for row in rows if (row.cells[0] or "").endswith("*"))
    assert list(marked) == names
    alone = [row.title for row in rows if row.name == "learning rate" and "*" in row.cells[0]]
    assert len(alone) == {"optimizers": 2, "optimizers.generator.lr": 1}.get(path, 0)


def test_hyperparameters_have_what_clips_decays_and_ends():
    text = BASE.replace("{loss: hinge}", "{loss: hinge, clip: 0.5, l2: {discriminator: 1e-3}}")
    text = text.replace("{batch: 4}", "{batch: 4, generator_batch: 8, iterations: 3}")
    specs = [SurveyedSystem(name, loads(each)) for name, each in (("a", BASE), ("b", text))]
    rows = {row.title: row.cells for row in survey(specs, ["hyperparameters"]).uneven}
    assert rows == {
        "discriminator L2 factor": ("0", "1e-3"),
        "batch": ("4", "4 (G 8)"),
        "iterations per epoch": ("", "3"),
        "clip": ("", "0.5"),
    }


def test_defaults_of_two_frameworks_are_rows_of_hyperparameters(tmp_path):
    (tmp_path / "torch.yaml").write_text(BASE)
    (tmp_path / "keras.yaml").write_text(f"{BASE}framework: keras\n")
    names = [tmp_path / "torch.yaml", tmp_path / "keras.yaml"]
    words = ["--rows", "hyperparameters", "--transpose", "--format", "csv"]
    assert run(*names, *words).splitlines() == [
        "spec,eps,eps hat",
        "torch,1e-8,no",
        "keras,1e-7,yes",
    ]
    assert "eps" not in run(names[1], *words)  # alone, it has its framework's default


def test_no_row_is_printed_twice():
    table = run("dcgan", "wgan_gp", "--rows", "loss,batch,hyperparameters", "--all")
    titles = [line[:40].strip() for line in table.splitlines()]
    assert [sum(t.startswith(name) for t in titles) for name in ("loss", "batch")] == [1, 1]


# -- cells against what is built --------------------------------------------------------------


@pytest.mark.parametrize("number", range(len(SPECS)), ids=[path.stem for path in SPECS])
def test_cells_say_what_is_built(reports, number):
    built = ganspec.build(ganspec.load(SPECS[number]))
    for name, network in built.items():
        cells = {row.name: row.cells[number] for row in reports.rows if row.network == name}
        said = {title: cell.rstrip("*") for title, cell in cells.items()}
        stored = [*network.parameters(), *(b for b in network.buffers() if b.is_floating_point())]
        # the vectors of spectral norm's power iteration are of its layers, which `show` counts
        assert said["parameters"] == f"{sum(tensor.numel() for tensor in stored):,}"
        words = set(said["norm"].replace(",", "").split())
        for word, classes in NORMS.items():
            assert (word in words) == any(isinstance(m, classes) for m in network.modules())
        assert ("SN" in words) == any("parametrizations" in key for key in network.state_dict())
        shown = re.split(r", | ", said["activations"])
        for word, kind in ACTIVATIONS.items():
            own = [
                n for n, m in network.named_modules() if isinstance(m, kind) and "label" not in n
            ]
            assert (word in shown) == bool(own), word
        weighted = nn.Conv2d | nn.ConvTranspose2d | nn.Linear
        assert int(said["depth"]) <= sum(isinstance(m, weighted) for m in network.modules())


def test_multiply_adds_are_those_of_show(reports):
    spec = ganspec.load(SPECS[1])
    for name, counts in described(spec, lower(spec))["networks"].items():
        (row,) = (r for r in reports.rows if r.title == f"{name} multiply-adds")
        assert row.cells[1] == f"{counts['macs']:,}"


def network(layers, **more):
    """Return the traits of a discriminator of these layers, written as YAML."""
    spec = loads(BASE.replace("    - conv: {out: ch, kernel: 4, stride: 2}\n", layers))
    return {
        name: make(Portrait(spec, "discriminator", lower(spec)["discriminator"]))
        for name, make in TRAITS.items()
    }


def test_depth_is_that_of_the_longest_way():
    spec = ganspec.load(ROOT / "specs/classifier_iclevr.yaml")
    of = Portrait(spec, "classifier", lower(spec)["classifier"])
    assert TRAITS["depth"](of) == "18"  # as ResNet-18 is called, though it has 21 such layers
    shortcut = "    - residual: {main: [{conv: ch}, relu, {conv: 3}], skip: [{conv: 3}]}\n"
    assert network(shortcut)["depth"] == "3"
    assert network("    - group_norm: 3\n    - conv: ch\n")["depth"] == "2"


def test_layers_are_counted_in_the_order_of_their_first():
    layers = (
        "    - conv: ch\n    - avg_pool: 2\n    - conv: {out: ch, kernel: [3, 5]}\n    - conv: ch\n"
    )
    assert network(layers)["layers"] == "2 conv k3, avg pool, conv k3x5, linear"


def test_ordinals():
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 112)] == (
        ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th"]
    )


def test_a_rule_without_words_here_is_not_lost():
    spec = loads(BASE.replace("{batch: 4}", "{batch: 4, batches: shared, last_batch: keep}"))
    (row,) = survey([SurveyedSystem("a", spec)], ["rules"]).rows
    assert row.cells == ("last batch kept, D steps share a batch",)


# -- what is named ----------------------------------------------------------------------------


def test_titles_tell_the_specs_apart(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.yaml").write_text(BASE)
    names = [tmp_path / "a/same.yaml", tmp_path / "b/same.yaml", tmp_path / "b/same.yaml"]
    titles = [each.title for each in open_systems(list(map(str, names)))]
    assert titles == [str(names[0]), str(names[1]), f"{names[1]} (2)"]


def test_one_spec_shows_every_row(tmp_path):
    (tmp_path / "one.yaml").write_text(BASE)
    assert rows_of(run(tmp_path / "one.yaml", "--format", "csv"))["loss"] == {"one": "hinge"}


def test_rows_without_any_value_are_left_out():
    names = ["dcgan", "vae_fashion", "classifier_fashion"]
    rows = json.loads(run(*names, "--json"))["rows"]
    assert rows and all(any(row["values"]) for row in rows)
    assert f"{len(rows)} rows differ" in repr(ganspec.compare(*names))


@pytest.mark.parametrize(
    ("rows", "remedy"),
    {
        "trained": "there are `system`",
        "fid": "use `claimed FID` and `measured FID`",
        ",": "leave --rows out",
        "": "there is an empty text after `--rows`: name a value",
    }.items(),
)
def test_rows_that_are_not_there_are_told(rows, remedy):
    assert remedy in run("dcgan", "wgan_gp", "--rows", rows, status=2)


def test_specs_that_come_along_have_no_revisions():
    assert "leave @HEAD out" in run("dcgan", "dcgan@HEAD", status=2)


def test_rows_are_chosen_by_their_beginning():
    text = run(*NAMES[:3], "--rows", "loss, claimed", "--all", "--format", "csv")
    assert list(rows_of(text)) == ["loss", "claimed accuracy", "claimed FID", "claimed IS"]
    chosen = ["dcgan", "wgan_gp", "--all", "--format", "csv", "--rows"]
    named = run(*chosen, "learning rate,Generator opt,gp weight,epochs")
    networks = ("generator", "discriminator")
    expected = [*(f"{name} learning rate" for name in networks), "generator optimizer"]
    assert list(rows_of(named)) == [*expected, "GP weight", "epochs"]
    lying = run(*chosen, "generator norm,discriminator beta 1", "--transpose")
    assert lying.splitlines()[0] == "spec,generator norm,discriminator beta 1"
    said = run(NAMES[0], "--rows", "trained", status=2)
    assert "not read" not in said and "`rules`" in said
    said = run(NAMES[0], "--rows", "optimiser", status=2)
    assert said == "error: no row begins with `optimiser`; use `optimizer`\n"


@pytest.mark.parametrize(
    ("framework", "init", "expected"),
    [
        ("torch", "null", "PyTorch's"),
        ("torch", "{framework: {of: keras}}", "Keras's"),
        ("keras", "framework", "Keras's"),
        ("keras", "{framework: {of: torch}}", "PyTorch's"),
    ],
)
def test_initial_weights_are_those_of_the_framework_that_draws_them(
    tmp_path, framework, init, expected
):
    file = tmp_path / "mine.yaml"
    text = f"extends: {ROOT}/specs/classifier_fashion.yaml\nname: mine\nframework: {framework}\n"
    file.write_text(f"{text}classifier: {{init: {init}}}\n")
    rows = rows_of(run(file, "--rows", "classifier initial", "--all", "--format", "csv"))
    assert rows["classifier initial weights"]["mine"].rstrip("*") == expected


def test_a_claimed_accuracy_of_a_classifier_is_of_real_images_or_does_not_say(tmp_path):
    file = tmp_path / "mine.yaml"
    for of in ("", ", of: real"):
        claim = f"report: {{scores: [{{metric: accuracy, value: 93{of}}}]}}\n"
        file.write_text(f"extends: {ROOT}/specs/classifier_fashion.yaml\nname: mine\n{claim}")
        text = run(file, "--rows", "claimed accuracy", "--all", "--format", "csv")
        assert rows_of(text) == {"claimed accuracy": {"mine": "93 %"}}


@pytest.mark.parametrize("option", [["--width", 80], ["--transpose"], ["--columns"]])
def test_json_has_no_layout(option):
    said = run(NAMES[0], "--json", *option, status=2)
    assert said == f"error: {option[0]} is for tables, and JSON is none: leave it out\n"


def test_csv_is_always_one_table():
    said = run(NAMES[0], "--format", "csv", "--width", 60, status=2)
    assert said == "error: --width splits wide tables, and CSV is always one table: leave it out\n"


def test_a_spec_with_mistakes_is_shown_where_they_are(tmp_path):
    (tmp_path / "bad.yaml").write_text(BASE.replace("kernel: 4", "kernal: 4"))
    assert "unknown-field" in run(NAMES[0], tmp_path / "bad.yaml", status=1)


SCORES = [
    {"metric": "fid", "value": 90.0, "images": 100, "step": 10, "extractor": {"name": "inception"}},
    {"metric": "fid", "value": 46.137, "images": 10000, "extractor": {"name": "inception"}},
    {"metric": "fid", "value": 0.5, "of": "real", "images": 10000},
    {"metric": "inception_score", "value": 5.8469, "deviation": 0.123, "of": "generated"},
    {"metric": "accuracy", "value": 91.5, "of": "real"},
    {"metric": "kid", "value": float("nan")},
    {"metric": "kid"},
    ["no score"],
]


def test_measured_scores_are_the_newest(tmp_path):
    folder = tmp_path / "first"
    folder.mkdir()
    (folder / "spec.yaml").write_text(BASE)
    lines = [json.dumps(score) for score in SCORES]
    (folder / "scores.jsonl").write_text("\n".join([*lines, '{"metric": "fid", "val']))
    found = rows_of(run(folder, NAMES[0], "--format", "csv", "--rows", "measured"))
    assert {name: cells["first"] for name, cells in found.items()} == {
        "measured FID": "46.14 (n = 10,000, inception)",
        "measured IS": "5.847 ± 0.12",
        "measured accuracy": "91.5 %",
    }
    assert found["measured FID"]["acgan_cifar32"] == ""


# -- tables -----------------------------------------------------------------------------------

cells = st.text(st.sampled_from("aB3 |\\_*`[<>&%$#{}~^-/\"'±é,\n"), max_size=40).map(
    lambda text: " ".join(text.split())
)


@st.composite
def surveys(draw):
    """Surveys with any text in their cells, of networks and of whole specs."""
    titles = draw(st.lists(cells.filter(bool), min_size=1, max_size=5, unique=True))
    rows = []
    for i in range(draw(st.integers(0, 6))):
        texts = tuple(draw(cells) for _ in titles)
        rows.append(SurveyRow("data", f"row {i}", texts))
        if draw(st.booleans()):
            pair = [tuple(draw(cells) for _ in titles) for _ in range(2)]
            rows += [SurveyRow(n, f"trait {i}", c, n) for n, c in zip("gd", pair, strict=True)]
    return Survey(tuple(titles), tuple(rows))


def test_the_note_names_the_networks_that_share_cells():
    words = ["--rows", "widths", "--transpose"]
    encoder = "a / b: encoder / decoder; one value where both have it."
    assert encoder in run("vae_fashion", "denoising_fashion", *words)
    both = "a / b: encoder / decoder, or generator / discriminator; one value"
    assert both in run("vae_fashion", "dcgan", *words)
    trio = [SurveyRow("n", "x", (str(i), "1"), name) for i, name in enumerate("kml")]
    laid = layout(Survey(("s", "t"), tuple(trio)), 80, True, True)
    assert laid.notes == ("a / b / c: k / m / l; one value where all have it.",)


@drawn
@given(surveys(), st.integers(2, 6), st.integers(0, 3), st.booleans(), st.booleans())
def test_blocks_lose_nothing_and_fit(found, count, less, transpose, every):
    for table in layout(found, None, transpose, every).tables:
        widths = table.widths()[:count]  # so many columns just fit, or just do not
        width = sum(widths) + 2 * (len(widths) - 1) - less
        parts = layout(found, width, transpose, every).tables
        assert [c for part in parts for c in part.columns[1:]] == table.columns[1:]
        for part in parts:
            assert max(
                map(len, FORMS["text"][0](SurveyLayout((part,), ())).splitlines())
            ) <= width or (len(part.head) == 2)


@drawn
@given(surveys())
def test_every_row_is_in_the_table_or_in_the_note(found):
    laid = layout(found, None, False, every=False)
    shown = [line[0] for table in laid.tables for line in table.rows]
    uneven = [row.title for row in found.rows if len(set(row.cells)) > 1]
    assert shown == uneven or len(found.titles) == 1
    for row in found.rows:
        if row.title not in shown and row.cells[0]:
            assert f"{row.title} {row.cells[0]}" in laid.notes[-1]


@drawn
@given(surveys())
def test_csv_reads_back(found):
    text = FORMS["csv"][0](layout(found, None, False, every=True))
    read = list(csv.reader(io.StringIO(text)))
    rows = [[row.title, *row.cells] for row in found.filled]
    assert read == [["property", *found.titles], *rows] if rows else read == []


@drawn
@given(surveys())
def test_markdown_cells_are_text(found):
    text = FORMS["markdown"][0](layout(found, None, False, every=True))
    lines = [line for line in text.split("\n") if line.startswith("|")]
    for line, row in zip(lines[2:], found.filled, strict=True):
        parts = re.split(r"(?<!\\)(?:\\\\)*\|", line)[1:-1]
        assert len(parts) == len(found.titles) + 1
        plain = [re.sub(r"\\(.)", r"\1", part.strip()) for part in parts]
        for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
            plain = [part.replace(entity, character) for part in plain]
        assert plain == [row.title, *(cell or "-" for cell in row.cells)]


def test_markdown_leaves_names_readable():
    assert markdown("dcgan_cifar32") == "dcgan_cifar32"
    assert markdown("_a_ <b> *c*") == r"\_a\_ &lt;b> \*c\*"


NASTY = ("\\input{x} & 100 % of $5 #1 a_b {c} ~ ^ < > | [x] * ± é č 漢", "[first", "*star", "a--b")


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_latex_compiles_as_pasted(reports, tmp_path):
    rows = tuple(SurveyRow("data", text, (text, "x"), None) for text in NASTY)
    found = [layout(reports, 90, True, False), layout(Survey(NASTY[:2], rows), 90, None, False)]
    body = "\n\n".join(FORMS["latex"][0](laid) for laid in found)
    head = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
    (tmp_path / "survey.tex").write_text(head + body + "\n\\end{document}\n", "utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "survey.tex"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout[-2000:]
    assert (tmp_path / "survey.pdf").is_file()


@drawn
@given(st.text(max_size=20))
@example("±↑↓[*]~")
def test_latex_has_no_command_of_the_text(text):
    known = r"\\(text\w+\{\}|[&%$#_{}])|\$\\(pm|times|uparrow|downarrow)\$|\{\[\}|\{\*\}|-\{\}"
    rest = re.sub(known, "", latex(text))
    assert not set(rest) & set("\\&%$#_{}~^")


def test_rules_that_clash_are_refused(tmp_path):
    base = ROOT / "specs" / "dcgan.yaml"
    (tmp_path / "a.yaml").write_text(f"extends: {base}\ntrain: {{order: [mine]}}\n")
    result = CliRunner().invoke(app, ["compare", str(tmp_path / "a.yaml"), str(base)])
    assert result.exit_code == 1 and "no update is called `mine`" in result.output


@pytest.mark.parametrize("count", [2, 7])
def test_a_page_has_each_spec_and_fits_a_phone(tmp_path, browser, count):
    """Rows are specs if there are many; nothing is loaded, and a title is text."""
    for i in range(count):
        text = (ROOT / "specs" / "dcgan.yaml").read_text()
        text = text.replace("train: {batch: 128", f"train: {{batch: {i + 8}")
        (tmp_path / f"<b>{i}.yaml").write_text(text)
    out = tmp_path / "page.html"
    run(*sorted(tmp_path.glob("*.yaml")), NAMES[0], "-o", out)
    for width, dark in [(1400, False), (390, True)]:
        page = browser.open(out, width, dark)
        assert page.complaints() == [] and page.overflow() <= 0 and page.unreadable() == []
    names = page.texts("thead th" if count == 2 else "tbody th")
    assert [f"<b>{i}" for i in range(count)] == [n for n in names if n.startswith("<b>")]
    assert run(NAMES[0], "-o", out, status=2).startswith("error: ")
    assert ".html, .htm or .json" in run(NAMES[0], "-o", tmp_path / "x.pdf", status=2)


def test_a_survey_needs_a_spec():
    with pytest.raises(SurveyError, match="name at least one spec to compare"):
        ganspec.compare()
