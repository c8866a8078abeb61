"""Fused optimizers: the same updates up to rounding, and the same saved state."""

from __future__ import annotations

import copy

import pytest
import torch
from conftest import ROOT, narrow
from torch import nn, optim

import ganspec
from ganspec.kinds.optimizers.adam import AdamEpsHat
from ganspec.training.fused import FUSED, fuse

CASES = [
    (optim.Adam, {"lr": 1e-2, "betas": (0.5, 0.9), "weight_decay": 0.1}),
    (optim.AdamW, {"lr": 1e-2}),
    (AdamEpsHat, {"lr": 1e-2, "eps": 1e-4}),
    (optim.SGD, {"lr": 1e-2, "momentum": 0.9, "nesterov": True}),
    (optim.RMSprop, {"lr": 1e-2}),
]


def trained(make, options: dict, is_fused: bool):
    """Return a network's weights, and its optimizer's state, after four steps and a reload."""
    torch.manual_seed(0)
    network = nn.Linear(7, 5)
    optimizer = make(network.parameters(), **options)
    for turn in range(4):
        if turn % 2 == 0:
            state = copy.deepcopy(optimizer.state_dict())
            optimizer = make(network.parameters(), **options)
            optimizer.load_state_dict(state)
            if is_fused:
                fuse(optimizer)
        optimizer.zero_grad()
        network(torch.randn(3, 7)).square().sum().backward()
        optimizer.step()
    return [weight.detach() for weight in network.parameters()], optimizer.state_dict()


@pytest.mark.parametrize(("make", "options"), CASES, ids=lambda case: getattr(case, "__name__", ""))
def test_a_fused_optimizer_makes_the_same_updates(make, options):
    (ours, our_state), (theirs, their_state) = (trained(make, options, f) for f in (True, False))
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)
    assert our_state["param_groups"] == their_state["param_groups"]
    torch.testing.assert_close(our_state["state"], their_state["state"], atol=1e-6, rtol=1e-5)


def test_adamw_is_fused_where_it_is_no_adam():
    """In older versions of torch it is no subclass."""
    assert optim.AdamW in FUSED


@pytest.mark.parametrize("exact", [True, False])
def test_a_training_is_fused_unless_it_is_exact(exact, monkeypatch):
    trainer = ganspec.Trainer(narrow(ROOT / "specs" / "dcgan.yaml"), device="cpu", exact=exact)
    seen = []
    for optimizer in trainer.training.optimizers.values():
        optimizer.register_step_pre_hook(
            lambda o, *_: seen.append(bool(o.param_groups[0]["fused"]))
        )
    trainer.step()
    assert seen == [not exact] * 2
