"""Every layer kind: its examples evaluated and printed must be one network, bit for bit."""

from __future__ import annotations

import ast
import builtins
import dis
import importlib
import inspect
import json
import pkgutil
import re
import textwrap

import pytest
import torch
import torch.nn.functional as F
from conftest import emit_networks
from torch import nn, optim

from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.layout import TAKEN
from ganspec.compiler.lower import lower_network
from ganspec.kinds.layers.padding import conv_padding, transposed_padding
from ganspec.language.errors import SpecError
from ganspec.language.kinds import kinds_of
from ganspec.language.load import loads
from ganspec.language.registry import PACKAGES
from ganspec.program.ir import Net, start_input
from ganspec.systems.spec import Interface

LAYERS = kinds_of("layer")
WITHOUT_EXAMPLES = {
    "add": "reads a value that another layer named",
    "concat": "reads a value that another layer named",
    "block": "stands for a block of the spec",
    "auxiliary": "reads labels: test_conditions.py",
    "class_batch_norm": "reads labels: test_conditions.py",
    "join_label": "reads labels: test_conditions.py",
    "projection": "reads labels: test_conditions.py",
    "norm": "stands for the network's normalization",
    "repeat": "its rounds come from the resolver",
}
EXAMPLES = [
    pytest.param({kind: fields} if fields else kind, shape, id=f"{kind}-{i}")
    for kind, cls in LAYERS.items()
    for i, (fields, shape) in enumerate(cls.examples)
]

SPEC = """
name: single
framework: {framework}
vars: {{ch: 8}}
data: {{dataset: shapes, size: 32}}
latent: {{size: 4}}
generator:
{network}
discriminator: {{layers: [flatten, {{linear: 1}}]}}
objective: {{loss: hinge}}
optimizers: {{adam: {{lr: 1e-3}}}}
{blocks}
"""


def lowered(network: str, shape: tuple[int, ...], framework="torch", blocks="") -> Net:
    """Return the program of a network, given as YAML, on an input of `shape`."""
    network = textwrap.indent(textwrap.dedent(network).strip(), "  ")
    blocks = textwrap.dedent(blocks)
    spec = loads(SPEC.format(framework=framework, network=network, blocks=blocks))
    interface = Interface(start_input(shape), "value", "")
    return lower_network("Generator", spec.generator, spec.scope, interface)


def alone(layer: object, shape: tuple[int, ...], framework="torch") -> Net:
    """Return the program of a network of one layer."""
    return lowered(f"layers: {json.dumps([layer])}", shape, framework)


def printed(net: Net, **widths: int) -> nn.Module:
    """Return a network built by its own printed source, at other widths if given."""
    source = emit_networks({"generator": net})
    namespace = {"__name__": "printed"}
    exec(compile(source, "<printed>", "exec"), namespace)
    return namespace["Generator"](**widths)


def observe(network: nn.Module, images: torch.Tensor, train: bool) -> dict[str, torch.Tensor]:
    """Return the output of a pass, and gradients of a function of it without symmetries."""
    network.train(train)
    images = images.clone().requires_grad_()
    torch.manual_seed(2)
    output = network(images)
    slope = torch.linspace(-1, 1, output.numel()).reshape(output.shape)
    network.zero_grad()
    (output * slope).sum().backward()
    gradients = {name: weight.grad for name, weight in network.named_parameters()}
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    return {"output": output, "input gradient": images.grad, **gradients, **buffers}


def assert_agree(net: Net, shape: tuple[int, ...]) -> nn.Module:
    """Runtime and printed source are the same network; the runtime."""
    torch.manual_seed(0)
    runtime = evaluate(net, exact=True)
    torch.manual_seed(0)
    other = printed(net)
    ours, theirs = runtime.state_dict(), other.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)

    for attention in [m for n in (runtime, other) for m in n.modules() if hasattr(m, "gamma")]:
        nn.init.constant_(attention.gamma, 0.7)  # at 0 the rest of the layer is unseen
    images = torch.randn(3, *shape, generator=torch.Generator().manual_seed(1))
    for train in (True, False):
        ours, theirs = observe(runtime, images, train), observe(other, images, train)
        assert list(ours) == list(theirs)
        assert ours["output"].is_floating_point()
        assert tuple(ours["output"].shape[1:]) == net.output.shape
        for key, value in ours.items():
            assert value is not None, key
            assert torch.equal(value, theirs[key]), key
    return runtime


