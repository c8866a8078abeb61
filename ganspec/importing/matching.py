"""Recognition of layers in a chain of calls, each of which reads only the result before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from torch.nn.utils import parametrize

from ganspec.importing.entries import Entry, entry_of
from ganspec.importing.graph import RecordedCall, RecordedGraph
from ganspec.importing.guesses import (
    bare_name,
    guesses,
    kinds_by_names,
    norms,
    settings_of,
    target_names,
    weightless,
)
from ganspec.importing.likeness import Segment, expresses, lowered, settings, shapes
from ganspec.importing.recording import torch_class_of
from ganspec.kinds.layer import Layer, Weighted

# the attempts, first to last: how many adjacent calls one layer should express, and the argument
# `loose` of `Matcher.layer`
ATTEMPTS = ((2, False), (1, False), (2, True), (1, True))


def own_names(calls: Sequence[RecordedCall]) -> list[str]:
    """Return the class names that decide among layers with equal results; [] if any layer will do.

    Names decide if a class is from outside torch, such as a module of an emitted file, or if a
    dropout has rate 0, since all dropouts then give equal results. They never decide if a call is
    of a function.
    """
    modules = [call.module for call in calls if call.module is not None]
    classes = [parametrize.type_before_parametrizations(module) for module in modules]
    is_torch = all(cls.__module__.startswith("torch.") for cls in classes)
    if len(classes) < len(calls) or (is_torch and not has_idle_dropout(calls)):
        return []
    return [cls.__name__ for cls in classes]


def has_idle_dropout(calls: Sequence[RecordedCall]) -> bool:
    """Return True if one of the calls is of a dropout of rate 0."""
    return any(getattr(call.module, "p", None) == 0 for call in calls)


class Matcher:
    """Finder of the layers that express calls.

    `results` caches the results of `layer` by the key of the calls and `loose`.
    """

    def __init__(self, graph: RecordedGraph):
        self.graph = graph
        self.results: dict[object, Layer | None] = {}

    def entries(self, calls: list[RecordedCall]) -> Iterator[Entry]:
        """Yield the layers of a chain of calls, one of kind None for a call that no layer fits."""
        while calls:
            for length, loose in ATTEMPTS:
                part = calls[:length]
                layer = self.layer(part, loose) if len(part) == length else None
                if layer:
                    yield entry_of(layer, part)
                    break
            else:
                part = calls[:1]
                yield Entry(None, {}, part, output=part[-1].output)
            calls = calls[len(part) :]

    def layer(self, calls: list[RecordedCall], loose: bool = True) -> Layer | None:
        """Return the layer that expresses `calls`, or None.

        If `loose`, calls without weights are also compared with the kinds without weights whose
        calls have other names.
        """
        key = self.key(calls)
        if key is None:
            return self.search(calls, loose)
        if (key, loose) not in self.results:
            self.results[key, loose] = self.search(calls, loose)
        return self.results[key, loose]

    def key(self, calls: list[RecordedCall]) -> object:
        """Return a key that is equal for calls that differ only in the numbers of their weights.

        Return None, so that the result is not cached, if a call is of a user's module or of a
        function that does not reshape.
        """
        parts: list[object] = []
        for call in calls:
            parts += [self.graph.shapes[value] for value in (call.inputs[0], call.output)]
            if call.module is not None and torch_class_of(call.module) is not None:
                parts += [call.name, repr(settings(call.module)), repr(shapes(call.module))]
                parts += map(repr, norms([call]))
            elif not self.graph.is_reshape(call):
                return None
        return tuple(parts)

    def search(self, calls: list[RecordedCall], loose: bool) -> Layer | None:
        """Return the first candidate that expresses the calls; None if there is none.

        One whose classes have the `own_names` of the calls is preferred.
        """
        segment = Segment(self.graph, calls, calls[0].inputs)
        start = self.graph.shapes[segment.inputs[0]]
        if any(len(shape) not in (1, 3) for shape in (start, segment.shape)):
            return None  # layers of a spec read vectors or feature maps only
        names = own_names(calls)
        other = None
        for layer in self.candidates(segment, loose):
            net = lowered(layer, start)
            if net is None:
                continue
            is_namesake = not names or target_names(net) == names
            if (is_namesake or other is None) and expresses(net, segment):
                if is_namesake:
                    return layer
                other = layer
        return other

    def candidates(self, segment: Segment, loose: bool) -> Iterator[Layer]:
        """Yield layers that the calls could be, the likeliest first."""
        graph, calls = segment.graph, segment.calls
        kinds = [kind for names in self.names(calls) for kind in kinds_by_names().get(names, [])]
        bare = not any(call.has_state for call in calls)
        # a layer without weights expresses a single call, or a call and the reshape after it
        fits_both = len(calls) == 1 or graph.is_reshape(calls[1])
        is_open = loose and bare and fits_both and not all(call in graph.roles for call in calls)
        # a clamp may keep all random normal numbers; a layer without effect must not stand for it
        if is_open and (has_idle_dropout(calls) or not segment.keeps_numbers):
            kinds += weightless()
        known = settings_of(graph, calls)
        for kind in dict.fromkeys(kinds):
            wraps = norms(calls) if issubclass(kind, Weighted) else [None]
            for layer in guesses(kind, known, segment.shape):
                for norm in wraps:
                    yield layer.model_copy(update={"weight_norm": norm}) if norm else layer

    def names(self, calls: Sequence[RecordedCall]) -> Iterator[tuple[str, ...]]:
        """Yield keys of `kinds_by_names` that may fit the calls: tuples of one name for each call.

        A module is tried by the name of its class and, if this inherits torch's `forward`, by that
        of torch's class.
        """
        names: list[list[str]] = []
        for call in calls:
            if self.graph.is_reshape(call):
                is_vector = len(self.graph.shapes[call.output]) == 1
                names.append(["flatten" if is_vector else "unflatten"])
            else:
                cls = torch_class_of(call.module) if call.module is not None else None
                own = [bare_name(call.name), *([bare_name(cls.__name__)] if cls else [])]
                names.append(list(dict.fromkeys(own)))
        return product(*names)
