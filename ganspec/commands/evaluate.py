"""`ganspec evaluate`: score a run or a folder of images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganspec.console import fail, reported

EXAMPLE = "ganspec evaluate runs/dcgan_fashion --extractor runs/classifier_fashion -n 10000"


RunFolder = Annotated[Path | None, typer.Argument(metavar="[RUN]", help="Run folder.")]
Metrics = Annotated[
    list[str] | None,
    typer.Option("-m", "--metric", help="fid, inception_score, kid, ...; may be repeated."),
]
Count = Annotated[int | None, typer.Option("-n", min=1, help="Images to generate (10,000).")]
Extractor = Annotated[
    str | None, typer.Option(help="inception, or the run folder of a classifier.")
]
Layer = Annotated[
    str | None, typer.Option(help="Layer of the extractor: layers.5, or -3 from the end.")
]
InceptionWeights = Annotated[
    Path | None, typer.Option(help="File of InceptionV3's weights; also $GANSPEC_INCEPTION.")
]
Split = Annotated[str | None, typer.Option(help="Real images to score against: train or test.")]
Conditions = Annotated[
    str | None, typer.Option(help="Labels to draw images for: a file such as test.json, or `3`.")
]
Pictures = Annotated[
    Path | None, typer.Option("--images", help="Folder of images to score, instead of a run.")
]
Reference = Annotated[
    Path | None, typer.Option(help="Folder of real images, instead of the data set.")
]
Every = Annotated[bool, typer.Option("--every-snapshot", help="Score each snapshot, in a table.")]
Raw = Annotated[
    bool, typer.Option("--raw", help="Score the weights as trained, not their average.")
]
Seed = Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Seed of the images (0).")]


def evaluate(
    folder: RunFolder = None,
    metrics: Metrics = None,
    images: Count = None,
    extractor: Extractor = None,
    layer: Layer = None,
    inception_weights: InceptionWeights = None,
    split: Split = None,
    conditions: Conditions = None,
    pictures: Pictures = None,
    reference: Reference = None,
    real: Annotated[bool, typer.Option("--real", help="Score real images, too.")] = False,
    every: Every = False,
    step: Annotated[int | None, typer.Option(min=0, help="Score a step's snapshot.")] = None,
    raw: Raw = False,
    seed: Seed = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Score the images of a run or of a folder: FID, Inception Score and other metrics."""
    options = {
        k: v for k, v in locals().items() if k not in ("folder", "pictures", "every", "step")
    }
    if (folder is None) == (pictures is None):
        fail("name a run folder, or a folder of images with --images and --reference")
    if pictures is not None and (every or step is not None):
        fail("--every-snapshot and --step choose among a run's weights: leave them out")
    if every and step is not None:
        fail("--every-snapshot scores all steps and --step one; choose")
    if split not in (None, "train", "test"):
        fail(f"no split is called `{split}`: use train or test")
    with reported():
        from ganspec.evaluation import console

        parsed = console.parse_options(**options)
        if folder is not None:
            lines = console.evaluate_run(folder, parsed, every, step)
        elif pictures is not None:
            lines = console.evaluate_folder(pictures, parsed)
        for line in lines:
            typer.echo(line)
