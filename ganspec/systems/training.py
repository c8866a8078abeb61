"""What every training is: networks, optimizers, data and random states, all of which resume."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Protocol

import torch
from torch import nn, optim

from ganspec.runs import checkpoint
from ganspec.systems.feed import Feed


class Scoring(Protocol):
    """What takes scores of a training under way, and leaves it as it is."""

    def due(self) -> bool:
        """Whether scores are taken at the epoch's end that was just reached."""

    def __call__(self) -> None:
        """Take them, and write them into the run."""


class Training:
    """The state of one training, which `advance` takes a step further.

    A subclass sets the attributes below, and says what a step and a picture are.
    """

    cfg: SimpleNamespace
    device: torch.device
    networks: dict[str, nn.Module]
    optimizers: dict[str, optim.Optimizer]
    batches: Feed
    fixed: dict[str, torch.Tensor]  # what every picture is made from
    average: nn.Module | None = None  # the generator of averaged weights, where the spec has one
    scoring: Scoring | None = None  # takes scores at epochs' ends, where the spec asks for some
    step = 0

    def advance(self) -> dict[str, torch.Tensor]:
        """One iteration; its losses by name, still on the device."""
        raise NotImplementedError

    def picture(self, path: Path) -> None:
        """Write a picture of what the networks can do so far."""
        raise NotImplementedError

    @property
    def images_per_step(self) -> int:
        """Real images that one step reads."""
        return self.cfg.batch

    @property
    def warmup(self) -> int:
        """Steps before the first epoch."""
        return 0

    @property
    def epoch_steps(self) -> int:
        """Iterations in one epoch: all images seen once, unless the spec counts otherwise."""
        return self.cfg.iterations or len(self.batches)

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return max(0, self.step - self.warmup) // self.epoch_steps

    def ends_epoch(self) -> bool:
        """Whether an epoch ends with the step just made."""
        done = self.step - self.warmup
        return done > 0 and done % self.epoch_steps == 0

    def measures(self) -> dict[str, torch.Tensor]:
        """What is measured at an epoch's end, by name, on images that training does not see.

        It draws nothing from torch's own generators: training goes on as if it had not been.
        """
        return {}

    def weights(self) -> dict[str, object]:
        """What the networks are now: enough to sample from, not to go on training."""
        weights = {
            "step": self.step,
            "networks": {k: n.state_dict() for k, n in self.networks.items()},
            "fixed": self.fixed,
        }
        return weights | ({"average": self.average.state_dict()} if self.average else {})

    def state(self) -> dict[str, object]:
        """Everything that the next step depends on."""
        return {
            **self.weights(),
            "device": self.device.type,
            "optimizers": {k: o.state_dict() for k, o in self.optimizers.items()},
            "random": checkpoint.random_states(self.device),
            "batches": self.batches.state(),
        }

    def restore(self, state: dict[str, object]) -> None:
        """Go back to `state`; raises CheckpointError where it is another network's."""
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
        """The first layer whose weights are not finite, with its place in the spec."""
        # the discriminator is updated before the generator
        for key, network in reversed(self.networks.items()):
            for name, weight in [*network.named_parameters(), *network.named_buffers()]:
                if not torch.isfinite(weight).all():
                    mark = network.origin(name).mark
                    return f"{key}.{name}" + (f" ({mark})" if mark else "")
        return None
