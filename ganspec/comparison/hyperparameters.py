"""Hyperparameters, one in each row of a table, as papers print them."""

from __future__ import annotations

from ganspec.kinds.optimizer import Optimizer
from ganspec.language.unread import NOT_READ, NotReadError, known, sealed
from ganspec.systems.spec import Spec
from ganspec.systems.terms import plain, term
from ganspec.systems.wording import label

SECTION = "hyperparameters"


def shared(spec: Spec) -> dict[str, str]:
    """Return loss, batch, penalty weight and epochs as texts, by the names of their rows."""
    spec = sealed(spec)
    loss = spec.properties().get("objective", {}).get("loss", "")
    own = {"loss": loss, "batch": known(lambda: plain(spec.train.batch))}
    return {**own, **_penalty(spec), "epochs": known(lambda: plain(spec.train.epochs))}


def _penalty(spec: Spec) -> dict[str, str]:
    """Return the penalty's weight by the name of its row; {} if the sealed spec has no penalty."""
    try:
        penalty = getattr(getattr(spec, "objective", None), "penalty", None)  # only a GAN has one
        if penalty is None:
            return {}
        name = f"{term(penalty.kind)} weight"
    except NotReadError:
        return {"penalty weight": NOT_READ}
    return {name: known(lambda: plain(penalty.penalty_weight))}


def of_optimizer(kind: Optimizer, framework: str) -> dict[str, str]:
    """Return an optimizer's hyperparameters as texts, by the names of their rows.

    Pairs, such as Adam's betas, have a row for each number. Other fields have a row if they differ
    from the framework's defaults.
    """
    if kind.is_unread:
        return dict.fromkeys(("learning rate", "optimizer kind"), NOT_READ)
    lr = NOT_READ if "lr" in kind.unread else plain(kind.lr)
    rows = {"learning rate": lr, "optimizer kind": term(kind.kind)}
    changed = (*kind.changed(framework), *kind.unread)
    for name in type(kind).model_fields:
        value, unread = getattr(kind, name), name in kind.unread
        if isinstance(value, tuple):
            row = label(name).removesuffix("s")
            texts = (NOT_READ if unread else plain(each) for each in value)
            rows |= {f"{row} {i}": text for i, text in enumerate(texts, 1)}
        elif name in changed and name != "lr":
            rows[label(name)] = NOT_READ if unread else plain(value)
    return rows
