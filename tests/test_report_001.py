"""Report 001: its three GANs written by hand in torch, against their specs, bit for bit.

The report prints no code. Its guidelines say which layers there are; widths, kernels, slopes and
ACGAN's trunk are implied.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from by_hand import (
    assert_same_network,
    beginning,
    copied,
    network,
    train_same,
    unlike_new,
    update,
)
from torch import nn, optim

CLASSES = 10


class Generator(nn.Module):
    """A dense layer to 4 x 4 maps, doubled three times; batch norm everywhere but at the output."""

    def __init__(self, ch=64, z_dim=100):
        super().__init__()
        self.dense = nn.Linear(z_dim, 4 * ch * 4 * 4)
        self.main = nn.Sequential(
            nn.BatchNorm2d(4 * ch),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(4 * ch, 2 * ch, 4, 2, 1),
            nn.BatchNorm2d(2 * ch),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(2 * ch, 2 * ch, 4, 2, 1),
            nn.BatchNorm2d(2 * ch),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(2 * ch, 2 * ch, 4, 2, 1),
            nn.BatchNorm2d(2 * ch),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * ch, 3, 3, 1, 1),
            nn.Tanh(),
        )

    def forward(self, noise):
        x = self.dense(noise)
        return self.main(x.view(len(x), -1, 4, 4))


class ConditionalGenerator(Generator):
    """ACGAN's, given the latent point and the class."""

    def __init__(self, ch=64, z_dim=100):
        super().__init__(ch, z_dim + CLASSES)

    def forward(self, noise, labels):
        return super().forward(torch.cat([noise, F.one_hot(labels, CLASSES).float()], 1))


class Trunk(nn.Sequential):
    """A plain convolution, then three with stride 2; batch norm everywhere but at the input."""

    def __init__(self, ch):
        super().__init__(
            nn.Conv2d(3, ch, 3, 1, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(ch, 2 * ch, 3, 2, 1),
            nn.BatchNorm2d(2 * ch),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * ch, 2 * ch, 3, 2, 1),
            nn.BatchNorm2d(2 * ch),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * ch, 4 * ch, 3, 2, 1),
            nn.BatchNorm2d(4 * ch),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
        )


class Discriminator(nn.Module):
    def __init__(self, ch=64):
        super().__init__()
        self.trunk = Trunk(ch)
        self.last = nn.Linear(4 * ch * 4 * 4, 1)

    def forward(self, images):
        return torch.sigmoid(self.last(self.trunk(images)))


class Critic(Discriminator):
    """The WGAN's, linear at the end."""

    def forward(self, images):
        return self.last(self.trunk(images))


class TwoHeads(Discriminator):
    """ACGAN's. It returns the probability of being real, and logits of the classes."""

    def __init__(self, ch=64):
        super().__init__(ch)
        self.classes = nn.Linear(4 * ch * 4 * 4, CLASSES)

    def forward(self, images):
        features = self.trunk(images)
        return torch.sigmoid(self.last(features)), self.classes(features)


REPORT_001 = {
    "dcgan_cifar32": (Generator, Discriminator),
    "wgan_cifar32": (Generator, Critic),
    "acgan_cifar32": (ConditionalGenerator, TwoHeads),
}


@pytest.mark.parametrize("name", REPORT_001)
def test_networks(name):
    """At full width; widths of the spec's weights are those of the twins, or copying fails."""
    labels = [torch.tensor([3, 0, 9])] if name == "acgan_cifar32" else []
    generator, discriminator = REPORT_001[name]
    ours = unlike_new(network(name, "generator"))
    assert_same_network(ours, copied(ours, generator()), torch.randn(3, 100), *labels)
    ours = unlike_new(network(name, "discriminator"))
    assert_same_network(ours, copied(ours, discriminator()), torch.randn(3, 3, 32, 32))


# -- training -------------------------------------------------------------------------------------


def bce(probabilities, target):
    return F.binary_cross_entropy(probabilities, torch.full_like(probabilities, target))


