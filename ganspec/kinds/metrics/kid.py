"""Kernel inception distance, by torch-fidelity."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganspec.kinds.activations import Activations
from ganspec.kinds.metric import Metric, MetricValue
from ganspec.kinds.metrics.fidelity import import_fidelity
from ganspec.language.types import Count


class Kid(Metric, kind="kid"):
    """Kernel inception distance (Bińkowski et al., 2018), by torch-fidelity.

    The score is the mean over random subsets, with the standard deviation over them. The estimate
    is unbiased, so it may be a little below 0.
    """

    names: ClassVar = ("kid",)
    higher: ClassVar = False

    subsets: Count = Field(100, description="number of random subsets to average over")
    subset_size: Count = Field(1000, description="images in each subset; all if there are fewer")

    @property
    def least(self) -> int:
        return 2

    def measure(self, fake: Activations, real: Activations | None, seed: int) -> list[MetricValue]:
        assert real is not None  # every paired metric gets real images
        rows = min(len(fake.features), len(real.features))
        self.demand(rows)
        size = min(self.subset_size, rows)
        scores = import_fidelity("metric_kid").kid_featuresdict_to_metric(
            {"features": fake.features},
            {"features": real.features},
            "features",
            kid_subsets=self.subsets,
            kid_subset_size=size,
            rng_seed=seed % 2**32,
            verbose=False,
        )
        note = "" if size == self.subset_size else f"subsets of {size:,} images"
        value = scores["kernel_inception_distance_mean"]
        deviation = scores["kernel_inception_distance_std"]
        return [MetricValue("kid", value, deviation, len(real.features), note)]
