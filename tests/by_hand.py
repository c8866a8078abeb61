"""Trainings of the reports' specs beside trainings that are written by hand.

Both start from equal weights, read the same batches and draw the same random numbers.
"""

from __future__ import annotations

import torch
from conftest import ROOT, small, training_of

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


def train_both(ours, iteration, rounds=ROUNDS):
    """Return the losses of some iterations of a spec's training, and those by hand.

    `iteration(batches)` is one by hand; it returns its losses by the columns of the log. If the
    spec's networks are double, so are images and random numbers.
    """
    dtype = next(ours.networks["generator"].parameters()).dtype
    batches = [(real.to(dtype), labels) for real, labels in (next(ours.batches) for _ in range(24))]
    torch.set_default_dtype(dtype)
    try:
        torch.manual_seed(2)
        by_hand = iter(batches)
        expected = [iteration(by_hand) for _ in range(rounds)]
        torch.manual_seed(2)
        ours.batches = iter(batches)
        logs = [ours.advance() for _ in range(rounds)]
    finally:
        torch.set_default_dtype(torch.float32)
    return logs, expected


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


def assert_same_numbers(ours, theirs):
    """Assert equal weights and running statistics, in their order."""
    pairs = zip(ours.state_dict().items(), theirs.state_dict().items(), strict=True)
    for (name, mine), (_, other) in pairs:
        assert torch.equal(mine, other), name


def assert_same_network(ours, theirs, *inputs):
    """Assert equal outputs, and gradients of the input and of every weight; all to the bit."""
    for train in (True, False):
        ours.train(train), theirs.train(train)
        results = []
        for network in (ours, theirs):
            x = inputs[0].clone().requires_grad_()
            network.zero_grad()
            made = network(x, *inputs[1:])
            made = made if isinstance(made, tuple) else (made,)
            for part in made:
                slope = torch.linspace(-1, 2, part.numel()).view(part.shape)
                (part * slope).sum().backward(retain_graph=True)
            results.append([*made, x.grad, *(w.grad for w in network.parameters())])
        assert results[0][-1].any()
        for mine, other in zip(*results, strict=True):
            assert torch.equal(mine, other)
        assert_same_numbers(ours, theirs)


def assert_same_training(ours, twins):
    """Assert equal weights, statistics and states of optimizers, all to the bit."""
    for key, (network, optimizer) in twins.items():
        assert_same_numbers(ours.networks[key], network)
        mine, other = ours.optimizers[key].state_dict()["state"], optimizer.state_dict()["state"]
        assert mine.keys() == other.keys()
        for i, moments in other.items():
            assert mine[i].keys() == moments.keys()
            for moment, value in moments.items():
                assert torch.equal(mine[i][moment], value), (key, i, moment)
