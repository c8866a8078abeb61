"""Images from a trained run: new ones, or what an autoencoder makes of others."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import torch

from ganspec.compiler.evaluate import Program, evaluate
from ganspec.compiler.lower import lower
from ganspec.language.supervised import Autoencoder, Classifier
from ganspec.language.system import System
from ganspec.training import checkpoint
from ganspec.training.adversarial import save_samples
from ganspec.training.config import configure
from ganspec.training.images import open_images, open_test_images
from ganspec.training.run import Run, RunError
from ganspec.training.session import choose_device
from ganspec.training.step import draw_latent
from ganspec.training.supervised import at, save_comparison
from ganspec.training.wishes import LabelError, read_wish


def trained(
    folder: Path, spec: System, key: str, device: torch.device
) -> tuple[Program, SimpleNamespace, dict[str, torch.Tensor]]:
    """A run's network, evaluating, its config, and what its pictures are made from."""
    nets = lower(spec)
    network = evaluate(nets[key]).to(device)
    state = checkpoint.load(Run(folder).checkpoint_path, device)
    with checkpoint.fitting():
        network.load_state_dict(state["networks"][key])
        fixed = state["fixed"]
    return network.eval(), configure(spec, nets), fixed


class Sampler:
    """A run's trained generator; needs neither data nor optimizers.

    `labels` are those of the run's own grid until `ask` sets others; `columns` make a good grid of
    them, None standing for a square.
    """

    def __init__(self, folder: Path, device: torch.device):
        self.spec, self.device = Run.open(folder).spec, device
        self.generator, self.cfg, fixed = trained(folder, self.spec, "generator", device)
        self.labels = fixed.get("labels")
        self.columns = None if self.labels is None else self.cfg.columns

    def inputs(self, count: int, seed: int) -> dict[str, torch.Tensor]:
        """Latents that `seed` draws, and `labels` again and again."""
        torch.manual_seed(seed)
        inputs = {"latent": draw_latent(count, self.device, self.cfg)}
        if self.labels is not None:
            chosen = torch.arange(count, device=self.device) % len(self.labels)
            inputs["labels"] = self.labels[chosen]
        return inputs

    def ask(self, wish: str) -> None:
        """From here on, images of the label that `wish` names; raises LabelError."""
        labels = read_wish(wish, self.spec)
        if self.labels is None:
            raise LabelError(f"the generator of {self.spec.name} reads no label")
        self.labels = labels.to(self.device)
        self.columns = min(len(labels), 8) if len(labels) > 1 else None


def sample(
    folder: Path,
    count: int,
    seed: int,
    out: Path,
    device: str = "auto",
    data: Path | None = None,
    label: str | None = None,
) -> None:
    """Write a grid of `count` images to `out`; the same seed draws the same latents.

    `label` asks a conditional generator for a class or for objects, as `read_wish` has it.
    Of an autoencoder it is what that makes of `count` test images, which `seed` chooses from the
    data set in `data`. Raises RunError where the run makes no images.
    """
    spec = Run.open(folder).spec
    if isinstance(spec, Classifier):
        raise RunError(
            f"{folder} trains a classifier, which makes no images; its test is pictured "
            f"in {folder / 'samples'}"
        )
    if isinstance(spec, Autoencoder) and label is not None:
        raise LabelError(f"{folder} trains an autoencoder, which reads no labels")
    if isinstance(spec, Autoencoder):
        sample_reconstructions(folder, spec, count, seed, out, choose_device(device), data)
        return
    sampler = Sampler(folder, choose_device(device))
    if label is not None:
        sampler.ask(label)
    columns = sampler.columns or math.ceil(count**0.5)
    save_samples(sampler.generator, sampler.inputs(count, seed), out, columns, sampler.cfg)


def sample_reconstructions(
    folder: Path,
    spec: Autoencoder,
    count: int,
    seed: int,
    out: Path,
    device: torch.device,
    data: Path | None,
) -> None:
    """What a trained autoencoder makes of test images, else of those that it was trained on."""
    autoencoder, cfg, _ = trained(folder, spec, "autoencoder", device)
    images, _ = open_test_images(spec.data, data, device) or open_images(spec.data, data, device)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    save_comparison(autoencoder, at(images, order[:count]), out, cfg)
