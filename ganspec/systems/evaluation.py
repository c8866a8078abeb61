"""The section `evaluate`: the scores that are measured during a training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ganspec.kinds.metric import Metric
from ganspec.language.section import Section
from ganspec.language.types import Count


class Evaluation(Section):
    """Scores that `ganspec train` measures at epochs' ends, and `ganspec evaluate` by default.

    They do not change the training, and the emitted file does not measure them. The weights with
    the best score of the first metric are kept in the run's `snapshots/`.
    """

    metrics: tuple[Metric, ...] = Field(min_length=1, description="metrics, such as `[fid, kid]`")
    every: Count = Field(1, description="epochs from one evaluation to the next")
    images: Count = Field(10_000, description="images generated for each evaluation")
    extractor: str = Field(
        "inception",
        max_length=500,
        description="feature extractor: `inception`, or the run folder of a classifier",
    )
    layer: Annotated[str, Field(max_length=200)] | None = Field(
        None, description="layer whose output is the features; the last but one if not given"
    )
    split: Literal["train", "test"] | None = Field(
        None, description="split of real images to score against; that of `data` if not given"
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(0, description="seed of the images")
