"""Comparison of an imported spec with the user's code: outputs, gradients and initial weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from ganspec.compiler.evaluate import evaluate
from ganspec.importing.entries import Data, calls_of, data
from ganspec.importing.graph import FAILURES, tensors
from ganspec.importing.guesses import kind_with
from ganspec.importing.likeness import SEED, copy_state, modes_of, state_of
from ganspec.importing.network import CodeNetwork
from ganspec.kinds.initializer import Initializer
from ganspec.language.errors import SpecError, one_line
from ganspec.language.kinds import cached_by_kinds, kinds_of
from ganspec.program.ir import Net

TOLERANCE = 1e-4  # accepted difference of outputs and gradients, relative and absolute
LARGE = 10.0  # factor of inputs that shows limits such as those of a `clamp`


def state(code: CodeNetwork) -> list[torch.Tensor]:
    """Return the weights and statistics of the code, in the order of the spec's state dict."""
    # a program has the steps of the layer `auxiliary` last, wherever the layer is
    in_order = sorted(code.entries, key=lambda entry: entry.kind == "auxiliary")
    calls = [*code.before, *calls_of(in_order)]
    return state_of([call.module for call in calls if call.module is not None])


def difference(code: CodeNetwork, net: Net) -> str | None:
    """Return in words the first difference of the code and the spec's network; None if equal.

    `net` is the program of the spec's network. It gets the code's weights, and both run on
    `code.inputs`. First, the outputs in training mode and in evaluation mode are compared; then
    those for inputs LARGE times as large; last, the gradients of the inputs. Code with torch's
    older spectral norm is compared in evaluation mode only. Outputs of the code that were not read
    are left out.
    """
    mine = evaluate(net)
    theirs = state(code)
    if [t.shape for t in mine.state_dict().values()] != [t.shape for t in theirs]:
        return "its weights have other shapes than the code's"
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            copy_state(mine, theirs)
            for training in (modes := modes_of([code.network])):
                if text := _output_difference(code, net, mine, training):
                    return text
            # in evaluation mode, in which large numbers change no statistics
            if text := _output_difference(code, net, mine, False, LARGE):
                return text
            return _gradient_difference(code, net, mine, modes[0])
    except FAILURES as error:
        return f"the comparison fails: {one_line(error)}"
    return None


def _output_difference(
    code: CodeNetwork, net: Net, mine: nn.Module, training: bool, times: float = 1.0
) -> str | None:
    """Return in words how outputs of the code and of `mine`, the spec's network, differ; or None.

    Both networks run in training mode if `training`, else in evaluation mode. Floats among the
    inputs are multiplied by `times`.
    """
    mine.train(training)
    code.network.train(training)
    inputs = [x * times if x.is_floating_point() and times != 1 else x for x in code.inputs]
    own_outputs = _outputs(mine, _as_read(net, inputs))
    for ours, theirs in zip(own_outputs, _code_outputs(code, inputs), strict=True):
        near = TOLERANCE * max(1.0, times)
        if not torch.allclose(ours, theirs, rtol=TOLERANCE, atol=near, equal_nan=True):
            mode = "in training mode" if training else "in evaluation mode"
            large = f", for inputs {times:g} times as large" if times != 1 else ""
            return f"outputs differ by {(ours - theirs).abs().max():.2g} {mode}{large}"
    return None


