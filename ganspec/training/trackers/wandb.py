"""Weights & Biases: offline, unless $WANDB_MODE says otherwise."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import wandb

from ganspec.runs.run import Run


def start(run: Run, settings: dict[str, object], id: str | None, step: int) -> WandbRun:
    """Begin a run of wandb if `id` is None, else go on with the run `id`. Return its tracker."""
    tracked = wandb.init(
        project=os.environ.get("WANDB_PROJECT", "ganspec"),
        name=run.folder.name,
        id=id or uuid.uuid4().hex[:8],
        dir=os.environ.get("WANDB_DIR"),
        resume="allow",
        mode=None if "WANDB_MODE" in os.environ else "offline",
        config=settings,
        settings=wandb.Settings(silent=True, console="off"),  # leave standard output alone
    )
    # an axis of training steps, since wandb's own steps count calls and may not go back
    tracked.define_metric("step", hidden=True)
    tracked.define_metric("*", step_metric="step")
    return WandbRun(tracked)


class WandbRun:
    """A tracker that logs to wandb."""

    def __init__(self, tracked: wandb.Run):
        self.tracked, self.id = tracked, tracked.id

    def log(self, rows: list[tuple[int, dict[str, float]]]) -> None:
        for step, values in rows:
            self.tracked.log({"step": step, **values})

    def picture(self, step: int, path: Path) -> None:
        self.tracked.log({"step": step, "samples": wandb.Image(str(path))})

    def flush(self) -> None:
        pass  # a process of wandb writes what is logged

    def close(self) -> None:
        self.tracked.finish()
