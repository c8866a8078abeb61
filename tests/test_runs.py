"""Run folders under rough use: two processes, other images, damage, odd places."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import torch
from conftest import ROOT, small, write_image_folder
from PIL import Image
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.language.errors import GanspecError
from ganspec.runs.run import Run, RunError
from ganspec.systems import checkpoint

DCGAN = ROOT / "specs" / "dcgan.yaml"


def narrow(*settings):
    return small(DCGAN, "vars.ch=4", "vars.z=8", *settings)


def test_equal_runs_have_equal_bytes(tmp_path):
    runs = [ganspec.train(narrow(), tmp_path / name, steps=3) for name in ("a", "b")]
    for name in ("checkpoint.pt", "log.jsonl", "spec.yaml", "dcgan.py", "losses.png"):
        assert (runs[0].folder / name).read_bytes() == (runs[1].folder / name).read_bytes(), name


@pytest.mark.parametrize("how", [{"resume": True}, {"overwrite": True}])
def test_only_one_process_trains_a_run(tmp_path, how):
    run = ganspec.train(narrow(), tmp_path / "run", steps=2)
    before = run.checkpoint_path.read_bytes()
    other = Run(run.folder)
    other.lock()  # a lock of another open file is another process's to the system
    with pytest.raises(RunError, match="by another process"):
        ganspec.train(narrow(), run.folder, steps=3, **how)
    assert run.checkpoint_path.read_bytes() == before
    other.release()
    assert ganspec.train(narrow(), run.folder, steps=3, **how).step == 3


def test_other_images_do_not_resume(tmp_path):
    (tmp_path / "images").mkdir()
    write_image_folder(tmp_path / "images", 20)
    spec = narrow("data={dataset: image_folder, size: 64}")
    options = {"data": tmp_path / "images"}
    ganspec.train(spec, tmp_path / "run", steps=2, **options)
    write_image_folder(tmp_path / "images", 29)  # the same 20, and nine more
    with pytest.warns(UserWarning, match=r"new images .* not part of the run: 020\.png and 8 more"):
        ganspec.train(spec, tmp_path / "run", steps=4, resume=True, **options)
    for path in (tmp_path / "images").glob("*.png"):  # as many, but others
        Image.new("RGB", (20, 24), "red").save(path)
    with pytest.raises(
        GanspecError, match="20 of the 20 images that the run began with are missing"
    ):
        ganspec.train(spec, tmp_path / "run", steps=6, resume=True, **options)


def test_a_run_of_drawn_images_is_not_told_to_change_its_data(tmp_path):
    ganspec.train(narrow(), tmp_path / "run", steps=1)
    wanted = f"leave --data {tmp_path} out\n"
    run, folder = [str(tmp_path / "run")], ["--data", str(tmp_path)]
    more = ["train", *run, "--resume", "--steps", "2"], ["evaluate", *run, "-n", "10", "-m", "fid"]
    for command in more:
        result = CliRunner().invoke(app, [*command, *folder])
        assert result.stderr.endswith(wanted), result.output


@pytest.mark.parametrize("key", ["batches", "networks", "fixed", "random", "step"])
def test_a_checkpoint_that_lacks_something_is_one_line(tmp_path, key):
    run = ganspec.train(narrow(), tmp_path / "run", steps=1)
    state = torch.load(run.checkpoint_path, weights_only=True)
    del state[key]
    torch.save(state, run.checkpoint_path)
    with pytest.raises(checkpoint.CheckpointError, match=f"lacks '{key}'"):
        ganspec.train(narrow(), tmp_path / "run", steps=2, resume=True)


def test_a_checkpoint_of_other_networks_names_a_weight(tmp_path):
    run = ganspec.train(narrow(), tmp_path / "run", steps=1)
    state = torch.load(run.checkpoint_path, weights_only=True)
    weights = state["networks"]["generator"]
    weights["main.1.weight"] = weights["main.1.weight"][:1]
    torch.save(state, run.checkpoint_path)
    with pytest.raises(checkpoint.CheckpointError, match=r"main\.1\.weight"):
        ganspec.train(narrow(), tmp_path / "run", steps=2, resume=True)


@pytest.mark.parametrize(
    "log", [None, "null\n", '{"step": 1, "d_loss": 1.0, "g_loss": 1.0}\n[3]\n']
)
def test_a_damaged_log_does_not_stop_a_run(tmp_path, log):
    run = ganspec.train(narrow(), tmp_path / "run", steps=2)
    run.log_path.unlink()
    if log is not None:
        run.log_path.write_text(log)
    first = 2 if log and "1.0" in log else 1
    with pytest.warns(UserWarning, match=rf"log\.jsonl lacks steps {first} to 2: they were lost"):
        again = ganspec.train(narrow(), tmp_path / "run", steps=3, resume=True)
    assert again.rows()[-1]["step"] == 3


def test_what_a_killed_process_left_is_cleared_away(tmp_path):
    run = ganspec.train(narrow(), tmp_path / "run", steps=1)
    (run.folder / ".checkpoint.pt.abc.pt").write_bytes(b"half")
    (run.folder / "samples" / ".0000002.png.abc.png").write_bytes(b"half")
    ganspec.train(narrow(), tmp_path / "run", steps=2, resume=True)
    assert not list(run.folder.rglob(".*"))


def test_a_run_that_is_done_stays_as_it_is(tmp_path):
    run = ganspec.train(narrow(), tmp_path / "run", steps=3)
    before = run.checkpoint_path.stat().st_mtime_ns
    with pytest.raises(RunError, match="at step 3 already"):
        ganspec.train(narrow(), tmp_path / "run", steps=2, resume=True)
    assert run.checkpoint_path.stat().st_mtime_ns == before
    assert len(run.rows()) == 3


def test_odd_places(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match="is a file"):
        ganspec.train(narrow(), tmp_path / "file", steps=1)
    (tmp_path / "big disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "big disk")
    ganspec.train(narrow(), tmp_path / "link", steps=1)
    assert (tmp_path / "big disk" / "checkpoint.pt").is_file()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert ganspec.train(narrow(), ".", steps=1).step == 1


def test_a_bad_start_leaves_nothing(tmp_path):
    with pytest.raises(GanspecError):
        ganspec.train(narrow("train.batch=49"), tmp_path / "run", steps=1)
    assert not list(tmp_path.iterdir())


def test_no_permission_names_the_file(tmp_path, monkeypatch):
    from ganspec.atomic import write_text

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", str(tmp_path / ".x.tmp"))

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(
        PermissionError, match=r"^no permission to write .*spec\.yaml: name another file$"
    ):
        write_text(tmp_path / "spec.yaml", "text")


def test_run_info_names_what_it_depends_on(tmp_path):
    run = ganspec.train(narrow(), tmp_path / "run", steps=1)
    info = json.loads(run.info_path.read_text())
    assert info["torch"] == torch.__version__
    assert info["threads"] == torch.get_num_threads() == int(os.environ["OMP_NUM_THREADS"])


def test_a_training_of_no_time_takes_a_step(tmp_path):
    """Its minutes count from the first step, not from imports before it that may take longer."""
    run = ganspec.train(narrow(), tmp_path / "run", minutes=1e-9)
    assert run.step == 1
    assert run.losses_path.is_file()


def test_other_images_of_the_same_number_do_not_resume(tmp_path):
    """A resumed run is the run that it would have been: with its images and its labels."""
    images, labels = np.zeros((20, 8, 8, 3), np.uint8), np.arange(20) % 2
    images[:, ::2] = 200
    spec = narrow("data={dataset: npz, size: 64}")
    others = images.copy()
    others[7, 0, 0, 0] = 201
    np.savez(tmp_path / "a.npz", images=images, labels=labels)
    np.savez(tmp_path / "b.npz", images=others, labels=labels)
    np.savez(tmp_path / "c.npz", images=images, labels=1 - labels)
    ganspec.train(spec, tmp_path / "run", data=tmp_path / "a.npz", steps=2)
    before = (tmp_path / "run" / "checkpoint.pt").read_bytes()
    for name in ("b.npz", "c.npz"):
        with pytest.raises(RunError, match="began with other images or labels: name their"):
            ganspec.train(spec, tmp_path / "run", data=tmp_path / name, steps=3, resume=True)
    assert (tmp_path / "run" / "checkpoint.pt").read_bytes() == before
    run = ganspec.train(spec, tmp_path / "run", data=tmp_path / "a.npz", steps=3, resume=True)
    assert run.step == 3


def test_what_a_resume_changes_is_recorded_in_the_spec(tmp_path):
    """So the printed command, which names the run's spec, goes on to the same end."""
    few, longer = narrow("train.epochs=1"), ["train.epochs=2", "train.keep=1", "train.pictures=7"]
    run = ganspec.train(few, tmp_path / "run")
    source = (run.folder / "dcgan.py").read_text()
    words = [word for setting in longer for word in ("--set", setting)]
    words += ["--resume", "--quiet", "--steps", str(run.step + 1)]
    result = CliRunner().invoke(app, ["train", str(run.folder), *words])
    assert result.exit_code == 0, result.output
    train = ganspec.load(run.folder).train
    assert (train.epochs, train.keep, train.pictures) == (2, 1, 7)
    assert (run.folder / "dcgan.py").read_text() not in (source, "")
    again = ganspec.train(run.folder, resume=True, progress=False)
    assert again.step == 2 * run.step
    (run.folder / "dcgan.py").write_text("# mine")
    ganspec.train(few, run.folder, resume=True, steps=again.step + 1)
    assert (run.folder / "dcgan.py").read_text() == "# mine"
    assert ganspec.load(run.folder).train.epochs == 1


