"""Fréchet inception distance."""

from __future__ import annotations

from typing import ClassVar

from ganspec.kinds.activations import Activations
from ganspec.kinds.metric import Measured, Metric
from ganspec.kinds.metrics.frechet import factor, frechet_distance


class Fid(Metric, kind="fid"):
    """Fréchet inception distance (Heusel et al., 2017), between normal fits of the features.

    Its value falls with the number of images: only numbers of as many images compare. Of fewer
    images than features it rests on a singular covariance, and says so.
    """

    names: ClassVar = ("fid",)
    higher: ClassVar = False

    @property
    def least(self) -> int:
        return 2

    def measure(self, made: Activations, real: Activations, seed: int) -> list[Measured]:
        self.demand(made.count, real.count)
        value = frechet_distance(made.mean, factor(made), real.mean, real.covariance)
        few, size = min(made.count, real.count), made.size
        note = f"fewer images ({few:,}) than features ({size:,})" if few <= size else ""
        return [Measured("fid", max(0.0, value), references=real.count, note=note)]
