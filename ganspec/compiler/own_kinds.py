"""Find errors in users' own kinds by running their code."""

from __future__ import annotations

import ast
import inspect
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any, NoReturn

import torch
from torch import nn

from ganspec.kinds.activations import gather
from ganspec.kinds.metric import MetricError
from ganspec.kinds.returned import named_values
from ganspec.language.errors import Diagnostic, GanspecError, SpecError, fail, listed, one_line
from ganspec.language.kinds import Kind, within
from ganspec.language.registry import own_line
from ganspec.program.ir import Call
from ganspec.systems.settings import optimizer, own
from ganspec.systems.spec import Spec

CHANGING = (  # methods that change an object
    *("append", "appendleft", "extend", "insert", "pop", "popleft", "remove", "clear", "update"),
    *("setdefault", "add", "discard", "sort", "reverse", "write", "send"),
)
MOST_IMAGES = 1024  # a metric that needs more images is not run on stand-ins
SCORES = ("scores", "logits", "probabilities")  # what `Loss.scores` may be


def unfit(kind: Kind, message: str, help: str) -> NoReturn:
    """Raise a SpecError about the code of `kind`, where the spec names it."""
    fail("unfit-kind", f"{kind.known_as} {message}", kind.mark, help)


@contextmanager
def blamed(kind: Kind) -> Iterator[None]:
    """Turn an error that the code of a user's own kind raises in a `with` block into a SpecError.

    A GanspecError stays as it is, and so do errors of ganspec's kinds.
    """
    try:
        yield
    except GanspecError:
        raise
    except Exception as error:
        if not kind.is_own:
            raise
        unfit(kind, f"raises {raised(error)}", "correct its code")


def raised(error: Exception) -> str:
    """Return an exception's type, message and, if the code of a kinds file raised it, the line."""
    line = own_line(error)
    place = f" in line {line[1]}" if line else ""
    return f"{type(error).__name__}{place}: {one_line(error)}"


def must_be(kind: Kind, value: object, wanted: type, what: str, help: str) -> None:
    """Raise a SpecError if `value`, from the method `what` of `kind`, is not of type `wanted`."""
    if not isinstance(value, wanted):
        returned = "nothing" if value is None else f"a {type(value).__name__}"
        returned = "a class" if isinstance(value, type) else returned
        unfit(kind, f"returns {returned} from `{what}`, not a `{wanted.__name__}`", help)


def faults(spec: Spec) -> list[Diagnostic]:
    """Return the errors that show when users' own kinds of a spec are run, for families in `TRIES`.

    Kinds whose file may keep state between calls are not run, since a later training would differ.
    """
    found: list[Diagnostic] = []
    for kind in within(spec):
        if kind.is_own and not kind.is_unread and kind.family in TRIES and not has_state(kind):
            try:
                with blamed(kind), torch.random.fork_rng(devices=[]), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    TRIES[kind.family](kind)
            except SpecError as error:
                found += error.diagnostics
    return found


def has_state(kind: Kind) -> bool:
    """Return True if functions in the kind's file may change values that outlast their calls.

    Return True, too, if the text of the file cannot be found.
    """
    try:
        return _changes_state(inspect.getsource(sys.modules[type(kind).__module__]))
    except (KeyError, OSError, TypeError):
        return True


@cache
def _changes_state(source: str) -> bool:
    functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef)]
    for node in (node for function in functions for node in ast.walk(function)):
        match node:
            case ast.Global() | ast.Nonlocal() | ast.Name(id="next" | "random"):
                return True
            case ast.Attribute(attr="random") | ast.Subscript(ctx=ast.Store() | ast.Del()):
                return True
            case ast.Attribute(value=ast.Name(id="self")):
                continue
            case ast.Attribute(ctx=ast.Store() | ast.Del()):
                return True
            case ast.Call(func=ast.Attribute(attr=method)) if method in CHANGING:
                return True
    return False


def _try_loss(kind: Any) -> None:
    if kind.scores not in SCORES:
        unfit(kind, f"has the `scores` {kind.scores!r}", f"they may be {listed(SCORES, 'or')}")
    goals = kind.goals
    if not isinstance(goals, tuple) or list(map(type, goals)) != [str, str]:
        unfit(kind, "has `goals` that are not a tuple of two texts", "return one for each network")
    more = {"scores": kind.scores, "threshold": kind.threshold}
    for name in ("real_loss", "fake_loss", "generator_loss"):
        _try_function(kind, name, own(kind, **more), torch.rand(4, 1))


