"""Report 000, figure by figure: its data, its networks and its WGAN, written out by TensorFlow's
formulas in double precision. tests/test_reports_rules.py has the DCGAN's loop.

TensorFlow keeps channels last, and so does everything here that is not ganspec's.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import ROOT, small, training_of
from torch import nn
from writing import write_batches

import ganspec
from ganspec.systems.source import Source
from ganspec.training.images import open_images

CPU = torch.device("cpu")
SPECS = ROOT / "specs"


# -- Fig. 1: the images ---------------------------------------------------------------------------


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


def test_images_of_figure_1(tmp_path):
    """Its lines, on batches of a few images."""
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


# -- Fig. 2, 3 and 8: the networks ----------------------------------------------------------------


def conv(x, weight, bias=None, stride=2):
    """`tf.nn.conv2d` with padding SAME, N x H x W x C; the weight is torch's."""
    pads = []
    for size, side in zip((x.shape[2], x.shape[1]), reversed(weight.shape[2:]), strict=True):
        total = max((-(-size // stride) - 1) * stride + side - size, 0)
        pads += [total // 2, total - total // 2]
    y = F.conv2d(F.pad(x.permute(0, 3, 1, 2), pads), weight, stride=stride).permute(0, 2, 3, 1)
    return y if bias is None else y + bias


def conv_transpose(x, weight, bias, stride=2):
    """`tf.nn.conv2d_transpose` with padding SAME: the gradient of a convolution."""
    shape = (len(x), stride * x.shape[1], stride * x.shape[2], weight.shape[1])
    image = torch.zeros(shape, dtype=x.dtype, requires_grad=True)
    with torch.enable_grad():
        made = conv(image, weight, stride=stride)
        (y,) = torch.autograd.grad(made, image, x, create_graph=True)
    return y + bias


def batch_norm(x, beta):
    """`tf.contrib.layers.batch_norm` without `is_training`: never any other statistics."""
    axes = tuple(range(x.dim() - 1))
    mean = x.mean(axes)
    variance = (x - mean).square().mean(axes)
    return (x - mean) / (variance + 1e-3).sqrt() + beta


def leaky_relu(x):
    return torch.maximum(0.2 * x, x)


def channels_last(rows, channels):
    """Rows of a flattened C x 4 x 4 map as rows of a flattened 4 x 4 x C one."""
    return rows.unflatten(0, (channels, 4, 4)).movedim(0, 2).flatten(0, 2)


def weights_of(network):
    """Yield the network's weights in their order."""
    yield from (weight.detach().clone().requires_grad_() for weight in network.parameters())


def generator(x, weights):
    """Figure 2; `tf.layers.dropout` without `training` does nothing."""
    w = iter(weights)
    first, bias, beta = next(w), next(w), next(w)
    channels = len(beta) // 16
    net = torch.relu(x @ channels_last(first, channels).T + channels_last(bias, channels))
    net = batch_norm(net, channels_last(beta, channels))
    net = net.reshape(-1, 4, 4, channels)
    for _ in range(3):
        net = torch.relu(conv_transpose(net, next(w), next(w)))
        net = batch_norm(net, next(w))
    net = conv_transpose(net, next(w), next(w))
    assert next(w, None) is None
    return torch.tanh(net)


def discriminator(image_input, weights):
    """Figure 3."""
    w = iter(weights)
    net = leaky_relu(conv(image_input, next(w), next(w)))
    for _ in range(2):
        net = torch.relu(conv(net, next(w), next(w)))
        net = leaky_relu(batch_norm(net, next(w)))
    net = torch.relu(conv(net, next(w), next(w)))
    net = batch_norm(net, next(w))
    net = torch.relu(net @ next(w)[:, :, 0, 0] + next(w))  # a 1 x 1 kernel, transposed
    return torch.sigmoid(dense_to_one(net, next(w), next(w)))


def critic_conv(img, weights):
    """Figure 8: `normalizer_fn` takes the place of a bias."""
    w = iter(weights)
    img = leaky_relu(conv(img, next(w), next(w)))
    for _ in range(3):
        img = leaky_relu(batch_norm(conv(img, next(w)), next(w)))
    return dense_to_one(img, next(w), next(w))


def dense_to_one(net, weight, bias):
    weight = channels_last(weight[0], net.shape[3])
    return net.flatten(1) @ weight[:, None] + bias


NETWORKS = [
    ("dcgan_cifar64", "generator", generator),
    ("dcgan_cifar64", "discriminator", discriminator),
    ("wgan_cifar64", "generator", generator),
    ("wgan_cifar64", "discriminator", critic_conv),
]


@pytest.mark.parametrize(("name", "key", "by_hand"), NETWORKS)
@pytest.mark.parametrize("training", [True, False])
def test_networks(name, key, by_hand, training):
    """Outputs and every gradient, in both modes: the report has but one."""
    spec = ganspec.load(SPECS / f"{name}.yaml", ["vars.ch=8", "vars.z=6"])
    torch.manual_seed(0)
    ours = ganspec.build(spec)[key].double().train(training)
    for weight in ours.parameters():
        if weight.dim() == 1:  # zeros so far
            nn.init.uniform_(weight, -0.5, 0.5)
    weights = list(weights_of(ours))
    x = torch.rand(5, *([6] if key == "generator" else [3, 64, 64]), dtype=torch.float64)
    theirs = by_hand(x if key == "generator" else x.permute(0, 2, 3, 1), weights)
    made = ours(x)
    slope = torch.linspace(-1, 1, made.numel(), dtype=torch.float64).reshape(made.shape)
    expected = theirs.permute(0, 3, 1, 2) if key == "generator" else theirs
    close(made, expected)
    mine = torch.autograd.grad((made * slope).sum(), list(ours.parameters()))
    other = torch.autograd.grad((expected * slope).sum(), weights)
    for pair in zip(mine, other, strict=True):
        close(*pair)


def close(ours, theirs):
    assert ours.dtype == theirs.dtype == torch.float64
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


# -- Fig. 7 and 15: samples -----------------------------------------------------------------------


def test_samples_are_what_the_graph_draws():
    """Batches of 64 latents through the training's own graph, of a generator after three steps."""
    spec = small(SPECS / "dcgan_cifar64.yaml", "vars.ch=8", "vars.z=6", "train.batch=64")
    images = torch.randint(0, 256, (64, *spec.data.shape), dtype=torch.uint8)
    training = training_of(spec, images)
    for _ in range(3):
        training.advance()
    network = training.networks["generator"]
    source = Source(network, training.cfg, CPU)
    drawn = torch.cat([part for part, _ in source.images(100, seed=1)])
    latents = source.inputs(128, 1)["latent"].double()
    weights = [weight.double() for weight in weights_of(network)]
    pixels = torch.cat([generator(part, weights) for part in latents.split(64)])
    pixels = pixels.clamp(0, 1).mul(255).permute(0, 3, 1, 2)[:100]
    assert (drawn - pixels).abs().max() <= 0.5 + 1e-3


# -- Fig. 9 and 10: the WGAN ----------------------------------------------------------------------


class TensorFlowRmsProp:
    """`tf.train.RMSPropOptimizer(5e-5)`: decay 0.9, and a mean of squares that begins at 1."""

    def __init__(self, weights):
        self.weights = weights
        self.squares = [torch.ones_like(w) for w in weights]

    def minimize(self, loss):
        slopes = torch.autograd.grad(loss, self.weights)
        for w, ms, g in zip(self.weights, self.squares, slopes, strict=True):
            ms.mul_(0.9).add_(0.1 * g * g)
            w.data.sub_(5e-5 * g / (ms + 1e-10).sqrt())
        return torch.cat([g.flatten() for g in slopes]).norm()  # of the summaries


LOGGED = ("d_loss", "g_loss", "d_gradient", "g_gradient")


def test_iterations_of_the_wgan():
    """Five updates of the critic to one of the generator, each with a batch and noise of its own.

    The report feeds the generator's update a sixth batch, which its loss does not read.
    """
    spec = small(SPECS / "wgan_cifar64.yaml", "vars.ch=8", "vars.z=6")
    torch.manual_seed(1)
    images = torch.randint(0, 256, (40, *spec.data.shape), dtype=torch.uint8)
    ours = training_of(spec, images)
    for network in ours.networks.values():
        network.double()
    batches = [(next(ours.batches)[0].double(), None) for _ in range(3 * 5)]
    theta_g, theta_c = (list(weights_of(ours.networks[k])) for k in ("generator", "discriminator"))
    opt_g, opt_c = TensorFlowRmsProp(theta_g), TensorFlowRmsProp(theta_c)

    torch.set_default_dtype(torch.float64)
    try:
        torch.manual_seed(2)
        expected = []
        for i in range(3):
            for j in range(5):
                real_data = batches[5 * i + j][0].permute(0, 2, 3, 1)
                fake_logit = critic_conv(generator(torch.randn(4, 6), theta_g), theta_c)
                true_logit = critic_conv(real_data, theta_c)
                c_loss = (fake_logit - true_logit).mean()
                c_norm = opt_c.minimize(c_loss)
            g_loss = (-critic_conv(generator(torch.randn(4, 6), theta_g), theta_c)).mean()
            g_norm = opt_g.minimize(g_loss)
            expected.append((c_loss.detach(), g_loss.detach(), c_norm, g_norm))

        ours.batches = iter(batches)
        torch.manual_seed(2)
        for numbers in expected:
            log = ours.advance()
            for name, number in zip(LOGGED, numbers, strict=True):
                close(log[name], number)
    finally:
        torch.set_default_dtype(torch.float32)
    for key, theirs in (("generator", theta_g), ("discriminator", theta_c)):
        for mine, other in zip(ours.networks[key].parameters(), theirs, strict=True):
            close(mine.detach(), other.detach())


def test_numbers_of_the_wgan():
    spec = ganspec.load(SPECS / "wgan_cifar64.yaml")
    assert (spec.train.batch, spec.train.steps.discriminator) == (64, 5)
    assert spec.train.iterations == 50_000 // 64 // 6
    assert (spec.objective.clip, spec.objective.penalty) == (None, None)
    assert (spec.latent.distribution, spec.train.latents) == ("normal", "fresh")
