"""Settings of the training of one network, which its text reads as `cfg.name`."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

from ganspec.systems.settings import fields, optimizer, shared
from ganspec.systems.spec import Spec


def single_settings(spec: Spec, text: ModuleType, **own: object) -> SimpleNamespace:
    """Return the settings of a network whose step and test are those of the module `text`."""
    (key,) = spec.networks
    test = spec.data.dataset.test_reader(spec.data.resize)
    absent = own.pop("absent", [])
    return SimpleNamespace(
        **shared(spec),
        key=key,
        iterations=spec.train.iterations,
        **{"reads": None, **fields(spec.objective.loss)},
        loss=type(spec.objective.loss).loss,
        optimizer=optimizer(spec.optimizer),
        train_step=text.train_step,
        evaluate=text.evaluate,
        held_out=test is not None,
        load_test_images=test,
        absent=absent if test else [*absent, "test_images", "test_labels"],
        **own,
    )
