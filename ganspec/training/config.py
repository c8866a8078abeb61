"""Everything that the training text reads as `cfg.name`, from a spec."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

from ganspec.compiler.ir import Net, plain
from ganspec.compiler.printer import given
from ganspec.language.kinds import Kind
from ganspec.language.rules import Rule
from ganspec.language.schedule import STEP_LOSSES
from ganspec.language.spec import Spec
from ganspec.language.supervised import Classifier, Supervised
from ganspec.language.system import System
from ganspec.training import classification, reconstruction, step

SAMPLES = 64  # images in a grid
COLUMNS = 16  # images in a row of reconstructions
CLASS_COLUMNS = 12  # most classes that get a column each in it


def fields(kind: Kind) -> dict[str, object]:
    """A kind's own fields by name."""
    return {name: getattr(kind, name) for name in type(kind).model_fields}


def optimizer(kind: Kind) -> partial:
    """A function of parameters that makes the optimizer."""
    call = kind.call()
    return partial(call.target, **given(call))


def rule(text: str | None, who: str) -> Rule | None:
    """A skip rule as a function of the step's losses."""
    if text is None:
        return None
    doc = f"Whether an iteration leaves the {who} as it is."
    return Rule(text, f"skip_{who}", doc, STEP_LOSSES)


def configure(spec: System, nets: dict[str, Net]) -> SimpleNamespace:
    """The constants and functions of one spec's training."""
    if not isinstance(spec, Spec):
        return SimpleNamespace(**shared(spec), **supervised(spec))
    return SimpleNamespace(
        **shared(spec),
        **labelling(spec, nets),
        **objective(spec),
        **rules(spec),
        g_optimizer=optimizer(spec.optimizers.generator),
        d_optimizer=optimizer(spec.optimizers.discriminator),
    )


def shared(spec: System) -> dict[str, object]:
    """What every training reads: the images and their order."""
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
        "needs_folder": data.dataset.needs_folder,
        "load_images": data.dataset.reader(data.resize),
    }


def supervised(spec: Supervised) -> dict[str, object]:
    """What the training of one network reads: its loss, its targets, what it is tested on."""
    (key,) = spec.networks
    of_labels = isinstance(spec, Classifier)
    multi_hot = of_labels and spec.label.kind == "multi_hot"
    test = spec.data.dataset.test_reader(spec.data.resize)
    noise = None if of_labels else spec.objective.noise
    text = classification if of_labels else reconstruction
    absent = [] if of_labels else ["labels", "_labels", "test_labels"]
    return {
        "key": key,
        "labels": spec.label.kind if of_labels else None,
        "accuracy": classification.multi_hot_accuracy if multi_hot else classification.accuracy,
        "iterations": spec.train.iterations,
        "reads": None,
        "loss": type(spec.objective.loss).loss,
        **fields(spec.objective.loss),
        "noise": noise.std if noise else None,
        "clip_noise": noise.clip if noise else False,
        "optimizer": optimizer(spec.optimizer),
        "train_step": text.train_step,
        "evaluate": text.evaluate,
        "held_out": test is not None,
        "load_test_images": test,
        "columns": 0 if of_labels else COLUMNS,
        "absent": absent if test else [*absent, "test_images", "test_labels"],
    }


def labelling(spec: Spec, nets: dict[str, Net]) -> dict[str, object]:
    """Who reads labels, of which kind, and which names therefore mean nothing."""
    generator, discriminator, train = nets["generator"], nets["discriminator"], spec.train
    auxiliary = spec.objective.auxiliary
    read = generator.conditional or discriminator.conditional or auxiliary
    labels = spec.condition.kind if read else None
    size = int(spec.condition.size) if read else 0
    # a class a column where that makes a grid that people can look at
    by_class = labels == "classes" and size <= CLASS_COLUMNS
    absent = [] if labels else ["labels", "fake_labels"]
    absent += [] if generator.conditional else ["fixed_labels"]
    return {
        "labels": labels,
        "label_size": size,
        # only the files tell how many classes a folder has
        "check_classes": labels == "classes" and spec.data.dataset.label_kind() is None,
        "fake_labels": train.labels if labels else "real",
        "g_conditional": generator.conditional,
        "d_conditional": discriminator.conditional,
        "auxiliary": auxiliary is not None,
        "d_auxiliary": auxiliary.discriminator if auxiliary else 0,
        "g_auxiliary": auxiliary.generator if auxiliary else 0,
        "auxiliary_images": auxiliary.images if auxiliary else None,
        "samples": 8 * size if by_class else SAMPLES,
        "columns": size if by_class else 8,
        "absent": absent if train.warmup else [*absent, "step"],
    }


def objective(spec: Spec) -> dict[str, object]:
    """The losses, what is added to them, and their weights."""
    objective = spec.objective
    loss = type(objective.loss)
    return {
        "real_loss": loss.real_loss,
        "fake_loss": loss.fake_loss,
        "generator_loss": loss.generator_loss,
        "threshold": objective.loss.threshold,
        **fields(objective.loss),
        "d_scale": objective.scale,
        "d_l2": objective.l2.discriminator,
        "g_l2": objective.l2.generator,
        "penalty": type(objective.penalty).penalty if objective.penalty else None,
        **(fields(objective.penalty) if objective.penalty else {}),
        "clip": objective.clip,
    }


def rules(spec: Spec) -> dict[str, object]:
    """Latents, and who is updated when and on what."""
    train, latent = spec.train, spec.latent
    apart = train.updates == "apart"
    skip = train.skip
    return {
        "latent_size": plain(latent.size),
        "latent_distribution": latent.distribution,
        "latent_low": latent.range[0],
        "latent_high": latent.range[1],
        "batches": train.batches,
        "latents": train.latents,
        "discriminator_steps": train.steps.discriminator,
        "generator_steps": train.steps.generator,
        "generator_batch": train.generator_batch,
        "iterations": train.iterations,
        "warmup": train.warmup.iterations if train.warmup else None,
        "warmup_images": train.warmup.images if train.warmup else None,
        "accuracy": train.accuracy,
        "average": train.average,
        "updates": train.updates,
        "train_discriminator": (
            step.train_discriminator_apart if apart else step.train_discriminator
        ),
        "skips": bool(skip.generator or skip.discriminator),
        "skip_generator": rule(skip.generator, "generator"),
        "skip_discriminator": rule(skip.discriminator, "discriminator"),
    }
