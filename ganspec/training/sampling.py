"""Images from a trained run: new ones, or what an autoencoder makes of others."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower
from ganspec.language.supervised import Autoencoder, Classifier
from ganspec.training import checkpoint
from ganspec.training.adversarial import save_samples
from ganspec.training.config import configure
from ganspec.training.images import open_images, open_test_images
from ganspec.training.run import Run, RunError
from ganspec.training.session import choose_device
from ganspec.training.step import draw_latent
from ganspec.training.supervised import at, save_comparison


class Sampler:
    """A run's trained generator; needs neither data nor optimizers."""

    def __init__(self, folder: Path, device: torch.device):
        run = Run.open(folder)
        nets = lower(run.spec)
        self.device, self.cfg = device, configure(run.spec, nets)
        self.generator = evaluate(nets["generator"]).to(device)
        state = checkpoint.load(run.checkpoint_path, device)
        with checkpoint.fitting():
            self.generator.load_state_dict(state["networks"]["generator"])
            self.labels = state["fixed"].get("labels")
        self.generator.eval()

    def inputs(self, count: int, seed: int) -> dict[str, torch.Tensor]:
        """Latents that `seed` draws, and labels: those of the run's own grid, again and again."""
        torch.manual_seed(seed)
        inputs = {"latent": draw_latent(count, self.device, self.cfg)}
        if self.labels is not None:
            chosen = torch.arange(count, device=self.device) % len(self.labels)
            inputs["labels"] = self.labels[chosen]
        return inputs


def sample(
    folder: Path,
    count: int,
    seed: int,
    out: Path,
    device: str = "auto",
    data: Path | None = None,
) -> None:
    """Write a grid of `count` images to `out`; the same seed draws the same latents.

    Of an autoencoder it is what that makes of `count` test images, which `seed` chooses from the
    data set in `data`. Raises RunError where the run makes no images.
    """
    spec = Run.open(folder).spec
    if isinstance(spec, Classifier):
        raise RunError(
            f"{folder} trains a classifier, which makes no images; its test is pictured "
            f"in {folder / 'samples'}"
        )
    if isinstance(spec, Autoencoder):
        sample_reconstructions(folder, spec, count, seed, out, choose_device(device), data)
        return
    sampler = Sampler(folder, choose_device(device))
    columns = math.ceil(count**0.5) if sampler.labels is None else sampler.cfg.columns
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
    nets = lower(spec)
    autoencoder = evaluate(nets["autoencoder"]).to(device)
    state = checkpoint.load(Run(folder).checkpoint_path, device)
    with checkpoint.fitting():
        autoencoder.load_state_dict(state["networks"]["autoencoder"])
    images, _ = open_test_images(spec.data, data, device) or open_images(spec.data, data, device)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    save_comparison(autoencoder, at(images, order[:count]), out, configure(spec, nets))