def dcgan(net_g, net_d, optim_g, optim_d, batches):
    """Make one update of each network; the noise of the second is new."""
    for real, _ in batches:
        fake = net_g(torch.randn(len(real), 100)).detach()
        d_loss = update(optim_d, bce(net_d(real), 1.0) + bce(net_d(fake), 0.0))
        fake = net_g(torch.randn(len(real), 100))
        yield {"d_loss": d_loss, "g_loss": update(optim_g, bce(net_d(fake), 1.0))}


def wgan(net_g, net_d, optim_g, optim_d, batches):
    """Label real images -1 and generated ones 1; clip weights after each update of the critic."""
    for step, (real, _) in enumerate(batches, 1):
        fake = net_g(torch.randn(len(real), 100)).detach()
        real_label, fake_label = -torch.ones(len(real), 1), torch.ones(len(real), 1)
        d_loss = (real_label * net_d(real)).mean() + (fake_label * net_d(fake)).mean()
        d_loss = update(optim_d, d_loss)
        for weight in net_d.parameters():
            weight.data.clamp_(-0.01, 0.01)
        if step % 5 == 0:
            scores = net_d(net_g(torch.randn(len(real), 100)))
            yield {"d_loss": d_loss, "g_loss": update(optim_g, (real_label * scores).mean())}


def acgan(net_g, net_d, optim_g, optim_d, optim_q, batches):
    """Update either network as a DCGAN's, then both by the auxiliary loss."""
    for real, labels in batches:
        fake = net_g(torch.randn(len(real), 100), labels).detach()
        d_loss = update(optim_d, bce(net_d(real)[0], 1.0) + bce(net_d(fake)[0], 0.0))
        fake = net_g(torch.randn(len(real), 100), labels)
        g_loss = update(optim_g, bce(net_d(fake)[0], 1.0))
        q_real = F.cross_entropy(net_d(real)[1], labels)
        fake = net_g(torch.randn(len(real), 100), labels)
        q_loss = update(optim_q, q_real + F.cross_entropy(net_d(fake)[1], labels))
        yield {"d_loss": d_loss, "g_loss": g_loss, "q_loss": q_loss}


def adam(network):
    return optim.Adam(network.parameters(), 2e-4, (0.5, 0.999))


TRAINING = {
    "dcgan_cifar32": (dcgan, adam),
    "wgan_cifar32": (wgan, lambda network: optim.RMSprop(network.parameters(), 5e-5)),
    "acgan_cifar32": (acgan, adam),
}


def train(name, *settings, ch=8):
    """Every third batch is of two images, but ACGAN's leaves them out."""
    ours = beginning(name, f"vars.ch={ch}", *settings, labels=torch.arange(10))
    makers = dict(zip(("generator", "discriminator"), REPORT_001[name], strict=True))
    twins = {key: copied(ours.networks[key], make(ch)) for key, make in makers.items()}
    loop, optimizer = TRAINING[name]
    optimizers = {key: optimizer(twin) for key, twin in twins.items()}
    if name == "acgan_cifar32":
        optimizers["joint"] = optimizer(nn.ModuleList(twins.values()))
    train_same(ours, twins, optimizers, loop)


@pytest.mark.parametrize("name", TRAINING)
def test_training(name):
    train(name)


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("dcgan_cifar32", "train.latents=reused"),
        ("dcgan_cifar32", "train.order=[real, fake, generator]"),
        ("dcgan_cifar32", "objective.loss={minimax: {reads: probabilities}}"),
        ("dcgan_cifar32", "optimizers={adam: {lr: 2e-4, betas: [0.9, 0.999]}}"),
        ("wgan_cifar32", "train.steps.discriminator=4"),
        ("wgan_cifar32", "train.batches=shared"),
        ("wgan_cifar32", "objective.clip=0.02"),
        ("wgan_cifar32", "objective.loss={wasserstein: {real_target: 1}}"),
        ("wgan_cifar32", "optimizers={rmsprop: {lr: 5e-5, momentum: 0.5}}"),
        ("acgan_cifar32", "objective.auxiliary.generator=0.5"),
        ("acgan_cifar32", "train.order=[q, discriminator, generator]"),
        ("acgan_cifar32", "train.updates.q.networks=[discriminator]"),
        ("acgan_cifar32", "train.labels=random"),
    ],
)
def test_other_rules_differ(name, setting):
    with pytest.raises(AssertionError):
        train(name, setting)
