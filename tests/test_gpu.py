"""Precision, graphs and resuming on a GPU; all are skipped where there is none."""

from __future__ import annotations

import json

import pytest
import torch
from conftest import ROOT, SPECS, narrow

import ganspec
from ganspec.kinds.optimizers.adam import AdamEpsHat
from ganspec.systems.execution import PRECISIONS
from ganspec.training import choosing
from ganspec.training.choosing import has_tf32

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
FAST = ("channels_last", "graphs")
DCGAN = ROOT / "specs" / "dcgan.yaml"


def losses_of(trainer, steps):
    return [{k: v.item() for k, v in trainer.step().items()} for _ in range(steps)]


def require(precision):
    if precision == "tf32" and not has_tf32(torch.device("cuda")):
        pytest.skip("this GPU has no tf32")


@pytest.fixture
def trainer_of(small_data):
    def make(path, precision="fp32", speedups=FAST):
        spec = narrow(path)
        return ganspec.Trainer(
            spec, small_data(spec), "cuda", steps=20, precision=precision, speedups=speedups
        )

    return make


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_graphs_equal_steps_that_are_made(path, trainer_of):
    played, made = trainer_of(path), trainer_of(path)
    made.training.replay = None
    torch.manual_seed(1)
    wanted = losses_of(made, 6)
    torch.manual_seed(1)
    found = losses_of(played, 6)
    replay = played.training.replay
    assert replay.works == played.training.is_steady
    assert bool(replay.recordings) == replay.works
    is_rounded = getattr(played.training.cfg, "penalty", None)  # second derivatives, in any order
    if is_rounded or any(isinstance(o, AdamEpsHat) for o in played.training.optimizers.values()):
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)
    else:
        assert found == wanted
    played.sample(2) if played.spec.draws else None  # without casting, between two steps
    assert set(losses_of(played, 1)[0]) == set(wanted[0])


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_spec_trains(path, precision, trainer_of):
    require(precision)
    trainer = trainer_of(path, precision)
    losses = losses_of(trainer, 5)
    assert all(torch.isfinite(torch.tensor([*each.values()])).all() for each in losses)
    assert trainer.training.replay.works == trainer.training.is_steady
    assert trainer.training.culprit() is None


@pytest.mark.parametrize("speedups", [(), FAST], ids=["made", "played"])
@pytest.mark.parametrize("name", ["dcgan", "wgan_gp", "sagan", "cgan_iclevr", "classifier_fashion"])
def test_no_step_waits_for_the_gpu(name, speedups, trainer_of):
    trainer = trainer_of(ROOT / "specs" / f"{name}.yaml", "bf16", speedups)
    for _ in range(4):
        trainer.step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        losses = [trainer.step() for _ in range(6)]  # over the end of an epoch
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert len(losses) == 6


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_resumed_run_is_equal(precision, tmp_path):
    require(precision)
    more = {"device": "cuda", "precision": precision, "speedups": FAST, "progress": False}
    check_resumed(tmp_path, narrow(DCGAN), more)


@pytest.mark.slow
def test_a_resumed_compiled_run_is_equal(tmp_path):
    speedups = ("channels_last", "compile", "graphs")
    more = {"device": "cuda", "precision": "bf16", "speedups": speedups, "progress": False}
    check_resumed(tmp_path, narrow(DCGAN), more)


def check_resumed(folder, spec, more):
    whole = ganspec.train(spec, folder / "whole", steps=8, **more)
    ganspec.train(spec, folder / "parts", steps=4, **more)
    parts = ganspec.train(
        spec, folder / "parts", steps=8, device="cuda", resume=True, progress=False
    )
    assert parts.log_path.read_bytes() == whole.log_path.read_bytes()
    assert parts.checkpoint_path.read_bytes() == whole.checkpoint_path.read_bytes()


def test_what_was_measured_is_in_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(choosing, "WORTH", 200)
    run = ganspec.train(
        narrow(DCGAN), tmp_path / "run", device="cuda", steps=200, precision="auto", progress=False
    )
    info = json.loads(run.info_path.read_text())
    chosen = " ".join([info["precision"], *info["speedups"].split(",")])
    measured = info["measured_step_seconds"]
    assert chosen in measured
    assert len(measured) == 8
    assert "graphs" in info["speedups"]
    assert measured[chosen] < 1.05 * min(measured.values())
