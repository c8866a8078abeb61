"""Findings about an autoencoder that does not fit its data or its objective."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.language.errors import Diagnostic
from ganspec.program.ir import Net
from ganspec.systems.single.contract import check_images
from ganspec.systems.spec import Spec


def contract(spec: Spec, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """Yield findings, warnings among them, about the network, where it could be lowered."""
    yield from check_images(spec, "autoencoder", nets, f" of images of {spec.data.shown_shape}")
