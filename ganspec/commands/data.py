"""`ganspec data`: read a data set and describe it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganspec.console import fail, reported, tell, tell_written

EXAMPLE = "ganspec data fashion_mnist --fetch -n 25 -o grid.png"


def data(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="Data set, such as mnist, or a spec that names one."),
    ],
    folder: Annotated[
        Path | None, typer.Option("--data", help="Folder, or file, of the real images.")
    ] = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Download it to ~/.cache/ganspec if it is missing.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="PNG to write, a grid of images; `-` prints it."),
    ] = None,
    count: Annotated[
        int | None, typer.Option("-n", min=1, max=10000, help="Images in the grid (64).")
    ] = None,
) -> None:
    """Read a whole data set. Print its folder and its contents."""
    if count and not out:
        fail("-n is the number of images in a PNG: add -o grid.png")
    with reported():
        from ganspec.report import dataset as report

        chosen = report.data_of(name)
        place = report.find(chosen.dataset, folder, fetch)
        images, labels = report.read(chosen, place)
        tell(report.description(chosen, place, images, labels), out)
        if out:
            report.write_grid(images, count, out)
            tell_written(out)
