"""Training rules of reports 000 and 002 against loops written by hand as the reports have them.

The networks are the specs' own, held against TensorFlow's and Keras's layers in
tests/test_reports_keras.py; here it is who is updated when, on what, and how.
"""

from __future__ import annotations

import copy
from contextlib import contextmanager

import pytest
import torch
import torch.nn.functional as F
from conftest import ROOT, small, training_of
from torch import optim

import ganspec

CPU = torch.device("cpu")
ROUNDS = 3


@contextmanager
def drawing_doubles(seed):
    """Random numbers from `seed`, doubles."""
    torch.manual_seed(seed)
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def trainer(name, *settings, count=24):
    """Return a narrow spec on random images, and networks with its weights to train by hand."""
    spec = small(ROOT / "specs" / f"{name}.yaml", "vars.ch=8", "vars.z=6", *settings)
    torch.manual_seed(1)
    images = torch.randint(0, 256, (count, *spec.data.shape), dtype=torch.uint8)
    made = training_of(spec, images)
    return made


def weights(network):
    return [p.detach().clone() for p in network.parameters()]


def equal(mine, other):
    return all(map(torch.equal, weights(mine), weights(other)))


# -- report 000: the balancing rule ---------------------------------------------------------------


class TensorFlowAdam:
    """`tf.train.AdamOptimizer(learning_rate=0.0002, beta1=0.5)`, as its documentation has it."""

    def __init__(self, params):
        self.params = list(params)
        self.m = [torch.zeros_like(p) for p in self.params]
        self.v = [torch.zeros_like(p) for p in self.params]
        self.t = 0

    def minimize(self, loss):
        self.t += 1
        lr = 0.0002 * (1 - 0.999**self.t) ** 0.5 / (1 - 0.5**self.t)
        slopes = torch.autograd.grad(loss, self.params)
        for p, m, v, g in zip(self.params, self.m, self.v, slopes, strict=True):
            m.mul_(0.5).add_(0.5 * g)
            v.mul_(0.999).add_(0.001 * g * g)
            p.data.sub_(lr * m / (v.sqrt() + 1e-8))


def gan_loss_function(x, y):
    """Figure 4."""
    eps = 1e-12
    return -(x * torch.log(y + eps) + (1 - x) * torch.log(1 - y + eps))


def losses(generator, discriminator, noise, image):
    """Figure 6: the generator's, the discriminator's."""
    d_real, d_fake = discriminator(image), discriminator(generator(noise))
    loss_d_real = gan_loss_function(torch.ones_like(d_real), d_real)
    loss_d_fake = gan_loss_function(torch.zeros_like(d_fake), d_fake)
    loss_g = gan_loss_function(torch.ones_like(d_fake), d_fake).mean()
    return loss_g, (0.5 * (loss_d_real + loss_d_fake)).mean()


def figure_7(generator, discriminator, optimizer_g, optimizer_d, batch):
    """One turn of the report's loop; whether either network was trained, and the losses."""
    train_g = train_d = True
    noise_input = torch.rand(len(batch), 6)
    with torch.no_grad():
        g_loss, d_loss = losses(generator, discriminator, noise_input, batch)
    if g_loss * 1.5 < d_loss:
        train_g = False
    if d_loss * 2 < g_loss:
        train_d = False
    if train_d:
        optimizer_d.minimize(losses(generator, discriminator, noise_input, batch)[1])
    if train_g:
        optimizer_g.minimize(losses(generator, discriminator, noise_input, batch)[0])
    return {"generator": train_g, "discriminator": train_d}, {"d_loss": d_loss, "g_loss": g_loss}


def arrange(networks, batch, gap, bias):
    """Make D's probabilities logistic(bias + gap / 2) for real images, for fakes with - gap / 2."""
    *features, last, _ = networks["discriminator"].main
    with torch.no_grad():
        real, fake = batch, networks["generator"](torch.rand(len(batch), 6))
        for layer in features:
            real, fake = layer(real), layer(fake)
        between = real.mean(0) - fake.mean(0)
        direction = between / between.square().sum()
        last.weight.copy_(gap * direction)
        last.bias.fill_(bias - gap * (direction @ (real.mean(0) + fake.mean(0))) / 2)


@pytest.mark.parametrize(
    ("gap", "bias", "skipped"),
    [
        (0.0, 0.0, set()),
        (0.0, 3.0, {"generator"}),  # fakes are taken for real
        (6.0, 0.0, {"discriminator"}),  # nothing is mistaken
    ],
)
def test_balancing_rule_of_report_000(gap, bias, skipped):
    """In double precision, as no other order of additions then shows; the losses are logged, too.

    Running statistics are left out: TensorFlow moves them in an update and not where losses are
    measured, and nothing in the report reads them.
    """
    ours = trainer("dcgan_cifar64")
    for network in ours.networks.values():
        network.double()
    batches = [(next(ours.batches)[0].double(), None) for _ in range(ROUNDS)]
    with drawing_doubles(3):
        arrange(ours.networks, batches[0][0], gap, bias)
    twins = copy.deepcopy(ours.networks)
    optimizers = [TensorFlowAdam(network.parameters()) for network in twins.values()]
    with drawing_doubles(2):
        by_hand = [figure_7(*twins.values(), *optimizers, batch) for batch, _ in batches]
    assert {key for key, trained in by_hand[0][0].items() if not trained} == skipped

    ours.batches = iter(batches)
    with drawing_doubles(2):
        for trained, appended in by_hand:
            before = {key: weights(network) for key, network in ours.networks.items()}
            log = ours.advance()
            assert set(log) == set(appended)
            for name, loss in appended.items():
                torch.testing.assert_close(log[name], loss, rtol=1e-10, atol=0)
            for key, network in ours.networks.items():
                still = all(map(torch.equal, before[key], weights(network)))
                assert still != trained[key], key
    for key, twin in twins.items():
        for mine, other in zip(weights(ours.networks[key]), weights(twin), strict=True):
            torch.testing.assert_close(mine, other, rtol=0, atol=1e-10)


