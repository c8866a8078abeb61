"""`ganspec evaluate`: score a run, a spec's real images or a folder of images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganspec.commands.train import Processes, ended_at_once, ranks_on, share_out
from ganspec.console import (
    AsJson,
    DataFolder,
    Device,
    FactForm,
    FactFormOption,
    Quiet,
    chosen_form,
    fail,
    refuse_two_inputs,
    reported,
)
from ganspec.progress import quieted

EXAMPLE = "ganspec evaluate runs/dcgan_fashion --extractor runs/classifier_fashion -n 10000"

RunFolder = Annotated[
    Path | None,
    typer.Argument(metavar="RUN", help="Run folder, or a spec whose real images are scored."),
]
Metrics = Annotated[
    list[str] | None,
    typer.Option("-m", "--metric", help="fid, inception_score, kid, ...; may be repeated."),
]
Count = Annotated[
    int | None,
    typer.Option("-n", min=1, help="Images to score; else the spec's number, or 10,000."),
]
Extractor = Annotated[
    str | None, typer.Option(help="inception, or a classifier's run folder or spec file.")
]
Weights = Annotated[
    Path | None, typer.Option(help="File of weights, if --extractor is a spec file.")
]
Layer = Annotated[
    str | None,
    typer.Option(help="Layer: layers.5 or -3 of a classifier; 64, 192, 768 or 2048 of inception."),
]
InceptionWeights = Annotated[
    Path | None, typer.Option(help="File of InceptionV3's weights; also $GANSPEC_INCEPTION.")
]
Resize = Annotated[
    str | None,
    typer.Option(help="Resizing for InceptionV3: tensorflow1, or bilinear as pytorch-fid."),
]
Split = Annotated[
    str | None, typer.Option(help="Real images to score against: train, test or all.")
]
ReferenceCount = Annotated[
    str | None, typer.Option("--reference-count", help="How many of them, at random, or `equal`.")
]
Conditions = Annotated[
    str | None, typer.Option(help="Labels to draw images for: a file such as test.json, or `3`.")
]
Pictures = Annotated[
    Path | None, typer.Option("--images", help="Folder of images to score, instead of a run.")
]
Reference = Annotated[
    Path | None, typer.Option(help="Folder of real images, instead of the data set.")
]
Halves = Annotated[
    bool, typer.Option("--halves", help="Score one half of the real images against the other.")
]
Every = Annotated[bool, typer.Option("--every-snapshot", help="Score each snapshot, in a table.")]
Raw = Annotated[
    bool, typer.Option("--raw", help="Score the weights as trained, not their average.")
]
Seed = Annotated[
    int | None,
    typer.Option(min=0, max=2**32 - 1, help="Seed of the images; else the spec's, or 0."),
]
Real = Annotated[bool, typer.Option("--real", help="Score real images, too.")]
Step = Annotated[int | None, typer.Option(min=0, help="Score a step's snapshot.")]

# parameters that are no fields of EvaluationOptions
CHOICES = ("folder", "pictures", "every", "step", "quiet", "form", "as_json", "processes")


def evaluate(
    folder: RunFolder = None,
    metrics: Metrics = None,
    images: Count = None,
    extractor: Extractor = None,
    weights: Weights = None,
    layer: Layer = None,
    inception_weights: InceptionWeights = None,
    resize: Resize = None,
    split: Split = None,
    references: ReferenceCount = None,
    conditions: Conditions = None,
    pictures: Pictures = None,
    reference: Reference = None,
    real: Real = False,
    halves: Halves = False,
    every: Every = False,
    step: Step = None,
    raw: Raw = False,
    seed: Seed = None,
    data: DataFolder = None,
    device: Device = "auto",
    form: FactFormOption = None,
    as_json: AsJson = False,
    processes: Processes = None,
    quiet: Quiet = False,
) -> None:
    """Score the images of a run or of a folder: FID, Inception Score and other metrics."""
    options = {name: value for name, value in locals().items() if name not in CHOICES}
    check_choices(folder, pictures, every, step)
    chosen = chosen_form(form, FactForm.text, json=as_json)
    refuse_two_inputs(folder, extractor)
    share_out(processes, [folder, extractor])
    with ended_at_once(), quieted(quiet), reported(), ranks_on(device) as ranks:
        from ganspec.evaluation import console
        from ganspec.systems import helping

        with ranks.agreed():
            parsed = console.parse_options(**options, ranks=ranks)
        if not ranks.is_first:
            return helping.help_others(ranks)
        scored = console.evaluate(folder, pictures, parsed, every, step)
        helping.dismiss(ranks)
        # last, so that scores and plots are written even if the output's reader has ended
        typer.echo(scored.as_json() if chosen == "json" else "\n".join(scored.lines))


def check_choices(
    folder: Path | None, pictures: Path | None, every: bool, step: int | None
) -> None:
    """Call `fail` if the options name none or two things to score, or contradict each other.

    `folder` is a run or a spec, `pictures` a folder of images; `every` and `step` choose among a
    run's weights.
    """
    from ganspec.runs.opening import names_spec

    if (folder is None) == (pictures is None):
        fail("name a run folder or a spec, or a folder of images by --images, but not both")
    if (every or step is not None) and (folder is None or names_spec(folder)):
        message = "--every-snapshot and --step choose among a run's weights"
        fail(f"{message}: name a run, or leave these options out")
    if every and step is not None:
        fail("--every-snapshot scores all steps, and --step one: choose one")
