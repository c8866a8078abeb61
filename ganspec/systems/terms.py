"""The literature's short words for kinds, metrics and values, such as `BN` and `FID`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from ganspec.language.kinds import Kind
from ganspec.language.unread import NOT_READ, known
from ganspec.systems.schedule import Schedule
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
# fields that are left out, as they do not describe the kind itself
HIDDEN = {"reads", "as_", "from_", "weight_norm", "init"}


def term(name: str) -> str:
    """Return the literature's word for a kind, a metric or a value: `BN` for `batch_norm`."""
    return TERMS.get(name) or name.replace("_", " ")


def plain(value: object) -> str:
    """Return a field's value in the literature's words: `2e-4`, `0.5, 0.9`, `ReLU`."""
    return said(value) if isinstance(value, Kind) else spoken(value)


def settings(kind: Kind, framework: str = "torch") -> dict[str, object]:
    """Return the values of a kind's fields that differ from the framework's defaults, by name.

    An unknown field has the value NOT_READ. The primary field comes first. Fields in HIDDEN are
    left out.
    """
    changed: dict[str, object] = {}
    for name, usual in kind.defaults(framework).items():
        value = NOT_READ if name in kind.unread else getattr(kind, name)
        if value != usual:
            changed[name] = value
    names = sorted((n for n in changed if n not in HIDDEN), key=lambda n: n != kind.primary)
    return {name: changed[name] for name in names}


def said(kind: Kind) -> str:
    """Return a kind and its changed fields in words: `GP 10`, `non-saturating (real target 0.9)`.

    A changed field differs from torch's default. The value of the primary field is shown without
    its name, even if it is the default.
    """
    if kind.is_unread:
        return NOT_READ
    own, words = settings(kind), [term(kind.kind)]
    if kind.primary is not None:
        own.pop(kind.primary, None)
        if kind.primary in kind.unread:
            words.append(NOT_READ)
        elif (first := getattr(kind, kind.primary, None)) is not None:
            words.append(plain(first))
    if own:
        words.append(f"({fields(own)})")
    return " ".join(words)


def fields(own: dict[str, object]) -> str:
    """Return fields and their values on one line: `real target 0.9, eps 1e-3`."""
    return ", ".join(f"{label(n)} {plain(v)}" for n, v in own.items())


# Fields of `train` that other rows of tables or pages show, or that only change random draws.
OF_ALL = {"batch", "epochs", "iterations", "seed"}


def shown(name: str, text: Callable[[], str]) -> str:
    """Return the text of the field `name`, or a text such as `flip not read` if it is unknown."""
    words = known(text)
    return f"{label(name)} {NOT_READ}" if words == NOT_READ else words


def rules(
    train: Schedule,
    words: dict[str, Callable[[], str]] | None = None,
    elsewhere: Collection[str] = (),
) -> str:
    """Return the fields of `train` that differ from the defaults, on one line.

    `words` are functions that return the texts of fields, by field. A field without a text is shown
    with its name and value. Fields in `elsewhere`, in OF_ALL and in `train.neutral` are left out.
    """
    own = {"last_batch": lambda: "last batch kept", **(words or {})}

    def rule(name: str, usual: object) -> str:
        if (value := getattr(train, name)) == usual:
            return ""
        return own[name]() if name in own else fields({name: value})

    left_out = {*OF_ALL, *elsewhere, *train.neutral}
    usual = {n: v for n, v in train.defaults().items() if n not in left_out}
    return ", ".join(filter(None, (shown(n, partial(rule, n, v)) for n, v in usual.items())))
