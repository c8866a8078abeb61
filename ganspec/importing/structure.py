"""Data flow as a list of layers: chains, residuals, joined labels, named values."""

from __future__ import annotations

from ganspec.importing.entries import Entry
from ganspec.importing.graph import Graph, operands
from ganspec.importing.guesses import head, kinds_by_heads
from ganspec.importing.labels import joined
from ganspec.importing.matching import Matcher
from ganspec.importing.recording import Op, Slot
from ganspec.program.ir import Value


class Structure:
    """Reads a graph from `start` on; `label` is the value of the labels."""

    def __init__(self, graph: Graph, start: int, label: int | None, labels: Value | None):
        self.graph, self.start, self.label = graph, start, label
        self.matcher = Matcher(graph, labels)
        self.names: dict[int, str] = {}  # values that a later layer reads by name
        self.cut: set[tuple[int, Op]] = set()  # reads by name
        self.take_known_modules()
        self.derived = self.after(start)

    def take_known_modules(self) -> None:
        """Whole modules of the user's own that do what a layer does, such as self-attention."""
        graph = self.graph
        for number, scope in enumerate(graph.scopes):
            inner = [op for op in graph.ops if number in op.scopes]
            made = {op.output for op in inner}
            read = {v for op in graph.ops if op not in inner for v in op.inputs}
            if len(scope.outputs) != 1 or not made:
                continue
            if (made & {*read, *graph.outputs}) - {scope.outputs[0]}:
                continue
            slots = tuple(Slot(v) for v in scope.inputs)
            outputs = scope.outputs[0]
            whole = Op(scope.module, slots, {}, scope.inputs, outputs, scope.path, scope.outer)
            if (head(whole.name),) in kinds_by_heads() and self.is_known(whole):
                at = graph.ops.index(inner[-1])
                graph.ops[at] = whole
                graph.ops = [op for op in graph.ops if op not in inner]

    def is_known(self, whole: Op) -> bool:
        if len(whole.inputs) == 1:
            return self.matcher.layer([whole], False) is not None
        if len(whole.inputs) == 2 and whole.inputs[1] == self.label:
            return joined(self.matcher, [], [whole], whole.inputs[0], self.label) is not None
        return False

    def after(self, value: int) -> set[int]:
        """All values made of `value`, itself among them."""
        found = {value}
        for op in self.graph.ops:
            if found & set(op.inputs):
                found.add(op.output)
        return found

    def path(self, start: int, end: int) -> list[Op]:
        """The calls between two values."""
        between = self.after(start) & self.graph.before(end)
        return [op for op in self.graph.ops if op.output in between and op.output != start]

    def entries(self, start: int, end: int) -> list[Entry]:
        """The layers from one value to another."""
        found: list[Entry] = []
        run: list[Op] = []
        at = start
        while at != end:
            region = self.region(at, end)
            if len(region) == 1 and self.is_unary(region[0]):
                run += region
            else:
                found += self.matcher.entries(run)
                run = []
                if self.cut_long_reads(at, region):
                    continue
                found += self.joint(at, region)
            at = region[-1].output
        return [*found, *self.matcher.entries(run)]

    def is_unary(self, op: Op) -> bool:
        return len(operands(op)) == 1 and op.made == 1

    def region(self, start: int, end: int) -> list[Op]:
        """The calls up to the first value that everything after `start` passes through."""
        path = self.path(start, end)
        reads: dict[int, int] = {start: 0}
        for op in path:
            reads[op.output] = 0
            for value in self.uncut(op):
                reads[value] = reads.get(value, 0) + 1
        live = {start}
        for i, op in enumerate(path):
            for value in self.uncut(op):
                reads[value] -= 1
            live = {v for v in live if reads[v] > 0} | {op.output}
            if live == {op.output}:
                return path[: i + 1]
        return path

    def uncut(self, op: Op) -> list[int]:
        """The values that a call reads as the running one."""
        return [v for v in op.inputs if v in self.derived and (v, op) not in self.cut]

    def cut_long_reads(self, start: int, region: list[Op]) -> bool:
        """Let a join far behind read `start` by its name; False where nothing can be cut."""
        if len(region) == 1 or self.has_label(region) or self.branches(start, region):
            return False
        for op in region:
            around = [v for v in op.inputs if v != start and v in self.after(start)]
            if start in op.inputs and around and self.graph.roles.get(op) in ("add", "cat"):
                self.name(start)
                self.cut.add((start, op))
                return True
        return False

    def name(self, value: int) -> str:
        if value not in self.names:
            self.names[value] = f"skip{len(self.names) + 1}" if self.names else "skip"
        return self.names[value]

    # -- joins --------------------------------------------------------------------------------

    def joint(self, start: int, region: list[Op]) -> list[Entry]:
        """The layers of a region that is more than one call of one input."""
        last = region[-1]
        if self.has_label(region):
            side = self.side(region)
            entry = joined(self.matcher, side, region, start, self.label)
            if entry:
                return [entry]
        if parts := self.branches(start, region):
            main, skip = parts
            fields = {"main": self.entries(start, main)}
            if skip != start:
                fields["skip"] = self.entries(start, skip)
            return [Entry("residual", fields, [last], primary="main", output=last.output)]
        is_join = len(region) == 1 and self.graph.roles.get(last) in ("add", "cat")
        if is_join and (found := self.by_name(start, last)):
            return found
        side = self.side(region) if self.label is not None else []
        return [Entry(None, {}, [*side, *region], output=last.output)]

    def has_label(self, region: list[Op]) -> bool:
        return self.label is not None and any(
            v not in self.derived for op in region for v in op.inputs
        )

    def side(self, region: list[Op]) -> list[Op]:
        """Calls on the label alone that a region needs."""
        outer = {v for op in region for v in op.inputs if v not in self.derived}
        needed = set().union(*(self.graph.before(v) for v in outer)) if outer else set()
        return [op for op in self.graph.ops if op.output in needed]

    def branches(self, start: int, region: list[Op]) -> tuple[int, int] | None:
        """The two values that a region adds, if each is made of `start` by itself."""
        last = region[-1]
        values = operands(last)
        shapes = self.graph.shapes
        if self.graph.roles.get(last) != "add" or values[0] == values[1]:
            return None
        if any((v, last) in self.cut or v not in self.derived for v in values):
            return None
        if shapes[values[0]] != shapes[values[1]]:
            return None
        one, two = ({op.output for op in self.path(start, v)} for v in values)
        if one & two or one | two | {last.output} != {op.output for op in region}:
            return None
        return (values[1], values[0]) if values[0] == start else (values[0], values[1])

    def by_name(self, start: int, op: Op) -> list[Entry] | None:
        """A sum or concatenation with values that were named before."""
        values = operands(op)
        if any(v != start and (v, op) not in self.cut for v in values):
            return None
        kind = {"add": "add", "cat": "concat"}[self.graph.roles[op]]
        if kind == "add" and values[0] != start:
            values = [start, *(v for v in values if v != start)]
        found = []
        for i, value in enumerate(values[1:]):
            fields: dict[str, object] = {"value": self.name(value)}
            if i == 0 and values[0] != start:
                fields["from"] = self.name(values[0])
            found.append(Entry(kind, fields, [op] if value is values[-1] else [], primary="value"))
        found[-1].output = op.output
        return found

    # -- names --------------------------------------------------------------------------------

    def named(self, entries: list[Entry]) -> list[Entry]:
        """The entries with the names of their values; one more where the input itself has one."""
        for entry in [e for top in entries for e in top.walk()]:
            if name := self.names.get(entry.output):
                entry.fields["as"] = name
        if name := self.names.get(self.start):
            entries = [Entry("identity", {"as": name}), *entries]
        return entries