@pytest.mark.parametrize(("layer", "shape"), EXAMPLES)
def test_runtime_and_printed_source_agree(layer, shape):
    net = alone(layer, shape)
    assert_agree(net, shape)
    assert int(net.output.channels) == net.output.shape[0]


def test_layers_may_have_the_names_of_attributes_of_networks_in_memory():
    own = {*dir(evaluate(alone("tanh", (4,))))} - {*dir(nn.Module)} - {"tanh"}
    assert {name for name in own if not name.startswith("_")} == TAKEN
    names = sorted(TAKEN - {"training"})  # `as: training` is refused; a kind may be called that
    net = lowered(f"layers: {json.dumps([{'linear': {'out': 4, 'as': n}} for n in names])}", (4,))
    keys = list(evaluate(net).state_dict())
    assert keys == list(printed(net).state_dict()) and keys[0] == "calls_layer.weight"


def test_a_size_of_minus_1_follows_a_named_size_that_is_1():
    net = lowered("layers: [{reshape: [-1, ch // 8, 1]}]", (32,))
    assert net.output.shape == (32, 1, 1)
    wider = printed(net, ch=16)
    assert wider(torch.zeros(2, 32)).shape == (2, 16, 2, 1)


@pytest.mark.parametrize("kind", LAYERS)
def test_every_kind_is_documented_and_has_examples(kind):
    assert LAYERS[kind].__doc__.strip().endswith(".")
    assert LAYERS[kind].__doc__ != LAYERS[kind].__mro__[1].__doc__
    assert bool(LAYERS[kind].examples) != (kind in WITHOUT_EXAMPLES)


def test_other_families_are_documented():
    for family in PACKAGES.keys() - {"system"}:
        for kind, cls in kinds_of(family).items():
            assert "__doc__" in vars(cls), (family, kind)
            assert cls.__doc__.strip().endswith("."), (family, kind)


# -- layers that mean something only in a whole network -------------------------------------------


def test_repeat():
    net = lowered(
        """
        layers:
          - repeat: {with: {c: [2 * ch, ch]}, layers: [{conv: c}, relu]}
          - repeat: {times: 2, layers: [{conv: 4}, tanh]}
        """,
        (3, 5, 5),
    )
    runtime = assert_agree(net, (3, 5, 5))
    convs = [m for m in runtime.modules() if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in convs] == [16, 8, 4, 4]


def test_block():
    net = lowered(
        "layers: [{conv: ch}, {up: 2 * ch}, {up: {out: ch}}, {conv: 3}]",
        (3, 4, 4),
        blocks="""
        blocks:
          up:
            doc: Twice as high and wide.
            params: [out]
            layers:
              - residual:
                  main: [batch_norm, relu, upsample, {conv: out}]
                  skip: [upsample, {conv: {out: out, kernel: 1, init: zeros}}]
        """,
    )
    runtime = assert_agree(net, (3, 4, 4))
    ones = [m for m in runtime.modules() if getattr(m, "kernel_size", None) == (1, 1)]
    assert len(ones) == 2
    assert all(not m.weight.any() for m in ones)
    assert emit_networks({"generator": net}).count("class Up(nn.Module)") == 1


@pytest.mark.parametrize(
    ("normalization", "module"),
    [
        ("batch", nn.BatchNorm2d),
        ("instance", nn.InstanceNorm2d),
        ("{group: 2}", nn.GroupNorm),
    ],
)
def test_norm(normalization, module):
    net = lowered(f"normalization: {normalization}\nlayers: [{{conv: ch}}, norm, relu]", (3, 4, 4))
    runtime = assert_agree(net, (3, 4, 4))
    assert any(isinstance(m, module) for m in runtime.modules())


