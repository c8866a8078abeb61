"""Trainings in several processes: equal to one, ended together, resumed on another number."""

from __future__ import annotations

import copy
import dataclasses
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conftest import ROOT, write_image_folder
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower
from ganspec.kinds.datasets.image_files import Skipped
from ganspec.language.errors import GanspecError, UnshownError
from ganspec.language.load import loads
from ganspec.runs.run import Run, RunError
from ganspec.runs.score_file import read_scores
from ganspec.systems import checkpoint
from ganspec.systems.execution import Execution
from ganspec.systems.ranks import Ranks
from ganspec.systems.training import Images
from ganspec.training import device, launching, stop
from ganspec.training.images import open_all
from ganspec.training.making import request_of
from ganspec.training.options import TrainingOptions
from ganspec.training.processes import joined
from ganspec.training.sharing import batch_reach, hash_images, require_same_start

pytestmark = pytest.mark.true_process

SPEC = """
name: small
data: {dataset: {shapes: {count: 64}}, size: 8, flip: true}
latent: {size: 4}
generator: {layers: [{project: [4, 4, 4]}, batch_norm, relu, upsample, {conv: 3}, tanh]}
discriminator: {layers: [{conv: {out: 4, stride: 2}}, relu, {dropout: 0.2}, flatten, {linear: 1}]}
objective: {loss: hinge}
optimizers: {adam: {lr: 1e-4}}
train: {batch: 16, epochs: 100000, average: 0.9, keep: null}
"""
CLASSIFIER = """
name: classifier
data: {dataset: {shapes: {count: 64}}, size: 8}
label: {kind: classes, size: 24}
classifier: {layers: [flatten, {linear: 12}, relu, {linear: 24}]}
objective: {loss: cross_entropy}
optimizer: {adam: 0.01}
train: {batch: 16, epochs: 1}
"""
BATCH_STATISTICS = "{batch_norm: {statistics: batch}}"


def assert_close(mine, theirs, place=""):
    """Equal but for the rounding of double precision."""
    if isinstance(mine, dict):
        assert list(mine) == list(theirs), place
        for key in mine:
            assert_close(mine[key], theirs[key], f"{place}.{key}")
    elif isinstance(mine, list | tuple):
        for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            assert_close(a, b, f"{place}.{i}")
    elif isinstance(mine, torch.Tensor):
        torch.testing.assert_close(mine, theirs, rtol=1e-7, atol=1e-10, msg=lambda m: place + m)
    else:
        assert mine == theirs, place


def test_slices_make_up_the_batch():
    for size in (3, 4, 7, 30):
        parts = [Ranks(3, index).slice(size) for index in range(3)]
        assert [i for part in parts for i in range(size)[part]] == list(range(size))
        assert max(p.stop - p.start for p in parts) - min(p.stop - p.start for p in parts) < 2


@pytest.mark.slow
def test_any_number_of_ranks_computes_what_one_does(tmp_path):
    """Also for penalties, batch norms and layers that compare images, after a resume, in scores."""
    (tmp_path / "images").mkdir()
    write_image_folder(tmp_path / "images", 26)
    for name, norm in {"running": "batch_norm", "batch": BATCH_STATISTICS}.items():
        spec = loads(SPEC.replace("batch_norm", norm))
        ganspec.train(spec, tmp_path / name, steps=1, progress=None)
    ganspec.train(loads(CLASSIFIER), tmp_path / "classifier", progress=None)
    section = f"{{metrics: [fid], every: 1, images: 130, extractor: {tmp_path}/classifier}}"
    epochs = SPEC.replace("100000", "2").replace("keep: null", "keep: 1")
    (tmp_path / "scored.yaml").write_text(f"{epochs}evaluate: {section}")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "3"]
    subprocess.run([*command, "tests/ranks.py", tmp_path], cwd=ROOT, env=environment(), check=True)
    one, two, three = (torch.load(tmp_path / f"{n}.pt", weights_only=True) for n in (1, 2, 3))
    assert one["skipped"] == two["skipped"] == ["gone.png"]
    for name in one.keys() - {"skipped"}:
        assert_close(two[name], one[name], f"2 {name}")
        log = {step: losses for step, losses in one[name]["log"].items() if step in (3, 4)}
        assert_close(three[name], {**one[name], "log": log}, f"3 {name}")
    shared, alone = torch.load(tmp_path / "features.pt", weights_only=True)
    assert all(torch.equal(a, b) for a, b in zip(shared, alone, strict=True))
    assert len(shared[0]) == 14
    shared, alone = torch.load(tmp_path / "drawn.pt", weights_only=True)
    assert all(torch.equal(a, b) for a, b in zip(shared, alone, strict=True))
    assert sum(map(len, shared)) == 2 * (200 + 3 * 30)
    # for the scores of each of two epochs, four portions of 32 images and one of two
    assert torch.load(tmp_path / "helped.pt") == [2 * (32 + 32), 2 * (32 + 2), 2 * 32]
    scored = ["evaluate", str(tmp_path / "scored"), "--every-snapshot"]
    assert CliRunner().invoke(app, scored).exit_code == 0
    measured = read_scores(tmp_path / "scored")
    assert [row.step for row in measured] == [4, 8, 4, 8] and measured[:2] == measured[2:]


