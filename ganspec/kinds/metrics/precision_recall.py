"""Precision and recall."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganspec.kinds.activations import Activations
from ganspec.kinds.metric import Measured, Metric
from ganspec.kinds.metrics.fidelity import fidelity
from ganspec.language.types import Count

ROWS = 2000  # of a matrix of distances, that are in memory at once


class PrecisionRecall(Metric, kind="precision_recall"):
    """Improved precision and recall (Kynkäänniemi et al., 2019), by torch-fidelity: two shares.

    Precision is that of generated images within the real ones' neighbourhoods, recall that of
    real images within the generated ones'.
    """

    names: ClassVar = ("precision", "recall")
    higher: ClassVar = True

    neighbours: Count = Field(3, description="how many neighbours a neighbourhood reaches to")

    @property
    def least(self) -> int:
        return self.neighbours + 1

    def measure(self, made: Activations, real: Activations, seed: int) -> list[Measured]:
        self.demand(len(made.features), len(real.features))
        found = fidelity("metric_prc").prc_featuresdict_to_metric(
            {"features": made.features},
            {"features": real.features},
            "features",
            prc_neighborhood=self.neighbours,
            prc_batch_size=ROWS,
            save_cpu_ram=True,  # torch-fidelity's name for a part of the matrix at a time
            verbose=False,
        )
        rows = len(real.features)
        return [Measured(name, found[name], references=rows) for name in self.names]