def test_concat_and_add_are_a_unet():
    net = lowered(
        """
        layers:
          - conv: {out: ch, as: high}
          - max_pool
          - conv: {out: 2 * ch, as: low}
          - relu
          - conv: 2 * ch
          - add: low
          - upsample
          - concat: high
          - conv: 3
        """,
        (3, 6, 6),
    )
    runtime = assert_agree(net, (3, 6, 6))
    first, low, middle, last = (m for m in runtime.modules() if isinstance(m, nn.Conv2d))
    x = torch.randn(2, 3, 6, 6)
    high = first(x)
    low = low(F.max_pool2d(high, 2))
    up = F.interpolate(middle(F.relu(low)) + low, scale_factor=2)
    torch.testing.assert_close(runtime(x), last(torch.cat([up, high], dim=1)))


def test_spectral_self_attention_trains():
    net = lowered(
        """
        normalization: spectral
        layers:
          - project: [2 * ch, 4, 4]
          - conv_transpose: {out: ch, kernel: 4, stride: 2}
          - batch_norm
          - relu
          - self_attention
          - conv_transpose: {out: 3, kernel: 4, stride: 2}
          - tanh
        """,
        (4,),
    )
    runtime = assert_agree(net, (4,))
    assert "SelfAttention(ch, norm=spectral_norm)" in emit_networks({"generator": net})
    optimizer = torch.optim.Adam(runtime.parameters(), lr=1e-3)
    z, target = torch.randn(8, 4), torch.zeros(8, 3, 16, 16)
    losses = []
    for _ in range(3):
        loss = F.mse_loss(runtime(z), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > losses[1] > losses[2]


# -- padding: the arithmetic against definitions --------------------------------------------------


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("dilation", [1, 2, (1, 3)])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5, (3, 4), (2, 5)])
def test_same_is_torchs_at_stride_1(kernel, dilation):
    shape = (2, 9, 12)
    net = alone({"conv": {"out": 3, "kernel": kernel, "dilation": dilation}}, shape)
    runtime = evaluate(net, exact=True)
    (conv,) = (m for m in runtime.modules() if isinstance(m, nn.Conv2d))
    theirs = nn.Conv2d(2, 3, kernel, dilation=dilation, padding="same")
    theirs.load_state_dict(conv.state_dict())
    x = torch.randn(2, *shape)
    torch.testing.assert_close(runtime(x), theirs(x))


@pytest.mark.parametrize("split", ["even", "end"])
def test_same_keeps_size_over_stride_with_the_least_padding(split):
    for size in range(1, 14):
        for kernel in range(1, 8):
            for stride in range(1, 5):
                (before, after), _ = conv_padding("same", size, split, kernel=kernel, stride=stride)
                made = (size + before + after - kernel) // stride + 1
                assert made == -(-size // stride), (size, kernel, stride)
                # TensorFlow's rule, word for word
                left = size % stride or stride
                total = max(kernel - left, 0)
                if split == "end" or before != after:
                    assert (before, after) == (total // 2, total - total // 2)
                else:
                    assert total <= before + after <= total + 1


@pytest.mark.parametrize("split", ["even", "end"])
def test_transposed_same_multiplies_size_by_stride(split):
    for kernel in range(1, 8):
        for stride in range(1, 5):
            (pad, _), (more, _), (crop, _) = transposed_padding(
                "same", split, kernel=kernel, stride=stride
            )
            for size in (1, 4, 7):
                made = (size - 1) * stride - 2 * pad + kernel + more - crop
                assert made == size * stride, (size, kernel, stride)
            assert more < stride  # or torch refuses it
            if split == "end" and kernel >= stride:
                assert pad == (kernel - stride) // 2


@pytest.mark.parametrize("stride", [1, 2, 3, (2, 1)])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5, (3, 2)])
def test_end_split_transposed_is_the_gradient_of_the_convolution(kernel, stride):
    """How TensorFlow defines it: conv2d_transpose `same` is the gradient of conv2d `same`."""
    rows, columns = (stride, stride) if isinstance(stride, int) else stride
    fields = {"out": 3, "kernel": kernel, "stride": stride, "split": "end", "bias": False}
    up = evaluate(alone({"conv_transpose": fields}, (2, 4, 5)))
    down = evaluate(alone({"conv": {**fields, "out": 2}}, (3, 4 * rows, 5 * columns)))
    down.load_state_dict(dict(zip(down.state_dict(), up.state_dict().values(), strict=True)))
    x = torch.randn(2, 2, 4, 5)
    image = torch.randn(2, 3, 4 * rows, 5 * columns, requires_grad=True)
    (gradient,) = torch.autograd.grad(down(image), image, x)
    torch.testing.assert_close(up(x), gradient)


