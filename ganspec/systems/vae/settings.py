"""Settings of the training of a variational autoencoder."""

from __future__ import annotations

import math
from types import SimpleNamespace

from ganspec.systems.settings import optimizer, own, shared
from ganspec.systems.spec import Spec

SAMPLES = 64  # images in a grid
COLUMNS = 8


def settings(spec: Spec) -> SimpleNamespace:
    """Return the constants and functions that the training text reads as `cfg.name`."""
    loss = spec.objective.loss
    test = spec.data.dataset.test_reader(spec.data.resize)
    return SimpleNamespace(
        **{**shared(spec), "logits": loss.outputs == "logits"},
        iterations=spec.train.iterations,
        numbers=math.prod(spec.data.shape),
        criterion=own(loss, loss=type(loss).loss, outputs=loss.outputs),
        kl=spec.objective.kl,
        optimizer=optimizer(spec.optimizer),
        latent_size=int(spec.latent.size),
        latent_distribution="normal",
        held_out=test is not None,
        load_test_images=test,
        labels=None,
        samples=SAMPLES,
        columns=COLUMNS,
        absent=["labels", "_labels"] if test else ["labels", "_labels", "test_images"],
    )
