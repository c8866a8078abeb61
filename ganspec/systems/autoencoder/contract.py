"""What an autoencoder, its data and its objective ask of each other."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.language.errors import Diagnostic
from ganspec.program.ir import Net
from ganspec.systems.agreement import image_help, images_of, output_range
from ganspec.systems.single.contract import check_criterion, check_outputs, last_mark
from ganspec.systems.spec import Spec


def contract(spec: Spec, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """Yield findings, warnings among them, about the network, where it could be lowered."""
    mismatch = list(check_criterion(spec, "images"))
    yield from mismatch
    if net := nets.get("autoencoder"):
        yield from _image(spec, net)
        if not mismatch:
            yield from check_outputs(spec, "autoencoder", net)
        yield from output_range(spec, net)


def _image(spec: Spec, net: Net) -> Iterator[Diagnostic]:
    """Yield a finding where what comes out has another shape than what went in."""
    if net.output.shape == spec.data.shape:
        return
    mark = last_mark(spec.autoencoder.layers, net)
    read = net.inputs[0].value
    message = f"the autoencoder makes {net.output} of images of {read}"
    yield Diagnostic("image-mismatch", message, mark, images_of(spec, mark), image_help(spec, net))
