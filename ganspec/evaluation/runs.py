"""Score a run: its checkpoint, or every snapshot with one pass over the real images."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

import torch

from ganspec.evaluation.extractors import open_extractor
from ganspec.evaluation.reference import CPU, RealImages, open_folder, open_real
from ganspec.evaluation.scoring import Bench, Tell, silent
from ganspec.evaluation.subject import Subject, as_they_are, drawn, restored, some
from ganspec.kinds.metric import Metric, MetricError
from ganspec.language.kinds import kinds_of
from ganspec.runs.record import read_record
from ganspec.runs.run import Run, RunError
from ganspec.sampling.sampler import Sampler, trained, weights
from ganspec.systems.labels import fit_labels
from ganspec.systems.source import Source
from ganspec.systems.spec import Spec

USUAL = ("fid", "inception_score", "accuracy")  # as far as the extractor allows
IMAGES = 10_000
# Of what is asked for, what says nothing of a folder, and of runs that restore or predict.
OF_A_RUN = ("images", "split", "seed", "conditions", "average", "real", "data")
OF_DRAWING = ("conditions", "average")
OF_IMAGES = ("extractor", "layer", "inception_weights", "seed", "real", "reference")


def idle(spec: Spec) -> tuple[str, ...]:
    """Return what can be asked for of other systems, but not of this one."""
    if spec.draws:
        return ()
    return OF_DRAWING if spec.restores else (*OF_DRAWING, *OF_IMAGES)


@dataclass(frozen=True)
class Wanted:
    """The options of an evaluation; None means the spec's `evaluate`, else the default."""

    metrics: tuple[Metric, ...] | None = None
    images: int | None = None
    extractor: str | None = None
    layer: str | None = None
    inception_weights: Path | None = None
    split: str | None = None
    seed: int | None = None
    conditions: str | None = None
    average: bool | None = None
    real: bool = False
    data: Path | None = None
    reference: Path | None = None
    device: torch.device = CPU

    def refuse(self, what: str, *names: str) -> None:
        """Raise RunError if one of these options was given, which mean nothing for `what`."""
        flags = {"images": "-n", "average": "--raw"}
        for field in fields(self):
            if field.name in names and getattr(self, field.name) != field.default:
                flag = flags.get(field.name, f"--{field.name.replace('_', '-')}")
                raise RunError(f"{flag} means nothing for {what}: leave it out")

    def settled(self, spec: Spec) -> Wanted:
        """Return the options with the spec's values in place of None."""
        said = {} if spec.evaluate is None else dict(spec.evaluate)
        names = ("metrics", "images", "extractor", "layer", "split", "seed")
        if self.extractor is not None:  # another one's layer is no layer of this
            said.pop("layer", None)
        return replace(self, **{n: said.get(n) for n in names if getattr(self, n) is None})