def windows(x: torch.Tensor, kernel: int, stride: int, fold) -> torch.Tensor:
    """`fold` of the part of each TensorFlow `same` window that lies inside the map."""
    made = torch.empty(*x.shape[:2], -(-x.shape[2] // stride), -(-x.shape[3] // stride))
    offsets = [
        max((m - 1) * stride + kernel - n, 0) // 2
        for m, n in zip(made.shape[2:], x.shape[2:], strict=True)
    ]
    for i in range(made.shape[2]):
        for j in range(made.shape[3]):
            top, left = i * stride - offsets[0], j * stride - offsets[1]
            part = x[:, :, max(top, 0) : top + kernel, max(left, 0) : left + kernel]
            made[:, :, i, j] = fold(part, dim=(2, 3))
    return made


@pytest.mark.parametrize(("kind", "fold"), [("max_pool", torch.amax), ("avg_pool", torch.mean)])
@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (3, 1), (2, 3), (4, 2), (5, 3)])
@pytest.mark.parametrize("shape", [(2, 6, 6), (2, 7, 10), (2, 8, 5)])
def test_keras_same_pools_look_only_at_the_map(kind, fold, kernel, stride, shape):
    fields = {"kernel": kernel, "stride": stride, "padding": "same"}
    pool = evaluate(alone({kind: fields}, shape, "keras"))
    x = torch.randn(2, *shape)
    torch.testing.assert_close(pool(x), windows(x, kernel, stride, fold))


def test_same_pool_of_an_even_kernel_at_stride_1_is_refused():
    with pytest.raises(SpecError, match="cannot keep height and width"):
        alone({"max_pool": {"kernel": 2, "stride": 1, "padding": "same"}}, (2, 6, 6))


def test_output_padding_is_for_padding_in_numbers():
    with pytest.raises(SpecError, match="determines `output_padding`"):
        alone({"conv_transpose": {"out": 2, "stride": 2, "output_padding": 1}}, (2, 6, 6))


# -- what single layers compute -------------------------------------------------------------------


@pytest.mark.parametrize("norm", [None, "spectral"])
@pytest.mark.parametrize("form", ["report", "pooled"])
def test_self_attention_is_sagans_formula(form, norm):
    shape = (16, 4, 6)
    runtime = evaluate(alone({"self_attention": {"form": form, "weight_norm": norm}}, shape))
    x = torch.randn(2, *shape)
    assert torch.equal(runtime(x), x)  # gamma starts at 0

    (layer,) = runtime.children()
    nn.init.constant_(layer.gamma, 0.5)
    runtime.eval()

    def project(conv, x):
        made = torch.einsum("oc,nchw->nohw", conv.weight[:, :, 0, 0], x)
        return made if conv.bias is None else made + conv.bias[:, None, None]

    query, key, value = (project(c, x) for c in (layer.query, layer.key, layer.value))
    assert query.shape[1] == key.shape[1] == 2
    assert value.shape[1] == (2 if form == "report" else 8)
    if form == "pooled":
        # the largest of each 2 x 2, written out
        key, value = (v.reshape(2, -1, 2, 2, 3, 2).amax(dim=(3, 5)) for v in (key, value))
    scores = torch.einsum("nchw,ncij->nhwij", query, key)
    weights = scores.exp() / scores.exp().sum(dim=(3, 4), keepdim=True)
    mixed = torch.einsum("nhwij,ncij->nchw", weights, value)
    torch.testing.assert_close(runtime(x), x + 0.5 * project(layer.out, mixed))


