"""Report 002: DCGAN and SAGAN written by hand, against their specs, in double precision.

The DCGAN is in Keras. SAGAN, of which the report prints formulas only, is written from them.
"""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from by_hand import (
    ROUNDS,
    TensorFlowAdam,
    assert_same_network,
    beginning,
    copied,
    network,
    train_same,
    update,
)
from conftest import ROOT
from keras_oracle import (
    Adam,
    Dropout,
    assert_counts,
    channels_first,
    channels_last,
    close,
    draw,
    keras,
    same,
    sequential,
    train_same_as_keras,
)
from torch import nn

import ganspec

L = keras.layers
CH = 8  # in trainings; the networks are compared at full width


# -- DCGAN ----------------------------------------------------------------------------------------


def discriminator(ch=64):
    """As its summary prints it; the slope, the dropout and the generator are implied."""
    layers = [L.Conv2D(ch, 3, padding="same"), L.LeakyReLU(0.2)]
    for filters in (2 * ch, 2 * ch, 4 * ch):
        layers += [L.Conv2D(filters, 3, strides=2, padding="same"), L.LeakyReLU(0.2)]
    layers += [Dropout(0.4), L.Flatten(), L.Dense(1, activation="sigmoid")]
    return sequential((3, 32, 32), layers)


def generator(ch=64):
    layers = [L.Dense(4 * 4 * 4 * ch), L.LeakyReLU(0.2), L.Reshape((4, 4, 4 * ch))]
    for _ in range(3):
        layers += [L.Conv2DTranspose(2 * ch, 4, strides=2, padding="same"), L.LeakyReLU(0.2)]
    return sequential((100,), [*layers, L.Conv2D(3, 3, padding="same", activation="tanh")])


@pytest.mark.parametrize(
    ("key", "build", "shape"),
    [("generator", generator, (100,)), ("discriminator", discriminator, (3, 32, 32))],
)
def test_networks_of_dcgan(key, build, shape):
    model, ours = build(), network("dcgan_keras", key)
    assert_counts(model, ours)
    same(model, ours, shape)


def bce(probabilities, target):
    return keras.losses.BinaryCrossentropy()(torch.full_like(probabilities, target), probabilities)


def train_discriminator(d, optimizer, images, target):
    """Make one update on real or on generated images. Return the loss and the accuracy."""
    probabilities = d(channels_last(images), training=True)
    right = ((probabilities > 0.5) == (target == 1)).double().mean()
    return update(optimizer, bce(probabilities, target)), right


def train_on_half_batches(d, optimizer, real, fake):
    d1, real_accuracy = train_discriminator(d, optimizer, real, 1.0)
    d2, fake_accuracy = train_discriminator(d, optimizer, fake, 0.0)
    losses = {"d_loss": d1 + d2, "d_real": d1, "d_fake": d2}
    return losses | {"real_accuracy": real_accuracy, "fake_accuracy": fake_accuracy}


def dcgan(g, d, g_optimizer, d_optimizer, batches, warmup=2, batch=8):
    """Warm the discriminator up on random pixels, then train both networks.

    Random numbers are drawn in ganspec's order: latents before anything, in the warm-up, too.
    """
    for step, (real, _) in enumerate(batches, 1):
        latents = torch.randn(len(real), 100)
        if step <= warmup:
            fake = 2 * torch.rand(len(real), 3, 32, 32) - 1
            yield train_on_half_batches(d, d_optimizer, real, fake)
        else:
            fake = channels_first(g(latents)).detach()
            losses = train_on_half_batches(d, d_optimizer, real, fake)
            probabilities = d(g(torch.randn(batch, 100)), training=True)
            yield {**losses, "g_loss": update(g_optimizer, bce(probabilities, 1.0))}


