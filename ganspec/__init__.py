"""ganspec: a compiler for GAN specs.

A spec is data; it is lowered to one small program; that program is either evaluated (modules in
memory) or printed (plain PyTorch). Torch is imported only when something here needs it.
`docs/design.md` tells the reasons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganspec import kinds_files
from ganspec.language.registry import PACKAGES
from ganspec.version import VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from ganspec.language.errors import Diagnostic, SpecError
    from ganspec.runs.run import Run
    from ganspec.systems.spec import Spec
    from ganspec.training.trainer import Trainer

PACKAGES.update(
    {
        "layer": "ganspec.kinds.layers",
        "condition": "ganspec.kinds.conditions",
        "loss": "ganspec.kinds.losses",
        "criterion": "ganspec.kinds.criteria",
        "penalty": "ganspec.kinds.penalties",
        "optimizer": "ganspec.kinds.optimizers",
        "initializer": "ganspec.kinds.initializers",
        "weight_norm": "ganspec.kinds.weight_norms",
        "dataset": "ganspec.kinds.datasets",
        "metric": "ganspec.kinds.metrics",
        "system": "ganspec.systems",
    }
)

__version__ = VERSION
__all__ = [
    "Diagnostic",
    "Run",
    "Spec",
    "SpecError",
    "Trainer",
    "build",
    "check",
    "emit",
    "load",
    "load_kinds",
    "train",
]

_LAZY = {
    "Diagnostic": "ganspec.language.errors",
    "SpecError": "ganspec.language.errors",
    "Spec": "ganspec.systems.spec",
    "Run": "ganspec.runs.run",
    "Trainer": "ganspec.training.trainer",
}


def load(path: str | Path, settings: list[str] | tuple[str, ...] = ()) -> Spec:
    """Return the validated spec at `path`, with `key.path=value` settings laid over it.

    Raises SpecError, whose `.diagnostics` are all of its mistakes.
    """
    from ganspec.systems.load import load

    return load(path, settings)


def load_kinds(path: str | Path) -> None:
    """Run a Python file of your own kinds (see `ganspec.extend`), which specs can then name.

    Raises KindsError, whose message has the line and a fix.
    """
    kinds_files.load_kinds(path)


def check(spec: Spec) -> list[Diagnostic]:
    """Return warnings about a spec whose networks fit together; raises SpecError otherwise."""
    from ganspec.compiler.check import check

    return check(spec)


def build(spec: Spec, device: str = "cpu", exact: bool = False) -> dict[str, nn.Module]:
    """Return the spec's networks by name, `generator` and `discriminator`, with fresh weights.

    `torch.manual_seed` before it makes the weights repeatable, on every device alike. With
    `exact` they compute what the emitted file's do, bit for bit. Raises SpecError where shapes do
    not fit.
    """
    from ganspec.compiler.evaluate import evaluate
    from ganspec.compiler.lower import lower

    return {name: evaluate(net, exact).to(device) for name, net in lower(spec).items()}


def emit(spec: Spec) -> str:
    """Return the spec as one file of plain PyTorch, networks and trainer; raises SpecError."""
    from ganspec.compiler.emit import emit

    return emit(spec)


def train(spec: Spec, out: str | Path | None = None, **options: object) -> Run:
    """Train a spec into a run folder; see `ganspec.training.session.train` for the options."""
    from ganspec.training.session import train

    if spec.evaluate:
        from ganspec.evaluation.periodic import Periodic  # which scipy makes slow to import

        options["scoring"] = Periodic
    return train(spec, out, **options)


def __getattr__(name: str) -> object:
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module `ganspec` has no attribute `{name}`")
