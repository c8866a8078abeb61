"""Load the weights of a run, and draw images from its trained generator."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import torch

from ganspec.comparison.phrases import article
from ganspec.compiler.evaluate import EvaluatedNetwork, evaluate
from ganspec.compiler.lower import lower
from ganspec.runs.folder import NO_CHECKPOINT
from ganspec.runs.run import Run, RunError
from ganspec.sampling.label_names import LabelError, find_labels, label_names
from ganspec.systems import checkpoint
from ganspec.systems.checkpoint import CheckpointError
from ganspec.systems.helping import shared
from ganspec.systems.identity import Identity, identity
from ganspec.systems.ranks import Ranks
from ganspec.systems.source import Part, Source
from ganspec.training.options import require_number


@dataclass(frozen=True)
class Weights:
    """The weights of all networks after a step, as a checkpoint or a snapshot holds them.

    `networks` has a state_dict for each network's key. `average` is the state_dict of the moving
    average of the weights of the network that draws images, None if the run keeps none.
    """

    step: int
    networks: dict[str, dict[str, torch.Tensor]]
    fixed: dict[str, torch.Tensor]  # inputs of the run's own pictures
    average: dict[str, torch.Tensor] | None
    spec: Identity  # of the spec that was trained


def load_weights(run: Run, step: int | None = None) -> Weights:
    """Return the weights of a run's checkpoint or, unless `step` is None, those after `step`.

    Raises CheckpointError if their file cannot be read or is of another step, and RunError if there
    is no checkpoint, if no weights of that step were kept, or if `step` is no whole number.
    """
    require_number("step", step, 0)
    snapshots = run.snapshots()
    if step not in snapshots and not run.checkpoint_path.exists():
        raise RunError(f"{run.folder} has {NO_CHECKPOINT}: wait for one, or train it again")
    path = run.checkpoint_path if step is None else snapshots.get(step, run.checkpoint_path)
    state = checkpoint.load(path)
    with checkpoint.fitting(run.folder):
        checkpoint.check(state["step"], 0, "step")
        weights = Weights(
            state["step"],
            state["networks"],
            state["fixed"],
            state.get("average"),
            state["spec"],
        )
    if step is None or weights.step == step:
        return weights
    if step in snapshots:
        raise CheckpointError(
            f"{path} holds weights of step {weights.step}, not of step {step}: name another step"
        )
    steps = [str(other) for other in sorted({*snapshots, weights.step})]
    shown = ", ".join(steps if len(steps) < 9 else [steps[0], "...", *steps[-6:]])
    raise RunError(
        f"{run.folder} holds no weights of step {step}, only of {shown}: `train: {{keep: N}}` "
        "keeps those of every N epochs"
    )


def trained_network(
    run: Run,
    key: str,
    weights: Weights,
    device: torch.device,
    averaged: bool = False,
    exact: bool | None = None,
) -> tuple[EvaluatedNetwork, SimpleNamespace]:
    """Return a run's network `key` in evaluation mode, and the settings of the training text.

    With `averaged`, the network that draws images gets the moving average of its weights, if the
    run keeps one. `exact` True turns rewrites off, None does so if the run's training did. Raises
    CheckpointError if the weights do not fit the network.
    """
    spec = run.spec
    nets = lower(spec)
    with torch.random.fork_rng(devices=[]):  # `evaluate` draws initial weights, replaced below
        network = evaluate(nets[key], run.exact if exact is None else exact)
    with checkpoint.fitting(run.folder):
        checkpoint.check_spec(weights.spec, identity(spec))
        average = weights.average if averaged else None
        state = weights.networks[key] if average is None else average
        checkpoint.check(state, network.state_dict(), key)
        network.load_state_dict(state)
    return network.to(device).eval(), spec.settings(nets)


class Sampler(Source):
    """The trained generator of a run, or the decoder of a VAE, as a source of images.

    `step` selects the snapshot after that step instead of the checkpoint. `raw` selects the trained
    weights, even if the run keeps their average, and warns if it keeps none; `averaged` is True if
    the weights are the average. `labels` are those of the run's own grid until `ask` sets others,
    None if the generator reads none. `names` are the names of all classes, [] if unknown. Raises
    RunError if the run has no generator or not these weights, and CheckpointError if they cannot be
    read.
    """

    generator: EvaluatedNetwork

    def __init__(
        self,
        folder: Path,
        device: torch.device,
        step: int | None = None,
        raw: bool = False,
        ranks: Ranks | None = None,
    ):
        self.ranks = ranks or Ranks()
        self.statistics_seed: int | None = None
        self.run = Run.open(folder)
        self.spec = self.run.spec
        if not self.spec.draws:
            advice = ": `ganspec sample` restores real images" if self.spec.restores else ""
            noun = article(self.spec.noun)
            raise RunError(f"{folder} trains {noun}, which draws no new images{advice}")
        self.weights = load_weights(self.run, step)
        network, cfg = trained_network(self.run, self.spec.draws, self.weights, device, not raw)
        with checkpoint.fitting(self.spec.name):
            has_labels = network.is_conditional
            labels = _check_labels(self.weights.fixed["labels"], cfg) if has_labels else None
        self.averaged = not raw and self.weights.average is not None
        if raw and self.weights.average is None:
            message = f"{folder} keeps no average of the weights, so --raw changes nothing"
            warnings.warn(message, stacklevel=2)
        super().__init__(network, cfg, device, labels)
        self.has_chosen_labels, self.names = False, label_names(self.run, self.spec)

    @property
    def step(self) -> int:
        """The training step after which the weights were saved."""
        return self.weights.step

    def fix_statistics(self, seed: int) -> None:
        """Normalize all images by the statistics of the first batch of `seed`: see Source."""
        super().fix_statistics(seed)
        self.statistics_seed = seed

    def draw_all(self, portions: Iterable[Part]) -> Iterator[Part]:
        """Yield `draw` of each of the `portions`, with the help of the other ranks."""
        if self.ranks.count == 1:
            return super().draw_all(portions)
        weights = (self.run.folder, self.device, self.step, not self.averaged)
        make = partial(_draw_of, *weights, self.statistics_seed)
        return shared("images", make, self.draw, self.ranks)(portions)

    def ask(self, text: str) -> torch.Tensor:
        """Set the labels to those that `text` names, such as `3`, `Coat,Bag` or `all`. Return them.

        Raises LabelError if a label is unknown, or if the generator reads none.
        """
        labels = find_labels(text, self.spec, self.names)
        if self.labels is None:
            raise LabelError(
                f"the generator of {self.spec.name} reads no label: leave the label out"
            )
        self.labels, self.has_chosen_labels = labels, True
        return labels

    def truncate(self, bound: float) -> None:
        """Let all later draws use latents from a normal distribution cut off at +-bound.

        Raises RunError if the run's latents are uniform.
        """
        if self.cfg.latent_distribution != "normal":
            raise RunError(
                f"latents of {self.spec.name} are uniform, within bounds already: leave the "
                "truncation out"
            )
        self.truncation = bound


def _draw_of(
    folder: Path, device: torch.device, step: int, raw: bool, statistics_seed: int | None
) -> Callable[[Part], Part]:
    """Return `Sampler.draw` with a run's weights, for a rank that helps the first."""
    sampler = Sampler(folder, device, step, raw)
    if statistics_seed is not None:
        sampler.fix_statistics(statistics_seed)
    return sampler.draw


def _check_labels(labels: torch.Tensor, cfg: SimpleNamespace) -> torch.Tensor:
    """Return the `labels` of a run's grid. Raises ValueError if the generator cannot read them.

    `cfg` has the kind and number of labels that it reads.
    """
    if cfg.labels == "classes":
        fit = labels.ndim == 1 and labels.dtype == torch.int64 and labels.numel() > 0
        fit = fit and int(labels.min()) >= 0 and int(labels.max()) < cfg.label_size
    else:
        fit = labels.ndim == 2 and labels.shape[1] == cfg.label_size and labels.numel() > 0
    if not fit:
        raise ValueError(f"its labels are not those of {cfg.label_size} classes")
    return labels
