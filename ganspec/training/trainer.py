"""A training from Python, which `ganspec train` uses too."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower
from ganspec.kinds.dataset import DataError
from ganspec.program.ir import Net
from ganspec.runs.run import RunError
from ganspec.systems import checkpoint
from ganspec.systems.source import Source
from ganspec.systems.spec import Spec
from ganspec.systems.training import Images, Start
from ganspec.training.device import choose_device, prepare
from ganspec.training.images import open_all


class Trainer:
    """A spec's networks and their training on real images.

    `data` is the folder of the images, the images themselves, or None for the usual places and for
    images that are drawn. `device` is `auto`, `cpu` or `cuda`. With `exact`, networks compute what
    the emitted file's do, bit for bit. Raises SpecError, DataError and RunError.
    """

    def __init__(
        self,
        spec: Spec,
        data: Path | str | Images | None = None,
        device: str = "auto",
        exact: bool = False,
    ):
        self.spec, self.device, self.exact = spec, choose_device(device), exact
        prepare(self.device)
        images = data
        if not isinstance(data, Images):
            images = open_all(spec, Path(data) if data else None, self.device)
        nets = lower(spec)
        networks = built(nets, spec.train.seed, self.device, exact)
        try:
            start = Start(spec.settings(nets), networks, images, self.device, exact)
            self.training = spec.training(start)
        except ValueError as error:
            raise DataError(f"{error}: set a smaller `train: {{batch: ...}}`") from error

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The networks by name, as they are now."""
        return self.training.networks

    @property
    def steps_done(self) -> int:
        """Steps of the training so far."""
        return self.training.step

    def step(self) -> dict[str, torch.Tensor]:
        """Make one training step. Return its losses by name, as tensors on the device."""
        return self.training.advance()

    def sample(self, count: int, seed: int = 0) -> torch.Tensor:
        """Return images, uint8 N x C x H x W on the CPU, that `seed` draws; RunError if none can.

        They are those that `ganspec sample` would draw. The training goes on as if they had not
        been drawn.
        """
        spec, training = self.spec, self.training
        if spec.draws is None:
            raise RunError(f"a {spec.noun} draws no images")
        network = training.average or training.networks[spec.draws]
        source = Source(network, training.cfg, self.device, training.fixed.get("labels"))
        return torch.cat([images for images, _ in source.images(count, seed)])

    def save(self, path: Path | str) -> None:
        """Write a checkpoint atomically: everything that the next step depends on."""
        checkpoint.save(Path(path), self.training.state())

    def restore(self, path: Path | str) -> None:
        """Go back to a checkpoint, of `save` or of a run; raises CheckpointError."""
        self.training.restore(checkpoint.load(Path(path)))


def built(
    nets: dict[str, Net], seed: int, device: torch.device, exact: bool
) -> dict[str, nn.Module]:
    """Return the networks with the weights that `seed` draws."""
    torch.manual_seed(seed)
    # on the CPU first, so that the same seed draws the same weights for every device
    return {key: evaluate(net, exact).to(device) for key, net in nets.items()}
