"""Precision and speedups: what they change, how they are chosen, and that a run keeps them."""

from __future__ import annotations

import copy
import gc
import json
import weakref

import pytest
import torch
from conftest import ROOT, SPECS, narrow
from small_gans import GREY
from torch import nn
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower
from ganspec.kinds.layer import Layer
from ganspec.language.load import loads
from ganspec.program.ir import Call
from ganspec.runs.run import Run, RunError
from ganspec.systems import scaling
from ganspec.systems.checkpoint import CheckpointError
from ganspec.systems.execution import Execution
from ganspec.systems.ranks import Ranks
from ganspec.systems.scaling import Scaler
from ganspec.training import choosing, making
from ganspec.training.choosing import Choice, ExecutionRequest, choose, read_request
from ganspec.training.graphs import Recorder
from ganspec.training.options import TrainingOptions

CPU = torch.device("cpu")
HALF = {"precision": "bf16", "speedups": ("channels_last",)}


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_spec_trains_in_half_precision(path, small_data):
    spec = narrow(path)
    losses = []
    for more in ({}, HALF):
        trainer = ganspec.Trainer(spec, small_data(spec), "cpu", steps=2, **more)
        losses.append({name: value.item() for name, value in trainer.step().items()})
    single, half = losses
    # another order of memory draws another mask of a dropout
    bound = 0.5 if "dropout" in str(spec.tree.plain()) else 0.05
    assert half == pytest.approx(single, rel=bound, abs=bound * max(map(abs, single.values())))
    weights = [weight for n in trainer.networks.values() for weight in n.parameters()]
    assert {weight.dtype for weight in weights} == {torch.float32}


def test_the_order_of_memory_changes_rounding_alone():
    spec = loads(GREY.replace("dropout, ", ""))
    plain, last = (
        ganspec.Trainer(spec, device="cpu", speedups=s) for s in ("none", "channels_last")
    )
    kernel = last.networks["discriminator"].main[0].weight
    assert kernel.is_contiguous(memory_format=torch.channels_last)
    for _ in range(3):
        torch.manual_seed(1)
        wanted = plain.step()
        torch.manual_seed(1)
        torch.testing.assert_close(last.step(), wanted)


def test_probabilities_and_pictures_are_in_single_precision():
    spec = loads(GREY.replace("{linear: 1}]", "{linear: 1}, sigmoid]").replace(
        "loss: non_saturating", "loss: {non_saturating: {reads: probabilities}}"
    ))  # fmt: skip
    discriminator = evaluate(lower(spec)["discriminator"])
    images = torch.rand(64, 1, 8, 12)
    discriminator.cast(Execution("bf16"), CPU)
    scores = discriminator(images)
    assert scores.dtype == torch.float32
    assert (scores != scores.bfloat16().float()).any()  # finer than half precision
    discriminator.eval()
    plain = copy.deepcopy(discriminator)
    assert plain.casting is None
    assert torch.equal(discriminator(images), plain(images))


def test_scaling_equals_torch(monkeypatch):
    """Three updates: one whose gradients overflow, and two good ones, after which it grows."""
    monkeypatch.setattr(scaling, "GROWTH_STEPS", 2)
    torch.manual_seed(0)
    mine, theirs = (nn.Linear(3, 2) for _ in range(2))
    theirs.load_state_dict(mine.state_dict())
    scaler, model = Scaler(CPU), torch.amp.GradScaler("cpu", growth_interval=2)
    optimizers = [torch.optim.Adam(each.parameters(), 0.1) for each in (mine, theirs)]
    for factor in (1.0, 1e35, 1.0, 2.0, 1.0):
        x = factor * torch.ones(4, 3)
        scaler.update(optimizers[0], mine(x).square().mean())
        optimizers[1].zero_grad()
        model.scale(theirs(x).square().mean()).backward()
        model.step(optimizers[1])
        model.update()
        assert scaler.scale.item() == model.get_scale()
        torch.testing.assert_close(mine.state_dict(), theirs.state_dict())
    other = Scaler(CPU)
    other.restore(scaler.state())
    assert other.state() == scaler.state()


