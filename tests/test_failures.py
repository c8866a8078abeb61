"""An error in a network names its layer: forward, backward, in training, sampling, evaluation."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest
import torch
from conftest import ROOT, SPECS, narrow
from small_gans import GREY
from torch import nn

import ganspec
from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower
from ganspec.language.load import loads
from ganspec.program.failures import blame_backward
from ganspec.program.ir import Call
from ganspec.sampling.sampler import Sampler

EVERY = bool(os.environ.get("GANSPEC_EVERY_LAYER"))
CHOSEN = SPECS if EVERY else [ROOT / "specs" / "acgan_cifar32.yaml"]
NESTED = """
name: nested
vars: {z: 4, ch: 8}
data: {dataset: {shapes: {count: 16}}, size: 16}
condition: {kind: classes, size: 24}
blocks:
  inner: {params: [c], layers: [{conv: c}, class_batch_norm, relu]}
  outer:
    layers:
      - residual: [{inner: 8}, {repeat: {times: 2, layers: [{inner: 8}]}}]
      - pad: 1
      - {conv: {out: 8, padding: 0}}
latent: {size: z}
generator:
  condition: {embedding: 3}
  layers:
    - reshape: [7, 1, 1]
    - conv_transpose: {out: ch, kernel: 4, stride: 4, padding: 0}
    - outer
    - join_label: {channel: {embedding: 2}}
    - conv: {out: 8, as: early}
    - outer
    - add: early
    - upsample: 4
    - conv: 3
    - tanh
discriminator:
  normalization: [batch, spectral]
  layers:
    - conv: {out: ch, stride: 2, as: first}
    - norm
    - residual: {main: [relu, {conv: ch}], skip: [{conv: {out: ch, kernel: 1}}]}
    - concat: first
    - self_attention
    - sum_pool
    - projection
