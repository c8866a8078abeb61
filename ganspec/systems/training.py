"""The base of every training: networks, optimizers, data and random states, all resumable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import torch
from torch import nn, optim

from ganspec.runs import checkpoint
from ganspec.systems.feed import Feed


class Scoring(Protocol):
    """Takes scores during a training without changing it."""

    def due(self) -> bool:
        """Return True if scores are due at the epoch's end that was just reached."""

    def __call__(self) -> None:
        """Take scores and write them into the run."""


@dataclass(frozen=True)
class Images:
    """What a training reads: images uint8 N x C x H x W, their labels, and the same held out.

    `labels` are int64 N for classes, uint8 N x classes for multi-hot labels; `names` are those of
    the classes, where the data set has any. `test` is None where nothing is held out or read.
    """

    images: Any
    labels: torch.Tensor | None
    test: tuple[Any, torch.Tensor | None] | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Start:
    """What a training begins with; `cfg` are the settings that its text reads."""

    cfg: SimpleNamespace
    networks: dict[str, nn.Module]
    images: Images
    device: torch.device
    exact: bool = False  # True if modules are applied as they are, without rewrites


class Training:
    """The state of one training; `advance` makes one step.

    A subclass sets the attributes below, and defines a step and a picture.
    """

    optimizers: dict[str, optim.Optimizer]
    batches: Feed
    fixed: dict[str, torch.Tensor]  # what every picture is made from
    average: nn.Module | None = None  # the generator of averaged weights, where the spec has one
    scoring: Scoring | None = None  # takes scores at epochs' ends, where the spec asks for some
    step = 0

    def __init__(self, start: Start):
        self.cfg, self.networks, self.device = start.cfg, start.networks, start.device
        self.exact, self.fixed = start.exact, {}

    def advance(self) -> dict[str, torch.Tensor]:
        """Make one iteration. Return its losses by name, still on the device."""
        raise NotImplementedError

    def picture(self, path: Path) -> None:
        """Write a picture of what the networks produce so far."""
        raise NotImplementedError

    @property
    def images_per_step(self) -> int:
        """Real images that one step reads."""
        return self.cfg.batch

    @property
    def warmup(self) -> int:
        """Return the number of steps before the first epoch."""
        return 0

    @property
    def epoch_steps(self) -> int:
        """Return the iterations of an epoch: all images seen once, unless the spec sets them."""
        return self.cfg.iterations or len(self.batches)

    @property
    def epoch(self) -> int:
        """Return the number of finished epochs."""
        return max(0, self.step - self.warmup) // self.epoch_steps

    def ends_epoch(self) -> bool:
        """Return True if an epoch ends with the last step."""
        done = self.step - self.warmup
        return done > 0 and done % self.epoch_steps == 0

    def measures(self) -> dict[str, torch.Tensor]:
        """Return measurements at an epoch's end, by name, on images that training does not see.

        It draws nothing from torch's own generators: training goes on as if it had not been.
        """
        return {}

    def weights(self) -> dict[str, object]:
        """Return the state that sampling needs; it is too little to resume from."""
        weights = {
            "step": self.step,
            "networks": {k: n.state_dict() for k, n in self.networks.items()},
            "fixed": self.fixed,
        }
        return weights | ({"average": self.average.state_dict()} if self.average else {})

    def state(self) -> dict[str, object]:
        """Return everything that the next step depends on."""
        return {
            **self.weights(),
            "device": self.device.type,
            "exact": self.exact,
            "optimizers": {k: o.state_dict() for k, o in self.optimizers.items()},
            "random": checkpoint.random_states(self.device),
            "batches": self.batches.state(),
        }

    def restore(self, state: dict[str, object]) -> None:
        """Restore `state`. Raises CheckpointError if it does not fit."""
        with checkpoint.fitting():
            for key, network in self.networks.items():
                network.load_state_dict(state["networks"][key])
            for key, optimizer in self.optimizers.items():
                optimizer.load_state_dict(state["optimizers"][key])
            if self.average:
                self.average.load_state_dict(state["average"])
            self.batches.restore(state["batches"])
            self.fixed = {k: v.to(self.device) for k, v in state["fixed"].items()}
            self.step = state["step"]
            checkpoint.restore_random(state["random"], self.device)

    def culprit(self) -> str | None:
        """Return the first layer whose weights are not finite, with its place in the spec."""
        # the discriminator is updated before the generator
        for key, network in reversed(self.networks.items()):
            for name, weight in [*network.named_parameters(), *network.named_buffers()]:
                if not torch.isfinite(weight).all():
                    mark = network.origin(name).mark
                    return f"{key}.{name}" + (f" ({mark})" if mark else "")
        return None
