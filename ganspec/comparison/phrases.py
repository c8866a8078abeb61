"""What became of a network, in verb phrases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ganspec.comparison.edits import (
    Change,
    Edit,
    Insert,
    Layer,
    Move,
    NetworkDiff,
    Remove,
    Update,
)
from ganspec.language.errors import conjunction
from ganspec.systems.wording import label

MANY = 5  # findings of one network or section; with more of them the table tells it better
SMALL = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def of_networks(networks: tuple[NetworkDiff, ...]) -> Iterator[str]:
    equal = [network.name for network in networks if network.is_equal]
    if equal:
        yield f"same {' and '.join(equal)}"
    for network in networks:
        if network.only:
            yield f"only {network.only.upper()} has {article(network.name)}"
        elif found := list(_findings(network)):
            yield f"the {network.name} {_sentence(found)}"
    quiet = [n.name for n in networks if not (n.is_equal or n.only or any(_findings(n)))]
    if quiet:
        verb = "differs" if len(quiet) == 1 else "differ"
        yield f"the {' and the '.join(quiet)} {verb} by framework defaults only"


def _findings(network: NetworkDiff) -> Iterator[str]:
    """What became of a network, a verb phrase each."""
    edits = network.changed
    kept = len(network.edits) - len(edits)
    if len(edits) > MANY and kept < len(network.edits) / 4:
        same = f"{number(kept)} layer{'s are' if kept > 1 else ' is'}" if kept else "no layer is"
        yield f"is another one ({same} the same)"
        return
    yield from _labels(network)
    plain = [edit for edit in edits if not _is_label(edit)]
    yield from _swaps(plain)
    for kind, verb in ((Remove, "drops"), (Insert, "adds")):
        if layers := [e.a or e.b for e in plain if isinstance(e, kind)]:
            yield f"{verb} {conjunction(_counted(layers))}"
    if moved := [e.b for e in plain if isinstance(e, Move)]:
        yield f"moves {conjunction(_counted(moved))}"
    yield from _updates(plain)
    yield from map(_setting, network.settings)


def _is_label(edit: Edit) -> bool:
    return any(layer and layer.text.startswith("label:") for layer in (edit.a, edit.b))


def _labels(network: NetworkDiff) -> Iterator[str]:
    """How the network reads the label, where that changed."""
    edits = [edit for edit in network.changed if _is_label(edit)]
    ways = [
        ", ".join(layer.text.removeprefix("label: ") for layer in layers if layer)
        for layers in ([e.a for e in edits], [e.b for e in edits])
    ]
    if ways[0] and ways[1]:
        how = "elsewhere" if ways[0] == ways[1] else f"by {ways[1]}, not {ways[0]}"
        yield f"reads the label {how}"
    elif ways[0] or ways[1]:
        verb = "reads the label" if ways[1] else "no longer reads the label"
        yield f"{verb} ({ways[1] or ways[0]})"


def _swaps(edits: list[Edit]) -> Iterator[str]:
    """Layers that another kind took the place of."""
    pairs = [(e.a.kind, e.b.kind) for e in edits if isinstance(e, Update)]
    kinds = Counter(pair for pair in pairs if pair[0] != pair[1])
    for (old, new), count in kinds.items():
        times = f" in {number(count)} places" if count > 1 else ""
        if old.endswith("_norm") and new.endswith("_norm"):
            old, new, times = old.removesuffix("_norm"), new.replace("_", " "), ""
        yield f"swaps {old.replace('_', ' ')} for {new.replace('_', ' ')}{times}"


def _updates(edits: list[Edit]) -> Iterator[str]:
    """Fields that say something else, by layer and field."""
    found: dict[tuple[str, str], list[Change]] = {}
    for edit in edits:
        for change in edit.changes:
            if change.name != "kind" and change.because is None:
                found.setdefault((edit.b.kind, change.name), []).append(change)
    rewired = [key for key in found if key[1] == "reads"]
    if rewired:
        count = sum(len(found.pop(key)) for key in rewired)
        yield f"wires {number(count)} layer{'s' * (count > 1)} differently"
    for (kind, name), changes in found.items():
        values = {(change.before, change.after) for change in changes}
        times = f" in {number(len(changes))} layers" if len(changes) > 1 else ""
        if len(values) == 1:
            before, after = next(iter(values))
            yield f"changes {label(kind)} {name} {before} -> {after}{times}"
        else:
            yield f"changes {label(kind)} {name}{times}"


def _setting(change: Change) -> str:
    if change.name == "weight norm":
        names = [(text or "none").split()[0].rstrip(",") for text in (change.before, change.after)]
        if names[0] == "none":
            return f"adds {names[1]} norm to every weight"
        if names[1] == "none":
            return f"drops {names[0]} norm from every weight"
    return f"changes {change.name} {change.before} -> {change.after}"


def _counted(layers: Iterable[Layer]) -> list[str]:
    """Layers by kind, with the sizes of the maps where attention looks at them."""
    layers = list(layers)
    counts = Counter(label(layer.kind) for layer in layers)
    maps = [f"{e.shape[1]} x {e.shape[2]}" for e in layers if e.kind == "self_attention"]
    looks = f" at {conjunction(list(dict.fromkeys(maps)))}" if maps else ""
    return [
        (f"{number(n)} {word} layers" if n > 1 else _the(word))
        + (looks if word == "self attention" else "")
        for word, n in counts.items()
    ]


def _the(word: str) -> str:
    if word == "auxiliary":
        return "the auxiliary classifier"
    if word in ("dropout", "noise", "self attention"):
        return word
    return f"the {word}" if word in ("sigmoid", "tanh", "softmax") else article(word)


def _sentence(parts: list[str]) -> str:
    """Verb phrases as one clause; what is past the first few is counted."""
    if len(parts) > MANY + 1:  # one more is told as soon as counted
        parts = [*parts[:MANY], f"differs in {number(len(parts) - MANY)} more ways"]
    return conjunction(parts)


# -- words ------------------------------------------------------------------------------------


def number(count: int) -> str:
    return SMALL[count - 1] if 0 < count <= len(SMALL) else str(count)


def article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
