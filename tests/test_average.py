"""The moving average of the generator's weights, and the snapshots that are kept on the way."""

from __future__ import annotations

import pytest
import torch
from conftest import ROOT, assert_same_weights, small
from test_specs import STEPS, program_weights

import ganspec
from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower
from ganspec.systems import checkpoint

AVERAGED = ("vars.ch=4", "vars.z=8", "train.average=0.9")


def narrow(*settings):
    return small(ROOT / "specs" / "dcgan.yaml", *AVERAGED, *settings)


def test_the_average_is_its_formula(tmp_path):
    """mean <- d mean + (1 - d) weight after each step, d at most 0.3; buffers are as they are."""
    spec = narrow("train.iterations=1", "train.keep=1", "train.average=0.3")
    run = ganspec.train(spec, tmp_path / "run", steps=5)
    torch.manual_seed(spec.train.seed)
    generator = evaluate(lower(spec)["generator"])
    expected = {name: weight.double() for name, weight in generator.named_parameters()}
    for step in range(1, 6):
        weights = checkpoint.load(run.snapshots()[step])["networks"]["generator"]
        d = [2 / 11, 3 / 12, 0.3, 0.3, 0.3][step - 1]
        expected = {k: d * mean + (1 - d) * weights[k].double() for k, mean in expected.items()}
    found = checkpoint.load(run.snapshots()[5])["average"]
    for name, mean in expected.items():
        torch.testing.assert_close(found[name].double(), mean, rtol=1e-5, atol=1e-7)
        assert not torch.equal(found[name], weights[name])
    for name in found.keys() - expected.keys():
        assert torch.equal(found[name], weights[name]), name


def test_the_emitted_program_averages_alike(tmp_path):
    spec = narrow()
    run = ganspec.train(spec, tmp_path / "run", device="cpu", steps=STEPS, exact=True)
    mine, theirs = checkpoint.load(run.checkpoint_path), program_weights(spec, None, tmp_path)
    assert list(theirs) == ["generator", "discriminator", "average"]
    assert_same_weights(mine["average"], theirs["average"])
    assert_same_weights(mine["networks"]["generator"], theirs["generator"])


def test_averaging_changes_no_training_and_is_what_samples_show(tmp_path):
    spec, plain = narrow(), narrow("train.average=null")
    averaged = ganspec.train(spec, tmp_path / "averaged", steps=4)
    without = ganspec.train(plain, tmp_path / "plain", steps=4)
    a, b = (checkpoint.load(run.checkpoint_path) for run in (averaged, without))
    assert_same_weights(a["networks"]["generator"], b["networks"]["generator"])
    assert "average" not in b
    assert averaged.samples_path(4).read_bytes() != without.samples_path(4).read_bytes()


def test_snapshots_are_every_so_many_epochs_and_of_what_was(tmp_path):
    spec = narrow("train.iterations=2", "train.keep=2")
    whole = ganspec.train(spec, tmp_path / "whole", steps=9)
    assert list(whole.snapshots()) == [4, 8]
    eight = ganspec.train(spec, tmp_path / "eight", steps=8)
    kept, state = (checkpoint.load(p) for p in (whole.snapshots()[8], eight.checkpoint_path))
    assert kept["step"] == 8 and set(kept) < set(state)
    for key in ("generator", "discriminator"):
        assert_same_weights(kept["networks"][key], state["networks"][key])
    assert_same_weights(kept["average"], state["average"])
    # one from after the checkpoint that is gone on from is of another future
    eight.snapshot_path(12).write_bytes(kept_bytes := whole.snapshots()[8].read_bytes())
    ganspec.train(narrow("train.iterations=2", "train.keep=1"), eight.folder, steps=9, resume=True)
    assert list(eight.snapshots()) == [4, 8] and eight.snapshots()[8].read_bytes() == kept_bytes


def test_a_checkpoint_without_the_average_does_not_resume(tmp_path):
    run = ganspec.train(narrow(), tmp_path / "run", steps=1)
    state = checkpoint.load(run.checkpoint_path)
    del state["average"]
    torch.save(state, run.checkpoint_path)
    with pytest.raises(checkpoint.CheckpointError, match="lacks 'average'"):
        ganspec.train(narrow(), run.folder, steps=2, resume=True)
