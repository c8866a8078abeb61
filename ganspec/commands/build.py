"""`ganspec build`: write specs as files of plain PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import ganspec
from ganspec.console import (
    Settings,
    SpecPaths,
    fail,
    out_option,
    refuse_two_inputs,
    reported,
    target_of,
    tell_written,
)
from ganspec.output_files import write_unless_edited
from ganspec.streams import is_stdout

EXAMPLE = "ganspec build specs/dcgan.yaml -o dcgan.py"


def build(
    specs: SpecPaths,
    out: Annotated[Path | None, out_option("File to write, for one spec; `-` prints.")] = None,
    stdout: Annotated[bool, typer.Option("--stdout", help="Print the source instead.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that you edited.")
    ] = False,
    settings: Settings = None,
) -> None:
    """Write each spec as one file of plain PyTorch, networks and training: generated/NAME.py."""
    out = target_of(out, stdout, ".py")
    if out and len(specs) > 1 and not is_stdout(out):
        fail("--out is for one spec: name one, or leave --out out")
    refuse_two_inputs(*specs)
    written: dict[Path, Path] = {}
    for path in specs:
        with reported():
            spec = ganspec.load(path, settings or [])
            source = ganspec.emit(spec)
            target = out or Path("generated") / f"{spec.name}.py"
            if target in written and not is_stdout(target):
                message = f"{path} and {written[target]} would both be written to {target}"
                fail(f"{message}: build one of them with -o")
            written[target] = path
            write_unless_edited(target, source, overwrite)
            tell_written(target, f", {len(source.splitlines())} lines")
