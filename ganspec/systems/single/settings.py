"""Settings that the training functions of systems with one criterion read as `cfg.name`."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

from ganspec.systems.settings import lean, optimizer, own, shared
from ganspec.systems.single.fields import CriterionSpec
from ganspec.systems.single.program import train


def single_settings(
    spec: CriterionSpec, text: ModuleType, absent: tuple[str, ...] = (), **more: object
) -> SimpleNamespace:
    """Return the settings of a system of one network.

    The module `text` has the system's functions `train_step` and `evaluate`. `absent` lists the
    variables that the emitted file leaves out of the training text. `more` are further settings.
    """
    (key,) = spec.networks
    steps = {"train": train, "train_step": text.train_step, "evaluate": text.evaluate}
    return SimpleNamespace(**criterion_settings(spec, absent), key=key, **steps, **more)


def criterion_settings(spec: CriterionSpec, absent: tuple[str, ...]) -> dict[str, object]:
    """Return the settings that systems with one criterion share, by name.

    `absent` lists the variables that the emitted file leaves out of the training text. Those of
    held-out images are added to it if the data set has none.
    """
    criterion = spec.objective.loss
    reader = spec.data.dataset.test_reader(spec.data.resize)
    test = None if reader is None else lean(reader, spec.labelled is not None)
    return {
        **shared(spec),
        "iterations": spec.train.iterations,
        "criterion": own(criterion, loss=type(criterion).loss, outputs=criterion.outputs),
        "optimizer": optimizer(spec.optimizer),
        "held_out": test is not None,
        "load_test_images": test,
        "absent": [*absent] if test else [*absent, "test_images", "test_labels"],
    }