def environment():
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}


class Launch:
    """`ganspec train --processes 2` in a process of its own."""

    def __init__(self, folder: Path, *options: str):
        self.run = Run(folder / "run")
        (folder / "small.yaml").write_text(SPEC)
        command = [sys.executable, "-m", "ganspec", "train", folder / "small.yaml", "--quiet"]
        command += ["--out", self.run.folder, "--processes", "2", *options]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=environment(), stdout=pipe, stderr=pipe)

    def wait_for(self, is_reached) -> None:
        """Wait until `is_reached` returns True."""
        deadline = time.monotonic() + 120
        while not is_reached():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def step(self) -> int:
        """Return the last step in the log."""
        rows = self.run.rows() if self.run.log_path.is_file() else []
        return int(rows[-1]["step"]) if rows else 0

    def ranks(self) -> dict[str, int]:
        """Return the process ids by rank."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = {}
        for child in children.read_text().split():
            entries = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
            found |= {e[5:].decode(): int(child) for e in entries if e.startswith(b"RANK=")}
        return found

    def end(self) -> tuple[int, str, str]:
        """Return status, output and errors once the process has ended, within a minute."""
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out.decode(), err.decode()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads Linux's /proc")
def test_lost_processes_and_signals_end_all_with_a_checkpoint(tmp_path):
    launch = Launch(tmp_path, "--max-restarts", "1")
    launch.wait_for(launch.run.checkpoint_path.is_file)
    os.kill(launch.ranks()["1"], signal.SIGKILL)
    before = launch.step()
    launch.wait_for(lambda: launch.step() > before + 50)  # started again, from the checkpoint
    os.kill(launch.ranks()["1"], signal.SIGKILL)
    status, out, err = launch.end()
    message = "error: another process of the training was lost"
    again, end = "all are started again", "go on from the last checkpoint with --resume"
    assert (status, out, err) == (2, "", f"{message}: {again}\n{message}: {end}\n")

    begun = checkpoint.load(launch.run.checkpoint_path)["step"]
    before = launch.run.info()["launch"]
    launch = Launch(tmp_path, "--resume")
    launch.wait_for(lambda: launch.run.info()["launch"] != before)  # the log was cut, too
    launch.wait_for(lambda: launch.step() > begun + 10)
    launch.process.send_signal(signal.SIGINT)
    status, out, err = launch.end()
    step = checkpoint.load(launch.run.checkpoint_path)["step"]
    assert (status, err) == (130, "")
    assert out.startswith(f"stopped at step {step}; go on with: ganspec train ")
    assert "--resume" in out and "--processes 2" in out
    assert [row["step"] for row in launch.run.rows()] == list(range(1, step + 1))

    spec = loads(SPEC)
    run = ganspec.train(spec, launch.run.folder, steps=step + 3, resume=True, progress=None)
    whole = ganspec.train(spec, tmp_path / "whole", steps=20, progress=None)
    assert run.rows()[-1]["step"] == step + 3
    for mine, other in zip(run.rows(), whole.rows(), strict=False):
        assert mine == pytest.approx(other, rel=1e-3, abs=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads Linux's /proc")
def test_a_signal_to_one_process_stops_all_and_is_told(tmp_path):
    launch = Launch(tmp_path)
    launch.wait_for(launch.run.checkpoint_path.is_file)
    os.kill(launch.ranks()["1"], signal.SIGTERM)
    status, out, err = launch.end()
    step = checkpoint.load(launch.run.checkpoint_path)["step"]
    assert (status, err) == (130, "")
    assert out.startswith(f"stopped at step {step}; go on with: ganspec train ")


@pytest.mark.parametrize("began", ["fp32 channels_last compile graphs", "bf16 channels_last"])
def test_several_processes_go_on_with_any_run(began):
    """By the speedups that they have; the run's others are left out unless they are asked for."""
    run, options = Run("run"), TrainingOptions(device="cpu")
    request = request_of(run, {"execution": began}, options, Ranks(2))
    assert request.execution == Execution(began[:4], ("channels_last",))
    assert not request.is_open
    if "compile" in began:
        asked = replace(options, speedups="channels_last,compile")
        with pytest.raises(RunError, match="compile is for one process: leave it out of"):
            request_of(run, {"execution": began}, asked, Ranks(2))


