"""Files with the whole state of a training, so that resuming changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import torch

from ganspec.atomic import replacing
from ganspec.language.errors import GanspecError

VERSION = 2

# Tensors, numbers, texts, lists and maps; what a file holds is known only once it is used.
State: TypeAlias = dict[str, Any]


class CheckpointError(GanspecError):
    """A checkpoint that cannot be read, or that belongs to another training."""


def save(path: Path, state: State) -> None:
    """Write `state` atomically."""
    # a file, not a path: torch would write the temporary name into the archive
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
    except Exception:  # torch raises many kinds for a damaged or hostile file
        message = f"{path} is damaged, or holds more than tensors and plain data"
        raise CheckpointError(message) from None
    if not isinstance(state, dict) or state.get("version") != VERSION:
        raise CheckpointError(f"{path} is no checkpoint of this version of ganspec")
    return state


@contextmanager
def fitting(owner: str | Path = "") -> Iterator[None]:
    """Raise CheckpointError if an error in the block shows that state does not fit `owner`."""
    message = f"the checkpoint{owner and f' of {owner}'} does not fit"
    try:
        yield
    except KeyError as error:
        raise CheckpointError(f"{message}: it lacks {error}") from None
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        # torch's headline is useless; the first line below it names a weight
        lines = [line.strip() for line in str(error).split("\n") if line.strip()]
        reason = lines[min(1, len(lines) - 1)][:200] if lines else type(error).__name__
        raise CheckpointError(f"{message}: {reason}") from None


def random_states(device: torch.device) -> dict[str, torch.Tensor]:
    """Return the states of torch's generators that training draws from."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def restore_random(states: dict[str, torch.Tensor], device: torch.device) -> None:
    """Set torch's generators to `states`."""
    torch.set_rng_state(states["cpu"].cpu())
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"].cpu(), device)
