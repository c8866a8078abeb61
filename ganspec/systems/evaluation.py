"""The section `evaluate`: the scores that are measured during a training."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ganspec.kinds.metric import Metric
from ganspec.language.section import Section
from ganspec.systems.protocol import ImagesField, ReferencesField, ResizeField, SplitField
from ganspec.systems.schedule import Epochs


class Evaluation(Section):
    """Scores that `ganspec train` measures at epochs' ends, and `ganspec evaluate` by default.

    They do not change the training, and the emitted file does not measure them. The weights with
    the best score of the first metric are kept in the run's `snapshots/`. A condition that is left
    out, such as `images`, is taken from the first claim under `report.scores` that states it, among
    those about generated images and one of the metrics; claims whose `note` names a file of labels
    are not read. Without such a claim, 10,000 images are compared with all images of the split that
    the spec trains on, those of an autoencoder with the test split, if the data set has one.
    """

    metrics: tuple[Metric, ...] = Field(min_length=1, description="metrics, such as `[fid, kid]`")
    every: Epochs = Field(
        1, description="epochs from one evaluation to the next, or a list of epochs"
    )
    images: ImagesField = None
    references: ReferencesField = None
    split: SplitField = None
    resize: ResizeField = None
    extractor: str = Field(
        "inception",
        max_length=500,
        description="feature extractor: `inception`, the run folder of a classifier, or its spec "
        "file",
    )
    weights: Annotated[str, Field(max_length=500)] | None = Field(
        None, description="file of the weights, if `extractor` is a spec file"
    )
    layer: Annotated[str, Field(max_length=200)] | None = Field(
        None,
        description="layer whose output is the features; if not given, the last linear layer's or "
        "convolution's input",
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        0, description="seed of the images, and of the choice of `references`"
    )