def test_several_processes_scale_no_losses():
    with pytest.raises(RunError, match="run began with fp16, which is for one process: resume it"):
        request_of(Run("run"), {"execution": "fp16"}, TrainingOptions(device="cpu"), Ranks(2))


def test_several_processes_measure_nothing(tmp_path, monkeypatch):
    options = TrainingOptions(device="cpu", precision="auto")
    message = "several processes measure no precision: name fp32, tf32 or bf16, not auto"
    with pytest.raises(RunError, match=f"^{message}$"):
        request_of(Run("run"), None, options, Ranks(2))
    request = request_of(Run("run"), None, replace(options, precision=None), Ranks(2))
    assert request.execution == Execution("fp32") and not request.is_open
    (tmp_path / "small.yaml").write_text(SPEC)
    monkeypatch.setattr("ganspec.commands.train.ranks_on", lambda _: nullcontext(Ranks(2)))
    monkeypatch.setattr(Ranks, "of_all", lambda self, value: [value, value])
    result = CliRunner().invoke(app, ["train", str(tmp_path / "small.yaml"), "--speedups", "auto"])
    message = "several processes measure no speedups: leave out --speedups auto, or name "
    assert (result.exit_code, result.stderr) == (2, f"error: {message}channels_last\n")


@pytest.mark.parametrize("streamed", [False, True], ids=["in memory", "streamed"])
def test_processes_with_other_files_of_images_are_refused(tmp_path, monkeypatch, streamed):
    """Also if there are as many of them."""
    spec = loads(SPEC.replace("{shapes: {count: 64}}", "image_folder"))
    for name in ("one", "same", "other"):
        (tmp_path / name).mkdir()
        write_image_folder(tmp_path / name, 16)
    shutil.copy(tmp_path / "one" / "004.png", tmp_path / "other" / "003.png")
    cpu = torch.device("cpu")
    opened = {f.name: open_all(spec, f, cpu, streamed=streamed) for f in tmp_path.iterdir()}
    lost = copy.copy(opened["same"].files)
    lost.skipped = [Skipped(lost.name(0), "gone", lost.name(1))]
    opened["lost"] = replace(opened["same"], files=lost)
    training = SimpleNamespace(networks={}, identity="equal")
    for name, images in opened.items():
        theirs = {"values in its spec": "equal", "images": hash_images(images)}
        theirs["initial weights"] = {}
        monkeypatch.setattr(Ranks, "of_all", lambda self, value, other=theirs: [value, other])
        message = "rank 1 has other images than rank 0: start all ranks alike"
        is_equal = name in ("one", "same")
        refused = nullcontext() if is_equal else pytest.raises(GanspecError, match=message)
        with refused:
            require_same_start(training, opened["one"], Ranks(2))


def test_held_out_images_are_compared_too():
    images = torch.arange(48, dtype=torch.uint8).view(4, 3, 2, 2)
    parts = [images[:2], images[2:]]
    hashes = {hash_images(Images(images, None, (part, None))) for part in parts}
    assert len({*hashes, hash_images(Images(images, None))}) == 3


