"""The edits of a network as verb phrases, such as `drops the tanh`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from ganspec.comparison.edits import (
    Change,
    ComparedLayer,
    Edit,
    Insert,
    Move,
    NetworkDiff,
    Remove,
    Update,
)
from ganspec.kinds.layer import Layer
from ganspec.language.errors import conjunction
from ganspec.systems.wording import label

MANY = 5  # about the most differences that a line names; the table of a diff always shows all
SMALL = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def of_networks(networks: tuple[NetworkDiff, ...], gaps: Collection[str] = ()) -> Iterator[str]:
    """Yield a line for all equal networks, then one for each that differs or that one spec lacks.

    Networks that differ only by framework defaults share the last line.
    `gaps` are the networks of which a part is unknown: no line calls them the same.
    """
    equal = [network.name for network in networks if network.is_equal]
    if same := [name for name in equal if name not in gaps]:
        yield f"same {' and '.join(same)}"
    if read := [name for name in equal if name in gaps]:
        yield f"no difference in what was read of the {' and the '.join(read)}"
    quiet = []
    for network in networks:
        if network.only:
            yield f"only {network.only.upper()} has {article(network.name)}"
        elif phrases := list(_phrases(network)):
            yield f"the {network.name} {_sentence(phrases)}"
        elif not network.is_equal:
            quiet.append(network.name)
    if quiet:
        verb = "differs" if len(quiet) == 1 else "differ"
        yield f"the {' and the '.join(quiet)} {verb} by framework defaults only"


def _phrases(network: NetworkDiff) -> Iterator[str]:
    """Yield verb phrases for the differences of a network.

    Fields and settings that differ by framework defaults are left out. If more than MANY layers
    differ, and few do not, there is one phrase for all.
    """
    edits = network.changed
    kept = len(network.edits) - len(edits)
    if len(edits) > MANY and kept < len(network.edits) / 4:
        same = f"{number(kept)} layer{'s are' if kept > 1 else ' is'}" if kept else "no layer is"
        yield f"is another one ({same} the same)"
        return
    yield from _labels([edit for edit in edits if _is_label(edit)])
    edits = tuple(edit for edit in edits if not _is_label(edit))
    yield from _swaps(edits)
    for kind, verb in ((Remove, "drops"), (Insert, "adds"), (Move, "moves")):
        if layers := [edit.layer for edit in edits if isinstance(edit, kind)]:
            yield f"{verb} {conjunction(list(_counted(layers)))}"
    yield from _updates(edits)
    yield from (_setting(change) for change in network.settings if not change.because)


def _is_label(edit: Edit) -> bool:
    return any(layer and layer.text.startswith("label:") for layer in (edit.a, edit.b))


def _labels(edits: list[Edit]) -> Iterator[str]:
    """Yield one phrase for `edits`, which are edits of conditions; nothing if there are none."""
    before, after = (
        ", ".join(layer.text.removeprefix("label: ") for layer in layers if layer)
        for layers in ([edit.a for edit in edits], [edit.b for edit in edits])
    )
    if before and after:
        how = "elsewhere" if before == after else f"by {after}, not {before}"
        yield f"reads the label {how}"
    elif before or after:
        verb = "reads the label" if after else "no longer reads the label"
        yield f"{verb} ({after or before})"


def _swaps(edits: Iterable[Edit]) -> Iterator[str]:
    """Yield a phrase for each kind that replaces another: `swaps batch for instance norm`."""
    updates = [edit for edit in edits if isinstance(edit, Update)]
    # layers of different kinds may make the same calls, and differ in weight norms or wiring alone
    pairs = [(e.a.kind, e.b.kind) for e in updates if any(c.name == "kind" for c in e.changes)]
    for (old, new), count in Counter(pairs).items():
        times = f" in {number(count)} places" if count > 1 else ""
        if all((layer := _kind(name)) and layer.role == "norm" for name in (old, new)):
            old, times = old.removesuffix("_norm"), ""
        yield f"swaps {label(old)} for {label(new)}{times}"


def _updates(edits: Iterable[Edit]) -> Iterator[str]:
    """Yield one phrase for changed wiring, then one for each kind and field that changed.

    Changes by framework defaults are left out.
    """
    fields: dict[tuple[str, str], list[Change]] = {}
    rewired = 0
    for edit in edits:
        for change in edit.changes:
            if change.name == "reads":
                rewired += 1
            elif change.name != "kind" and change.because is None:
                fields.setdefault((edit.layer.kind, change.name), []).append(change)
    if rewired:
        yield f"wires {number(rewired)} layer{'s' * (rewired > 1)} differently"
    for (kind, name), changes in fields.items():
        values = {f" {change.before} -> {change.after}" for change in changes}
        text = values.pop() if len(values) == 1 else ""
        times = f" in {number(len(changes))} layers" if len(changes) > 1 else ""
        yield f"changes {label(kind)} {name}{text}{times}"


def _setting(change: Change) -> str:
    if change.name == "weight norm":
        old, new = (
            (text or "none").split()[0].rstrip(",") for text in (change.before, change.after)
        )
        if old == "none":
            return f"adds {new} norm to every weight"
        if new == "none":
            return f"drops {old} norm from every weight"
    return f"changes {change.name} {change.before} -> {change.after}"


def _counted(layers: list[ComparedLayer]) -> Iterator[str]:
    """Yield a noun phrase for each kind of layer: `two conv layers`, `attention at 32 x 32`."""
    for name, count in Counter(layer.kind for layer in layers).items():
        kind = _kind(name)
        noun = kind.noun if kind and kind.noun else article(label(name))
        text = f"{number(count)} {label(name)} layers" if count > 1 else noun
        if kind and kind.tells_size:
            maps = [" x ".join(map(str, x.shape[1:])) for x in layers if x.kind == name]
            text += f" at {conjunction(list(dict.fromkeys(maps)))}"
        yield text


def _kind(name: str) -> type[Layer] | None:
    """Return the class of a layer kind; None for other names, such as `linear + reshape`."""
    kind = Layer.kinds.get(name)
    return kind if kind and issubclass(kind, Layer) else None


def _sentence(phrases: list[str]) -> str:
    """Join verb phrases; two or more after the first MANY become `differs in three more ways`."""
    if len(phrases) > MANY + 1:  # a single further phrase is as short as its count
        phrases = [*phrases[:MANY], f"differs in {number(len(phrases) - MANY)} more ways"]
    return conjunction(phrases)


# -- words ------------------------------------------------------------------------------------


def number(count: int) -> str:
    """Return a number from 1 to 9 as a word, others in digits."""
    return SMALL[count - 1] if 0 < count <= len(SMALL) else str(count)


def article(noun: str) -> str:
    """Return a noun with `a` or `an`."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
