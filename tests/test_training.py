"""Runs: equal on resume, safe against interruption, overwriting, damage and hostility."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time

import pytest
import torch
import yaml
from conftest import ROOT, SPECS, assert_same_weights, small, training_of, write_image_folder
from PIL import Image

import ganspec
from ganspec.atomic import write_text
from ganspec.language.dump import dump
from ganspec.language.load import loads
from ganspec.language.source import Loader
from ganspec.runs.run import Run, RunError, resolved
from ganspec.systems import checkpoint
from ganspec.systems.feed import StreamedImages
from ganspec.systems.gan.training import GanTraining
from ganspec.training.images import open_images
from ganspec.training.loop import TrainingError

DCGAN = ROOT / "specs" / "dcgan.yaml"
NARROW = ["vars.ch=4", "vars.z=8"]
CPU = torch.device("cpu")


def narrow(*settings):
    return small(DCGAN, *NARROW, *settings)


def saved(run):
    return checkpoint.load(run.checkpoint_path)


def assert_same_state(a, b):
    """Two checkpoints, bit for bit."""
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            assert_same_state(a[key], b[key])
    elif isinstance(a, list):
        for x, y in zip(a, b, strict=True):
            assert_same_state(x, y)
    else:
        assert a == b


# 12 batches an epoch: 7 ends within the first, 30 within the third
@pytest.mark.parametrize("settings", [[], ["data.flip=true", "train.average=0.9"]])
def test_resuming_is_bit_for_bit(tmp_path, settings):
    dropout = "discriminator.layers.1={dropout: 0.5}"
    spec = narrow(*settings, dropout)
    whole = ganspec.train(spec, tmp_path / "whole", steps=30)
    ganspec.train(spec, tmp_path / "parts", steps=7)
    ganspec.train(spec, tmp_path / "parts", steps=12, resume=True)
    torch.rand(5)  # whatever happens in between
    parts = ganspec.train(spec, tmp_path / "parts", steps=30, resume=True)
    assert_same_state(saved(whole), saved(parts))
    assert whole.log_path.read_text() == parts.log_path.read_text()
    assert len(whole.rows()) == 30
    assert whole.samples_path(24).read_bytes() == parts.samples_path(24).read_bytes()


def test_two_runs_of_one_seed_are_equal_and_of_two_seeds_are_not(tmp_path):
    a = ganspec.train(narrow(), tmp_path / "a", steps=3)
    b = ganspec.train(narrow(), tmp_path / "b", steps=3)
    c = ganspec.train(narrow("train.seed=1"), tmp_path / "c", steps=3)
    assert_same_state(saved(a), saved(b))
    weights = [saved(run)["networks"]["generator"]["main.1.weight"] for run in (a, c)]
    assert not torch.equal(*weights)


def test_resume_rewinds_what_a_crash_left_behind(tmp_path):
    run = ganspec.train(narrow(), tmp_path / "run", steps=5)
    with run.log_path.open("a") as log:
        log.write('{"step": 6, "d_loss": 1.0, "g_loss": 1.0}\n{"step": 7, "d_lo')
    run.samples_path(6).write_bytes(b"late")
    ganspec.train(narrow(), tmp_path / "run", steps=8, resume=True)
    whole = ganspec.train(narrow(), tmp_path / "whole", steps=8)
    assert run.log_path.read_text() == whole.log_path.read_text()
    assert not run.samples_path(6).exists()


def test_a_run_is_a_folder_of_known_files(tmp_path):
    run = ganspec.train(narrow(), tmp_path / "run", steps=13)
    names = {p.name for p in run.folder.iterdir()}
    wanted = {"spec.yaml", "dcgan.py", "log.jsonl", "run.json", "losses.png", "samples"}
    assert names == wanted | {"checkpoint.pt"}
    assert {p.name for p in (run.folder / "samples").iterdir()} == {"0000012.png", "0000013.png"}
    with Image.open(run.samples_path(13)) as grid:
        assert grid.size == (8 * 66 + 2, 8 * 66 + 2)
    # the resolved spec makes the very same source again
    assert ganspec.emit(run.spec) == (run.folder / "dcgan.py").read_text()
    assert json.loads(run.info_path.read_text())["device"] == "cpu"


def test_runs_are_not_overwritten_unasked(tmp_path):
    run = ganspec.train(narrow(), tmp_path / "run", steps=1)
    before = run.checkpoint_path.read_bytes()
    with pytest.raises(RunError, match="--overwrite"):
        ganspec.train(narrow(), tmp_path / "run", steps=2)
    assert run.checkpoint_path.read_bytes() == before
    assert ganspec.train(narrow(), tmp_path / "run", steps=2, overwrite=True).step == 2
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(RunError, match="not a run"):
        ganspec.train(narrow(), tmp_path / "mine", steps=1, overwrite=True)
    assert (tmp_path / "mine" / "thesis.tex").exists()


def test_only_the_same_spec_resumes(tmp_path):
    ganspec.train(narrow(), tmp_path / "run", steps=1)
    changed = narrow("optimizers={adam: {lr: 1e-3}}")
    with pytest.raises(RunError, match=r"optimizers\.generator\.lr is 0\.0002 there"):
        ganspec.train(changed, tmp_path / "run", steps=2, resume=True)
    with pytest.raises(RunError, match="no run"):
        ganspec.train(narrow(), tmp_path / "nothing", steps=2, resume=True)


def test_nan_stops_with_step_and_culprit(tmp_path):
    spec = narrow("optimizers={sgd: {lr: 1e38}}")
    with pytest.raises(
        TrainingError, match=r"became .* at step \d+; .*discriminator\.main.*dcgan\.yaml:\d+"
    ):
        ganspec.train(spec, tmp_path / "run", steps=50)
    rows = Run(tmp_path / "run").rows()
    assert all(abs(row["d_loss"]) < float("inf") for row in rows)


def test_weights_that_blow_up_last_do_not_replace_a_checkpoint(tmp_path, monkeypatch):
    """The last step's losses are finite; what its update leaves is not."""
    run = ganspec.train(narrow(), tmp_path / "run", steps=2)
    before = run.checkpoint_path.read_bytes()
    advance = GanTraining.advance

    def poisoned(self):
        losses = advance(self)
        next(self.networks["generator"].parameters()).data.fill_(float("inf"))
        return losses

    monkeypatch.setattr(GanTraining, "advance", poisoned)
    with pytest.raises(TrainingError, match=r"not finite after step 3: generator\.main"):
        ganspec.train(narrow(), tmp_path / "run", steps=3, resume=True)
    assert run.checkpoint_path.read_bytes() == before


