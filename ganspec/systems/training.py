"""The base of every training: its networks, optimizers, batches and random states."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Protocol

import torch
from torch import nn, optim

from ganspec.kinds.datasets.image_files import ImageFiles
from ganspec.program import failures
from ganspec.systems import checkpoint
from ganspec.systems.checkpoint import State
from ganspec.systems.execution import Execution
from ganspec.systems.feed import Feed, StreamedImages
from ganspec.systems.identity import Identity
from ganspec.systems.optimizers import plain_groups, plain_state, prepare
from ganspec.systems.ranks import RankLostError, Ranks
from ganspec.systems.scaling import Scaler

MOST_STEPS = 10**12  # a checkpoint with more steps is refused: no training makes so many


class Scoring(Protocol):
    """A function that measures scores at epochs' ends, without an effect on the training."""

    def due(self) -> bool:
        """Return True if the spec asks for scores after the epoch that has just ended."""

    def is_done(self) -> bool:
        """Return True if the run already has the scores of the training's present step."""

    def best(self) -> set[int]:
        """Return the steps with the best scores so far; the snapshots of these steps are kept."""

    def __call__(self, stopped: Callable[[], bool]) -> bool:
        """Measure scores and write them into the run.

        Return True if they were written; False, with nothing written, if `stopped` returned True.
        """


class Replay(Protocol):
    """A function that makes training steps by playing a recorded step again.

    `works` is False if steps cannot be recorded. They are then made as usual.
    """

    works: bool

    def __call__(self) -> dict[str, torch.Tensor]:
        """Make one training step. Return its losses by name."""

    def forget(self) -> None:
        """Drop recorded steps, since the training has other tensors now."""


