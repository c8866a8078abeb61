"""Find layers that fail on batches of some size, such as a batch norm on a single vector."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ganspec.language.errors import Diagnostic, GanspecError
from ganspec.program.ir import Net, Origin, Step
from ganspec.program.probe import is_foreign
from ganspec.program.trial import ONE_VALUE, reason_against
from ganspec.systems.passes import BatchFix, Pass, TrainingSize, split_passes
from ganspec.systems.spec import Spec


class BatchSizeError(GanspecError, ValueError):
    """Raised for a layer that fails on a batch's size, such as a batch norm on a single vector."""


@dataclass(frozen=True)
class Refusal:
    """A batch that `step`, a layer of its network, cannot read for `reason`."""

    batch: Pass
    step: Step
    reason: str

    @property
    def help(self) -> str:
        """The help of the error: settings to change, or other ways to get another batch."""
        call = self.step.call
        fixed = not self.batch.training and call.kwargs.get("track_running_stats") is False
        first = ("statistics: running",) if fixed else ()
        # a layer from outside torch and ganspec may refuse another size, too, such as an odd one
        return self.batch.fix.help(certain=not is_foreign(call), first=first)

    def diagnostic(self) -> Diagnostic:
        """Return the refusal as an error at the layer's place."""
        message = self._message("")
        return Diagnostic(
            "batch-mismatch", message, self.step.origin.mark, (self.reason,), self.help
        )

    def line(self) -> str:
        """Return the refusal in one line, with the layer's place."""
        mark = self.step.origin.mark
        return f"{self._message(f' at {mark}' if mark else '')}: {self.reason}; {self.help}"

    def _message(self, place: str) -> str:
        layer = f"the {self.batch.network}'s {self.step.origin.kind}{place}"
        return f"{self.batch.source}, which {layer} cannot read"


def single_vector(origin: Origin) -> BatchSizeError:
    """Return the error for a layer that normalizes over the batch but got a batch of one vector."""
    place = f", {origin.mark}," if origin.mark else ""
    return BatchSizeError(
        f"{origin.path} ({origin.kind}){place} cannot normalize a single vector: use batches of "
        "two or more"
    )


def require_readable(spec: Spec, nets: dict[str, Net], size: TrainingSize) -> None:
    """Raise BatchSizeError if a layer cannot read a batch of the spec's training.

    `size` has the training's numbers of images and steps.
    """
    _raise_first(refused(nets, spec.passes(spec.settings(nets), size)))


def require_scorable(key: str, net: Net, images: int, batch: int) -> None:
    """Raise BatchSizeError if a layer of `net` cannot read a batch of the images to be scored.

    `net`, the network `key` of a spec, reads `images` images in batches of `batch`, in evaluation
    mode.
    """
    passes = split_passes([key], batch, images, "scored image")
    fix = BatchFix(otherwise=f"score {images - images % batch or batch} images")
    _raise_first(refused({key: net}, (replace(each, fix=fix) for each in passes)))


def _raise_first(refusals: Iterable[Refusal]) -> None:
    """Raise a BatchSizeError of one line for the first of `refusals`; do nothing if it is empty."""
    for refusal in refusals:
        raise BatchSizeError(refusal.line())


def check_batches(spec: Spec, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """Yield errors for layers that cannot read a batch of the spec's training.

    Files of data sets are not read. If only they tell the number of images, the last batch of an
    epoch, whose size depends on this number, is not checked.
    """
    cfg, dataset = spec.settings(nets), spec.data.dataset
    images = dataset.image_count()
    test = images if spec.reads_test and dataset.test_reader() is not None else None
    steps = spec.train.length(cfg, images) if images else 0
    refusals = refused(nets, spec.passes(cfg, TrainingSize(images, test, None, steps)))
    yield from (refusal.diagnostic() for refusal in refusals)


def refused(nets: dict[str, Net], passes: Iterable[Pass]) -> Iterator[Refusal]:
    """Yield one refusal for each `source` of `passes` with a batch that some layer cannot read.

    The refusal is about the first such batch, and the first layer that cannot read it.
    """
    refusals: dict[tuple[str, int, bool], tuple[Step, str] | None] = {}
    reported: set[str] = set()
    passes = list(passes)
    sizes = {each.images for each in passes}
    for each in passes:
        key = (each.network, each.images, each.training)
        if key not in refusals:
            refusals[key] = _first_refusing(nets[each.network], each.images, each.training, sizes)
        if (refusal := refusals[key]) and each.source not in reported:
            reported.add(each.source)
            yield Refusal(each, *refusal)


def _first_refusing(
    net: Net, images: int, training: bool, sizes: set[int]
) -> tuple[Step, str] | None:
    """Return the first step that cannot read a batch of `images`, and why; None if all can.

    `sizes` are those of all batches.
    """
    for step in net.leaves():
        inputs = [net.values[i] for i in step.inputs]
        if reason := reason_against(step, inputs, images, training, sizes):
            if ONE_VALUE in reason:
                reason = "each channel would have a single value, which has no variance"
            return step, reason
    return None
