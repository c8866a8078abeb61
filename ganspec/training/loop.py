"""Training as `ganspec train` does it: logged, checkpointed, resumable bit for bit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import torch

from ganspec.atomic import replacing
from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower
from ganspec.language.errors import GanspecError
from ganspec.language.spec import Spec
from ganspec.training import checkpoint
from ganspec.training.config import configure
from ganspec.training.grid import save_grid
from ganspec.training.images import Feed
from ganspec.training.run import Run
from ganspec.training.step import draw_latent, train_step

FLUSH_STEPS = 50  # losses stay on the device until then
FLUSH_SECONDS = 2.0
CHECKPOINT_SECONDS = 300.0  # within an epoch
EPOCH_SECONDS = 20.0  # at an epoch's end, where epochs are short
SAMPLES = 64


class TrainingError(GanspecError):
    """Training that cannot go on, with the step and the culprit."""


class Trainer:
    """Networks, optimizers, data and random states of one training; all of it resumes."""

    def __init__(self, spec: Spec, images, device: torch.device, seed: int):
        self.spec, self.device, self.cfg = spec, device, configure(spec)
        torch.manual_seed(seed)
        # on the CPU first, so that the same seed draws the same weights for every device
        self.networks = {key: evaluate(net).to(device) for key, net in lower(spec).items()}
        self.optimizers = {
            "generator": self.cfg.g_optimizer(self.networks["generator"].parameters()),
            "discriminator": self.cfg.d_optimizer(self.networks["discriminator"].parameters()),
        }
        self.fixed = draw_latent(SAMPLES, device, self.cfg)
        self.batches = Feed(images, seed, self.cfg)
        self.step = 0

    @property
    def epoch_steps(self) -> int:
        """Iterations in which every real image is seen once."""
        used = self.cfg.discriminator_steps if self.cfg.batches == "fresh" else 1
        return max(1, len(self.batches) // used)

    def advance(self) -> tuple[torch.Tensor, torch.Tensor]:
        """One iteration; the discriminator's and the generator's loss, still on the device."""
        self.step += 1
        return train_step(
            self.networks["generator"],
            self.networks["discriminator"],
            self.optimizers["generator"],
            self.optimizers["discriminator"],
            self.batches,
            self.cfg,
        )

    def sample(self, path: Path) -> None:
        """A grid of what the generator makes of the fixed latents."""
        save_samples(self.networks["generator"], self.fixed, path, self.cfg)

    def state(self) -> dict[str, object]:
        """Everything that the next step depends on."""
        return {
            "step": self.step,
            "device": self.device.type,
            "networks": {k: n.state_dict() for k, n in self.networks.items()},
            "optimizers": {k: o.state_dict() for k, o in self.optimizers.items()},
            "random": checkpoint.random_states(self.device),
            "batches": self.batches.state(),
            "fixed": self.fixed,
        }

    def restore(self, state: dict[str, object]) -> None:
        """Go back to `state`; raises CheckpointError where it is another network's."""
        with checkpoint.fitting():
            for key, network in self.networks.items():
                network.load_state_dict(state["networks"][key])
            for key, optimizer in self.optimizers.items():
                optimizer.load_state_dict(state["optimizers"][key])
            self.batches.restore(state["batches"])
            self.fixed, self.step = state["fixed"].to(self.device), state["step"]
            checkpoint.restore_random(state["random"], self.device)

    def culprit(self) -> str | None:
        """The first layer whose weights are not finite, with its place in the spec."""
        for key in ("discriminator", "generator"):  # in the order of their updates
            network = self.networks[key]
            for name, weight in [*network.named_parameters(), *network.named_buffers()]:
                if not torch.isfinite(weight).all():
                    mark = network.origin(name).mark
                    return f"{key}.{name}" + (f" ({mark})" if mark else "")
        return None


def save_samples(generator, latent: torch.Tensor, path: Path, cfg: SimpleNamespace) -> None:
    """A grid of `generator(latent)`, written atomically."""
    training = generator.training
    generator.eval()
    with torch.no_grad(), replacing(path) as temporary:
        save_grid(generator(latent), temporary, math.ceil(len(latent) ** 0.5), cfg)
    generator.train(training)


class Recorder:
    """Collects losses on the device and writes them to the log a few times a second at most."""

    def __init__(self, trainer: Trainer, run: Run):
        self.trainer, self.run = trainer, run
        self.pending: list[tuple[int, torch.Tensor, torch.Tensor]] = []
        self.flushed = time.perf_counter()
        self.last: dict[str, float] = {}

    def add(self, d_loss: torch.Tensor, g_loss: torch.Tensor) -> bool:
        """Remember a step's losses; whether they were written."""
        self.pending.append((self.trainer.step, d_loss, g_loss))
        waited = time.perf_counter() - self.flushed
        if len(self.pending) >= FLUSH_STEPS or waited > FLUSH_SECONDS:
            self.flush()
            return True
        return False

    def flush(self) -> None:
        """Write what is pending; raises TrainingError where a loss is not finite."""
        if not self.pending:
            return
        losses = torch.stack([torch.stack([d, g]) for _, d, g in self.pending]).tolist()
        steps = [step for step, _, _ in self.pending]
        rows = [
            {"step": step, "d_loss": d, "g_loss": g}
            for step, (d, g) in zip(steps, losses, strict=True)
        ]
        self.pending, self.flushed = [], time.perf_counter()
        finite = [row for row in rows if math.isfinite(row["d_loss"] + row["g_loss"])]
        self.run.append(finite)
        self.last = rows[-1]
        bad = next((row for row in rows if row not in finite), None)
        if bad:
            name = "g_loss" if math.isfinite(bad["d_loss"]) else "d_loss"
            raise TrainingError(
                f"{name} became {bad[name]} at step {bad['step']}; first weights that are not "
                f"finite: {self.trainer.culprit() or 'none yet'}"
            )


def run_training(
    trainer: Trainer,
    run: Run,
    last: int,
    stop: Callable[[], bool],
    progress: Callable[[int, dict[str, float]], None],
) -> None:
    """Train to step `last`, or until `stop()`.

    Raises TrainingError where a loss is not finite; the last checkpoint is from before that.
    """
    from ganspec.report.losses import plot_losses  # slow to import: not while it is interrupted

    recorder, saved = Recorder(trainer, run), time.perf_counter()

    def save() -> None:
        recorder.flush()
        if culprit := trainer.culprit():  # or a good checkpoint would be lost to a bad one
            raise TrainingError(f"weights are not finite after step {trainer.step}: {culprit}")
        checkpoint.save(run.checkpoint_path, trainer.state())
        plot_losses(run.rows(), run.losses_path, trainer.epoch_steps)

    while trainer.step < last and not stop():
        if recorder.add(*trainer.advance()):
            progress(trainer.step, recorder.last)
        ended = trainer.step % trainer.epoch_steps == 0
        if ended:
            recorder.flush()
            trainer.sample(run.samples_path(trainer.step))
        waited = time.perf_counter() - saved
        if waited > (EPOCH_SECONDS if ended else CHECKPOINT_SECONDS):
            save()
            saved = time.perf_counter()
    if not run.samples_path(trainer.step).exists():
        recorder.flush()
        trainer.sample(run.samples_path(trainer.step))
    save()
    progress(trainer.step, recorder.last)