def train_dcgan(*settings):
    sizes = [f"vars.ch={CH}", "train.warmup.iterations=2", "train.generator_batch=8"]
    ours = beginning("dcgan_keras", *sizes, *settings)
    models = {"generator": draw(generator(CH)), "discriminator": draw(discriminator(CH))}
    adams = {key: Adam(m.trainable_weights, 2e-4, beta_1=0.5) for key, m in models.items()}
    train_same_as_keras(ours, models, adams, dcgan, rounds=2 + ROUNDS)


def test_training_of_dcgan():
    train_dcgan()


def test_numbers_of_dcgan():
    train = ganspec.load(ROOT / "specs" / "dcgan_keras.yaml").train
    assert 2 * train.batch == train.generator_batch == 128
    assert train.iterations == 50_000 // 128 == 390
    assert train.warmup.iterations == 20


# -- SAGAN ----------------------------------------------------------------------------------------


class Normalized(nn.Module):
    """A layer whose weight is divided by its largest singular value.

    One power iteration in every pass of training finds it (Miyato et al., 2018, algorithm 1).
    """

    def __init__(self, apply, *shape, transposed=False, bias=True):
        super().__init__()
        self.apply_weight, self.transposed = apply, transposed
        rows, columns = self.matrix(torch.zeros(shape)).shape
        self.bias = nn.Parameter(torch.zeros(rows)) if bias else None
        self.weight = nn.Parameter(torch.zeros(shape))
        self.register_buffer("u", torch.zeros(rows))
        self.register_buffer("v", torch.zeros(columns))

    def matrix(self, weight):
        return (weight.transpose(0, 1) if self.transposed else weight).flatten(1)

    def forward(self, x):
        matrix = self.matrix(self.weight)
        if self.training:
            with torch.no_grad():
                self.u = F.normalize(matrix @ self.v, dim=0)
                self.v = F.normalize(matrix.T @ self.u, dim=0)
        sigma = self.u @ matrix @ self.v
        return self.apply_weight(x, self.weight / sigma, self.bias)


def dense(width, out):
    return Normalized(F.linear, out, width)


