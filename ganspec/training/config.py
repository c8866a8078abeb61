"""Everything that the training text reads as `cfg.name`, from a spec."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

from ganspec.compiler.ir import plain
from ganspec.compiler.printer import given
from ganspec.language.kinds import Kind
from ganspec.language.spec import Spec


def fields(kind: Kind) -> dict[str, object]:
    """A kind's own fields by name."""
    return {name: getattr(kind, name) for name in type(kind).model_fields}


def optimizer(kind: Kind) -> partial:
    """A function of parameters that makes the optimizer."""
    call = kind.call()
    return partial(call.target, **given(call))


def configure(spec: Spec) -> SimpleNamespace:
    """The constants and functions of one spec's training."""
    objective, data, train, latent = spec.objective, spec.data, spec.train, spec.latent
    channels, height, width = data.shape
    penalty = fields(objective.penalty) if objective.penalty else {}
    return SimpleNamespace(
        name=spec.name,
        batch=train.batch,
        epochs=train.epochs,
        seed=train.seed,
        latent_size=plain(latent.size),
        latent_distribution=latent.distribution,
        latent_low=latent.range[0],
        latent_high=latent.range[1],
        height=height,
        width=width,
        channels=channels,
        low=data.range[0],
        flip=data.flip,
        needs_folder=data.dataset.needs_folder,
        load_images=data.dataset.reader(),
        batches=train.batches,
        discriminator_steps=train.steps.discriminator,
        generator_steps=train.steps.generator,
        discriminator_loss=type(objective.loss).discriminator_loss,
        generator_loss=type(objective.loss).generator_loss,
        **fields(objective.loss),
        penalty=type(objective.penalty).penalty if objective.penalty else None,
        **penalty,
        clip=objective.clip,
        g_optimizer=optimizer(spec.optimizers.generator),
        d_optimizer=optimizer(spec.optimizers.discriminator),
    )
