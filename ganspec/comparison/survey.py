"""Surveys, the tables of `ganspec compare`: a column for each spec, a row for each property."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from ganspec.comparison.opening import open_spec
from ganspec.comparison.properties import METRICS, properties
from ganspec.comparison.traits import TRAITS, Portrait
from ganspec.compiler.lower import lower
from ganspec.language.errors import GanspecError, listed, nearest, quoted
from ganspec.language.unread import NOT_READ
from ganspec.runs.score_file import ScoreRow, read_scores
from ganspec.scores.text import unit, value_text
from ganspec.systems.spec import Spec
from ganspec.systems.terms import term


class SurveyError(GanspecError):
    """Raised when a chosen row does not exist."""


@dataclass(frozen=True)
class SurveyedSystem:
    """One of the specs, the title of its column, and its run folder if it comes from a run."""

    title: str
    spec: Spec
    folder: Path | None = None

    @cached_property
    def measured(self) -> dict[str, ScoreRow]:
        """The last score of each metric in the run folder, of real images if of no other."""
        scores: dict[str, ScoreRow] = {}
        for row in read_scores(self.folder) if self.folder else ():
            earlier = scores.get(row.metric)
            if earlier is None or row.of != "real" or earlier.of == "real":
                scores[row.metric] = row
        return scores

    @cached_property
    def properties(self) -> dict[str, dict[str, str]]:
        """The properties of the spec as a whole, by section."""
        return properties(self.spec)

    @cached_property
    def portraits(self) -> dict[str, Portrait]:
        """The spec's networks by name. Raises SpecError if they do not fit together."""
        return {name: Portrait(self.spec, name, net) for name, net in lower(self.spec).items()}


def open_systems(names: Sequence[str]) -> list[SurveyedSystem]:
    """Open `names`, each a spec file, a run folder or FILE@REVISION, under short titles.

    Raises SpecError or RevisionError.
    """
    titles = list(map(_title, names))
    titles = [t if titles.count(t) == 1 else n for t, n in zip(titles, names, strict=True)]
    systems = []
    for i, (name, title) in enumerate(zip(names, titles, strict=True)):
        seen = titles[:i].count(title)
        folder = Path(name) if Path(name).is_dir() else None
        title = f"{title} ({seen + 1})" if seen else title
        systems.append(SurveyedSystem(title, open_spec(name), folder))
    return systems


def _title(name: str) -> str:
    """Return `dcgan` of `specs/dcgan.yaml`, `dcgan@HEAD~1` of `specs/dcgan.yaml@HEAD~1`."""
    if Path(name).is_dir():
        return Path(name).resolve().name
    file, at, revision = name.partition("@")
    return Path(file).name.removesuffix(".yaml").removesuffix(".yml") + at + revision


@dataclass(frozen=True)
class SurveyRow:
    """One property of all specs. A cell is `""` without the property, None without the network."""

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
        """Return True if all cells are equal."""
        return len(set(self.cells)) == 1

    @property
    def is_empty(self) -> bool:
        """Return True if no cell has text."""
        return not any(self.cells)


@dataclass(frozen=True)
class Survey:
    """All rows, in order: data, networks, objective, training, scores."""

    titles: tuple[str, ...]
    rows: tuple[SurveyRow, ...]

    @property
    def uneven(self) -> tuple[SurveyRow, ...]:
        """The rows in which the specs differ."""
        return tuple(row for row in self.rows if not row.is_even)

    @property
    def filled(self) -> tuple[SurveyRow, ...]:
        """The rows that are not empty."""
        return tuple(row for row in self.rows if not row.is_empty)

    @property
    def even(self) -> tuple[SurveyRow, ...]:
        """The rows in which all specs have the same."""
        return tuple(row for row in self.rows if row.is_even and not row.is_empty)

    def joined(self) -> Survey:
        """Return the survey with one row per trait in place of one row per network and trait.

        A cell has the networks' values in order, such as `BN / IN affine`, or one if they agree.
        """
        rows: dict[str, list[SurveyRow]] = {}
        for row in self.rows:
            rows.setdefault(row.name, []).append(row)
        return Survey(self.titles, tuple(_joined(parts) for parts in rows.values()))


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

    If `chosen` is not empty, only rows whose names begin with one of its words are kept, in the
    order of the words. `report` is called with the numbers of finished and of all systems. Raises
    SurveyError if no row begins with a word, and SpecError if networks do not fit together.
    """
    plan = _chosen(_plan(systems), chosen)
    columns = []
    for system in systems:
        columns.append([row.cell(system) for row in plan])
        report(len(columns), len(systems))
    rows = (
        SurveyRow(row.section, row.name, cells, row.network)
        for row, cells in zip(plan, zip(*columns, strict=True), strict=True)
    )
    return Survey(tuple(system.title for system in systems), tuple(rows))


@dataclass(frozen=True)
class PlannedRow:
    """A row that a survey can have, and the function that fills its cells."""

    section: str
    name: str
    cell: Cell
    network: str | None = None


def _plan(systems: Sequence[SurveyedSystem]) -> list[PlannedRow]:
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
    return plan + [
        PlannedRow("measured", f"measured {term(metric)}", _measured(metric)) for metric in metrics
    ]


def _property(section: str, name: str) -> Cell:
    return lambda system: system.properties[section].get(name, "")


def _trait(network: str, name: str) -> Cell:
    def cell(system: SurveyedSystem) -> str | None:
        if network in system.spec.unread:
            return NOT_READ
        portrait = system.portraits.get(network)
        return TRAITS[name](portrait) if portrait else None

    return cell


def _measured(metric: str) -> Cell:
    def cell(system: SurveyedSystem) -> str:
        if (score := system.measured.get(metric)) is None:
            return ""
        notes = [f"n = {score.images:,}"] if score.images else []
        notes += [score.extractor.name] if score.extractor and score.extractor.name else []
        value = value_text(score.value, score.deviation) + unit(metric)
        return f"{value} ({', '.join(notes)})" if notes else value

    return cell


def _chosen(plan: list[PlannedRow], words: Sequence[str]) -> list[PlannedRow]:
    """Return the rows whose names begin with one of `words`; all rows if `words` is empty."""
    if not words:
        return plan
    chosen: list[PlannedRow] = []
    for word in words:
        rows = [row for row in plan if row.name.lower().startswith(word.strip().lower())]
        if not rows:
            names = list(dict.fromkeys(row.name for row in plan))
            close = nearest(word, names)
            hint = f"use {quoted(close)}" if close else f"there are {listed(names)}"
            raise SurveyError(f"no row begins with {quoted(word)}; {hint}")
        chosen += [row for row in rows if row not in chosen]
    return chosen
