"""Findings about a variational autoencoder that does not fit its data or its loss."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.language.errors import Diagnostic
from ganspec.program.ir import Net
from ganspec.systems.single.contract import check_images
from ganspec.systems.spec import Spec


def contract(spec: Spec, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """Yield findings, warnings among them, about the networks that could be lowered."""
    yield from check_images(spec, "decoder", nets, f", the images are {spec.data.shown_shape}")