def test_self_attention_needs_8_channels():
    with pytest.raises(SpecError, match="self_attention needs 8 channels"):
        alone("self_attention", (4, 5, 5))


def standardized(x: torch.Tensor, dims: tuple[int, ...], eps: float) -> torch.Tensor:
    mean = x.mean(dim=dims, keepdim=True)
    variance = (x - mean).square().mean(dim=dims, keepdim=True)
    return (x - mean) / (variance + eps).sqrt()


@pytest.mark.parametrize(
    ("layer", "dims"),
    [
        ({"batch_norm": 0.01}, (0, 2, 3)),
        ({"instance_norm": {"eps": 0.01}}, (2, 3)),
        ({"layer_norm": {"eps": 0.01}}, (1, 2, 3)),
        ({"layer_norm": {"eps": 0.01, "elementwise": True}}, (1, 2, 3)),
        ({"layer_norm": {"eps": 0.01, "over": "channels"}}, (1,)),
    ],
    ids=str,
)
def test_normalizations_standardize_over_their_dimensions(layer, dims):
    x = 3 * torch.randn(4, 6, 5, 7) + 1
    torch.testing.assert_close(
        evaluate(alone(layer, (6, 5, 7)))(x), standardized(x, dims, 0.01), atol=1e-5, rtol=1e-5
    )


def test_group_norm_standardizes_groups_of_neighbours():
    x = 3 * torch.randn(4, 6, 5, 7) + 1
    grouped = standardized(x.reshape(4, 2, 3, 5, 7), (2, 3, 4), 1e-5).reshape(x.shape)
    torch.testing.assert_close(evaluate(alone({"group_norm": 2}, (6, 5, 7)))(x), grouped)


def test_layer_norms_gains_are_as_many_as_the_docs_say():
    def count(fields):
        runtime = evaluate(alone({"layer_norm": fields}, (4, 3, 5)))
        return sum(weight.numel() for weight in runtime.parameters())

    assert count({}) == count({"over": "channels"}) == 2 * 4
    assert count({"elementwise": True}) == 2 * 4 * 3 * 5


def test_pixel_shuffle_fills_squares_channel_by_channel():
    x = torch.arange(8.0).reshape(1, 8, 1, 1)
    made = evaluate(alone("pixel_shuffle", (8, 1, 1)))(x)
    assert made.tolist() == [[[[0, 1], [2, 3]], [[4, 5], [6, 7]]]]


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        ("relu", lambda x: torch.where(x > 0, x, 0)),
        ("softplus", lambda x: (1 + x.exp()).log()),
        ("silu", lambda x: x / (1 + (-x).exp())),
        ("sigmoid", lambda x: 1 / (1 + (-x).exp())),
        ("tanh", lambda x: 1 - 2 / ((2 * x).exp() + 1)),
        ("leaky_relu", lambda x: torch.where(x > 0, x, 0.01 * x)),
        ("prelu", lambda x: torch.where(x > 0, x, 0.25 * x)),
        ("elu", lambda x: torch.where(x > 0, x, x.exp() - 1)),
        ("selu", lambda x: 1.0507 * torch.where(x > 0, x, 1.67326 * (x.exp() - 1))),
        ("gelu", lambda x: x * torch.distributions.Normal(0, 1).cdf(x)),
        ("softmax", lambda x: x.exp() / x.exp().sum(1, keepdim=True)),
    ],
)
def test_activations_are_their_formulas(kind, function):
    x = torch.randn(4, 6)
    torch.testing.assert_close(evaluate(alone(kind, (6,)))(x), function(x), atol=1e-5, rtol=1e-4)


