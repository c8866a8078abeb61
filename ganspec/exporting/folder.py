"""Write the folder of `ganspec export --format python`.

It has a network's class and its weights, a program that runs it, its spec and a model card.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from ganspec.compiler.arrange import EmittedFile
from ganspec.compiler.definitions import Import
from ganspec.compiler.emit import emit_network, formatted, moved
from ganspec.compiler.known import Known
from ganspec.compiler.moving import Mover
from ganspec.compiler.pieces import Named
from ganspec.exporting import apply, generate
from ganspec.exporting.card import Card
from ganspec.exporting.formats import write_weights
from ganspec.exporting.network import TrainedNetwork, loadable
from ganspec.exporting.sampling import load_network, sample, save_images
from ganspec.language.kinds import within
from ganspec.program.ir import Net
from ganspec.program.spelling import docstring
from ganspec.runs.run import resolved
from ganspec.seal import BLANK, sealed
from ganspec.systems.settings import INLINE
from ganspec.systems.source import PORTION

COLUMNS = 8  # of a grid, unless each class has a column of its own


def write_folder(network: TrainedNetwork, folder: Path, license: str | None) -> dict[str, str]:
    """Write all files into `folder`. Return settings by which `outside.py` loads the network."""
    net, state = loadable(network)
    key, name = network.key, f"{network.key}.safetensors"
    source, class_name = network_source(network, net)
    write_weights(state, network, folder / name)
    programs = sources(network, class_name, name)
    program = next(iter(programs))
    texts = {
        f"{key}.py": source,
        **programs,
        "spec.yaml": resolved(network.spec),
        "README.md": Card(network, license, program, class_name).text(),
    }
    for file, text in texts.items():
        (folder / file).write_text(text, "utf-8")
    return weights_of(folder / f"{key}.py", class_name, folder / name)


def weights_of(source: Path, class_name: str, weights: Path) -> dict[str, str]:
    """Return the settings by which `outside.py` loads weights into a class of the file `source`."""
    return {"form": "weights", "source": str(source), "class": class_name, "weights": str(weights)}


def network_source(network: TrainedNetwork, net: Net) -> tuple[str, str]:
    """Return the text of a file with the class printed from `net`, and the class's name."""
    spec = network.spec
    title = docstring(f"The {network.key} of `{spec.name}`")[:-3]
    note = f"Written by ganspec from the spec `{spec.name}` ({BLANK}). Plain PyTorch."
    source, class_name = emit_network(net, list(within(spec)), f'{title}\n\n{note}\n"""')
    return sealed(source), class_name


def sources(network: TrainedNetwork, class_name: str, weights: str) -> dict[str, str]:
    """Return texts by file name: the program that runs the network comes first.

    If it draws images, `sampling.py` follows, which it imports. They load the file `weights` into
    the class `class_name`.
    """
    cfg, about = settings(network, weights), f"the {network.key} of `{network.spec.name}`"
    loads = {"network": Import(f"from {network.key} import {class_name}", class_name)}
    if not network.draws:
        return {
            "apply.py": file_source(f"Apply {about} to images", {apply.main: {}}, cfg, loads, True)
        }
    functions: dict[Callable, dict[str, Known]] = {
        load_network: {},
        sample: {} if cfg.labels else {"labels": Known(None, "None")},
        save_images: {},  # emitted as save_grid, since it only passes its arguments on
    }
    names = ("load_network", "sample", "save_grid")
    uses = {name: Import(f"from sampling import {name}", name) for name in names}
    return {
        "generate.py": file_source(f"Draw images by {about}", {generate.main: {}}, cfg, uses, True),
        "sampling.py": file_source(f"Load {about}, and draw images", functions, cfg, loads),
    }


def file_source(
    title: str,
    functions: dict[Callable, dict[str, Known]],
    cfg: SimpleNamespace,
    imports: dict[str, Import],
    is_program: bool = False,
) -> str:
    """Return the text of a file with `functions`, each with known values of its parameters.

    `imports` are imports by the names of the settings of `cfg` that they replace. A program calls
    the last function.
    """

    def move(mover: Mover) -> str:
        brought = {name: Named(mover.bring(line)) for name, line in imports.items()}
        mover.cfg.values.update(brought, file=Named("__file__"))
        return [mover.start(function, **known) for function, known in functions.items()][-1]

    mover = moved(vars(cfg), move)
    for piece in mover.pieces:  # functions come before their uses only within one section
        piece.section = "Training"
    file = EmittedFile(mover)
    call = f'if __name__ == "__main__":\n    {file.main}()\n' if is_program else ""
    return formatted(f"{docstring(title)}\n\n{file.text(titled=False)}{call}")


def settings(network: TrainedNetwork, weights: str) -> SimpleNamespace:
    """Return the `cfg` that the programs and `sampling.py` read.

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
