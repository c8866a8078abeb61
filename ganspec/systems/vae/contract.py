"""What the two networks of a variational autoencoder, its data and its loss ask of each other."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.language.errors import Diagnostic
from ganspec.program.ir import Net
from ganspec.systems.agreement import image_mismatch, output_range
from ganspec.systems.single.contract import check_criterion, check_outputs
from ganspec.systems.spec import Spec


def contract(spec: Spec, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """Yield findings, warnings among them, about the networks that could be lowered."""
    mismatch = list(check_criterion(spec, "images"))
    yield from mismatch
    if net := nets.get("decoder"):
        made = f"the decoder makes {net.output}, the images are {_shape(spec)}"
        yield from image_mismatch(spec, "decoder", net, made)
        if not mismatch:  # what another criterion wants is another question
            yield from check_outputs(spec, "decoder", net)
        yield from output_range(spec, net)


def _shape(spec: Spec) -> str:
    return " x ".join(map(str, spec.data.shape))
