"""Plots of the losses and accuracies of a run."""

from __future__ import annotations

from pathlib import Path

from ganspec.atomic import replacing
from ganspec.plots.curves import Curve, Panel, figure_of
from ganspec.plots.log import Column, Epochs, columns

LOOKS = {  # name in the log: label, colour
    "d_loss": ("discriminator", "blue"),
    "g_loss": ("generator", "orange"),
    "q_loss": ("labels", "green"),
    "d_real": ("on real images", "sky"),
    "d_fake": ("on generated images", "pink"),
    "loss": ("training", "blue"),
    "real_accuracy": ("real images", "blue"),
    "fake_accuracy": ("generated images", "orange"),
    "accuracy": ("training", "blue"),
    "test_loss": ("test", "orange"),
    "test_accuracy": ("test", "orange"),
}
MOST = 8  # most curves on one axis; ganspec's own logs have fewer


def panels(log: dict[str, Column]) -> list[Panel]:
    """Return a panel of losses and one of accuracies, if any, with their first MOST curves."""
    longest = max(map(len, log.values()), default=0)
    shares = [name for name in log if name.endswith("accuracy")]
    groups = {"loss": [name for name in log if name not in shares], "accuracy": shares}
    return [
        Panel(title, tuple(curve(name, log[name], longest) for name in names[:MOST]))
        for title, names in groups.items()
        if names
    ]


def curve(name: str, column: Column, longest: int) -> Curve:
    """Return a column's curve. It is sparse if it has under half of `longest` values."""
    label, colour = LOOKS.get(name, (name, "green"))
    return Curve(column, label, colour, sparse=len(column) < longest / 2)


def plot_losses(
    rows: list[dict[str, float]], path: Path, epoch_steps: int, warmup: int = 0
) -> None:
    """Write a PNG of losses by training step, accuracies below, and epochs at the foot.

    `warmup` training steps come before the first epoch. Without losses, nothing is written.
    """
    drawn = panels(columns(rows))
    if not drawn:
        return
    with replacing(path) as temporary:
        figure_of(drawn, Epochs(epoch_steps, warmup)).savefig(temporary, facecolor="white")
