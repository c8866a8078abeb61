"""The mark on cells of a survey, the table of `ganspec compare`, that show implied values."""

from __future__ import annotations

from collections.abc import Callable

from ganspec.comparison.traits import Portrait
from ganspec.kinds.layer import Layer, Weighted
from ganspec.kinds.layers.dropout import Dropout
from ganspec.systems.implied import MARK, Implied
from ganspec.systems.spec import Spec

# by the name of a row: the paths in a spec of the values that the row shows
SHOWN: dict[str, tuple[str, ...]] = {
    "framework": ("framework",),
    "data": ("data.dataset", "data.size", "data.channels", "data.flip"),
    "range": ("data.range",),
    "labels": ("condition", "label"),
    "latent": ("latent",),
    "input noise": ("objective.noise",),
    "loss": ("objective.loss", "objective.auxiliary", "objective.kl"),
    "penalty": ("objective.penalty", "objective.clip", "objective.l2"),
    "steps D : G": ("train.steps",),
    "batch": ("train.batch", "train.generator_batch"),
    "length": ("train.epochs", "train.iterations"),
    "epochs": ("train.epochs",),
    "iterations per epoch": ("train.iterations",),
    "clip": ("objective.clip",),
}
# the same for rows about one network: paths within the network
WITHIN: dict[str, tuple[str, ...]] = {
    "conditioning": ("condition", "join_label", "auxiliary"),
    "norm": ("norm", "normalization"),
    "initial weights": ("init",),
}
# by the name of a row about one network: the layers that the row shows, and which of their fields;
# () means all fields
LAYERS: dict[str, tuple[Callable[[Layer], bool], tuple[str, ...]]] = {
    "layers": (
        lambda layer: isinstance(layer, Weighted) or layer.role in ("pool", "resampling"),
        ("kind", "kernel", "stride"),
    ),
    "widths": (lambda layer: isinstance(layer, Weighted), ("out", "shape")),
    "depth": (lambda layer: isinstance(layer, Weighted), ("kind",)),
    "norm": (lambda layer: layer.role == "norm", ()),
    "activations": (lambda layer: layer.role == "activation", ()),
    "dropout": (lambda layer: isinstance(layer, Dropout), ()),
}


def marked(cell: str, implied: Implied, row: str, network: Portrait | None = None) -> str:
    """Return `cell`, the spec's cell in `row`, with the mark if a value that it shows is implied.

    `network` is the network that the row is about; None if the row is about the whole spec.
    """
    if not cell or not implied:
        return cell
    if network is None:
        shown = implied.holds(_paths(implied.spec, row))
    else:
        shown = _shows_implied(network, implied, row)
    return cell + MARK if shown else cell


def is_marked(cell: str | None) -> bool:
    """Return True if a cell has the mark."""
    return cell is not None and cell.endswith(MARK)


def _paths(spec: Spec, row: str) -> tuple[str, ...]:
    if row.startswith("claimed "):
        return ("report.scores",)
    if row.endswith(" weight"):  # a row such as `GP weight`
        return ("objective.penalty.penalty_weight",)
    if row != "rules":
        return SHOWN.get(row, ())
    elsewhere = {path for paths in SHOWN.values() for path in paths}
    changed = (f"train.{name}" for name in spec.train.changed())
    return tuple(path for path in changed if path not in elsewhere)


def _shows_implied(network: Portrait, implied: Implied, row: str) -> bool:
    """Return True if a row about a network shows an implied value."""
    paths = [f"{network.name}.{path}" for path in WITHIN.get(row, ())]
    if row == "optimizer":
        paths += [f"optimizers.{network.name}", "optimizer"]
    is_shown, fields = LAYERS.get(row, (lambda layer: False, ()))
    return implied.holds(paths) or any(
        not fields or ("kind" if name == layer.kind else name) in fields
        for layer in filter(is_shown, network.layers)
        for name in implied.by_kind.get(layer.key_path, ())
    )
