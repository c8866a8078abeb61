"""The contents of a page about runs, from which HTML, Markdown and LaTeX are written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from ganspec.comparison.marking import is_marked
from ganspec.comparison.survey import SurveyRow, survey
from ganspec.comparison.surveyed import SurveyedSystem
from ganspec.compiler.lower import lower
from ganspec.language.errors import GanspecError
from ganspec.report.provenance import remarks
from ganspec.report.run_images import (
    FINAL_BYTES,
    STRIP_BYTES,
    Picture,
    final_picture,
    moments,
)
from ganspec.report.run_plots import OVERLAID, Plot, overlays, run_plots, score_plots
from ganspec.report.run_scores import ScoreLine, score_lines
from ganspec.report.table_data import NetworkData, described
from ganspec.runs.folder import NO_CHECKPOINT
from ganspec.runs.record import RunRecord
from ganspec.systems.claims import Counts
from ganspec.systems.implied import LEGEND, Implied

T = TypeVar("T")
# fields of a claim about numbers of parameters, and the words that a page has for them
COUNTS = {"total": "parameters", "trainable": "trainable", "buffers": "non-trainable"}


@dataclass(frozen=True)
class Count:
    """A claimed number of parameters of a network, and the number that the built network has.

    `what` is `parameters` if all are counted, or else `trainable` or `non-trainable`.
    """

    network: str
    what: str
    claimed: int
    built: int

    @property
    def agrees(self) -> bool:
        """True if the two numbers are equal."""
        return self.claimed == self.built


class RunView:
    """One run on a page; the names of its anchors and pictures begin with `key`, such as `run1`.

    `share`, more than 0 and at most 1, scales the number of bytes that each picture may have.
    """

    def __init__(self, record: RunRecord, key: str, share: float = 1):
        self.record, self.key, self.label, self.share = record, key, record.label, share

    @cached_property
    def final(self) -> Picture | None:
        """The run's newest picture that can be read, None if there is none."""
        return final_picture(self.record, int(FINAL_BYTES * self.share))

    @cached_property
    def moments(self) -> list[Picture]:
        """Pictures of the run, evenly chosen in their order; [] if fewer than two can be read."""
        return moments(self.record, int(STRIP_BYTES * self.share))

    @property
    def shown_moments(self) -> str:
        """A sentence about `moments`: how many there are, and how they were chosen."""
        shown, made = len(self.moments), len(self.record.samples)
        chosen = f"{shown} of {made} pictures"
        chosen += ", evenly chosen in their order" if shown < made else ""
        rows = self.record.form in ("draws", "restores")
        return f"{chosen}; the same images in each row." if rows else f"{chosen}."

    @cached_property
    def plots(self) -> list[Plot]:
        """A plot of the run's losses and a plot of its accuracies, if they are logged."""
        return run_plots(self.record)

    @property
    def lacks_accuracy(self) -> bool:
        """True if a network judges images, and the log has losses but not its accuracy."""
        names = self.record.columns
        return self.record.judges and bool(names) and "real_accuracy" not in names

    @cached_property
    def scores(self) -> list[ScoreLine]:
        """The rows of the table of claimed and measured scores."""
        return score_lines(self.record)

    @property
    def pictured(self) -> str:
        """A phrase that says what the run's pictures show: `The generator's images of ...`."""
        return self.record.spec.caption if self.record.spec else "The run's picture"

    def pictured_at(self, step: int) -> str:
        """Return what the run's picture after a step shows, and when it was made."""
        return f"{self.pictured}, {self.when(step)}"

    def when(self, step: int) -> str:
        """Return a training step as text: `step 400, epoch 2`.

        The epoch is left out in warm-up, or if the number of steps in an epoch is unknown.
        """
        epochs = self.record.epochs
        if epochs is None or step < epochs.warmup:
            return f"step {step:,}"
        return f"step {step:,}, epoch {epochs.of(step):,.4g}"

    @cached_property
    def built(self) -> tuple[dict[str, NetworkData], str | None]:
        """The spec's networks by name, as `show --json` prints them, and the spec's error.

        If the spec cannot be read or built, the networks are {}; otherwise the error is None.
        """
        spec = self.record.spec
        try:
            nets = described(spec, lower(spec))["networks"] if spec else {}
            return nets, self.record.complaint
        except GanspecError as error:
            return {}, str(error)

    @cached_property
    def provenance(self) -> list[tuple[str, list[str]]]:
        """Pairs of a title and lines: the spec's unknown parts, implied values and notes.

        [] if the spec cannot be read.
        """
        spec = self.record.spec
        return list(remarks(Implied(spec))) if spec else []

    @property
    def networks(self) -> dict[str, NetworkData]:
        """The spec's networks by name, as `show --json` prints them; {} if they cannot be built."""
        return self.built[0]

    @cached_property
    def counts(self) -> list[Count]:
        """The claimed numbers of parameters, each with the number that the built network has.

        Claims about counts that cannot be computed are left out.
        """
        counts = []
        claims = self.record.spec.report.params if self.record.spec else {}
        for name, claim in claims.items():
            built = self.networks[name]["params"] if name in self.networks else {}
            claim = claim if isinstance(claim, Counts) else Counts(total=claim)
            for what, title in COUNTS.items():
                claimed = getattr(claim, what)
                if claimed is not None and (count := built.get(what)) is not None:
                    counts.append(Count(name, title, claimed, count))
        return counts

    @cached_property
    def remarks(self) -> list[str]:
        """Sentences that warn of missing files, short training, changed settings and the like.

        [] if there is nothing to warn of.
        """
        record = self.record
        remarks = []
        if record.in_training:
            remarks.append("The run was in training, or had been killed, when this page was made.")
        if complaint := self.built[1]:
            remarks.append(f"Its spec cannot be used: {complaint.splitlines()[0]}")
        remarks += [remark] if (remark := self._length()) else []
        if record.settings:
            remarks.append(f"Changed from its spec file by: {'; '.join(record.settings)}.")
        if not record.scores and "test_accuracy" not in record.columns:
            remarks.append("No scores have been measured; ganspec evaluate measures them.")
        if record.lost_scores:
            remarks.append(f"Lines in scores.jsonl that contain no scores: {record.lost_scores}.")
        if not record.columns:
            remarks.append("Its log is empty: its training has not reached a step, or failed.")
        if self.final is None:
            remarks.append("It has no pictures.")
        if not record.run.checkpoint_path.is_file():
            remarks.append(f"It has {NO_CHECKPOINT}.")
        return remarks

    def _length(self) -> str:
        """Return a sentence if training was shorter than the spec says, else ""."""
        record = self.record
        if record.spec is None or record.epochs is None or not record.columns:
            return ""
        done, whole = record.epochs.of(record.last_step), record.spec.train.epochs
        if done >= whole:
            return ""
        return f"Trained for {max(done, 0):,.4g} of the {whole:,} epochs in its spec."


