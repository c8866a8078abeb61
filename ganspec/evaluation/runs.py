"""Scores of a run's checkpoint and snapshots, of a folder's images, and of a spec's real images."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ganspec.comparison.phrases import article
from ganspec.evaluation.extractor import Extractor
from ganspec.evaluation.extractors import ExtractorChoice, open_shared
from ganspec.evaluation.options import DEFAULTS, OF_A_RUN, OF_DRAWING, OF_IMAGES, EvaluationOptions
from ganspec.evaluation.real_images import RealSide, drawn_references
from ganspec.evaluation.reference import open_folder
from ganspec.evaluation.scoring import PassProgress, Scorer, all_scores, refusal, silent
from ganspec.evaluation.subject import (
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
from ganspec.systems.batches import spaced
from ganspec.systems.labels import fit_labels
from ganspec.systems.restorer import Restorer
from ganspec.systems.source import Source
from ganspec.systems.spec import Spec


def meaningless_options(spec: Spec) -> tuple[str, ...]:
    """Return the names of the options that do not apply to runs of the spec's system."""
    if spec.draws:
        return ()
    return OF_DRAWING if spec.restores else (*OF_DRAWING, *OF_IMAGES)


class Evaluator(RealSide):
    """The evaluation of a run, whose snapshots are all compared with the same references.

    The references go through the extractor at most once. Raises RunError, DataError,
    ExtractorError, FidelityError and CheckpointError.
    """

    def __init__(self, folder: Path, options: EvaluationOptions, progress: PassProgress = silent):
        self.run, self.folder = Run.open(folder), folder
        spec = self.run.spec
        options.refuse(f"a run of {article(spec.noun)}", *meaningless_options(spec))
        if options.reference is not None:
            unread = () if _reads_data(options, spec) else ("data",)
            options.refuse("a folder of real images", "split", *unread)
        completed = _completed(options, spec)
        options.refuse_beside(_known_metrics(completed, spec), *_only_compared(options, spec))
        self.given = options
        choice = completed.choice
        if spec.predicts:
            choice = ExtractorChoice(str(folder))
        super().__init__(
            spec, completed, open_shared(choice, options.device, options.ranks), progress
        )

    def scores(self, step: int | None = None, with_real: bool = True) -> list[ScoreRow]:
        """Return the scores of the weights after `step`; None is the step of the checkpoint.

        Scores of real images, which the options may ask for, are left out without `with_real`.
        """
        subject = self.subject(step)
        metrics = _known_metrics(self.options, self.spec)
        if metrics is None:
            metrics = default_metrics(self.extractor, subject.labels)
        if subject.seed is None and not self.draws_real(metrics):
            self.given.refuse("images that no seed draws", "seed")
        pairs = [(self.scorer(subject.count), subject)]
        if with_real and (self.options.real or self.options.halves):
            pairs += self.real_subjects(subject.count, metrics)
        return all_scores(pairs, metrics)

    def subject(self, step: int | None) -> Subject:
        """Return the images that the weights after `step` draw or restore.

        None is the step of the checkpoint. For a classifier, return the real images to test it on,
        and raise RunError if `step` is not None, since only its checkpoint is scored.
        """
        if self.spec.draws:
            return self._drawn(step)
        if self.spec.restores:
            return self._restored(self.spec.restores, step)
        if step is not None:
            message = f"{self.folder} trains a classifier, of which only the checkpoint is scored"
            raise RunError(f"{message}: leave --step or --every-snapshot out")
        self._require(len(self.dataset), "test")
        count = self.options.images or len(self.dataset)
        subject = unchanged_images(choose_images(self.dataset, count))
        return self._of_raw_weights(subject, load_weights(self.run).step)

    def _drawn(self, step: int | None) -> Subject:
        """Return images that the generator draws with the weights after `step`.

        They are drawn for the labels that `options.conditions` names, or else for those that
        `use_labels_of` sets.
        """
        options = self.options
        sampler = Sampler(self.folder, options.device, step, options.raw, options.ranks)
        count = options.image_count
        if options.conditions is not None:
            labels = sampler.ask(options.conditions)
            count = options.images or len(labels)
            label_source: str | None = Path(options.conditions).name
        else:
            label_source = use_labels_of(self, sampler, count)
        return replace(
            drawn_images(sampler, count, options.seed or 0, label_source),
            names=tuple(sampler.names),
            step=sampler.step,
            epoch=self.epoch(sampler.step),
            weights="average" if sampler.averaged else "raw",
        )

    def _restored(self, key: str, step: int | None) -> Subject:
        """Return real images, restored by the run's network `key` with its weights after `step`."""
        options = self.options
        self._require(len(self.dataset), "restore")
        weights = load_weights(self.run, step)
        network, cfg = trained_network(self.run, key, weights, options.device)
        restorer = Restorer(self.spec, network, cfg, options.device)
        subject = restored_images(restorer, self.dataset, options.image_count, options.seed or 0)
        return self._of_raw_weights(subject, weights.step)

    def _require(self, available: int, use: str) -> None:
        """Raise RunError if the command asks for more images than are `available` to `use`."""
        asked = self.given.images
        if asked is not None and asked > available:
            message = f"there are {available:,} images to {use}, not {asked:,}"
            raise RunError(f"{message}: give -n {available}")

    def _of_raw_weights(self, subject: Subject, step: int) -> Subject:
        return replace(subject, step=step, epoch=self.epoch(step), weights="raw")

    def epoch(self, step: int) -> int | None:
        """Return the number of epochs finished by `step`; None if their length is unknown."""
        epochs = read_record(self.folder).epochs
        return None if epochs is None else max(0, int(epochs.of(step)))

    def steps(self) -> list[int]:
        """Return the steps of the snapshots and of the checkpoint, in ascending order."""
        return sorted({*self.run.snapshots(), load_weights(self.run).step})