objective: {loss: hinge}
optimizers: {adam: {lr: 1e-3}}
train: {batch: 4}
"""
TEXTS = {"nested": NESTED, **{path.stem: path for path in CHOSEN}}


class Broken(torch.autograd.Function):
    """The identity, whose backward pass fails."""

    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, gradient):
        raise RuntimeError("broken")


def fail(x):
    raise RuntimeError("broken")


@contextmanager
def failing(step, module, after):
    """Within the block, apply `after` to the output of one step, a module's or a function's."""
    if module is not None:
        forward = module.forward
        module.forward = lambda *inputs: after(forward(*inputs))
        yield
        del module.forward
        return
    apply = Call.apply

    def applied(call, *inputs):
        return after(apply(call, *inputs)) if call is step.call else apply(call, *inputs)

    Call.apply = applied
    yield
    Call.apply = apply


def note_of(run) -> str:
    """Return the note of the error that `run` raises, in its backward pass perhaps."""
    with pytest.raises(RuntimeError, match="broken") as caught:
        run()
    blame_backward(caught.value, run)
    (note,) = caught.value.__notes__
    return note


@pytest.mark.parametrize("exact", [False, True], ids=["fast", "exact"])
@pytest.mark.parametrize("name", TEXTS)
def test_every_layer_that_fails_is_named(name, exact):
    text = TEXTS[name]
    for net in lower(loads(text) if name == "nested" else narrow(text)).values():
        torch.manual_seed(0)
        network = evaluate(net, exact)
        inputs = [start.value.tensor(2) for start in net.inputs]
        inputs[0].requires_grad_(True)

        def run(network=network, inputs=inputs):
            outputs = network(*inputs)
            heads = outputs if isinstance(outputs, tuple) else (outputs,)
            sum(head.square().sum() for head in heads).backward()

        for step, module in list(network.leaves()):
            place = f"{step.origin.path} ({step.origin.kind}), {step.origin.mark}"
            with failing(step, module, fail):
                assert note_of(run).endswith(place)
            if not step.output.is_index and step.call.target.__name__ != "OneHot":
                with failing(step, module, Broken.apply):
                    note = note_of(run)
                assert note.startswith("in the backward pass of ") and note.endswith(place)
        run()


def test_nothing_is_named_that_is_not_known():
    """An error of the loss, or one that the repeated step does not have, is of no layer."""
    network = evaluate(lower(loads(NESTED))["discriminator"])
    x, y = torch.zeros(2, 3, 16, 16), torch.tensor([0, 1])
    for again in (lambda: Broken.apply(network(x, y)).sum().backward(), lambda: None):
        with pytest.raises(RuntimeError) as caught:
            Broken.apply(network(x, y)).sum().backward()
        blame_backward(caught.value, again)
        assert not hasattr(caught.value, "__notes__")


# -- where networks run ---------------------------------------------------------------------------


def module_of_kind(network, kind: str) -> nn.Module:
    return next(m for step, m in network.leaves() if m is not None and step.origin.kind == kind)


def test_a_training_step_names_the_layer_of_either_pass():
    text = GREY.replace("name: grey", "name: grey\n# a comment moves the lines")
    trainer = ganspec.Trainer(loads(text), device="cpu")
    module = module_of_kind(trainer.networks["discriminator"], "leaky_relu")
    forward = module.forward
    module.forward = lambda x: Broken.apply(forward(x))
    with pytest.raises(RuntimeError) as caught:
        trainer.step()
    layer = "Discriminator, discriminator.layers.1 (leaky_relu), <text>:10:42"
    assert caught.value.__notes__ == [f"in the backward pass of {layer}"]
    module.forward = fail
    with pytest.raises(RuntimeError) as caught:
        trainer.step()
    assert caught.value.__notes__ == [f"in {layer}"]


def test_a_gradient_of_a_gradient_names_the_layer():
    spec = narrow(ROOT / "specs" / "wgan_gp.yaml")
    trainer = ganspec.Trainer(spec, device="cpu")

    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, gradient):
            return gradient * 1

    network = trainer.networks["discriminator"]
    step, module = [(s, m) for s, m in network.leaves() if m is not None][2]
    forward = module.forward
    module.forward = lambda x: Once.apply(forward(x))
    with pytest.raises(RuntimeError, match="differentiate twice") as caught:
        trainer.step()
    place = f"{step.origin.path} ({step.origin.kind}), {step.origin.mark}"
    assert caught.value.__notes__ == [f"in the backward pass of Discriminator, {place}"]


def test_memory_that_is_used_up_names_the_layer():
    trainer = ganspec.Trainer(loads(GREY), device="cpu")
    module = module_of_kind(trainer.networks["discriminator"], "conv")

    class Full(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, gradient):
            raise MemoryError

    forward = module.forward
    module.forward = lambda x: Full.apply(forward(x))
    with pytest.raises(MemoryError) as caught:
        trainer.step()
    (note,) = caught.value.__notes__
    assert note.startswith("in the backward pass of Discriminator, discriminator.layers.0 (conv)")


def test_a_module_that_cannot_be_built_names_the_layer(monkeypatch):
    def full(*_):
        raise MemoryError

    nets = lower(loads(GREY))
    monkeypatch.setattr(nn.Conv2d, "reset_parameters", full)
    with pytest.raises(MemoryError) as caught:
        evaluate(nets["discriminator"])
    (note,) = caught.value.__notes__
    assert note.startswith("in Discriminator, discriminator.layers.0 (conv), <text>:")


def test_an_error_with_a_note_of_its_own_names_the_layer_too():
    network = evaluate(lower(loads(GREY))["discriminator"])

    def told(*_):
        error = RuntimeError("broken")
        error.add_note("by hand")
        raise error

    module_of_kind(network, "conv").register_forward_pre_hook(told)
    with pytest.raises(RuntimeError) as caught:
        network(torch.zeros(2, 1, 8, 12))
    first, second = caught.value.__notes__
    assert first == "by hand" and "discriminator.layers.0 (conv)" in second


def test_sampling_names_the_layer(tmp_path):
    run = ganspec.train(loads(GREY), tmp_path / "run", device="cpu", steps=1)
    sampler = Sampler(run.folder, torch.device("cpu"))
    module_of_kind(sampler.generator, "batch_norm").forward = fail
    with pytest.raises(RuntimeError) as caught:
        next(iter(sampler.images(4, 0)))
    (note,) = caught.value.__notes__
    assert note.startswith("in Generator, generator.layers.1 (batch_norm), ")


def test_the_time_of_naming_can_be_measured():
    command = [sys.executable, str(ROOT / "benchmarks" / "naming.py"), "--steps", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].startswith("naming layers takes ")
