"""`framework: keras` against Keras itself: the same weights must give the same numbers.

Keras keeps channels last, so that maps, kernels and everything beside a flatten or reshape are
permuted on the way over; nothing else is done to the weights.
"""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "torch"

import numpy as np
import pytest
import torch
from test_layers import alone, lowered
from torch import nn

from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.ir import plain
from ganspec.compiler.lower import lower
from ganspec.language.load import loads

keras = pytest.importorskip("keras", minversion="3")
L = keras.layers


def channels_last(x: torch.Tensor) -> torch.Tensor:
    return x.movedim(1, -1) if x.ndim == 4 else x


def channels_first(x: torch.Tensor) -> torch.Tensor:
    return x.movedim(-1, 1) if x.ndim == 4 else x


def order(height: int, width: int, channels: int) -> torch.Tensor:
    """Where each number of a flattened C x H x W map stands in the flattened H x W x C one."""
    last = torch.arange(height * width * channels).reshape(height, width, channels)
    return last.permute(2, 0, 1).flatten()


def copy_weights(model, network: nn.Module) -> None:
    """Every weight and running statistic of a Keras model into the network like it."""
    theirs = [layer for layer in model.layers if layer.weights]
    ours = [m for m in network.modules() if list(m.parameters(recurse=False))]
    reshape = next((s for s in model.layers if isinstance(s, L.Reshape)), None)
    flatten = next((s for s in model.layers if isinstance(s, L.Flatten)), None)
    for layer, module in zip(theirs, ours, strict=True):
        before = reshape and model.layers.index(layer) < model.layers.index(reshape)
        after = flatten and model.layers.index(layer) > model.layers.index(flatten)
        given = {w.name: w.value.detach() for w in layer.weights}
        if "kernel" in given and isinstance(layer, L.Dense):
            given["kernel"] = given["kernel"].T
            if after:
                given["kernel"] = given["kernel"][:, order(*flatten.input.shape[1:])]
        elif "kernel" in given:
            given["kernel"] = given["kernel"].permute(3, 2, 0, 1)
        if before:
            given = {name: w[order(*reshape.target_shape)] for name, w in given.items()}
        names = {
            "kernel": "weight",
            "gamma": "weight",
            "beta": "bias",
            "bias": "bias",
            "moving_mean": "running_mean",
            "moving_variance": "running_var",
        }
        state = {names[name]: w for name, w in given.items()}
        missing, unexpected = module.load_state_dict(state, strict=False)
        assert not unexpected
        assert set(missing) <= {"num_batches_tracked"}


