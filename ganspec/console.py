"""Arguments that the commands share, and the display of errors and warnings."""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, NoReturn, get_type_hints

import typer

from ganspec.atomic import write_text
from ganspec.kinds_files import load_all
from ganspec.language.errors import Diagnostic, GanspecError, SpecError, one_line
from ganspec.seal import is_emitted

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
        help="Python file of your own kinds, as `--kinds my_layers.py`; it is run. May be "
        "repeated; $GANSPEC_KINDS lists such files, too.",
    ),
]


def with_kinds(command: Callable) -> Callable:
    """Return `command` with an option `--kinds`. Its files are loaded before `command` runs."""

    @wraps(command)
    def run(kinds: Kinds = None, **arguments: Any) -> None:  # `arguments` are those of `command`
        with warnings_shown_once():
            with reported():
                load_all(kinds or [])
            command(**arguments)

    hints = {**get_type_hints(command, include_extras=True), "kinds": Kinds}
    signature = inspect.signature(command)
    option = inspect.Parameter("kinds", inspect.Parameter.KEYWORD_ONLY, default=None)
    parameters = [*signature.parameters.values(), option]
    parameters = [each.replace(annotation=hints[each.name]) for each in parameters]
    run.__annotations__ = hints
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # typer reads it
    return run


@contextmanager
def warnings_shown_once() -> Iterator[None]:
    """Within the block, show each warning once, on one line."""
    shown: set[str] = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        if str(message) not in shown:
            shown.add(str(message))
            typer.echo(f"warning: {message}", err=True)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def fail(message: str) -> NoReturn:
    """Print `message` as a one-line error. Exit with status 2."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(2)


def write_unless_edited(target: Path, text: str, overwrite: bool) -> None:
    """Write `text`, but `fail` if `target` was edited, or not written by ganspec.

    With `overwrite`, any file is replaced.
    """
    if target.is_file() and not is_emitted(target.read_bytes()) and not overwrite:
        fail(f"{target} is not as ganspec wrote it; add --overwrite, or choose another -o")
    write_text(target, text)


@contextmanager
def reported() -> Iterator[None]:
    """Within the block, show errors that the user can mend without a traceback, and exit."""
    try:
        yield
    except SpecError as error:
        show_diagnostics(error.diagnostics)
        raise typer.Exit(1) from None
    except BrokenPipeError:  # the program that reads the output, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except (GanspecError, OSError) as error:
        fail(one_line(error))
    except (MemoryError, RuntimeError) as error:
        if "device-side assert" in str(error):  # nothing on the GPU can be read any more
            fail("an operation on the GPU refused a number: --device cpu says in which step")
        if "memory" not in str(error):  # any other error is a bug, whose traceback is needed
            raise
        notes = " ".join(getattr(error, "__notes__", []))
        fail(f"out of memory {notes}: set a smaller `train: {{batch: ...}}`")


def show_diagnostics(diagnostics: Sequence[Diagnostic], summary: bool = True) -> None:
    """Print diagnostics to standard error, in colour on a terminal.

    With `summary`, the number of errors follows.
    """
    colour = sys.stderr.isatty()
    for diagnostic in diagnostics:
        typer.echo(diagnostic.render(colour) + "\n", err=True)
    errors = sum(d.severity == "error" for d in diagnostics)
    if errors and summary:
        typer.echo(f"{errors} error{'s' if errors > 1 else ''}", err=True)