def _outputs(network: nn.Module, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """Seed torch, run the network on `inputs`, and return each output as (batch, numbers).

    A tensor that the network returns twice is one output.
    """
    torch.manual_seed(SEED)
    outputs = {id(y): y for y in tensors(network(*(x.clone() for x in inputs)))}.values()
    return [y.flatten(1) if y.dim() > 1 else y[:, None] for y in outputs]


def _code_outputs(code: CodeNetwork, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """Return those outputs of the code that the spec's network has too, in the spec's order."""
    outputs = _outputs(code.network, inputs)
    return [outputs[index] for index in code.compared]


def _gradient_difference(
    code: CodeNetwork, net: Net, mine: nn.Module, training: bool
) -> str | None:
    """Return a text if the gradients of the inputs differ between the two networks; else None.

    They run in double precision, or in single precision if the code fails in double.
    """
    try:
        return _gradient_difference_in(torch.float64, code, net, mine.double(), training)
    except RuntimeError:
        return _gradient_difference_in(torch.float32, code, net, mine.float(), training)
    finally:
        code.network.float()


def _gradient_difference_in(
    dtype: torch.dtype, code: CodeNetwork, net: Net, mine: nn.Module, training: bool
) -> str | None:
    gradients = []
    code.network.to(dtype)
    for of_code in (True, False):
        inputs = [x.to(dtype) if x.is_floating_point() else x for x in code.inputs]
        starts = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
        mine.train(training)
        code.network.train(training)
        with torch.enable_grad():
            outputs = (
                _code_outputs(code, starts) if of_code else _outputs(mine, _as_read(net, starts))
            )
            torch.stack([y.pow(2).sum() for y in outputs]).sum().backward()
        gradients.append([x.grad for x in starts if x.grad is not None])
    mine.zero_grad()
    code.network.zero_grad()
    for theirs, ours in zip(*gradients, strict=True):
        scale = max(float(theirs.abs().max()), 1.0)
        if not torch.allclose(ours / scale, theirs / scale, rtol=TOLERANCE, atol=TOLERANCE):
            return "outputs are equal, but not their gradients"
    return None


def _as_read(net: Net, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """Return those of `inputs` that `net` reads, in its order and shapes.

    The latent or image comes first, then the label if `net` reads one.
    """
    shape = net.inputs[0].value.shape
    size = math.prod(shape)
    first, *_ = [x for x in inputs if x.is_floating_point() and x[0].numel() == size]
    labels = [x for x in inputs if x is not first]
    return [first.reshape(len(first), *shape), *labels[: len(net.inputs) - 1]]


# -- initial weights --------------------------------------------------------------------------


@cached_by_kinds("initializer")
def initializers() -> list[Initializer | None]:
    """Return the initializers to try: None for torch's own, and each kind with its defaults.

    `framework` is also tried with `of: keras` and `of: tensorflow`, and kinds that have a
    `distribution` with `normal`.
    """
    values: list[Initializer | None] = [None]
    for name, kind in kinds_of("initializer").items():
        if issubclass(kind, Initializer):
            values.append(kind_with(kind, {}))
            if name == "framework":
                values += [kind_with(kind, {"of": word}) for word in ("keras", "tensorflow")]
            if "distribution" in kind.model_fields:
                values.append(kind_with(kind, {"distribution": "normal"}))
    return values


def initial_weights(
    code: CodeNetwork,
    build: Callable[[], nn.Module],
    lowered: Callable[[Initializer | None], Net],
) -> tuple[bool, Data]:
    """Return True and the `init` that draws the code's initial weights, or False and None.

    The `init` is plain data as in a spec, or None for torch's own initial weights. Kinds are tried
    with their defaults, then with numbers that fit the weights. `build` makes the code's network
    anew; `lowered` returns the program of the spec's network with an initializer. Torch is seeded
    before every draw, so the order of the draws does not matter. All weights must be equal in every
    bit. Only the vectors of spectral norms are not compared, because torch's older norm does not
    iterate them in its constructor. `code.network` gets new weights.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        code.network.load_state_dict(build().state_dict())
        drawn = [t for t in state(code) if t.dim() > 1 and len(t.unique()) > 1]
        if any(a.equal(b) for i, a in enumerate(drawn) for b in drawn[:i] if a.shape == b.shape):
            return False, None  # some layers begin with equal weights, such as copies of one layer
        with SeededDraws():
            code.network.load_state_dict(build().state_dict())
        theirs = state(code)
        tried = initializers().copy()
        defaults = len(tried)
        for place, initializer in enumerate(tried):
            try:
                with SeededDraws():
                    mine = evaluate(lowered(initializer)).state_dict()
            except SpecError:  # weights of 0 have no direction, so a weight norm rejects them
                continue
            pairs = zip(mine.items(), theirs, strict=True)
            if all(
                torch.equal(a, b) for (name, a), b in pairs if not name.endswith(("._u", "._v"))
            ):
                return True, None if initializer is None else data(initializer)
            if initializer is not None and place < defaults:
                tried += _fitted(initializer, list(mine.values()), theirs)
    return False, None


def _fitted(
    initializer: Initializer, mine: list[torch.Tensor], theirs: list[torch.Tensor]
) -> Iterator[Initializer]:
    """Yield initializers of the same kind, with another number, which may draw `theirs`.

    Yield none unless all matrices and kernels in `theirs` are one multiple of those in `mine`,
    which `initializer` drew. The number is rounded to few digits, or is the root of a fraction, as
    torch's gain for ReLU is that of 2.
    """
    pairs = [(a.double(), b.double()) for a, b in zip(mine, theirs, strict=True) if a.dim() > 1]
    pairs = [(a, b) for a, b in pairs if len(a.unique()) > 1]
    ratio = float(pairs[0][1].norm() / pairs[0][0].norm()) if pairs else 0.0
    if not ratio or not all(torch.allclose(a * ratio, b, rtol=1e-4) for a, b in pairs):
        return
    for name in type(initializer).model_fields:
        value = getattr(initializer, name)
        if not isinstance(value, float):
            continue
        # a slope, 0 by default, divides weights by sqrt(1 + slope^2)
        fit = value * ratio if value else math.sqrt(max(0.0, ratio**-2 - 1))
        root = math.sqrt(Fraction(fit**2).limit_denominator(5000))
        rounded = [float(f"{fit:.{digits}g}") for digits in (2, 4, 7)]
        for number in dict.fromkeys([*rounded, root]):
            kept = initializer.model_dump(exclude_unset=True)
            if (found := kind_with(type(initializer), {**kept, name: number})) is not None:
                yield found


class SeededDraws(TorchFunctionMode):
    """A mode of torch that sets SEED before each draw of uniform, normal or Bernoulli numbers."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        if any(word in name for word in ("normal", "uniform", "rand", "bernoulli")):
            torch.manual_seed(SEED)
        return func(*args, **(kwargs or {}))
