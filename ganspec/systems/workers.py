"""Worker processes that read images, and end only when their parent does or tells them to."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.data import DataLoader

from ganspec.kinds.datasets.image_files import Batch, ImageFiles

WORKERS = 2  # processes that read images at the same time
WATCH_SECONDS = 5.0  # seconds between two checks that the parent is alive

Plan = Sequence[list[int]]  # indices of images, one list per batch

# Signals that ask a training to stop. They often go to all processes of a job or a terminal, but
# only the training decides when its workers end.
STOPS = {
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
}


def read_in_workers(files: ImageFiles, plan: Plan, pin: bool = False) -> Iterator[Batch]:
    """Yield the batches of `plan`, which worker processes read.

    If `pin` is True, their batches are in pinned memory. If a worker is lost or cannot start, this
    process reads the next batch itself, and starts new workers for the batches after it.
    """
    batches: Iterator[Batch] | None = None
    done = 0
    while done < len(plan):
        try:
            batches = batches or _start(files, plan[done:], pin)
            batch = next(batches)
        except (RuntimeError, OSError) as error:
            # a worker is lost or cannot start: for unreadable files, none of these errors is raised
            reason = str(error).split("\n")[0]
            message = f"a process that reads images was lost or cannot start ({reason})"
            warnings.warn(f"{message}, perhaps for lack of memory: another one reads", stacklevel=2)
            batch, batches = files.__getitems__(plan[done]), None
        done += 1
        yield batch


def _start(files: ImageFiles, plan: Plan, pin: bool) -> Iterator[Batch]:
    loader = DataLoader(
        files,
        batch_sampler=plan,
        num_workers=WORKERS,
        collate_fn=_unchanged,
        worker_init_fn=_begin_worker,
        pin_memory=pin,
        # without a generator, the loader would draw from torch's global one and change training
        generator=torch.Generator(),
    )
    with _signals_held_back():
        return iter(loader)


def _unchanged(batch: Any) -> Any:  # `ImageFiles` stacks its batches itself
    return batch


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Block the signals STOPS within the block, and permanently in processes started in it.

    In the block, torch installs a handler of SIGCHLD, which would raise an exception anywhere in a
    training step when a worker dies. The handler is removed, since the loader itself notices lost
    workers.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    on_exit = signal.getsignal(signal.SIGCHLD)
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        if in_main and signal.getsignal(signal.SIGCHLD) is not on_exit:
            signal.signal(signal.SIGCHLD, on_exit or signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker(number: int) -> None:
    """Prepare a worker process. It has inherited the block on STOPS from its parent."""
    warnings.simplefilter("ignore")  # the parent has shown the same warnings
    if hasattr(signal, "sigtimedwait"):
        threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    """End this process when its parent sends SIGTERM or is lost. Ignore SIGTERM from others.

    torch's own watch over the parent begins later, and misses a parent that is lost before it.
    """
    parent = multiprocessing.parent_process()
    while parent and parent.is_alive():
        sent = signal.sigtimedwait([signal.SIGTERM], WATCH_SECONDS)
        if sent and sent.si_pid == parent.pid:
            break
    os._exit(0)
