"""Settings that the training functions of a GAN read as `cfg.name`."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from ganspec.language.rules import Rule
from ganspec.program.ir import Net, plain
from ganspec.systems.gan import step
from ganspec.systems.gan.fields import GanFields
from ganspec.systems.gan.train import STEP_LOSSES
from ganspec.systems.grid import CLASS_COLUMNS, COLUMNS, SAMPLES
from ganspec.systems.settings import optimizer, own, shared

LOSSES = ("real_loss", "fake_loss", "generator_loss")


def settings(spec: GanFields, nets: dict[str, Net]) -> SimpleNamespace:
    """Return the `cfg` of a GAN's training functions; `nets` are both networks, by key."""
    labels = labelling(spec, nets)
    return SimpleNamespace(
        **shared(spec, labelled=labels["labels"] is not None),
        **labels,
        **objective(spec, nets),
        **rules(spec),
        g_optimizer=optimizer(spec.optimizers.generator),
        d_optimizer=optimizer(spec.optimizers.discriminator),
        **joint(spec),
    )


def joint(spec: GanFields) -> dict[str, object]:
    """Return the settings of the user's own update, the entry of `train.updates`, by name.

    The setting `joint` lists the keys of the networks that this update changes. If there is no such
    update, the only setting is `joint`, which is None.
    """
    if not spec.train.updates:
        return {"joint": None}
    ((name, update),) = spec.train.updates.items()
    return {
        "joint": update.networks,
        "joint_generator": "generator" in update.networks,
        "joint_discriminator": "discriminator" in update.networks,
        "joint_loss": f"{name}_loss",
        "q_optimizer": optimizer(update.optimizer),
    }


def rule(text: str | None, who: str) -> Rule | None:
    """Return a skip rule as a function of the two STEP_LOSSES; None if `text` is None.

    The function returns True if the network `who` is not to be updated.
    """
    if text is None:
        return None
    doc = f"Return True if the {who} is not updated."
    return Rule(text, f"skip_{who}", doc, STEP_LOSSES)


def labelling(spec: GanFields, nets: dict[str, Net]) -> dict[str, object]:
    """Return the settings of labels, by name.

    `absent` lists the variables that the emitted file leaves out of the training text.
    """
    generator, discriminator, train = nets["generator"], nets["discriminator"], spec.train
    auxiliary = spec.objective.auxiliary
    read = generator.conditional or discriminator.conditional or auxiliary is not None
    condition = spec.condition if read else None
    labels, size = (condition.kind, int(condition.size)) if condition else (None, 0)
    # one column per class, if the classes are few
    by_class = labels == "classes" and size <= CLASS_COLUMNS
    absent = [] if labels else ["labels", "fake_labels"]
    absent += [] if generator.conditional else ["fixed_labels"]
    absent += [] if train.conditions else ["asked"]
    return {
        "labels": labels,
        "label_size": size,
        # emitted code checks the number of classes if only the data's files tell it
        "check_classes": labels == "classes" and spec.data.dataset.label_kind() is None,
        "random_labels": labels is not None and train.labels == "random",
        "g_conditional": generator.conditional,
        "d_conditional": discriminator.conditional,
        "auxiliary": auxiliary is not None,
        "d_auxiliary": auxiliary.discriminator if auxiliary else 0,
        "g_auxiliary": auxiliary.generator if auxiliary else 0,
        "auxiliary_images": auxiliary.images if auxiliary else None,
        "samples": 8 * size if by_class else SAMPLES,  # eight images of each class
        "columns": size if by_class else COLUMNS,
        "absent": absent,
    }


def objective(spec: GanFields, nets: dict[str, Net]) -> dict[str, object]:
    """Return the settings of the loss, the penalty, L2 terms and weight clipping, by name."""
    objective = spec.objective
    loss, penalty = objective.loss, objective.penalty
    functions = {name: getattr(type(loss), name) for name in LOSSES}
    d_goal, g_goal = loss.goals
    facts = {
        "d_conditional": nets["discriminator"].conditional,
        "auxiliary": objective.auxiliary is not None,
    }
    more = {"scores": loss.scores, "threshold": loss.threshold, "d_goal": d_goal, "g_goal": g_goal}
    settings = own(loss, **functions, **more)
    return {
        "loss": settings,
        "real_sign": real_sign(settings) if spec.train.accuracy else None,
        "penalty": own(penalty, penalty=type(penalty).penalty, **facts) if penalty else None,
        "d_scale": objective.scale,
        "d_l2": objective.l2.discriminator,
        "g_l2": objective.l2.generator,
        "clip": objective.clip,
    }


def real_sign(loss: SimpleNamespace) -> int:
    """Return 1 if a loss rewards high scores of real images, -1 if it rewards low ones."""
    low, high = (
        loss.real_loss(scores, loss) - loss.fake_loss(scores, loss)
        for scores in (torch.tensor([[0.25]]), torch.tensor([[0.75]]))
    )
    return 1 if high < low else -1


def rules(spec: GanFields) -> dict[str, object]:
    """Return the settings of latents and of the networks' updates, by name."""
    train, latent = spec.train, spec.latent
    reused, skip = train.reused, train.skip
    is_second = not train.generator_first  # the generator is updated second
    return {
        "latent_size": plain(latent.size),
        "latent_distribution": latent.distribution,
        "latent_low": latent.range[0],
        "latent_high": latent.range[1],
        "batches": train.batches,
        "order": train.plan,
        "first": train.plan[0],
        "apart": train.apart,
        "generator_first": train.generator_first,
        "reused": reused,
        # False if the update reuses what the other network's update drew
        "d_draws": reused is None or is_second,
        "g_draws": reused is None or not is_second,
        "g_draws_images": reused != "generated" or not is_second,
        "discriminator_steps": train.steps.discriminator,
        "generator_steps": train.steps.generator,
        "generator_batch": train.generator_batch,
        "iterations": train.iterations,
        "warmup": train.warmup.iterations if train.warmup else None,
        "warmup_images": train.warmup.images if train.warmup else None,
        "conditions": (
            spec.data.dataset.beside_labels(train.conditions) if train.conditions else None
        ),
        "average": train.average,
        "gradients": train.gradients,
        "train_discriminator": (
            step.train_discriminator_apart if train.apart else step.train_discriminator
        ),
        "skips": train.skips,
        "skip_generator": rule(skip.generator, "generator"),
        "skip_discriminator": rule(skip.discriminator, "discriminator"),
    }
