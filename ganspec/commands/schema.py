"""`ganspec schema`: write a JSON Schema of specs, for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganspec.atomic import would_replace, write_text
from ganspec.console import fail, out_option, reported, tell_written, with_suffix
from ganspec.output_files import require_file
from ganspec.streams import DASH

EXAMPLE = "ganspec schema -o ganspec.schema.json"


def schema(
    out: Annotated[Path | None, out_option("File to write; else it is printed.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is no schema of ganspec's.")
    ] = False,
) -> None:
    """Write a JSON Schema of specs, by which editors complete and check them.

    With --kinds, your own kinds are in it.
    """
    require_file(out, overwrite)
    from ganspec.reference.schema_file import is_schema, schema_text

    with reported():
        target = with_suffix(out or Path(DASH), ".json")
        if would_replace(target) and not overwrite and not is_schema(target):
            fail(f"{target} is no schema of ganspec's; add --overwrite, or choose another -o")
        write_text(target, schema_text())
    tell_written(target)
