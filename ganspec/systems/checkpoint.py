"""Checkpoint files: the whole state of a training, from which it resumes bit for bit."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import optim

from ganspec.language.errors import GanspecError, printable
from ganspec.systems import archive
from ganspec.systems.identity import Identity, difference

VERSION = 3  # version of the files that `save` writes and `load` reads

# the errors that can be raised when a state of another form is restored
ERRORS = (
    *(RuntimeError, ValueError, TypeError, AttributeError),
    *(LookupError, ArithmeticError, AssertionError),
)

# Tensors, numbers, strings, lists and dicts by name. Their types are checked when they are used.
State: TypeAlias = dict[str, Any]

GPUS = {"cuda", "mps", "xpu"}  # types of devices that have their own random number generators


class CheckpointError(GanspecError):
    """Raised when a checkpoint cannot be read, or does not fit the training."""


def save(path: Path, state: State) -> None:
    """Write `state` to `path` atomically, with the same bytes for equal states. Raises OSError."""
    archive.write(path, {"version": VERSION, **state})


def load(path: Path) -> State:
    """Return the state in the checkpoint at `path`, with tensors on the CPU.

    Raises CheckpointError if the file is missing or damaged, is of another version, or holds more
    than tensors and plain data, and OSError if it cannot be read. Nothing else is unpickled, so a
    stranger's file cannot run code.
    """
    try:
        state = archive.read(path)
    except archive.ArchiveError as error:
        raise CheckpointError(str(error)) from None
    version = state.get("version") if isinstance(state, dict) else None
    if isinstance(version, bool) or version != VERSION:
        message = f"{path} is no checkpoint of this version of ganspec"
        raise CheckpointError(f"{message}: name another file, or use the version that wrote it")
    return state


@contextmanager
def fitting(owner: str | Path) -> Iterator[None]:
    """Raise CheckpointError in place of any of ERRORS from the block, which restores a state.

    `owner` names a run, file or spec for the message, "the checkpoint of ..."; it may be "".
    """
    message = f"the checkpoint{owner and f' of {owner}'} does not fit"
    try:
        yield
    except KeyError as error:
        raise CheckpointError(f"{message}: it lacks {error}") from None
    except ERRORS as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:300]
        raise CheckpointError(f"{message}: {reason}") from None


def check_spec(theirs: Identity, mine: Identity) -> None:
    """Raise ValueError if `theirs`, the spec's values in a saved state, differ from `mine`."""
    if apart := difference(theirs, mine):
        raise ValueError(f"it is of another spec: {apart}: use its values, or begin a new run")


def check(value: object, model: object, name: str = "") -> None:
    """Raise ValueError if `value` has another form than `model`, or a number is not `is_finite`.

    `value` is a part of a saved state, and `name` its key path, for messages. The form is the keys
    of maps, the lengths of lists, the types of values, and the shapes and types of tensors. Raises
    KeyError if `value` lacks a key of `model`.
    """
    if isinstance(model, dict):
        _check_map(value, model, name)
    elif isinstance(model, list | tuple):
        if not isinstance(value, type(model)) or len(value) != len(model):
            raise ValueError(f"{name} is not a list of {len(model)} entries")
        for i, (each, other) in enumerate(zip(value, model, strict=True)):
            check(each, other, f"{name}.{i}")
    elif isinstance(model, torch.Tensor) or isinstance(value, torch.Tensor):
        if _form(value) != _form(model):
            raise ValueError(f"{name} is {_form(value)}, not {_form(model)}")
    elif not (
        isinstance(value, type(model)) and isinstance(value, bool) == isinstance(model, bool)
    ):
        raise ValueError(f"{name} is {printable(repr(value))[:40]}, not {type(model).__name__}")
    if not is_finite(value):
        raise ValueError(f"{name} is not finite, or has more than 64 bits")


def _check_map(value: object, model: dict, name: str) -> None:
    value = as_map(value, name)
    paths = {key: f"{name}.{key}" if name else str(key) for key in [*model, *value]}
    for key in model:
        if key not in value:
            raise KeyError(paths[key])
        check(value[key], model[key], paths[key])
    for key in value:
        if key not in model:
            raise ValueError(f"it holds {printable(paths[key])[:100]}, which nothing here reads")


def as_map(value: object, name: str) -> dict:
    """Return `value` if it is a map. Raises ValueError, which calls it `name`, if it is not."""
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {_form(value)}, not a map")
    return value


def is_finite(value: object) -> bool:
    """Return True if `value` holds no NaN and no infinity and, if an int, fits into 64 bits."""
    if isinstance(value, torch.Tensor):
        return bool(torch.isfinite(value).all())
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return not isinstance(value, float) or math.isfinite(value)


