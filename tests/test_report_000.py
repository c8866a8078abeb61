"""Report 000, figure by figure: its images, its networks in Keras, its training and its samples.

`tf.layers` of TensorFlow 1 are Keras's layers. What Keras has not is written from TensorFlow's
documentation: the resizing, contrib's batch norm, the optimizers. All numbers are doubles.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from by_hand import TensorFlowAdam, TensorFlowRMSProp, beginning, network, update
from conftest import ROOT
from keras_oracle import (
    ContribBatchNorm,
    assert_counts,
    channels_first,
    channels_last,
    copy_weights,
    draw,
    keras,
    same,
    sequential,
    train_same_as_keras,
)
from writing import write_batches

import ganspec
from ganspec.systems.source import Source
from ganspec.training.images import open_images

L = keras.layers
CPU = torch.device("cpu")
SPECS = ROOT / "specs"
CH = 8  # in trainings; the networks are compared at full width


# -- figure 1: the images -------------------------------------------------------------------------


def resize_images(images, height, width):
    """`tf.image.resize_images` of TensorFlow 1: pixel i is read at i * old size / new size."""

    def places(before, after):
        place = np.arange(after) * (before / after)
        first = np.floor(place).astype(int)
        return first, np.minimum(first + 1, before - 1), place - first

    top, bottom, v = places(images.shape[1], height)
    left, right, u = places(images.shape[2], width)
    u, v = u[:, None], v[:, None, None]
    upper = images[:, top][:, :, left] * (1 - u) + images[:, top][:, :, right] * u
    lower = images[:, bottom][:, :, left] * (1 - u) + images[:, bottom][:, :, right] * u
    return upper * (1 - v) + lower * v


def test_images(tmp_path):
    """The figure's lines, on batches of a few images."""
    images, _ = write_batches(tmp_path)
    image_input = images[:20].reshape(20, 3072).numpy()
    image_input2 = []
    for i in image_input:
        image_input2.append(np.reshape(i.reshape(3, 32, 32), 3072, order="F"))
    image_input3 = np.array(image_input2).reshape(20, 32, 32, 3)
    image_input4 = resize_images(image_input3.astype(float), 64, 64)

    for name in ("dcgan_cifar64", "wgan_cifar64"):
        data = ganspec.load(SPECS / f"{name}.yaml").data
        ours, _ = open_images(data, tmp_path, CPU)
        difference = ours.permute(0, 2, 3, 1).numpy() - image_input4
        assert np.abs(difference).max() <= 0.5  # whole grey levels
        assert data.range == (0, 1)


# -- figures 2, 3 and 8: the networks -------------------------------------------------------------


def inactive_dropout():
    """`tf.layers.dropout(net, 0.8)` without `training=True`."""
    return L.Identity()


def generator(ch=64):
    """Figure 2: activation, dropout, batch norm."""
    layers = [L.Dense(4 * 4 * 8 * ch), L.ReLU(), inactive_dropout(), ContribBatchNorm()]
    layers += [L.Reshape((4, 4, 8 * ch))]
    for filters in (4 * ch, 2 * ch, ch):
        layers += [L.Conv2DTranspose(filters, 5, strides=2, padding="same"), L.ReLU()]
        layers += [inactive_dropout(), ContribBatchNorm()]
    layers += [L.Conv2DTranspose(3, 5, strides=2, padding="same"), L.Activation("tanh")]
    return sequential((100,), layers)


def discriminator(ch=64):
    """Figure 3: ReLU in the convolution, leaky ReLU after the norm."""
    layers = [L.Conv2D(ch, 5, 2, "same"), L.LeakyReLU(0.2)]
    layers += [L.Conv2D(2 * ch, 5, 2, "same"), L.ReLU(), ContribBatchNorm(), L.LeakyReLU(0.2)]
    layers += [L.Conv2D(4 * ch, 5, 2, "same"), L.ReLU(), ContribBatchNorm(), L.LeakyReLU(0.2)]
    layers += [L.Conv2D(8 * ch, 5, 2, "same"), L.ReLU(), ContribBatchNorm()]
    layers += [L.Conv2DTranspose(8 * ch, 1, strides=1), L.ReLU()]
    layers += [L.Flatten(), L.Dense(1, activation="sigmoid")]
    return sequential((3, 64, 64), layers)


