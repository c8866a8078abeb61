"""`ganspec serve`: look at a run's generator in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganspec.commands.sample import Device, Raw, Step
from ganspec.console import fail, reported

EXAMPLE = "ganspec serve runs/dcgan"

HOST = "Address to listen on. All but loopback addresses let other machines use the page."


def serve(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    host: Annotated[str, typer.Option(metavar="ADDRESS", help=HOST)] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 is a free one.")] = 8000,
    step: Step = None,
    raw: Raw = False,
    device: Device = "auto",
) -> None:
    """Show a page of new images of a run, until Ctrl-C: seeds, labels, ways between images.

    By default, the page is at http://127.0.0.1:8000/, for this machine alone.
    """
    with reported():
        try:
            import starlette  # noqa: F401
            import uvicorn  # noqa: F401
        except ModuleNotFoundError as error:
            fail(f"ganspec serve needs {error.name}: pip install 'ganspec[serve]'")

        from ganspec.serving.application import application
        from ganspec.serving.painter import open_painter
        from ganspec.serving.server import PageServer, address_of, is_loopback, listen, names_of

        painter = open_painter(folder, device, step, raw)
        listening = listen(host, port)
        names: set[str] = set()
        if not is_loopback(listening):
            names = names_of(host)
            message = "other machines that reach this one can use the page, which has no password"
            typer.echo(f"warning: {message}", err=True)
        typer.echo(f"{folder} after step {painter.sampler.step:,} is shown at")
        typer.echo(f"{address_of(listening)} (Ctrl-C ends it)")
        PageServer.of(application(painter, names)).run(sockets=[listening])
