"""Surveys: tables of `ganspec compare` with a column for each spec, a row for each property."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias

from ganspec.comparison.hyperparameters import SECTION, Hyperparameter
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

    A cell is `""` if its spec lacks the property, None if its spec lacks the network. `is_single`
    is True if the survey leaves out the row of this name for another network. If cells list values
    of several networks, `shared` has the groups of networks whose values share a cell, in order.
    """

    section: str
    name: str
    cells: tuple[str | None, ...]
    network: str | None = None
    is_single: bool = False
    shared: tuple[tuple[str, ...], ...] = ()

    @property
    def title(self) -> str:
        return f"{self.network} {self.name}" if self.network else self.name

    @property
    def is_even(self) -> bool:
        """True if all cells are equal and nothing in them is unknown."""
        return len(set(self.cells)) == 1 and NOT_READ not in (self.cells[0] or "")


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
        """The rows in which a cell has text."""
        return tuple(row for row in self.rows if any(row.cells))

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
            rows.setdefault(row.title if row.is_single else row.name, []).append(row)
        return replace(self, rows=tuple(_joined(parts) for parts in rows.values()))


def _joined(rows: list[SurveyRow]) -> SurveyRow:
    first = rows[0]
    if first.network is None or first.is_single:
        return first
    cells: list[str] = []
    shared: dict[tuple[str, ...], None] = {}
    for column in zip(*(row.cells for row in rows), strict=True):
        parts = zip(rows, column, strict=True)
        values = {row.network or "": value for row, value in parts if value is not None}
        one, *others = dict.fromkeys(values.values())
        if others:
            shared[tuple(values)] = None
            one = " / ".join(value or "-" for value in values.values())
        cells.append(one)
    return SurveyRow("networks", first.name, tuple(cells), shared=tuple(shared))


Cell: TypeAlias = Callable[[SurveyedSystem], str | None]


def survey(
    systems: Sequence[SurveyedSystem],
    chosen: Sequence[str] = (),
    report: Callable[[int, int], None] = lambda done, count: None,
) -> Survey:
    """Return the survey of `systems`.

    If `chosen` is not empty, the survey has only the rows that its words choose, in the order of
    the words, and no notes. After each system, `report` is called with the numbers of finished
    systems and of all systems. Raise SurveyError if there are no systems or if a word chooses no
    row, and SpecError if a spec's networks do not fit together or its rules contradict each other.
    """
    if not systems:
        raise SurveyError("name at least one spec to compare")
    possible = _plan(systems)
    plan = _chosen(possible, chosen)
    columns = []
    for system in systems:
        columns.append([row.cell(system) for row in plan])
        report(len(columns), len(systems))
    rows = (
        SurveyRow(row.section, row.name, cells, row.network, _is_single(row, plan, possible))
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

    @property
    def title(self) -> str:
        return f"{self.network} {self.name}" if self.network else self.name

    def begins_with(self, start: str) -> bool:
        """Return True if the name begins with `start`, a text in small letters.

        If `start` begins with the network, the title counts in place of the name.
        """
        if self.network and start.startswith(self.network):
            return self.title.lower().startswith(start)
        return bool(start) and self.name.lower().startswith(start)


def _is_single(row: PlannedRow, plan: list[PlannedRow], possible: list[PlannedRow]) -> bool:
    """Return True if `plan` lacks a `possible` row of the same name for another network."""
    return any(each.name == row.name and each not in plan for each in possible if row.network)


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
    """Return a row for each shared hyperparameter; one per network for those of optimizers.

    A setting of an optimizer has no rows if it `is_usual` and equal in all networks of all specs.
    """
    shared = dict.fromkeys(name for system in systems for name in system.shared)
    own: dict[str, list[Hyperparameter]] = {}
    for system in systems:
        for settings in system.own.values():
            for name, value in settings.items():
                own.setdefault(name, []).append(value)
    optimizers = [
        PlannedRow(SECTION, name, _own(network, name), network)
        for name, values in own.items()
        if not all(value.is_usual for value in values) or len({v.text for v in values}) > 1
        for network in networks
    ]
    loss, *rows = [PlannedRow(SECTION, name, _shared(name)) for name in shared]
    return [loss, *optimizers, *rows]


def _shared(name: str) -> Cell:
    return lambda system: system.shared.get(name, "")


def _own(network: str, name: str) -> Cell:
    def cell(system: SurveyedSystem) -> str | None:
        if network not in system.own:
            return None
        value = system.own[network].get(name)
        return value.cell if value else ""

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
    """Return the rows that `words` choose; without words, all but those of hyperparameters.

    Of rows with equal titles, the first one is returned.
    """
    if not words:
        return [row for row in plan if row.section != SECTION]
    chosen: dict[str, PlannedRow] = {}
    for word in words:
        for row in _rows_of(plan, word):
            chosen.setdefault(row.title, row)
    return list(chosen.values())


def _rows_of(plan: list[PlannedRow], word: str) -> list[PlannedRow]:
    """Return the rows that `word` chooses. Raise SurveyError if there are none.

    The word `hyperparameters` chooses the rows of that section, any other word those for which
    `begins_with` is True: rows of that section only if there are no others.
    """
    start = word.strip().lower()
    usual, more = ([r for r in plan if (r.section == SECTION) is own] for own in (False, True))
    if start == SECTION:
        return more
    fitting = [[row for row in rows if row.begins_with(start)] for rows in (usual, more)]
    if rows := fitting[0] or fitting[1]:
        return rows
    names = list(dict.fromkeys(row.name for row in usual if row.name != NOT_READ))
    every = list(dict.fromkeys([*names, *(row.name for row in more), SECTION]))
    close = [name for name in every if start in name.lower()]
    if not close and (name := nearest(word, every)) and name[0] == start[0]:
        close = [name]
    hint = f"use {listed(close)}" if close else f"there are {listed([*names, SECTION])}"
    raise SurveyError(f"no row begins with {quoted(word)}; {hint}")
