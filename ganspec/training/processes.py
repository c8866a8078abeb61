"""Processes that train one spec together: how they find each other, and how they are started."""

from __future__ import annotations

import logging
import os
import platform
import sys
import uuid
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist

from ganspec.language.errors import one_line
from ganspec.runs.run import Run, RunError
from ganspec.systems.ranks import Ranks

if TYPE_CHECKING:
    from ganspec.training.session import TrainingOptions

# A lost process closes its connections, which ends the others at once. A process that waits is
# alive, and may wait for long, as for scores that the first one measures.
PATIENCE = timedelta(days=7)
SIGNALS = "SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1"  # that the launcher passes on
LAST_STEP_SECONDS = 600  # for a step and a checkpoint after a signal


def started_together() -> int:
    """Return the number of processes that torchrun started, 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """Join the processes that torchrun started, for the block. Give it their ranks.

    A caller's own process group is used, and left open. Raises RunError if a machine has fewer GPUs
    than processes, or if the processes cannot meet.
    """
    if started_together() == 1 or dist.is_initialized():
        yield Ranks.joined()
        return
    on_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    if on_gpu:
        _choose_gpu()
    try:
        store, rank, count = next(dist.rendezvous("env://"))
        # the launcher's store keeps the addresses of processes that were lost
        store = dist.PrefixStore(f"start {restarts()}", store)
        backend = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise RunError(f"the processes cannot meet: {one_line(error)}") from error
    with warnings.catch_warnings():
        ranks = Ranks.joined()
        if not ranks.is_first:  # the first one shows them
            warnings.simplefilter("ignore")
        yield ranks
    # not after an error: other processes may be gone, and the end of this one closes all
    dist.destroy_process_group()


def _choose_gpu() -> None:
    """Use the GPU of this process's number on its machine. Raises RunError if there is none."""
    place, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if place >= count:
        needed = os.environ.get("LOCAL_WORLD_SIZE", place + 1)
        message = f"{needed} processes on one machine need as many GPUs, and here are {count}"
        raise RunError(f"{message}: start fewer, or use --device cpu")
    torch.cuda.set_device(place)


def after_restart(options: TrainingOptions, run: Run) -> TrainingOptions:
    """Return `options` that go on with `run` if this launch began it and was restarted since."""
    if restarts() == 0 or run.info().get("launch") != launch_name():
        return options
    has_state = run.checkpoint_path.is_file()
    return replace(options, resume=has_state, overwrite=not has_state)


def restarts() -> int:
    """Return how often torchrun has started the processes again."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


def launch_name() -> str | None:
    """Return the name of torchrun's launch, the same for processes that it starts again."""
    name = os.environ.get("TORCHELASTIC_RUN_ID")
    return name and f"{name} {platform.node()} {os.getppid()}"


def is_restarted_after_loss() -> bool:
    """Return True if torchrun starts all processes again after one is lost."""
    return restarts() < int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0"))


def launch(processes: int, max_restarts: int, arguments: Sequence[str]) -> int:
    """Run `ganspec ARGUMENTS` in several processes of this machine, by torchrun's launcher.

    Signals are passed on to all of them. Return the exit status. Raises KeyboardInterrupt if a
    signal has ended them, and RunError if the first one was killed: any other error is shown by the
    first one.
    """
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    # cores are shared out, as torch would take all of them in each process
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, torch.get_num_threads() // processes)))
    logging.disable(logging.CRITICAL)  # the launcher's remarks
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=max_restarts,
        signals_to_handle=SIGNALS,
        shutdown_timeout=LAST_STEP_SECONDS,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "ganspec", *arguments)
    except SignalException as end:
        raise KeyboardInterrupt from end
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if rank == 0 and failure.exitcode < 0:
            message = f"the first process of the training was killed by {failure.signal_name()}"
            raise RunError(f"{message}: go on from its checkpoint with --resume") from None
        return max(failure.exitcode, 2)
    return 0
