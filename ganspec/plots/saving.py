"""Figures as files: whole or not at all, and without matplotlib's warnings."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.text import Text

from ganspec.atomic import replacing


def save(figure: Figure, path: Path, **options: Any) -> None:
    """Write a figure to `path`, atomically; `options` are those of matplotlib's `savefig`."""
    with replacing(path) as temporary:
        render(figure, temporary, **options)


def render(figure: Figure, file: Path | io.BytesIO | io.StringIO, **options: Any) -> None:
    """Write a figure to `file`. A `$` in a text starts no formula.

    Matplotlib warns of letters that its font lacks and of a crowded layout. These warnings are
    hidden, since names in a spec may cause them, and need not be changed for a plot.
    """
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    # without a salt, matplotlib draws the ids in an SVG at random
    salt = matplotlib.rcParams["svg.hashsalt"] or "ganspec"
    # texts of ticks are made while the figure is drawn
    with (
        warnings.catch_warnings(action="ignore", category=UserWarning),
        matplotlib.rc_context({"text.parse_math": False, "svg.hashsalt": salt}),
    ):
        figure.savefig(file, **options)


def undated(form: str) -> dict[str, None]:
    """Return metadata for `savefig` without a date, so that equal figures become equal files."""
    return {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(form, {})
