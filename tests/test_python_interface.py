"""What the functions of `ganspec` take and refuse: no argument is ignored or fails deep inside."""

from __future__ import annotations

import copy
import pickle

import pytest
from small_gans import GREY

import ganspec
from ganspec.comparison.compare import PartError
from ganspec.comparison.survey import SurveyError
from ganspec.exporting.request import ExportError
from ganspec.kinds_files import KindsError

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
@pytest.mark.parametrize("name", [None, 5, ["dcgan"]])
def test_what_is_no_spec_is_a_spec_error(call, name):
    with pytest.raises(ganspec.SpecError, match="is no spec, no path and no run"):
        getattr(ganspec, call)(name)


def test_what_is_no_path_is_an_error_of_ganspec(trained):
    for call in (ganspec.Run, ganspec.export):
        with pytest.raises(ganspec.RunError, match="is no path"):
            call(None, **({} if call is ganspec.Run else {"format": "onnx"}))
    for path in (None, "a\0.py"):
        with pytest.raises(KindsError, match=r"no path; --kinds"):
            ganspec.load_kinds(path)
    assert ganspec.load("dcgan", None) == ganspec.load("dcgan")
    with pytest.raises(ganspec.SpecError, match="`5` gives no value"):
        ganspec.load("dcgan", [5])


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


# -- errors and names -------------------------------------------------------------------------


def test_a_spec_error_can_be_pickled_and_copied():
    with pytest.raises(ganspec.SpecError) as caught:
        ganspec.load("dcgan", ["train.batch=0", "train.epochs=0"])
    error = caught.value
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert twin.diagnostics == error.diagnostics and str(twin) == str(error)


def test_all_public_names_are_listed():
    assert {*ganspec.__all__} <= {*dir(ganspec)}
    assert all(getattr(ganspec, name) for name in ganspec.__all__)
    assert issubclass(ganspec.RunError, ganspec.GanspecError)
