"""Trackers: each has what the run wrote, once, and a training does not depend on them."""

from __future__ import annotations

import json
import os
import sqlite3
import struct
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from test_progress import PLAIN
from test_report_page import make_run, score
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.commands.train import TrackerName, resuming
from ganspec.runs.run import Run
from ganspec.systems.load import loads
from ganspec.training import tracking
from ganspec.training.tracking import TRACKERS, following


@pytest.fixture(autouse=True)
def stores(tmp_path, monkeypatch):
    """Let each tracker write into the test's own folder, and to no server."""
    for name in ("WANDB_MODE", "WANDB_PROJECT", "MLFLOW_EXPERIMENT_NAME", "TRACKIO_SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a data base takes seconds to create
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file:{tmp_path / 'mlruns'}")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    if trackio := sys.modules.get("trackio"):  # which read the variable when it was imported
        for module in [trackio, *(m for n, m in sys.modules.items() if n.startswith("trackio."))]:
            if hasattr(module, "TRACKIO_DIR"):
                monkeypatch.setattr(module, "TRACKIO_DIR", tmp_path / "trackio")
            if hasattr(module, "MEDIA_DIR"):
                monkeypatch.setattr(module, "MEDIA_DIR", tmp_path / "trackio" / "media")


# -- what a tracker holds: pairs of a step and a value by name; of pictures, None ---------------


def tensorboard_data(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    found.Reload()
    data = {name: [(e.step, e.value) for e in found.Scalars(name)] for name in found.scalars.Keys()}
    return {**data, "samples": [(image.step, None) for image in found.Images("samples")]}


def wandb_data(tmp_path):
    import wandb
    from wandb.proto.wandb_internal_pb2 import Record

    wandb.teardown()  # its process writes on after a run has ended
    data = {}
    for path in sorted(tmp_path.glob("wandb/offline-run-*/*.wandb")):
        content, at = path.read_bytes(), 7  # after a header: records with check sum, size, kind
        while at + 7 < len(content):
            _, size, kind = struct.unpack("<IHB", content[at : at + 7])
            assert kind == 1  # a record that is not split
            record = Record.FromString(content[at + 7 : at + 7 + size])
            at += 7 + size
            items = [(i.key or ".".join(i.nested_key), i.value_json) for i in record.history.item]
            row = {key: json.loads(value) for key, value in items}
            for name, value in row.items():
                if name.startswith(("log/", "scores/")):
                    data.setdefault(name, []).append((row["step"], value))
                elif name == "samples.path":
                    data.setdefault("samples", []).append((row["step"], None))
    return data


def mlflow_data(tmp_path):
    from mlflow import MlflowClient

    client = MlflowClient()
    (experiment,) = [e for e in client.search_experiments() if e.name == "ganspec"]
    (run,) = client.search_runs([experiment.experiment_id])
    data = {
        name: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, name)]
        for name in run.data.metrics
    }
    assert run.data.params["objective.loss"] and run.info.status == "FINISHED"
    images = tmp_path.glob("mlruns/*/*/artifacts/images/samples*.png")
    steps = sorted(int(path.name.split("+")[2]) for path in images)
    return {**data, "samples": [(step, None) for step in steps]}


def trackio_data(tmp_path):
    with sqlite3.connect(tmp_path / "trackio" / "ganspec.db") as base:
        rows = base.execute("SELECT run_name, step, metrics FROM metrics ORDER BY id").fetchall()
    assert len({name for name, _, _ in rows}) == 1
    data = {}
    for _, step, metrics in rows:
        for name, value in json.loads(metrics).items():
            data.setdefault(name, []).append((step, None if name == "samples" else value))
    return data


READERS = {
    "tensorboard": tensorboard_data,
    "wandb": wandb_data,
    "mlflow": mlflow_data,
    "trackio": trackio_data,
}


def add_rows(folder, steps):
    with (folder / "log.jsonl").open("a") as log:
        log.writelines(json.dumps({"step": step, "d_loss": step / 4}) + "\n" for step in steps)


@pytest.mark.parametrize("name", TRACKERS)
def test_a_resumed_run_is_tracked_once(tmp_path, name):
    pytest.importorskip(name)
    folder = make_run(tmp_path / "run", steps=0, scores=[score(epoch=1)])
    add_rows(folder, range(1, 11))
    spec = Run(folder).spec
    with following(Run(folder), spec, [name]) as update:
        update()
        with (folder / "log.jsonl").open("a") as log:
            log.write('{"step": 11, "d_loss": 2.75, "test_accuracy": 0.5}\n{"step": 12, "d_lo')
        picture(folder, 10)
        update()
    if name == "wandb":
        time.sleep(1.0)  # it names its folders by the second
    # killed: the checkpoint was of step 8
    Run(folder).loss_log.rewind(8)
    add_rows(folder, range(9, 15))
    picture(folder, 14)
    (folder / "scores.jsonl").write_text(
        "".join(json.dumps(score(epoch=epoch, value=epoch)) + "\n" for epoch in (1, 2))
    )
    with following(Run(folder), spec, [name, name]):
        pass
    data = READERS[name](tmp_path)
    assert data["log/d_loss"] == [(step, step / 4) for step in range(1, 15)]
    assert data["log/test_accuracy"] == [(11, 0.5)]
    assert data["scores/generated/fid"] == [(10, 100.0), (20, 2.0)]
    assert data["samples"] == [(10, None), (14, None)]