def test_a_run_without_a_checkpoint_cannot_resume(tmp_path):
    run = ganspec.train(narrow(), tmp_path / "run", steps=1)
    run.checkpoint_path.unlink()
    with pytest.raises(RunError, match="before its first checkpoint"):
        ganspec.train(narrow(), tmp_path / "run", steps=2, resume=True)


def test_streamed_batches_equal_those_in_memory(tmp_path):
    write_image_folder(tmp_path, count=20)
    spec = narrow("data={dataset: image_folder, size: 64, flip: true}")
    memory = open_images(spec.data, tmp_path, CPU)
    streamed = open_images(spec.data, tmp_path, CPU, streamed=True)
    assert isinstance(streamed[0], StreamedImages)

    def losses(trainer, steps):
        return [[loss.item() for loss in trainer.advance().values()] for _ in range(steps)]

    whole = losses(training_of(spec, *memory), 11)  # five batches an epoch
    trainer = training_of(spec, *streamed)
    assert losses(trainer, 7) == whole[:7]
    state = trainer.state()
    again = open_images(spec.data, tmp_path, CPU, streamed=True)
    resumed = training_of(spec, *again)
    resumed.restore(state)
    assert losses(resumed, 4) == whole[7:]


def test_the_discriminator_is_frozen_in_the_generators_step_and_fakes_have_no_graph(monkeypatch):
    spec = narrow()
    trainer = training_of(spec, *open_images(spec.data, None, CPU))
    seen = []
    discriminator, generator = (trainer.networks[k] for k in ("discriminator", "generator"))

    def watch(module, inputs, output):
        seen.append((inputs[0].requires_grad, next(module.parameters()).requires_grad))

    discriminator.register_forward_hook(watch)
    trainer.advance()
    # real, fake without a graph; then the generator's pass through a frozen discriminator
    assert seen == [(False, True), (False, True), (True, False)]
    assert all(p.requires_grad for p in discriminator.parameters())
    assert all(p.grad is not None for p in generator.parameters())


def test_sampling_leaves_training_as_it_was(tmp_path):
    spec = narrow("discriminator.layers.1={dropout: 0.5}")
    images = open_images(spec.data, None, CPU)
    plain, sampled = (training_of(spec, *images) for _ in range(2))
    for trainer in (plain, sampled):
        torch.manual_seed(1)
        trainer.advance()
        if trainer is sampled:
            trainer.picture(tmp_path / "grid.png")
        trainer.advance()
    assert_same_weights(
        plain.networks["generator"].state_dict(), sampled.networks["generator"].state_dict()
    )


