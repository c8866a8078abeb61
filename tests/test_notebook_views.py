"""Specs, runs and comparisons in notebooks: their HTML, `repr`, tables and changed copies."""

from __future__ import annotations

import copy
import json
import pickle
import re
import shutil
import sys
import types
from html.parser import HTMLParser

import numpy as np
import pydantic
import pytest
import torch
from conftest import ROOT
from test_report_page import make_run, score

import ganspec
from ganspec.language.errors import SpecError
from ganspec.progress import Progress
from ganspec.runs.run import Run
from ganspec.sampling import trained_run
from ganspec.sampling.label_names import LabelError
from ganspec.sampling.sample import sample

DCGAN, WGAN = (ROOT / "specs" / name for name in ("dcgan.yaml", "wgan_gp.yaml"))
ODD = "<script>alert(1)</script> & \"'"


@pytest.fixture(scope="module")
def spec():
    return ganspec.load(DCGAN, ["vars.ch=4", "vars.z=8"])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    small = ["vars.ch=4", "vars.z=8", "train.batch=4", "data.dataset={shapes: {count: 8}}"]
    folder = tmp_path_factory.mktemp("views") / "run"
    return ganspec.train(ganspec.load(DCGAN, small), folder, steps=3, progress=False)


# -- changed copies ---------------------------------------------------------------------------


def test_values_are_changed_in_a_copy(spec):
    changed = spec.with_values("train.batch", 32)
    assert (spec.train.batch, changed.train.batch) == (128, 32)
    for batch in (np.int64(32), np.array(32), range(32, 33)[0]):
        assert spec.with_values("train.batch", batch) == changed
    with pytest.raises(SpecError, match="a number of a spec is finite"):
        spec.with_values({"optimizers.adam.betas": [0.5, float("nan")]})
    with pytest.raises(ValueError, match=r"a spec is frozen: .spec.with_values"):
        del spec.train.batch
    several = spec.with_values({"vars.ch": 2, "data.dataset": {"shapes": {"count": 9}}})
    assert several.data.dataset.count == 9
    same = ganspec.load(DCGAN, ["vars.ch=2", "vars.z=8", "data.dataset.shapes.count=9"])
    assert several.tree.plain() == same.tree.plain() and several.vars == same.vars
    assert several.with_values("doc", 'a "b": {c} # ä').doc == 'a "b": {c} # ä'
    assert spec.with_values({}) == spec == copy.deepcopy(spec) == pickle.loads(pickle.dumps(spec))
    width = spec.with_values({"vars.ch": 16, "generator.layers.1.conv_transpose.out": "2 * ch"})
    assert width.generator.layers[1].out == 32


@pytest.mark.parametrize(
    ("values", "place", "message"),
    [
        ({"train.batch": 0}, "with_values:1:13", "`batch` must be more than 0, got `0`"),
        ({"train.bach": 2}, "with_values:1:7", "train has no field `bach`"),
        ({"objective.loss": "hinges"}, "with_values:1:16", "no loss is called `hinges`"),
        ({"train..batch": 2}, "with_values:1:1", "`train..batch` is not a path of keys"),
        ({"train.batch=3": 2}, "with_values:1:1", "`train.batch=3` is not a path of keys"),
        ({3: 2}, "with_values:1:1", "`3` is not a path of keys"),
        (
            {"a": torch.ones(1)},
            "with_values:1:1",
            "a value of the type `Tensor` does not fit into a spec",
        ),
    ],
)
def test_wrong_values_are_refused_as_on_the_command_line(spec, values, place, message):
    with pytest.raises(SpecError) as caught:
        spec.with_values(values)
    (found,) = caught.value.diagnostics
    assert str(found.mark) == place and found.message.startswith(message)


def test_all_wrong_values_are_named(spec):
    with pytest.raises(SpecError) as caught:
        spec.with_values({"train.batch": 0, "objective.loss": "hinges"})
    assert len(caught.value.diagnostics) == 2
    with pytest.raises(TypeError, match="a path and a value, or a dict"):
        spec.with_values("train.batch")