def _try_penalty(kind: Any) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 1))
    real, fake = torch.rand(2, 4, 3, 16, 16)
    cfg = own(kind, d_conditional=False, auxiliary=False)
    _try_function(kind, "penalty", cfg, network, real, fake, None)


def _try_criterion(kind: Any) -> None:
    pairs = {
        "classes": (torch.rand(4, 3), torch.tensor([0, 1, 2, 0])),
        "multi_hot": (torch.rand(4, 3), torch.ones(4, 3)),
        "images": (torch.rand(4, 3, 16, 16), torch.rand(4, 3, 16, 16)),
    }
    for target in kind.targets:
        _try_function(kind, "loss", own(kind), *pairs[target])


def _try_function(kind: Kind, name: str, cfg: SimpleNamespace, *inputs: object) -> None:
    """Raise a SpecError if the function `name` of `kind` is certainly wrong.

    It is run on stand-ins for the inputs of a training. Errors that these may cause are ignored.
    """
    function = getattr(type(kind), name)
    try:
        inspect.signature(function).bind(*inputs, cfg)
    except TypeError:
        given = ", ".join(inspect.signature(function).parameters)
        help = f"it gets {len(inputs) + 1} arguments, of which `cfg` is the last"
        unfit(kind, f"has a `{name}({given})` that cannot be called", help)
    try:
        result = function(*inputs, cfg)
    except AttributeError as error:
        if error.obj is not cfg:
            return
        help = f"add the field to the class, such as `{error.name}: float = 1.0`"
        unfit(kind, f"reads `cfg.{error.name}`, and has no field `{error.name}`", help)
    except NameError as error:
        unfit(kind, f"raises {raised(error)}", "define or import it in the kind's file")
    except Exception:  # noqa: BLE001  (it may be the fault of the stand-ins)
        return
    if isinstance(result, torch.Tensor) and result.ndim:
        shape = " x ".join(map(str, result.shape))
        unfit(kind, f"returns {shape} numbers from `{name}`, not one", "return a mean, or a sum")
    if not isinstance(result, (torch.Tensor, int, float)):
        must_be(kind, result, torch.Tensor, name, "return one number")


def _try_optimizer(kind: Any) -> None:
    help = "return `Call(optim.NAdam, lr=self.lr)`: an optimizer class, with its options"
    must_be(kind, kind.call(), Call, "call", help)
    weight = nn.Parameter(torch.ones(2, 2))
    weight.grad = torch.ones(2, 2)
    optimizer(kind)([weight]).step()


def _try_metric(kind: Any) -> None:
    """Raise a SpecError if `measure` of a metric is certainly wrong, as in `_try_function`."""
    if kind.least > MOST_IMAGES:
        return
    count = max(kind.least, 16)
    fake, real = (gather([(torch.rand(count, 8), torch.rand(count, 4))], count) for _ in range(2))
    fake = fake.with_labels(torch.arange(count) % 4, ())
    try:
        returned = kind.measure(fake, real if kind.paired else None, 0)
    except (AttributeError, NameError) as error:
        if isinstance(error, NameError) or error.obj is kind:
            unfit(kind, f"raises {raised(error)}", "correct its code")
        return
    except Exception:  # noqa: BLE001  (it may be the fault of the stand-ins)
        return
    try:
        named_values(kind, returned)
    except MetricError as error:
        help = "return a list with a `MetricValue` for each of `names`"
        fail("unfit-kind", str(error), kind.mark, help)


def _try_weight_norm(kind: Any) -> None:
    call = kind.wrap()
    if call is None:
        return
    must_be(kind, call, Call, "wrap", "return a `Call` of a function that takes a module")
    for module in (nn.Conv2d(4, 4, 3), nn.Linear(4, 4)):
        try:
            result = kind.function()(module)
        except Exception:  # noqa: BLE001  (it may be for other modules)
            continue
        must_be(kind, result, nn.Module, call.function.__name__, "return the module")


def _try_initializer(kind: Any) -> None:
    if (call := kind.call()) is not None:
        must_be(kind, call, Call, "call", "return a `Call` of a function that takes a network")


TRIES: dict[str, Callable[[Any], None]] = {
    "loss": _try_loss,
    "penalty": _try_penalty,
    "criterion": _try_criterion,
    "optimizer": _try_optimizer,
    "metric": _try_metric,
    "weight_norm": _try_weight_norm,
    "initializer": _try_initializer,
}
