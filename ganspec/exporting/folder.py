"""The folder of Python: a network's class, its weights, a program that runs it, a model card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from ganspec.compiler.arrange import Module
from ganspec.compiler.definitions import Import
from ganspec.compiler.emit import emit_network, formatted, moved
from ganspec.compiler.moving import Mover
from ganspec.compiler.pieces import Named
from ganspec.exporting import apply, generate
from ganspec.exporting.card import Card
from ganspec.exporting.formats import write_weights
from ganspec.exporting.network import TrainedNetwork, loadable
from ganspec.language.kinds import within
from ganspec.program.ir import Net
from ganspec.program.spelling import docstring
from ganspec.runs.run import resolved
from ganspec.seal import BLANK, sealed
from ganspec.systems.settings import INLINE
from ganspec.systems.source import PORTION

COLUMNS = 8  # of a grid, unless each class has a column of its own


def write_folder(network: TrainedNetwork, folder: Path, license: str | None) -> dict[str, str]:
    """Write all files into `folder`. Return the settings by which `outside.py` finds them."""
    net, state = loadable(network)
    key, name = network.key, f"{network.key}.safetensors"
    source, kept = network_source(network, net)
    main = generate.main if network.draws else apply.main
    program = f"{main.__module__.rpartition('.')[2]}.py"
    write_weights(state, network, folder / name)
    texts = {
        f"{key}.py": source,
        program: program_source(network, main, kept, name),
        "spec.yaml": resolved(network.spec),
        "README.md": Card(network, license, program, kept).text(),
    }
    for file, text in texts.items():
        (folder / file).write_text(text, "utf-8")
    return weights_of(folder / f"{key}.py", kept, folder / name)


def weights_of(source: Path, kept: str, weights: Path) -> dict[str, str]:
    """Return the settings by which `outside.py` loads weights into the class `kept` of a file."""
    return {"form": "weights", "source": str(source), "class": kept, "weights": str(weights)}


def network_source(network: TrainedNetwork, net: Net) -> tuple[str, str]:
    """Return the text of a file with the class that `net` is printed as, and the class's name."""
    spec = network.spec
    title = docstring(f"The {network.key} of `{spec.name}`")[:-3]
    note = f"Written by ganspec from the spec `{spec.name}` ({BLANK}). Plain PyTorch."
    source, kept = emit_network(net, list(within(spec)), f'{title}\n\n{note}\n"""')
    return sealed(source), kept


def program_source(network: TrainedNetwork, main: Callable, kept: str, weights: str) -> str:
    """Return the text of a program that loads the file `weights` into the class `kept`.

    It is the function `main` with all that it uses of ganspec, and with settings as constants.
    """
    imported = Import(f"from {network.key} import {kept}", kept)

    def move(mover: Mover) -> str:
        mover.cfg.values["network"] = Named(mover.bring(imported))
        mover.cfg.values["file"] = Named("__file__")
        return mover.start(main)

    mover = moved(vars(settings(network, weights)), move)
    for piece in mover.pieces:  # only within a section does each function come before its uses
        piece.section = "Training"
    module = Module(mover)
    text = module.text(titled=False)
    does = "Draw images by" if network.draws else "Apply to images"
    title = docstring(f"{does} the {network.key} of `{network.spec.name}`")
    return formatted(f'{title}\n\n{text}if __name__ == "__main__":\n    {module.main}()\n')


def settings(network: TrainedNetwork, weights: str) -> SimpleNamespace:
    """Return the `cfg` that the programs `generate.py` and `apply.py` read.

    `weights` is the name of the file of weights.
    """
    cfg, net = network.cfg, network.net
    label = next((start.value for start in net.inputs if start.role == "label"), None)
    kind = None if label is None else "classes" if label.is_index else "multi_hot"
    size = 0 if label is None else int(label.channels)
    latent = ("latent_size", "latent_distribution", "latent_low", "latent_high")
    by_class = kind == "classes" and size <= cfg.columns
    return SimpleNamespace(
        **{name: getattr(cfg, name) for name in latent if hasattr(cfg, name)},
        labels=kind,
        label_size=size,
        logits=network.logits,
        low=cfg.low,
        height=cfg.height,
        width=cfg.width,
        channels=cfg.channels,
        transpose=cfg.transpose,
        mode="L" if cfg.channels == 1 else "RGB",
        several=len(net.outputs) > 1,
        restores=network.key == network.spec.restores,
        own_batch=network.own is not None,
        portion=network.own or PORTION["cpu"],
        weights=weights,
        columns=size if by_class else COLUMNS,
        inline=INLINE,
        literal=("height", "width", "channels", "latent_size", "label_size", "portion", "columns"),
        absent=() if kind else ("labels",),
    )
