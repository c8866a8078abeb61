"""Plots of the losses and accuracies of a run."""

from __future__ import annotations

from pathlib import Path

from ganspec.atomic import replacing
from ganspec.plots.curves import Curve, Panel, figure_of
from ganspec.plots.log import LOOKS, Column, Epochs

MOST = 8  # most curves on one axis; ganspec's own logs have fewer


def panels(log: dict[str, Column], claims: dict[str, Column] | None = None) -> list[Panel]:
    """Return a panel of the first MOST losses and one of the first MOST accuracies.

    A panel is left out if none of its columns is in `log`. `claims` are the columns of the log that
    the spec's report prints.
    """
    longest = max((column.count for column in log.values()), default=0)
    claims = claims or {}
    names = list(dict.fromkeys([*log, *claims]))
    shares = [name for name in names if name.endswith("accuracy")]
    groups = {"loss": [name for name in names if name not in shares], "accuracy": shares}
    return [
        Panel(
            title,
            tuple(curve(name, log[name], longest) for name in chosen[:MOST] if name in log),
            claimed=tuple(curve(name, claims[name], 0) for name in chosen[:MOST] if name in claims),
        )
        for title, chosen in groups.items()
        if any(name in log for name in chosen)
    ]


def curve(name: str, column: Column, longest: int) -> Curve:
    """Return a column's curve, which is sparse if it has fewer than `longest` / 2 values."""
    label, colour = LOOKS.get(name, (name, "green"))
    return Curve(column, label, colour, sparse=column.count < longest / 2)


def plot_losses(
    log: dict[str, Column], path: Path, epochs: Epochs, claims: dict[str, Column] | None = None
) -> None:
    """Write a PNG of losses by training step, accuracies below, and epochs at the foot.

    `claims` are the columns of the log that the spec's report prints. Nothing is written if `log`
    has no columns.
    """
    drawn = panels(log, claims)
    if not drawn:
        return
    with replacing(path) as temporary:
        figure_of(drawn, epochs).savefig(temporary, facecolor="white")
