"""The fields that systems with one criterion and one optimizer share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ganspec.kinds.criterion import Criterion
from ganspec.kinds.optimizer import Optimizer
from ganspec.language.section import Section
from ganspec.language.unread import known
from ganspec.systems.spec import Spec
from ganspec.systems.terms import rules, said


class CriterionObjective(Section):
    """The base of objectives with one criterion."""

    loss: Criterion


class CriterionSpec(Spec):
    """The base of specs with one criterion and one optimizer."""

    reads_test: ClassVar = True

    if TYPE_CHECKING:
        # each system declares these two itself, so that printed specs have them after the networks
        objective: CriterionObjective
        optimizer: Optimizer

    def optimizer_of(self, key: str) -> Optimizer:
        return self.optimizer

    def properties(self) -> dict[str, dict[str, str]]:
        return {
            "data": {},
            "objective": {"loss": known(lambda: said(self.objective.loss))},
            "training": {"rules": known(lambda: rules(self.train))},
        }
