"""The fields that systems with one criterion and one optimizer share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ganspec.kinds.criterion import Criterion
from ganspec.kinds.optimizer import Optimizer
from ganspec.language.section import Section
from ganspec.systems.spec import Spec
from ganspec.systems.terms import rules, said


class CriterionObjective(Section):
    """An objective that has a criterion."""

    loss: Criterion


class CriterionSpec(Spec):
    """A spec whose networks one criterion trains under one optimizer."""

    reads_test: ClassVar = True

    if TYPE_CHECKING:
        # each system declares them after its networks, as `train`
        objective: CriterionObjective
        optimizer: Optimizer

    def optimizer_of(self, key: str) -> Optimizer:
        return self.optimizer

    def properties(self) -> dict[str, dict[str, str]]:
        return {
            "data": {},
            "objective": {"loss": said(self.objective.loss)},
            "training": {"rules": rules(self.train)},
        }
