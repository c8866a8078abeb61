"""The specs of a survey, the table of `ganspec compare`, each with the data for its column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ganspec.comparison.hyperparameters import Hyperparameter, of_network, of_spec
from ganspec.comparison.properties import properties
from ganspec.comparison.traits import Portrait
from ganspec.compiler.view import lower_to_view
from ganspec.language.names import entries_of
from ganspec.language.source import name_of
from ganspec.runs.folder import RunFolder
from ganspec.runs.opening import open_spec, path_of
from ganspec.runs.record import distinct
from ganspec.runs.score_file import ScoreRow, read_scores
from ganspec.systems.implied import Implied
from ganspec.systems.spec import Spec


@dataclass(frozen=True)
class SurveyedSystem:
    """A spec of a survey, the title of its column, and its run folder if it comes from a run."""

    title: str
    spec: Spec
    folder: Path | None = None

    @cached_property
    def measured(self) -> dict[str, ScoreRow]:
        """The last score of each metric in the run folder, by metric; {} without a run folder.

        A score of real images is taken only if the metric has no other.
        """
        scores: dict[str, ScoreRow] = {}
        for row in read_scores(self.folder) if self.folder else ():
            earlier = scores.get(row.metric)
            if earlier is None or row.of != "real" or earlier.of == "real":
                scores[row.metric] = row
        return scores

    @cached_property
    def properties(self) -> dict[str, dict[str, str]]:
        """The properties of the spec as a whole, by section and name, as texts.

        Raises SpecError if the networks do not fit together, or rules of `train` contradict others.
        """
        # refuses training rules that contradict each other, which `properties` cannot describe
        _ = self.portraits
        return properties(self.spec)

    @cached_property
    def implied(self) -> Implied:
        """The values that `report.implied` of the spec names."""
        return Implied(self.spec)

    @cached_property
    def shared(self) -> dict[str, str]:
        """The hyperparameters of the whole spec as texts, by the names of their rows."""
        return of_spec(self.spec, self.implied)

    @cached_property
    def own(self) -> dict[str, dict[str, Hyperparameter]]:
        """The hyperparameters of each network, by the network and the names of their rows."""
        networks = self.spec.networks
        return {name: of_network(self.spec, name, self.implied) for name in networks}

    @cached_property
    def portraits(self) -> dict[str, Portrait]:
        """The spec's networks by name. Raises the errors of `properties`."""
        return {
            name: Portrait(self.spec, name, net) for name, net in lower_to_view(self.spec).items()
        }


def open_systems(names: Sequence[str | Path | RunFolder | Spec]) -> list[SurveyedSystem]:
    """Return the systems that `names` name, each with a short title.

    A name is a Spec, or anything that `open_spec` takes, such as a spec file or a run. The title of
    a `Spec` is its name. Equal titles become the full names, and are numbered if these are equal,
    too. Raise what `open_spec` raises: SpecError for a spec that is missing or has errors,
    RevisionError if git cannot read it, and MissingKindsError for a run whose kinds are not loaded.
    """
    given = [name if isinstance(name, Spec) else str(path_of(name)) for name in names]
    full = [name.name if isinstance(name, Spec) else name for name in given]
    systems = []
    for name, title in zip(given, distinct(list(map(_title, given)), full), strict=True):
        if isinstance(name, Spec):
            systems.append(SurveyedSystem(title, name))
        else:
            folder = Path(name) if Path(name).is_dir() else None
            systems.append(SurveyedSystem(title, open_spec(name), folder))
    return systems


def names_in(names: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the names in a list, or in a text that commas divide, each stripped; () for None."""
    listed = names.split(",") if isinstance(names, str) else entries_of(names)
    return tuple(str(name).strip() for name in listed)


def _title(name: str | Spec) -> str:
    """Return a short title: `dcgan@HEAD~1` for the spec `specs/dcgan.yaml@HEAD~1`."""
    if isinstance(name, Spec):
        return name.name
    if Path(name).is_dir():
        return Path(name).resolve().name
    file, at, revision = name_of(name).partition("@")
    return Path(file).name.removesuffix(".yaml").removesuffix(".yml") + at + revision
