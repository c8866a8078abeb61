"""`ganspec evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganspec.console import fail, reported

EXAMPLE = "ganspec evaluate runs/dcgan_fashion --extractor runs/classifier_fashion -n 10000"


RunFolder = Annotated[Path | None, typer.Argument(metavar="[RUN]", help="Run folder.")]
Metrics = Annotated[
    list[str] | None,
    typer.Option("-m", "--metric", help="fid, inception_score, kid, ...; several times."),
]
Count = Annotated[int | None, typer.Option("-n", min=1, help="Images to generate; 10,000 if none.")]
Extractor = Annotated[
    str | None, typer.Option(help="Whose features: inception, or a classifier's run.")
]
Layer = Annotated[str | None, typer.Option(help="Layer of it: as layers.5, or -3 from the end.")]
InceptionWeights = Annotated[
    Path | None, typer.Option(help="File of InceptionV3's weights; also $GANSPEC_INCEPTION.")
]
Split = Annotated[str | None, typer.Option(help="Real images to score against: train or test.")]
Conditions = Annotated[
    str | None, typer.Option(help="Labels to ask for: a file as test.json, or as `3`.")
]
Pictures = Annotated[Path | None, typer.Option(help="Folder of images to score, not a run's.")]
Reference = Annotated[Path | None, typer.Option(help="Folder of real images, not the data set.")]
Every = Annotated[bool, typer.Option("--every-snapshot", help="Score each snapshot, in a table.")]
Raw = Annotated[bool, typer.Option("--raw", help="Not the average of the weights.")]
Seed = Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="What images are drawn from.")]


def evaluate(
    folder: RunFolder = None,
    metric: Metrics = None,
    count: Count = None,
    extractor: Extractor = None,
    layer: Layer = None,
    inception_weights: InceptionWeights = None,
    split: Split = None,
    conditions: Conditions = None,
    images: Pictures = None,
    reference: Reference = None,
    real: Annotated[bool, typer.Option("--real", help="Score real images, too.")] = False,
    every: Every = False,
    step: Annotated[int | None, typer.Option(min=0, help="Score a step's snapshot.")] = None,
    raw: Raw = False,
    seed: Seed = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Score a run's images by FID, Inception Score and others, or a folder's against another's."""
    if (folder is None) == (images is None):
        fail("name a run folder, or a folder of images with --images and --reference")
    if images is not None and (every or step is not None):
        fail("--every-snapshot and --step choose among a run's weights: leave them out")
    if every and step is not None:
        fail("--every-snapshot scores all steps and --step one; choose")
    if split not in (None, "train", "test"):
        fail(f"no split is called `{split}`: use train or test")
    with reported():
        from ganspec.evaluation import console
        from ganspec.evaluation.runs import Wanted
        from ganspec.training.device import choose_device

        wanted = [console.metrics_called(metric), count, extractor, layer, inception_weights]
        wanted += [split, seed, conditions, False if raw else None, real, data, reference]
        wanted = Wanted(*wanted, choose_device(device))
        console.evaluate(folder, images, wanted, every, step)
