"""Fréchet inception distance."""

from __future__ import annotations

from typing import ClassVar

from ganspec.kinds.activations import Activations
from ganspec.kinds.metric import Metric, MetricValue
from ganspec.kinds.metrics.frechet import factor, frechet_distance


class Fid(Metric, kind="fid"):
    """Fréchet inception distance (Heusel et al., 2017), between normal fits of the features.

    The value falls as the number of images rises, so compare values of equally many images. If
    there are no more images than features, the covariance is singular: a note then says so.
    """

    names: ClassVar = ("fid",)
    higher: ClassVar = False

    @property
    def least(self) -> int:
        return 2

    def measure(self, fake: Activations, real: Activations | None, seed: int) -> list[MetricValue]:
        assert real is not None  # every paired metric gets real images
        self.demand(fake.count, real.count)
        value = frechet_distance(fake.mean, factor(fake), real.mean, real.covariance)
        few, size = min(fake.count, real.count), fake.size
        note = f"no more images ({few:,}) than features ({size:,})" if few <= size else ""
        return [MetricValue("fid", max(0.0, value), references=real.count, note=note)]
