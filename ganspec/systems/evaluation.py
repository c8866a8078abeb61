"""The section `evaluate`: the scores that are measured during a training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ganspec.kinds.metric import Metric
from ganspec.language.section import Section
from ganspec.language.types import Count


class Evaluation(Section):
    """Scores that `ganspec train` measures at epochs' ends, and `ganspec evaluate` by default.

    They change nothing in the training, and are no part of the emitted file. The weights with the
    best score of the first metric are kept in the run's `snapshots/`.
    """

    metrics: tuple[Metric, ...] = Field(min_length=1, description="which, such as `[fid, kid]`")
    every: Count = Field(1, description="epochs from one evaluation to the next")
    images: Count = Field(10_000, description="images that are generated each time")
    extractor: str = Field(
        "inception",
        max_length=500,
        description="whose features: `inception`, or the folder of a classifier's run",
    )
    layer: Annotated[str, Field(max_length=200)] | None = Field(
        None, description="layer that gives the features; the last but one if not given"
    )
    split: Literal["train", "test"] | None = Field(
        None, description="real images to score against; those of `data` if not given"
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(0, description="what images are drawn from")
