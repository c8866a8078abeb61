"""Settings of the training of one network, which its text reads as `cfg.name`."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

from ganspec.systems.settings import optimizer, own, shared
from ganspec.systems.spec import Spec


def single_settings(spec: Spec, text: ModuleType, **more: object) -> SimpleNamespace:
    """Return the settings of a network whose step and test are those of the module `text`."""
    (key,) = spec.networks
    steps = {"train_step": text.train_step, "evaluate": text.evaluate}
    return SimpleNamespace(**fitting(spec, more.pop("absent", [])), key=key, **steps, **more)


def fitting(spec: Spec, absent: list[str]) -> dict[str, object]:
    """Return the settings of a training with one criterion, one optimizer and a test.

    `absent` lists variables that the training does not use.
    """
    criterion = spec.objective.loss
    test = spec.data.dataset.test_reader(spec.data.resize)
    return {
        **shared(spec),
        "iterations": spec.train.iterations,
        "criterion": own(criterion, loss=type(criterion).loss, outputs=criterion.outputs),
        "optimizer": optimizer(spec.optimizer),
        "held_out": test is not None,
        "load_test_images": test,
        "absent": absent if test else [*absent, "test_images", "test_labels"],
    }
