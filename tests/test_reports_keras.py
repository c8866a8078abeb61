"""Networks of reports 000, 002 and 004, written by hand in Keras, against their specs.

In double precision and at the reports' full widths. `tf.layers` of TensorFlow 1 are Keras's layers;
`tf.contrib.layers.batch_norm(net, decay=0.9)` is what `batch_norm` below says. Report 004's DCGAN
is in tests/test_keras.py.
"""

from __future__ import annotations

import pytest
import torch
from conftest import ROOT
from keras_oracle import close, keras, same, sequential
from torch import nn

import ganspec

L = keras.layers


def network(name: str, key: str) -> nn.Module:
    torch.manual_seed(0)
    return ganspec.build(ganspec.load(ROOT / "specs" / f"{name}.yaml"))[key]


def assert_counts(model, ours: nn.Module) -> None:
    """Keras counts as many parameters, running statistics among them."""
    buffers = [b for b in ours.buffers() if b.is_floating_point()]
    assert model.count_params() == sum(w.numel() for w in [*ours.parameters(), *buffers])


# -- report 000 -----------------------------------------------------------------------------------


def batch_norm(decay: float = 0.9):
    return L.BatchNormalization(scale=False, epsilon=1e-3, momentum=decay)


def inactive_dropout():
    """`tf.layers.dropout(net, 0.8)` without `training=True`."""
    return L.Identity()


def generator_000():
    """Figure 2: activation, dropout, batch norm."""
    layers = [L.Dense(4 * 4 * 512), L.ReLU(), inactive_dropout(), batch_norm()]
    layers += [L.Reshape((4, 4, 512))]
    for filters in (256, 128, 64):
        layers += [L.Conv2DTranspose(filters, 5, strides=2, padding="same"), L.ReLU()]
        layers += [inactive_dropout(), batch_norm()]
    layers += [L.Conv2DTranspose(3, 5, strides=2, padding="same"), L.Activation("tanh")]
    return sequential((100,), layers)


def discriminator_000():
    """Figure 3: ReLU in the convolution, leaky ReLU after the norm."""
    layers = [L.Conv2D(64, 5, 2, "same"), L.LeakyReLU(0.2)]
    layers += [L.Conv2D(128, 5, 2, "same"), L.ReLU(), batch_norm(), L.LeakyReLU(0.2)]
    layers += [L.Conv2D(256, 5, 2, "same"), L.ReLU(), batch_norm(), L.LeakyReLU(0.2)]
    layers += [L.Conv2D(512, 5, 2, "same"), L.ReLU(), batch_norm()]
    layers += [L.Conv2DTranspose(512, 1, strides=1), L.ReLU()]
    layers += [L.Flatten(), L.Dense(1, activation="sigmoid")]
    return sequential((3, 64, 64), layers)


def critic_000():
    """Figure 8: `normalizer_fn` takes the convolution's bias away and stands before the slope."""
    layers = [L.Conv2D(64, 5, 2, "same"), L.LeakyReLU(0.2)]
    for filters in (128, 256, 512):
        layers += [L.Conv2D(filters, 5, 2, "same", use_bias=False), batch_norm(0.999)]
        layers += [L.LeakyReLU(0.2)]
    return sequential((3, 64, 64), [*layers, L.Flatten(), L.Dense(1)])


# -- report 002 -----------------------------------------------------------------------------------


def discriminator_002():
    """As its summary prints it; the slope, the dropout and the generator are implied."""
    layers = [L.Conv2D(64, 3, padding="same"), L.LeakyReLU(0.2)]
    for filters in (128, 128, 256):
        layers += [L.Conv2D(filters, 3, strides=2, padding="same"), L.LeakyReLU(0.2)]
    layers += [L.Flatten(), L.Dropout(0.4), L.Dense(1, activation="sigmoid")]
    return sequential((3, 32, 32), layers)