def critic(ch=64):
    """Figure 8: `normalizer_fn` takes the convolution's bias away and stands before the slope."""
    layers = [L.Conv2D(ch, 5, 2, "same"), L.LeakyReLU(0.2)]
    for filters in (2 * ch, 4 * ch, 8 * ch):
        layers += [L.Conv2D(filters, 5, 2, "same", use_bias=False), ContribBatchNorm()]
        layers += [L.LeakyReLU(0.2)]
    return sequential((3, 64, 64), [*layers, L.Flatten(), L.Dense(1)])


@pytest.mark.parametrize(
    ("name", "key", "build", "shape"),
    [
        ("dcgan_cifar64", "generator", generator, (100,)),
        ("dcgan_cifar64", "discriminator", discriminator, (3, 64, 64)),
        ("wgan_cifar64", "generator", generator, (100,)),
        ("wgan_cifar64", "discriminator", critic, (3, 64, 64)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_networks(name, key, build, shape):
    model, ours = build(), network(name, key)
    assert_counts(model, ours)
    same(model, ours, shape)


# -- figures 7 and 10: training -------------------------------------------------------------------


def train(name, judge, optimizer, loop, *settings, arrange=None):
    """Compare trainings; `arrange` changes weights of Keras's networks first."""
    ours = beginning(name, f"vars.ch={CH}", *settings, count=60)
    models = {"generator": draw(generator(CH)), "discriminator": draw(judge(CH))}
    if arrange:
        arrange(*models.values())
    weights = {key: [w.value for w in m.trainable_weights] for key, m in models.items()}
    optimizers = {key: optimizer(given) for key, given in weights.items()}
    train_same_as_keras(ours, models, optimizers, loop)


def gan_loss_function(x, y):
    """Figure 4."""
    eps = 1e-12
    return -(x * torch.log(y + eps) + (1 - x) * torch.log(1 - y + eps))


def figure_6(g, d, noise, image):
    """Return the losses of the generator and of the discriminator."""
    d_real = d(channels_last(image), training=True)
    d_fake = d(g(noise, training=True), training=True)
    loss_d_real = gan_loss_function(torch.ones_like(d_real), d_real)
    loss_d_fake = gan_loss_function(torch.zeros_like(d_fake), d_fake)
    loss_g = gan_loss_function(torch.ones_like(d_fake), d_fake).mean()
    return loss_g, (0.5 * (loss_d_real + loss_d_fake)).mean()


def figure_7(g, d, optimizer_g, optimizer_d, batches):
    """Train as the report's loop does."""
    for batch, _ in batches:
        train_g = train_d = True
        noise_input = torch.rand(len(batch), 100)
        with torch.no_grad():
            g_loss, d_loss = figure_6(g, d, noise_input, batch)
        appended = {"d_loss": d_loss, "g_loss": g_loss}
        if g_loss * 1.5 < d_loss:
            train_g = False
        if d_loss * 2 < g_loss:
            train_d = False
        if train_d:
            update(optimizer_d, figure_6(g, d, noise_input, batch)[1])
        if train_g:
            update(optimizer_g, figure_6(g, d, noise_input, batch)[0])
        yield appended


def last_layer(g, d, gap, bias):
    """Set D's last layer: logits of real images and fakes lie `gap` apart, `bias` in the middle."""
    torch.manual_seed(3)
    images = torch.randint(0, 256, (4, 64, 64, 3)).double() / 255
    last = d.layers[-1]
    features = keras.Model(d.inputs, last.input)
    with torch.no_grad():
        real = features(images, training=True).mean(0)
        fake = features(g(torch.rand(4, 100).double(), training=True), training=True).mean(0)
        direction = (real - fake) / (real - fake).square().sum()
        last.kernel.assign(gap * direction[:, None])
        last.bias.assign((bias - gap * (direction @ (real + fake)) / 2)[None])


def train_dcgan(*settings, gap=0.0, bias=0.0):
    """Return the number of updates of the generator and of the discriminator."""
    adams = []

    def adam(weights):
        adams.append(TensorFlowAdam(weights, 2e-4, 0.5))
        return adams[-1]

    arrange = partial(last_layer, gap=gap, bias=bias)
    train("dcgan_cifar64", discriminator, adam, figure_7, *settings, arrange=arrange)
    return [adam.t for adam in adams]


@pytest.mark.parametrize(
    ("gap", "bias", "updates"),
    [
        (0.0, 0.0, [3, 3]),
        (0.0, 3.0, [0, 3]),  # fakes are taken for real
        (4.0, -4.0, [3, 0]),  # fakes are recognised
    ],
)
def test_training_of_dcgan(gap, bias, updates):
    """Three iterations with the report's balancing rule."""
    assert train_dcgan(gap=gap, bias=bias) == updates


def gradient_norm(optimizer):
    """Return the norm of the latest gradients, which figure 9 summarizes."""
    return torch.cat([w.grad.flatten() for w in optimizer.param_groups[0]["params"]]).norm()


def figure_10(g, c, optimizer_g, optimizer_c, batches):
    """Train as the report's loop does. Latents are drawn in the graph: it feeds none."""
    for step, (batch, _) in enumerate(batches, 1):
        true_logit = c(channels_last(batch), training=True)
        fake_logit = c(g(torch.randn(len(batch), 100), training=True), training=True)
        c_loss = update(optimizer_c, (fake_logit - true_logit).mean())
        if step % 5 == 0:  # the report takes a sixth batch, which g_loss does not read
            fake_logit = c(g(torch.randn(len(batch), 100), training=True), training=True)
            log = {"d_loss": c_loss, "d_gradient": gradient_norm(optimizer_c)}
            log["g_loss"] = update(optimizer_g, (-fake_logit).mean())
            yield {**log, "g_gradient": gradient_norm(optimizer_g)}


def train_wgan(*settings):
    rmsprop = partial(TensorFlowRMSProp, lr=5e-5)  # the rate is implied
    train("wgan_cifar64", critic, rmsprop, figure_10, *settings)


def test_training_of_wgan():
    train_wgan()


@pytest.mark.parametrize(
    ("train", "setting"),
    [
        (train_dcgan, "objective.scale=1"),
        (train_dcgan, "objective.loss={non_saturating: {reads: probabilities, eps: 1e-8}}"),
        (train_dcgan, "train.latents=fresh"),
        (train_dcgan, "optimizers.adam.eps_hat=false"),
        (partial(train_dcgan, bias=3.0), "train.skip.generator=null"),
        (partial(train_dcgan, gap=4.0, bias=-4.0), "train.skip.discriminator=d_loss * 3 < g_loss"),
        (train_wgan, "train.steps.discriminator=4"),
        (train_wgan, "objective.clip=0.01"),
        (train_wgan, "optimizers.rmsprop.form=keras"),
    ],
)
def test_other_rules_differ(train, setting):
    with pytest.raises(AssertionError):
        train(setting)


def test_numbers_of_the_wgan():
    spec = ganspec.load(SPECS / "wgan_cifar64.yaml")
    assert (spec.train.batch, spec.train.steps.discriminator) == (64, 5)
    assert spec.train.iterations == 50_000 // 64 // 6
    assert (spec.objective.clip, spec.objective.penalty) == (None, None)
    assert (spec.latent.distribution, spec.train.latents) == ("normal", "fresh")


# -- figures 7 and 15: samples --------------------------------------------------------------------


def test_samples():
    """Draw samples through the training's own graph, in batches of 64 latents."""
    ours = beginning("dcgan_cifar64", f"vars.ch={CH}", "train.batch=64", count=64)
    model = draw(generator(CH))
    copy_weights(model, ours.networks["generator"])
    source = Source(ours.networks["generator"], ours.cfg, CPU)
    drawn = torch.cat([part for part, _ in source.images(100, seed=1)])
    latents = source.inputs(128, 1)["latent"].double()
    pixels = torch.cat([channels_first(model(part)).detach() for part in latents.split(64)])
    pixels = pixels.clamp(0, 1).mul(255)[:100]
    assert (drawn - pixels).abs().max() <= 0.5 + 1e-3
