"""`ganspec lsp`: serve editors."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from ganspec.console import fail

EXAMPLE = "ganspec lsp --kinds my_layers.py"


def reserve_output(_: bool) -> int:
    """Return the file descriptor of a copy of standard output. Let prints go to standard error.

    The copy is for the protocol's messages alone. As a callback of an option, this runs before the
    files of `--kinds`, which may print.
    """
    output = os.dup(1)
    os.dup2(2, 1)
    return output


def lsp(
    output: Annotated[
        bool,
        typer.Option("--stdio", callback=reserve_output, help="Changes nothing; editors pass it."),
    ] = False,
) -> None:
    """Serve an editor, which starts this command: diagnostics, help, completion, definitions.

    It speaks the Language Server Protocol on standard input and output (docs/editors.md).
    """
    if find_spec("pygls") is None:
        fail("ganspec lsp needs pygls: pip install 'ganspec[lsp]'")
    if sys.stdin.isatty():
        typer.echo("waiting for an editor; Ctrl-C ends this", err=True)
    from ganspec.language_server.server import serve

    serve(output)
