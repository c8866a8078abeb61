"""Surveys: tables of `ganspec compare` with a column for each spec, a row for each property."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias

from ganspec.comparison.hyperparameters import SECTION
from ganspec.comparison.marking import is_marked, marked
from ganspec.comparison.properties import METRICS
from ganspec.comparison.surveyed import SurveyedSystem
from ganspec.comparison.traits import TRAITS
from ganspec.language.errors import GanspecError, listed, nearest, quoted
from ganspec.language.unread import NOT_READ, known
from ganspec.language.views import Viewed
from ganspec.scores.text import measured_text
from ganspec.systems.implied import LEGEND
from ganspec.systems.terms import term


class SurveyError(GanspecError):
    """Raised when a chosen row does not exist, or when no spec is given."""


@dataclass(frozen=True)
class SurveyRow:
    """One property of all specs, with a cell for each spec.

    A cell is `""` if its spec lacks the property, None if its spec lacks the network.
    """

    section: str
    name: str
    cells: tuple[str | None, ...]
    network: str | None = None
    is_pair: bool = False  # True if a cell has the values of two networks

    @property
    def title(self) -> str:
        return f"{self.network} {self.name}" if self.network else self.name

    @property
    def is_even(self) -> bool:
        """True if all cells are equal and nothing in them is unknown."""
        return len(set(self.cells)) == 1 and NOT_READ not in (self.cells[0] or "")

    @property
    def is_empty(self) -> bool:
        """True if no cell has text."""
        return not any(self.cells)


@dataclass(frozen=True, repr=False)
class Survey(Viewed):
    """A table of specs, with rows about data, networks, objective, training and scores, in order.

    `legend` explains the mark of implied values; it is `""` if no cell has the mark. `notes` are
    pairs of a column's title and a note that the report of its spec has.
    """

    view: ClassVar = "survey"

    titles: tuple[str, ...]
    rows: tuple[SurveyRow, ...]
    legend: str = ""
    notes: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        count = len(self.uneven)
        differ = "1 row differs" if count == 1 else f"{count} rows differ"
        return f"<table of {', '.join(self.titles)}: {differ}>"

    @property
    def uneven(self) -> tuple[SurveyRow, ...]:
        """The filled rows in which the specs differ, or may differ, since a value is unknown."""
        return tuple(row for row in self.filled if not row.is_even)

    @property
    def filled(self) -> tuple[SurveyRow, ...]:
        """The rows that are not empty."""
        return tuple(row for row in self.rows if not row.is_empty)

    @property
    def even(self) -> tuple[SurveyRow, ...]:
        """The filled rows in which the specs do not differ."""
        return tuple(row for row in self.filled if row.is_even)

    def joined(self) -> Survey:
        """Return the survey with one row per trait in place of one row per network and trait.

        A cell has the networks' values in order, such as `BN / IN affine`, or one if they agree.
        """
        rows: dict[str, list[SurveyRow]] = {}
        for row in self.rows:
            rows.setdefault(row.name, []).append(row)
        return replace(self, rows=tuple(_joined(parts) for parts in rows.values()))


def _joined(rows: list[SurveyRow]) -> SurveyRow:
    first, network = rows[0], rows[0].network
    if network is None:
        return first
    cells, paired = [], False
    for parts in zip(*(row.cells for row in rows), strict=True):
        values = [part for part in parts if part is not None]
        several = len(set(values)) > 1
        paired |= several
        cells.append(" / ".join(value or "-" for value in values) if several else values[0])
    return SurveyRow("networks", first.name, tuple(cells), is_pair=paired)


Cell: TypeAlias = Callable[[SurveyedSystem], str | None]


def survey(
    systems: Sequence[SurveyedSystem],
    chosen: Sequence[str] = (),
    report: Callable[[int, int], None] = lambda done, count: None,
) -> Survey:
    """Return the survey of `systems`.

    If `chosen` is not empty, the survey has only rows whose names begin with one of its words, in
    the order of the words, and no notes. After each system, `report` is called with the numbers of
    finished systems and of all systems. Raise SurveyError if there are no systems or if no row
    begins with a word, and SpecError if the networks of a spec do not fit together.
    """
    if not systems:
        raise SurveyError("name at least one spec to compare")
    plan = _chosen(_plan(systems), chosen)
    columns = []
    for system in systems:
        columns.append([row.cell(system) for row in plan])
        report(len(columns), len(systems))
    rows = (
        SurveyRow(row.section, row.name, cells, row.network)
        for row, cells in zip(plan, zip(*columns, strict=True), strict=True)
    )
    titles = tuple(system.title for system in systems)
    legend = LEGEND if any(is_marked(cell) for column in columns for cell in column) else ""
    notes = ((system.title, note) for system in systems for note in system.spec.report.notes)
    return Survey(titles, tuple(rows), legend, () if chosen else tuple(notes))


@dataclass(frozen=True)
class PlannedRow:
    """A row that a survey can have, and the function that fills its cells."""

    section: str
    name: str
    cell: Cell
    network: str | None = None


def _plan(systems: Sequence[SurveyedSystem]) -> list[PlannedRow]:
    """Return all rows that a survey of these systems can have, in order."""
    networks = dict.fromkeys(name for system in systems for name in system.spec.networks)
    rows: dict[str, dict[str, None]] = {}
    for system in systems:
        for section, own in system.properties.items():
            rows.setdefault(section, {}).update(dict.fromkeys(own))
    plan: list[PlannedRow] = []
    for section, names in rows.items():
        plan += [PlannedRow(section, name, _property(section, name)) for name in names]
        if section == "data":
            for network in networks:
                plan += [
                    PlannedRow(network, name, _trait(network, name), network) for name in TRAITS
                ]
    metrics = dict.fromkeys(
        [*METRICS, *(metric for system in systems for metric in system.measured)]
    )
    plan += [
        PlannedRow("measured", f"measured {term(metric)}", _measured(metric)) for metric in metrics
    ]
    return plan + _hyperparameters(systems, list(networks))


def _hyperparameters(
    systems: Sequence[SurveyedSystem], networks: Sequence[str]
) -> list[PlannedRow]:
    """Return a row for each shared hyperparameter; one per network for those of optimizers."""
    shared = dict.fromkeys(name for system in systems for name in system.shared)
    own = dict.fromkeys(
        name
        for system in systems
        for network in system.spec.networks
        for name in system.optimizer(network)
    )
    loss, *rows = [PlannedRow(SECTION, name, _shared(name)) for name in shared]
    optimizers = [
        PlannedRow(SECTION, name, _own(network, name), network)
        for name in own
        for network in networks
    ]
    return [loss, *optimizers, *rows]


def _shared(name: str) -> Cell:
    return lambda system: system.shared.get(name, "")


def _own(network: str, name: str) -> Cell:
    def cell(system: SurveyedSystem) -> str | None:
        known = network in system.spec.networks
        return system.optimizer(network).get(name, "") if known else None

    return cell


def _property(section: str, name: str) -> Cell:
    return lambda system: marked(system.properties[section].get(name, ""), system.implied, name)


def _trait(network: str, name: str) -> Cell:
    def cell(system: SurveyedSystem) -> str | None:
        if network in system.spec.unread:
            return NOT_READ
        portrait = system.portraits.get(network)
        if portrait is None:
            return None
        text = known(lambda: TRAITS[name](portrait))
        return marked(text, system.implied, name, portrait)

    return cell


def _measured(metric: str) -> Cell:
    def cell(system: SurveyedSystem) -> str:
        if (score := system.measured.get(metric)) is None:
            return ""
        notes = [f"n = {score.images:,}"] if score.images else []
        notes += [score.extractor.name] if score.extractor and score.extractor.name else []
        value = measured_text(score)
        return f"{value} ({', '.join(notes)})" if notes else value

    return cell


def _chosen(plan: list[PlannedRow], words: Sequence[str]) -> list[PlannedRow]:
    """Return the rows whose names begin with one of `words`; if it is empty, the usual rows.

    The word `hyperparameters` chooses the rows of that section, which are not among the usual ones.
    """
    usual = [row for row in plan if row.section != SECTION]
    if not words:
        return usual
    chosen: list[PlannedRow] = []
    for word in words:
        start = word.strip().lower()
        if start == SECTION:
            rows = [row for row in plan if row.section == SECTION]
        else:
            rows = [row for row in usual if start and row.name.lower().startswith(start)]
        if not rows:
            names = list(dict.fromkeys([*(row.name for row in usual), SECTION]))
            holding = [name for name in names if start in name.lower()]
            close = holding or [name for name in [nearest(word, names)] if name]
            close = [name for name in close if holding or name[0] == start[0]]
            hint = f"use {listed(close)}" if close else f"there are {listed(names)}"
            raise SurveyError(f"no row begins with {quoted(word)}; {hint}")
        chosen += [row for row in rows if row not in chosen]
    return chosen
