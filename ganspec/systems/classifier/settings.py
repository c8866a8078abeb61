"""Settings of a classifier's training."""

from __future__ import annotations

from types import SimpleNamespace

from ganspec.kinds.metrics.predictions import accuracy, multi_hot_accuracy
from ganspec.systems.classifier import step
from ganspec.systems.single.settings import single_settings
from ganspec.systems.spec import Spec


def settings(spec: Spec) -> SimpleNamespace:
    """Return the constants and functions of a classifier's training."""
    several = spec.label.kind == "multi_hot"
    return single_settings(
        spec,
        step,
        labels=spec.label.kind,
        accuracy=multi_hot_accuracy if several else accuracy,
        noise=None,
        clip_noise=False,
        columns=0,
    )