def shake(model) -> None:
    """Move every weight, so that biases, gains and running statistics are no longer 0 and 1."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        if len(weight.shape) == 1:
            weight.assign_add(random.uniform(0.1, 0.5, weight.shape).astype("float32"))


def sequential(shape: tuple[int, ...], layers: list):
    """A Keras model of `layers` on a C x H x W input."""
    given = (*shape[1:], shape[0]) if len(shape) == 3 else shape
    return keras.Sequential([keras.Input(given), *layers])


def same(model, network: nn.Module, shape: tuple[int, ...], train=(False, True)) -> None:
    """Weights copied, both give the same outputs and the same gradient at the input."""
    shake(model)
    copy_weights(model, network)
    for mode in train:
        network.train(mode)
        ours = torch.randn(4, *shape, generator=torch.Generator().manual_seed(0))
        theirs = ours.clone().requires_grad_()
        ours.requires_grad_()
        made = network(ours)
        expected = channels_first(model(channels_last(theirs), training=mode))
        torch.testing.assert_close(made, expected, atol=1e-5, rtol=1e-5)
        slope = torch.linspace(-1, 1, made.numel()).reshape(made.shape)
        (made * slope).mean().backward()
        (expected * slope).mean().backward()
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", [(8, 8), (7, 10), (9, 5)], ids=str)
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("kernel", "stride"),
    [(3, 1), (3, 2), (5, 2), (4, 1), (4, 2), (2, 2), (2, 3), (3, 3), ((3, 4), (2, 1))],
)
def test_conv(kernel, stride, padding, size):
    fields = {"out": 6, "kernel": kernel, "stride": stride, "padding": padding}
    network = evaluate(alone({"conv": fields}, (3, *size), "keras"))
    layers = [L.Conv2D(6, kernel, stride, padding)]
    same(sequential((3, *size), layers), network, (3, *size))


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_dilated_conv(padding):
    fields = {"out": 6, "kernel": [3, 4], "dilation": 2, "padding": padding}
    network = evaluate(alone({"conv": fields}, (3, 9, 10), "keras"))
    layers = [L.Conv2D(6, (3, 4), padding=padding, dilation_rate=2)]
    same(sequential((3, 9, 10), layers), network, (3, 9, 10))


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("kernel", "stride"),
    [
        (5, 2),
        (4, 2),
        (3, 2),
        (5, 1),
        (2, 3),
        (3, 1),
        (4, 1),
        (1, 1),
        (2, 2),
        (6, 3),
        ((3, 4), (2, 1)),
    ],
)
def test_conv_transpose(kernel, stride, padding):
    fields = {"out": 6, "kernel": kernel, "stride": stride, "padding": padding}
    network = evaluate(alone({"conv_transpose": fields}, (3, 4, 5), "keras"))
    layers = [L.Conv2DTranspose(6, kernel, stride, padding)]
    same(sequential((3, 4, 5), layers), network, (3, 4, 5))


@pytest.mark.parametrize(
    ("layer", "shape", "build"),
    [
        ("batch_norm", (6, 5, 7), lambda: L.BatchNormalization()),
        ("batch_norm", (6,), lambda: L.BatchNormalization()),
        ("layer_norm", (6,), lambda: L.LayerNormalization()),
        ("layer_norm", (6, 5, 7), lambda: L.LayerNormalization()),
        ({"group_norm": 2}, (6, 5, 7), lambda: L.GroupNormalization(2)),
        ("instance_norm", (6, 5, 7), lambda: L.GroupNormalization(-1)),
        ("leaky_relu", (6,), lambda: L.LeakyReLU()),
        ({"leaky_relu": 0.2}, (6,), lambda: L.LeakyReLU(0.2)),
        ("relu", (6,), lambda: L.ReLU()),
        ("elu", (6,), lambda: L.ELU()),
        ("selu", (6,), lambda: L.Activation("selu")),
        ("silu", (6,), lambda: L.Activation("silu")),
        ("gelu", (6,), lambda: L.Activation("gelu")),
        ("softplus", (6,), lambda: L.Activation("softplus")),
        ("softmax", (6, 3, 4), lambda: L.Softmax()),
        ({"linear": 4}, (6,), lambda: L.Dense(4)),
        ("upsample", (6, 3, 4), lambda: L.UpSampling2D()),
        (
            {"upsample": {"factor": 3, "mode": "bilinear"}},
            (6, 3, 4),
            lambda: L.UpSampling2D(3, interpolation="bilinear"),
        ),
        ("max_pool", (6, 5, 8), lambda: L.MaxPooling2D()),
        ("avg_pool", (6, 5, 8), lambda: L.AveragePooling2D(2)),
        ({"pad": [1, 2]}, (6, 3, 4), lambda: L.ZeroPadding2D((1, 2))),
        ("mean_pool", (6, 3, 4), lambda: L.GlobalAveragePooling2D()),
        ("global_max_pool", (6, 3, 4), lambda: L.GlobalMaxPooling2D()),
    ],
    ids=lambda value: str(value) if not callable(value) else "",
)
def test_layers(layer, shape, build):
    same(sequential(shape, [build()]), evaluate(alone(layer, shape, "keras")), shape)


@pytest.mark.parametrize("shape", [(6, 6, 6), (6, 7, 10)], ids=str)
@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (3, 1), (4, 3)])
def test_max_pool_same(kernel, stride, shape):
    fields = {"kernel": kernel, "stride": stride, "padding": "same"}
    layers = [L.MaxPooling2D(kernel, stride, "same")]
    same(sequential(shape, layers), evaluate(alone({"max_pool": fields}, shape, "keras")), shape)


@pytest.mark.parametrize(
    ("kernel", "stride", "shape"), [(3, 2, (6, 7, 9)), (3, 1, (6, 6, 7)), (2, 2, (6, 6, 8))]
)
def test_avg_pool_same(kernel, stride, shape):
    """Where the padding is even. Where it is not, Keras on torch repeats the map's edge and counts
    it, which TensorFlow does not; there tests/test_layers.py holds ours to TensorFlow's rule."""
    fields = {"kernel": kernel, "stride": stride, "padding": "same"}
    layers = [L.AveragePooling2D(kernel, stride, "same")]
    same(sequential(shape, layers), evaluate(alone({"avg_pool": fields}, shape, "keras")), shape)


