"""Images from a generator: of a run's checkpoint or snapshot, or of a training under way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import torch

from ganspec.compiler.evaluate import Program, evaluate
from ganspec.compiler.lower import lower
from ganspec.language.spec import Spec
from ganspec.language.system import System
from ganspec.training import checkpoint
from ganspec.training.config import configure
from ganspec.training.latents import CHUNK, latents, truncate
from ganspec.training.run import Run, RunError
from ganspec.training.wishes import LabelError, names_of, read_wish

# Images that go through a network at once. It is always as many: kernels for other batches round
# otherwise, and one seed would not give the same bytes for every count.
PORTION = {"cpu": 32, "cuda": 256}

Part = tuple[torch.Tensor, ...]  # rows that belong together: latents, images, their labels


class Source:
    """A generator, and what its images are drawn from.

    `labels` are taken again and again, None where the generator reads none. Nothing here draws
    from torch's own random generators, so that a training goes on as if it had not been.
    """

    truncation: float | None = None  # bound of the latents

    def __init__(
        self,
        generator: torch.nn.Module,
        cfg: SimpleNamespace,
        device: torch.device,
        labels: torch.Tensor | None = None,
    ):
        self.generator, self.cfg, self.device, self.labels = generator, cfg, device, labels
        self.portion = PORTION.get(device.type, CHUNK)

    def inputs(self, count: int, seed: int) -> dict[str, torch.Tensor]:
        """Latents that `seed` draws, and labels, on the device; the first ones for any count."""
        latent, *labels = next(regrouped(self.parts(count, seed), count))
        inputs = {"latent": latent.to(self.device)}
        return {**inputs, "labels": labels[0].to(self.device)} if labels else inputs

    def latents(self, seed: int) -> Iterator[torch.Tensor]:
        """Endless latents in chunks, truncated where that is asked for."""
        for latent in latents(seed, self.cfg):
            yield latent if self.truncation is None else truncate(latent, self.truncation)

    def labels_of(self, places: torch.Tensor) -> Part:
        """The labels of the images at `places`, as a part of their rows."""
        if self.labels is None:
            return ()
        return (self.labels[places.to(self.labels.device) % len(self.labels)],)

    def parts(self, count: int, seed: int) -> Iterator[Part]:
        """The generator's inputs, latents and labels, of `count` images."""
        chunks = zip(range(0, count, CHUNK), self.latents(seed), strict=False)
        for start, latent in chunks:
            latent = latent[: count - start]
            yield latent, *self.labels_of(torch.arange(start, start + len(latent)))

    def images(
        self, count: int, seed: int, batch: int | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
        """`count` images that `seed` draws, uint8 N x C x H x W on the CPU, with their labels.

        They come `batch` at a time. Image i is the same, byte for byte, for every `count` and
        `batch`. The generator is in evaluation mode meanwhile.
        """
        return self.drawn(self.parts(count, seed), batch)

    def drawn(
        self, parts: Iterable[Part], batch: int | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
        """What the generator makes of inputs in parts, as `images` gives it."""
        portions = regrouped(parts, self.portion)
        made = ((self.pixels(*portion), *portion[1:]) for portion in portions)
        for images, *labels in regrouped(made, batch) if batch else made:
            yield images, labels[0].cpu() if labels else None

    def pixels(self, *inputs: torch.Tensor) -> torch.Tensor:
        """What the generator makes of one portion of inputs, as `images` gives it."""
        count = len(inputs[0])
        inputs = [filled(part, self.portion) for part in inputs]
        training = self.generator.training
        self.generator.eval()
        with torch.no_grad():
            images = self.generator(*(part.to(self.device) for part in inputs))[:count]
        self.generator.train(training)
        return quantize(images, self.cfg).cpu()


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
        if not isinstance(self.spec, Spec):
            raise RunError(f"{folder} trains no generator")
        state = weights(self.run, step)
        network, cfg = trained(self.spec, "generator", state, device, average)
        with checkpoint.fitting(self.spec.name):
            labels = fitting_labels(state["fixed"]["labels"], cfg) if cfg.g_conditional else None
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


def regrouped(parts: Iterable[Part], size: int) -> Iterator[Part]:
    """The same rows, `size` at a time, and what is left."""
    held: list[Part] = []
    for part in parts:
        held.append(part)
        if sum(len(first) for first, *_ in held) > size:
            columns = (torch.cat(column).split(size) for column in zip(*held, strict=True))
            *whole, rest = zip(*columns, strict=True)
            yield from whole
            held = [rest]
    if held:
        yield tuple(torch.cat(column) for column in zip(*held, strict=True))


def filled(part: torch.Tensor, size: int) -> torch.Tensor:
    """`part` with rows of zeros behind it, `size` in all."""
    lacking = size - len(part)
    return torch.cat([part, part.new_zeros(lacking, *part.shape[1:])]) if lacking else part


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


def quantize(images: torch.Tensor, cfg: SimpleNamespace) -> torch.Tensor:
    """Images of a network as uint8, rounded as the grids of a run are; raises RunError."""
    if not torch.isfinite(images).all():
        raise RunError("the network's images are no finite numbers: take weights of another --step")
    if cfg.low == -1:
        images = images * 0.5 + 0.5
    return images.clamp(0, 1).mul(255).round().byte()


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
    spec: System,
    key: str,
    state: dict[str, object],
    device: torch.device,
    average: bool | None = False,
) -> tuple[Program, SimpleNamespace]:
    """The network `key` with the weights of `state`, evaluating, and the run's config.

    `average` is that of `Sampler`.
    """
    if average and "average" not in state:
        raise RunError(
            f"the run of {spec.name} keeps no average of its weights: `train: {{average: 0.999}}` "
            "makes one"
        )
    nets = lower(spec)
    with torch.random.fork_rng(devices=[]):  # fresh weights are drawn, and thrown away
        network = evaluate(nets[key])
    with checkpoint.fitting(spec.name):
        averaged = average is not False and "average" in state
        network.load_state_dict(state["average"] if averaged else state["networks"][key])
    return network.to(device).eval(), configure(spec, nets)
