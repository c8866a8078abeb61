"""Arguments of the functions of `ganspec`: none is ignored or fails deep inside."""

from __future__ import annotations

import copy
import pickle
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from small_gans import GREY

import ganspec
from ganspec.comparison.compare import PartError
from ganspec.comparison.survey import SurveyError
from ganspec.exporting.request import ExportError
from ganspec.kinds_files import KindsError
from ganspec.language.paths import PathError
from ganspec.runs.run import resolved
from ganspec.systems.checkpoint import CheckpointError
from ganspec.training.tracking import TrackerError

QUICK = {"steps": 3, "device": "cpu", "progress": False}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    (folder / "grey.yaml").write_text(GREY)
    return ganspec.train(folder / "grey.yaml", folder / "run", **QUICK)


# -- lists of names ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rows", ["data,loss", " data , loss ", ["data", "loss"], iter(["data", "loss"])]
)
def test_rows_are_one_text_or_several(rows):
    names = {row.name for row in ganspec.compare("dcgan", "wgan_gp", rows=rows).rows}
    assert "loss" in names and all(name.startswith(("data", "loss")) for name in names)


@pytest.mark.parametrize("only", ["train", "train,data", ["train"], map(str, ["train"])])
def test_parts_are_one_text_or_several(only):
    spec = ganspec.load("dcgan")
    assert not ganspec.diff(spec, spec.with_values("train.batch", 32), only=only).is_equal
    assert ganspec.diff(spec, spec, only="train").is_equal


def test_no_names_are_none_and_other_names_are_refused():
    assert ganspec.compare("dcgan", rows=None) == ganspec.compare("dcgan")
    assert ganspec.diff("dcgan", "dcgan", only=None).is_equal
    for rows in ([5], "", "data,"):
        with pytest.raises(SurveyError, match="no row begins with"):
            ganspec.compare("dcgan", rows=rows)
    with pytest.raises(PartError):
        ganspec.diff("dcgan", "dcgan", only="")


# -- specs, runs and paths --------------------------------------------------------------------


def test_a_run_and_a_spec_are_taken_wherever_a_name_is(trained):
    spec = trained.spec
    for named in (trained, spec):
        assert ganspec.load(named) == spec
        assert ganspec.load(named, "train.batch=8").train.batch == 8
        assert ganspec.check(named) == ganspec.check(spec)
        assert ganspec.Trainer(named, device="cpu").spec == spec
        assert ganspec.diff(named, trained.folder).is_equal
    assert ganspec.compare(trained) == ganspec.compare(trained.folder)
    assert ganspec.Run(ganspec.Run(trained.folder).folder).step == 3
    assert ganspec.train(trained, **{**QUICK, "steps": 4}, resume=True).folder == trained.folder


@pytest.mark.parametrize("call", ["load", "check", "build", "emit", "train", "Trainer", "compare"])
@pytest.mark.parametrize("name", [None, 5, ["dcgan"], "", "a\0b"])
def test_what_is_no_spec_is_a_spec_error(call, name):
    with pytest.raises(ganspec.SpecError, match="is no spec, no path and no run"):
        getattr(ganspec, call)(name)


def test_what_is_no_path_is_an_error_of_ganspec(trained):
    for call in (ganspec.Run, ganspec.export):
        for path in NO_PATHS:
            with pytest.raises(ganspec.RunError, match="is no path"):
                call(path, **({} if call is ganspec.Run else {"format": "onnx"}))
    for path in NO_PATHS:
        with pytest.raises(KindsError, match=r"no path; --kinds"):
            ganspec.load_kinds(path)
    assert ganspec.load("dcgan", None) == ganspec.load("dcgan")
    with pytest.raises(ganspec.SpecError, match="a setting is a text, not `5`"):
        ganspec.load("dcgan", [5])
    with pytest.raises(ganspec.SpecError, match="not a map\n  = help: call `with_values`"):
        ganspec.load("dcgan", {"train.batch": 5})


NO_PATHS = [None, 5, 1.5, True, "", "a\0b", b"a", ["a"]]


