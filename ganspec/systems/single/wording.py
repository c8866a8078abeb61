"""The training of one network in a few words, for tables that compare specs."""

from __future__ import annotations

from ganspec.systems.spec import Spec
from ganspec.systems.terms import rules, said


def properties(spec: Spec) -> dict[str, dict[str, str]]:
    """Return a network's own properties by the section of a survey that they belong to."""
    return {
        "data": {},
        "objective": {"loss": said(spec.objective.loss)},
        "training": {"rules": rules(spec.train, {}, set())},
    }