def test_noise_and_dropout_are_for_training():
    x = torch.ones(1, 200, 20, 20)
    for layer in ({"noise": 0.5}, {"dropout": 0.3}, {"dropout": {"rate": 0.3, "channels": True}}):
        runtime = evaluate(alone(layer, (200, 20, 20)))
        made = runtime(x)
        assert torch.equal(runtime.eval()(x), x)
        if "noise" in layer:
            assert abs((made - x).std() - 0.5) < 0.01
        else:
            assert abs((made == 0).float().mean() - 0.3) < 0.1
            whole = layer["dropout"] != 0.3
            assert bool((made.flatten(2).std(dim=2) == 0).all()) == whole


# -- what is printed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        ({"conv": 64}, (3, 8, 8), "nn.Conv2d(3, 64, 3, padding=1)"),
        (
            {"conv": {"out": "ch", "kernel": 4, "stride": 2, "bias": False}},
            (3, 8, 8),
            "nn.Conv2d(3, ch, 4, 2, 1, bias=False)",
        ),
        ({"conv": {"out": 1, "kernel": [4, 4], "padding": 0}}, (3, 4, 4), "nn.Conv2d(3, 1, 4)"),
        (
            {"conv": {"out": 8, "kernel": [1, 3], "stride": [1, 2]}},
            (3, 8, 8),
            "nn.Conv2d(3, 8, (1, 3), (1, 2), (0, 1))",
        ),
        (
            {"conv_transpose": {"out": 8, "kernel": 4, "stride": 2}},
            (3, 8, 8),
            "nn.ConvTranspose2d(3, 8, 4, 2, 1)",
        ),
        (
            {"conv_transpose": {"out": 8, "kernel": 5, "stride": 2, "bias": False}},
            (3, 8, 8),
            "nn.ConvTranspose2d(3, 8, 5, 2, 2, 1, bias=False)",
        ),
        (
            {"conv_transpose": {"out": 8, "kernel": 2, "stride": 3}},
            (3, 8, 8),
            "nn.ConvTranspose2d(3, 8, 2, stride=3, output_padding=1)",
        ),
        ({"conv_transpose": {"out": 8, "padding": 0}}, (3, 1, 1), "nn.ConvTranspose2d(3, 8, 4)"),
        ("max_pool", (3, 8, 8), "nn.MaxPool2d(2)"),
        (
            {"max_pool": {"kernel": 3, "stride": 2, "padding": "same"}},
            (3, 8, 8),
            "nn.MaxPool2d(3, 2, 1)",
        ),
        ("self_attention", (8, 4, 4), "SelfAttention(8)"),
        ({"layer_norm": {"over": "channels"}}, (8, 4, 4), "ChannelNorm(8)"),
        ({"batch_norm": {"scale": False}}, (8, 4, 4), "CenteredBatchNorm(8)"),
        ({"batch_norm": {"center": False, "eps": 1e-3}}, (8,), "ScaledBatchNorm(8, eps=1e-3)"),
        (
            {"batch_norm": {"center": False, "scale": False}},
            (8,),
            "nn.BatchNorm1d(8, affine=False)",
        ),
        ({"dropout": {"rate": 0.8, "active": False}}, (8,), "nn.Dropout(0)"),
        ("prelu", (8, 4, 4), "nn.PReLU()"),
        ({"pad": {"size": 3, "mode": "reflect"}}, (8, 4, 4), "nn.ReflectionPad2d(3)"),
        ("mean_pool", (8, 4, 4), "torch.mean(x, dim=(2, 3))"),
    ],
    ids=str,
)
def test_layers_print_as_people_write_them(layer, shape, text):
    source = emit_networks({"generator": alone(layer, shape)})
    flat = " ".join(re.sub(r"#.*", "", source).split()).replace("( ", "(").replace(" )", ")")
    assert f"= {text} " in flat or f"return {text}" in flat, source