def _form(value: object) -> str:
    """Return a tensor's type and shape, such as `float32 3 x 4`, or the type of another value."""
    if not isinstance(value, torch.Tensor):
        return "nothing" if value is None else type(value).__name__
    layout = "" if value.layout == torch.strided else f"{value.layout} "
    shape = " x ".join(map(str, value.shape)) or "number"
    return f"{layout}{value.dtype} {shape}".replace("torch.", "")


def check_optimizer(state: State, optimizer: optim.Optimizer, name: str) -> None:
    """Raise one of ERRORS if `state` has another form or other settings than `optimizer`.

    Settings that a step may change can differ. `name` is the key path of `state`, for messages.
    """
    model = _after_a_step(optimizer)
    check(dict.fromkeys(as_map(state, name)), dict.fromkeys(model), name)
    if not isinstance(state["param_groups"], list) or len(state["param_groups"]) != len(
        model["param_groups"]
    ):
        count = len(model["param_groups"])
        raise ValueError(f"{name}.param_groups is not a list of {count} entries")
    is_known = type(optimizer).__module__.startswith(("torch.", "ganspec."))
    later = _after_a_step(optimizer, model)["param_groups"]
    for group, own, after in zip(state["param_groups"], model["param_groups"], later, strict=True):
        # only settings that both have, since the checkpoint may be from another version of torch
        shared = [key for key in as_map(group, f"{name}.param_groups") if key in own]
        for key in shared:
            check(group[key], own[key], f"{name}.{key}")
            # Keras's Adam changes `eps` in every step, and your own kinds may change any setting
            is_fixed = after[key] == own[key]
            if group[key] != own[key] and is_fixed and (is_known or key == "params"):
                raise ValueError(f"{name}.{key} is {group[key]}, not {own[key]}")
    kept = as_map(state["state"], f"{name}.state")
    # weights without gradients have no entry
    check(dict.fromkeys(kept), dict.fromkeys(k for k in model["state"] if k in kept), name)
    for key, entries in kept.items():
        as_map(entries, f"{name}.{key}")
        for entry, value in model["state"][key].items():
            if value is not None:
                check(entries[entry], value, f"{name}.{key}.{entry}")
    _after_a_step(optimizer, state)


def _after_a_step(optimizer: optim.Optimizer, state: State | None = None) -> State:
    """Return the state of a copy of `optimizer` after a step with gradients of 0.

    Before this step, the copy is new, or in the state `state` if it is given.
    """
    probe = copy.deepcopy(optimizer)
    # `deepcopy` keeps only torch's own attributes, not those that a subclass sets. A function that
    # replaces `step`, as `fuse` does, would change the weights of `optimizer`
    lacking = vars(optimizer).keys() - vars(probe).keys() - {"step"}
    vars(probe).update({name: getattr(optimizer, name) for name in lacking})
    probe.state.clear()
    if state is not None:
        probe.load_state_dict(copy.deepcopy(state))  # the step below changes these tensors
    for group in probe.param_groups:
        for weight in group["params"]:
            weight.grad = torch.zeros_like(weight)
    probe.step()
    return probe.state_dict()


def hash_weights(state: dict[str, torch.Tensor]) -> str:
    """Return the SHA-256, in hex, of a state dict: of its names, types, shapes and numbers."""
    digest = hashlib.sha256()
    for name, tensor in state.items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def random_states(device: torch.device) -> dict[str, torch.Tensor]:
    """Return the states of torch's generators for the CPU and for `device`, by device type."""
    states = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        # torch's function for Apple's GPU takes no device, since there is only one
        which = [] if device.type == "mps" else [device]
        states[device.type] = torch.get_device_module(device).get_rng_state(*which)
    return states


def check_random(states: dict[str, torch.Tensor]) -> None:
    """Raise one of ERRORS if `states` are not states of random number generators."""
    model = {"cpu": torch.get_rng_state()}
    # any bytes pass as the state of a GPU, since that GPU may not be here
    for kind in GPUS & set(as_map(states, "random")):
        model[kind] = torch.empty_like(states[kind], dtype=torch.uint8)
    check(states, model, "random")
    torch.Generator().set_state(states["cpu"])


def restore_random(states: dict[str, torch.Tensor], device: torch.device) -> None:
    """Set torch's generators for the CPU and for `device` to `states`, by device type.

    If `states` lack `device`, its generator is left as it is.
    """
    torch.set_rng_state(states["cpu"].cpu())
    if device.type != "cpu" and device.type in states:
        which = [] if device.type == "mps" else [device]
        torch.get_device_module(device).set_rng_state(states[device.type].cpu(), *which)
