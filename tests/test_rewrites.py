"""Rewrites: each equals the module that it applies in double precision, and changes no name."""

from __future__ import annotations

import json

import pytest
import torch
from conftest import ROOT, narrow

import ganspec
from ganspec.compiler.emit import emit
from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower, lower_network
from ganspec.compiler.rewrites import REWRITES, rewritten
from ganspec.language.load import loads
from ganspec.program.ir import start_input
from ganspec.systems.spec import Interface

SPEC = """
name: probe
data: {dataset: shapes}
latent: {size: 6}
generator: {normalization: NORM, layers: [LAYER]}
discriminator: {layers: [flatten, {linear: 1}]}
objective: {loss: hinge}
optimizers: {adam: {lr: 1e-3}}
"""
POINTS = [
    {"out": 5, "kernel": 4, "padding": 0},
    {"out": 5, "kernel": 4, "padding": 1},
    {"out": 5, "kernel": [3, 5], "padding": [0, 2], "bias": False},
    {"out": 5, "kernel": 4, "stride": 2},
    {"out": 5, "kernel": 4, "padding": "valid"},
    {"out": 5, "kernel": 1, "padding": 0},
    {"out": 5, "kernel": 5, "stride": 3, "split": "end"},
]
OTHERS = [
    ({"out": 4, "kernel": 4, "padding": 0, "groups": 2}, (6, 1, 1)),
    ({"out": 4, "kernel": 3, "stride": 2, "padding": 0, "output_padding": 1}, (6, 1, 1)),
    ({"out": 4, "kernel": 4, "padding": 0}, (6, 2, 1)),
]


def network(layer: dict, shape: tuple[int, ...], norm: str = "none"):
    spec = loads(SPEC.replace("LAYER", json.dumps(layer)).replace("NORM", norm))
    interface = Interface(start_input(shape), "value", "")
    return lower_network("Probe", spec.generator, {}, interface)


def results(net, exact: bool, x: torch.Tensor) -> list[torch.Tensor]:
    """Return outputs and gradients of input and weights, in double precision."""
    torch.manual_seed(0)
    made = evaluate(net, exact).double()
    x = x.clone().requires_grad_()
    output = made(x)
    output.square().sum().backward()
    return [output.detach(), x.grad, *(weight.grad for weight in made.parameters())]


@pytest.mark.parametrize("norm", ["none", "spectral", "weight"])
@pytest.mark.parametrize("fields", POINTS, ids=str)
def test_a_transposed_convolution_of_a_point_is_a_product(fields, norm):
    net = network({"conv_transpose": fields}, (6, 1, 1), norm)
    assert rewritten(net.steps[0].call, [net.inputs[0].value]) is not None
    x = torch.randn(3, 6, 1, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for ours, torchs in zip(results(net, False, x), results(net, True, x), strict=True):
        torch.testing.assert_close(ours, torchs, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize(("fields", "shape"), OTHERS, ids=str)
def test_what_the_product_does_not_know_is_left_alone(fields, shape):
    net = network({"conv_transpose": fields}, shape)
    assert rewritten(net.steps[0].call, [net.inputs[0].value]) is None


def test_every_rewrite_is_used_by_a_spec_and_changes_no_name_and_no_source(monkeypatch):
    spec = narrow(ROOT / "specs" / "cgan_iclevr.yaml")
    used = []
    for rewrite in REWRITES:
        apply = rewrite.apply
        monkeypatch.setattr(
            rewrite, "apply", lambda *a, apply=apply, r=rewrite: used.append(r) or apply(*a)
        )
    nets = lower(spec)
    torch.manual_seed(0)
    fast = evaluate(nets["generator"])
    torch.manual_seed(0)
    exact = evaluate(nets["generator"], exact=True)
    assert list(fast.state_dict()) == list(exact.state_dict())
    assert emit(spec) == emit(spec)
    z, y = torch.randn(4, spec.latent.size), torch.zeros(4, 24)
    torch.testing.assert_close(fast(z, y), exact(z, y))
    assert set(used) == set(REWRITES)


def test_a_hook_sees_the_module_itself():
    net = network({"conv_transpose": POINTS[0]}, (6, 1, 1))
    made, seen = evaluate(net), []
    made.get_submodule("conv_transpose").register_forward_hook(lambda m, i, o: seen.append(o))
    output = made(torch.randn(2, 6, 1, 1))
    assert seen[0] is output


def test_a_run_says_whether_it_is_exact_and_resume_keeps_it(tmp_path):
    spec = narrow(ROOT / "specs" / "dcgan.yaml")
    for exact in (True, False):
        run = ganspec.train(spec, tmp_path / str(exact), steps=2, exact=exact)
        assert run.info()["exact"] is exact
        ganspec.train(spec, run.folder, steps=4, resume=True)
        assert run.info()["exact"] is exact
    whole = ganspec.train(spec, tmp_path / "whole", steps=4)
    resumed = tmp_path / "False" / "checkpoint.pt"
    ours, theirs = (torch.load(p, weights_only=True) for p in (whole.checkpoint_path, resumed))
    for key, weight in ours["networks"]["generator"].items():
        assert torch.equal(weight, theirs["networks"]["generator"][key])
    with pytest.raises(ganspec.runs.run.RunError, match="began without --exact"):
        ganspec.train(spec, tmp_path / "False", steps=6, resume=True, exact=True)
