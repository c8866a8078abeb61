"""Precision and recall of generated images."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganspec.kinds.activations import Activations
from ganspec.kinds.metric import Metric, MetricValue
from ganspec.kinds.metrics.fidelity import import_fidelity
from ganspec.language.types import Count

ROWS = 2000  # rows of the matrix of distances in memory at once


class PrecisionRecall(Metric, kind="precision_recall"):
    """Improved precision and recall (Kynkäänniemi et al., 2019), by torch-fidelity: two shares.

    Precision is the share of generated images within the neighbourhoods of real ones; recall is the
    share of real images within those of generated ones.
    """

    names: ClassVar = ("precision", "recall")
    higher: ClassVar = True

    neighbours: Count = Field(3, description="number of nearest neighbours in a neighbourhood")

    @property
    def least(self) -> int:
        return self.neighbours + 1

    def measure(self, fake: Activations, real: Activations | None, seed: int) -> list[MetricValue]:
        assert real is not None  # every paired metric gets real images
        self.demand(len(fake.features), len(real.features))
        shares = import_fidelity("metric_prc").prc_featuresdict_to_metric(
            {"features": fake.features},
            {"features": real.features},
            "features",
            prc_neighborhood=self.neighbours,
            prc_batch_size=ROWS,
            save_cpu_ram=True,  # compute the matrix in parts
            verbose=False,
        )
        rows = len(real.features)
        return [MetricValue(name, shares[name], references=rows) for name in self.names]
