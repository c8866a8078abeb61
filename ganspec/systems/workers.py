"""Worker processes that read images, and that only their parent can end."""

from __future__ import annotations

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

WORKERS = 2

Plan = Sequence[list[int]]  # indices of images, one list per batch

# Signals that ask a training to stop. They often go to all processes of a job or a terminal.
STOPS = {
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
}


def read_in_workers(files: ImageFiles, plan: Plan, pin: bool = False) -> Iterator[Batch]:
    """Yield the batches of `plan`, read by worker processes, in pinned memory if `pin` is True.

    If a worker is lost, this process reads the next batch and starts new ones.
    """
    batches: Iterator[Batch] | None = None
    done = 0
    while done < len(plan):
        try:
            batches = batches or _start(files, plan[done:], pin)
            batch = next(batches)
        except (RuntimeError, OSError) as error:  # files raise none
            reason = str(error).split("\n")[0]
            message = f"a process that reads images was lost, perhaps for lack of memory ({reason})"
            warnings.warn(f"{message}: others go on in its place", stacklevel=2)
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
        # without one, the loader would draw from torch's generator and change training
        generator=torch.Generator(),
    )
    with _signals_held_back():
        return iter(loader)


def _unchanged(batch: Any) -> Any:  # `ImageFiles` stacks its batches itself
    return batch


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Within the block, hold back signals that ask to stop, for good in processes that it starts.

    torch's own handler of dying processes is removed after the block: it would raise an exception
    anywhere in a training step. The loader notices a lost worker in any case.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    on_exit, in_main = signal.getsignal(signal.SIGCHLD), _is_main_thread()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        if in_main and signal.getsignal(signal.SIGCHLD) is not on_exit:
            signal.signal(signal.SIGCHLD, on_exit or signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _begin_worker(number: int) -> None:
    """Prepare a worker, whose inherited mask of signals holds back those that ask to stop."""
    warnings.simplefilter("ignore")  # the parent has read the files, and showed the warnings
    if hasattr(signal, "sigwaitinfo"):
        threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    """End this process once its parent, and nobody else, sends SIGTERM."""
    while signal.sigwaitinfo([signal.SIGTERM]).si_pid != os.getppid():
        pass
    os._exit(0)
