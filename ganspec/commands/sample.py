"""`ganspec sample`: draw images from a trained run."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ganspec.commands.train import Processes, ended_at_once, ranks_on, share_out
from ganspec.console import DEVICE_HELP, Quiet, reported, tell
from ganspec.progress import Progress, quieted

EXAMPLE = "ganspec sample runs/dcgan -n 1000 --seed 1 -o images.csv"

image = partial(typer.Option, rich_help_panel="What to draw")
file = partial(typer.Option, rich_help_panel="What to write")
network = partial(typer.Option, rich_help_panel="What to draw with")

COUNT = "Number of images (64), of images per condition (1), or of rows to interpolate (8)."
LABEL = "Classes: `3`, `Coat,Bag`, `all`; objects: `red cube,blue sphere; gray cube`."
CONDITIONS = "Draw images of the conditions in a file such as i-CLEVR's test.json."
FRAMES = "Images from one latent to the next (9; 30 if animated), or the most of a training (200)."
INTERPOLATE = "`linear` or `spherical`: rows of images from one latent to another."
BEST = "The N images that the discriminator scores as most real, the most real first."
OUT = "A grid .png; .csv; .npz; a folder/ of PNGs; an animation .gif, .apng, .webp; `-` prints."
FORM = "grid, folder, csv, npz, gif, apng or webp, if FILE has no ending that names it."

Count = Annotated[int | None, image("-n", min=1, help=COUNT)]
Seed = Annotated[int | None, image(min=0, max=2**32 - 1, help="Seed of the latents (0).")]
Labels = Annotated[str | None, image("--label", "--labels", help=LABEL)]
Conditions = Annotated[Path | None, image(metavar="JSON", help=CONDITIONS)]
Interpolate = Annotated[str | None, image(metavar="WAY", help=INTERPOLATE)]
Frames = Annotated[
    int | None,
    image(min=2, max=1000, help=FRAMES),
]
Truncation = Annotated[
    float | None, image(metavar="PSI", help="Draw normal latents within -PSI and PSI.")
]
Best = Annotated[int | None, image(min=1, metavar="N", help=BEST)]
Of = Annotated[
    int | None, image(min=1, metavar="M", help="Images to choose the best from (100 N).")
]
Out = Annotated[str | None, file("-o", "--out", metavar="FILE", help=OUT)]
Form = Annotated[str | None, file("--format", help=FORM)]
WithLabels = Annotated[bool, file("--with-labels", help="CSV: the labels first in each row.")]
Fps = Annotated[float | None, file(min=0.1, max=50, help="Frames per second (5).")]
Overwrite = Annotated[
    bool, file("--overwrite", help="Replace FILE where it exists, if it is no folder.")
]
Step = Annotated[int | None, network(min=0, help="Use the weights after this step, if kept.")]
Raw = Annotated[bool, network("--raw", help="Use the weights as trained, not their average.")]
Data = Annotated[Path | None, network(help="Folder of the images that an autoencoder reads.")]
Device = Annotated[str, network(envvar="GANSPEC_DEVICE", help=DEVICE_HELP)]

# parameters that are no fields of Request
CHOICES = ("folder", "processes", "quiet")


def sample(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    count: Count = None,
    seed: Seed = None,
    label: Labels = None,
    conditions: Conditions = None,
    interpolate: Interpolate = None,
    frames: Frames = None,
    truncation: Truncation = None,
    best: Best = None,
    of: Of = None,
    out: Out = None,
    form: Form = None,
    with_labels: WithLabels = False,
    fps: Fps = None,
    overwrite: Overwrite = False,
    step: Step = None,
    raw: Raw = False,
    data: Data = None,
    device: Device = "auto",
    processes: Processes = None,
    quiet: Quiet = False,
) -> None:
    """Draw new images from a trained run. A run of an autoencoder restores real images instead.

    The ending of FILE chooses the format. An animation shows the samples that training wrote, or
    with --interpolate the way between latents.
    """
    options = {name: value for name, value in locals().items() if name not in CHOICES}
    share_out(processes, [folder, conditions])
    with ended_at_once(), quieted(quiet), reported(), ranks_on(device) as ranks:
        from ganspec.sampling.sample import sample
        from ganspec.systems.helping import dismiss, help_others

        if not ranks.is_first:
            return help_others(ranks)
        with Progress("sample", "images") as progress:
            lines = sample(folder, progress, ranks, **options)
        dismiss(ranks)
        for line in lines:
            tell(line, out)
