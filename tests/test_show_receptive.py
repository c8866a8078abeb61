"""Receptive fields against gradients: an output sees the pixels that its gradient reaches."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch
from conftest import SPECS, narrow
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from test_properties import written
from torch import nn

from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower, lower_network
from ganspec.language.errors import SpecError
from ganspec.language.expr import Width
from ganspec.language.kinds import kinds_of, within
from ganspec.language.load import loads
from ganspec.program import dependence, receptive
from ganspec.program.ir import Call, Net, Origin, Step, Value, start_input
from ganspec.program.probe import probe
from ganspec.program.receptive import receptive_field, receptive_fields

STATISTICS = (nn.InstanceNorm2d, nn.GroupNorm, nn.LayerNorm)
SMALL = 128  # places of a map, or numbers of a vector, that are all tried
POINTWISE = {"relu", "leaky_relu", "norm", "batch_norm", "layer_norm", "dropout", "sigmoid"}


def positive(net: Net) -> nn.Module:
    """Return the network in float64 with positive weights, so that no two paths cancel.

    Maxima become means over the same windows, since a maximum passes one gradient only, and
    normalizations whose statistics would tie all places together go.
    """
    module = evaluate(net).double().eval()
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.MaxPool2d):
                sides = (child.kernel_size, child.stride, child.padding)
                setattr(parent, name, nn.AvgPool2d(*sides, ceil_mode=child.ceil_mode))
            if isinstance(child, STATISTICS) or getattr(child, "running_mean", child) is None:
                setattr(parent, name, nn.Identity())
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in module.parameters():
            weight.uniform_(0.5, 1.5, generator=random).div_(
                weight.numel() / max(weight.shape[:1], default=1)
            )
    return module


def measured(net: Net) -> tuple[int, int]:
    """Largest height and width that the gradient of one number of the output covers.

    All places of a small map are tried. Those of a large one's diagonal are in every row and
    column; a flattened map's first numbers are those of its first channel, which has all places.
    """
    is_map, (first, *size) = net.output.is_map, net.output.shape
    is_small = is_map and size[0] * size[1] <= SMALL
    places = size[0] * size[1] if is_small else max(size) if is_map else min(first, SMALL)
    random = torch.Generator().manual_seed(1)
    x = torch.rand(places, *net.inputs[0].value.shape, dtype=torch.float64, generator=random)
    x = (x + 0.5).requires_grad_()
    labels = [torch.zeros_like(i.value.tensor(places)) for i in net.inputs[1:]]
    labels = [y + 1.0 if y.is_floating_point() else y for y in labels]
    result = positive(net)(x, *(y.double() if y.is_floating_point() else y for y in labels))
    result = result[0] if net.heads else result
    if is_map:
        chosen = [divmod(i, size[1]) if is_small else (i, i) for i in range(places)]
        result = sum(
            result[i, :, h % size[0], w % size[1]].sum() for i, (h, w) in enumerate(chosen)
        )
    else:
        result = result[range(places), range(places)].sum()
    result.backward()
    seen = x.grad.abs().amax(1) > 0
    return tuple(int(span(seen.any(dim)).max()) for dim in (2, 1))


def span(seen: torch.Tensor) -> torch.Tensor:
    """From the first True of each row to the last; 0 where there is none."""
    places = torch.arange(1, seen.shape[1] + 1)
    last = (seen * places).amax(1)
    first = (seen * places.flip(0)).amax(1)
    return (last - (seen.shape[1] - first)).clamp(min=0)


def prefixes(spec) -> list[Net]:
    """Return the networks that read images, ended after each layer that mixes places."""
    found = []
    for key, interface in spec.interfaces().items():
        if not interface.input.value.is_map:
            continue
        network, headless = getattr(spec, key), replace(interface, heads={})
        for count, layer in enumerate(network.layers, 1):
            if layer.kind in POINTWISE:
                continue
            layers = network.layers[:count]
            norm = (
                network.activation_norm if any(k.kind == "norm" for k in within(layers)) else None
            )
            part = network.model_copy(update={"layers": layers, "normalization": norm})
            found.append(lower_network(key, part, spec.scope, headless, spec.label_input))
    return found


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_fields_of_the_specs_are_what_gradients_reach(path):
    for net in prefixes(narrow(path)):
        assert receptive_field(net) == measured(net), net.steps[-1].origin


def test_gradients_reach_what_spectral_norm_weighs():
    net = lower(narrow(next(p for p in SPECS if p.stem == "sagan")))["discriminator"]
    assert receptive_field(net) == measured(net) == (32, 32)


# -- random stacks ----------------------------------------------------------------------------

sides = st.tuples(st.integers(1, 4), st.integers(1, 4)).map(list)
short = st.tuples(st.integers(1, 3), st.integers(1, 3)).map(list)
paddings = st.one_of(st.sampled_from(["same", "valid"]), st.integers(0, 2))
splits = st.sampled_from(["even", "end"])


def layer(kind: str, **fields: st.SearchStrategy) -> st.SearchStrategy:
    return st.fixed_dictionaries(fields).map(lambda chosen: {kind: chosen})


convs = layer(
    "conv",
    out=st.sampled_from([2, 4]),
    kernel=sides,
    stride=short,
    padding=paddings,
    dilation=short,
    groups=st.sampled_from([1, 2]),
    split=splits,
)
transposed = layer(
    "conv_transpose",
    out=st.just(4),
    kernel=sides,
    stride=short,
    padding=paddings,
    split=splits,
)
pools = [
    layer(kind, kernel=short, stride=short, padding=paddings, split=splits)
    for kind in ("max_pool", "avg_pool")
]
pads = layer("pad", size=short, mode=st.sampled_from(["zero", "reflect", "replicate"]))
upsamples = layer(
    "upsample", factor=st.integers(1, 3), mode=st.sampled_from(["nearest", "bilinear"])
)
others = st.sampled_from(
    [
        *("relu", "batch_norm", "instance_norm", {"layer_norm": {"over": "channels"}}, "noise"),
        *("pixel_shuffle", {"conv": 8}, {"dropout": 0.5}),
        {"residual": {"main": [{"conv": 4}, "relu", {"conv": 4}], "skip": [{"conv": 4}]}},
        {"residual": ["relu", {"conv": {"out": 4, "kernel": 5}}]},
        {"reshape": [4, 3, 4]},
        *("self_attention", "mean_pool", "flatten", {"linear": 2}, {"project": [2, 3, 3]}),
    ]
)
stacks = st.lists(
    st.one_of(convs, convs, transposed, *pools, pads, upsamples, others), min_size=1, max_size=5
)

SPEC = """
name: stack
data: {{dataset: shapes, size: {size}}}
autoencoder: {{layers: {layers}}}
objective: {{loss: mean_squared_error}}
optimizer: adam
"""


def stacked(layers: list, size: list[int]) -> Net | None:
    """Return the network of these layers; None where they do not fit each other."""
    spec = loads(SPEC.format(size=list(size), layers=json.dumps([{"conv": 4}, *layers])))
    (interface,) = spec.interfaces().values()
    try:
        return lower_network("stack", spec.autoencoder, {}, interface)
    except SpecError:
        return None


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(stacks, st.lists(st.integers(3, 14), min_size=2, max_size=2))
def test_fields_of_random_stacks_are_what_gradients_reach(layers, size):
    try:
        net = stacked(layers, size)
    except SpecError:  # a field is out of its range
        net = None
    if net is None or (net.output.is_map and math.prod(net.output.size) > SMALL):
        event("no network")
        return
    event("a network")
    assert (receptive_field(net) or (0, 0)) == measured(net)


@pytest.mark.parametrize("kind", sorted(kinds_of("layer")))
def test_fields_of_every_layer_are_what_gradients_reach(kind):
    """Also those of new layers, for whose calls there is no rule."""
    if kind == "global_max_pool":
        return  # passes the gradient of one place only
    for fields, shape in kinds_of("layer")[kind].examples:
        if len(shape) == 3:
            layer = written(kind, fields)
            net = stacked([{"conv": shape[0]}, layer], shape[1:])
            assert receptive_field(net) == measured(net), layer


MODULES = [
    *((nn.Conv2d, 4, 2, k, *more) for k in (1, 3, (2, 4)) for more in ((), (2, 1), ((1, 3), 0, 2))),
    *((nn.ConvTranspose2d, 4, 2, k, s, 0) for k in (2, 3, (4, 1)) for s in (1, 2, (3, 1))),
    *((pool, k, s, 1) for pool in (nn.MaxPool2d, nn.AvgPool2d) for k in (2, 3) for s in (1, 2, 3)),
    *((nn.Upsample, None, factor, mode) for factor in (2, 3) for mode in ("nearest", "bilinear")),
    *(
        (pad, size)
        for pad in (nn.ZeroPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d)
        for size in (2, (1, 0, 2, 1))
    ),
    *((nn.PixelShuffle, 2), (nn.Flatten,), (nn.ReLU,)),
]


@pytest.mark.parametrize("size", [(9, 12), (70, 15)], ids=str)
@pytest.mark.parametrize("module", MODULES, ids=str)
def test_what_a_call_reads_is_found_without_its_rule(monkeypatch, module, size):
    """Each place sees the same, alone and behind a transposed convolution."""
    first = Call(nn.ConvTranspose2d, 4, 4, 3, 2, 1)

    def fields(calls):
        start = start_input((4, *size))
        steps, value = [], start.value
        for i, call in enumerate(calls):
            shape = probe(call, (value,))
            made = Value(i, shape, Width(shape[0]))
            steps.append(Step(call, (value.id,), made, Origin(str(i), "any")))
            value = made
        net = Net("Net", "", {}, (start,), tuple(steps), {"value": value})
        return receptive._reaches(net)[value.id]

    for calls in ([Call(*module)], [first, Call(*module)]):
        known = fields(calls)
        with monkeypatch.context() as patch:
            patch.delitem(receptive.RULES, module[0])
            found = fields(calls)
        assert torch.equal(known.edges, found.edges)
        assert known.jump == found.jump


# -- known numbers ----------------------------------------------------------------------------


def fields_of(layers: list, size: int = 256) -> list[tuple]:
    found = receptive_fields(stacked(layers, [size, size])).values()
    return [(field.size[0], float(field.jump[0])) if field.jump else field.size for field in found]


def test_a_patch_discriminator_sees_70_pixels():
    """Isola et al., 2017: the patches of C64-C128-C256-C512."""
    strided = [{"conv": {"out": 8, "kernel": 4, "stride": 2, "padding": 1}}] * 3
    ends = [{"conv": {"out": 8, "kernel": 4, "padding": 1}}] * 2
    # each is 2 more than the paper's: the stack starts with a 3 x 3 convolution of its own
    found = fields_of([*strided, *ends])
    assert found == [(3, 1), (4 + 2, 2), (10 + 2, 4), (22 + 2, 8), (46 + 2, 8), (70 + 2, 8)]


def test_places_between_two_of_a_map_see_both():
    up = {"upsample": {"factor": 2, "mode": "bilinear"}}
    assert fields_of([up]) == [(3, 1), (4, 0.5)]
    assert fields_of(["upsample", {"conv": 4}]) == [(3, 1), (3, 0.5), (4, 0.5)]


def test_a_network_without_an_image_has_no_field():
    net = lower(narrow(SPECS[0]))["generator"]
    assert receptive_field(net) is None and receptive_fields(net) == {}


def test_what_reads_labels_alone_sees_nothing():
    net = lower(narrow(next(p for p in SPECS if p.stem == "cgan_fashion")))["discriminator"]
    assert receptive_field(net) == (28, 28)
    assert receptive_fields(net)["condition"].size == (1, 1)


# -- which indices a position reads, found by changing many of them at once -----------------------


class Reads:
    """A stand-in for `Trial`, whose positions read the indices that `mask` says."""

    def __init__(self, mask: torch.Tensor):
        self.mask, self.places = mask, mask.shape[:1]

    def changes(self, changed: torch.Tensor) -> torch.Tensor:
        return (changed[:, None] & self.mask).any(0)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_the_first_and_last_index_that_a_position_reads_are_found(data):
    random = data.draw(st.randoms(use_true_random=False))
    length = random.choice([1, 40, 65, 100, 128, 200])
    mask = torch.zeros(length, 3, dtype=torch.bool)
    for column in mask.T:
        begin = random.randrange(length)
        end = min(length, begin + random.randrange(1, 80))
        # with holes, as of a dilation
        column[[random.randrange(begin, end) for _ in range(random.randrange(4))]] = True
    found = dependence._scan(Reads(mask), 0)
    for column, seen in zip(mask.T, found.T, strict=True):
        read, said = column.nonzero().flatten(), seen.nonzero().flatten()
        assert (read[[0, -1]] == said[[0, -1]]).all() if len(read) else len(said) == 0
        assert (seen | ~column).all()