def start_training(tmp_path, *more):
    settings = [f"--set={s}" for s in [*NARROW, "train.batch=4"]]
    settings.append("--set=data.dataset={shapes: {count: 48}}")
    command = [sys.executable, "-m", "ganspec", "train", str(DCGAN), "--out", "run"]
    return subprocess.Popen(
        [*command, "--steps", "100000", "--speedups=none", *settings, *more],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_training_whose_last_step_has_a_checkpoint_ends_with_a_picture(tmp_path, monkeypatch):
    """A checkpoint is due every five minutes, when `--minutes 5` is over, too."""
    for name in ("CHECKPOINT_SECONDS", "EPOCH_SECONDS"):
        monkeypatch.setattr(f"ganspec.training.loop.{name}", -1.0)
    run = ganspec.train(narrow("train.iterations=10"), tmp_path / "run", steps=3)
    assert list(run.samples()) == [3]


@pytest.mark.true_process
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_ends_with_a_checkpoint_that_resumes(tmp_path, number):
    process = start_training(tmp_path)
    log = tmp_path / "run" / "log.jsonl"
    deadline = time.monotonic() + 60
    while not (log.exists() and log.read_text().count("\n") > 20):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "go on with" in out
    assert "Traceback" not in errors
    run = Run.open(tmp_path / "run")
    step = saved(run)["step"]
    assert len(run.rows()) == step
    spec = narrow()
    again = ganspec.train(spec, tmp_path / "run", steps=step + 3, resume=True)
    whole = ganspec.train(spec, tmp_path / "whole", steps=step + 3)
    assert_same_state(saved(again), saved(whole))


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_hostile_checkpoint_runs_nothing(tmp_path):
    run = ganspec.train(narrow(), tmp_path / "run", steps=1)
    torch.save({"version": 1, "networks": Bomb(tmp_path / "boom")}, run.checkpoint_path)
    with pytest.raises(checkpoint.CheckpointError):
        ganspec.train(narrow(), tmp_path / "run", steps=2, resume=True)
    run.checkpoint_path.write_bytes(pickle.dumps(Bomb(tmp_path / "boom")))
    with pytest.raises(checkpoint.CheckpointError):
        ganspec.train(narrow(), tmp_path / "run", steps=2, resume=True)
    assert not (tmp_path / "boom").exists()


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not really"])
def test_a_damaged_checkpoint_is_one_line(tmp_path, damage):
    run = ganspec.train(narrow(), tmp_path / "run", steps=1)
    run.checkpoint_path.write_bytes(damage)
    with pytest.raises(checkpoint.CheckpointError) as raised:
        ganspec.train(narrow(), tmp_path / "run", steps=2, resume=True)
    assert "\n" not in str(raised.value)


def test_writes_are_whole_or_nothing(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    write_text(path, "old")
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_resumes_bit_for_bit_too(tmp_path):
    spec = narrow()
    whole = ganspec.train(spec, tmp_path / "whole", steps=20, device="cuda")
    ganspec.train(spec, tmp_path / "parts", steps=7, device="cuda")
    parts = ganspec.train(spec, tmp_path / "parts", steps=20, device="cuda", resume=True)
    assert_same_state(saved(whole), saved(parts))


ODD = """
name: odd
doc: "1e-4"
report: {cite: "no", notes: ["true", "0x10", "null", "~", "2026-11-23", "a: b # c", "'"]}
data: {dataset: shapes, size: 4}
latent: {size: 2}
generator: {doc: "yes", layers: [{project: [3, 4, 4]}, tanh]}
discriminator: {layers: [flatten, {linear: 1}]}
objective: {loss: hinge}
optimizers: {sgd: {lr: 1e-05}}
"""


@pytest.mark.parametrize("text", [ODD, *(path.read_text() for path in SPECS)])
def test_the_resolved_spec_reads_back_as_it_was(text, tmp_path):
    for path in SPECS:  # what others extend
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "spec.yaml").write_text(text)
    spec = ganspec.load(tmp_path / "spec.yaml")
    assert loads(resolved(spec)).tree.plain() == spec.tree.plain()


def test_letters_of_a_spec_stay_as_they_are():
    texts = ["Größe", "\N{PARTY POPPER} done", "a\x07b\x85c\u2028d", "日本語 " * 40]
    text = dump({"doc": texts})
    assert (
        all(word in text for word in ("Größe", "\N{PARTY POPPER}", "日本語")) and "\x07" not in text
    )
    assert yaml.load(text, Loader) == {"doc": texts}
