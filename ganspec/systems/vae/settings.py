"""Settings of the training of a variational autoencoder."""

from __future__ import annotations

import math
from types import SimpleNamespace

from ganspec.systems.single.settings import fitting
from ganspec.systems.spec import Spec

SAMPLES = 64  # images in a grid
COLUMNS = 8


def settings(spec: Spec) -> SimpleNamespace:
    """Return the constants and functions that the training text reads as `cfg.name`."""
    shared = fitting(spec, ["labels", "_labels"])
    return SimpleNamespace(
        **{**shared, "logits": spec.objective.loss.outputs == "logits"},
        numbers=math.prod(spec.data.shape),
        kl=spec.objective.kl,
        latent_size=int(spec.latent.size),
        latent_distribution="normal",
        labels=None,
        samples=SAMPLES,
        columns=COLUMNS,
    )
