"""`ganspec export`: write a network of a run in a form that needs no ganspec."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ganspec.console import reported, tell

EXAMPLE = "ganspec export runs/dcgan -o generator.onnx"

network = partial(typer.Option, rich_help_panel="What to export")
card = partial(typer.Option, rich_help_panel="Model card and hub (--format python)")

FORM = (
    "onnx, torch-export, torchscript, safetensors or python, if FILE has no ending that names it."
)
OUT = "A file .onnx, .pt2, .ts or .safetensors; a folder/ of Python; `-` prints."
NETWORK = "Network of the run, such as `discriminator`; else its generator, or its main network."
LABEL = "Make images of one label alone, by name or number; else the label is an input."
BATCH = "Images in a batch: a number, or `free`, the default except with batch statistics."

Form = Annotated[str | None, typer.Option("--format", help=FORM)]
Out = Annotated[str | None, typer.Option("-o", "--out", metavar="FILE", help=OUT)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace FILE where it exists.")]
NetworkKey = Annotated[str | None, network("--network", metavar="NAME", help=NETWORK)]
OneLabel = Annotated[str | None, network("--label", help=LABEL)]
BatchSize = Annotated[str | None, network("--batch", metavar="N", help=BATCH)]
Step = Annotated[int | None, network(min=0, help="Use the weights after this step, if kept.")]
Raw = Annotated[bool, network("--raw", help="Use the weights as trained, not their average.")]
License = Annotated[
    str | None, card("--license", metavar="ID", help="The card's licence, such as `apache-2.0`.")
]
Push = Annotated[
    str | None, card("--push", metavar="REPO", help="Upload to the Hugging Face hub: `you/name`.")
]
Private = Annotated[bool, card("--private", help="Make REPO private, if it is new.")]


def export(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    form: Form = None,
    out: Out = None,
    network: NetworkKey = None,
    label: OneLabel = None,
    batch: BatchSize = None,
    step: Step = None,
    raw: Raw = False,
    overwrite: Overwrite = False,
    license: License = None,
    push: Push = None,
    private: Private = False,
) -> None:
    """Write a trained network in a form that runs without ganspec.

    The export is loaded in a process without ganspec, and its outputs are compared with those that
    ganspec computes from the same inputs. The largest difference is printed; too large a one is an
    error. A folder of Python has the network's class, weights, a short program and a model card.
    """
    options = {name: value for name, value in locals().items() if name != "folder"}
    with reported():
        from ganspec.exporting.export import export

        for line in export(folder, **options).lines():
            tell(line, out)
