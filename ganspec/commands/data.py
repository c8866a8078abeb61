"""`ganspec data`: read a data set and describe it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganspec.console import (
    SET_IMAGES,
    AsJson,
    DataFolder,
    FactForm,
    FactFormOption,
    OverwriteFile,
    Settings,
    chosen_form,
    fail,
    out_option,
    reported,
    tell,
    tell_written,
)
from ganspec.output_files import free_file

EXAMPLE = "ganspec data fashion_mnist --fetch -n 25 -o grid.png"

Fetch = Annotated[
    bool,
    typer.Option("--fetch", help="Download Fashion-MNIST to ~/.cache/ganspec/data if missing."),
]


def data(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Data set, such as mnist; or a spec or run folder that has one."
        ),
    ],
    folder: DataFolder = None,
    fetch: Fetch = False,
    out: Annotated[
        Path | None,
        out_option("PNG to write, a grid of images; `-` prints it."),
    ] = None,
    count: Annotated[
        int | None, typer.Option("-n", min=1, max=10000, help="Images in the grid (64).")
    ] = None,
    form: FactFormOption = None,
    as_json: AsJson = False,
    overwrite: OverwriteFile = False,
    settings: Settings = None,
) -> None:
    """Read all training images of a data set. Print its folder and its contents."""
    if count and not out:
        fail("-n is the number of images in a PNG: add -o grid.png")
    out = free_file(out, overwrite, ".png")
    chosen = chosen_form(form, FactForm.text, json=as_json)
    with reported():
        from ganspec.report import dataset as report

        section = report.data_of(name, settings or [])
    advice = SET_IMAGES
    if name == section.dataset.kind:  # then there is no spec for `--set` to change
        advice = f"or describe pictures by `ganspec data image_folder --data {folder}`"
    with reported(advice):
        place = report.find(section.dataset, folder, fetch)
        images, labels = report.read(section, place)
        facts = report.described(section, place, images, labels)
        if out:
            report.write_grid(images, count, out)
        tell(report.as_json(facts) if chosen == "json" else report.as_text(facts), out)
        if out and chosen != "json":
            tell_written(out)