# -- report 002: two updates, a warm-up, a batch of its own ---------------------------------------


def keras_loop(generator, discriminator, g_adam, d_adam, real, apart=True, batch=8):
    """One turn of the report's training: D on real and on generated images, then G; the losses."""
    z = torch.randn(len(real), 6)

    def real_loss():
        scores = discriminator(real)
        return F.binary_cross_entropy(scores, torch.ones_like(scores))

    def fake_loss():
        scores = discriminator(generator(z).detach())
        return F.binary_cross_entropy(scores, torch.zeros_like(scores))

    def train_on_batch(optimizer, *terms):
        loss = sum(term() for term in terms)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    if apart:
        found = {"d_real": train_on_batch(d_adam, real_loss)}
        found["d_fake"] = train_on_batch(d_adam, fake_loss)
        found["d_loss"] = found["d_real"] + found["d_fake"]
    else:
        found = {"d_loss": train_on_batch(d_adam, real_loss, fake_loss)}
    scores = discriminator(generator(torch.randn(batch, 6)))
    loss = F.binary_cross_entropy(scores, torch.ones_like(scores))
    g_adam.zero_grad()
    loss.backward()
    g_adam.step()
    return {**found, "g_loss": loss.detach()}


# torch's own Adam on both sides, for equal bits; tests/test_keras_optimizers.py has Keras's
TORCHS_ADAM = "optimizers.adam.eps_hat=false"


def torchs_adam(network):
    return optim.Adam(network.parameters(), 2e-4, (0.5, 0.999), eps=1e-7)


@pytest.mark.parametrize(
    ("settings", "options", "agree"),
    [
        ([], {}, True),
        ([], {"apart": False}, False),
        (["train.order=[discriminator, generator]"], {"apart": False}, True),
        ([], {"batch": 4}, False),
        (["train.generator_batch=4"], {"batch": 4}, True),
    ],
    ids=str,
)
def test_two_updates_of_report_002(settings, options, agree):
    """Random numbers, dropout's too, are drawn in ganspec's order: the latents before anything."""
    ours = trainer(
        "dcgan_keras", TORCHS_ADAM, "train.warmup=null", "train.generator_batch=8", *settings
    )
    twins = copy.deepcopy(ours.networks)
    adams = [torchs_adam(twin) for twin in twins.values()]
    batches = [next(ours.batches) for _ in range(ROUNDS)]
    torch.manual_seed(2)
    expected = [keras_loop(*twins.values(), *adams, real, **options) for real, _ in batches]
    torch.manual_seed(2)
    ours.batches = iter(batches)
    logs = [ours.advance() for _ in range(ROUNDS)]
    for key, network in ours.networks.items():
        assert equal(network, twins[key]) == agree
    if agree:
        for log, losses in zip(logs, expected, strict=True):
            assert losses.items() <= log.items()


def test_warm_up_of_report_002():
    """Twenty iterations of D alone, on pixels; the shares that it gets right, by hand."""
    warmup = ["train.warmup.iterations=20", "train.batch=16"]
    ours = trainer("dcgan_keras", TORCHS_ADAM, *warmup, count=320)
    start = copy.deepcopy(ours.networks)
    twin = copy.deepcopy(start["discriminator"])
    adam = torchs_adam(twin)
    batches = [next(ours.batches) for _ in range(20)]

    def train_on_batch(images, target):
        scores = twin(images)
        right = sum((score > 0.5) == (target == 1) for score in scores.flatten().tolist())
        adam.zero_grad()
        F.binary_cross_entropy(scores, torch.full_like(scores, target)).backward()
        adam.step()
        return right / 16

    torch.manual_seed(2)
    expected = []
    for real, _ in batches:
        torch.randn(16, 6)  # ganspec draws latents in a warm-up, too
        pixels = torch.rand(16, 3, 32, 32) * 2 - 1
        expected.append((train_on_batch(real, 1.0), train_on_batch(pixels, 0.0)))
    torch.manual_seed(2)
    ours.batches = iter(batches)
    logs = [ours.advance() for _ in range(20)]
    assert equal(ours.networks["generator"], start["generator"])
    assert equal(ours.networks["discriminator"], twin)
    assert not equal(twin, start["discriminator"])
    assert len(set(expected)) > 5
    for log, (real, fake) in zip(logs, expected, strict=True):
        assert set(log) == {"d_loss", "d_real", "d_fake", "real_accuracy", "fake_accuracy"}
        assert log["real_accuracy"].item() == pytest.approx(real)
        assert log["fake_accuracy"].item() == pytest.approx(fake)


def test_numbers_of_report_002():
    train = ganspec.load(ROOT / "specs" / "dcgan_keras.yaml").train
    assert 2 * train.batch == train.generator_batch == 128
    assert train.iterations == 50_000 // 128 == 390
    assert (train.warmup.iterations, train.warmup.images) == (20, "pixels")
    assert (train.order, train.accuracy) == (("real", "fake", "generator"), True)
