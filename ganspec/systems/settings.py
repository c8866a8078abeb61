"""Settings that the training functions of every system read as `cfg.name`."""

from __future__ import annotations

import inspect
from functools import partial
from types import SimpleNamespace

from ganspec.kinds.optimizer import Optimizer
from ganspec.language.kinds import Kind
from ganspec.program.defaults import non_defaults
from ganspec.systems.spec import Spec

# functions whose bodies are emitted in place of their calls, unless names clash
INLINE = (
    *("scale_pixels", "draw_latent", "train_discriminator", "train_generator", "save_samples"),
    *("parse_arguments", "skip_generator", "skip_discriminator", "predict", "score", "train"),
    *("train_discriminator_apart", "sample_labels", "draw_pixels", "draw_labels"),
    *("generate", "train_classes", "draw_fake"),
    *("squared_weights", "clip_weights", "count_steps", "count_batches", "pick_images", "update"),
)


def own(kind: Kind, **more: object) -> SimpleNamespace:
    """Return the `cfg` that the functions of `kind` read: the kind's fields, and `more`."""
    fields = {name: getattr(kind, name) for name in type(kind).model_fields}
    return SimpleNamespace(**{**more, **fields})


def optimizer(kind: Optimizer) -> partial:
    """Return a function that takes weights and returns a torch optimizer for them."""
    call = kind.call().by_name()
    return partial(call.function, **non_defaults(call))


def lean(reader: partial, labelled: bool) -> partial:
    """Return a data set's `reader` without needless work, if its function has options for that.

    The option `checked=False` skips checks that `ganspec` has done. `labelled` is False if training
    reads no labels; the option `labelled=False` then skips reading them.
    """
    known = inspect.signature(reader.func).parameters
    options = {"checked": False} if labelled else {"checked": False, "labelled": False}
    return partial(reader, **{name: value for name, value in options.items() if name in known})


def shared(spec: Spec, labelled: bool | None = None) -> dict[str, object]:
    """Return the settings of images and of the schedule, which all systems share, by name.

    `labelled` is as for `lean`; by default it is True if the spec declares a label.
    """
    if labelled is None:
        labelled = spec.labelled is not None
    data, train = spec.data, spec.train
    height, width = data.read_size
    return {
        "name": spec.name,
        "batch": train.batch,
        "epochs": train.epochs,
        "seed": train.seed,
        "height": height,
        "width": width,
        "channels": data.shape[0],
        "transpose": data.transpose,
        "low": data.range[0],
        "flip": data.flip,
        "last_batch": train.last_batch,
        "keep": train.keep,
        "pictures": train.pictures,
        "snapshots": train.snapshots,
        "scaler": None,  # set for fp16, which emitted files never use
        "logits": False,
        "needs_folder": data.dataset.needs_folder,
        "path": data.dataset.own_path(),
        "inline": INLINE,
        "literal": ("height", "width", "channels"),  # emitted as plain numbers
        "load_images": lean(data.dataset.reader(data.resize), labelled),
    }