def test_batch_norms_running_statistics():
    """The mean moves alike. Keras averages the biased variance, torch the unbiased one: n / (n - 1)
    times as large, n the numbers of a channel in the batch. Of 64 x 7 x 7 that is 0.03 %."""
    model = sequential((3, 4, 5), [L.BatchNormalization()])
    network = evaluate(alone("batch_norm", (3, 4, 5), "keras"))
    copy_weights(model, network)
    x = 2 * torch.randn(6, 3, 4, 5, generator=torch.Generator().manual_seed(0)) + 1
    network(x)
    model(channels_last(x), training=True)
    (ours,), (theirs,) = network.children(), model.layers
    mean, variance = theirs.moving_mean.value, theirs.moving_variance.value
    torch.testing.assert_close(ours.running_mean, mean.detach())
    n = 6 * 4 * 5
    share = variance.detach() - 0.99
    torch.testing.assert_close(ours.running_var, 0.99 + share * n / (n - 1))
    assert not torch.allclose(ours.running_var, variance.detach(), rtol=1e-6)


def test_dense_and_reshape():
    network = evaluate(
        lowered("layers: [{project: [5, 3, 4]}, relu, flatten, {linear: 2}]", (6,), "keras")
    )
    layers = [L.Dense(60), L.Reshape((3, 4, 5)), L.ReLU(), L.Flatten(), L.Dense(2)]
    same(sequential((6,), layers), network, (6,))


SPEC = """
name: report
framework: keras
data: {{dataset: mnist, range: [-1, 1]}}
latent: {{size: 100}}
generator:
  layers:
    - linear: {{out: 7 * 7 * 256, bias: false}}
    - batch_norm
    - leaky_relu
    - reshape: [256, 7, 7]
    - conv_transpose: {{out: 128, kernel: 5, bias: false}}
    - batch_norm
    - leaky_relu
    - conv_transpose: {{out: 64, kernel: 5, stride: 2, bias: false}}
    - batch_norm
    - leaky_relu
    - conv_transpose: {{out: 1, kernel: 5, stride: 2, bias: false}}
    - tanh
discriminator:
  layers:
    - conv: {{out: 64, kernel: 5, stride: 2}}
    - leaky_relu
    - dropout: 0.3
    - conv: {{out: 128, kernel: 5, stride: 2}}
    - leaky_relu
    - dropout: 0.3
    - flatten
    - linear: 1
objective: {{loss: non_saturating}}
optimizers: {optimizers}
"""


def counts(network: nn.Module) -> tuple[int, int]:
    """Parameters, and numbers in running statistics."""
    statistics = [b for b in network.buffers() if b.is_floating_point()]
    return sum(p.numel() for p in network.parameters()), sum(b.numel() for b in statistics)


def test_dcgan_of_tensorflows_tutorial():
    """Its printed parameter counts, and the images and scores of the Keras original."""
    nets = lower(loads(SPEC.format(optimizers="{adam: {}}")))
    generator, discriminator = evaluate(nets["generator"]), evaluate(nets["discriminator"])
    up = sequential(
        (100,),
        [
            L.Dense(7 * 7 * 256, use_bias=False),
            L.BatchNormalization(),
            L.LeakyReLU(),
            L.Reshape((7, 7, 256)),
            L.Conv2DTranspose(128, 5, 1, "same", use_bias=False),
            L.BatchNormalization(),
            L.LeakyReLU(),
            L.Conv2DTranspose(64, 5, 2, "same", use_bias=False),
            L.BatchNormalization(),
            L.LeakyReLU(),
            L.Conv2DTranspose(1, 5, 2, "same", use_bias=False, activation="tanh"),
        ],
    )
    down = sequential(
        (1, 28, 28),
        [
            L.Conv2D(64, 5, 2, "same"),
            L.LeakyReLU(),
            L.Dropout(0.3),
            L.Conv2D(128, 5, 2, "same"),
            L.LeakyReLU(),
            L.Dropout(0.3),
            L.Flatten(),
            L.Dense(1),
        ],
    )
    assert counts(generator) == (2_330_944 - 25_472, 25_472)
    assert counts(discriminator) == (212_865, 0)
    assert up.count_params() == sum(counts(generator))
    assert down.count_params() == sum(counts(discriminator))
    same(up, generator, (100,))
    same(down, discriminator, (1, 28, 28), train=(False,))  # dropout draws at random


