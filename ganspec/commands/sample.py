"""`ganspec sample`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganspec.console import reported

EXAMPLE = "ganspec sample runs/dcgan -n 64 --seed 1"


def sample(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    count: Annotated[int, typer.Option("-n", min=1, max=10000, help="Number of images.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the latents.")] = 0,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="PNG to write.")] = None,
    label: Annotated[
        str | None,
        typer.Option(help="Class or objects to draw, as `3` or `red cube,blue sphere`; or a file."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of the images that an autoencoder is to read.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Draw a grid of new images from a trained run; an autoencoder's of test images."""
    with reported():
        from ganspec.training.sampling import sample

        target = out or folder / f"sample_n{count}_seed{seed}.png"
        sample(folder, count, seed, target, device, data, label)
        typer.echo(f"{target} written")
