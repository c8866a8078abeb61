"""The whole state of a training run in one file, so that resuming changes nothing."""

from __future__ import annotations

from pathlib import Path

import torch

from ganspec.atomic import replacing

VERSION = 1


class CheckpointError(Exception):
    """A checkpoint that cannot be read or that belongs to something else."""


def save(path: Path, state: dict[str, object]) -> None:
    """Write `state`, made of tensors, numbers, texts, lists and maps, atomically."""
    with replacing(path) as temporary:
        torch.save({"version": VERSION, **state}, temporary)


def load(path: Path, device: torch.device | str = "cpu") -> dict[str, object]:
    """The state saved at `path`; raises CheckpointError.

    Only tensors and plain data are unpickled: a stranger's file cannot run code.
    """
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path} does not exist") from None
    except Exception as error:  # torch raises many kinds for a damaged or hostile file
        reason = str(error).split("\n")[0][:120]
        raise CheckpointError(f"{path} is no checkpoint of ganspec: {reason}") from None
    if not isinstance(state, dict) or state.get("version") != VERSION:
        raise CheckpointError(f"{path} is no checkpoint of this version of ganspec")
    return state


def random_states(device: torch.device) -> dict[str, torch.Tensor]:
    """The states of torch's generators that training draws from."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def restore_random(states: dict[str, torch.Tensor], device: torch.device) -> None:
    """Set torch's generators to `states`."""
    torch.set_rng_state(states["cpu"].cpu())
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"].cpu(), device)