def use_labels_of(side: RealSide, source: Source, count: int) -> str | None:
    """Set the labels of `source` to those of `count` evenly spaced images of the spec's data set.

    If the images have no labels, `source` keeps the labels of the run's grid of samples.
    Return the origin of its labels, such as `test images` or `the run's grid`; None if it reads no
    labels.
    """
    if source.labels is None:
        return None
    spec = side.spec
    if spec.labelled is None or (real := side.dataset).labels is None:
        return "the run's grid"
    dataset = spec.data.dataset
    labels = fit_labels(real.labels, spec.labelled, "condition", dataset, real.names)
    source.labels = labels[spaced(len(labels), count)]
    return f"{real.split} images"


def folder_scores(
    images: Path, options: EvaluationOptions, progress: PassProgress
) -> list[ScoreRow]:
    """Return scores of the pictures in the folder `images`.

    Paired metrics compare them with the pictures in the folder `options.reference`. Raises
    MetricError if it is missing for such a metric.
    """
    reads_seed = options.references is not None and options.reference is not None
    options.refuse("a folder of images", *(n for n in OF_A_RUN if n != "seed" or not reads_seed))
    default = metric_kinds()["fid" if options.reference else "inception_score"]
    metrics = options.metrics or (default(),)
    if not options.reference:
        options.refuse("a folder without --reference", "references")
        if paired := [m.kind for m in metrics if m.paired]:
            raise MetricError(f"{paired[0]} compares with other images: name them with --reference")
    options.refuse_beside(metrics, "reference")
    extractor = open_shared(options.choice, options.device, options.ranks)
    pictures = open_folder(images)
    real = open_folder(options.reference) if options.reference else pictures
    references = drawn_references(real, options, len(pictures))
    subject = unchanged_images(pictures, "generated")
    return Scorer(extractor, references, progress).scores(subject, metrics)


def _known_metrics(options: EvaluationOptions, spec: Spec) -> tuple[Metric, ...] | None:
    """Return the metrics for a run of `spec`; None if its images and the extractor decide."""
    if options.metrics is None and (spec.predicts or options.conditions is not None):
        return (metric_kinds()["accuracy"](),)
    return options.metrics


def _only_compared(options: EvaluationOptions, spec: Spec) -> Sequence[str]:
    """Return those of `reference` and `split` that are read only to compare images with real ones.

    `split` also selects the images that a network restores or classifies, and the labels that a
    generator reads. Both also select the real images to score.
    """
    if options.real or not (spec.draws or spec.restores):
        return ()
    return ("reference",) if _reads_data(options, spec) else ("reference", "split")


def _reads_data(options: EvaluationOptions, spec: Spec) -> bool:
    """Return True if a run reads the spec's images to restore them, or their labels to draw."""
    return bool(spec.restores or (spec.labelled and options.conditions is None))


def _completed(options: EvaluationOptions, spec: Spec) -> EvaluationOptions:
    """Return the options with the spec's values in place of None.

    Raises DataError for a wrong `data`, before an extractor's weights are downloaded.
    """
    if options.data is not None:
        spec.data.dataset.locate(options.data)
    return options.with_defaults(spec)


def real_scores(spec: Spec, options: EvaluationOptions, progress: PassProgress) -> list[ScoreRow]:
    """Return scores of a spec's real images, by the options' metrics or the default ones."""
    options.refuse("a spec's real images", *OF_DRAWING, "reference")
    completed = _completed(options, spec)
    options.refuse_beside(completed.metrics)
    extractor = open_shared(completed.choice, options.device, options.ranks)
    side = RealSide(spec, completed, extractor, progress)
    metrics = completed.metrics or default_metrics(extractor, side.dataset.labels)
    if not side.draws_real(metrics):
        options.refuse("images that no seed draws", "seed")
    return all_scores(side.real_subjects(completed.image_count, metrics), metrics)


def default_metrics(extractor: Extractor, labels: torch.Tensor | None) -> tuple[Metric, ...]:
    """Return the default metrics that apply to images with `labels`.

    Warn of those that would apply if the extractor's weights had logits. If none applies, return
    the last one, so that the scorer refuses it with a reason.
    """
    kinds, metrics = metric_kinds(), []
    for name in DEFAULTS:
        metric = kinds[name]()
        if metric.refusal(extractor.classes, labels):
            continue
        if reason := refusal(metric, extractor, labels):
            warnings.warn(f"left out: {reason}", stacklevel=2)
        else:
            metrics.append(metric)
    return tuple(metrics) or (metric,)
