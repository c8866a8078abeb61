"""The speed of a training: seconds per step and images per second."""

from __future__ import annotations

import time
from collections import deque
from statistics import median

from ganspec.systems.training import Training

FIRST = 5  # number of first steps that are not timed: caches, allocators and kernels warm up
KEPT = 1000  # the pace is the median of so many newest durations


class Pace:
    """Durations of training steps in seconds.

    On a CPU each step is timed. On other devices Python waits for the steps only when it reads
    their losses, so a duration is the mean over the steps since the last time.
    """

    def __init__(self, training: Training):
        self.training, self.first = training, training.step
        self.seconds: deque[float] = deque(maxlen=KEPT)
        self.started, self.counted = time.perf_counter(), training.step

    def begin(self) -> None:
        """On a CPU, start the clock before a step. On other devices, do nothing."""
        if self.training.device.type == "cpu":
            self.restart()

    def restart(self) -> None:
        """Start the clock anew, so that time spent between steps does not count."""
        self.started, self.counted = time.perf_counter(), self.training.step

    def end(self, waited: bool) -> None:
        """Record the time per step since the clock started, and start it anew.

        The FIRST steps are not recorded. On devices other than a CPU, nothing is done unless
        `waited` says that Python has waited for all steps.
        """
        if self.training.device.type != "cpu" and not waited:
            return
        count = self.training.step - self.counted
        if count and self.counted >= self.first + FIRST:
            self.seconds.append((time.perf_counter() - self.started) / count)
        self.restart()

    def figures(self) -> dict[str, float]:
        """Return the median `step_seconds` and `images_per_second`; {} if no step was timed yet."""
        if not self.seconds:
            return {}
        step = median(self.seconds)
        images = self.training.images_per_step / step
        return {"step_seconds": float(f"{step:.4g}"), "images_per_second": float(f"{images:.4g}")}
