"""What the commands share: their common arguments, and how errors are shown."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ganspec.language.errors import GanspecError, SpecError

SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help="Spec file, such as my.yaml.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one value, as `train.batch=32`."),
]


def fail(message: str, status: int = 2) -> None:
    """Say what went wrong in one line and end."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(status)


@contextmanager
def reported() -> Iterator[None]:
    """Show the errors that bad input makes as a person would want them; no traceback."""
    try:
        yield
    except SpecError as error:
        show_diagnostics(error.diagnostics)
        raise typer.Exit(1) from None
    except BrokenPipeError:  # whoever read the output, as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except (GanspecError, OSError) as error:
        fail(str(error).splitlines()[0] if str(error) else type(error).__name__)
    except (MemoryError, RuntimeError) as error:
        if "memory" not in str(error):  # any other is a bug, and wants its traceback
            raise
        notes = " ".join(getattr(error, "__notes__", []))
        fail(f"out of memory {notes}: set a smaller `train: {{batch: ...}}`")


def show_diagnostics(diagnostics, summary: bool = True) -> None:
    """Print findings to standard error, coloured where that is a terminal."""
    colour = sys.stderr.isatty()
    for diagnostic in diagnostics:
        typer.echo(diagnostic.render(colour) + "\n", err=True)
    errors = sum(d.severity == "error" for d in diagnostics)
    if errors and summary:
        typer.echo(f"{errors} error{'s' if errors > 1 else ''}", err=True)
