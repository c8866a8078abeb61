"""The pace of a training."""

from __future__ import annotations

import time
from collections import deque
from statistics import median

from ganspec.systems.training import Training

FIRST = 5  # steps that warm up: caches, allocators, kernels
KEPT = 1000  # newest durations, whose median is the pace


class Pace:
    """Durations of training steps, each from the end of the step before.

    On a GPU the transfer of losses waits for all steps since the last transfer, so a duration is
    the mean of those steps.
    """

    def __init__(self, training: Training):
        self.training, self.begun = training, training.step
        self.seconds: deque[float] = deque(maxlen=KEPT)
        self.started, self.counted = time.perf_counter(), training.step

    def begin(self) -> None:
        """Start the clock before a step, unless it runs through several on a GPU."""
        if self.training.device.type == "cpu":
            self.restart()

    def restart(self) -> None:
        """Leave out the time since the last duration, in which there was no step."""
        self.started, self.counted = time.perf_counter(), self.training.step

    def end(self, waited: bool) -> None:
        """Note the steps since the clock was started; `waited` is True if the device is idle."""
        if self.training.device.type != "cpu" and not waited:
            return
        count = self.training.step - self.counted
        if count and self.counted >= self.begun + FIRST:
            self.seconds.append((time.perf_counter() - self.started) / count)
        self.restart()

    def figures(self) -> dict[str, float]:
        """Return the median `step_seconds` and `images_per_second`; none in the first steps."""
        if not self.seconds:
            return {}
        step = median(self.seconds)
        images = self.training.images_per_step / step
        return {"step_seconds": float(f"{step:.4g}"), "images_per_second": float(f"{images:.4g}")}