@pytest.mark.parametrize("make", [torch.optim.Adam, torch.optim.RMSprop])
def test_a_first_update_that_overflows_leaves_nothing(make):
    """Also where some gradients are finite, and the optimizer keeps nothing of them yet."""
    torch.manual_seed(0)
    mine, theirs = (nn.Linear(2, 2) for _ in range(2))
    theirs.load_state_dict(mine.state_dict())
    scaler, model = Scaler(CPU), torch.amp.GradScaler("cpu")
    optimizers = [make(each.parameters(), 0.1) for each in (mine, theirs)]
    for factor in (1e35, 1.0, 2.0):
        x = torch.tensor([[factor, 1.0]])
        scaler.update(optimizers[0], (mine(x) * torch.tensor([1.0, 0.5])).sum())
        optimizers[1].zero_grad()
        model.scale((theirs(x) * torch.tensor([1.0, 0.5])).sum()).backward()
        model.step(optimizers[1])
        model.update()
        torch.testing.assert_close(mine.state_dict(), theirs.state_dict())
    kept = (each.state_dict()["state"] for each in optimizers)
    torch.testing.assert_close(*kept)


@pytest.mark.parametrize(
    ("precision", "speedups", "exact", "message"),
    [
        ("fp8", "auto", False, "no precision is called `fp8`: use fp32, tf32, bf16, fp16 or auto"),
        ("fp16", "auto", False, "fp16 needs a CUDA GPU: use bf16 or fp32"),
        ("tf32", "auto", False, "tf32 needs a CUDA GPU: use fp32"),
        (None, "graphs", False, "graphs need a CUDA GPU, which records steps: leave out `graphs`"),
        (None, "fast", False, "no speedup is called `fast`: use channels_last, compile, graphs"),
        (None, "", False, "no speedup is called ``: use channels_last, compile, graphs"),
        (None, "auto,compile", False, "`auto,compile` says two things: use auto, none, or names"),
        ("bf16", "auto", True, "an exact training computes as the emitted file does: leave out"),
        (None, "compile", True, "an exact training computes as the emitted file does: leave out"),
    ],
)
def test_useless_requests_are_refused(precision, speedups, exact, message):
    with pytest.raises(RunError) as caught:
        read_request(precision, speedups, exact, CPU)
    assert str(caught.value).startswith(message)


def test_spaces_and_the_precision_of_exact_trainings_may_be_said():
    request = read_request("bf16", "channels_last, compile", False, CPU)
    assert request.speedups == ("channels_last", "compile")
    assert read_request("fp32", "auto", True, CPU).execution == Execution()