def test_an_assignment_says_what_to_call(spec):
    dataset = spec.with_values("data.dataset", {"shapes": {"count": 9}}).data.dataset
    for part, name, value, call in [
        (spec, "name", "x", "\"name\", 'x'"),
        (spec.train, "batch", 32, '"train.batch", 32'),
        (dataset, "count", 8, '"data.dataset.shapes.count", 8'),
        (spec.generator.layers[1], "kernel", 5, '"generator.layers.1.conv_transpose.kernel", 5'),
        (spec.generator, "doc", "", '"train.batch", 32'),  # the discriminator has one, too
    ]:
        with pytest.raises(pydantic.ValidationError) as caught:
            setattr(part, name, value)
        (error,) = caught.value.errors()
        assert error["type"] == "frozen_instance" and f"`spec.with_values({call})`" in error["msg"]


def test_maps_are_frozen_too(spec):
    """An assignment to `spec.vars["ch"]` would change what is shown, and no network."""
    before = dict(spec.vars)
    changes = [
        lambda: spec.vars.__setitem__("ch", 8),
        lambda: spec.vars.update(ch=8),
        lambda: spec.vars.__ior__({"ch": 8}),
        lambda: spec.vars.setdefault("ch", 8),
        lambda: spec.vars.__delitem__("ch"),
        lambda: spec.vars.pop("ch"),
        lambda: spec.vars.popitem(),
        lambda: spec.vars.clear(),
    ]
    for i, change in enumerate(changes):
        name = "ch" if i < 6 else next(iter(before))
        call = f'`spec.with_values("vars.{name}", {8 if i < 4 else None})`'
        with pytest.raises(pydantic.ValidationError, match=re.escape(call)):
            change()
    assert spec.vars == before


# -- views ------------------------------------------------------------------------------------


