"""Check a spec with the texts of an editor, which may not be saved yet."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ganspec.compiler.check import check
from ganspec.compiler.lower import lower_valid
from ganspec.language.errors import Diagnostic, Mark, SpecError, one_line
from ganspec.language.kinds import within
from ganspec.language.load import shape
from ganspec.language.source import Content, read
from ganspec.language.tree import MapNode
from ganspec.program.ir import Net
from ganspec.program.measure import Cost, costs
from ganspec.report.captions import label_text
from ganspec.systems.load import resolve
from ganspec.systems.spec import Spec

MOST_PLACES = 6  # lines in a help text for one layer, which a repeat may use at several shapes


@dataclass
class Analysis:
    """A checked spec: what could be read of it, and its diagnostics.

    `texts` are the texts, by path, of its file and of the files that it extends; the text of a file
    that cannot be read is None.
    """

    path: Path
    diagnostics: list[Diagnostic] = field(default_factory=list)
    texts: dict[Path, str | None] = field(default_factory=dict)
    tree: MapNode | None = None  # of the spec merged with all files that it extends
    spec: Spec | None = None
    nets: dict[str, Net] = field(default_factory=dict)

    def is_fresh(self, content: Content) -> bool:
        """Return True if `content(path, None)` still returns the text of each file."""
        return all(_text(path, content) == text for path, text in self.texts.items())

    @cached_property
    def costs(self) -> dict[str, list[Cost]]:
        """The costs of each network's layers, by the network's key."""
        return {name: costs(net) for name, net in self.nets.items()}

    def paths_at(self, mark: Mark) -> list[str]:
        """Return the key paths of the kinds that the word at `mark` makes: several in a repeat."""
        place = (mark.text.name, mark.line, mark.column)
        return [
            kind.key_path
            for kind in within(self.spec)
            if (own := kind.mark) and (own.text.name, own.line, own.column) == place
        ]

    def layer_costs(self, path: str) -> str | None:
        """Return the shapes and parameters of the layer or block at the key path `path`.

        They are Markdown. Return None if there is no layer, or if it makes no call.
        """
        name, _, below = path.partition(".")
        rows = [r for r in self.costs.get(name, []) if f"{r.path}.".startswith(f"{below}.")]
        if not rows:
            return None
        net = self.nets[name]
        steps = [step for step in net.leaves() if f"{step.origin.path}.".startswith(f"{path}.")]
        made = {step.output.id for step in steps}
        read = {i: net.values[i] for step in steps for i in step.inputs if i not in made}
        inputs = " and ".join(
            f"label `{label_text(value)}`" if value.is_index else f"`{value}`"
            for value in read.values()
        )
        output = " x ".join(map(str, rows[-1].output))
        count = sum(row.params for row in rows)
        return f"{inputs} → `{output}`, {count:,} parameter{'' if count == 1 else 's'}"

    def costs_at(self, mark: Mark) -> list[str]:
        """Return lines with the shapes and parameters of the layer at `mark`, as Markdown.

        A repeat or a block may use the layer at several shapes: then there are up to MOST_PLACES
        different lines, and one that counts the others. Return [] if no layer with calls is there.
        """
        lines = [line for path in self.paths_at(mark) if (line := self.layer_costs(path))]
        lines = list(dict.fromkeys(lines))
        more = len(lines) - MOST_PLACES
        return [*lines[:MOST_PLACES], *([f"and {more} more"] if more > 0 else [])]


def _text(path: Path, content: Content) -> str | None:
    try:
        return content(path, None)
    except SpecError:
        return None


def analyse(path: Path, content: Content) -> Analysis:
    """Return the analysis of the spec at `path`, whose text `content(path, None)` returns.

    The diagnostics are those of `ganspec check`. No text makes this function raise an exception,
    which would end the help for all other files.
    """
    found = Analysis(path)

    def recorded(file: Path, at: Mark | None) -> str:
        found.texts[file] = None
        text = found.texts[file] = content(file, at)
        return text

    try:
        found.tree = read(path, shape, recorded)
        found.spec = resolve(found.tree)
        found.nets, _ = lower_valid(found.spec)
        found.diagnostics = check(found.spec)
    except SpecError as error:
        found.diagnostics = list(error.diagnostics)
    except Exception as error:  # a bug, such as one in a kind of the user
        logging.getLogger(__name__).exception("%s", path)
        message = f"ganspec failed at this spec: {type(error).__name__}: {one_line(error)}"
        help = "correct your file of kinds if one of them failed; else report it, with the spec"
        found.diagnostics = [Diagnostic("internal-error", message, help=help)]
    return found
