"""ganspec: a compiler for GAN specs.

A spec is data; it is lowered to one small program; that program is either evaluated (modules in
memory) or printed (plain PyTorch). Torch is imported only when something here needs it.
`docs/design.md` tells the reasons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from ganspec.language.errors import Diagnostic, SpecError
    from ganspec.language.spec import Spec
    from ganspec.training.run import Run

__version__ = "0.1.0"
__all__ = ["Diagnostic", "Run", "Spec", "SpecError", "build", "check", "emit", "load", "train"]

_LAZY = {
    "Diagnostic": "ganspec.language.errors",
    "SpecError": "ganspec.language.errors",
    "Spec": "ganspec.language.spec",
    "Run": "ganspec.training.run",
}


def load(path: str | Path, settings: list[str] | tuple[str, ...] = ()) -> Spec:
    """The validated spec at `path`, with `key.path=value` settings laid over it.

    Raises SpecError, whose `.diagnostics` are all of its mistakes.
    """
    from ganspec.language.load import load

    return load(path, list(settings))


def check(spec: Spec) -> list[Diagnostic]:
    """Warnings about a spec whose networks fit together; raises SpecError where they do not."""
    from ganspec.compiler.check import check

    return check(spec)


def build(spec: Spec, device: str = "cpu") -> dict[str, nn.Module]:
    """The spec's networks by name, `generator` and `discriminator`, with fresh weights.

    `torch.manual_seed` before it makes the weights repeatable, on every device alike. Raises
    SpecError where shapes do not fit.
    """
    from ganspec.compiler.evaluate import evaluate
    from ganspec.compiler.lower import lower

    return {name: evaluate(net).to(device) for name, net in lower(spec).items()}


def emit(spec: Spec) -> str:
    """The spec as one file of plain PyTorch, networks and trainer; raises SpecError."""
    from ganspec.compiler.emit import emit

    return emit(spec)


def train(spec: Spec, out: str | Path | None = None, **options: object) -> Run:
    """Train a spec into a run folder; see `ganspec.training.session.train` for the options."""
    from ganspec.training.session import train

    return train(spec, out, **options)


def __getattr__(name: str) -> object:
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module `ganspec` has no attribute `{name}`")
