"""Findings about a classifier that does not fit its labels or its objective."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.language.errors import Diagnostic
from ganspec.language.tree import find
from ganspec.program.ir import Net
from ganspec.systems.agreement import labels_fit
from ganspec.systems.single.contract import check_criterion, check_outputs, last_mark
from ganspec.systems.spec import Spec


def contract(spec: Spec, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """Yield findings, warnings among them, about the network, where it could be lowered."""
    yield from labels_fit(spec, "label")
    mismatch = list(check_criterion(spec, spec.label.kind))
    yield from mismatch
    if net := nets.get("classifier"):
        yield from _classes(spec, net)
        if not mismatch:  # what another criterion wants is another question
            yield from check_outputs(spec, "classifier", net)


def _classes(spec: Spec, net: Net) -> Iterator[Diagnostic]:
    """Yield a finding where the classifier does not make a number for each class."""
    size = int(spec.label.size)
    if net.output.shape == (size,):
        return
    mark = last_mark(spec.classifier.layers, net)
    place = find(spec.tree, ("label", "size")).mark.seen_from(mark)
    message = f"the classifier makes {net.output}, not one number for each of {size} classes"
    help = f"end it in `linear: {size}`"
    yield Diagnostic("class-mismatch", message, mark, (f"the classes are those of {place}",), help)
