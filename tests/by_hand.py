"""Trainings of the reports' specs beside trainings that are written by hand.

Both start from equal weights, read the same batches and draw the same random numbers.
"""

from __future__ import annotations

import itertools

import torch
from conftest import ROOT, small, training_of
from torch import optim

import ganspec

ROUNDS = 3  # iterations


def network(name, key, *settings):
    """Return a network of a spec at full width, with weights of its own."""
    spec = ganspec.load(ROOT / "specs" / f"{name}.yaml", list(settings))
    torch.manual_seed(0)
    return ganspec.build(spec, exact=True)[key]


def beginning(name, *settings, count=10, labels=None):
    """Return the training of a spec in batches of four of `count` random images."""
    spec = small(ROOT / "specs" / f"{name}.yaml", *settings)
    torch.manual_seed(1)
    images = torch.randint(0, 256, (count, *spec.data.shape), dtype=torch.uint8)
    return training_of(spec, images, labels)


def train_both(ours, loop, rounds=ROUNDS):
    """Return the losses of some iterations of a spec's training, and those by hand.

    `loop(batches)` is the training by hand; it yields each iteration's losses by the columns of the
    log. If the spec's networks are double, so are images and random numbers.
    """
    dtype = next(ours.networks["generator"].parameters()).dtype
    batches = [next(ours.batches) for _ in range(24)]
    batches = [(real.to(dtype), labels) for real, labels in batches]
    torch.set_default_dtype(dtype)
    try:
        torch.manual_seed(2)
        expected = list(itertools.islice(loop(iter(batches)), rounds))
        torch.manual_seed(2)
        ours.batches = iter(batches)
        logs = [ours.advance() for _ in range(rounds)]
    finally:
        torch.set_default_dtype(torch.float32)
    return logs, expected


def update(optimizer, loss):
    """Make a step down the gradient of `loss`. Return the loss."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


class TensorFlowAdam(optim.Optimizer):
    """Adam by the formulas in the documentation of `tf.train.AdamOptimizer`; Keras has the same."""

    def __init__(self, params, lr, beta1, beta2=0.999, epsilon=1e-8):
        super().__init__(params, {})
        self.lr, self.beta1, self.beta2, self.epsilon, self.t = lr, beta1, beta2, epsilon, 0

    @torch.no_grad()
    def step(self):
        self.t += 1
        lr = self.lr * (1 - self.beta2**self.t) ** 0.5 / (1 - self.beta1**self.t)
        for p in self.param_groups[0]["params"]:
            state = self.state[p]
            m = self.beta1 * state.get("exp_avg", 0) + (1 - self.beta1) * p.grad
            v = self.beta2 * state.get("exp_avg_sq", 0) + (1 - self.beta2) * p.grad**2
            p.sub_(lr * m / (v.sqrt() + self.epsilon))
            state.update(exp_avg=m, exp_avg_sq=v)


class TensorFlowRMSProp(optim.Optimizer):
    """RMSprop by the formulas of `tf.train.RMSPropOptimizer`; the mean of squares starts at 1."""

    def __init__(self, params, lr):
        super().__init__(params, {})
        self.lr = lr

    @torch.no_grad()
    def step(self):
        for p in self.param_groups[0]["params"]:
            state = self.state[p]
            ms = 0.9 * state.get("square_avg", 1) + 0.1 * p.grad**2
            p.sub_(self.lr * p.grad / (ms + 1e-10).sqrt())
            state.update(square_avg=ms)


def copied(network, twin):
    """Return `twin` with the network's weights and running statistics, in their order."""
    values = network.state_dict().values()
    twin.load_state_dict(dict(zip(twin.state_dict(), values, strict=True)))
    return twin


def unlike_new(network):
    """Draw gains, biases and running statistics, which are 1 or 0 in a new network."""
    for part, value in network.state_dict().items():
        if value.ndim == 1:
            low = 0.5 if part.endswith(("weight", "running_var")) else -0.5
            value.uniform_(low, low + 1)
    return network


def equal(mine, other):
    """Assert equal bits."""
    assert torch.equal(mine, other)


def assert_same_network(ours, theirs, *inputs, forward=None, same=equal):
    """Assert the same outputs, gradients of the input and of weights, and running statistics.

    `forward` calls the twin, if it takes other inputs.
    """
    calls = {ours: ours, theirs: forward or theirs}
    for train in (True, False):
        results = []
        for network, call in calls.items():
            network.train(train).zero_grad()
            x = inputs[0].clone().requires_grad_()
            made = call(x, *inputs[1:])
            made = made if isinstance(made, tuple) else (made,)
            slopes = [torch.linspace(-1, 2, part.numel(), dtype=part.dtype) for part in made]
            sum((a.flatten() * b).sum() for a, b in zip(made, slopes, strict=True)).backward()
            gradients = [weight.grad for weight in network.parameters()]
            results.append([*made, x.grad, *gradients, *network.state_dict().values()])
        assert x.grad.any()
        for mine, other in zip(*results, strict=True):
            same(mine, other)


def train_same(ours, twins, optimizers, loop, same=equal):
    """Assert that some iterations of a spec and of its twins give the same numbers.

    `loop(*twins, *optimizers, batches)` is the training by hand. Losses, weights, running
    statistics and states of optimizers are compared.
    """
    given = [*twins.values(), *optimizers.values()]
    assert_same_losses(*train_both(ours, lambda batches: loop(*given, batches)), same)
    for key, twin in twins.items():
        states = ours.networks[key].state_dict().values(), twin.state_dict().values()
        for mine, other in zip(*states, strict=True):
            same(mine, other)
    assert ours.optimizers.keys() == optimizers.keys()
    for key, optimizer in optimizers.items():
        states = ours.optimizers[key].state_dict()["state"], optimizer.state_dict()["state"]
        for mine, other in zip(*map(dict.values, states), strict=True):
            for moment, value in other.items():
                same(mine[moment], value)


def assert_same_losses(logs, expected, same=equal):
    """Assert that every iteration has the same columns and numbers."""
    for log, losses in zip(logs, expected, strict=True):
        assert log.keys() == losses.keys()
        for name, loss in losses.items():
            same(log[name].to(loss.dtype), loss)
