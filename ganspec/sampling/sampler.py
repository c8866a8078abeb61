"""Images from a generator: of a run's checkpoint or snapshot, or of a training under way."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import torch

from ganspec.compiler.evaluate import Program, evaluate
from ganspec.compiler.lower import lower
from ganspec.runs.run import Run, RunError
from ganspec.sampling.wishes import LabelError, names_of, read_wish
from ganspec.systems import checkpoint
from ganspec.systems.source import Source


class Sampler(Source):
    """The trained generator of a run; needs neither data nor optimizers.

    `step` takes the snapshot after that step in place of the checkpoint. `average` None takes
    the average of the weights where the run keeps one, True demands it, False takes the weights
    that were trained. `labels` are those of the run's own grid until `ask` sets others. Raises
    RunError and CheckpointError.
    """

    def __init__(
        self,
        folder: Path,
        device: torch.device,
        step: int | None = None,
        average: bool | None = None,
    ):
        self.run = Run.open(folder)
        self.spec = self.run.spec
        if not self.spec.draws:
            raise RunError(f"{folder} trains no generator")
        state = weights(self.run, step)
        network, cfg = trained(self.run, self.spec.draws, state, device, average)
        with checkpoint.fitting(self.spec.name):
            reads = network.is_conditional
            labels = fitting_labels(state["fixed"]["labels"], cfg) if reads else None
            self.step = int(state["step"])
        self.averaged = average is not False and "average" in state
        super().__init__(network, cfg, device, labels)
        self.asked, self.names = False, names_of(self.run, self.spec)

    def ask(self, wish: str) -> None:
        """From here on, images of the labels that `wish` names; raises LabelError."""
        labels = read_wish(wish, self.spec, self.names)
        if self.labels is None:
            raise LabelError(f"the generator of {self.spec.name} reads no label")
        self.labels, self.asked = labels, True

    def truncate(self, bound: float) -> None:
        """From here on, latents within -bound and bound; raises RunError for uniform ones."""
        if self.cfg.latent_distribution != "normal":
            raise RunError(
                f"latents of {self.spec.name} are uniform, within bounds already: only normal "
                "ones are truncated"
            )
        self.truncation = bound


def fitting_labels(labels: torch.Tensor, cfg: SimpleNamespace) -> torch.Tensor:
    """A checkpoint's labels, which may be a stranger's; raises ValueError where they do not fit."""
    if cfg.labels == "classes":
        fit = labels.ndim == 1 and labels.dtype == torch.int64 and labels.numel() > 0
        fit = fit and labels.min() >= 0 and labels.max() < cfg.label_size
    else:
        fit = labels.ndim == 2 and labels.shape[1] == cfg.label_size and labels.numel() > 0
    if not fit:
        raise ValueError(f"its labels are not those of {cfg.label_size} classes")
    return labels


def weights(run: Run, step: int | None = None) -> dict[str, object]:
    """A run's checkpoint, or the weights after `step`; raises RunError where none were kept."""
    if step is None:
        return checkpoint.load(run.checkpoint_path)
    kept = run.snapshots()
    if step in kept:
        return checkpoint.load(kept[step])
    state = checkpoint.load(run.checkpoint_path)
    if state.get("step") == step:
        return state
    with checkpoint.fitting(run.folder):
        steps = [str(other) for other in sorted({*kept, int(state["step"])})]
    shown = ", ".join(steps if len(steps) < 9 else [steps[0], "...", *steps[-6:]])
    raise RunError(
        f"{run.folder} holds no weights of step {step}, only of {shown}: `train: {{keep: N}}` "
        "keeps those of every N epochs"
    )


def trained(
    run: Run,
    key: str,
    state: dict[str, object],
    device: torch.device,
    average: bool | None = False,
) -> tuple[Program, SimpleNamespace]:
    """Return a run's network `key` with the weights of `state`, evaluating, and its settings.

    `average` is that of `Sampler`.
    """
    spec = run.spec
    if average and "average" not in state:
        raise RunError(
            f"the run of {spec.name} keeps no average of its weights: `train: {{average: 0.999}}` "
            "makes one"
        )
    nets = lower(spec)
    with torch.random.fork_rng(devices=[]):  # fresh weights are drawn, and thrown away
        network = evaluate(nets[key], run.exact)
    with checkpoint.fitting(spec.name):
        averaged = average is not False and "average" in state
        network.load_state_dict(state["average"] if averaged else state["networks"][key])
    return network.to(device).eval(), spec.settings(nets)
