"""Run folders that a kill, a user or another program left in any state."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from killing import MINE
from small_gans import GREY

import ganspec
from ganspec.atomic import make_folder, write_text
from ganspec.language.load import loads
from ganspec.runs.folder import LOCK
from ganspec.runs.log import Log
from ganspec.runs.run import Run, RunError
from ganspec.runs.score_file import ScoreRow, append_scores, forget_scores, read_lines
from ganspec.systems import checkpoint
from ganspec.training import loop

KILLS = os.environ.get("GANSPEC_KILLS", "4")  # 300 for the figure in docs/robustness.md
SPEC = loads(GREY)


def train(folder, **options):
    return ganspec.train(SPEC, folder, steps=2, device="cpu", **options)


def add_files(folder) -> None:
    """Write files of a user into a run folder."""
    for name, text in MINE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def assert_files_are_kept(folder) -> None:
    assert {name: (folder / name).read_text() for name in MINE} == MINE


@pytest.mark.true_process
@pytest.mark.slow
def test_whatever_a_kill_leaves_the_option_that_is_named_works():
    """Short form of `python tests/killing.py 300`."""
    command = [sys.executable, str(ROOT / "tests" / "killing.py"), KILLS]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert ", 0 failed" in result.stdout


# the states between two file operations of a beginning, by the files that exist
BEGINNINGS = [
    [],
    [LOCK],
    [".spec.yaml.a.yaml"],
    [LOCK, ".spec.yaml.abcdefgh.yaml"],
    [LOCK, "spec.yaml"],
    [LOCK, "spec.yaml", ".grey.py.abcdefgh.py"],
    [LOCK, "spec.yaml", "grey.py", "log.jsonl"],
    [LOCK, "spec.yaml", "grey.py", "log.jsonl", ".run.json.abcdefgh.json"],
]


@pytest.mark.parametrize("left", BEGINNINGS, ids=", ".join)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_beginning_that_was_cut_begins_again(tmp_path, left, overwrite):
    whole = train(tmp_path / "whole")
    run = Run(tmp_path / "run")
    run.folder.mkdir()
    for name in left:
        source = whole.folder / name
        (run.folder / name).write_text(source.read_text() if source.exists() else "ha")
    with pytest.raises(RunError, match="is no run yet: leave out --resume"):
        train(run.folder, resume=True)
    train(run.folder, overwrite=overwrite)
    for name in ("spec.yaml", "grey.py", "log.jsonl", "checkpoint.pt"):
        assert (run.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    assert not list(run.folder.rglob(".*"))


def test_a_beginning_that_fails_begins_again(tmp_path, monkeypatch):
    """A disk may be full at the last file of the beginning."""
    write = ganspec.runs.run.write_text

    def full(path, text):
        if path.name == "run.json":
            raise OSError(28, "No space left on device")
        write(path, text)

    monkeypatch.setattr("ganspec.runs.run.write_text", full)
    with pytest.raises(OSError, match="No space"):
        train(tmp_path / "run")
    monkeypatch.undo()
    assert train(tmp_path / "run").step == 2


def test_a_run_that_was_killed_after_its_last_checkpoint_is_completed(tmp_path, monkeypatch):
    whole = train(tmp_path / "whole")

    class Killed(BaseException):
        pass

    def kill(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("ganspec.plots.losses.plot_losses", kill)
        with pytest.raises(Killed):
            train(tmp_path / "run")
    run = Run.open(tmp_path / "run")
    assert run.checkpoint_path.is_file() and not run.losses_path.exists()
    assert train(run.folder, resume=True).step == 2
    for name in ("losses.png", "checkpoint.pt", "log.jsonl", "samples/0000002.png"):
        assert (run.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    with pytest.raises(RunError, match="at step 2 already"):
        train(run.folder, resume=True)
    (run.folder / LOCK).touch()  # of a process that was killed right at the end
    assert train(run.folder, resume=True).step == 2


def test_files_of_a_user_stay_and_stop_nothing(tmp_path):
    run = train(tmp_path / "run")
    add_files(run.folder)
    ganspec.train(SPEC, run.folder, steps=4, device="cpu", resume=True)
    assert_files_are_kept(run.folder)
    assert list(run.samples()) == [3, 4] and list(run.snapshots()) == [3]
    assert run.latest_samples() == run.samples_path(4)
    train(run.folder, overwrite=True)
    assert_files_are_kept(run.folder)
    assert list(run.samples()) == [2] and list(run.snapshots()) == []


def test_only_what_ganspec_wrote_is_replaced(tmp_path):
    run = train(tmp_path / "run")
    source = run.folder / "grey.py"
    source.write_text(source.read_text() + "# mine\n")
    with pytest.raises(RunError, match=r"grey\.py is not as ganspec wrote it: move it"):
        train(run.folder, overwrite=True)
    assert run.checkpoint_path.is_file()
    source.rename(run.folder / "edited.py")
    train(run.folder, overwrite=True)
    assert (run.folder / "edited.py").read_text().endswith("# mine\n")


def test_files_of_another_name_go_with_the_run_that_is_replaced(tmp_path):
    run = train(tmp_path / "run")
    other = loads(GREY.replace("name: grey", "name: gray"))
    with pytest.raises(RunError, match="exists; add --overwrite to replace it, or --out"):
        ganspec.train(other, run.folder, steps=1, device="cpu")
    ganspec.train(other, run.folder, steps=1, device="cpu", overwrite=True)
    assert [path.name for path in run.folder.glob("*.py")] == ["gray.py"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_other_files_is_left_alone(tmp_path, overwrite):
    (tmp_path / "spec.yaml").write_text(GREY)
    (tmp_path / ".spec.yaml.swp").write_text("an editor's")
    with pytest.raises(RunError, match="is not a run of ganspec: choose another --out"):
        train(tmp_path, overwrite=overwrite)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "how", ["deleted", "moved", "its spec.yaml deleted", "replaced", "replaced by a file"]
)
def test_a_folder_that_vanishes_ends_the_run_in_one_line(tmp_path, monkeypatch, how):
    monkeypatch.setattr(loop, "FLUSH_STEPS", 1)
    folder = tmp_path / "run"

    def vanish(step, last, losses):
        if how == "deleted":
            shutil.rmtree(folder)
        elif how == "its spec.yaml deleted":
            (folder / "spec.yaml").unlink()
        else:
            folder.rename(tmp_path / "other")
            if how == "replaced":
                shutil.copytree(tmp_path / "other", folder)
            elif how == "replaced by a file":
                folder.touch()

    with pytest.raises(RunError, match=r"was deleted or moved during the training"):
        train(folder, progress=vanish)
    assert folder.exists() == (how not in ("deleted", "moved"))


def test_a_file_that_vanishes_names_the_folder(tmp_path, monkeypatch):
    """The folder may be deleted at any moment, also while a file is written."""
    folder = tmp_path / "run"

    def deleted(*_):
        shutil.rmtree(folder)
        raise FileNotFoundError(2, "No such file or directory", "0000002.png")

    monkeypatch.setattr("ganspec.plots.losses.plot_losses", deleted)
    with pytest.raises(RunError, match=re.escape(f"{folder} was deleted or moved")):
        train(folder)


def test_a_line_of_scores_that_was_cut_is_forgotten(tmp_path):
    append_scores(tmp_path, [ScoreRow("fid", 1.0, step=2), ScoreRow("fid", 2.0, step=4)])
    path = tmp_path / "scores.jsonl"
    whole = path.read_text()
    path.write_text("a note\n" + whole[:-9])
    (tmp_path / "scores.png").touch()
    forget_scores(tmp_path, 2)
    assert path.read_text() == "a note\n" + whole.splitlines(keepends=True)[0]
    assert [row is None for _, row in read_lines(tmp_path)] == [True, False]
    assert not (tmp_path / "scores.png").exists()


def test_a_full_disk_names_the_file_and_a_remedy(tmp_path):
    """A limit on the size of files stands for the disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    writers = {
        "checkpoint.pt": lambda path: checkpoint.save(path, {"weights": torch.zeros(9999)}),
        "spec.yaml": lambda path: write_text(path, "x" * 9999),
        "log.jsonl": lambda path: Log(path).append([{"step": 1}] * 9999),
    }
    for name, write in writers.items():
        message = f"{name} cannot be written: file too large: make room, or name another place"
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            with pytest.raises(OSError, match=message):
                write(tmp_path / name)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_folder_that_cannot_be_made_is_told():
    with pytest.raises(OSError, match=r"^/proc/none cannot be made: .*: name another folder$"):
        make_folder(Path("/proc/none"))


@pytest.mark.parametrize("name", ["log.jsonl", "run.json", "losses.png", "samples"])
def test_what_is_in_the_way_is_told_before_anything_is_deleted(tmp_path, name):
    run, place = train(tmp_path / "run"), tmp_path / "run" / name
    if place.is_dir():
        shutil.rmtree(place)
        place.touch()
    else:
        place.unlink()
        place.mkdir()
    before = sorted(tmp_path.rglob("*"))
    kind = "file" if place.is_file() else "folder"
    for options in ({"overwrite": True}, {"resume": True}):
        with pytest.raises(RunError, match=f"{name} is a {kind}: move it, or choose another"):
            train(run.folder, **options)
    assert sorted(tmp_path.rglob("*")) == before
