"""Scores of a run: of its checkpoint, or of every snapshot with one pass over the real images."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

import torch

from ganspec.evaluation.extractors import open_extractor
from ganspec.evaluation.reference import CPU, RealImages, open_folder, open_real
from ganspec.evaluation.scoring import PassProgress, Scorer, silent
from ganspec.evaluation.subject import (
    Restorer,
    Subject,
    choose_images,
    drawn_images,
    restored_images,
    unchanged_images,
)
from ganspec.kinds.metric import Metric, MetricError, metric_kinds
from ganspec.runs.record import read_record
from ganspec.runs.run import Run, RunError
from ganspec.runs.score_file import ScoreRow
from ganspec.sampling.sampler import Sampler, load_weights, trained_network
from ganspec.systems.labels import fit_labels
from ganspec.systems.source import Source
from ganspec.systems.spec import Spec

DEFAULTS = ("fid", "inception_score", "accuracy")  # those of them that fit the extractor
IMAGES = 10_000
# Options that apply to runs only, to networks that draw images, and to networks that make images.
OF_A_RUN = ("images", "split", "seed", "conditions", "raw", "real", "data")
OF_DRAWING = ("conditions", "raw")
OF_IMAGES = ("extractor", "layer", "inception_weights", "seed", "real", "reference")


def meaningless_options(spec: Spec) -> tuple[str, ...]:
    """Return the options that do not apply to runs of the spec's system."""
    if spec.draws:
        return ()
    return OF_DRAWING if spec.restores else (*OF_DRAWING, *OF_IMAGES)


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of an evaluation; None is the value in the spec's `evaluate`, or the default."""

    metrics: tuple[Metric, ...] | None = None
    images: int | None = None
    extractor: str | None = None
    layer: str | None = None
    inception_weights: Path | None = None
    split: str | None = None
    seed: int | None = None
    conditions: str | None = None
    raw: bool = False
    real: bool = False
    data: Path | None = None
    reference: Path | None = None
    device: torch.device = CPU

    def refuse(self, subject: str, *names: str) -> None:
        """Raise RunError if an option in `names` is set; none of them applies to `subject`."""
        for field in fields(self):
            if field.name in names and getattr(self, field.name) != field.default:
                flag = "-n" if field.name == "images" else f"--{field.name.replace('_', '-')}"
                raise RunError(f"{flag} means nothing for {subject}: leave it out")

    def with_defaults(self, spec: Spec) -> EvaluationOptions:
        """Return the options with the values of the spec's `evaluate` in place of None."""
        if spec.evaluate is None:
            return self
        names = ["metrics", "images", "extractor", "split", "seed"]
        names += ["layer"] if self.extractor is None else []  # another extractor has other layers
        unset = [name for name in names if getattr(self, name) is None]
        return replace(self, **{name: getattr(spec.evaluate, name) for name in unset})