# -- helpers: text that is moved into emitted files -----------------------------------------------

FOLDERS = [home for family, home in PACKAGES.items() if family not in ("system", "dataset")]
MODULES = [
    importlib.import_module(f"{folder}.{module.name}")
    for folder in FOLDERS
    for module in pkgutil.iter_modules(importlib.import_module(folder).__path__)
]


def names_read_from_outside(source: str) -> set[str]:
    """Names that some code object of `source` looks up among globals and does not find there."""

    def codes(code):
        yield code
        for constant in code.co_consts:
            if inspect.iscode(constant):
                yield from codes(constant)

    top = compile(source, "<helper>", "exec")
    reads = {
        instruction.argval
        for code in codes(top)
        for instruction in dis.get_instructions(code)
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }
    stores = {
        instruction.argval
        for code in codes(top)
        for instruction in dis.get_instructions(code)
        if instruction.opname == "STORE_NAME"
    }
    return {n for n in reads - stores if not hasattr(builtins, n)} - {"__name__"}


def handed_over() -> dict[object, None]:
    """Return ganspec's functions and classes in kinds, and what they read of their file.

    A data set's reader is run as moved text in test_datasets.py.
    """
    found = []
    for family in PACKAGES.keys() - {"system", "dataset", "metric"}:
        for cls in kinds_of(family).values():
            held = [v.__func__ for v in vars(cls).values() if isinstance(v, staticmethod)]
            makers = [getattr(cls, name) for name in ("call", "wrap") if hasattr(cls, name)]
            made = [make(cls()) for make in makers if family not in ("layer", "condition")]
            found += held + [call.target for call in made if call]
    for layer, shape in (example.values for example in EXAMPLES):
        found += [step.call.target for step in alone(layer, shape).leaves()]
    found = [thing for thing in found if thing.__module__.startswith("ganspec.kinds.")]
    for thing in found:  # which grows
        read = names_read_from_outside(inspect.getsource(thing))
        names = vars(importlib.import_module(thing.__module__))
        things = [names[name] for name in sorted(read) if name in names]
        found += [t for t in things if getattr(t, "__module__", "").startswith("ganspec.")]
    return dict.fromkeys(found)


def is_moved(thing: object) -> bool:
    """Whether the text of a module's member may go into an emitted file."""
    if inspect.isclass(thing):
        return issubclass(thing, (nn.Module, optim.Optimizer))
    return inspect.isfunction(thing) and (
        thing.__name__.startswith("init_")
        or thing.__name__.endswith(("_loss", "_penalty"))
        or thing.__name__ in ("cross_entropy", "weights_and_biases")
    )


MOVED = list(
    {
        thing: None
        for module in MODULES
        for thing in vars(module).values()
        if is_moved(thing) and thing.__module__.startswith("ganspec.")
    }
    | handed_over()
)


def test_helpers_are_found():
    names = {thing.__name__ for thing in MOVED}
    assert {"SelfAttention", "ChannelNorm", "init_dcgan", "cross_entropy", "RMSpropTF"} <= names


@pytest.mark.parametrize("thing", MOVED, ids=lambda t: f"{t.__module__}.{t.__name__}")
def test_helpers_need_only_torch_and_each_other(thing):
    """Every name that the text reads is its own, a builtin, torch's, or another helper's."""
    source = inspect.getsource(thing)
    module = importlib.import_module(thing.__module__)
    allowed = {t.__name__ for t in MOVED}
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            origin = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
            if origin.split(".")[0] == "torch":
                allowed |= {alias.asname or alias.name for alias in node.names}
    assert names_read_from_outside(source) <= allowed
    assert not [
        n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Import | ast.ImportFrom)
    ]
    assert ast.get_docstring(ast.parse(source).body[0])
