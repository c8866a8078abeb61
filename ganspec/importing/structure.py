"""Conversion of a recorded graph to layers: chains, residuals, joined labels, named values."""

from __future__ import annotations

from ganspec.importing.entries import Data, Entry, walk
from ganspec.importing.graph import RecordedCall, RecordedGraph, Slot
from ganspec.importing.guesses import bare_name, kinds_by_names
from ganspec.importing.labels import GraphLabel, joined
from ganspec.importing.matching import Matcher

JOINS = {"add": "add", "cat": "concat"}  # role of a call, kind of layer


class Structure:
    """Conversion of the calls of a graph to layers, from the input `start` on."""

    def __init__(self, graph: RecordedGraph, start: int, label: GraphLabel | None):
        self.graph, self.start, self.label = graph, start, label
        self.matcher = Matcher(graph)
        # by value: the name under which later layers read it
        self.names: dict[int, str] = {}
        # (value, call) for each call that reads a value by name
        self.cut: set[tuple[int, RecordedCall]] = set()
        self.take_known_modules()
        self.derived = graph.after(start)  # values that depend on `start`

    def take_known_modules(self) -> None:
        """Replace the calls inside a user's module by one call if a layer expresses the module."""
        graph = self.graph
        for number, scope in enumerate(graph.scopes):
            inner = graph.within(number)
            outputs = {call.output for call in inner}
            read = {v for call in graph.calls if call not in inner for v in call.inputs}
            if len(scope.outputs) != 1 or not outputs:
                continue
            if (outputs & {*read, *graph.outputs}) - {scope.outputs[0]}:
                continue
            slots = tuple(map(Slot, scope.inputs))
            place = scope.path, scope.outer
            whole = RecordedCall(scope.module, slots, {}, scope.inputs, scope.outputs[0], *place)
            if (bare_name(whole.name),) in kinds_by_names() and self.is_known(whole):
                graph.calls[graph.calls.index(inner[-1])] = whole
                graph.calls = [call for call in graph.calls if call not in inner]

    def is_known(self, whole: RecordedCall) -> bool:
        """Return True if a layer expresses the call `whole` of a user's module."""
        if len(whole.inputs) == 1:
            return self.matcher.layer([whole], False) is not None
        if self.label is None or whole.inputs[1:] != (self.label.value,):
            return False
        return joined(self.matcher, self.label, whole.inputs[0], [], [whole]) is not None

    def entries(self, start: int, end: int) -> list[Entry]:
        """Return the layers from the value `start` to the value `end`."""
        entries: list[Entry] = []
        chain: list[RecordedCall] = []
        at = start
        while at != end:
            region = self.region(at, end)
            last = region[-1]
            if len(region) == 1 and len(last.operands) == 1 and last.count == 1:
                chain.append(last)
            else:
                entries += self.matcher.entries(chain)
                chain = []
                if self.cut_long_reads(at, region):
                    continue
                entries += self.joint(at, region)
            at = last.output
        return [*entries, *self.matcher.entries(chain)]

    def region(self, start: int, end: int) -> list[RecordedCall]:
        """Return the calls after `start` up to the first one that all paths to `end` go through."""
        path = self.graph.between(start, end)
        last_read = {value: i for i, call in enumerate(path) for value in self.uncut(call)}
        furthest = last_read.get(start, 0)
        for i, call in enumerate(path):
            if furthest <= i:
                return path[: i + 1]
            furthest = max(furthest, last_read.get(call.output, i))
        return path

    def uncut(self, call: RecordedCall) -> list[int]:
        """Return the inputs of a call, without those from the label alone or read by name."""
        return [v for v in call.inputs if v in self.derived and (v, call) not in self.cut]

    def cut_long_reads(self, start: int, region: list[RecordedCall]) -> bool:
        """Let the first `add` or `concat` of a region that can read `start` by name do so.

        Return False, and change nothing, if there is none, or if the region reads the label or
        becomes one layer.
        """
        if len(region) == 1 or self.has_label(region) or self.branches(start, region):
            return False
        after = self.graph.after(start) - {start}
        for call in region:
            if start in call.inputs and after & set(call.inputs) and self.is_join(call):
                self.name(start)
                self.cut.add((start, call))
                return True
        return False

    def is_join(self, call: RecordedCall) -> bool:
        return self.graph.roles.get(call) in JOINS

    def name(self, value: int) -> str:
        """Return the name of a value, a new one such as `skip2` if the value has none."""
        new = f"skip{len(self.names) + 1}" if self.names else "skip"
        return self.names.setdefault(value, new)

    # -- joins --------------------------------------------------------------------------------

    def joint(self, start: int, region: list[RecordedCall]) -> list[Entry]:
        """Return the layers of a region: a joined label, a residual, or joins of named values.

        Otherwise, return one layer without a kind.
        """
        last = region[-1]
        side = self.side(region)
        label = self.label if self.has_label(region) else None
        if label and (entry := joined(self.matcher, label, start, side, region)):
            return [entry]
        if parts := self.branches(start, region):
            main, skip = parts
            fields: dict[str, Data] = {"main": self.entries(start, main)}
            if skip != start:
                fields["skip"] = self.entries(start, skip)
            return [Entry("residual", fields, [last], output=last.output)]
        if len(region) == 1 and self.is_join(last) and (entries := self.by_name(start, last)):
            return entries
        return [Entry(None, {}, [*side, *region], output=last.output)]

    def has_label(self, region: list[RecordedCall]) -> bool:
        """Return True if a call reads the label or a value computed from the label alone."""
        return self.label is not None and any(
            value not in self.derived for call in region for value in call.inputs
        )

    def side(self, region: list[RecordedCall]) -> list[RecordedCall]:
        """Return the calls that compute, from the label alone, values that a region reads."""
        outer = {v for call in region for v in call.inputs if v not in self.derived}
        needed = self.graph.before(*outer) if self.label else set()
        return [call for call in self.graph.calls if call.output in needed]

    def branches(self, start: int, region: list[RecordedCall]) -> tuple[int, int] | None:
        """Return the ends of the two branches from `start` that a region adds, the skip last.

        Return None if the region does not end with such a sum of two separate branches.
        """
        last = region[-1]
        one, two, *_ = [*last.operands, -1, -1]
        shapes = self.graph.shapes
        if self.graph.roles.get(last) != "add" or one == two or shapes[one] != shapes[two]:
            return None
        if {one, two} - set(self.uncut(last)):
            return None
        sides = [{c.output for c in self.graph.between(start, value)} for value in (one, two)]
        if sides[0] & sides[1] or {last.output}.union(*sides) != {c.output for c in region}:
            return None
        return (two, one) if one == start else (one, two)

    def by_name(self, start: int, call: RecordedCall) -> list[Entry] | None:
        """Return the layers `add` or `concat` of a call that joins `start` and named values.

        Return None if the call reads another value that has no name.
        """
        values = call.operands
        if any(value != start and (value, call) not in self.cut for value in values):
            return None
        kind = JOINS[self.graph.roles[call]]
        if kind == "add" and values[0] != start:
            values = [start, *(value for value in values if value != start)]
        entries = [Entry(kind, {"value": self.name(value)}) for value in values[1:]]
        if values[0] != start:
            entries[0].fields["from"] = self.name(values[0])
        entries[-1].calls, entries[-1].output = [call], call.output
        return entries

    # -- names --------------------------------------------------------------------------------

    def named(self, entries: list[Entry]) -> list[Entry]:
        """Return `entries` with `as` for values read by name; an `identity` can name the input."""
        for entry in walk(entries):
            if name := self.names.get(entry.output):
                entry.fields["as"] = name
        if name := self.names.get(self.start):
            entries = [Entry("identity", {"as": name}), *entries]
        return entries