@pytest.mark.parametrize(
    "setting", ["train.seed=0", "train.steps.discriminator=1", "data.range=[-1, 1]"]
)
def test_a_setting_that_says_what_holds_anyway_resumes(tmp_path, setting):
    run = ganspec.train(narrow(), tmp_path / "run", steps=1)
    assert ganspec.train(narrow(setting), run.folder, steps=2, resume=True).step == 2
    with pytest.raises(
        RunError, match=r"spec: train\.seed is 0 there, 5 here; name \S+ in place of"
    ):
        ganspec.train(narrow("train.seed=5"), run.folder, steps=3, resume=True)
    with pytest.raises(RunError, match="another spec: name is dcgan there, other here"):
        ganspec.train(narrow("name=other"), run.folder, steps=3, resume=True)


def test_a_resume_in_other_conditions_is_told_and_recorded(tmp_path, monkeypatch):
    run = ganspec.train(narrow(), tmp_path / "run", steps=1, device="cpu")
    began = run.info()
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    with pytest.warns(UserWarning, match=rf"from here on: threads {began['threads']} before, 77"):
        ganspec.train(narrow(), run.folder, steps=2, resume=True, device="cpu")
    assert run.info()["resumed"] == [{"from_step": 1, "threads": 77}]
    monkeypatch.undo()
    run.note(processes=2)  # as if it had begun so
    with pytest.warns(UserWarning, match="processes 2 before, 1 now"):
        ganspec.train(narrow(), run.folder, steps=3, resume=True, device="cpu")
    last = {"from_step": 2, "threads": began["threads"], "processes": 1}
    assert run.info()["resumed"] == [{"from_step": 1, "threads": 77}, last]
    ganspec.train(narrow(), run.folder, steps=4, resume=True, device="cpu")
    assert run.info()["resumed"][1:] == [last] and run.info()["command"] == began["command"]


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_a_lost_record_is_written_anew(tmp_path, text):
    run = ganspec.train(narrow(), tmp_path / "run", steps=1, exact=False)
    began = run.info()
    run.info_path.write_text(text or "")
    if text is None:
        run.info_path.unlink()
    with pytest.warns(UserWarning, match=r"run\.json was missing or damaged: .* as of step 1"):
        ganspec.train(narrow(), run.folder, steps=2, resume=True)
    assert run.info()["exact"] is False
    assert began.keys() - run.info().keys() == {"command", "kinds"}


