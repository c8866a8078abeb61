"""Options and output files that the commands share, and the display of errors and warnings."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar, get_type_hints

import typer

from ganspec.atomic import with_ending, write_text
from ganspec.kinds_files import load_all
from ganspec.language.errors import (
    Diagnostic,
    GanspecError,
    NoFolderError,
    SpecError,
    UnshownError,
    conjunction,
    is_out_of_memory,
    one_line,
)
from ganspec.language.paths import file_to_write
from ganspec.language.registry import own_line
from ganspec.streams import DASH, is_stdout, is_stream

# advice if --data names a folder, but ganspec draws the images; for commands that have --set
SET_IMAGES = "or name the data set of your images, such as `--set data.dataset=image_folder`"
SPEC_HELP = "Spec file, run folder, or a name of `ganspec new --list`; `-`: standard input."

SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help=SPEC_HELP)]
SpecPaths = Annotated[list[Path], typer.Argument(metavar="SPEC", help=SPEC_HELP)]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change one value, as `train.batch=32`; may be repeated.",
    ),
]
Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", envvar="GANSPEC_QUIET", help="Show no progress.")
]


def out_option(help: str) -> Any:
    """Return the option `-o` of a command that writes one file."""
    return typer.Option("-o", "--out", metavar="FILE", parser=file_path, help=help)


def file_path(name: str) -> Path:
    """Return the path of a file to write. Call `fail` if it ends in a slash, as folders do."""
    with reported():
        return file_to_write(name)


DEVICE_HELP = "auto, cpu, cuda, cuda:1, mps or xpu."
Device = Annotated[str, typer.Option(envvar="GANSPEC_DEVICE", help=DEVICE_HELP)]
DataFolder = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Folder of the real images. Without it, $GANSPEC_DATA, ./data and "
        "~/.cache/ganspec/data are searched.",
    ),
]
OutFile = Annotated[Path | None, out_option("File to write instead of printing.")]
OverwriteFile = Annotated[bool, typer.Option("--overwrite", help="Replace FILE where it exists.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, as `--format json` does.")]
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
    """Return `command` with an option `--kinds`, whose files are loaded before `command` runs."""

    @wraps(command)
    def run(kinds: Kinds = None, **arguments: Any) -> None:  # `arguments` are for `command`
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
    """Within the block, print each warning on one line of standard error, equal ones only once."""
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


def refuse_two_inputs(*names: Path | str | None) -> None:
    """Call `fail` if two of the inputs `names` are `-`, as standard input can be read only once."""
    if [str(name) for name in names].count(DASH) > 1:
        fail("standard input can be read once: give `-` once, and the other inputs as files")


def target_of(out: Path | None, stdout: bool, *suffixes: str) -> Path | None:
    """Return the file to write: `-` with `--stdout`, else `--out`; None if neither option is used.

    `out` gets its suffix by `with_suffix`. Call `fail` if both options are used, unless `out` is
    standard output.
    """
    if stdout and out is not None and not is_stdout(out):
        fail(f"--stdout prints, and -o {out} writes a file: choose one")
    if stdout:
        return Path(DASH)
    return with_suffix(out, *suffixes) if out is not None else None


Form = TypeVar("Form", bound=StrEnum)


class FactForm(StrEnum):
    """The values of `--format` in the commands `data`, `evaluate` and `new --list`."""

    text = "text"
    json = "json"


FactFormOption = Annotated[FactForm | None, typer.Option("--format", help="Form of the output.")]


def chosen_form(
    form: Form | None,
    default: Form,
    out: Path | None = None,
    suffixes: Mapping[Form, Sequence[str]] | None = None,
    **flags: bool,
) -> Form:
    """Return the form that the options choose; if they choose none, that of `out`, or `default`.

    `form` is the value of `--format`. `flags` has the options that stand for a form, such as
    `json=True` if `--json` is set. `suffixes` lists the suffixes that `out` may have in each form;
    without them, `out` does not count. Call `fail` if the options choose two forms, or none and
    `out` has a suffix that is not listed.
    """
    named = {name: f"--{name}" for name, is_given in flags.items() if is_given}
    if form is not None:
        named.setdefault(form.value, f"--format {form}")
    if len(named) > 1:
        fail(f"{' and '.join(list(named.values())[:2])} are two forms: choose one")
    if named or not suffixes or out is None or is_stream(out):
        return next(map(type(default), named), default)
    forms = {suffix: form for form, known in suffixes.items() for suffix in known}
    with_suffix(out, *forms)  # fails if `out` has another suffix
    return forms.get(out.suffix.lower(), default)


def with_suffix(out: Path, *suffixes: str) -> Path:
    """Return the file `out`, with the first of `suffixes` added if it has no suffix.

    Streams, and existing files without a suffix, are returned unchanged. Call `fail` if the file
    has a suffix that is not one of `suffixes`.
    """
    if out.suffix and out.suffix.lower() not in suffixes and not is_stream(out):
        fail(f"{out} is no name for this file: end its name in {conjunction(list(suffixes), 'or')}")
    return with_ending(out, suffixes[0])


def print_or_write(text: str, out: Path | None) -> None:
    """Write `text` to the file `out`, and say so on standard error.

    If `out` is None or standard output, print `text`; nothing is printed if it is empty.
    """
    if out and not is_stdout(out):
        write_text(out, text + "\n")
        typer.echo(f"{out} written", err=True)
    elif text:
        typer.echo(text)


def tell(text: str, target: Path | str | None) -> None:
    """Print `text`, which is about the output `target`.

    If `target` is standard output, print to standard error, so that both do not mix.
    """
    typer.echo(text, err=target is not None and is_stdout(target))


def tell_written(target: Path, more: str = "") -> None:
    """Print that the file `target` is written, followed by `more`; nothing for standard output."""
    if not is_stdout(target):
        typer.echo(f"{target} written{more}")


@contextmanager
def reported(advice: str | None = None) -> Iterator[None]:
    """Within the block, print errors that the user can mend, without a traceback, and exit.

    The exit status is 1 for mistakes in a spec, which SpecError lists, and 2 for other errors.
    `advice`, if set, is added to the error that --data is given although ganspec draws the images.
    """
    try:
        yield
    except SpecError as error:
        show_diagnostics(error.diagnostics)
        raise typer.Exit(1) from None
    except UnshownError:
        raise typer.Exit(2) from None
    except (GanspecError, OSError) as error:
        if advice and isinstance(error, NoFolderError):
            error.add_note(advice)
        fail(one_line(error))
    except Exception as error:
        if isinstance(error, (MemoryError, RuntimeError)):
            if "device-side assert" in str(error):  # then no tensor on the GPU can be read
                fail("an operation on the GPU got an invalid number: find it with --device cpu")
            if is_out_of_memory(error):
                message = " ".join(["out of memory", *getattr(error, "__notes__", [])])
                remedy = "free some or, for a training, set a smaller `train: {batch: ...}`"
                fail(f"{message}: {remedy}")
        if line := own_line(error):
            place = f"{line[0].name}:{line[1]}"
            fail(f"{place}: {type(error).__name__}: {one_line(error)}; correct the file")
        raise  # a bug of ganspec, which can be found only by its traceback


def show_diagnostics(diagnostics: Sequence[Diagnostic], summary: bool = True) -> None:
    """Print diagnostics to standard error, in colour on a terminal.

    With `summary`, print the number of errors after them.
    """
    colour = sys.stderr.isatty()
    for diagnostic in diagnostics:
        typer.echo(diagnostic.render(colour) + "\n", err=True)
    errors = sum(d.severity == "error" for d in diagnostics)
    if errors and summary:
        typer.echo(f"{errors} error{'s' if errors > 1 else ''}", err=True)
