"""Report 003's networks and training loops, copied from its figures, against its three specs.

Both make the same torch operations in the same order on the same numbers, so bits are compared. The
report's loops compute fakes with a graph, between other passes, and leave the discriminator
unfrozen in the generator's update; none of that changes a number.
"""

from __future__ import annotations

import pytest
import torch
from by_hand import (
    assert_same_network,
    beginning,
    copied,
    network,
    train_same,
    unlike_new,
)
from torch import autograd, nn, optim

# -- networks -------------------------------------------------------------------------------------


class Generator(nn.Module):
    """Figure 2. There `input_dim`, 64, is both the images' side and the channels, here `ch`."""

    def __init__(self, ch=64, z_dim=100, input_dim=64):
        super().__init__()
        self.cond_layer = nn.Sequential(nn.Linear(24, input_dim * input_dim), nn.ReLU())
        self.main = nn.Sequential(
            nn.ConvTranspose2d(z_dim + input_dim * input_dim, ch * 8, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ch * 8),
            nn.ReLU(True),
            nn.ConvTranspose2d(ch * 8, ch * 4, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ch * 4),
            nn.ReLU(True),
            nn.ConvTranspose2d(ch * 4, ch * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ch * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(ch * 2, ch, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ch),
            nn.ReLU(True),
            nn.ConvTranspose2d(ch, 3, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, input, cond):
        cond_emb = self.cond_layer(cond)
        cond_emb = cond_emb.view(cond_emb.shape[0], cond_emb.shape[1], 1, 1)
        input = torch.cat([input, cond_emb], dim=1)
        return self.main(input)


def trunk(channels, ch, norm, *end):
    """Return `main` of figures 3 and 4, which differ in the norm and in a sigmoid."""
    return nn.Sequential(
        nn.Conv2d(channels, ch, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(ch, ch * 2, 4, 2, 1, bias=False),
        norm(ch * 2),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(ch * 2, ch * 4, 4, 2, 1, bias=False),
        norm(ch * 4),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(ch * 4, ch * 8, 4, 2, 1, bias=False),
        norm(ch * 8),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(ch * 8, 1, 4, 1, 0, bias=False),
        *end,
    )


class Discriminator(nn.Module):
    """Figure 3: type 1, whose condition is a fourth channel."""

    def __init__(self, ch=64, input_dim=64):
        super().__init__()
        self.side = input_dim
        self.cond_layer = nn.Sequential(nn.Linear(24, input_dim * input_dim), nn.LeakyReLU())
        self.main = self.trunk(ch)

    def trunk(self, ch):
        return trunk(3 + 1, ch, nn.BatchNorm2d, nn.Sigmoid())

    def forward(self, input, cond):
        cond_emb = self.cond_layer(cond)
        cond_emb = cond_emb.view(cond_emb.shape[0], 1, self.side, self.side)
        input = torch.cat([input, cond_emb], dim=1)
        return self.main(input)


class Critic(Discriminator):
    """Figure 4: for WGAN-GP."""

    def trunk(self, ch):
        return trunk(3 + 1, ch, lambda channels: nn.InstanceNorm2d(channels, affine=True))


class Type2Discriminator(nn.Module):
    """Figure 1, type 2: no condition is sent into it."""

    def __init__(self, ch=64):
        super().__init__()
        self.main = trunk(3, ch, nn.BatchNorm2d, nn.Sigmoid())

    def forward(self, input, cond):
        return self.main(input)


@pytest.mark.parametrize(
    ("name", "key", "twin", "shape"),
    [
        ("cgan_iclevr", "generator", Generator, (100,)),
        ("cgan_iclevr", "discriminator", Discriminator, (3, 64, 64)),
        ("cgan_iclevr_type2", "discriminator", Type2Discriminator, (3, 64, 64)),
        ("wgan_gp_iclevr", "discriminator", Critic, (3, 64, 64)),
    ],
)
def test_networks(name, key, twin, shape):
    """At the report's full width."""
    ours = unlike_new(network(name, key))
    theirs = copied(ours, twin())
    cond = (torch.rand(3, 24) < 0.1).float()
    given = [cond] if ours.program.conditional else []

    def forward(x, *_):
        return theirs(x[..., None, None] if x.ndim == 2 else x, cond)

    assert_same_network(ours, theirs, torch.randn(3, *shape), *given, forward=forward)


# -- training -------------------------------------------------------------------------------------


def figure_5(net_g, net_d, optim_g, optim_d, img, cond, z_dim):
    criterion = nn.BCELoss()
    real_label, fake_label = torch.ones(len(img)), torch.zeros(len(img))
    net_d.zero_grad()
    preds = net_d(img, cond)
    loss_d_real = criterion(preds.flatten(), real_label)
    noise = torch.randn(len(img), z_dim, 1, 1)
    fake = net_g(noise, cond)
    preds = net_d(fake.detach(), cond)
    loss_d_fake = criterion(preds.flatten(), fake_label)
    loss_d = loss_d_real + loss_d_fake
    loss_d.backward()
    optim_d.step()

    for _ in range(4):
        net_g.zero_grad()
        noise = torch.randn(len(img), z_dim, 1, 1)
        fake = net_g(noise, cond)
        preds = net_d(fake, cond)
        loss_g = criterion(preds.flatten(), real_label)
        loss_g.backward()
        optim_g.step()
    return {"d_loss": loss_d.detach(), "g_loss": loss_g.detach()}


def figure_6(net_g, net_d, optim_g, optim_d, img_real, cond, z_dim):
    for _ in range(5):
        net_d.zero_grad()
        noise = torch.randn(len(img_real), z_dim, 1, 1)
        img_fake = net_g(noise, cond)
        preds_real = net_d(img_real, cond)
        preds_fake = net_d(img_fake, cond)
        gp = figure_7(net_d, img_real, img_fake, cond)
        loss_d = -(torch.mean(preds_real) - torch.mean(preds_fake)) + 10 * gp
        loss_d.backward(retain_graph=True)
        optim_d.step()

    net_g.zero_grad()
    img_fake = net_g(noise, cond)
    preds_fake = net_d(img_fake, cond)
    loss_g = -torch.mean(preds_fake)
    loss_g.backward()
    optim_g.step()
    return {"d_loss": loss_d.detach(), "g_loss": loss_g.detach()}


def figure_7(net_d, real, fake, cond):
    """Return the figure's penalty; it takes two results of `net_d`, which has one."""
    alpha = torch.rand(real.shape[0], 1, 1, 1)
    interpolates = (alpha * real + ((1 - alpha) * fake)).requires_grad_(True)
    d_interpolates = net_d(interpolates, cond)
    gradients = autograd.grad(
        inputs=interpolates,
        outputs=d_interpolates,
        grad_outputs=torch.ones(d_interpolates.shape),
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )[0]
    gradients = gradients.view(gradients.size(0), -1)
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean()


REPORT_003 = {
    "cgan_iclevr": (Discriminator, figure_5, {"lr": 2e-4, "betas": (0.5, 0.999)}),
    "cgan_iclevr_type2": (Type2Discriminator, figure_5, {"lr": 2e-4, "betas": (0.5, 0.999)}),
    "wgan_gp_iclevr": (Critic, figure_6, {"lr": 1e-4, "betas": (0.5, 0.9)}),
}


def train(name, *settings, ch=2, z=5):
    """Compare narrow networks' training; every third batch is of two images."""
    labels = torch.rand(10, 24, generator=torch.Generator().manual_seed(0)) < 0.1
    ours = beginning(name, f"vars.ch={ch}", f"vars.z={z}", *settings, labels=labels)
    discriminator, figure, rates = REPORT_003[name]
    twins = {"generator": Generator(ch, z), "discriminator": discriminator(ch)}
    twins = {key: copied(ours.networks[key], twin) for key, twin in twins.items()}
    adams = {key: optim.Adam(twin.parameters(), **rates) for key, twin in twins.items()}

    def loop(*given):
        for img, cond in given[-1]:
            yield figure(*given[:-1], img, cond, z)

    train_same(ours, twins, adams, loop)


@pytest.mark.parametrize("name", REPORT_003)
def test_training(name):
    train(name)


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("cgan_iclevr", "train.steps.generator=3"),
        ("cgan_iclevr", "train.steps.discriminator=2"),
        ("cgan_iclevr", "optimizers={adam: {lr: 2e-4, betas: [0.5, 0.99]}}"),
        ("wgan_gp_iclevr", "train.latents=fresh"),
        ("wgan_gp_iclevr", "train.batches=fresh"),
        ("wgan_gp_iclevr", "train.steps.discriminator=4"),
        ("wgan_gp_iclevr", "objective.penalty={gradient: 9.9}"),
    ],
)
def test_other_rules_differ(name, setting):
    with pytest.raises(AssertionError):
        train(name, setting)
