"""Run `ganspec evaluate`: show progress, print scores, write them into the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from ganspec.evaluation.options import EvaluationOptions
from ganspec.evaluation.runs import Evaluator, folder_scores, real_scores
from ganspec.evaluation.score_table import by_epoch, describe, plot
from ganspec.kinds.metric import Metric, MetricError, metric_kinds
from ganspec.language.errors import nearest, printable
from ganspec.progress import Passes
from ganspec.runs.record import RunRecord, read_record
from ganspec.runs.run import RunError
from ganspec.runs.score_file import NAME, ScoreRow, append_scores
from ganspec.streams import is_input
from ganspec.systems.load import load
from ganspec.systems.protocol import References, Resize, Split
from ganspec.training.device import choose_device

WORDS = {"split": get_args(Split), "resize": get_args(Resize)}  # of options


def parse_options(
    metrics: list[str] | None, device: str, references: str | None, **options: Any
) -> EvaluationOptions:
    """Return the command's options. Raises MetricError and RunError."""
    for name, words in WORDS.items():
        if options.get(name) not in (None, *words):
            given, known = printable(options[name]), " or ".join(words)
            raise RunError(f"--{name} is {known}, not `{given}`")
    count: References | None = None
    if references == "equal":
        count = "equal"
    elif references is not None:
        if not references.isdecimal() or int(references) < 1:
            given = printable(references)
            raise RunError(f"--reference-count is a number or `equal`, not `{given}`")
        count = int(references)
    return EvaluationOptions(
        find_metrics(metrics or []), device=choose_device(device), references=count, **options
    )


def find_metrics(names: list[str]) -> tuple[Metric, ...] | None:
    """Return the metrics whose kind or score has one of `names`; None for no names.

    Raises MetricError.
    """
    kinds = metric_kinds()
    metrics = {}
    for name in names:
        kind = next((k for k in kinds.values() if name in (k.kind, *k.names)), None)
        if kind is None:
            close = nearest(name, kinds)
            advice = f"try `{close}`" if close else f"use {', '.join(sorted(kinds))}"
            raise MetricError(f"no metric is called `{name}`: {advice}")
        metrics[kind.kind] = kind()
    return tuple(metrics.values()) or None


def evaluate(
    folder: Path | None,
    pictures: Path | None,
    options: EvaluationOptions,
    every: bool,
    step: int | None,
) -> list[str]:
    """Score a run, a spec or a folder of pictures. Return lines that describe the scores."""
    if folder is None:
        assert pictures is not None
        return list(evaluate_folder(pictures, options))
    if is_input(folder):
        return list(evaluate_spec(folder, options))
    return list(evaluate_run(folder, options, every, step))


def evaluate_run(
    folder: Path, options: EvaluationOptions, every: bool, step: int | None
) -> Iterator[str]:
    """Score a run and write the scores into it. Yield lines that describe them."""
    rows: list[ScoreRow] = []
    with Passes() as progress:
        evaluator = Evaluator(folder, options, progress)
        for at in evaluator.steps() if every else [step]:
            scores = evaluator.scores(at)
            append_scores(folder, scores)
            rows += scores
    if every:
        yield from by_epoch(rows)
        last = rows[-1].step
        rows = [row for row in rows if row.step in (None, last)]
    yield from describe(rows, read_record(folder))
    yield f"added to {folder / NAME}"
    if (path := plot(folder)) is not None:
        yield f"plotted in {path}"


def evaluate_folder(images: Path, options: EvaluationOptions) -> Iterator[str]:
    """Score a folder of images. Yield lines that describe the scores."""
    with Passes() as progress:
        rows = folder_scores(images, options, progress)
    yield from describe(rows, None)


def evaluate_spec(path: Path, options: EvaluationOptions) -> Iterator[str]:
    """Score the real images of a spec. Yield lines that describe the scores."""
    spec = load(path)
    if not options.real and not options.halves:
        raise RunError(f"{spec.name} is a spec: score its real images with --real, or name its run")
    with Passes() as progress:
        rows = real_scores(spec, options, progress)
    yield from describe(rows, RunRecord(path, spec=spec))