def generator_002():
    layers = [L.Dense(4 * 4 * 256), L.LeakyReLU(0.2), L.Reshape((4, 4, 256))]
    for _ in range(3):
        layers += [L.Conv2DTranspose(128, 4, strides=2, padding="same"), L.LeakyReLU(0.2)]
    return sequential((100,), [*layers, L.Conv2D(3, 3, padding="same", activation="tanh")])


# -- report 004 -----------------------------------------------------------------------------------


def denoising_004():
    """Figure 2; the activations are implied."""

    def conv(filters, activation="relu"):
        return L.Conv2D(filters, 3, padding="same", activation=activation)

    layers = [conv(32), L.MaxPooling2D(), conv(16), L.MaxPooling2D(), conv(7), conv(7)]
    layers += [L.UpSampling2D(), conv(16), L.UpSampling2D(), conv(32), conv(1, "sigmoid")]
    return sequential((1, 28, 28), layers)


def classifier_004():
    """Figure 7; the dropouts' rates are implied."""
    layers = []
    for filters in (32, 64):
        for _ in range(2):
            layers += [L.Conv2D(filters, 3, padding="same"), L.Activation("relu")]
            layers += [L.BatchNormalization()]
        layers += [L.MaxPooling2D(), L.Dropout(0.25)]
    layers += [L.Flatten(), L.Dense(512), L.Activation("relu"), L.BatchNormalization()]
    layers += [L.Dropout(0.5), L.Dense(10), L.Activation("softmax")]
    return sequential((1, 28, 28), layers)


BOTH, EVAL = (False, True), (False,)  # dropout draws at random in training


