"""The loss curves of a run as a picture."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from ganspec.atomic import replacing

POINTS = 2000  # more would fall on the same pixels


def plot_losses(rows: list[dict[str, float]], path: Path, epoch_steps: int) -> None:
    """Both losses by step, raw and smoothed, with epochs along the top; writes a PNG."""
    if not rows:
        return
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    steps = [row["step"] for row in rows]
    stride = max(1, len(rows) // POINTS)
    for key, colour, label in [
        ("d_loss", "#0072b2", "discriminator"),
        ("g_loss", "#d55e00", "generator"),
    ]:
        values = [row[key] for row in rows]
        axes.plot(steps[::stride], values[::stride], color=colour, alpha=0.25, linewidth=0.7)
        smooth = smoothed(values, max(1, len(values) // 100))
        axes.plot(steps[::stride], smooth[::stride], color=colour, linewidth=1.8, label=label)
    axes.set(xlabel="step", ylabel="loss")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    if steps[-1] >= epoch_steps:
        top = axes.secondary_xaxis(
            "top", functions=(lambda s: s / epoch_steps, lambda e: e * epoch_steps)
        )
        top.set_xlabel("epoch")
    with replacing(path) as temporary:
        figure.savefig(temporary)


def smoothed(values: list[float], width: int) -> list[float]:
    """Each value's mean with the `width` - 1 before it, fewer at the start."""
    total, result = 0.0, []
    for i, value in enumerate(values):
        total += value
        if i >= width:
            total -= values[i - width]
        result.append(total / min(i + 1, width))
    return result
