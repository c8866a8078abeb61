"""Training from Python, step by step; `ganspec train` uses it too."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn

from ganspec.compiler.batches import require_readable
from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower
from ganspec.language.paths import file_to_write, named_file
from ganspec.program.ir import Net
from ganspec.runs.folder import RunFolder
from ganspec.runs.opening import open_spec
from ganspec.runs.run import RunError
from ganspec.systems import checkpoint
from ganspec.systems.identity import identity
from ganspec.systems.passes import TrainingSize
from ganspec.systems.ranks import Ranks
from ganspec.systems.source import Source
from ganspec.systems.spec import Spec
from ganspec.systems.training import Images, Start
from ganspec.systems.unread import refuse_unread
from ganspec.training.choosing import read_request
from ganspec.training.device import choose_device, prepare
from ganspec.training.fused import fuse
from ganspec.training.graphs import Recorder
from ganspec.training.halving import fit_settings
from ganspec.training.images import open_all
from ganspec.training.losses import passing_nan
from ganspec.training.options import named_path, require_number
from ganspec.training.sharing import share


class Trainer:
    """A spec's networks and their training on real images, step by step.

    Arguments:

    - `spec`: a spec, or a name that `ganspec.load` opens.
    - `data`: the folder of the real images, or a `ganspec.systems.training.Images` with images on
      the device. None searches the usual places of the data set; data sets that ganspec draws
      itself need no folder.
    - `device`: a name such as `cuda:1`; `auto` is the first CUDA GPU, or the CPU without one.
    - `exact`: apply every module without rewrites. The results then equal those of the emitted
      file bit for bit, and a step takes longer.
    - `steps`: the number of steps that you will make; None for all of the spec's epochs. If a layer
      cannot read a batch of these steps, BatchSizeError is raised at once.
    - `precision`: `fp32`, `tf32`, `bf16` or `fp16`; None is `tf32` on a GPU that has it, or else
      `fp32`. With `exact`, torch's default precision is used, as in the emitted file.
    - `speedups`: any of `channels_last`, `compile` and `graphs` (docs/speed_precision.md).

    The weights are drawn from the spec's `train.seed`, which seeds torch's own generators. No run
    folder is written.

    Raises what `ganspec.load` raises, SpecError if the networks do not fit together or a part of
    the spec is `unknown`, DataError if the images are missing or do not fill a batch,
    BatchSizeError if a batch norm would get a single vector or another layer a batch that it cannot
    read, and RunError if there is no such device or another argument is wrong.
    """

    def __init__(
        self,
        spec: Spec | RunFolder | str | Path,
        data: Path | str | Images | None = None,
        device: str | torch.device = "auto",
        exact: bool = False,
        steps: int | None = None,
        precision: str | None = None,
        speedups: Iterable[str] | str = (),
    ):
        spec = open_spec(spec)
        refuse_unread(spec)
        require_number("steps", steps, 1)
        folder = None if isinstance(data, Images) else named_path("data", data)
        self.spec, self.device, self.exact = spec, choose_device(device), exact
        request = read_request(precision, speedups, exact, self.device)
        if request.is_open:
            raise RunError("a Trainer measures nothing: name a precision and speedups, not `auto`")
        self.execution = request.execution
        prepare(self.device, None if exact else self.execution.precision)
        images = data if isinstance(data, Images) else open_all(spec, folder, self.device)
        nets = lower(spec)
        self._require_batches(nets, images, steps)
        torch.manual_seed(spec.train.seed)
        networks = self._build(nets)
        settings = passing_nan(spec.settings(nets))
        fit_settings(self.execution, settings, self.device)
        start = Start(settings, networks, images, self.device, exact, self.execution)
        self.training = spec.training(start)
        self.training.identity = identity(spec)
        self.training.prepare()
        if "graphs" in self.execution.speedups:
            self.training.replay = Recorder(self.training)
        if not exact and self.device.type == "cpu":
            for optimizer in self.training.optimizers.values():
                fuse(optimizer)
        share(self.training, Ranks.joined())

    def _build(self, nets: dict[str, Net]) -> dict[str, nn.Module]:
        """Return the networks by key, with fresh weights, on the device, set for the execution."""
        networks: dict[str, nn.Module] = {}
        for key, net in nets.items():
            # on the CPU first, so that the same seed draws the same weights for every device
            network = evaluate(net, self.exact).to(self.device)
            if self.execution.casts:
                network.cast(self.execution, self.device)
            networks[key] = network
        return networks

    def _require_batches(self, nets: dict[str, Net], images: Images, steps: int | None) -> None:
        """Raise BatchSizeError if a layer cannot read a batch of the first `steps` steps.

        None stands for all of the spec's epochs.
        """
        count, conditions = len(images.images), images.conditions
        size = TrainingSize(
            count,
            None if images.test is None else len(images.test[0]),
            None if conditions is None else len(conditions),
            steps or self.spec.train.length(self.spec.settings(nets), count),
        )
        require_readable(self.spec, nets, size)

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The networks by their keys in the spec, with their present weights, on the device."""
        return self.training.networks

    @property
    def steps_done(self) -> int:
        """Number of training steps so far."""
        return self.training.step

    def step(self) -> dict[str, torch.Tensor]:
        """Make one training step. Return its losses by name, as scalar tensors on the device."""
        return self.training.make_step()

    def sample(self, count: int, seed: int = 0) -> torch.Tensor:
        """Return `count` images that `seed` draws, uint8 N x C x H x W on the CPU.

        They are drawn with averaged weights, if the spec has an `average`, and for the labels of
        the training's pictures, if the generator reads labels. From a run with these weights,
        `ganspec sample` draws the same images. Sampling leaves torch's random states alone, so that
        the training goes on unchanged.

        Raises RunError if no network of the spec draws images, ValueError if `count` is below 1 or
        `seed` below 0, RoomError if the images do not fit into memory, and SourceError if they are
        not finite numbers.
        """
        spec, training = self.spec, self.training
        if spec.draws is None:
            raise RunError(f"{spec.name} has no network that draws images")
        network = training.average or training.networks[spec.draws]
        source = Source(network, training.cfg, self.device, training.fixed.get("labels"))
        return source.all_images(count, seed)[0]

    def save(self, path: Path | str) -> None:
        """Write a checkpoint to the file `path`, whole or, after an error, not at all.

        It contains weights, optimizers, the position in the data, random states, the number of
        steps and the fixed inputs of pictures. Training from a restored checkpoint gives the same
        bits as training without a break. Raises PathError if `path` is no path, and OSError.
        """
        checkpoint.save(file_to_write(path), self.training.state())

    def restore(self, path: Path | str) -> None:
        """Restore the checkpoint in the file `path`, which `save` or a run (`checkpoint.pt`) wrote.

        Only tensors and plain data are read, so that a file from elsewhere cannot run code. Raises
        CheckpointError if the file is missing, damaged or of another spec; the message lists the
        differences. Raises PathError if `path` is no path. After an error the training is
        unchanged.
        """
        file = named_file(path)
        self.training.restore(checkpoint.load(file), file)
