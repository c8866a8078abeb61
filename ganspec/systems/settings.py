"""Settings that the training text of every system reads as `cfg.name`."""

from __future__ import annotations

from functools import partial

from ganspec.kinds.optimizer import Optimizer
from ganspec.language.kinds import Kind
from ganspec.program.ir import given
from ganspec.systems.spec import Spec


def fields(kind: Kind) -> dict[str, object]:
    """Return a kind's own fields by name."""
    return {name: getattr(kind, name) for name in type(kind).model_fields}


def optimizer(kind: Optimizer) -> partial:
    """Return a function of parameters that makes the optimizer."""
    call = kind.call()
    return partial(call.target, **given(call))


def shared(spec: Spec) -> dict[str, object]:
    """Return what every training reads: the images and their order."""
    data, train = spec.data, spec.train
    channels, height, width = data.shape
    return {
        "name": spec.name,
        "batch": train.batch,
        "epochs": train.epochs,
        "seed": train.seed,
        "height": height,
        "width": width,
        "channels": channels,
        "low": data.range[0],
        "flip": data.flip,
        "last_batch": train.last_batch,
        "keep": train.keep,
        "logits": False,
        "needs_folder": data.dataset.needs_folder,
        "load_images": data.dataset.reader(data.resize),
    }
