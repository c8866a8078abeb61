"""A written spec against the code that it was read from."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from ganspec.compiler.evaluate import evaluate
from ganspec.importing.entries import Entry, data
from ganspec.importing.graph import FAILURES
from ganspec.importing.guesses import made
from ganspec.importing.likeness import SEED, copy_state, modes_of, state_of
from ganspec.importing.network import Found
from ganspec.importing.recording import tensors
from ganspec.language.errors import SpecError
from ganspec.language.kinds import cached_by_kinds, kinds_of
from ganspec.program.ir import Net

TOLERANCE = 1e-4


def state(found: Found) -> list[torch.Tensor]:
    """The code's weights and statistics in the order of the written spec's."""
    heads = [e for e in found.entries if e.kind == "auxiliary"]
    others = [e for e in found.entries if e.kind != "auxiliary"]
    ops = [*found.before, *(op for e in [*others, *heads] for op in e.all_ops())]
    modules = [op.module for op in ops if op.module is not None]
    return state_of([m for m in modules if m.state_dict()])


def difference(found: Found, net: Net) -> str | None:
    """How the spec's network and the code's differ on random input; None where they do not.

    Both have the same weights, and are compared while training and after it.
    """
    mine = evaluate(net)
    theirs = state(found)
    if [t.shape for t in mine.state_dict().values()] != [t.shape for t in theirs]:
        return "its weights are not those of the code"
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            copy_state(mine, theirs)
            for training in modes_of([found.network]):
                if worst := _difference(found, net, mine, training):
                    return worst
    except FAILURES as error:
        return f"it does not run: {str(error).splitlines()[0]}"
    return None


def _difference(found: Found, net: Net, mine: nn.Module, training: bool) -> str | None:
    results = []
    for network, is_mine in ((mine, True), (found.network, False)):
        network.train(training)
        torch.manual_seed(SEED)
        inputs = [x.clone() for x in found.inputs]
        if is_mine:
            inputs = _as_read(net, inputs)
        outputs = sorted(tensors(network(*inputs)), key=lambda t: t.numel())
        results.append([y.flatten(1) if y.dim() > 1 else y[:, None] for y in outputs])
    for mine_, theirs in list(zip(*results, strict=True))[: found.compared]:
        if not torch.allclose(mine_, theirs, rtol=TOLERANCE, atol=TOLERANCE):
            mode = "while training" if training else "after training"
            return f"outputs differ by {(mine_ - theirs).abs().max():.2g} {mode}"
    return None


def _as_read(net: Net, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """The code's inputs as the spec's network reads them: the label last, and only if it does."""
    shape = net.inputs[0].value.shape
    size = net.inputs[0].value.tensor(1).numel()
    floats = [x for x in inputs if x.is_floating_point() and x[0].numel() == size]
    first = floats[0]
    labels = [x for x in inputs if x is not first]
    return [first.reshape(len(first), *shape), *labels[: len(net.inputs) - 1]]


# -- initial weights --------------------------------------------------------------------------


@cached_by_kinds("initializer")
def initializers() -> list[object]:
    """What a network's `init` may say: nothing, every kind as it is, every word of a framework."""
    found: list[object] = [None]
    for name, kind in kinds_of("initializer").items():
        found.append(made(kind, {}))
        if name == "framework":
            found += [made(kind, {"of": word}) for word in ("keras", "tensorflow")]
    return found


def initial_weights(
    found: Found, build: Callable[[], nn.Module], lowered: Callable[[object], Net]
) -> object:
    """The `init` with which the spec's network draws the weights that the constructor does.

    Both draw from one seed, and every bit must agree, but for a spectral norm's own vectors, which
    the older one does not iterate at first. `found.network` gets the weights. Returns the
    initializer as plain data, None for torch's own, and False where none is the code's.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(SEED)
        found.network.load_state_dict(build().state_dict())
        theirs = state(found)
        for initializer in initializers():
            torch.manual_seed(SEED)
            try:
                mine = evaluate(lowered(initializer)).state_dict()
            except SpecError:  # of a weight norm that has no weight to fill
                continue
            pairs = zip(mine.items(), theirs, strict=True)
            if all(_same(a, b) for (name, a), b in pairs if not name.endswith(("._u", "._v"))):
                return None if initializer is None else data(initializer)
    return False


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and torch.equal(a, b)


def missing(entries: list[Entry]) -> list[str]:
    """The remarks on what is not expressed, in order."""
    return [e.note for top in entries for e in top.walk() if e.kind is None]