class Evaluator:
    """A run, its metrics, and the real images that it is compared with."""

    def __init__(self, folder: Path, wanted: Wanted, tell: Tell = silent):
        self.run = Run.open(folder)
        self.spec, self.folder = self.run.spec, folder
        self.wanted = wanted.settled(self.spec)
        wanted.refuse("a run of this kind", *idle(self.spec))
        if wanted.reference is not None:
            wanted.refuse("a folder of real images", "split")
        name = self.wanted.extractor or "inception"
        if self.spec.predicts:
            name = str(folder)
        self.extractor = open_extractor(
            name, wanted.device, self.wanted.layer, wanted.inception_weights
        )
        self.bench = Bench(self.extractor, (), None, tell)

    @cached_property
    def real(self) -> RealImages:
        """Return the real images of the run's data set, or of a folder."""
        if self.wanted.reference is not None:
            return open_folder(self.wanted.reference)
        return self.dataset

    @cached_property
    def dataset(self) -> RealImages:
        """Return the images of the run's data set."""
        return real_images(self.spec, self.wanted.data, self.wanted.split)

    def scores(self, step: int | None = None) -> list[dict[str, object]]:
        """Return scores of the checkpoint, or of the weights after `step`."""
        subject = self.subject(step)
        self.bench.metrics, self.bench.real = self.metrics(subject), self.real
        like = as_they_are(some(self.real, subject.count)) if self.wanted.real else None
        if like is not None:
            self.bench.checked(like)
        rows = self.bench.scores(subject, self.epoch(subject.step))
        return rows + (self.bench.scores(like) if like is not None else [])

    def metrics(self, subject: Subject) -> tuple[Metric, ...]:
        """Return the metrics asked for, or the default ones that apply."""
        if self.wanted.metrics is not None:
            return self.wanted.metrics
        kinds = kinds_of("metric")
        usual = [kinds[name]() for name in USUAL]
        if subject.of == "real" or self.wanted.conditions is not None:
            usual = [kinds["accuracy"]()]
        fitting = [m for m in usual if not m.refusal(self.extractor.classes, subject.labels)]
        return tuple(fitting or usual[-1:])

    def subject(self, step: int | None) -> Subject:
        """Return the images to score."""
        if self.spec.draws:
            return self.drawn(step)
        if self.spec.restores:
            return self.restored(step)
        if step is not None:
            raise RunError(f"{self.folder} trains a classifier, of which the checkpoint is scored")
        state = weights(self.run)
        count = self.wanted.images or len(self.dataset)
        subject = as_they_are(some(self.dataset, count))
        return replace(subject, step=state["step"], weights="raw")

    def drawn(self, step: int | None) -> Subject:
        """Return images that the generator draws for the labels of real images or of a file."""
        wanted = self.wanted
        sampler = Sampler(self.folder, wanted.device, step, wanted.average)
        count = wanted.images or IMAGES
        if wanted.conditions is not None:
            sampler.ask(wanted.conditions)
            asked = Path(wanted.conditions).name
            count = wanted.images or len(sampler.labels)
        else:
            asked = asked_like(self.real, sampler, self.spec, count)
        names = tuple(sampler.names)
        said = {"step": sampler.step, "weights": "average" if sampler.averaged else "raw"}
        return drawn(sampler, count, wanted.seed or 0, asked, names, **said)

    def restored(self, step: int | None) -> Subject:
        """Return real images as the run's autoencoder restores them."""
        state = weights(self.run, step)
        network, cfg = trained(self.run, self.spec.restores, state, self.wanted.device)
        count = self.wanted.images or IMAGES
        said = {"step": state["step"], "weights": "raw"}
        device, seed = self.wanted.device, self.wanted.seed or 0
        return restored(self.spec, network, cfg, self.dataset, count, seed, device, **said)

    def epoch(self, step: int | None) -> int | None:
        """Return the epochs that are done after `step`; None if the run does not tell."""
        if step is None or (epochs := read_record(self.folder).epochs) is None:
            return None
        return max(0, int(epochs.of(step)))

    def steps(self) -> list[int]:
        """Return the steps whose weights were kept, the checkpoint's too."""
        steps = {*self.run.snapshots(), int(weights(self.run)["step"])}
        return sorted(steps)


def real_images(spec: Spec, data: Path | None, split: str | None) -> RealImages:
    """Return a spec's real images; for a single network the held-out ones, if there are any."""
    if split is None and not spec.draws and spec.data.dataset.test_reader():
        split = "test"
    return open_real(spec.data, data, split)


def asked_like(real: RealImages, source: Source, spec: Spec, count: int) -> str | None:
    """Let `source` ask for the labels of real images, evenly spaced. Return whose they are.

    Without labels of real images it asks for those of the run's grid, again and again.
    """
    if source.labels is None:
        return None
    if real.labels is None:
        return "the run's grid"
    labels = fit_labels(real.labels, spec.labelled, "condition", spec.data.dataset)
    source.labels = labels[torch.arange(count) * len(labels) // count]
    return f"{real.split} images"


def folder_scores(images: Path, wanted: Wanted, tell: Tell = silent) -> list[dict[str, object]]:
    """Return scores of the pictures in a folder, compared with those in `wanted.reference`."""
    wanted.refuse("a folder of images", *OF_A_RUN)
    name, path = wanted.extractor or "inception", wanted.inception_weights
    extractor = open_extractor(name, wanted.device, wanted.layer, path)
    subject = as_they_are(open_folder(images), "generated")
    kinds = kinds_of("metric")
    usual = [kinds["fid"]()] if wanted.reference else [kinds["inception_score"]()]
    real = open_folder(wanted.reference) if wanted.reference else None
    metrics = wanted.metrics or tuple(usual)
    if real is None and (paired := [m.kind for m in metrics if m.paired]):
        raise MetricError(f"{paired[0]} compares with other images: name them with --reference")
    return Bench(extractor, metrics, real, tell).scores(subject)
