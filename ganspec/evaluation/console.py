"""The work of `ganspec evaluate`: measure scores, describe them in lines, write them into a run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from ganspec.evaluation.options import EvaluationOptions
from ganspec.evaluation.runs import Evaluator, folder_scores, real_scores
from ganspec.evaluation.score_table import by_epoch, describe, nearest_claim, plot
from ganspec.kinds.metric import Metric, MetricError, metric_kinds
from ganspec.language.errors import nearest, printable
from ganspec.progress import Passes
from ganspec.runs.opening import names_spec, open_spec
from ganspec.runs.record import RunRecord, read_record
from ganspec.runs.run import RunError
from ganspec.runs.score_file import NAME, ScoreRow, append_scores
from ganspec.scores.matching import differences
from ganspec.systems.protocol import References, Resize, Split
from ganspec.training.device import choose_device

WORDS = {"split": get_args(Split), "resize": get_args(Resize)}  # possible values, by option


def parse_options(
    metrics: list[str] | None, device: str, references: str | None, **options: Any
) -> EvaluationOptions:
    """Return the options of the command line as EvaluationOptions.

    `metrics` are names of metrics or of their scores; [] or None for the default. `references` is a
    number as text, `equal` or None. The other `options` are fields of EvaluationOptions. Raises
    MetricError for an unknown metric and RunError for other mistakes.
    """
    for name, words in WORDS.items():
        if options.get(name) not in (None, *words):
            raise RunError(f"--{name} is {' or '.join(words)}, not `{printable(options[name])}`")
    count: References | None = None
    if references == "equal":
        count = "equal"
    elif references is not None:
        if not references.isdecimal() or int(references) < 1:
            shown = printable(references)
            raise RunError(f"--reference-count is `equal` or a number from 1 on, not `{shown}`")
        count = int(references)
    return EvaluationOptions(
        find_metrics(metrics or []), device=choose_device(device), references=count, **options
    )


def find_metrics(names: list[str]) -> tuple[Metric, ...] | None:
    """Return the metrics of these names, which are kinds of metrics or names of their scores.

    Return None if `names` is empty. Raises MetricError for an unknown name.
    """
    kinds = metric_kinds()
    metrics = {}
    for name in names:
        kind = next((k for k in kinds.values() if name in (k.kind, *k.names)), None)
        if kind is None:
            close = nearest(name, kinds)
            advice = f"try `{close}`" if close else f"use {', '.join(sorted(kinds))}"
            if "," in name:
                advice = f"repeat the option, as {' '.join(f'-m {n}' for n in name.split(','))}"
            raise MetricError(f"no metric is called `{name}`: {advice}")
        metrics[kind.kind] = kind()
    return tuple(metrics.values()) or None


@dataclass(frozen=True)
class Evaluated:
    """Measured scores, and lines of text that describe them.

    `record` has the spec whose claims they are compared with; None without a spec.
    """

    rows: list[ScoreRow]
    lines: list[str]
    record: RunRecord | None = None

    def as_json(self) -> str:
        """Return the scores as JSON, each with its conditions and the nearest claim of the spec."""
        return json.dumps({"scores": [self._entry(row) for row in self.rows]}, indent=2)

    def _entry(self, row: ScoreRow) -> dict[str, Any]:
        shown = None
        if claim := nearest_claim(row, self.record):
            shown = claim.model_dump(mode="json", exclude_none=True)
            shown["differs"] = differences(claim, row)
        return {**asdict(row), "claim": shown}


def evaluate(
    folder: Path | None,
    pictures: Path | None,
    options: EvaluationOptions,
    every: bool,
    step: int | None,
) -> Evaluated:
    """Score the run or the spec `folder`, or if it is None, the images in the folder `pictures`.

    `every` and `step` choose the weights of a run, as in `evaluate_run`.
    """
    if folder is None:
        assert pictures is not None
        with Passes() as progress:
            rows = folder_scores(pictures, options, progress)
        return Evaluated(rows, list(describe(rows, None)))
    if names_spec(folder):
        return evaluate_spec(folder, options)
    return evaluate_run(folder, options, every, step)


def evaluate_run(
    folder: Path, options: EvaluationOptions, every: bool, step: int | None
) -> Evaluated:
    """Score weights of a run. Write the scores into the run, and plot those of several steps.

    The weights are those after `step`, or the checkpoint's if it is None. With `every`, they are
    those of all snapshots and of the checkpoint.
    """
    rows: list[ScoreRow] = []
    with Passes() as progress:
        evaluator = Evaluator(folder, options, progress)
        for at in evaluator.steps() if every else [step]:
            scores = evaluator.scores(at, with_real=not rows)
            append_scores(folder, scores)
            rows += scores
    record, lines, shown = read_record(folder), [], rows
    if every:
        lines += by_epoch(rows)
        last = max(row.step for row in rows if row.step is not None)
        shown = [row for row in rows if row.step in (None, last)]
    lines += [*describe(shown, record), f"added to {folder / NAME}"]
    if (path := plot(folder)) is not None:
        lines.append(f"plotted in {path}")
    return Evaluated(rows, lines, record)


def evaluate_spec(path: Path, options: EvaluationOptions) -> Evaluated:
    """Score the real images of the spec in the file `path`.

    Raises RunError if neither `options.real` nor `options.halves` is set.
    """
    spec = open_spec(path)
    if not options.real and not options.halves:
        raise RunError(f"{spec.name} is a spec: score its real images with --real, or name its run")
    with Passes() as progress:
        rows = real_scores(spec, options, progress)
    record = RunRecord(path, spec=spec)
    return Evaluated(rows, list(describe(rows, record)), record)
