"""Start several processes on one machine, which share the work of a command."""

from __future__ import annotations

import logging
import os
import sys
import uuid
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from ganspec.runs.run import Run, RunError
from ganspec.training.processes import with_remedy
from ganspec.training.stop import STOPPED

SIGNALS = "SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1"  # those that the launcher passes on
LAST_STEP_SECONDS = 600  # after a signal, for the step and a checkpoint; then processes are killed


def launch(
    processes: int, max_restarts: int, arguments: Sequence[str], run: Run | None = None
) -> int:
    """Run `ganspec ARGUMENTS` in `processes` processes of this machine, by torchrun's launcher.

    If one fails or is lost, all are started again, at most `max_restarts` times. Signals are passed
    on to all of them. Return the exit status: 0 for success, else 2 or more, after a process has
    printed the error. Raises KeyboardInterrupt if a signal to the launcher or to one of them has
    ended them, and RunError if the first process was killed. `run` is the run that they train, None
    if they do something else.
    """
    # by default, torch would use all cores in each process
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, torch.get_num_threads() // processes)))
    logging.disable(logging.CRITICAL)  # hides the launcher's own messages
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=max_restarts,
        **stop_settings(),
    )
    with TemporaryDirectory() as folder:
        stopped = Path(folder) / "stopped"
        os.environ[STOPPED] = str(stopped)
        try:
            elastic_launch(config, sys.executable)("-m", "ganspec", *arguments)
        except SignalException as end:
            raise KeyboardInterrupt from end
        except ChildFailedError as error:
            rank, failure = error.get_first_failure()
            if rank == 0 and failure.exitcode < 0:
                message = f"the first process was killed by {failure.signal_name()}"
                raise RunError(with_remedy(message, run)) from None
            return max(failure.exitcode, 2)
        finally:
            del os.environ[STOPPED]
        if stopped.exists():
            raise KeyboardInterrupt
    return 0


def stop_settings() -> dict[str, Any]:
    """Return the settings of LaunchConfig for signals, without those that an older torch lacks."""
    settings = {"signals_to_handle": SIGNALS, "shutdown_timeout": LAST_STEP_SECONDS}
    known = {field.name for field in fields(LaunchConfig)}
    return {name: value for name, value in settings.items() if name in known}
