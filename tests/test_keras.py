"""`framework: keras` against Keras itself: the same weights must give the same numbers."""

from __future__ import annotations

import pytest
import torch
from keras_oracle import channels_last, close, copy_weights, keras, same, sequential
from test_layers import alone, lowered

from ganspec.compiler.evaluate import evaluate

L = keras.layers


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
        ({"batch_norm": {"scale": False}}, (6, 5, 7), lambda: L.BatchNormalization(scale=False)),
        ({"batch_norm": {"scale": False}}, (6,), lambda: L.BatchNormalization(scale=False)),
        ({"batch_norm": {"center": False}}, (6, 5, 7), lambda: L.BatchNormalization(center=False)),
        ({"batch_norm": {"center": False}}, (6,), lambda: L.BatchNormalization(center=False)),
        (
            {"batch_norm": {"scale": False, "center": False}},
            (6, 5, 7),
            lambda: L.BatchNormalization(scale=False, center=False),
        ),
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


def test_prelus_slope_starts_as_kerass():
    """Ours is one for all; Keras's as many as the axes that it does not share."""
    theirs = L.PReLU()
    theirs.build((None, 6))
    (weight,) = evaluate(alone("prelu", (6,), "keras")).parameters()
    assert set(theirs.alpha.value.tolist()) == set(weight.tolist()) == {0.0}


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
    network = evaluate(alone("batch_norm", (3, 4, 5), "keras")).double()
    copy_weights(model, network)
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.randn(6, 3, 4, 5, generator=generator, dtype=torch.float64) + 1
    network(x)
    model(channels_last(x), training=True)
    (ours,), (theirs,) = network.children(), model.layers
    mean, variance = theirs.moving_mean.value, theirs.moving_variance.value
    close(ours.running_mean, mean.detach())
    n = 6 * 4 * 5
    share = variance.detach() - 0.99
    close(ours.running_var, 0.99 + share * n / (n - 1))
    assert not torch.allclose(ours.running_var, variance.detach(), rtol=1e-6)


def test_dense_and_reshape():
    network = evaluate(
        lowered("layers: [{project: [5, 3, 4]}, relu, flatten, {linear: 2}]", (6,), "keras")
    )
    layers = [L.Dense(60), L.Reshape((3, 4, 5)), L.ReLU(), L.Flatten(), L.Dense(2)]
    same(sequential((6,), layers), network, (6,))


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
