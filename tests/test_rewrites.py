"""Rewrites: each equals the module that it applies in double precision, and changes no name."""

from __future__ import annotations

import json

import pytest
import torch
from conftest import ROOT, narrow
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import ganspec
from ganspec.compiler.actions import REWRITES, actions
from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower, lower_network
from ganspec.compiler.rewrites import (
    conv_before_pool,
    instance_norm_as_groups,
    upsample_before_conv,
)
from ganspec.language.load import loads
from ganspec.program.ir import Call, Net, module_of, start_input
from ganspec.systems.spec import Interface

SPEC = """
name: probe
data: {dataset: shapes}
latent: {size: 6}
generator: {NORM layers: LAYERS}
discriminator: {layers: [flatten, {linear: 1}]}
objective: {loss: hinge}
optimizers: {adam: {lr: 1e-3}}
"""
CASES = [  # the rewrite, layers that it applies, the shape of their input
    *(
        ("transposed_conv_of_a_point", [{"conv_transpose": fields}], (6, 1, 1))
        for fields in (
            {"out": 5, "kernel": 4, "padding": 0},
            {"out": 5, "kernel": 4, "padding": 1},
            {"out": 5, "kernel": [3, 5], "padding": [0, 2], "bias": False},
            {"out": 5, "kernel": 4, "stride": 2},
            {"out": 5, "kernel": 4, "padding": "valid"},
            {"out": 5, "kernel": 1, "padding": 0},
            {"out": 5, "kernel": 5, "stride": 3, "split": "end"},
        )
    ),
    *(
        ("upsample_before_conv", ["upsample", {"conv": fields}], (5, 12, 9))
        for fields in (
            {"out": 4},
            {"out": 4, "bias": False, "padding": 0},
            {"out": 4, "padding": 2},
            {"out": 3, "kernel": 5},
            {"out": 3, "kernel": 2, "padding": 1},
        )
    ),
    ("upsample_before_conv", [{"upsample": 3}, {"conv": 4}], (5, 12, 9)),
    ("upsample_before_conv", ["upsample", {"conv": 3}], (64, 12, 9)),  # then to few channels
    *(
        ("conv_before_pool", [{"conv": fields}, "avg_pool"], (5, 25, 16))
        for fields in (
            {"out": 4},
            {"out": 4, "bias": False, "padding": 0},
            {"out": 3, "kernel": 5, "padding": 1},
        )
    ),
    ("conv_before_pool", [{"conv": 4}, {"avg_pool": 3}], (5, 30, 31)),
    ("pointwise_conv_of_upsampled", ["upsample", {"conv": {"out": 4, "kernel": 1}}], (5, 4, 3)),
    (
        "pointwise_conv_of_upsampled",
        [{"upsample": {"factor": 3, "mode": "bilinear"}}, {"conv": {"out": 4, "kernel": 1}}],
        (5, 4, 3),
    ),
    ("pointwise_conv_before_pool", [{"conv": {"out": 4, "kernel": 1}}, "avg_pool"], (5, 5, 6)),
    ("conv_to_few_channels", [{"conv": 3}], (64, 5, 6)),
    ("conv_to_few_channels", [{"conv": {"out": 1, "kernel": 4, "padding": 0}}], (64, 4, 5)),
    ("conv_to_few_channels", [{"conv": {"out": 2, "kernel": 5, "bias": False}}], (64, 4, 5)),
    (
        "transposed_conv_to_few_channels",
        [{"conv_transpose": {"out": 3, "kernel": 4, "stride": 2}}],
        (64, 4, 5),
    ),
    (
        "transposed_conv_to_few_channels",
        [{"conv_transpose": {"out": 1, "kernel": [3, 5], "stride": 2, "padding": 1}}],
        (64, 4, 5),
    ),
    *(
        ("conv_to_small_map", [{"conv": fields}], shape)
        for fields, shape in (
            ({"out": 512, "kernel": 4, "stride": 2}, (128, 8, 8)),
            ({"out": 512, "kernel": 5, "stride": 2, "bias": False}, (128, 8, 7)),
            ({"out": 512, "kernel": [5, 3], "stride": 3, "padding": 0}, (160, 9, 15)),
        )
    ),
    *(
        ("transposed_conv_of_small_map", [{"conv_transpose": fields}], shape)
        for fields, shape in (
            ({"out": 128, "kernel": 4, "stride": 2}, (512, 4, 4)),
            ({"out": 128, "kernel": 4, "stride": 2, "bias": False}, (512, 3, 5)),
            ({"out": 160, "kernel": [5, 3], "stride": 3, "padding": 1}, (512, 2, 2)),
        )
    ),
    ("instance_norm_as_groups", [{"conv": 5}, "instance_norm"], (5, 4, 6)),
    (
        "instance_norm_as_groups",
        [{"conv": 5}, {"instance_norm": {"affine": True, "eps": 0.1}}],
        (5, 4, 6),
    ),
    ("attention", ["self_attention"], (16, 16, 17)),
]
OTHERS = [
    ([{"conv_transpose": {"out": 4, "kernel": 4, "padding": 0, "groups": 2}}], (6, 1, 1)),
    (
        [
            {
                "conv_transpose": {
                    "out": 4,
                    "kernel": 3,
                    "stride": 2,
                    "padding": 0,
                    "output_padding": 1,
                }
            }
        ],
        (6, 1, 1),
    ),
    ([{"conv_transpose": {"out": 4, "kernel": 4, "padding": 0}}], (6, 2, 1)),
    ([{"upsample": {"mode": "bilinear"}}, {"conv": 4}], (6, 8, 8)),
    (["upsample", {"conv": {"out": 4, "groups": 2}}], (6, 8, 8)),
    (["upsample", {"conv": {"out": 4, "stride": 2}}], (6, 8, 8)),
    (["upsample", {"conv": {"out": 4, "dilation": 2}}], (6, 8, 8)),
    ([{"upsample": {"as": "up"}}, {"conv": 6}, {"add": "up"}], (6, 8, 8)),
    ([{"conv": 4}, {"avg_pool": {"kernel": 3, "stride": 2}}], (6, 8, 8)),
    ([{"conv": 4}, {"avg_pool": {"kernel": 2, "padding": 1}}], (6, 8, 8)),
    ([{"conv": 4}, "max_pool"], (6, 8, 8)),
    (["self_attention"], (16, 8, 8)),
    ([{"self_attention": "pooled"}], (16, 16, 16)),
    ([{"conv": {"out": 3, "stride": 2, "kernel": 4}}], (64, 8, 8)),
    ([{"conv": {"out": 512, "kernel": 4, "stride": 2}}], (128, 12, 8)),
    ([{"conv": {"out": 256, "kernel": 4, "stride": 2}}], (128, 8, 8)),
    ([{"conv": {"out": 512, "kernel": 4, "padding": 0}}], (128, 5, 5)),
    ([{"conv": {"out": 512, "kernel": 4, "stride": [2, 1]}}], (128, 8, 2)),
    ([{"conv": {"out": 512, "kernel": 4, "stride": 2, "groups": 2}}], (256, 8, 8)),
    ([{"conv_transpose": {"out": 128, "kernel": 4, "stride": 2}}], (512, 5, 4)),
    ([{"conv_transpose": {"out": 256, "kernel": 3, "stride": 2}}], (512, 4, 4)),
]


