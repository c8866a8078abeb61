"""Hyperparameters, one in each row of a table, as papers print them."""

from __future__ import annotations

from ganspec.kinds.optimizer import Optimizer
from ganspec.language.unread import NOT_READ
from ganspec.systems.spec import Spec
from ganspec.systems.terms import plain, term
from ganspec.systems.wording import label

SECTION = "hyperparameters"


def shared(spec: Spec) -> dict[str, str]:
    """Return loss, batch, penalty weight and epochs as texts, by the names of their rows."""
    loss = spec.properties().get("objective", {}).get("loss", "")
    batch, epochs = (plain(number) for number in (spec.train.batch, spec.train.epochs))
    if "train" in spec.unread:
        batch = epochs = NOT_READ
    own = {"loss": loss, "batch": batch}
    penalty = getattr(getattr(spec, "objective", None), "penalty", None)  # only a GAN has one
    if penalty is not None:
        own[f"{term(penalty.kind)} weight"] = plain(penalty.penalty_weight)
    return {**own, "epochs": epochs}


def of_optimizer(kind: Optimizer, framework: str) -> dict[str, str]:
    """Return an optimizer's hyperparameters as texts, by the names of their rows.

    Pairs, such as Adam's betas, have a row for each number. Other fields have a row if they differ
    from the framework's defaults.
    """
    if kind.is_unread:
        return dict.fromkeys(("learning rate", "optimizer kind"), NOT_READ)
    rows = {"learning rate": plain(kind.lr), "optimizer kind": term(kind.kind)}
    changed = kind.changed(framework)
    for name in type(kind).model_fields:
        value = getattr(kind, name)
        if isinstance(value, tuple):
            pairs = enumerate(value, 1)
            rows |= {f"{label(name).removesuffix('s')} {i}": plain(each) for i, each in pairs}
        elif name in changed and name != "lr":
            rows[label(name)] = plain(value)
    return rows