@dataclasses.dataclass
class OlderConfig:
    """The settings of the launcher of torch 2.6 that `launch` names."""

    min_nodes: int
    max_nodes: int
    nproc_per_node: int
    run_id: str
    rdzv_backend: str
    rdzv_endpoint: str
    local_addr: str
    max_restarts: int


def launcher(work):
    """Return a stand-in for torch's launcher, whose processes do `work`."""
    return lambda config, program: lambda *arguments: work()


def test_the_launcher_of_an_older_torch_is_used_with_the_settings_that_it_has(monkeypatch):
    monkeypatch.setattr(launching, "LaunchConfig", OlderConfig)
    monkeypatch.setattr(launching, "elastic_launch", launcher(lambda: None))
    monkeypatch.setattr(logging, "disable", lambda _: None)
    assert launching.launch(2, 0, []) == 0


def test_a_stop_of_one_process_is_one_of_the_launcher(monkeypatch):
    monkeypatch.setattr(launching, "elastic_launch", launcher(stop.tell_launcher))
    monkeypatch.setattr(logging, "disable", lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        launching.launch(2, 0, [])


def test_the_loss_of_the_first_process_says_what_to_do(tmp_path, monkeypatch):
    def fail():
        failure = ProcessFailure(0, 1, -9, "none")
        raise ChildFailedError("ganspec", {0: failure})

    monkeypatch.setattr(launching, "elastic_launch", launcher(fail))
    monkeypatch.setattr(logging, "disable", lambda _: None)
    run = Run(tmp_path)
    for trained, advice in (
        (run, " before the first checkpoint: begin again with --overwrite"),
        (run, ": go on from the last checkpoint with --resume"),
        (None, ": run the command again"),
    ):
        with pytest.raises(RunError, match=f"^the first process was killed by SIGKILL{advice}$"):
            launching.launch(2, 0, [], trained)
        run.checkpoint_path.touch()


def test_options_that_contradict_each_other(tmp_path, monkeypatch):
    def error(*options):
        result = CliRunner().invoke(app, ["train", *options])
        return result.exit_code, result.stderr

    spec = tmp_path / "small.yaml"
    spec.write_text(SPEC)
    message = "--max-restarts is for several processes: add --processes"
    assert error(str(spec), "--max-restarts", "1") == (2, f"error: {message}\n")
    message = "several processes cannot read -: name a file"
    assert error("-", "--processes", "2") == (2, f"error: {message}\n")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    message = "torchrun has started 2 processes: leave out --processes 3"
    assert error(str(spec), "--processes", "3") == (2, f"error: {message}\n")


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize(
    ("device", "gpus", "message"),
    [
        ("cuda:1", 4, "--device cuda:1 is one GPU, and each process needs a GPU of its own: use"),
        ("cuda:0", 4, "--device cuda:0 is one GPU, and each process needs a GPU of its own: use"),
        ("cuda", 1, "2 processes on one machine need as many GPUs, and here are 1: start fewer, "),
    ],
)
def test_every_process_has_a_gpu_of_its_own(monkeypatch, rank, device, gpus, message):
    for name, value in {"RANK": rank, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": 2}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    with pytest.raises(GanspecError) as caught, joined(device):
        pass
    assert type(caught.value) is (UnshownError if rank else RunError)
    assert str(caught.value).startswith(message)


MIXED = SPEC.replace("relu, {dropout: 0.2}", "relu, noise, batch_norm, layer_norm, own_mean")


def test_layers_are_told_apart_by_what_their_outputs_depend_on():
    from ganspec.kinds.layer import Layer
    from ganspec.program.ir import Call

    class OwnMean(Layer, kind="own_mean"):
        """Subtracts the mean of the batch."""

        def call(self, x):
            return Call(subtract_mean)

    network = evaluate(lower(loads(MIXED))["discriminator"])
    reached = [batch_reach(*call) for call in network.calls()]
    assert reached == ["image", "image", "random", "image", "image", "batch", "image", "image"]


def subtract_mean(x):
    return x - x.mean(0)


def test_the_command_of_a_process_that_another_started_is_ganspecs(monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(ROOT / "ganspec" / "__main__.py"), "train", "a.yaml"])
    assert device.environment(torch.device("cpu"))["command"] == ["ganspec", "train", "a.yaml"]