def optimizer(name: str):
    """Our optimizer of that kind under `framework: keras`, as a function of parameters."""
    call = loads(SPEC.format(optimizers=f"{{{name}: {{}}}}")).optimizers.generator.call()
    named = {key: plain(value) for key, value in call.kwargs.items()}
    return lambda parameters: call.target(parameters, **named)


def steps(name: str, theirs, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    """How far three steps move 100 numbers, ours and Keras's; gradients are 0.5 to 1.5 `scale`."""
    random = np.random.default_rng(0)
    gradients = scale * random.choice([-1, 1], 100) * random.uniform(0.5, 1.5, (3, 100))
    weight = nn.Parameter(torch.zeros(100))
    ours, variable = optimizer(name)([weight]), keras.Variable(np.zeros(100, "float32"))
    for gradient in torch.from_numpy(gradients).float():
        weight.grad = gradient
        ours.step()
        theirs.apply([gradient], [variable])
    return weight.detach(), variable.value.detach()


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("adam", keras.optimizers.Adam),
        ("adamw", keras.optimizers.AdamW),
        ("rmsprop", keras.optimizers.RMSprop),
        ("sgd", keras.optimizers.SGD),
    ],
)
def test_optimizers_defaults(name, theirs):
    ours, expected = steps(name, theirs(), scale=100.0)
    torch.testing.assert_close(ours, expected, rtol=2e-5, atol=0)


def test_adams_epsilon_is_felt_by_tiny_gradients_only():
    """Keras adds epsilon before the correction of the second moment and torch after it: Keras's is
    1 / sqrt(1 - 0.999^t) times as large, 32 times at the first step and 1 in the end. It shows
    where gradients come near 1e-7, and torch's Adam cannot be told to do the same."""
    for scale, least, most in [(1.0, 0, 1e-5), (1e-3, 1e-3, 1e-2), (1e-6, 0.5, 0.8)]:
        ours, theirs = steps("adam", keras.optimizers.Adam(), scale)
        apart = ((ours - theirs).norm() / ours.norm()).item()
        assert least <= apart <= most, (scale, apart)

    gradient = torch.tensor([3e-7])
    weight, variable = nn.Parameter(torch.zeros(1)), keras.Variable(np.zeros(1, "float32"))
    weight.grad = gradient
    optimizer("adam")([weight]).step()
    keras.optimizers.Adam().apply([gradient], [variable])
    assert weight.item() == pytest.approx(-1e-3 * 3 / (3 + 1))
    larger = 1e-7 / (1 - 0.999) ** 0.5
    assert variable.value.item() == pytest.approx(-1e-3 * 3e-7 / (3e-7 + larger), rel=1e-3)


@pytest.mark.parametrize("scale", [10.0**power for power in range(-8, 3)])
def test_rmsprops_epsilon_inside_the_root_is_met_within_sqrt_2(scale):
    """Keras divides by sqrt(v + 1e-7), torch by sqrt(v) + eps; with 1e-7 for eps too, steps at
    vanishing gradients would be 3000 times Keras's."""
    ours, theirs = steps("rmsprop", keras.optimizers.RMSprop(), scale)
    ratio = theirs / ours
    assert ratio.min() > 0.99
    assert ratio.max() < 1.43


@pytest.mark.parametrize(
    ("layer", "build"),
    [
        ({"conv": {"out": 64, "kernel": 5}}, lambda: L.Conv2D(64, 5)),
        ({"conv_transpose": {"out": 64, "kernel": 5}}, lambda: L.Conv2DTranspose(64, 5)),
    ],
)
def test_initial_weights_are_glorot_uniform(layer, build):
    model = sequential((32, 8, 8), [build()])
    network = evaluate(alone(layer, (32, 8, 8), "keras"))
    (ours,) = (m for m in network.modules() if hasattr(m, "weight"))
    theirs, bias = (w.value.detach() for w in model.weights)
    assert ours.weight.std().item() == pytest.approx(theirs.std().item(), rel=0.02)
    assert ours.weight.abs().max().item() == pytest.approx(theirs.abs().max().item(), rel=0.01)
    assert not ours.bias.any()
    assert not bias.any()
