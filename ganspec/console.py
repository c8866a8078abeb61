"""What the commands share: their common arguments, and how errors are shown."""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, get_type_hints

import typer

from ganspec.kinds_files import load_all
from ganspec.language.errors import GanspecError, SpecError

SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help="Spec file, such as my.yaml.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one value, as `train.batch=32`."),
]
Kinds = Annotated[
    list[Path] | None,
    typer.Option(
        "--kinds",
        metavar="FILE.py",
        help="Python file of your own kinds, as `--kinds my_layers.py`; it is run. Several times; "
        "also $GANSPEC_KINDS.",
    ),
]


def with_kinds(command: Callable) -> Callable:
    """Return `command` with the option `--kinds`, whose files are loaded before it runs."""

    @wraps(command)
    def run(kinds: Kinds = None, **arguments: object) -> None:
        with said_once():
            with reported():
                load_all(kinds or [])
            command(**arguments)

    hints = {**get_type_hints(command, include_extras=True), "kinds": Kinds}
    signature = inspect.signature(command)
    option = inspect.Parameter("kinds", inspect.Parameter.KEYWORD_ONLY, default=None)
    parameters = [*signature.parameters.values(), option]
    parameters = [each.replace(annotation=hints[each.name]) for each in parameters]
    run.__signature__, run.__annotations__ = signature.replace(parameters=parameters), hints
    return run


@contextmanager
def said_once() -> Iterator[None]:
    """Within the block, show a warning on one line, and none twice."""
    said: set[str] = set()

    def show(message: Warning | str, *_: object) -> None:
        if str(message) not in said:
            said.add(str(message))
            typer.echo(f"warning: {message}", err=True)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


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