class Tags(HTMLParser):
    """The tags of a piece of HTML. Each is closed, and every address is in the piece itself."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        for name, value in attributes:
            assert not name.startswith("on")
            assert name not in ("src", "href") or value.startswith("data:image/")
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_views_are_closed_small_and_without_scripts(spec, run):
    network = ganspec.build(spec)["generator"]
    diff, table = ganspec.diff(DCGAN, WGAN), ganspec.compare(DCGAN, WGAN)
    for thing, limit in [
        *((each, 30_000) for each in (spec, network, diff, table)),
        (run, 250_000),
        (run.sample(2), 30_000),
        (ganspec.Run("nowhere"), 5_000),
    ]:
        html = thing._repr_html_()
        assert "script" not in Tags(html).seen and len(html) < limit
        assert thing._repr_html_() == html
    for text in (spec._repr_html_(), network._repr_html_()):
        assert "conv_transpose 4 x 4, stride 2" in text and "svg+xml" in text
    assert "instance_norm, affine" in diff._repr_html_()
    assert "wasserstein" in table._repr_html_().lower()


def test_texts_are_escaped(tmp_path):
    odd = ganspec.load(DCGAN, ["vars.ch=4"]).with_values({"doc": ODD, "report.notes": [ODD]})
    folder = make_run(tmp_path / "<b>run", steps=20, scores=[score(note=ODD)])
    (tmp_path / "<i>.yaml").write_text(DCGAN.read_text())
    both = ganspec.diff(tmp_path / "<i>.yaml", odd), ganspec.compare(tmp_path / "<i>.yaml", odd)
    for thing in (odd, ganspec.Run(folder), *both):
        assert not {"script", "i"} & set(Tags(thing._repr_html_()).seen)
        assert "<b>run" not in thing._repr_html_()


def test_a_spec_that_cannot_be_built_shows_why(spec):
    wrong = spec.with_values("generator.layers.1.conv_transpose.kernel", 900)
    assert "error[" in wrong.with_values("generator.layers.0.reshape", [-1, 3, 1])._repr_html_()


def test_a_single_layer_that_differs_is_one_layer(spec):
    other = spec.with_values("discriminator.layers.1", {"leaky_relu": 0.1})
    assert "discriminator: 1 layer differs" in ganspec.diff(spec, other)._repr_html_()


def test_plain_texts_are_short(spec, run):
    assert repr(spec) == str(spec) == "<GAN dcgan: generator, discriminator>"
    assert repr(run) == f"<run {run.folder}>"
    assert repr(ganspec.Run("nowhere")) == "<run nowhere, not begun>"
    assert repr(run.sample(3)) == "<3 images, 3 x 64 x 64>"
    assert repr(ganspec.diff(DCGAN, WGAN)).startswith("<dcgan and wgan_gp: same generator; the ")
    assert repr(ganspec.diff(spec, spec)) == "<dcgan and dcgan (2): equal>"
    assert repr(ganspec.compare(DCGAN, WGAN)) == "<table of dcgan, wgan_gp: 8 rows differ>"


# -- runs -------------------------------------------------------------------------------------


def test_a_run_samples_what_the_command_does(run, tmp_path):
    sample(run.folder, count=5, seed=2, out=tmp_path / "five.png")
    samples = run.sample(5, seed=2)
    samples.save(tmp_path / "mine.png")
    assert (tmp_path / "mine.png").read_bytes() == (tmp_path / "five.png").read_bytes()
    with pytest.raises(ValueError, match=r"mine.jpg would be a PNG file: end its name in .png"):
        samples.save(tmp_path / "mine.jpg")
    assert not (tmp_path / "mine.jpg").exists()
    assert samples.images.shape == (5, 3, 64, 64) and len(samples) == 5 and samples.labels is None
    generator = run.generator()
    assert not generator.training and isinstance(ganspec.Run(run.folder).spec, ganspec.Spec)
    for count in (0, 10**30):
        with pytest.raises(ValueError, match=rf"images from 1 to 2\*\*63 - 1, not {count}"):
            run.sample(count)
    with pytest.raises(ganspec.RunError, match="raw is 'no': name True or False"):
        run.sample(1, raw="no")
    for label in ([3, 4], (3,), True):
        with pytest.raises(LabelError, match="name a number, or a text such as `3,4`"):
            run.sample(1, label=label)
    with pytest.raises(ganspec.runs.run.RunError, match="holds a spec"):
        ganspec.Run("nowhere").sample()


def test_the_log_and_the_scores_are_tables(tmp_path, monkeypatch):
    folder = make_run(tmp_path / "run", steps=3, scores=[score(reference={"images": 7})])
    run = ganspec.Run(folder)
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert run.log.to_dict("records") == rows == run.rows()
    (row,) = run.scores.to_dict("records")
    assert (row["metric"], row["value"], row["step"], row["reference.images"]) == (
        "fid",
        100,
        40,
        7,
    )
    (tmp_path / "begun").mkdir()
    shutil.copy(folder / "spec.yaml", tmp_path / "begun")
    empty = ganspec.Run(tmp_path / "begun")
    assert list(empty.log.columns) == ["step"] and len(empty.scores) == 0
    monkeypatch.setattr(trained_run, "find_spec", lambda name: None)
    assert run.log == rows and run.scores[0]["reference.images"] == 7 and empty.scores == []
    for name in ("log", "scores"):  # of a misspelt run would be empty tables
        with pytest.raises(ganspec.runs.run.RunError, match="nowhere is no run"):
            getattr(ganspec.Run(tmp_path / "nowhere"), name)
    with pytest.raises(ganspec.runs.run.RunError, match=r"log\.jsonl is a file: name the folder"):
        ganspec.Run(folder / "log.jsonl")


# -- progress ---------------------------------------------------------------------------------


def test_progress_in_a_notebook_is_one_line(monkeypatch, capfd):
    shown = []

    def display(data, raw, display_id):
        shown.append([data["text/plain"]])
        update = lambda data, raw: shown[-1].append(data["text/plain"])  # noqa: E731
        return types.SimpleNamespace(update=update)

    shell = types.SimpleNamespace(kernel=object())
    fake = types.SimpleNamespace(get_ipython=lambda: shell, display=None)
    monkeypatch.setitem(sys.modules, "IPython", fake)
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))
    with Progress("small") as progress:
        for step in range(1000):
            progress(step + 1, 1000)
    assert len(shown) == 1 and len(shown[0]) == 1000
    assert shown[0][-1].startswith("small: 1,000 of 1,000 steps, ")
    shell.kernel = None  # IPython in a terminal
    with Progress("small") as progress:
        progress(1, 2)
    assert len(shown) == 1 and capfd.readouterr() == ("", "")


def test_run_of_the_trainer_is_the_run_of_the_page(run):
    assert isinstance(run, Run) and run.step == 3 and not run.interrupted
    assert type(run) is ganspec.Run