class ReportView:
    """All runs of a page, and the properties in which they differ or agree.

    `several` is True for two runs or more, `many` for more than OVERLAID runs.
    """

    def __init__(self, records: list[RunRecord]):
        self.records = records
        self.several, self.many = len(records) > 1, len(records) > OVERLAID
        share = min(1, OVERLAID / len(records))
        self.runs = [RunView(record, f"run{i + 1}", share) for i, record in enumerate(records)]
        labels = " / ".join(record.label for record in records)
        self.title = f"{len(records)} runs" if self.many else labels

    @cached_property
    def rows(self) -> list[SurveyRow]:
        """Properties of the specs, then of the runs, with a cell for each run; no empty rows."""
        return [row for row in (*self._properties(), *self._trainings()) if any(row.cells)]

    @property
    def uneven(self) -> list[SurveyRow]:
        """The rows in which the runs differ."""
        return [row for row in self.rows if not row.is_even]

    @property
    def even(self) -> list[SurveyRow]:
        """The rows in which all runs agree."""
        return [row for row in self.rows if row.is_even]

    @property
    def remarks(self) -> list[tuple[str, str]]:
        """Pairs of a run's label and all its remarks in one text, for runs that have remarks.

        If there are `many` runs, these are pairs of the labels of runs and one remark of them all.
        """
        if not self.many:
            return [(view.label, " ".join(view.remarks)) for view in self.runs if view.remarks]
        return self._shared((view, remark) for view in self.runs for remark in view.remarks)

    @property
    def without_accuracy(self) -> str:
        """The labels of the runs whose logs lack the discriminator's accuracy, "" if none does."""
        lacking = self._shared((view, True) for view in self.runs if view.lacks_accuracy)
        return "".join(who for who, _ in lacking)

    def _shared(self, pairs: Iterable[tuple[RunView, T]]) -> list[tuple[str, T]]:
        """Return each item once, with the labels of its runs before it: `dcgan, wgan`.

        If all of several runs have the item, `all runs` stands for their labels.
        """
        labels: dict[T, dict[str, None]] = {}  # in order, and once if a run has an item twice
        for view, item in pairs:
            labels.setdefault(item, {})[view.label] = None
        whole = len(self.runs)
        return [
            ("all runs" if len(names) == whole > 1 else ", ".join(names), item)
            for item, names in labels.items()
        ]

    @property
    def legend(self) -> str:
        """The sentence that explains the `*` of implied values, "" if no cell has a `*`."""
        return LEGEND if any(is_marked(cell) for row in self.rows for cell in row.cells) else ""

    def _properties(self) -> list[SurveyRow]:
        """Return the rows of the specs' properties, [] unless the networks of all can be built."""
        built = [view.record for view in self.runs if view.networks]
        systems = [SurveyedSystem(r.label, r.spec) for r in built if r.spec]
        if len(systems) < len(self.records):
            return []
        return [row for row in survey(systems).rows if row.section != "claims"]

    def _trainings(self) -> list[SurveyRow]:
        """Return the rows of the runs' last steps, seeds and environments."""

        def row(name: str, cells: list[str]) -> SurveyRow:
            return SurveyRow("run", name, tuple(cells))

        views, records = self.runs, self.records
        names = dict.fromkeys(name for record in records for name in record.environment)
        return [
            row("trained to", [view.when(view.record.last_step) for view in views]),
            row("seed", [str(r.spec.train.seed) if r.spec else "" for r in records]),
            *(row(name, [r.environment.get(name, "") for r in records]) for name in names),
        ]

    @cached_property
    def plots(self) -> list[Plot]:
        """Plots of a run's losses and accuracies; of several runs, of the columns of their logs."""
        return overlays(self.records) if self.several else self.runs[0].plots

    @cached_property
    def score_plots(self) -> list[Plot]:
        """Plots of the scores that were measured at several steps."""
        return score_plots(self.records)

    @property
    def score_lines(self) -> list[tuple[str, ScoreLine]]:
        """Pairs of the labels of runs and a line of scores that they share, grouped by metric."""
        lines = self._shared((view, line) for view in self.runs for line in view.scores)
        order = list(dict.fromkeys((line.metric, line.of) for _, line in lines))
        return sorted(lines, key=lambda pair: order.index((pair[1].metric, pair[1].of)))
