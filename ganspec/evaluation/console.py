"""Run `ganspec evaluate`: show progress, print scores, write them into the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ganspec.evaluation.runs import Evaluator, Wanted, folder_scores
from ganspec.evaluation.score_table import by_epoch, described, plot
from ganspec.kinds.metric import Metric, MetricError
from ganspec.language.errors import nearest
from ganspec.language.kinds import kinds_of
from ganspec.progress import Progress
from ganspec.runs.record import read_record
from ganspec.runs.score_file import NAME, append_scores


def metrics_called(names: list[str] | None) -> tuple[Metric, ...] | None:
    """Return the metrics of these names, or that measure them. Raises MetricError."""
    if not names:
        return None
    kinds = kinds_of("metric")
    found = {}
    for name in names:
        kind = next((k for k in kinds.values() if name in (k.kind, *k.names)), None)
        if kind is None:
            close = nearest(name, kinds)
            raise MetricError(
                f"no metric is called `{name}`: "
                + (f"try `{close}`" if close else f"use {', '.join(sorted(kinds))}")
            )
        found[kind.kind] = kind()
    return tuple(found.values())


class Told:
    """Shows the progress of one pass over images after another."""

    def __init__(self):
        self.what, self.bar = None, None

    def __call__(self, what: str, done: int, total: int) -> None:
        if what != self.what:
            self.close()
            self.what, self.bar = what, Progress(what, "images").__enter__()
        self.bar(done, total, {})
        if done >= total:
            self.close()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.__exit__()
        self.what, self.bar = None, None


def evaluate(
    folder: Path | None, images: Path | None, wanted: Wanted, every: bool, step: int | None
) -> None:
    """Score the run in `folder`, or the folder `images`, and print the scores."""
    lines = evaluate_run(folder, wanted, every, step) if folder else evaluate_folder(images, wanted)
    for line in lines:
        print(line)


def evaluate_run(folder: Path, wanted: Wanted, every: bool, step: int | None) -> Iterator[str]:
    """Score a run, write the scores into it, and tell them line by line."""
    tell = Told()
    try:
        evaluator = Evaluator(folder, wanted, tell)
        rows = []
        for at in evaluator.steps() if every else [step]:
            found = evaluator.scores(at)
            append_scores(folder, found)
            rows += found
    finally:
        tell.close()
    shown = rows
    if every:
        yield from by_epoch(rows)
        last = rows[-1]["step"]
        shown = [row for row in rows if row["step"] in (None, last)]
    yield from described(shown, read_record(folder))
    yield f"added to {folder / NAME}"
    if (path := plot(folder)) is not None:
        yield f"plotted in {path}"


def evaluate_folder(images: Path, wanted: Wanted) -> Iterator[str]:
    """Score a folder of images, and tell the scores line by line."""
    tell = Told()
    try:
        rows = folder_scores(images, wanted, tell)
    finally:
        tell.close()
    yield from described(rows, None)
