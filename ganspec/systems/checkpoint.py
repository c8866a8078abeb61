"""Checkpoint files: the whole state of a training, which resumes from it bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import torch

from ganspec.atomic import replacing
from ganspec.language.errors import GanspecError

VERSION = 2

# Tensors, numbers, strings, lists and dicts; their types are checked only on use.
State: TypeAlias = dict[str, Any]


class CheckpointError(GanspecError):
    """Raised when a checkpoint cannot be read, or does not fit the training."""


def save(path: Path, state: State) -> None:
    """Write `state` to `path` atomically."""
    # given a path, torch would write the temporary file's name into the archive
    with replacing(path) as temporary, temporary.open("wb") as file:
        torch.save({"version": VERSION, **state}, file)


def load(path: Path, device: torch.device | str = "cpu") -> State:
    """Return the state saved at `path`. Raises CheckpointError.

    Only tensors and plain data are unpickled: a stranger's file cannot run code.
    """
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path} does not exist") from None
    except Exception:  # torch raises many types for a damaged or hostile file
        message = f"{path} is damaged, or holds more than tensors and plain data"
        raise CheckpointError(message) from None
    if not isinstance(state, dict) or state.get("version") != VERSION:
        raise CheckpointError(f"{path} is no checkpoint of this version of ganspec")
    return state


@contextmanager
def fitting(owner: str | Path = "") -> Iterator[None]:
    """Turn errors in the block, which restores a state, into CheckpointError for `owner`."""
    message = f"the checkpoint{owner and f' of {owner}'} does not fit"
    try:
        yield
    except KeyError as error:
        raise CheckpointError(f"{message}: it lacks {error}") from None
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        # the first line of torch's message names no weight, the second one does
        lines = [line.strip() for line in str(error).split("\n") if line.strip()]
        reason = lines[min(1, len(lines) - 1)][:200] if lines else type(error).__name__
        if reason.startswith("Unexpected") and "running_mean" in reason:
            reason = (
                "it holds running statistics, as with every older ganspec: "
                "write `statistics: running` at each batch norm of its spec.yaml"
            )
        raise CheckpointError(f"{message}: {reason}") from None


def random_states(device: torch.device) -> dict[str, torch.Tensor]:
    """Return the states of torch's random number generators, of the CPU and of `device`."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def restore_random(states: dict[str, torch.Tensor], device: torch.device) -> None:
    """Set torch's random number generators to `states`."""
    torch.set_rng_state(states["cpu"].cpu())
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"].cpu(), device)
