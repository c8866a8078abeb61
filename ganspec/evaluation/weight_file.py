"""Read weights that any program has written into a file, and fit them to a spec's network."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

import torch

from ganspec.evaluation.extractor import ExtractorError
from ganspec.language.errors import printable
from ganspec.systems import archive

State: TypeAlias = dict[str, torch.Tensor]
COUNTER = "num_batches_tracked"  # of batches, in a batch norm; old versions of torch had none
PREFIXES = ("module.", "_orig_mod.")  # DataParallel's and torch.compile's, before names


def read_state(path: Path) -> State:
    """Return the weights by name in a file that `torch.save(network.state_dict(), path)` wrote.

    The weights may also be one entry of a checkpoint. No code of the file is run. Raises
    ExtractorError if the file is missing or damaged, or if it holds no weights or those of several
    networks.
    """
    try:
        content = archive.read(path)
    except archive.ArchiveError as error:
        is_foreign = isinstance(error, archive.ForeignError)
        advice = ": save the network's state_dict()" if is_foreign else ""
        raise ExtractorError(f"{error}{advice}") from None
    states = list(_states(content, "", 2))
    if len(states) != 1:
        names = ", ".join(printable(name) for name, _ in states)
        reason = f"holds weights of several networks ({names})" if states else "holds no weights"
        raise ExtractorError(f"{path} {reason}: save one network's state_dict()")
    ((_, state),) = states
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state


def _states(content: Any, path: str, depth: int) -> Iterable[tuple[str, State]]:
    """Yield the key path and the content of each map of names to tensors in a checkpoint.

    `path` is the key path of `content`. A map may lie within at most `depth` other maps.
    """
    if not isinstance(content, dict) or not content:
        return
    if all(isinstance(key, str) and torch.is_tensor(value) for key, value in content.items()):
        yield path, content
        return
    if depth:
        for key, value in content.items():
            yield from _states(value, f"{path}.{key}" if path else str(key), depth - 1)


def fit_state(state: State, own: State, path: Path, name: str) -> tuple[State, str]:
    """Return the weights `state` under the names of a network's own weights, and a note.

    If the names are those of `own`, each weight keeps its name, and the note is empty. If any
    differ, the weights are taken in order, and the note says so; their kinds (weight, bias ...) and
    shapes must agree. Either side may lack the counters of batch norms. `path` is the file of the
    weights, `name` the network's spec. Raises ExtractorError, which names the first weight that
    does not fit.
    """
    theirs, ours = list(state), list(own)
    if sum(map(_is_counter, theirs)) != sum(map(_is_counter, ours)):
        theirs = [key for key in theirs if not _is_counter(key)]
        ours = [key for key in ours if not _is_counter(key)]
    matched = set(theirs) == set(ours)
    pairs = [(key, key) for key in ours] if matched else list(zip(theirs, ours, strict=False))
    for number, (their, our) in enumerate(pairs, 1):
        shapes = tuple(state[their].shape), tuple(own[our].shape)
        if shapes[0] != shapes[1] or _kind(their) != _kind(our):
            place = "" if matched else f"weight {number} in order, "
            apart = f"is {_shown(shapes[0])}, but {our} is {_shown(shapes[1])}"
            if shapes[0] == shapes[1]:
                apart = f"is a {printable(_kind(their))}, but {our} is a {_kind(our)}"
            raise ExtractorError(f"{path} does not fit {name}: {place}{printable(their)} {apart}")
    if len(theirs) != len(ours):
        rest = theirs[len(ours) :] or ours[len(theirs) :]
        raise ExtractorError(
            f"{path} holds {len(theirs)} weights and {name} has {len(ours)}: the first that only "
            f"{'the file' if len(theirs) > len(ours) else name} has is {printable(rest[0])}"
        )
    note = "" if matched else f"weights in order, as {printable(pairs[0][0])} for {pairs[0][1]}"
    return own | {our: state[their] for their, our in pairs}, note


def _is_counter(name: str) -> bool:
    return name.endswith(COUNTER)


def _kind(name: str) -> str:
    return name.rpartition(".")[2]


def _shown(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"
