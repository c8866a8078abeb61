"""The section `report`: the publication of an architecture, and its claims."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ganspec.kinds.metric import Metric
from ganspec.language.kinds import kinds_of
from ganspec.language.section import Section
from ganspec.language.types import Count, Doc, Name, Number, Positive
from ganspec.systems.protocol import ImagesField, ReferencesField, ResizeField, SplitField

NAMES = [
    name for kind in kinds_of("metric").values() if issubclass(kind, Metric) for name in kind.names
]
METRICS = Literal[tuple(NAMES)]  # type: ignore[valid-type]  # names known at run time only
WARNINGS = Literal["range-mismatch", "batch-norm-penalty"]


class Counts(Section):
    """Claimed parameter counts of one network; `total` includes buffers, as Keras counts."""

    total: Count | None = Field(None, description="all numbers that the network stores")
    trainable: Count | None = Field(None, description="numbers that training changes")
    buffers: Annotated[int, Field(ge=0)] | None = Field(
        None, description="other numbers, such as running statistics; Keras's non-trainable"
    )


class Score(Section):
    """A claimed score and its conditions, which `ganspec evaluate` takes by default.

    Scores are never checked, only compared.
    """

    metric: METRICS = Field(  # type: ignore[valid-type]  # as above
        description="name of the metric; an accuracy is in percent"
    )
    value: Number = Field(description="the score")
    relation: Literal["=", "<", ">"] = Field("=", description="`<` or `>` for a bound")
    deviation: Positive | None = Field(None, description="number printed after the plus-minus")
    of: Literal["generated", "real"] = Field("generated", description="the images that were scored")
    images: ImagesField = None
    references: ReferencesField = None
    split: SplitField = None
    resize: ResizeField = None
    extractor: Literal["inception", "classifier"] | None = Field(
        None, description="the network of the features: InceptionV3, or a classifier of its own"
    )
    epoch: Count | None = Field(None, description="epochs trained before the score")
    note: Doc = Field("", description="other conditions of the score")


class Report(Section):
    """The publication of the architecture, and its claims; `check` verifies the counts."""

    cite: Doc = Field("", description="where the architecture was published")
    params: dict[Name, Count | Counts] = Field(
        {}, description="claimed parameters by network: the total, or a map of counts"
    )
    layers: dict[Name, tuple[Count, ...]] = Field(
        {},
        description="by network, the published count of every layer that has parameters, in order",
    )
    scores: tuple[Score, ...] = Field((), description="claimed scores")
    keeps: dict[WARNINGS, Doc] = Field(
        {},
        description="contradictions kept on purpose: the code of each warning, and the reason",
    )
    notes: tuple[Doc, ...] = Field((), description="other claims of the report")
