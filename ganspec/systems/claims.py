"""The section `report`: the publication of an architecture, and its claims."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ganspec.kinds.metric import Metric
from ganspec.language.errors import quoted
from ganspec.language.kinds import kinds_of
from ganspec.language.parts import PATH
from ganspec.language.section import Section
from ganspec.language.types import Count, Doc, Name, Number, Positive, refusal

NAMES = [
    name for kind in kinds_of("metric").values() if issubclass(kind, Metric) for name in kind.names
]
METRICS = Literal[tuple(NAMES)]  # type: ignore[valid-type]  # names known at run time only
WARNINGS = Literal["range-mismatch", "batch-norm-penalty"]


def _check_path(path: str) -> str:
    if not PATH.fullmatch(path):
        help = "write names with dots between them, such as `train.batch`"
        raise refusal("bad-value", f"{quoted(path)} is not a path of names", help)
    return path


PartPath = Annotated[str, AfterValidator(_check_path)]


class Counts(Section):
    """Claimed parameter counts of one network; `total` includes buffers, as Keras counts."""

    total: Count | None = Field(None, description="all numbers that the network stores")
    trainable: Count | None = Field(None, description="numbers that training changes")
    buffers: Annotated[int, Field(ge=0)] | None = Field(
        None, description="other numbers, such as running statistics; Keras's non-trainable"
    )


class Score(Section):
    """A claimed score and its conditions; scores are never checked, only compared."""

    metric: METRICS = Field(  # type: ignore[valid-type]  # as above
        description="name of the metric; an accuracy is in percent"
    )
    value: Number = Field(description="the score")
    relation: Literal["=", "<", ">"] = Field("=", description="`<` or `>` for a bound")
    deviation: Positive | None = Field(None, description="number printed after the plus-minus")
    of: Literal["generated", "real"] = Field("generated", description="the images that were scored")
    images: Count | None = Field(None, description="number of scored images")
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
    implied: tuple[PartPath, ...] = Field(
        (), description="paths of the values that the publication does not print"
    )
    notes: tuple[Doc, ...] = Field((), description="other claims of the report")