@dataclass(frozen=True)
class Images:
    """Real images, uint8 N x C x H x W, and their labels.

    `labels` are int64 N for classes, uint8 N x classes for multi-hot labels, None if there are
    none. `test` are held-out images and their labels; None if nothing is held out. `names` are the
    names of the classes, in the order of their labels; empty if not known. `conditions` are the
    labels for pictures of the training, float N x classes; None if the spec names no file of them.
    `files` are those of an `image_folder`; None for other data sets.
    """

    images: torch.Tensor | StreamedImages
    labels: torch.Tensor | None
    test: tuple[torch.Tensor, torch.Tensor | None] | None = None
    names: tuple[str, ...] = ()
    conditions: torch.Tensor | None = None
    files: ImageFiles | None = None

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of pixels and labels; None for an `image_folder`, whose files are hashed."""
        if self.files or isinstance(self.images, StreamedImages):
            return None
        digest = hashlib.sha256(f"{tuple(self.images.shape)}\n".encode())
        for part in self.images.split(1024):
            digest.update(part.cpu().contiguous().numpy().data)
        if self.labels is not None:
            digest.update(self.labels.cpu().contiguous().numpy().data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Start:
    """The arguments of a new `Training`; `cfg` are the settings of its training functions."""

    cfg: SimpleNamespace
    networks: dict[str, nn.Module]
    images: Images
    device: torch.device
    exact: bool = False  # True if networks run without rewrites
    execution: Execution = field(default_factory=Execution)


class Training:
    """The state of one training; `advance` makes one training step.

    A subclass sets `optimizers` and `batches`, and defines `advance` and `picture`.
    """

    optimizers: dict[str, optim.Optimizer]
    batches: Feed
    fixed: dict[str, torch.Tensor]  # inputs of networks for pictures, the same each epoch
    average: nn.Module | None = None  # generator with averaged weights, if the spec has `average`
    scoring: Scoring | None = None  # measures scores at epochs' ends, if the spec has `evaluate`
    identity: Identity = {}  # values of the spec; a state with other values is refused
    replay: Replay | None = None  # if set, makes steps in place of `advance`
    ranks = Ranks()  # the processes that train together
    step = 0

    def __init__(self, start: Start):
        self.cfg, self.networks, self.device = start.cfg, start.networks, start.device
        self.exact, self.execution, self.fixed = start.exact, start.execution, {}
        self.scaler: Scaler | None = self.cfg.scaler

    def advance(self) -> dict[str, torch.Tensor]:
        """Make and count one training step. Return numbers for the log, such as losses, by name."""
        raise NotImplementedError

    def follow(self) -> None:
        """Update averaged weights, if the training has any, after a step."""

    def phase(self) -> str:
        """Return the phase of the training that the next step is in, such as `warm-up`, or "".

        Steps of one phase make the same operations, so that one can be recorded for all.
        """
        return ""

    @property
    def is_steady(self) -> bool:
        """False if a step's losses decide which operations it makes: it cannot be recorded."""
        return True

    def make_step(self) -> dict[str, torch.Tensor]:
        """Make one training step, by `replay` or `advance`. Return its losses by name.

        The layer that failed is named in a note on the error, if it can be found. To find the layer
        of a backward pass, the step is made again, so the training cannot go on after an error.
        """
        try:
            with self.ranks.together():
                return self.replay() if self.replay else self.advance()
        except RankLostError:
            raise
        except Exception as error:
            failures.blame_backward(error, self.advance)
            raise

    def picture(self, path: Path) -> None:
        """Write a picture of the networks' present outputs to `path`, atomically."""
        raise NotImplementedError

    @property
    def images_per_step(self) -> int:
        """Number of real images that one training step reads, if its batches are full."""
        return self.cfg.batch

    @property
    def warmup(self) -> int:
        """Number of steps before the first epoch."""
        return 0

    @property
    def epoch_steps(self) -> int:
        """Number of steps in an epoch: one pass over the images, or the spec's `iterations`."""
        return self.cfg.iterations or len(self.batches)

    @property
    def epoch(self) -> int:
        """Number of finished epochs."""
        return max(0, self.step - self.warmup) // self.epoch_steps

    def ends_epoch(self) -> bool:
        """Return True if the latest step ended an epoch."""
        done = self.step - self.warmup
        return done > 0 and done % self.epoch_steps == 0

    def measures(self) -> dict[str, torch.Tensor]:
        """Return measurements on held-out images by name, such as a loss; {} if there are none.

        Torch's global random state does not change, so that training goes on unchanged.
        """
        return {}

    def weights(self) -> State:
        """Return the part of `state` that sampling needs; training cannot resume from it."""
        weights = {
            "spec": self.identity,
            "step": self.step,
            "networks": {k: n.state_dict() for k, n in self.networks.items()},
            "fixed": self.fixed,
        }
        return weights | ({"average": self.average.state_dict()} if self.average else {})

    def state(self) -> State:
        """Return the state from which training resumes bit for bit."""
        return {
            **self.weights(),
            "device": self.device.type,
            "exact": self.exact,
            "execution": str(self.execution),
            "optimizers": {k: plain_state(o) for k, o in self.optimizers.items()},
            "random": checkpoint.random_states(self.device),
            "batches": self.batches.state(),
            **({"scaler": self.scaler.state()} if self.scaler else {}),
        }

    def restore(self, state: State, owner: str | Path = "") -> None:
        """Restore `state`, or change nothing and raise CheckpointError if it does not fit.

        `owner` is the run or file of the state, for the message.
        """
        with checkpoint.fitting(owner):
            with plain_groups(self.optimizers.values()):
                self._check(state)
            for key, network in self.networks.items():
                network.load_state_dict(state["networks"][key])
            for key, optimizer in self.optimizers.items():
                optimizer.load_state_dict(state["optimizers"][key])
            self.prepare()
            if self.scaler and "scaler" in state:
                self.scaler.restore(state["scaler"])
            if self.replay:
                self.replay.forget()
            if self.average:
                self.average.load_state_dict(state["average"])
            self.batches.restore(state["batches"])
            self.fixed = {k: v.to(self.device) for k, v in state["fixed"].items()}
            self.step = state["step"]
            checkpoint.restore_random(state["random"], self.device)

    def prepare(self) -> None:
        """Prepare the optimizers for `execution`, when they are new and after a restore."""
        on_device = self.device.type == "cuda" and (
            self.scaler is not None or "graphs" in self.execution.speedups
        )
        for optimizer in self.optimizers.values():
            prepare(optimizer, self.device if on_device else None)

    def _check(self, state: State) -> None:
        """Raise one of `checkpoint.ERRORS` if `state` cannot be a state of this training."""
        checkpoint.check_spec(state["spec"], self.identity)
        own = self.state()
        if "scaler" not in state:
            own.pop("scaler", None)
        elif not self.scaler:
            own["scaler"] = state["scaler"]  # the run began in fp16, which alone has a scaler
        for key in ("version", "spec", "optimizers", "random", "batches"):
            if key in state:  # these entries have checks of their own
                own[key] = state[key]
        checkpoint.check(state, own)
        Execution.parsed(state["execution"])
        if not 0 <= state["step"] < MOST_STEPS:
            raise ValueError(f"step is {state['step']}")
        optimizers = checkpoint.as_map(state["optimizers"], "optimizers")
        checkpoint.check(dict.fromkeys(optimizers), dict.fromkeys(self.optimizers), "optimizers")
        for key, optimizer in self.optimizers.items():
            checkpoint.check_optimizer(optimizers[key], optimizer, f"optimizers.{key}")
        checkpoint.check_random(state["random"])
        self.batches.check(state["batches"])

    def culprit(self) -> str | None:
        """Return the name of the first tensor with a NaN or infinity; None if all are finite.

        Networks come first, then averaged weights, then the tensors of optimizers. Except for
        averaged weights, the place of the layer in the spec follows in parentheses, if known.
        """
        names: dict[int, str] = {}  # names of weights by the weight's `id`
        # a GAN's discriminator comes first, since it is usually updated before the generator
        for key, network in reversed(self.networks.items()):
            for name, weight in [*network.named_parameters(), *network.named_buffers()]:
                # only an EvaluatedNetwork has `origin`, a method that returns a weight's layer
                origin = getattr(network, "origin", None)
                mark = origin(name).mark if origin else None
                names[id(weight)] = f"{key}.{name}" + (f" ({mark})" if mark else "")
                if not checkpoint.is_finite(weight):
                    return names[id(weight)]
        for name, weight in (self.average.state_dict() if self.average else {}).items():
            if not checkpoint.is_finite(weight):
                return f"the average of {name}"
        for optimizer in self.optimizers.values():
            for weight, kept in optimizer.state.items():
                for entry, value in kept.items():
                    if not checkpoint.is_finite(value):
                        return f"{entry} of {names.get(id(weight), 'a weight')}"
        return None
