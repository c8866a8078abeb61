"""Any number of specs beside each other: a column a spec, a row a property."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ganspec.comparison.measured import newest
from ganspec.comparison.opening import opened
from ganspec.comparison.properties import METRICS, properties
from ganspec.comparison.traits import TRAITS, Portrait
from ganspec.compiler.lower import lower
from ganspec.language.errors import GanspecError, listed, nearest, quoted
from ganspec.runs.score_file import ScoreRow
from ganspec.scores.text import unit, value_text
from ganspec.systems.spec import Spec
from ganspec.systems.terms import term


class SurveyError(GanspecError):
    """A survey was asked for a row that there is not."""


@dataclass(frozen=True)
class Subject:
    """One of the specs: its column's title, and the run folder that it was read from, if any."""

    title: str
    spec: Spec
    folder: Path | None = None

    @cached_property
    def measured(self) -> dict[str, ScoreRow]:
        """The newest score of each metric in its run folder."""
        return newest(self.folder) if self.folder else {}

    @cached_property
    def properties(self) -> dict[str, dict[str, str]]:
        """Return the properties of the spec as a whole, by section."""
        return properties(self.spec)

    @cached_property
    def portraits(self) -> dict[str, Portrait]:
        """Its networks by name; raises SpecError where they do not fit together."""
        return {name: Portrait(self.spec, name, net) for name, net in lower(self.spec).items()}


def subjects(names: Iterable[str]) -> list[Subject]:
    """What `names` stand for, each a spec file, a run folder or FILE@REVISION, shortly titled.

    Raises SpecError or RevisionError.
    """
    names = list(names)
    titles = list(map(_title, names))
    titles = [t if titles.count(t) == 1 else n for t, n in zip(titles, names, strict=True)]
    found = []
    for i, (name, title) in enumerate(zip(names, titles, strict=True)):
        seen = titles[:i].count(title)
        folder = Path(name) if Path(name).is_dir() else None
        found.append(Subject(f"{title} ({seen + 1})" if seen else title, opened(name), folder))
    return found


def _title(name: str) -> str:
    """`dcgan` for `specs/dcgan.yaml`, `dcgan@HEAD~1` for `specs/dcgan.yaml@HEAD~1`."""
    if Path(name).is_dir():
        return Path(name).resolve().name
    file, at, revision = name.partition("@")
    return Path(file).name.removesuffix(".yaml").removesuffix(".yml") + at + revision


@dataclass(frozen=True)
class SurveyRow:
    """One property of all specs: `""` where a spec has none, None where it has no such network."""

    section: str
    name: str
    cells: tuple[str | None, ...]
    network: str | None = None
    is_pair: bool = False  # whether a cell may have the values of two networks

    @property
    def title(self) -> str:
        return f"{self.network} {self.name}" if self.network else self.name

    @property
    def is_even(self) -> bool:
        """Whether all specs say the same."""
        return len(set(self.cells)) == 1

    @property
    def is_empty(self) -> bool:
        """Whether no spec says anything."""
        return not any(self.cells)


@dataclass(frozen=True)
class Survey:
    """All rows, in order: data, networks, objective, training, scores."""

    titles: tuple[str, ...]
    rows: tuple[SurveyRow, ...]

    @property
    def uneven(self) -> tuple[SurveyRow, ...]:
        """The rows that tell the specs apart."""
        return tuple(row for row in self.rows if not row.is_even)

    @property
    def filled(self) -> tuple[SurveyRow, ...]:
        """The rows that say anything."""
        return tuple(row for row in self.rows if not row.is_empty)

    @property
    def even(self) -> tuple[SurveyRow, ...]:
        """The rows that say one thing of all specs."""
        return tuple(row for row in self.rows if row.is_even and not row.is_empty)

    def joined(self) -> Survey:
        """The same with one row for a trait of all networks: `BN / IN affine`.

        A cell has its networks' values in order, or the one value that all of them have.
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
        there = [part for part in parts if part is not None]
        several = len(set(there)) > 1
        paired |= several
        cells.append(" / ".join(part or "-" for part in there) if several else there[0])
    return SurveyRow("networks", first.name, tuple(cells), is_pair=paired)


Cell = Callable[[Subject], str | None]


def survey(
    subjects: Iterable[Subject],
    chosen: Iterable[str] = (),
    report: Callable[[int, int], None] = lambda done, count: None,
) -> Survey:
    """The survey of `subjects`; of rows alone whose names begin as one of `chosen`, in that order.

    `report` is told how many of how many subjects are done. Raises SurveyError where no row begins
    so, and SpecError where networks do not fit together.
    """
    subjects = tuple(subjects)
    wanted = _chosen(_plan(subjects), tuple(chosen))
    columns = []
    for subject in subjects:
        columns.append([cell(subject) for *_, cell in wanted])
        report(len(columns), len(subjects))
    rows = tuple(
        SurveyRow(section, name, cells, network)
        for (section, name, network, _), cells in zip(
            wanted, zip(*columns, strict=True), strict=True
        )
    )
    return Survey(tuple(s.title for s in subjects), rows)


Planned = tuple[str, str, str | None, Cell]


def _plan(subjects: tuple[Subject, ...]) -> list[Planned]:
    """Section, name, network and maker of every row that these subjects can have."""
    networks = dict.fromkeys(name for subject in subjects for name in subject.spec.networks)
    found: list[Planned] = []
    rows: dict[str, dict[str, None]] = {}
    for subject in subjects:
        for section, own in subject.properties.items():
            rows.setdefault(section, {}).update(dict.fromkeys(own))
    for section, names in rows.items():
        found += [(section, name, None, _property(section, name)) for name in names]
        if section == "data":
            for network in networks:
                found += [(network, name, network, _trait(network, name)) for name in TRAITS]
    metrics = dict.fromkeys([*METRICS, *(m for subject in subjects for m in subject.measured)])
    return found + [
        ("measured", f"measured {term(metric)}", None, _measured(metric)) for metric in metrics
    ]


def _property(section: str, name: str) -> Cell:
    return lambda subject: subject.properties[section].get(name, "")


def _trait(network: str, name: str) -> Cell:
    def cell(subject: Subject) -> str | None:
        portrait = subject.portraits.get(network)
        return TRAITS[name](portrait) if portrait else None

    return cell


def _measured(metric: str) -> Cell:
    def cell(subject: Subject) -> str:
        if (score := subject.measured.get(metric)) is None:
            return ""
        notes = [f"n = {score.images:,}"] if score.images else []
        notes += [score.extractor.name] if score.extractor and score.extractor.name else []
        value = value_text(score.value, score.deviation) + unit(metric)
        return f"{value} ({', '.join(notes)})" if notes else value

    return cell


def _chosen(plan: list[Planned], words: tuple[str, ...]) -> list[Planned]:
    """The rows whose names begin as `words` say; all of them where there are no words."""
    if not words:
        return plan
    found: list[Planned] = []
    for word in words:
        rows = [row for row in plan if row[1].lower().startswith(word.strip().lower())]
        if not rows:
            names = list(dict.fromkeys(row[1] for row in plan))
            close = nearest(word, names)
            hint = f"use {quoted(close)}" if close else f"there are {listed(names)}"
            raise SurveyError(f"no row begins with {quoted(word)}; {hint}")
        found += [row for row in rows if row not in found]
    return found
