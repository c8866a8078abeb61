"""Fused optimizers: the same updates up to rounding, and the same saved state."""

from __future__ import annotations

import copy

import pytest
import torch
from conftest import ROOT, narrow
from torch import nn, optim
from torch.profiler import profile

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


def updated(make, options: dict, is_fused: bool) -> tuple[nn.Module, optim.Optimizer]:
    """Return a network in channels_last and its optimizer after three steps."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(6, 8, 4), nn.Conv2d(8, 3, 1)).to(
        memory_format=torch.channels_last
    )
    optimizer = make(network.parameters(), **options)
    if is_fused:
        fuse(optimizer)
    for _ in range(3):
        optimizer.zero_grad()
        network(torch.randn(3, 6, 7, 7)).square().sum().backward()
        optimizer.step()
    return network, optimizer


@pytest.mark.parametrize(("make", "options"), CASES, ids=lambda case: getattr(case, "__name__", ""))
def test_weights_in_channels_last_get_the_same_updates(make, options):
    (ours, our_state), (theirs, their_state) = (updated(make, options, f) for f in (True, False))
    torch.testing.assert_close(
        ours.state_dict(), theirs.state_dict(), atol=1e-6, rtol=1e-5, check_stride=True
    )
    torch.testing.assert_close(
        our_state.state_dict()["state"],
        their_state.state_dict()["state"],
        atol=1e-6,
        rtol=1e-5,
        check_stride=True,
    )


def test_a_step_in_channels_last_copies_no_gradient():
    """torch's kernel makes such a copy, and does not read it."""
    _, optimizer = updated(optim.Adam, {}, True)
    with profile() as profiled:
        optimizer.step()
    names = {event.key for event in profiled.key_averages()}
    assert "aten::_fused_adam_" in names and "aten::contiguous" not in names


def test_a_failed_step_leaves_the_weights_as_they_were():
    network, optimizer = updated(optim.Adam, {}, True)
    before = {name: weight.clone() for name, weight in network.state_dict().items()}

    def fail(*_):
        raise KeyboardInterrupt

    optimizer.register_step_pre_hook(fail)
    with pytest.raises(KeyboardInterrupt):
        optimizer.step()
    torch.testing.assert_close(network.state_dict(), before, check_stride=True)
    assert all(weight.grad.stride() == weight.stride() for weight in network.parameters())
    assert [group["fused"] for group in optimizer.param_groups] == [None]


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
