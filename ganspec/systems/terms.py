"""The field's short words for what specs spell out."""

from __future__ import annotations

from collections.abc import Callable

from ganspec.language.kinds import Kind
from ganspec.language.section import Section
from ganspec.systems.wording import label, spoken

TERMS = {
    "adam": "Adam",
    "adamw": "AdamW",
    "auxiliary": "auxiliary classifier",
    "batch_norm": "BN",
    "binary_cross_entropy": "binary cross-entropy",
    "cifar10": "CIFAR-10",
    "class_batch_norm": "class BN",
    "conv_transpose": "convT",
    "cross_entropy": "cross-entropy",
    "dcgan": "DCGAN",
    "elu": "ELU",
    "fashion_mnist": "Fashion-MNIST",
    "fid": "FID",
    "gelu": "GELU",
    "gradient": "GP",
    "group_norm": "GN",
    "iclevr": "i-CLEVR",
    "inception_score": "IS",
    "instance_norm": "IN",
    "kaiming": "Kaiming",
    "kid": "KID",
    "layer_norm": "LN",
    "leaky_relu": "LReLU",
    "mnist": "MNIST",
    "non_saturating": "non-saturating",
    "prelu": "PReLU",
    "r1": "R1",
    "relu": "ReLU",
    "rmsprop": "RMSprop",
    "self_attention": "attention",
    "selu": "SELU",
    "sgd": "SGD",
    "silu": "SiLU",
    "spectral": "SN",
    "wasserstein": "Wasserstein",
    "weight": "WN",
    "xavier": "Xavier",
}
FRAMEWORKS = {"torch": "PyTorch", "keras": "Keras", "tensorflow": "TensorFlow 1"}
HIDDEN = {"reads", "as_", "from_", "norm", "init"}  # fields that say nothing of the kind itself


def term(name: str) -> str:
    """The field's word for a kind, a metric or a field's value."""
    return TERMS.get(name) or name.replace("_", " ")


def plain(value: object) -> str:
    """A field's value as a person writes it: `2e-4`, `0.5, 0.9`, `ReLU`."""
    return said(value) if isinstance(value, Kind) else spoken(value)


def settings(kind: Kind, framework: str = "torch") -> dict[str, object]:
    """The fields of `kind` that are not at the framework's defaults, the primary one first."""
    changed = kind.changed(framework)
    names = sorted((n for n in changed if n not in HIDDEN), key=lambda n: n != kind.primary)
    return {name: changed[name] for name in names}


def said(kind: Kind, framework: str = "torch") -> str:
    """A kind and what is particular of it: `GP 10`, `non-saturating (real target 0.9)`."""
    own = settings(kind, framework)
    if kind.primary is not None and getattr(kind, kind.primary, None) is not None:
        own = {kind.primary: getattr(kind, kind.primary), **own}
    words = [term(kind.kind)]
    if (first := own.pop(kind.primary, None)) is not None:
        words.append(plain(first))
    if own:
        words.append(f"({fields(own)})")
    return " ".join(words)


def fields(own: dict[str, object]) -> str:
    """Fields and their values: `real target 0.9, eps 1e-3`."""
    return ", ".join(f"{label(n)} {plain(v)}" for n, v in own.items())


LAST_BATCH = {"last_batch": lambda _: "last batch kept"}
# Fields of `train` that a survey has a row for, or that change no weight.
OF_ALL = {"batch", "epochs", "iterations", "seed", "keep"}


def rules(train: Section, words: dict[str, Callable[[object], str]], elsewhere: set[str]) -> str:
    """Return what is unusual in a training; a rule without words appears as it is written."""
    words, told = {**LAST_BATCH, **words}, []
    for name, value in train.changed().items():
        if name not in elsewhere | OF_ALL:
            told.append(words[name](value) if name in words else fields({name: value}))
    return ", ".join(told)
