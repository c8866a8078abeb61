"""New images from a trained run."""

from __future__ import annotations

from pathlib import Path

import torch

from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower
from ganspec.training import checkpoint
from ganspec.training.config import configure
from ganspec.training.loop import save_samples
from ganspec.training.run import Run
from ganspec.training.session import choose_device
from ganspec.training.step import draw_latent


def load_generator(folder: Path, device: torch.device) -> tuple[torch.nn.Module, object]:
    """The run's trained generator and its config; needs neither data nor optimizers."""
    run = Run.open(folder)
    spec = run.spec
    generator = evaluate(lower(spec)["generator"]).to(device)
    state = checkpoint.load(run.checkpoint_path, device)
    with checkpoint.fitting():
        generator.load_state_dict(state["networks"]["generator"])
    return generator.eval(), configure(spec)


def sample(folder: Path, count: int, seed: int, out: Path, device: str = "auto") -> None:
    """Write a grid of `count` images to `out`; the same seed draws the same latents."""
    target = choose_device(device)
    generator, cfg = load_generator(folder, target)
    torch.manual_seed(seed)
    save_samples(generator, draw_latent(count, target, cfg), out, cfg)
