"""Plots of the losses and accuracies of a run."""

from __future__ import annotations

from pathlib import Path

from ganspec.plots.curves import ORDER, STYLES, Curve, Panel, Style, figure_of
from ganspec.plots.log import LOOKS, Column, Epochs
from ganspec.plots.saving import save

MOST = 8  # most curves on one axis; ganspec's own logs have fewer


def panels(log: dict[str, Column], claims: dict[str, Column]) -> list[Panel]:
    """Return a panel of the first MOST losses and one of the first MOST accuracies.

    Columns whose names end in `accuracy` are accuracies, all others losses. A panel is left out if
    none of its columns is in `log`. `claims` are the columns of the log that the spec's report
    prints.
    """
    names = list(dict.fromkeys([*log, *claims]))
    shares = [name for name in names if name.endswith("accuracy")]
    groups = {"loss": [name for name in names if name not in shares], "accuracy": shares}
    return [
        Panel(title, curves(chosen[:MOST], log), claimed=curves(chosen[:MOST], claims))
        for title, chosen in groups.items()
        if any(name in log for name in chosen)
    ]


def curves(names: list[str], columns: dict[str, Column]) -> tuple[Curve, ...]:
    """Return the curves of those of `names` that are in `columns`.

    A curve is sparse if its column has fewer than half the values of the longest one.
    """
    longest = max((column.logged.count for column in columns.values()), default=0)
    own = own_looks(names)
    return tuple(
        Curve(columns[name], *own[name], sparse=columns[name].logged.count < longest / 2)
        for name in names
        if name in columns
    )


def own_looks(names: list[str]) -> dict[str, tuple[str, str, Style]]:
    """Return a label, a colour and a line style for each of `names`.

    Names that are not in LOOKS take the remaining colours, in order, and then other line styles.
    """
    taken = {LOOKS[name][1] for name in names if name in LOOKS}
    free = ((colour, style) for style in STYLES for colour in ORDER if colour not in taken)
    return {
        name: (*LOOKS[name], STYLES[0]) if name in LOOKS else (name, *next(free)) for name in names
    }


def plot_losses(
    log: dict[str, Column], path: Path, epochs: Epochs, claims: dict[str, Column]
) -> None:
    """Write a PNG of losses by training step, accuracies below, and epochs at the foot.

    `claims` are the columns of the log that the spec's report prints. Nothing is written if `log`
    has no columns.
    """
    drawn = panels(log, claims)
    if drawn:
        save(figure_of(drawn, epochs), path, facecolor="white")
