"""What an autoencoder, its data and its objective ask of each other."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.language.errors import Diagnostic
from ganspec.program.ir import Net
from ganspec.systems.agreement import image_mismatch, output_range
from ganspec.systems.single.contract import check_criterion, check_outputs
from ganspec.systems.spec import Spec


def contract(spec: Spec, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """Yield findings, warnings among them, about the network, where it could be lowered."""
    mismatch = list(check_criterion(spec, "images"))
    yield from mismatch
    if net := nets.get("autoencoder"):
        made = f"the autoencoder makes {net.output} of images of {net.inputs[0].value}"
        yield from image_mismatch(spec, "autoencoder", net, made)
        if not mismatch:
            yield from check_outputs(spec, "autoencoder", net)
        yield from output_range(spec, net)