def network(layers: list, shape: tuple[int, ...], norm: str = "none"):
    key = "" if norm == "none" else f"normalization: {norm},"
    spec = loads(SPEC.replace("LAYERS", json.dumps(layers)).replace("NORM", key))
    interface = Interface(start_input(shape), "value", "")
    return lower_network("Probe", spec.generator, {}, interface)


def used(net) -> list[str]:
    """Return the names of the rewrites in use."""
    found = [action.apply.__module__ for action in actions(net) if action.apply]
    return [name.rsplit(".")[-1] for name in found]


def results(net, exact: bool, x: torch.Tensor) -> list[torch.Tensor]:
    """Return outputs and gradients of input and weights, in double precision.

    The last are those of the input's gradient, as of a gradient penalty.
    """
    torch.manual_seed(0)
    made = evaluate(net, exact).double()
    for name, weight in made.named_parameters():
        if name.endswith("gamma"):  # 0 at first, which would hide everything else
            torch.nn.init.ones_(weight)
    x = x.clone().requires_grad_()
    output = made(x)
    read = [x, *made.parameters()]
    loss = output.sin().sum()
    first = torch.autograd.grad(loss, read, create_graph=True)
    second = torch.autograd.grad(first[0].square().sum(), read, allow_unused=True)
    zeros = [torch.zeros_like(r) if g is None else g for r, g in zip(read, second, strict=True)]
    return [output.detach(), *(each.detach() for each in first), *zeros]


