"""The command line: one typer command for each module of `ganspec.commands`."""

from __future__ import annotations

import gc
import os
import re
import signal
import sys
from importlib import import_module
from typing import Annotated, Any

import typer

from ganspec.commands import ORDER
from ganspec.console import fail, with_kinds
from ganspec.streams import OutputError, prepare_streams
from ganspec.version import VERSION

UNREAD = 141  # exit status if the program that reads standard output, such as `head`, has ended


class Commands(typer.core.TyperGroup):
    """The group of all commands, which refuses an empty argument.

    Such an argument most often comes from a shell variable that is not set. As a path, it would
    mean the current folder.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        empty = next((i for i, arg in enumerate(args) if re.fullmatch("(--[a-z-]+=)?", arg)), None)
        if empty is not None:
            before = args[empty].rstrip("=") or " ".join(args[max(0, empty - 1) : empty])
            fail(f"there is an empty text after `{before or 'ganspec'}`: name a value")
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=Commands,
    help="A compiler for GAN specs: one page of YAML becomes PyTorch modules, a training run "
    "or plain source.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def version(value: bool) -> None:
    if value:
        typer.echo(f"ganspec {VERSION}")
        raise typer.Exit


@app.callback()
def main(
    _: Annotated[
        bool,
        typer.Option("-V", "--version", callback=version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


for name in ORDER:
    module = import_module(f"ganspec.commands.{name}")
    register = app.command(name.rstrip("_"), epilog=f"Example: `{module.EXAMPLE}`")
    register(with_kinds(getattr(module, name)))


def run() -> None:
    """Run the command line, then exit."""
    # Without the next two lines, a short command spends a fifth of its time on searches: Python
    # looks for garbage among the objects of imports, and pydantic for plugins in all packages.
    gc.set_threshold(500_000, 20, 20)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # else Ctrl-C in an import prints a traceback
    prepare_streams()
    try:
        try:
            app(prog_name="ganspec")
        finally:
            sys.stdout.flush()
    except OutputError as error:
        if error.is_unread:
            sys.exit(UNREAD)
        typer.echo(f"error: {error}", err=True)
        sys.exit(2)