@pytest.mark.parametrize(
    ("name", "key", "build", "shape", "modes"),
    [
        ("dcgan_cifar64", "generator", generator_000, (100,), BOTH),
        ("dcgan_cifar64", "discriminator", discriminator_000, (3, 64, 64), BOTH),
        ("wgan_cifar64", "generator", generator_000, (100,), BOTH),
        ("wgan_cifar64", "discriminator", critic_000, (3, 64, 64), BOTH),
        ("dcgan_keras", "generator", generator_002, (100,), BOTH),
        ("dcgan_keras", "discriminator", discriminator_002, (3, 32, 32), EVAL),
        ("denoising_fashion", "autoencoder", denoising_004, (1, 28, 28), BOTH),
        ("classifier_fashion", "classifier", classifier_004, (1, 28, 28), EVAL),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_sequential_networks(name, key, build, shape, modes):
    model, ours = build(), network(name, key)
    assert_counts(model, ours)
    same(model, ours, shape, train=modes)


def label_map(side: int) -> tuple[list, object, object]:
    """Return the label's weighted layers, its input, and the channel that they make."""
    label = keras.Input((1,))
    layers = [L.Embedding(10, 50), L.Dense(side * side)]
    return layers, label, L.Reshape((side, side, 1))(layers[1](layers[0](label)))


def test_conditional_generator_of_report_004():
    """As in the tutorial that it names: the label's map behind the noise's, then twice as large."""
    joined, label, plane = label_map(7)
    noise = keras.Input((100,))
    first, last = L.Dense(128 * 7 * 7), L.Conv2D(1, 7, activation="tanh", padding="same")
    ups = [L.Conv2DTranspose(128, 4, strides=2, padding="same") for _ in range(2)]
    x = L.Reshape((7, 7, 128))(L.LeakyReLU(0.2)(first(noise)))
    x = L.Concatenate()([x, plane])
    for up in ups:
        x = L.LeakyReLU(0.2)(up(x))
    model = keras.Model([noise, label], last(x))
    ours = network("cgan_fashion", "generator")
    assert_counts(model, ours)
    same(model, ours, (100,), labels=LABELS, layers=[first, *joined, *ups, last])


def test_conditional_discriminator_of_report_004():
    joined, label, plane = label_map(28)
    image = keras.Input((28, 28, 1))
    downs = [L.Conv2D(128, 3, strides=2, padding="same") for _ in range(2)]
    last = L.Dense(1, activation="sigmoid")
    x = L.Concatenate()([image, plane])
    for down in downs:
        x = L.LeakyReLU(0.2)(down(x))
    model = keras.Model([image, label], last(L.Dropout(0.4)(L.Flatten()(x))))
    ours = network("cgan_fashion", "discriminator")
    assert_counts(model, ours)
    layers = [*joined, *downs, last]
    same(model, ours, (1, 28, 28), train=EVAL, labels=LABELS, layers=layers)


LABELS = torch.tensor([3, 0, 9, 3, 7])


# -- report 002's SAGAN: formulas, since it prints no code ----------------------------------------


def self_attention(x, weights, gamma):
    """Compute the report's formulas place by place: beta_ji of s_ij = f(x_i)^T g(x_j), o_j, y_j."""
    f, g, h, v = (lambda at, w=w, b=b: w @ at + b for w, b in weights)
    made = torch.empty_like(x)
    for n, image in enumerate(x.flatten(2)):
        places = list(image.unbind(1))
        for j, at in enumerate(places):
            s = torch.stack([torch.dot(f(other), g(at)) for other in places])
            beta = s.exp() / s.exp().sum()
            mixed = sum(beta[i] * h(other) for i, other in enumerate(places))
            made[n].flatten(1)[:, j] = gamma * v(mixed) + at
    return made


@pytest.mark.parametrize("key", ["generator", "discriminator"])
def test_self_attention_of_report_002(key):
    """Without the spectral norm, which is below; 32 of its channels, and a gamma that is not 0."""
    spec = ganspec.load(ROOT / "specs" / "sagan.yaml", [f"{key}.normalization=none", "vars.ch=16"])
    torch.manual_seed(0)
    ours = ganspec.build(spec)[key].double()
    (layer,) = (m for m in ours.modules() if type(m).__name__ == "SelfAttention")
    assert layer.gamma == 0
    layer.gamma.data.fill_(0.7)
    # f is of the places that are looked at, g of the place that looks
    parts = (layer.key, layer.query, layer.value, layer.out)
    shapes = [tuple(part.weight.shape) for part in parts]
    assert shapes == [(4, 32, 1, 1)] * 3 + [(32, 4, 1, 1)]
    for part in parts:  # far from uniform attention, or f and g could be taken for each other
        nn.init.normal_(part.weight)
        nn.init.normal_(part.bias)
    x = torch.randn(2, 32, 3, 5, dtype=torch.float64)
    weights = [(part.weight.detach()[..., 0, 0], part.bias.detach()) for part in parts]
    with torch.no_grad():
        close(layer(x), self_attention(x, weights, 0.7))
        weights[:2] = weights[1::-1]
        assert not torch.allclose(layer(x), self_attention(x, weights, 0.7))


@pytest.mark.parametrize("key", ["generator", "discriminator"])
def test_spectral_norm_of_report_002(key):
    """Every weight of both networks ends at a largest singular value of 1, as svd finds it."""
    spec = ganspec.load(ROOT / "specs" / "sagan.yaml", ["vars.ch=8", "vars.z=6"])
    torch.manual_seed(0)
    ours = ganspec.build(spec)[key].double()
    weighted = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    found = [layer for layer in ours.modules() if isinstance(layer, weighted)]
    assert len(found) == 5 + 4  # five of the DCGAN's, and the attention's four
    for layer in found:
        original = layer.parametrizations.weight.original.detach()
        layer.parametrizations.weight[0].n_power_iterations = 2000
        layer.train().weight.detach()  # one pass of training, which iterates
        weight = layer.eval().weight.detach()
        transposed = isinstance(layer, nn.ConvTranspose2d)
        matrix = original.transpose(0, 1) if transposed else original
        sigma = torch.linalg.svdvals(matrix.flatten(1))[0]
        close(weight, original / sigma)