@pytest.mark.parametrize("norm", ["none", "spectral", "weight"])
@pytest.mark.parametrize(("name", "layers", "shape"), CASES, ids=str)
def test_a_rewrite_equals_its_modules(name, layers, shape, norm):
    net = network(layers, shape, norm)
    assert used(net) == [name]
    x = torch.randn(4, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for ours, torchs in zip(results(net, False, x), results(net, True, x), strict=True):
        torch.testing.assert_close(ours, torchs, atol=1e-11, rtol=1e-11)


class LargeResults(TorchDispatchMode):
    """Lists operations that make a tensor of `size` numbers, other than views."""

    def __init__(self, size: int):
        super().__init__()
        self.size, self.names = size, []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        results = result if isinstance(result, (list, tuple)) else [result]
        if not function.is_view and any(getattr(r, "numel", int)() == self.size for r in results):
            self.names.append(str(function))
        return result


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ([{"conv_transpose": {"out": 32, "kernel": 4, "padding": 0, "bias": False}}], (70, 1, 1)),
        ([{"conv": {"out": 512, "kernel": 4, "stride": 2, "bias": False}}], (128, 8, 8)),
        ([{"conv_transpose": {"out": 128, "kernel": 4, "stride": 2, "bias": False}}], (512, 4, 4)),
    ],
    ids=str,
)
def test_a_rewrite_copies_no_large_weight_in_channels_last(layers, shape):
    made = evaluate(network(layers, shape), False).to(memory_format=torch.channels_last)
    (weight,) = made.parameters()
    x = torch.randn(4, *shape).contiguous(memory_format=torch.channels_last)
    with LargeResults(weight.numel()) as forwards:
        y = made(x)
    with LargeResults(weight.numel()) as backwards:
        y.sum().backward()
    assert forwards.names == [] and backwards.names == ["aten.mm.default"]
    assert weight.grad.stride() == weight.stride()


def test_the_product_of_a_point_converts_its_weight_for_many_images_only():
    layers = [{"conv_transpose": {"out": 32, "kernel": 4, "padding": 0, "bias": False}}]
    made = evaluate(network(layers, (70, 1, 1)), False)
    (weight,) = made.parameters()
    for images, conversions in ((128, []), (129, ["aten._to_copy.default"])):
        with LargeResults(weight.numel()) as results, torch.autocast("cpu", torch.bfloat16):
            assert made(torch.randn(images, 70, 1, 1)).dtype == torch.bfloat16
        assert results.names == conversions


@pytest.mark.parametrize(("layers", "shape"), OTHERS, ids=str)
def test_what_a_rewrite_does_not_know_is_left_alone(layers, shape):
    assert used(network(layers, shape)) == []


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ([{"conv": {"out": 512, "kernel": 4, "stride": 2}}], (128, 8, 8)),
        ([{"conv_transpose": {"out": 128, "kernel": 4, "stride": 2}}], (512, 4, 4)),
        (["self_attention"], (16, 16, 17)),
        ([{"conv_transpose": {"out": 64, "kernel": 4, "padding": 0}}], (100, 1, 1)),
    ],
    ids=str,
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
def test_a_rewrite_in_half_precision_is_as_exact_as_torch(layers, shape, layout):
    net = network(layers, shape)
    x = torch.randn(4, *shape, generator=torch.Generator().manual_seed(1))
    whole, *halves = (gradients(net, exact, half, x, layout) for exact, half in WAYS)
    for right, ours, torchs in zip(whole, *halves, strict=True):
        scale = right.abs().max()
        assert (ours - right).abs().max() <= 2 * (torchs - right).abs().max() + 0.002 * scale


WAYS = ((True, False), (False, True), (True, True))  # exact or rewritten, in half precision or not


