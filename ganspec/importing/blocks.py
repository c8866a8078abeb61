"""Blocks: what a module of the user's is, where it is called several times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ganspec.importing.differing import blank, parameters, places, renamed
from ganspec.importing.entries import Entry
from ganspec.importing.graph import Graph
from ganspec.language.kinds import kinds_of
from ganspec.language.names import name_problem
from ganspec.language.opening import HIDDEN


@dataclass(eq=False)
class Blocks:
    """The blocks of a spec by name: parameters and layers."""

    found: dict[str, tuple[list[str], list[Entry]]] = field(default_factory=dict)

    def fold(self, graph: Graph, entries: list[Entry]) -> list[Entry]:
        """`entries` with calls of blocks for the user's modules that are called more than once."""
        by_depth = sorted(range(len(graph.scopes)), key=lambda i: -len(graph.scopes[i].outer))
        done: set[int] = set()
        for number in by_depth:
            if number in done:
                continue
            cls = type(graph.scopes[number].module)
            depth = len(graph.scopes[number].outer)
            alike = [
                n
                for n in by_depth
                if type(graph.scopes[n].module) is cls and len(graph.scopes[n].outer) == depth
            ]
            done.update(alike)
            if depth:  # the network itself is no block
                self._fold_class(graph, entries, cls.__name__, sorted(alike))
        return entries

    def _fold_class(self, graph: Graph, entries: list[Entry], title: str, alike: list[int]) -> None:
        groups: dict[object, list[list[Entry]]] = {}
        for number in alike:
            ops = {op for op in graph.ops if number in op.scopes}
            run = run_of(entries, ops)
            if run and _closed(run):
                groups.setdefault(blank(run), []).append(run)
        for calls in groups.values():
            has_residual = any(e.kind == "residual" for top in calls[0] for e in top.walk())
            if has_residual or (len(calls) > 1 and len(calls[0]) > 1):
                self._define(entries, title, calls)

    def _define(self, entries: list[Entry], title: str, calls: list[list[Entry]]) -> None:
        params = parameters(calls, {})
        body = renamed(calls[0], places(calls, {}))
        name = self._name(title, list(params), body)
        for i, run in enumerate(calls):
            fields = {key: values[i] for key, values in params.items()}
            ops = [op for entry in run for op in entry.all_ops()]
            primary = next(iter(params)) if len(params) == 1 else None
            call = Entry(name, fields, ops, primary=primary, output=run[-1].output)
            _replace(entries, run, [call])

    def _name(self, title: str, params: list[str], body: list[Entry]) -> str:
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", title).lower()
        plain = re.sub(r"[^a-z0-9_]", "", words).strip("_")[:30] or "block"
        if plain in set(kinds_of("layer")) - set(HIDDEN) or name_problem(plain):
            plain = f"{plain}_block"
        text, options = (
            repr((params, blank_all(body))),
            [plain, *(f"{plain}{i}" for i in range(2, 99))],
        )
        for name in options:
            if name not in self.found:
                self.found[name] = (params, body)
                return name
            if repr((self.found[name][0], blank_all(self.found[name][1]))) == text:
                return name
        return options[-1]


def blank_all(entries: list[Entry]) -> object:
    """Entries as plain data, for comparison."""
    return [(e.kind, {k: _plain(v) for k, v in e.fields.items()}) for e in entries]


def _plain(value: object) -> object:
    is_entries = isinstance(value, list) and value and isinstance(value[0], Entry)
    return blank_all(value) if is_entries else value


def _lists(entries: list[Entry]) -> Iterator[list[Entry]]:
    """This list and those inside."""
    yield entries
    for entry in entries:
        for part in entry.inner():
            yield from _lists(part)


def run_of(entries: list[Entry], ops: set) -> list[Entry] | None:
    """The entries in a row that are just these calls."""
    for part in _lists(entries):
        inside = [i for i, entry in enumerate(part) if set(entry.all_ops()) & ops]
        if not inside:
            continue
        run = part[inside[0] : inside[-1] + 1]
        if {op for entry in run for op in entry.all_ops()} == ops:
            return run
    return None


def _closed(run: list[Entry]) -> bool:
    """Whether all is expressed, and no name leads in or out."""
    entries = [e for top in run for e in top.walk()]
    made = {e.fields["as"] for e in entries if "as" in e.fields}
    read = {e.fields[k] for e in entries for k in ("from", "value") if k in e.fields}
    return made == read and all(e.kind is not None for e in entries)


def _replace(entries: list[Entry], run: list[Entry], by: list[Entry]) -> None:
    for part in _lists(entries):
        if run[0] in part:
            at = part.index(run[0])
            part[at : at + len(run)] = by
            return
