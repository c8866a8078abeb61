"""Hyperparameters, one in each row of a table, as papers print them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ganspec.comparison.marking import marked
from ganspec.comparison.properties import batch
from ganspec.kinds.optimizer import Optimizer
from ganspec.language.fields import fields_of
from ganspec.language.unread import NOT_READ, known, sealed
from ganspec.systems.implied import MARK, Implied
from ganspec.systems.spec import Spec
from ganspec.systems.terms import plain, term
from ganspec.systems.wording import label

SECTION = "hyperparameters"


@dataclass(frozen=True)
class Hyperparameter:
    """A hyperparameter of one network as text; `is_usual` if it is a default that needs no row."""

    text: str
    is_implied: bool = False
    is_usual: bool = False

    @property
    def cell(self) -> str:
        """The text, with the mark if the value is implied."""
        return self.text + MARK if self.is_implied else self.text


def of_spec(spec: Spec, implied: Implied) -> dict[str, str]:
    """Return the hyperparameters of the whole spec, as texts by the names of their rows.

    Implied ones have the mark. Those that the spec lacks, such as a penalty, are left out.
    """
    seen = sealed(spec)
    train = seen.train
    rows = {
        "loss": seen.properties().get("objective", {}).get("loss", ""),
        "batch": known(lambda: batch(seen)),
        "epochs": known(lambda: plain(train.epochs)),
        "iterations per epoch": known(lambda: plain(train.iterations) if train.iterations else ""),
        **_penalty_weight(spec),
        "clip": _of_objective(spec, "clip", lambda own: plain(own.clip) if own.clip else ""),
    }
    return {row: marked(text, implied, row) for row, text in rows.items() if text}


def _penalty_weight(spec: Spec) -> dict[str, str]:
    """Return the penalty's weight by the name of its row; {} if the spec has no penalty."""
    name = _of_objective(spec, "penalty", lambda own: term(own.penalty.kind) if own.penalty else "")
    if not name:
        return {}
    weight = _of_objective(spec, "penalty", lambda own: plain(own.penalty.penalty_weight))
    return {f"{'penalty' if name == NOT_READ else name} weight": weight}


def _of_objective(spec: Spec, field: str, text: Callable[[Any], str]) -> str:
    """Return `text` of the sealed objective; `""` if the objective of this system lacks `field`.

    Return NOT_READ if `text` uses an unknown field.
    """
    if field not in getattr(type(getattr(spec, "objective", None)), "model_fields", ()):
        return ""
    seen: Any = sealed(spec)
    return known(lambda: text(seen.objective))


def of_network(spec: Spec, network: str, implied: Implied) -> dict[str, Hyperparameter]:
    """Return the settings of a network's optimizer, by the names of their rows.

    Pairs, such as Adam's betas, have a row for each number. If the system's objective can have an
    L2 term, the network's factor of it is among them.
    """
    kind = spec.optimizer_of(network)
    if kind.is_unread:
        rows = dict.fromkeys(("learning rate", "optimizer kind"), Hyperparameter(NOT_READ))
    else:
        is_implied = kind.key_path in implied.paths
        rows = dict(_settings(kind, spec.framework, implied))
        rate = rows.pop("lr")
        kind_row = {"optimizer kind": Hyperparameter(term(kind.kind), is_implied)}
        rows = {"learning rate": replace(rate, is_usual=False), **kind_row, **rows}
    if factor := _of_objective(spec, "l2", lambda own: plain(getattr(own.l2, network))):
        is_implied = implied.holds([f"objective.l2.{network}"])
        rows["L2 factor"] = Hyperparameter(factor, is_implied, factor == plain(0.0))
    return rows


def _settings(
    kind: Optimizer, framework: str, implied: Implied
) -> Iterator[tuple[str, Hyperparameter]]:
    """Yield the settings of an optimizer, each with the name of its row."""
    changed = (*kind.changed(framework), *kind.unread)
    for field in fields_of(type(kind)).values():
        name, value = field.attribute, getattr(kind, field.attribute)
        path, is_unread = f"{kind.key_path}.{field.name}", name in kind.unread
        if isinstance(value, tuple):
            for i, each in enumerate(value):
                text = NOT_READ if is_unread else plain(each)
                row = f"{label(name).removesuffix('s')} {i + 1}"
                yield row, Hyperparameter(text, implied.holds([f"{path}.{i}"]))
        else:
            text = NOT_READ if is_unread else plain(value)
            is_usual = name not in changed
            yield label(name), Hyperparameter(text, implied.holds([path]), is_usual)
