"""The end of a training, on which all its processes agree."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from ganspec.systems.ranks import Ranks
from ganspec.training.stop import Stop, write_line


@dataclass
class Limits:
    """The end of a training: the step `last`, a request to stop, or `minutes` after `start`.

    `minutes` is None for no limit on the time. All `ranks` end after the same step. `asked` is True
    once all ranks know of a request to stop, to whichever of them it came. With `announces`, this
    rank then prints a message. `deadline` is the end of the minutes, by `time.monotonic`.
    """

    last: int
    stop: Stop
    minutes: float | None = None
    ranks: Ranks = field(default_factory=Ranks)
    deadline: float = math.inf
    asked: bool = False
    announces: bool = False

    @property
    def is_asked(self) -> bool:
        """True if this rank knows of a request to stop; other ranks may not know of it yet."""
        return self.asked or self.stop.asked

    def start(self) -> None:
        """Begin to count the minutes. Call this right before the first step, after all imports."""
        if self.minutes is not None:
            self.deadline = time.monotonic() + 60 * self.minutes

    def reached(self, step: int) -> bool:
        """Return True if the training ends after `step`. Set `asked`. All ranks must call this."""
        late = time.monotonic() > self.deadline
        before = self.asked
        self.asked, late = self.ranks.any(self.stop.asked, late)
        if self.announces and self.asked and not before:
            write_line("a signal came: stopping after this step, with a checkpoint")
        return step >= self.last or self.asked or late