def test_labels_that_changed_are_told(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    write_image_folder(images, 20)
    table = images / "labels.csv"
    rows = [f"{i:03}.png,{'cat' if i % 2 else 'dog'}\n" for i in range(20)]
    table.write_text("file,class\n" + "".join(rows))
    spec = narrow("data={dataset: {image_folder: {labels: labels.csv}}, size: 64}")
    run = ganspec.train(spec, tmp_path / "run", data=images, steps=1)
    Image.new("RGB", (20, 24)).save(images / "new.png")
    table.write_text("file,class\n" + "".join(rows) + "new.png,ant\n")  # renumbers the others
    with pytest.warns(UserWarning) as told:
        ganspec.train(spec, run.folder, data=images, steps=2, resume=True)
    assert not [each for each in told if "have changed" in str(each.message)]
    table.write_text("file,class\n000.png,cat\n" + "".join(rows[1:]) + "new.png,ant\n")
    with pytest.warns(UserWarning, match="labels of images in .* have changed since the run began"):
        ganspec.train(spec, run.folder, data=images, steps=3, resume=True)


def test_only_what_can_be_resumed_is_told_to_resume(tmp_path):
    run = ganspec.train(narrow(), tmp_path / "run", steps=1)
    with pytest.raises(RunError, match="exists; add --resume to go on with it, --overwrite"):
        ganspec.train(narrow(), run.folder, steps=2)
    run.checkpoint_path.write_bytes(run.checkpoint_path.read_bytes()[:-1000])
    with pytest.raises(RunError, match="exists; add --overwrite to replace it"):
        ganspec.train(narrow(), run.folder, steps=2)