def picture(folder, step):
    pixels = np.full((8, 8), step, np.uint8)
    Image.fromarray(pixels).save(folder / "samples" / f"{step:07d}.png")


def results(folder: Path) -> dict[str, bytes]:
    names = ["checkpoint.pt", "log.jsonl", "spec.yaml"]
    paths = [folder / name for name in names] + sorted((folder / "samples").iterdir())
    return {path.name: path.read_bytes() for path in paths}


def trained(folder, **options):
    spec = loads(PLAIN)
    ganspec.train(spec, folder, steps=5, progress=False, **options)
    return ganspec.train(spec, folder, steps=9, resume=True, progress=False, **options)


@pytest.fixture(scope="module")
def untracked(tmp_path_factory):
    return results(trained(tmp_path_factory.mktemp("untracked") / "run").folder)


def test_real_trackers_change_no_byte(tmp_path, untracked, capfd):
    names = [name for name in TRACKERS if tracking.find_spec(name)]
    trained(tmp_path / "run", track=names)
    assert capfd.readouterr().out == ""
    assert results(tmp_path / "run") == untracked
    for name in names:
        assert [step for step, _ in READERS[name](tmp_path)["log/d_loss"]] == list(range(1, 10))


def test_trackers_send_no_statistics_of_use():
    pytest.importorskip("mlflow.telemetry")
    pytest.importorskip("wandb")
    code = (
        "import ganspec.training.trackers.mlflow, ganspec.training.trackers.wandb\n"
        "from mlflow.telemetry.utils import is_telemetry_disabled\n"
        "from wandb.env import error_reporting_enabled\n"
        "print(is_telemetry_disabled(), error_reporting_enabled())\n"
    )
    # without names such as CI and PYTEST_CURRENT_TEST, for which MLflow is silent
    bare = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    done = subprocess.run([sys.executable, "-c", code], env=bare, capture_output=True, text=True)
    assert done.stdout == "True False\n", done.stderr


@pytest.mark.parametrize("place", ["start", "log", "close"])
def test_a_failing_tracker_changes_no_byte(tmp_path, monkeypatch, untracked, place):
    def act(name):
        if name == place:
            raise ConnectionError("no route to host\nand more")

    class Failing:
        id = "1"

        def __getattr__(self, name):
            return lambda *_: act(name)

    fake = types.SimpleNamespace(start=lambda *_: act("start") or Failing())
    monkeypatch.setitem(sys.modules, "ganspec.training.trackers.wandb", fake)
    monkeypatch.setattr(tracking, "require_trackers", lambda names: None)
    monkeypatch.setattr("ganspec.training.session.require_trackers", lambda names: None)
    with pytest.warns(UserWarning) as warned:
        run = trained(tmp_path / "run", track="wandb")
    assert {str(each.message) for each in warned} == {
        "wandb failed, and the training goes on without it: no route to host"
    }
    assert results(run.folder) == untracked


def test_a_missing_tracker_is_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tracking, "find_spec", lambda name: types.SimpleNamespace(origin=None))
    for name in ("wandb", "tensorboard"):
        words = ["train", str(ROOT / "specs" / "dcgan.yaml"), "--track", name]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 2
        assert result.stderr == (
            f"error: --track {name} needs the package {name}: run `pip install {name}`, `pip "
            f"install 'ganspec[track]'` for all trackers, or leave --track {name} out\n"
        )
    with pytest.raises(tracking.TrackerError, match="no tracker is called `wandv`: use `wandb`"):
        ganspec.train(loads(PLAIN), track="wandv")
    assert list(tmp_path.iterdir()) == []


def test_the_command_that_resumes_tracks_again(tmp_path):
    run = Run(make_run(tmp_path / "run"))
    options = {"steps": 3, "track": [TrackerName.wandb, TrackerName.mlflow], "quiet": True}
    assert resuming(run, options).endswith("--steps 3 --track wandb --track mlflow --quiet")


def test_a_replaced_run_begins_anew(tmp_path):
    folder = make_run(tmp_path / "run", steps=1)
    (folder / "track.json").write_text('{"wandb": {"id": "1", "step": 9}}')
    assert ganspec.train(loads(PLAIN), folder, steps=1, overwrite=True, progress=False).step == 1
    assert not (folder / "track.json").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"wandb": 3}', '{"wandb": {"odd": 1}}', "{" * 99999])
def test_a_damaged_position_begins_anew(tmp_path, monkeypatch, text):
    folder = make_run(tmp_path / "run", steps=2)
    (folder / "track.json").write_text(text)
    started = []
    tracker = types.SimpleNamespace(id="7", log=lambda rows: None, flush=int, close=int)
    tracker.picture = lambda step, path: None
    fake = types.SimpleNamespace(start=lambda *words: started.append(words[2:]) or tracker)
    monkeypatch.setitem(sys.modules, "ganspec.training.trackers.wandb", fake)
    with following(Run(folder), Run(folder).spec, ["wandb"]):
        pass
    assert started == [(None, 0)]
    assert json.loads((folder / "track.json").read_text())["wandb"]["step"] == 2
