"""What the networks, the data and the objective ask of each other."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.compiler.adversarial import adversarial
from ganspec.compiler.ir import Net
from ganspec.compiler.supervised import supervised
from ganspec.language.errors import Diagnostic
from ganspec.language.spec import Spec
from ganspec.language.system import System


def contract(spec: System, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """Findings, warnings among them, about the networks that could be lowered."""
    return adversarial(spec, nets) if isinstance(spec, Spec) else supervised(spec, nets)
