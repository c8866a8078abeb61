"""The page of a run: honest curves and scores, whatever the folder lacks, and nothing executed."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markupsafe import escape
from PIL import Image
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.plots import curves, losses
from ganspec.plots.curves import BINS, THEME, Curve, Panel
from ganspec.plots.log import LOOKS, Column, Epochs, columns
from ganspec.plots.multiples import BINS as SMALL_BINS
from ganspec.plots.multiples import shared_axes, small_figure
from ganspec.report import run_images, run_view
from ganspec.report.markup import markdown, markdown_line
from ganspec.report.run_files import ReportError, write_report
from ganspec.report.run_markdown import fenced
from ganspec.report.run_plots import column_title, run_plots
from ganspec.report.run_scores import score_lines
from ganspec.report.run_view import ReportView, RunView
from ganspec.runs.record import read_record, read_records
from ganspec.runs.run import resolved
from ganspec.scores.panels import score_panels
from ganspec.scores.text import value_text
from ganspec.seal import is_report

HOSTILE = (
    '"><script>window.hacked = 1</script><img src=x onerror="hacked=1"> `t` | ![a](http://e.x/p)'
)
FASHION = ROOT / "specs" / "dcgan_fashion.yaml"


def make_run(folder, path=FASHION, settings=("vars.ch=4",), steps=40, scores=()):
    """Return a run folder as a training leaves it, without training."""
    folder.mkdir()
    spec = ganspec.load(path, list(settings))
    (folder / "spec.yaml").write_text(resolved(spec))
    (folder / f"{spec.name}.py").write_text("import torch  # emitted\n" * 3)
    info = {
        "command": ["ganspec", "train", "--set", "vars.ch=4"],
        "epoch_steps": 10,
        "device": "cpu",
    }
    (folder / "run.json").write_text(json.dumps(info))
    random = np.random.default_rng(0)
    rows = [
        {"step": i + 1, "d_loss": v, "g_loss": 1 - v} for i, v in enumerate(random.random(steps))
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "samples").mkdir()
    for step in range(10, steps + 1, 10):
        pixels = random.integers(0, 256, (8 * 30 + 2, 8 * 30 + 2), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "samples" / f"{step:07d}.png")
    if scores:
        (folder / "scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in scores))
    return folder


def score(metric="fid", value=100.0, epoch=4, **more):
    whole = {
        "metric": metric,
        "value": value,
        "of": "generated",
        "epoch": epoch,
        "step": 10 * epoch,
    }
    return {**whole, "images": 1000, "weights": "raw", **more}


# -- curves -----------------------------------------------------------------------------------

numbers = st.floats(-1e6, 1e6)


@given(st.lists(numbers, min_size=1, max_size=60), st.integers(1, 70))
def test_smoothing_is_a_mean_of_the_last_values(values, width):
    wanted = [np.mean(values[max(0, i + 1 - width) : i + 1]) for i in range(len(values))]
    found = curves.smoothed(np.array(values), width)
    np.testing.assert_allclose(found, wanted, atol=1e-6 * max(1, max(map(abs, values))))


@given(st.lists(numbers, min_size=7, max_size=300), st.integers(1, 7))
def test_an_envelope_leaves_nothing_out(values, bins):
    column = Column(np.arange(len(values), dtype=float), np.array(values))
    ends, low, high = curves.envelope(column, bins)
    assert ends[-1] == len(values) - 1
    starts = np.concatenate([[0], ends[:-1] + 1]).astype(int)
    for start, end, least, most in zip(starts, ends.astype(int), low, high, strict=True):
        assert least == min(values[start : end + 1])
        assert most == max(values[start : end + 1])


def test_values_beyond_an_axis_are_counted():
    values = np.random.default_rng(0).random(1000)
    values[[3, 500]] = 70, -90
    panel = Panel("loss", (Curve(Column(np.arange(1000.0), values), "loss", "blue"),))
    low, high = curves.y_limits(panel.curves)
    beyond = (values < low) | (values > high)
    assert beyond[[3, 500]].all() and beyond.sum() <= 10 and high - low < 1.5
    count, furthest = f"{beyond.sum()} values", "the furthest -90 at step 500"
    assert curves.outside(panel) == f"{count} are beyond the axis, {furthest}"
    by_epoch = dataclasses.replace(panel, x="epoch")
    assert curves.outside(by_epoch).endswith("the furthest -90 at epoch 500")


def test_what_is_no_number_is_no_point():
    rows = [{"step": 2, "a": 1.0}, {"step": 1, "a": 3, "b": "x"}, {"step": 3, "a": float("nan")}]
    rows += [{"step": "x", "a": 1}, {"step": 4, "a": 10**400, "c": True}, {"step": 5, "a": 1e308}]
    rows += [{"step": 6, "a": 2**70, "c": True}]
    found = columns(rows)
    assert list(found) == ["a"]
    assert found["a"].steps.tolist() == [1, 2, 6]
    assert found["a"].values.tolist() == [3, 1, 2**70]


def test_long_logs_make_small_plots(tmp_path):
    """And the highest value of all is still drawn."""
    folder = make_run(tmp_path / "run", steps=50)
    rows = [{"step": i + 1, "d_loss": (i * 7919 % 1000) / 1000} for i in range(20 * BINS)]
    rows[777]["d_loss"] = 1.5
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (plot,) = run_plots(read_record(folder))
    assert len(plot.svg()) < 200_000
    assert "mean of the last 120 steps; pale: lowest to highest of every 20 steps" in plot.notes[0]
    (band,) = plot.figure.axes[0].collections
    assert band.get_datalim(plot.figure.axes[0].transData).y1 == 1.5


def test_plots_take_their_colours_from_the_page(tmp_path):
    (plot,) = run_plots(read_record(make_run(tmp_path / "run")))
    svg = plot.svg()
    assert svg.startswith("<svg role=") and svg.rstrip().endswith("</svg>")
    assert not any(light in svg for light, _ in THEME.values())
    assert {"var(--plot-blue)", "var(--plot-orange)", "var(--plot-ink)"} <= set(
        re.findall(r"var\(--plot-\w+\)", svg)
    )
    assert "<metadata" not in svg and ' id="axes' not in svg


@pytest.mark.parametrize("name", ["_hidden", "$x", "$\\frac$", "<b>", "x" * 300])
def test_any_name_can_be_drawn(tmp_path, name):
    folder = make_run(tmp_path / "run")
    (folder / "log.jsonl").write_text(json.dumps({"step": 1, name: 2.0}) + "\n")
    (plot,) = run_plots(read_record(folder))
    shown = plot.figure.axes[0].get_legend().get_texts()[0].get_text()
    assert shown.strip()[:30] == name[:30]
    assert "<b>" not in plot.svg()


def test_columns_of_own_names_look_different(tmp_path):
    names = ["loss", "reconstruction", "kl", *(f"own_{i}" for i in range(5))]
    (panel,) = losses.panels(columns([{"step": 1} | dict.fromkeys(names, 1.0)]), {})
    looks = [(curve.colour, curve.style) for curve in panel.curves]
    assert len(set(looks)) == len(looks) == 8
    assert [colour for colour, _ in looks[:3]] == ["blue", "orange", "green"]


def test_few_steps_are_points_at_whole_numbers():
    for count in (1, 4):
        panel, *_ = losses.panels(columns({"step": i + 1, "loss": 2.0} for i in range(count)), {})
        for figure in (curves.figure_of([panel]), small_figure([panel], shared_axes([panel]))):
            figure.draw_without_rendering()
            (axes,) = figure.axes
            low, high = axes.get_xlim()
            ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
            assert ticks and all(tick == int(tick) for tick in ticks)
            assert (axes.lines[-1].get_marker() == "o") == (count == 1)


@pytest.mark.parametrize("name", LOOKS)
def test_a_column_keeps_its_name_on_a_page_of_several_runs(name):
    assert LOOKS[name][0] in column_title(name)


# -- scores -----------------------------------------------------------------------------------


def lines_of(folder):
    found = score_lines(read_record(folder))
    return [(line.claimed, line.measured, line.differences) for line in found]


def test_a_claim_stands_beside_the_measurement_of_its_epoch(tmp_path):
    """Measured at epochs 9, 50 and 60: the claims of epochs 10 and 50 have one each."""
    measured = [score(value=v, epoch=e, images=2000) for v, e in [(500, 9), (400, 50), (390, 60)]]
    spec = ROOT / "specs" / "dcgan_keras.yaml"
    folder = make_run(tmp_path / "run", spec, ["vars.ch=8"], scores=measured)
    found = {claimed: (measured, why) for claimed, measured, why in lines_of(folder)}
    assert found["576.8080890859787"] == ("500", ("epoch 9, not 10",))
    assert found["407"] == ("400", ())
    assert [found[claim] for claim in ("529", "323", "212", "139")] == [("", ())] * 4
    assert len(found) == 6


def test_other_conditions_are_marked_and_kept_apart(tmp_path):
    measured = [score(value=90.0, images=500), score(value=80.0, epoch=100), score("kid", 0.5)]
    found = lines_of(make_run(tmp_path / "run", scores=measured))
    assert found[0] == ("46.1373", "80", ())
    assert ("", "0.5", ()) in found
    assert ("", "90", ()) in found  # of fewer images: a measurement of its own


def test_accuracies_of_two_files_are_two(tmp_path):
    spec = ROOT / "specs" / "cgan_iclevr.yaml"
    measured = [
        score("accuracy", 40.0, images=32, labels="new_test.json"),
        score("accuracy", 30.0, images=32, labels="test.json"),
    ]
    folder = make_run(tmp_path / "run", spec, ["vars.ch=8"], scores=measured)
    assert lines_of(folder) == [("58.33 %", "30 %", ()), ("57.14 %", "40 %", ())]


def test_a_classifiers_test_accuracy_is_a_measurement(tmp_path):
    spec = ROOT / "specs" / "classifier_fashion.yaml"
    claim = "report.scores=[{metric: accuracy, value: 92, epoch: 4}]"
    folder = make_run(tmp_path / "run", spec, [claim])
    with (folder / "log.jsonl").open("a") as log:
        log.write('{"step": 40, "test_accuracy": 0.875}\n')
    assert lines_of(folder) == [("92 %", "87.5 %", ())]


def test_scores_by_epoch_show_the_claim(tmp_path):
    scores = [score(value=100 - e, epoch=e) for e in (1, 2, 3)]
    record = read_records([make_run(tmp_path / "run", scores=scores)])[0]
    (panel,) = score_panels([record], [("blue", "-")])
    assert panel.x == "epoch" and panel.claims == ((100, 46.1373),)
    assert panel.curves[0].column.values.tolist() == [99, 98, 97]


def test_the_last_weights_stand_where_they_are_in_their_epoch(tmp_path, monkeypatch):
    scores = [score(value=9, epoch=1, step=2), score(value=8, epoch=1, step=3)]
    record = read_records([make_run(tmp_path / "run", scores=scores)])[0]
    monkeypatch.setattr(type(record), "epochs", Epochs(2))
    (panel,) = score_panels([record], [("blue", "-")])
    assert panel.curves[0].column.steps.tolist() == [1, 1.5]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (17603.7, "17,604"),
        (9999.7, "10,000"),
        (999.96, "1,000"),
        (2.7863, "2.786"),
        (1e300, "1e+300"),
    ],
)
def test_scores_are_written_out(value, text):
    assert value_text(value) == text


def test_two_weights_of_one_run_are_two_curves(tmp_path):
    scores = [score(value=50, epoch=e, weights=w) for e in (1, 2) for w in ("raw", "average")]
    record = read_records([make_run(tmp_path / "run", scores=scores)])[0]
    (panel,) = score_panels([record], [("blue", "-")])
    assert {curve.label for curve in panel.curves} == {
        f"run ({w} weights)" for w in ("raw", "averaged")
    }


def test_counts_that_are_not_as_claimed_are_said(tmp_path):
    view = RunView(read_record(make_run(tmp_path / "run")), "run1")
    assert {count.agrees for count in view.counts} == {False}
    whole = RunView(read_record(make_run(tmp_path / "whole", settings=())), "run1")
    assert len(whole.counts) == 4 and all(count.agrees for count in whole.counts)


# -- pictures ---------------------------------------------------------------------------------


@given(st.integers(1, 400), st.integers(2, 20))
def test_moments_are_spread_over_the_training(items, count):
    found = run_images.evenly_chosen(list(range(items)), count)
    assert len(found) == min(items, count)
    assert (found[0], found[-1]) == (0, items - 1)
    gaps = np.diff(found)
    assert not len(gaps) or gaps.max() - gaps.min() <= 1


def test_moments_are_the_grids_first_row(tmp_path):
    folder = make_run(tmp_path / "run")
    first = run_images.moments(read_record(folder))[0]
    with Image.open(folder / "samples" / "0000010.png") as grid:
        row = np.asarray(grid)[: 28 + 4]
    assert (first.width, first.height) == (row.shape[1], row.shape[0])
    import io

    assert np.array_equal(np.asarray(Image.open(io.BytesIO(first.data))), row)


def test_large_pictures_are_made_smaller_and_said_so(tmp_path):
    final = run_images.final_picture(read_record(make_run(tmp_path / "run")), 20_000)
    assert len(final.data) <= 20_000
    assert final.caption


# -- pages ------------------------------------------------------------------------------------


class Links(HTMLParser):
    """Every address in a page, and every anchor."""

    def __init__(self, page):
        super().__init__()
        self.addresses, self.anchors, self.tags = [], set(), []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "xlink:href", "srcset", "action"):
                self.addresses.append(value)
            if name == "id":
                self.anchors.add(value)


def page_of(*folders, name="page.html"):
    return write_report(list(folders), folders[0].parent / name).read_text("utf-8")


def hostile_run(folder):
    hostile = {"metric": HOSTILE, "value": 1.0, "of": HOSTILE, "step": 3, "note": HOSTILE}
    make_run(folder, scores=[hostile])
    text = (folder / "spec.yaml").read_text()
    (folder / "spec.yaml").write_text(re.sub("^doc:.*", f"doc: '{HOSTILE}'", text, flags=re.M))
    info = {"command": [HOSTILE, "--set", HOSTILE], HOSTILE: HOSTILE}
    (folder / "run.json").write_text(json.dumps(info))
    (folder / "dcgan_fashion.py").write_text(f"'''{HOSTILE}\n```\n'''\n")
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps({"step": 41, HOSTILE: 1.0}) + "\n")
    return folder


def test_a_page_needs_nothing_else(tmp_path):
    page = page_of(make_run(tmp_path / "run", scores=[score(), score(epoch=3)]))
    links = Links(page)
    assert {a.partition(":")[0] for a in links.addresses if not a.startswith("#")} == {"data"}
    inner = {a.removeprefix("#") for a in links.addresses if a.startswith("#")}
    assert (
        inner - links.anchors - {a for a in inner if re.fullmatch(r"[mp][0-9a-f]{10}", a)} == set()
    )
    assert "run1-spec-3" in links.anchors
    assert "default-src 'none'" in page
    assert len(page) < 2_000_000


def test_strangers_text_is_text(tmp_path):
    folder = hostile_run(tmp_path / "run")
    plain = Links(page_of(make_run(tmp_path / "plain"), name="plain.html"))
    found = Links(page_of(folder))
    assert found.tags.count("script") == plain.tags.count("script") == 1
    assert not [a for a in found.addresses if a.startswith(("http", "x"))]
    tokens = MarkdownIt("commonmark").enable("table").parse(page_of(folder, name="page.md"))
    inner = [child for token in tokens for child in token.children or []]
    html = {t.content.strip() for t in [*tokens, *inner] if t.type in ("html_inline", "html_block")}
    assert all(
        re.fullmatch(r"</?details>(\n<summary>[\w.]+</summary>)?|<!--[^<>]*-->", h) for h in html
    )
    images = [child.attrs["src"] for child in inner if child.type == "image"]
    assert images and all((tmp_path / source).is_file() for source in images)


def test_a_stranger_runs_nothing_in_a_browser(tmp_path, browser):
    hostile_run(tmp_path / "run")
    page_of(tmp_path / "run")
    page = browser.open(tmp_path / "page.html")
    assert page.run("return typeof window.hacked") == "undefined"
    assert page.complaints() == []


@pytest.mark.parametrize("count", [1, 2])
def test_pages_are_readable(tmp_path, browser, count):
    """At two widths, in both themes: nothing overflows, every text stands out from its ground."""
    scores = [score(epoch=e, value=200 - e) for e in (1, 2, 4)]
    page_of(*(make_run(tmp_path / f"run_{i}", scores=scores) for i in range(count)))
    for width, dark in [(1400, False), (700, True), (390, False)]:
        page = browser.open(tmp_path / "page.html", width, dark)
        asked = [url for url in page.requests() if not url.startswith("chrome")]
        assert (page.complaints(), asked) == ([], [])
        assert page.overflow() <= 0
        assert page.unreadable() == []
        assert page.run("return [...document.images].every(image => image.naturalWidth > 0)")


def test_a_line_of_the_table_leads_to_the_spec(tmp_path, browser):
    page_of(make_run(tmp_path / "run"))
    page = browser.open(tmp_path / "page.html")
    link = page.find(".layers a")[0]
    line = int(link.text)
    text = (tmp_path / "run" / "spec.yaml").read_text().splitlines()[line - 1]
    page.run("document.querySelector('.layers a').click()")
    assert page.texts(":target")[0].split(maxsplit=1) == [str(line), text.strip()]


def test_hashes_are_shortened(tmp_path):
    """Of 64 digits, a reader compares the first few."""
    run = make_run(tmp_path / "run")
    info = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**info, "images_sha256": "0123456789abcdef" * 4}))
    assert read_record(run).environment["images_sha256"] == "01234567"
    page = page_of(run)
    assert "01234567" in page and "0123456789" not in page


def test_what_differs_comes_first(tmp_path):
    runs = [make_run(tmp_path / "a"), make_run(tmp_path / "b", settings=["vars.ch=8"], steps=20)]
    view = ReportView(read_records(runs))
    uneven = {(row.section, row.name): row.cells for row in view.uneven}
    assert uneven["run", "trained to"] == ("step 40, epoch 4", "step 20, epoch 2")
    assert uneven["generator", "widths"] == ("784-8-4-1", "1568-16-8-1")
    assert ("objective", "loss") not in uneven
    page = page_of(*runs)
    assert page.index("What differs") < page.index("What is the same") < page.index('id="curves"')


def test_runs_of_one_name_are_told_apart(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        make_run(tmp_path / name / "run")
    records = read_records([tmp_path / "a" / "run", tmp_path / "b" / "run", tmp_path / "a" / "run"])
    assert len({record.label for record in records}) == 3


def test_every_system_has_a_page(tmp_path):
    for name in ("classifier_fashion", "denoising_fashion", "cgan_iclevr"):
        settings = ["vars.ch=8"] if name == "cgan_iclevr" else []
        folder = make_run(tmp_path / name, ROOT / "specs" / f"{name}.yaml", settings)
        assert "Samples" in page_of(folder, name=f"{name}.html")
    assert "## Scores" in page_of(folder, name="page.md")


@pytest.mark.parametrize("form", ["html", "md"])
def test_whatever_is_missing_there_is_a_page(tmp_path, form):
    folder = make_run(tmp_path / "run")
    for path in (folder / "samples").iterdir():
        path.write_bytes(path.read_bytes()[:100])
    (folder / "run.json").write_text("{")
    (folder / "log.jsonl").write_text("")
    (folder / "scores.jsonl").write_text('[1]\n{"metric": "fid", "value": NaN}\nx\n')
    (folder / "dcgan_fashion.py").unlink()
    (folder / ".lock").write_text("")
    page = page_of(folder, name=f"page.{form}")
    wanted = [
        "no pictures",
        "no checkpoint: its training",
        "has not reached a step, or failed",
        "in training",
        "no scores: 3",
        "The log is empty.",
    ]
    assert all(words in page.replace("\\", "") for words in wanted)
    misfit = (folder / "spec.yaml").read_text().replace("- tanh", "- linear: 3\n  - tanh")
    for text, mistake in (
        ("name: [", "this list is not closed"),
        (misfit, "linear expects a vector"),
    ):
        (folder / "spec.yaml").write_text(text)
        page = page_of(folder, name=f"page.{form}").replace("\\", "")
        assert "Its spec cannot be used: error[" in page and mistake in page


# -- files ------------------------------------------------------------------------------------


def invoke(*words):
    result = CliRunner().invoke(app, list(map(str, words)))
    return result.exit_code, result.output


def test_pages_are_written_over_edits_only_when_asked(tmp_path):
    folder = make_run(tmp_path / "run")
    assert invoke("report", folder)[0] == 0
    page = folder / "report.html"
    first = page.read_bytes()
    assert is_report(first) and invoke("report", folder)[0] == 0
    assert page.read_bytes() == first
    page.write_bytes(first.replace(b"Summary", b"My words", 1))
    status, output = invoke("report", folder)
    assert (status, len(output.splitlines())) == (2, 1) and "--overwrite" in output
    assert b"My words" in page.read_bytes()
    assert invoke("report", folder, "--overwrite")[0] == 0
    assert page.read_bytes() == first


def test_a_page_in_markdown_and_one_in_latex_share_a_folder(tmp_path):
    folder = make_run(tmp_path / "run")
    for form in ("tex", "md", "tex", "md"):
        assert invoke("report", folder, "-o", folder / f"report.{form}")[0] == 0
        if (folder / "report.md").exists():
            files = re.findall(r"\(<(report_files/.+?)>\)", (folder / "report.md").read_text())
            assert any("moment" in file for file in files)
            assert all((folder / file).exists() for file in files)


@pytest.mark.parametrize("options", [(), ("--overwrite",)])
def test_a_folder_in_place_of_a_page_is_refused_before_anything_is_written(tmp_path, options):
    folder = make_run(tmp_path / "run")
    (tmp_path / "page.md").mkdir()
    status, said = invoke("report", folder, "-o", tmp_path / "page.md", *options)
    assert status == 2 and "page.md is a folder: choose another -o" in said
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["page.md", "run"]


def test_captions_say_which_pictures_are_shown(tmp_path):
    folder = make_run(tmp_path / "gan")
    view = RunView(read_record(folder), "run1")
    assert view.shown_moments.startswith(f"{len(view.moments)} of {len(view.moments)} pictures;")
    view = RunView(
        read_record(make_run(tmp_path / "c", ROOT / "specs/classifier_fashion.yaml", [])), "run1"
    )
    assert "same images" not in view.shown_moments


def test_a_picture_has_one_caption_in_every_form_of_a_page(tmp_path, monkeypatch):
    """The caption is what the picture shows, when it was made, and how it was made smaller."""
    monkeypatch.setattr(run_view, "FINAL_BYTES", 20_000)
    folder = make_run(tmp_path / "run")
    view = RunView(read_record(folder), "run1")
    caption = view.final.captioned(view.pictured_at(40))
    assert caption == f"{view.pictured}, step 40, epoch 4; {view.final.caption}"
    assert view.final.caption.endswith("for this page")
    for name, shown in [
        ("page.html", f"<figcaption>{escape(caption)}</figcaption>"),
        ("page.md", f"\n{caption}\n"),
        ("page.tex", f"{{run: {caption}}}"),
    ]:
        assert page_of(folder, name=name).count(shown) == 1
        for plot in view.plots:
            title = f"<b>{plot.title}</b>" if name == "page.html" else plot.title
            assert title + "; ".join(["", *plot.notes]) in page_of(folder, name=name)


def test_entries_of_a_run_are_for_readers(tmp_path):
    folder = make_run(tmp_path / "run")
    info = {"images_per_second": 1619.0, "measured_step_seconds": {"fp32": 0.5, "tf32": 0.25}}
    (folder / "run.json").write_text(json.dumps(info))
    shown = read_record(folder).environment
    assert shown["images_per_second"] == "1,619"
    assert shown["measured_step_seconds"] == "fp32 0.5, tf32 0.25"


def test_a_folder_of_pictures_is_not_taken(tmp_path):
    folder = make_run(tmp_path / "run")
    (tmp_path / "page_files").mkdir()
    assert invoke("report", folder, "-o", tmp_path / "page.md")[0] == 2
    (tmp_path / "page_files").rmdir()
    assert invoke("report", folder, "-o", tmp_path / "page.md")[0] == 0
    (folder / "samples" / "0000010.png").unlink()
    assert invoke("report", folder, "-o", tmp_path / "page.md")[0] == 0
    assert not (tmp_path / "page_files" / "run1_moment_0000010.png").exists()


@pytest.mark.parametrize(
    "words",
    [["nowhere"], ["run", "-o", "page.pdf"], ["run"] * 25, ["run", "nowhere", "-o", "x.html"]],
)
def test_what_cannot_be_a_page_is_one_line(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "run")
    status, output = invoke("report", *words)
    assert status == 2 and output.startswith("error: ") and len(output.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_markdown_escapes():
    assert markdown("a | b\n$x$ 1 < 2") == "a \\| b \\$x\\$ 1 &lt; 2"
    assert all(markdown_line(start) != start == markdown(start) for start in ("- x", "1. x"))
    assert fenced("```\nx", "yaml").startswith("````yaml\n")


def test_a_run_says_how_long_its_epochs_are(tmp_path):
    settings = ["vars.ch=4", "vars.z=8", "train.batch=4", "data.dataset={shapes: {count: 8}}"]
    spec = ganspec.load(ROOT / "specs" / "dcgan.yaml", settings)
    ganspec.train(spec, tmp_path / "run", steps=3)
    view = RunView(read_record(tmp_path / "run"), "run1")
    assert view.when(3) == "step 3, epoch 1.5"
    assert any(remark.startswith("Trained for 1.5 of the") for remark in view.remarks)


def test_many_runs_have_small_plots_and_fit_a_phone(tmp_path, browser):
    """On one page: a part of each plot for each run, on the same axes, and shared lines once."""
    folders = []
    for i in range(24):
        scores = [score(epoch=e, value=200 - e * i) for e in (1, 2, 4)]
        steps = 2 * SMALL_BINS if i == 3 else 40
        path = tmp_path / f"run_{i}"
        folders.append(make_run(path, settings=[f"train.seed={i}"], steps=steps, scores=scores))
    text = page_of(*folders)
    assert len(text) < 8_000_000
    view = ReportView(read_records(folders))
    assert [len(plot.parts) for plot in (*view.plots, *view.score_plots)] == [24, 24, 24]
    axes = [part.figure.axes[0] for part in view.plots[0].parts]
    assert {(a.get_xlim(), a.get_ylim()) for a in axes} == {
        (axes[0].get_xlim(), axes[0].get_ylim())
    }
    assert "lowest to highest" in view.plots[0].notes[0]
    unmeasured = [who for who, line in view.score_lines if not line.measured]
    assert unmeasured and set(unmeasured) == {"all runs"}
    assert any(who == "all runs" and "no checkpoint" in said for who, said in view.remarks)
    for width, dark in [(1400, False), (390, True)]:
        page = browser.open(tmp_path / "page.html", width, dark)
        assert page.complaints() == []
        assert page.overflow() <= 0
        assert page.unreadable() == []
    assert len(page.find(".multiples .plot svg")) == 72
    with pytest.raises(ReportError, match="24 at most"):
        page_of(*folders, folders[0])


def test_a_page_without_remarks_has_no_heading_for_them(tmp_path, monkeypatch):
    folders = [make_run(tmp_path / name) for name in "ab"]
    heading = "<h3>Before you compare</h3>"
    assert heading in write_report(folders, tmp_path / "page.html").read_text()
    monkeypatch.setattr(RunView, "remarks", [])
    assert heading not in write_report(folders, tmp_path / "page.html").read_text()


def test_many_runs_are_one_figure_on_paper(tmp_path):
    folders = [make_run(tmp_path / f"run_{i}") for i in range(7)]
    assert page_of(*folders, name="page.md").count("page_files/log_") == 2
    (figure, _) = (plot.figure for plot in ReportView(read_records(folders)).plots)
    assert [axes.get_title() for axes in figure.axes if axes.get_visible()] == [
        f"run_{i}" for i in range(7)
    ]


def test_a_line_that_one_run_has_twice_is_not_that_of_all(tmp_path):
    """Two claims of one run are equal; the other run has none."""
    runs = [make_run(tmp_path / "a"), make_run(tmp_path / "b")]
    view = ReportView(read_records(runs))
    line = view.runs[0].scores[0]
    view.runs[0].scores, view.runs[1].scores = [line, line], []
    assert view.score_lines == [("a", line)]


def test_logs_without_accuracies_are_named_in_one_sentence(tmp_path):
    page = page_of(make_run(tmp_path / "a"), make_run(tmp_path / "b"))
    assert page.count("has no accuracy of the discriminator") == 1
    assert "The log of all runs has no accuracy" in page
    assert "The log has no accuracy" in page_of(tmp_path / "a", name="one.html")
