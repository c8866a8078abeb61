"""The section `report`: the publication of an architecture, and its claims."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field, ValidationInfo

from ganspec.kinds.metric import metric_kinds
from ganspec.language.errors import quoted
from ganspec.language.fields import Family, Matches
from ganspec.language.parts import PATH
from ganspec.language.section import Section
from ganspec.language.types import Count, Doc, Name, Number, Positive, refusal
from ganspec.plots.log import LOOKS, Column, Epochs, joined
from ganspec.systems.protocol import ImagesField, ReferencesField, ResizeField, SplitField

NAMES = [name for kind in metric_kinds().values() for name in kind.names]
METRICS = Literal[tuple(NAMES)]  # type: ignore[valid-type]  # names known at run time only
TIMES = ("step", "epoch", "iteration")  # columns that say when the others were measured
COLUMNS = Literal[(*TIMES, *LOOKS)]  # type: ignore[valid-type]  # as above
WARNINGS = Literal["range-mismatch", "batch-norm-penalty"]  # codes that `keeps` may name


def _check_path(path: str) -> str:
    if not PATH.fullmatch(path):
        help = "write names with dots between them, such as `train.batch`"
        raise refusal("bad-value", f"{quoted(path)} is not a path of names", help)
    return path


PartPath = Annotated[str, AfterValidator(_check_path), Matches(f"^{PATH.pattern}$")]

NetworkName = Annotated[Name, Family("network")]


class Counts(Section):
    """Claimed parameter counts of one network; `total` includes buffers, as Keras counts."""

    total: Count | None = Field(None, description="all numbers that the network stores")
    trainable: Count | None = Field(None, description="numbers that training changes")
    buffers: Annotated[int, Field(ge=0)] | None = Field(
        None, description="other numbers, such as running statistics; Keras's non-trainable"
    )


class Score(Section):
    """A claimed score and its conditions.

    Claimed scores are never checked. They are shown beside measured ones.
    """

    metric: METRICS = Field(  # type: ignore[valid-type]  # as above
        description="name of the metric; an accuracy is in percent"
    )
    value: Number = Field(description="the score")
    relation: Literal["=", "<", ">"] = Field(
        "=", description="`<` or `>` if the report states only a bound"
    )
    deviation: Positive | None = Field(None, description="number printed after the plus-minus")
    of: Literal["generated", "real"] = Field("generated", description="the images that were scored")
    images: ImagesField = None
    references: ReferencesField = None
    split: SplitField = None
    resize: ResizeField = None
    extractor: Literal["inception", "classifier"] | None = Field(
        None, description="the network that computes features: InceptionV3, or another classifier"
    )
    epoch: Count | None = Field(None, description="epochs trained before the score")
    note: Doc = Field("", description="other conditions of the score")


def _check_columns(columns: tuple[str, ...]) -> tuple[str, ...]:
    if repeated := [name for name in columns if columns.count(name) > 1]:
        raise refusal("bad-value", f"`{repeated[0]}` is named twice", "name each column once")
    times = {name for name in columns if name in TIMES}
    if times not in ({"step"}, {"epoch"}, {"epoch", "iteration"}):
        message = "the time of a row is told by `step`, by `epoch`, or by `epoch` and `iteration`"
        raise refusal("bad-value", message, "let `columns` have one of these three, and no other")
    if len(times) == len(columns):
        help = f"name columns of the log: {', '.join(LOOKS)}"
        raise refusal("bad-value", "the columns hold no loss and no accuracy", help)
    return columns


def _check_rows(
    rows: tuple[tuple[float, ...], ...], info: ValidationInfo
) -> tuple[tuple[float, ...], ...]:
    columns = (info.data or {}).get("columns", ())  # pydantic leaves out columns that are wrong
    for count, row in enumerate(rows if columns else (), 1):
        shown = f"row {count}, [{', '.join(f'{number:g}' for number in row)}],"
        if len(row) != len(columns):
            message = f"{shown} has {len(row)} numbers for {len(columns)} columns"
            raise refusal("bad-value", message, f"write {', '.join(columns)}")
        for name, number in zip(columns, row, strict=True):
            if name in TIMES and (number < 1 or number != int(number)):
                help = f"write each {name} as a whole number from 1 on"
                raise refusal("bad-value", f"{shown} is at {name} {number:g}", help)
    return rows


class LogTable(Section):
    """Rows of a training's log as printed, with the names and units of ganspec's own logs.

    A row is at a training step, at the end of an epoch, or at an iteration of an epoch. All three
    count from 1; steps include a warm-up. Accuracies are shares from 0 to 1.
    """

    columns: Annotated[tuple[COLUMNS, ...], AfterValidator(_check_columns)] = Field(
        min_length=1,
        description="what the numbers of each row are, in order: `step`, `epoch`, or `epoch` and "
        f"`iteration`; and {', '.join(f'`{name}`' for name in LOOKS)}",
    )
    rows: Annotated[tuple[tuple[Number, ...], ...], AfterValidator(_check_rows)] = Field(
        min_length=1, description="a list of numbers for each row"
    )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns of losses and accuracies."""
        return tuple(name for name in self.columns if name not in TIMES)

    def series(self, epochs: Epochs | None) -> dict[str, Column]:
        """Return the columns of losses and accuracies by name, over training steps.

        `epochs` converts epochs to steps. If it is None and the table has no `step`, return {}.
        """
        by_name = dict(zip(self.columns, np.asarray(self.rows, float).T, strict=True))
        if "step" in by_name:
            steps = by_name["step"]
        elif epochs is None:
            return {}
        elif "iteration" in by_name:
            starts = [epochs.step(epoch - 1) for epoch in by_name["epoch"]]
            steps = np.asarray(starts) + by_name["iteration"]
        else:
            steps = np.asarray([epochs.step(epoch) for epoch in by_name["epoch"]])
        return {name: Column(steps, by_name[name]) for name in self.names}


class Report(Section):
    """The publication of the architecture, and its claims; `ganspec check` verifies counts."""

    cite: Doc = Field("", description="where the architecture was published")
    params: dict[NetworkName, Count | Counts] = Field(
        {}, description="claimed numbers of parameters by network: a total, or a map of counts"
    )
    layers: dict[NetworkName, tuple[Count, ...]] = Field(
        {},
        description="claimed counts by network: one for each layer that has parameters, in order",
    )
    scores: tuple[Score, ...] = Field((), description="claimed scores")
    log: tuple[LogTable, ...] = Field(
        (), description="claimed losses and accuracies: tables of the training's log as printed"
    )
    keeps: dict[WARNINGS, Doc] = Field(
        {},
        description="warnings that the spec keeps on purpose: the code of each, and the reason",
    )
    implied: tuple[PartPath, ...] = Field(
        (), description="paths of the values that the publication does not print"
    )
    notes: tuple[Doc, ...] = Field((), description="other claims of the report")

    def log_columns(self, epochs: Epochs | None) -> dict[str, Column]:
        """Return the claimed columns of the log by name, over training steps.

        `epochs` converts epochs to steps. If it is None, only tables with a `step` are read.
        """
        parts: dict[str, list[Column]] = {}
        for table in self.log:
            for name, column in table.series(epochs).items():
                parts.setdefault(name, []).append(column)
        return {name: joined(columns) for name, columns in parts.items()}
