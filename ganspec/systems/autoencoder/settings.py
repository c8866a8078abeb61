"""Settings of an autoencoder's training."""

from __future__ import annotations

from types import SimpleNamespace

from ganspec.systems.autoencoder import step
from ganspec.systems.single.settings import single_settings
from ganspec.systems.spec import Spec

COLUMNS = 16  # images in a row of reconstructions


def settings(spec: Spec) -> SimpleNamespace:
    """Return the constants and functions of an autoencoder's training."""
    noise = spec.objective.noise
    return single_settings(
        spec,
        step,
        labels=None,
        noise=noise.std if noise else None,
        clip_noise=noise.clip if noise else False,
        columns=COLUMNS,
        compare=step.compare,
        absent=["labels", "_labels", "test_labels"],
    )