def test_the_command_refuses_in_one_line(tmp_path):
    command = ["train", str(ROOT / "specs" / "dcgan.yaml"), "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(app, [*command, "--device", "cpu", "--precision", "fp16"])
    assert result.exit_code == 2
    assert result.stderr == "error: fp16 needs a CUDA GPU: use bf16 or fp32\n"
    assert not (tmp_path / "run").exists()


def test_compiling_needs_a_compiler(tmp_path, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.delenv("CC", raising=False)
    for folder, programs in {"gpp": ["g++", "clang++"], "clang": ["clang"], "none": []}.items():
        (tmp_path / folder).mkdir()
        for program in programs:
            (tmp_path / folder / program).touch(0o755)
    for folder, kind, missing in (
        ("gpp", "cpu", False),
        ("gpp", "cuda", True),
        ("clang", "cpu", True),
        ("clang", "cuda", False),
        ("none", "mps", False),
    ):
        monkeypatch.setenv("PATH", str(tmp_path / folder))
        assert bool(choosing.missing_compiler(torch.device(kind))) == missing, (folder, kind)
    monkeypatch.setenv("PATH", str(tmp_path / "gpp"))
    monkeypatch.setenv("CXX", "icpx")
    command = ["train", str(ROOT / "specs" / "dcgan.yaml"), "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(app, [*command, "--device", "cpu", "--speedups", "compile"])
    message = "compile needs a compiler, and there is no icpx on the PATH: install it, or leave out"
    assert (result.exit_code, result.stderr) == (2, f"error: {message} `compile`\n")
    assert not (tmp_path / "run").exists()
    began = {"execution": "fp32 channels_last compile"}
    request = making.request_of(Run("run"), began, TrainingOptions(device="cpu"), Ranks())
    assert request.speedups == ("channels_last",)


def test_a_slow_precision_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(making, "has_fast_bf16", lambda device: False)
    with pytest.warns(UserWarning, match="bf16 is far slower than fp32 on this machine"):
        run_of(tmp_path / "run", 1, precision="bf16")


def test_a_trainer_measures_nothing():
    with pytest.raises(RunError, match="a Trainer measures nothing"):
        ganspec.Trainer(loads(GREY), device="cpu", precision="auto")


def run_of(folder, steps, **more):
    return ganspec.train(loads(GREY), folder, device="cpu", steps=steps, progress=False, **more)


def test_a_resumed_run_keeps_its_choice_and_is_equal(tmp_path):
    whole = run_of(tmp_path / "whole", 6, **HALF)
    run_of(tmp_path / "parts", 3, **HALF)
    parts = run_of(tmp_path / "parts", 6, resume=True)
    assert parts.checkpoint_path.read_bytes() == whole.checkpoint_path.read_bytes()
    assert parts.log_path.read_bytes() == whole.log_path.read_bytes()
    info = json.loads(parts.info_path.read_text())
    assert (info["precision"], info["speedups"]) == ("bf16", "channels_last")
    for name, value in (("precision", "fp32"), ("speedups", "none")):
        with pytest.raises(RunError, match=f"began with --{name} .*: resume it without --{name}"):
            run_of(tmp_path / "parts", 7, resume=True, **{name: value})
    run_of(tmp_path / "parts", 7, resume=True, precision="bf16", speedups="channels_last")


def test_a_run_that_stays_exact_names_no_precision(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(making, "say", said.append)
    monkeypatch.setattr(choosing, "default_precision", lambda device: "tf32")  # as of a GPU
    run_of(tmp_path / "run", 1, exact=True)
    run_of(tmp_path / "run", 2, resume=True)
    assert said == []


def test_a_checkpoint_says_something_else(tmp_path):
    run = run_of(tmp_path / "run", 1)
    state = torch.load(run.checkpoint_path, weights_only=True)
    torch.save({**state, "execution": "fp8"}, run.checkpoint_path)
    with pytest.raises(CheckpointError, match="does not fit: execution is 'fp8'"):
        run_of(tmp_path / "run", 2, resume=True)


def test_checkpoints_fit_any_precision(tmp_path):
    trainers = [ganspec.Trainer(loads(GREY), device="cpu", **more) for more in (HALF, {})]
    trainers[0].step()
    trainers[0].save(tmp_path / "one.pt")
    trainers[1].restore(tmp_path / "one.pt")
    assert trainers[1].steps_done == 1


def test_measuring_changes_no_result(tmp_path, monkeypatch):
    monkeypatch.setattr(choosing, "WORTH", 1)
    monkeypatch.setattr(choosing, "MIN_SECONDS", 0)
    measured = run_of(tmp_path / "measured", 2, precision="auto")
    info = json.loads(measured.info_path.read_text())
    assert {"fp32", "fp32 channels_last"} <= set(info["measured_step_seconds"])
    chosen = {"precision": info["precision"], "speedups": info["speedups"]}
    said = run_of(tmp_path / "said", 2, **chosen)
    assert said.checkpoint_path.read_bytes() == measured.checkpoint_path.read_bytes()
    assert said.log_path.read_bytes() == measured.log_path.read_bytes()


def test_steps_of_a_warm_up_are_not_measured(monkeypatch):
    """They train the discriminator alone, so they are shorter than the others."""
    spec = loads(GREY.replace("keep: 1", "warmup: {iterations: 100, images: pixels}"))
    training = ganspec.Trainer(spec, device="cpu").training
    before = [weight.clone() for weight in training.generator.parameters()]
    monkeypatch.setattr(choosing, "MIN_SECONDS", 0)
    assert choosing.measure(lambda execution: training, Execution()) > 0
    assert training.phase() == ""
    assert not any(map(torch.equal, before, training.generator.parameters()))


def test_measuring_is_told_before_it_begins(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(making, "say", said.append)
    run_of(tmp_path / "short", 2, speedups="auto")
    assert said == []
    monkeypatch.setattr(choosing, "WORTH", 1)
    monkeypatch.setattr(choosing, "measure", lambda make, execution: said.append("measured") or 1.0)
    run_of(tmp_path / "run", 2, speedups="auto")
    assert said[0].endswith("measures steps in several ways, to train in the fastest")
    assert said.count("measured") == 2


@pytest.mark.parametrize("layer", ["relu", "own_relu"])
def test_graphs_are_not_measured_with_own_kinds(tmp_path, monkeypatch, layer):
    """Also if they are in no file of kinds, as this one."""

    class OwnRelu(Layer, kind="own_relu"):
        """Counts nothing, but might."""

        def call(self, x):
            return Call(nn.ReLU)

    requests = []

    def choose_first(request, *_):
        requests.append(request)
        return Choice(request.execution)

    monkeypatch.setattr(making, "choose", choose_first)
    ganspec.train(loads(GREY.replace("relu,", f"{layer},")), tmp_path, steps=1, progress=False)
    (request,) = requests
    assert request.records == (layer == "relu")


def test_a_measured_copy_is_freed_before_the_next_one(monkeypatch):
    """With its recorded step, since on a GPU both may not fit into the memory."""
    kept, alive = [], []

    def make(execution):
        alive.append([ref for ref in kept if ref() is not None])
        training = ganspec.Trainer(loads(GREY), device="cpu", speedups=execution.speedups).training
        training.replay = Recorder(training)
        kept.extend(map(weakref.ref, [training, *training.networks.values()]))
        training.replay.works = False
        return training

    monkeypatch.setattr(choosing, "WORTH", 1)
    gc.disable()
    try:
        choose(ExecutionRequest(CPU), make, 10)
        alive.append([ref for ref in kept if ref() is not None])
    finally:
        gc.enable()
    assert alive == [[], [], []]


def choice_of(monkeypatch, seconds, request, steps, minutes=None):
    """Return the choice among executions that take so many seconds per step, None if they fail."""
    monkeypatch.setattr(choosing, "WORTH", 200)
    monkeypatch.setattr(choosing, "measure", lambda make, execution: seconds[str(execution)])
    return choose(request, None, steps, minutes)


SECONDS = {
    "fp32": 1.0,
    "fp32 channels_last": 0.8,
    "bf16": None,
    "bf16 channels_last": 0.4,
    "bf16 channels_last compile": 0.3,
    "fp32 channels_last compile": 0.79,
}


@pytest.mark.parametrize(
    ("precision", "steps", "minutes", "chosen"),
    [
        ("auto", 10_000, None, "bf16 channels_last compile"),
        ("auto", 10_000, 5, "bf16 channels_last"),  # too short to compile
        ("auto", 10_000, 3, "fp32"),  # too short to measure more
        ("auto", 10_000, 0, "fp32"),  # one step
        ("auto", 199, None, "fp32"),  # too short to measure
        (None, 10_000, None, "fp32 channels_last"),  # compiled is within the noise
        ("fp32", 1_000, None, "fp32 channels_last"),
    ],
)
def test_the_fastest_is_chosen(monkeypatch, precision, steps, minutes, chosen):
    request = ExecutionRequest(CPU, precision)
    assert str(choice_of(monkeypatch, SECONDS, request, steps, minutes).execution) == chosen


def test_what_is_said_is_not_measured(monkeypatch):
    choice = choice_of(monkeypatch, {}, ExecutionRequest(CPU, "bf16", ("channels_last",)), 10_000)
    assert choice.record() == {"precision": "bf16", "speedups": "channels_last"}


def test_only_cpus_and_cuda_gpus_are_measured(monkeypatch):
    monkeypatch.setattr(choosing, "WORTH", 200)
    assert ExecutionRequest(CPU).is_measured(10_000)
    assert not ExecutionRequest(torch.device("mps")).is_measured(10_000)


@pytest.mark.parametrize("kind", ["mps", "cuda"])
def test_a_run_goes_on_where_there_is_no_tf32(monkeypatch, kind):
    monkeypatch.setattr(making, "choose_device", lambda name: torch.device(kind))
    for module in (making, choosing):
        monkeypatch.setattr(module, "has_tf32", lambda device: False)
    began = {"execution": "tf32 channels_last graphs"}
    request = making.request_of(Run("run"), began, TrainingOptions(), Ranks())
    kept = ("channels_last", "graphs") if kind == "cuda" else ("channels_last",)
    assert request.execution == Execution("fp32", kept)
    if kind == "mps":
        with pytest.raises(RunError, match="began with fp16, which needs a CUDA GPU: resume it on"):
            making.request_of(Run("run"), {"execution": "fp16"}, TrainingOptions(), Ranks())


@pytest.mark.slow
def test_a_compiled_network_agrees():
    plain = evaluate(lower(loads(GREY.replace("dropout, ", "")))["discriminator"])
    compiled = copy.deepcopy(plain)
    compiled.cast(Execution("fp32", ("compile",)), CPU)
    images = torch.rand(4, 1, 8, 12)
    scores = [network(images) for network in (plain, compiled)]
    torch.testing.assert_close(*scores)
    for each in scores:
        each.sum().backward()
    gradients = ([w.grad for w in network.parameters()] for network in (plain, compiled))
    torch.testing.assert_close(*gradients)