def gradients(net, exact, half, x, layout) -> list[torch.Tensor]:
    """Return the output and the gradients of input and weights, in single precision."""
    torch.manual_seed(0)
    made = evaluate(net, exact).to(memory_format=layout)
    for name, weight in made.named_parameters():
        if name.endswith("gamma"):
            torch.nn.init.ones_(weight)
    x = x.contiguous(memory_format=layout).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        output = made(x)
    assert output.is_contiguous(memory_format=layout)
    grads = torch.autograd.grad(output.float().sin().sum(), [x, *made.parameters()])
    return [output.float(), *(grad.float() for grad in grads)]


@pytest.fixture(scope="module")
def nets():
    return lower(ganspec.load(ROOT / "benchmarks" / "sngan_cifar32.yaml"))


def test_every_rewrite_is_used_by_a_spec(nets):
    specs = [ROOT / "specs" / f"{name}.yaml" for name in ("dcgan", "wgan_gp_iclevr", "sagan")]
    others = [net for path in specs for net in lower(ganspec.load(path)).values()]
    names: set[str] = set()
    for net in [*nets.values(), *others]:
        blocks = (step.call.target for step in net.steps)
        for each in [net, *(block for block in blocks if isinstance(block, Net))]:
            names.update(used(each))
    assert names == {rewrite.__name__.rsplit(".")[-1] for rewrite in REWRITES}


def test_arguments_are_read_in_every_form_that_own_layers_may_write():
    """By position, as a tuple, and arguments that no layer of ganspec sets."""
    value = start_input((4, 12, 12)).value
    conv = Call(nn.Conv2d, 4, 3, 3, 1, 1)
    calls = [Call(nn.Upsample, scale_factor=(2, 2)), conv]
    upsample, convolve = (module_of(call).double() for call in calls)
    x = torch.randn(4, 4, 12, 12, dtype=torch.float64)
    assert upsample_before_conv.fits(calls, value)
    ours = upsample_before_conv.apply(upsample, convolve, x)
    torch.testing.assert_close(ours, convolve(upsample(x)), atol=1e-11, rtol=1e-11)
    assert conv_before_pool.fits([conv, Call(nn.AvgPool2d, 2)], value)
    assert not conv_before_pool.fits([conv, Call(nn.AvgPool2d, 2, divisor_override=1)], value)
    norm = (nn.InstanceNorm2d, 4, 1e-5, 0.1, True)
    assert instance_norm_as_groups.fits([Call(*norm, False)], value)
    assert not instance_norm_as_groups.fits([Call(*norm, True)], value)


@pytest.mark.parametrize("key", ["generator", "discriminator"])
def test_rewrites_change_no_name_and_no_weight(nets, key):
    torch.manual_seed(0)
    fast = evaluate(nets[key])
    torch.manual_seed(0)
    exact = evaluate(nets[key], exact=True)
    inputs = [start.value.tensor(4) for start in nets[key].inputs]
    inputs[0].normal_()
    torch.testing.assert_close(fast(*inputs), exact(*inputs), atol=1e-4, rtol=1e-4)
    assert list(fast.state_dict()) == list(exact.state_dict())
    for ours, theirs in zip(fast.parameters(), exact.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("kind", ["forward", "forward_pre", "full_backward", "full_backward_pre"])
@pytest.mark.parametrize("hooked", ["0", "1"])
def test_a_hook_sees_the_module_itself(hooked, kind):
    made, seen = evaluate(network(["upsample", {"conv": 4}], (5, 12, 12))), []
    module = made.get_submodule("main").get_submodule(hooked)
    getattr(module, f"register_{kind}_hook")(lambda *arguments: seen.append(arguments[0]))
    x = torch.randn(2, 5, 12, 12, requires_grad=True)
    made(x).sum().backward()
    assert seen == [module]


def test_small_batches_are_left_to_the_modules():
    """Kernels of sums cost more than they save on few places."""
    net = network(["upsample", {"conv": 4}], (5, 3, 3))
    torch.manual_seed(0)
    fast = evaluate(net)
    torch.manual_seed(0)
    exact = evaluate(net, exact=True)
    x = torch.randn(2, 5, 3, 3)
    assert torch.equal(fast(x), exact(x))


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