def conv(width, out, kernel=3, bias=True):
    apply = partial(F.conv2d, padding=kernel // 2)
    return Normalized(apply, out, width, kernel, kernel, bias=bias)


def halving_conv(width, out):
    """Keras's `same` with stride 2 pads an even map at its end only."""

    def apply(x, weight, bias):
        return F.conv2d(F.pad(x, (0, 1, 0, 1)), weight, bias, 2)

    return Normalized(apply, out, width, 3, 3)


def doubling_conv(width, out):
    apply = partial(F.conv_transpose2d, stride=2, padding=1)
    return Normalized(apply, width, out, 4, 4, transposed=True)


class SelfAttention(nn.Module):
    """The report's formulas; `gamma` is 0 at first."""

    def __init__(self, width):
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(()))
        self.g, self.f, self.h = (conv(width, width // 8, 1, bias=False) for _ in range(3))
        self.v = conv(width // 8, width, 1, bias=False)

    def forward(self, x):
        f, g, h = (part(x).flatten(2) for part in (self.f, self.g, self.h))
        s = torch.einsum("nci,ncj->nij", f, g)
        beta = s.exp() / s.exp().sum(1, keepdim=True)  # over i, the places that j looks at
        o = self.v(torch.einsum("nij,nci->ncj", beta, h).view(len(x), -1, *x.shape[2:]))
        return self.gamma * o + x


def attentive_generator(ch=64):
    return nn.Sequential(
        dense(100, 4 * ch * 4 * 4),
        nn.Unflatten(1, (4 * ch, 4, 4)),
        nn.LeakyReLU(0.2),
        doubling_conv(4 * ch, 2 * ch),
        nn.LeakyReLU(0.2),
        doubling_conv(2 * ch, 2 * ch),
        nn.LeakyReLU(0.2),
        SelfAttention(2 * ch),
        doubling_conv(2 * ch, 2 * ch),
        nn.LeakyReLU(0.2),
        conv(2 * ch, 3),
        nn.Tanh(),
    )


class AttentiveDiscriminator(nn.Module):
    """D(x, y): a score of the features, plus their inner product with a vector of the class."""

    def __init__(self, ch=64):
        super().__init__()
        self.features = attentive_features(ch)
        self.score = dense(4 * ch * 4 * 4, 1)
        self.of_class = Normalized(lambda y, w, _: w[y], 10, 4 * ch * 4 * 4, bias=False)

    def forward(self, x, y):
        h = self.features(x)
        return self.score(h) + torch.einsum("nc,nc->n", self.of_class(y), h)[:, None]


def attentive_features(ch):
    return nn.Sequential(
        conv(3, ch),
        nn.LeakyReLU(0.2),
        halving_conv(ch, 2 * ch),
        nn.LeakyReLU(0.2),
        SelfAttention(2 * ch),
        halving_conv(2 * ch, 2 * ch),
        nn.LeakyReLU(0.2),
        halving_conv(2 * ch, 4 * ch),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
    )


SAGAN = {"generator": attentive_generator, "discriminator": AttentiveDiscriminator}


def attending(network):
    """Set gamma to 0.7, and make attention far from uniform."""
    for name, weight in network.double().named_parameters():
        if name.endswith("gamma"):
            weight.data.fill_(0.7)
        elif "query" in name or "key" in name:
            weight.data.normal_()
    return network


@pytest.mark.parametrize(("key", "shape"), [("generator", (100,)), ("discriminator", (3, 32, 32))])
def test_networks_of_sagan(key, shape):
    ours = attending(network("sagan", key))
    x = torch.randn(3, *shape, dtype=torch.float64)
    labels = [torch.tensor([7, 0, 7])] if key == "discriminator" else []
    assert_same_network(ours, copied(ours, SAGAN[key]().double()), x, *labels, same=close)


def sagan(g, d, g_optimizer, d_optimizer, batches):
    """Train by the printed hinge loss, one update of each network in turn.

    The classes of generated images are drawn from the data's, which are one image's each.
    """
    for real, labels in batches:
        y = torch.randint(10, (len(real),))
        fake = g(torch.randn(len(real), 100)).detach()
        nothing = torch.zeros(len(real), 1)
        d_loss = -torch.minimum(nothing, -1 + d(real, labels)).mean()
        d_loss = update(d_optimizer, d_loss - torch.minimum(nothing, -1 - d(fake, y)).mean())
        z, y = torch.randn(len(real), 100), torch.randint(10, (len(real),))
        g_loss = update(g_optimizer, -d(g(z), y).mean())
        yield {"d_loss": d_loss, "g_loss": g_loss}


def train_sagan(*settings):
    ours = beginning("sagan", f"vars.ch={CH}", *settings, labels=torch.arange(10))
    twins = {
        key: copied(attending(net), SAGAN[key](CH).double()) for key, net in ours.networks.items()
    }
    adams = {
        "generator": TensorFlowAdam(twins["generator"].parameters(), 1e-4, 0.0, 0.9, 1e-7),
        "discriminator": TensorFlowAdam(twins["discriminator"].parameters(), 4e-4, 0.0, 0.9, 1e-7),
    }
    train_same(ours, twins, adams, sagan, same=close)


def test_training_of_sagan():
    train_sagan()


# -- other rules ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("train", "setting"),
    [
        (train_dcgan, "train.order=[discriminator, generator]"),
        (train_dcgan, "train.generator_batch=4"),
        (train_dcgan, "train.warmup.iterations=1"),
        (train_dcgan, "train.warmup.images=generator"),
        (train_dcgan, "train.accuracy=false"),
        (train_dcgan, "optimizers.adam.eps_hat=false"),
        (train_sagan, "objective.loss=wasserstein"),
        (train_sagan, "train.labels=real"),
        (train_sagan, "optimizers.generator={adam: {lr: 4e-4, betas: [0, 0.9]}}"),
        (train_sagan, "optimizers.discriminator={adam: {lr: 4e-4, betas: [0, 0.99]}}"),
    ],
)
def test_other_rules_differ(train, setting):
    with pytest.raises(AssertionError):
        train(setting)