class Evaluator:
    """A run, its metrics, and the real images that it is compared with.

    Raises RunError, ExtractorError, FidelityError and CheckpointError.
    """

    def __init__(self, folder: Path, options: EvaluationOptions, progress: PassProgress = silent):
        self.run = Run.open(folder)
        self.spec, self.folder = self.run.spec, folder
        self.options = options.with_defaults(self.spec)
        options.refuse("a run of this kind", *meaningless_options(self.spec))
        if options.reference is not None:
            options.refuse("a folder of real images", "split")
        self.extractor = open_extractor(
            str(folder) if self.spec.predicts else self.options.extractor or "inception",
            options.device,
            self.options.layer,
            options.inception_weights,
        )
        self.progress = progress

    @cached_property
    def real(self) -> RealImages:
        """The real images of the run's data set, or of a folder."""
        if (folder := self.options.reference) is not None:
            if self.spec.data.transpose:
                message = f"images of {self.spec.name} are transposed, those of {folder} are not"
                warnings.warn(message, stacklevel=2)
            return open_folder(folder)
        return self.dataset

    @cached_property
    def dataset(self) -> RealImages:
        """The images of the run's data set."""
        return real_images(self.spec, self.options.data, self.options.split)

    @cached_property
    def scorer(self) -> Scorer:
        return Scorer(self.extractor, self.real, self.progress)

    def scores(self, step: int | None = None) -> list[ScoreRow]:
        """Return scores of the checkpoint, or of the weights after `step`."""
        subject = self.subject(step)
        subjects, metrics = [subject], self.metrics_for(subject)
        if self.options.real:
            subjects.append(unchanged_images(choose_images(self.real, subject.count)))
        for each in subjects:
            self.scorer.applicable(metrics, each)  # an error is raised before the first scores
        return [row for each in subjects for row in self.scorer.scores(each, metrics)]

    def metrics_for(self, subject: Subject) -> tuple[Metric, ...]:
        """Return the metrics of the options, or the default ones that apply."""
        if self.options.metrics is not None:
            return self.options.metrics
        kinds = metric_kinds()
        if subject.of == "real" or self.options.conditions is not None:
            return (kinds["accuracy"](),)
        metrics = [kinds[name]() for name in DEFAULTS]
        fitting = [m for m in metrics if not m.refusal(self.extractor.classes, subject.labels)]
        return tuple(fitting or metrics[-1:])

    def subject(self, step: int | None) -> Subject:
        """Return the images to score."""
        if self.spec.draws:
            return self._drawn(step)
        if self.spec.restores:
            return self._restored(self.spec.restores, step)
        if step is not None:
            raise RunError(f"{self.folder} trains a classifier, of which the checkpoint is scored")
        count = self.options.images or len(self.dataset)
        subject = unchanged_images(choose_images(self.dataset, count))
        return self._of_raw_weights(subject, load_weights(self.run).step)

    def _drawn(self, step: int | None) -> Subject:
        """Return images that the generator draws for the labels of real images or of a file."""
        options = self.options
        sampler = Sampler(self.folder, options.device, step, False if options.raw else None)
        count = options.images or IMAGES
        if options.conditions is not None:
            labels = sampler.ask(options.conditions)
            count = options.images or len(labels)
            label_source: str | None = Path(options.conditions).name
        else:
            label_source = use_labels_of(self.real, sampler, self.spec, count)
        return replace(
            drawn_images(sampler, count, options.seed or 0, label_source),
            names=tuple(sampler.names),
            step=sampler.step,
            epoch=self.epoch(sampler.step),
            weights="average" if sampler.averaged else "raw",
        )

    def _restored(self, key: str, step: int | None) -> Subject:
        """Return real images as the run's autoencoder restores them."""
        options = self.options
        weights = load_weights(self.run, step)
        network, cfg = trained_network(self.run, key, weights, options.device)
        restorer = Restorer(self.spec, network, cfg, options.device)
        count = options.images or IMAGES
        subject = restored_images(restorer, self.dataset, count, options.seed or 0)
        return self._of_raw_weights(subject, weights.step)

    def _of_raw_weights(self, subject: Subject, step: int) -> Subject:
        return replace(subject, step=step, epoch=self.epoch(step), weights="raw")

    def epoch(self, step: int) -> int | None:
        """Return the number of finished epochs after `step`; None if unknown."""
        epochs = read_record(self.folder).epochs
        return None if epochs is None else max(0, int(epochs.of(step)))

    def steps(self) -> list[int]:
        """Return the steps of the snapshots and of the checkpoint."""
        return sorted({*self.run.snapshots(), load_weights(self.run).step})


def real_images(spec: Spec, data: Path | None, split: str | None) -> RealImages:
    """Return a spec's real images; held-out ones, if any, for systems that draw no images."""
    if split is None and not spec.draws and spec.data.dataset.test_reader():
        split = "test"
    return open_real(spec.data, data, split)


def use_labels_of(real: RealImages, source: Source, spec: Spec, count: int) -> str | None:
    """Set the labels of `source` to those of `count` evenly spaced real images.

    If the real images have none, it keeps those of the run's grid. Return the labels' origin, such
    as `test images`; None if the source has no labels.
    """
    if source.labels is None:
        return None
    if real.labels is None or spec.labelled is None:
        return "the run's grid"
    labels = fit_labels(real.labels, spec.labelled, "condition", spec.data.dataset)
    source.labels = labels[torch.arange(count) * len(labels) // count]
    return f"{real.split} images"


def folder_scores(
    images: Path, options: EvaluationOptions, progress: PassProgress = silent
) -> list[ScoreRow]:
    """Return scores of the pictures in a folder, compared with those in `options.reference`."""
    options.refuse("a folder of images", *OF_A_RUN)
    name, path = options.extractor or "inception", options.inception_weights
    extractor = open_extractor(name, options.device, options.layer, path)
    pictures = open_folder(images)
    default = metric_kinds()["fid" if options.reference else "inception_score"]
    metrics = options.metrics or (default(),)
    if not options.reference and (paired := [m.kind for m in metrics if m.paired]):
        raise MetricError(f"{paired[0]} compares with other images: name them with --reference")
    real = open_folder(options.reference) if options.reference else pictures
    subject = unchanged_images(pictures, "generated")
    return Scorer(extractor, real, progress).scores(subject, metrics)
