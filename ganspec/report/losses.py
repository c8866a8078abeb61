"""The curves of a run as a picture."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from ganspec.atomic import replacing

POINTS = 2000  # more would fall on the same pixels
COLOURS = {
    "d_loss": "#0072b2",
    "g_loss": "#d55e00",
    "q_loss": "#009e73",
    "d_real": "#56b4e9",
    "d_fake": "#cc79a7",
    "loss": "#0072b2",
    "real_accuracy": "#56b4e9",
    "fake_accuracy": "#cc79a7",
    "accuracy": "#56b4e9",
    "test_loss": "#d55e00",
    "test_accuracy": "#d55e00",
}
LABELS = {
    "d_loss": "discriminator",
    "g_loss": "generator",
    "q_loss": "labels",
    "d_real": "on real images",
    "d_fake": "on generated images",
    "loss": "training",
    "real_accuracy": "real images",
    "fake_accuracy": "generated images",
    "accuracy": "training",
    "test_loss": "test",
    "test_accuracy": "test",
}


def plot_losses(
    rows: list[dict[str, float]], path: Path, epoch_steps: int, warmup: int = 0
) -> None:
    """All losses by step, raw and smoothed, and accuracies below; epochs along the top.

    `warmup` steps come before the first epoch. Writes a PNG.
    """
    if not rows:
        return
    names = list(dict.fromkeys(name for row in rows for name in row if name != "step"))
    shares = [name for name in names if name.endswith("accuracy")]
    panels = [("loss", [n for n in names if n not in shares]), ("accuracy", shares)]
    panels = [panel for panel in panels if panel[1]]
    size = (8, 1.5 + 3 * len(panels))
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    for axes, (title, shown) in zip(
        figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0], panels, strict=True
    ):
        for name in shown:
            _curve(axes, rows, name)
        axes.set(ylabel=title)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.axes[-1].set_xlabel("step")
    if rows[-1]["step"] - warmup >= epoch_steps:
        top = figure.axes[0].secondary_xaxis(
            "top",
            functions=(lambda s: (s - warmup) / epoch_steps, lambda e: e * epoch_steps + warmup),
        )
        top.set_xlabel("epoch")
    with replacing(path) as temporary:
        figure.savefig(temporary)


def _curve(axes, rows: list[dict[str, float]], name: str) -> None:
    """One column of the log; few points, such as one an epoch, are drawn as they are."""
    points = [(row["step"], row[name]) for row in rows if name in row]
    steps, values = [step for step, _ in points], [value for _, value in points]
    look = {"color": COLOURS.get(name, "#666666"), "label": LABELS.get(name, name)}
    if len(points) < len(rows) / 2:
        axes.plot(steps, values, linewidth=1.8, marker="o", markersize=3, **look)
        return
    stride = max(1, len(points) // POINTS)
    smooth = smoothed(values, max(1, len(values) // 100))
    axes.plot(steps[::stride], values[::stride], color=look["color"], alpha=0.25, linewidth=0.7)
    axes.plot(steps[::stride], smooth[::stride], linewidth=1.8, **look)


def smoothed(values: list[float], width: int) -> list[float]:
    """Each value's mean with the `width` - 1 before it, fewer at the start."""
    total, result = 0.0, []
    for i, value in enumerate(values):
        total += value
        if i >= width:
            total -= values[i - width]
        result.append(total / min(i + 1, width))
    return result