@pytest.mark.parametrize("path", NO_PATHS)
def test_a_file_or_folder_that_is_no_path_is_one_line(path, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trainer = ganspec.Trainer(trained.spec, device="cpu")
    for call in (trained.sample(1).save, trainer.save, trainer.restore):
        with pytest.raises(PathError, match=r"^.+ is no path: name a file$"):
            call(path)
    for name in ("out", "data"):
        options = {**QUICK, "out": tmp_path / "run", name: path}
        if path is not None:  # which stands for the default
            with pytest.raises(ganspec.RunError, match=rf"^{name} is .+: name a folder, or leave"):
                ganspec.train(trained.spec, **options)
            with pytest.raises(ExportError, match=r"^out is .+: name another, or leave it out$"):
                ganspec.export(trained, path, format="onnx")
            with pytest.raises(ExportError, match=r"^format is .+: name another, or leave it out$"):
                ganspec.export(trained, format=path)
    assert not list(tmp_path.iterdir())


def test_a_path_that_cannot_be_written_names_itself(trained, tmp_path):
    (tmp_path / "file").write_text("")
    trainer, samples = ganspec.Trainer(trained.spec, device="cpu"), trained.sample(1)
    for save in (samples.save, trainer.save):
        for name, words in [
            ("", "is a folder: name a file"),
            ("new/", "is the name of a folder: name the file to write"),
            ("file/grid", "is a file: name another folder"),
        ]:
            with pytest.raises(OSError, match=words):
                save(f"{tmp_path}/{name}" if name else tmp_path)
        save(tmp_path / "missing" / "grid")  # a missing folder is made
    with pytest.raises(PathError, match=r"grid.gif would be a PNG file: end its name in .png"):
        samples.save(tmp_path / "grid.gif")
    for name, words in [("none", "does not exist"), ("file/grid", "does not exist")]:
        with pytest.raises(CheckpointError, match=words):
            trainer.restore(tmp_path / name)


@pytest.mark.parametrize("value", [5, 1.5, True, b"x", Path("x")])
def test_what_is_no_list_of_names_is_an_error_of_ganspec(value, trained, tmp_path):
    for call, error in [
        (lambda: ganspec.load("dcgan", value), ganspec.SpecError),
        (lambda: ganspec.diff("dcgan", "dcgan", value), PartError),
        (lambda: ganspec.compare("dcgan", rows=value), SurveyError),
        (lambda: ganspec.train(trained.spec, tmp_path, track=value, **QUICK), TrackerError),
    ]:
        with pytest.raises(error, match=rf"(?i)`{re.escape(str(value))}`"):
            call()


# -- options ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["push", "network", "out", "license", "label", "format"])
@pytest.mark.parametrize("value", ["", 5])
def test_an_empty_option_of_an_export_is_refused(name, value, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {"out": "out/", "format": "python", name: value}
    if (name, value) != ("label", 5):  # a label may be a number
        with pytest.raises(ExportError, match=r"(form|\w+) is (an empty text|`5`): name another"):
            ganspec.export(trained, **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_flags_are_true_or_false(value, trained, tmp_path):
    """A text such as `no` is true in Python."""
    export = partial(ganspec.export, trained, tmp_path / "a.ts")
    calls = dict.fromkeys(["raw", "overwrite", "private"], export)
    for name, call in {**calls, "exact": partial(ganspec.build, "dcgan")}.items():
        with pytest.raises(ganspec.RunError, match=f"^{name} is {value!r}: name True or False$"):
            call(**{name: value})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("progress", [1, 0, "yes", "off", []])
def test_progress_is_true_false_none_or_a_function(progress, tmp_path):
    with pytest.raises(ganspec.RunError, match="progress is"):
        ganspec.train("dcgan", tmp_path / "run", progress=progress)
    assert not (tmp_path / "run").exists()


def test_no_tracker_is_none(trained, tmp_path):
    assert ganspec.train(trained, tmp_path / "run", **QUICK, track=None).step == 3


@pytest.mark.parametrize("device", ["", "foo", "cuda:99"])
def test_build_takes_the_devices_that_train_takes(device):
    assert set(ganspec.build("dcgan", device="auto")) == {"generator", "discriminator"}
    with pytest.raises(ganspec.RunError):
        ganspec.build("dcgan", device=device)


@pytest.mark.parametrize(
    "options",
    [{"count": c} for c in (0, "3", None, 2.5, True)]
    + [{"seed": s} for s in (-1, "1", 1.5, None, True, 2**64)],
)
def test_images_are_drawn_by_whole_numbers(options, trained):
    trainer = ganspec.Trainer(trained, device="cpu")
    for sample in (trained.sample, trainer.sample):
        with pytest.raises(ValueError, match=r"sample draws a whole number|a seed is a whole"):
            sample(**{"count": 2, **options})
        some, same = (
            getattr(s, "images", s) for s in (sample(np.int64(2), np.int64(3)), sample(2, 3))
        )
        assert len(some) == 2 and torch.equal(some, same)


@pytest.mark.parametrize("step", ["3", -1, 2.5, True, []])
def test_a_step_is_a_whole_number(step, trained, tmp_path):
    out = {"out": tmp_path / "generator.pt2", "label": None}
    for call in (
        trained.generator,
        trained.sample,
        lambda **k: ganspec.export(trained, **out, **k),
    ):
        with pytest.raises(ganspec.RunError, match=r"step is .*: name a whole number from 0"):
            call(step=step)


def test_a_slash_ends_no_name_of_a_file(trained, tmp_path):
    for save in (trained.sample(1).save, ganspec.Trainer(trained, device="cpu").save):
        with pytest.raises(IsADirectoryError, match="is the name of a folder: name the file"):
            save(f"{tmp_path}/new/")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text", ["a\x7fb", "a\x85b", "a \u2028 b", "a\u2029\n", "\uffff", "\\x85", "é ü 😀"]
)
def test_a_text_is_stored_as_it_is(text, tmp_path):
    spec = ganspec.load("dcgan").with_values("doc", text)
    assert spec.doc == text and spec.with_values("train.batch", 8).doc == text
    (tmp_path / "spec.yaml").write_text(resolved(spec), "utf-8")
    assert ganspec.load(tmp_path / "spec.yaml").doc == text


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        ("optimizers.adam", {"lr": np.float32(0.1)}, "float32"),
        ("data.dataset", {"images": {"folder": Path("x")}}, "PosixPath"),
        ("train.batch", {1}, "set"),
        ("train", {"batch": {(1, 2): 3}}, "dict"),
    ],
)
def test_a_value_that_does_not_fit_is_named_by_its_own_type(path, value, name):
    with pytest.raises(ganspec.SpecError, match=f"a value of the type `{name}` does not") as caught:
        ganspec.load("dcgan").with_values(path, value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_mistake_in_a_setting_is_shown_once():
    with pytest.raises(ganspec.SpecError) as caught:
        ganspec.load("dcgan", "train.batch=[1")
    assert caught.value.__suppress_context__


def test_results_are_counted_in_the_singular(trained):
    assert repr(trained.sample(1)) == "<1 image, 1 x 8 x 12>"
    spec = trained.spec
    survey = ganspec.compare(spec, spec.with_values("latent.size", 9), rows="latent")
    assert repr(survey).endswith(": 1 row differs>")
    with pytest.raises(TypeError, match=r"got 1 tensor$"):
        ganspec.build("cgan_fashion")["generator"](torch.zeros(1, 100))


# -- errors and names -------------------------------------------------------------------------


def test_a_spec_error_can_be_pickled_and_copied():
    with pytest.raises(ganspec.SpecError) as caught:
        ganspec.load("dcgan", ["train.batch=0", "train.epochs=0"])
    error = caught.value
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert twin.diagnostics == error.diagnostics and str(twin) == str(error)


def test_a_refusal_of_torch_keeps_the_names_of_classes(tmp_path):
    head = "from torch import nn\nfrom ganspec.extend import Call, Layer\n\n\n"
    body = '    """Odd."""\n\n    def call(self, x):\n        return Call(nn.ReLU, slope=0)\n'
    (tmp_path / "odd.py").write_text(f'{head}class Odd(Layer, kind="odd"):\n{body}')
    ganspec.load_kinds(tmp_path / "odd.py")
    with pytest.raises(ganspec.SpecError, match=r": ReLU\.__init__\(\) got an unexpected"):
        ganspec.check(ganspec.load("dcgan", "generator.layers.2=odd"))


def test_all_public_names_are_listed():
    assert {*ganspec.__all__} <= {*dir(ganspec)}
    assert all(getattr(ganspec, name) for name in ganspec.__all__)
    assert issubclass(ganspec.RunError, ganspec.GanspecError)
