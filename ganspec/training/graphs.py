"""Training steps that a GPU records as CUDA graphs and plays again.

A step of a small network is a few thousand kernels, each of which takes longer to start than to
run. A graph starts them all at once. It repeats them on the same tensors, so batches are copied
into the tensors of the recorded step. No Python runs, so all that a step decides in Python must be
equal in all steps of a phase. `Training.phase` names the phases; each has a graph of its own.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import optim

from ganspec.kinds.optimizers.adam import AdamEpsHat
from ganspec.language.errors import one_line
from ganspec.systems.batches import pick_images
from ganspec.systems.checkpoint import random_states, restore_random
from ganspec.systems.feed import Feed
from ganspec.systems.scaling import tensors_of
from ganspec.systems.training import Training
from ganspec.training.counted import Counted

PRACTICE = 2  # steps made and undone before a recording, in which libraries allocate memory


class Recorder:
    """Makes the steps of a training by recording one step of each phase and playing it again.

    A step on a batch that is smaller than the recorded one is made as usual. If a step cannot be
    recorded, `works` is False, a warning gives the reason, and all later steps are made as usual.
    """

    def __init__(self, training: Training):
        self.training = training
        self.works = True
        self.recordings: dict[str, Recording] = {}
        optimizers = training.optimizers.values()
        foreign = sorted({type(each).__name__ for each in optimizers if not is_recordable(each)})
        if not training.is_steady:
            self._give_up("rules in `skip` read losses")
        elif foreign:
            self._give_up(f"a graph runs no Python, which {', '.join(foreign)} may need")

    def __call__(self) -> dict[str, torch.Tensor]:
        """Make one training step. Return its losses by name, on the device."""
        training, phase = self.training, self.training.phase()
        if not self.works:
            return training.advance()
        recording = self.recordings.get(phase)
        if recording is None:
            return self._record(phase)
        if not training.batches.fills(len(recording.batches.drawn)):
            return training.advance()
        recording.batches.refill()
        return recording.play()

    def _give_up(self, reason: str) -> None:
        self.works = False
        message = f"this training's steps cannot be recorded as graphs ({reason})"
        warnings.warn(f"{message}: they are made one by one", stacklevel=5)

    def forget(self) -> None:
        """Drop the recordings, which read and write tensors that the training no longer uses."""
        self.recordings.clear()

    def _record(self, phase: str) -> dict[str, torch.Tensor]:
        """Make one step. Return its losses by name.

        If the step can be recorded, and its batches are full, keep the recording for later steps.
        """
        training, batches = self.training, KeptBatches(self.training.batches)
        recording = None
        try:
            with _drawing_from(training, batches), warnings.catch_warnings():
                # torch warns that `_practise` uses another stream, but the two wait for each other
                warnings.filterwarnings("ignore", "The AccumulateGrad node")
                if _practise(training, batches):
                    recording = Recording(training, batches)
        except Exception as error:  # noqa: BLE001  (anything that torch cannot record)
            self._give_up(one_line(error)[:200])
        if recording is not None and batches.are_full:
            self.recordings[phase] = recording
            return recording.play()
        batches.position = 0
        with _drawing_from(training, batches):
            return training.advance()


class KeptBatches:
    """Batches that are drawn from a feed and kept, so that steps can read them several times.

    `next` returns the batch at `position`, and draws it first if it is not kept yet. Set `position`
    to 0 to get the first batch again. Batches are kept as `Feed.draw` returns them.
    """

    def __init__(self, feed: Feed):
        self.feed, self.position = feed, 0
        self.drawn: list[tuple[torch.Tensor, torch.Tensor | None]] = []

    @property
    def are_full(self) -> bool:
        """True if all kept batches have the spec's batch size. An epoch's last may be smaller."""
        return all(len(images) == self.feed.cfg.batch for images, _ in self.drawn)

    def __next__(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        if self.position == len(self.drawn):
            self.drawn.append(self.feed.draw())
        images, labels = self.drawn[self.position]
        self.position += 1
        return pick_images(images, ..., self.feed.cfg), labels

    def refill(self) -> None:
        """Draw as many batches again from the feed, and write them into the kept tensors."""
        for kept in self.drawn:
            for old, new in zip(kept, self.feed.draw(), strict=True):
                if old is not None and new is not None:
                    old.copy_(new, non_blocking=True)


class Recording:
    """One training step that a GPU has recorded, with the tensors that it reads and writes."""

    def __init__(self, training: Training, batches: KeptBatches):
        self.training, self.batches = training, batches
        self.counted = [Counted(o) for o in training.optimizers.values() if type(o) is AdamEpsHat]
        step, random = training.step, random_states(training.device)
        batches.position = 0
        self.graph = torch.cuda.CUDAGraph()
        # not recorded: `follow` moves the average, as its decay depends on the step
        average, training.average = training.average, None
        generator = torch.cuda.default_generators[training.device.index or 0]
        unused = generator.clone_state()
        try:
            # so that the thread that pins the workers' batches may call CUDA during the recording
            with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
                log = training.advance()
                self.losses = torch.stack([value.float() for value in log.values()])
        except Exception:
            # the failed recording left the random generator in a state that cannot be used
            generator.graphsafe_set_state(unused)
            raise
        finally:
            training.average, training.step = average, step
            for each in self.counted:
                each.end()
        restore_random(random, training.device)
        self.names = list(log)

    def play(self) -> dict[str, torch.Tensor]:
        """Make one step by the recording, on the kept batches. Return its losses by name."""
        self.graph.replay()
        for each in self.counted:
            each.advance()
        self.training.step += 1
        self.training.follow()
        return dict(zip(self.names, self.losses.clone().unbind(), strict=True))


@contextmanager
def _drawing_from(training: Training, batches: KeptBatches) -> Iterator[None]:
    """Within the block, let the steps of a training read `batches` in place of its feed."""
    feed = training.batches
    training.batches = batches  # type: ignore[assignment]  # steps use only `next` of a feed
    try:
        yield
    finally:
        training.batches = feed


def _practise(training: Training, batches: KeptBatches) -> bool:
    """Make PRACTICE steps, and undo them. Return False if the step cannot be recorded yet.

    That is so if these steps gave an optimizer its first state for a weight, which a recording
    would make anew each time. Raises RuntimeError if a step after the first waits for the GPU,
    which cannot be recorded, and any error of a step.
    """
    before = Saved(training)
    average, training.average = training.average, None
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    try:
        with torch.cuda.stream(stream):
            for i in range(PRACTICE):
                training.step, batches.position = before.step, 0
                with _waiting_refused(i > 0):
                    training.advance()
    finally:
        torch.cuda.current_stream().wait_stream(stream)
        training.average = average
        is_complete = before.restore()
    gc.collect()
    return is_complete


@contextmanager
def _waiting_refused(refused: bool) -> Iterator[None]:
    """Within the block, if `refused` is True, raise RuntimeError where Python waits for a GPU."""
    mode = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(action="ignore"):  # torch warns that it overlooks some waits
        torch.cuda.set_sync_debug_mode("error" if refused else mode)
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(mode)


class Saved:
    """A copy of what a step changes: weights, buffers, optimizers, loss scale, random states.

    Gradients, averaged weights and the feed are not in it.
    """

    def __init__(self, training: Training):
        self.training, self.step = training, training.step
        self.random = random_states(training.device)
        self.tensors = [(tensor, tensor.clone()) for tensor in _tensors(training)]
        optimizers = list(training.optimizers.values())
        self.known = [(each, set(each.state)) for each in optimizers]
        self.groups = [
            (group, {k: v for k, v in group.items() if k != "params"})
            for each in optimizers
            for group in each.param_groups
        ]

    def restore(self) -> bool:
        """Write the copy back into the training.

        Return False if an optimizer got its first state for a weight after the copy.
        """
        with torch.no_grad():
            for tensor, value in self.tensors:
                tensor.copy_(value)
        for group, settings in self.groups:
            for key in group.keys() - settings.keys() - {"params"}:
                del group[key]
            group.update(settings)
        is_complete = True
        for optimizer, known in self.known:
            for weight in set(optimizer.state) - known:
                del optimizer.state[weight]
                is_complete = False
        self.training.step = self.step
        restore_random(self.random, self.training.device)
        return is_complete


def _tensors(training: Training) -> list[torch.Tensor]:
    """Return the tensors that a step changes, of networks, optimizers and the scaler."""
    tensors = [t for n in training.networks.values() for t in [*n.parameters(), *n.buffers()]]
    for optimizer in training.optimizers.values():
        tensors += tensors_of(optimizer)
    if training.scaler:
        tensors += training.scaler.state().values()
    return list({id(tensor): tensor for tensor in tensors}.values())


def is_recordable(optimizer: optim.Optimizer) -> bool:
    """Return True if `optimizer` is of torch or ganspec.

    A user's own optimizer may count steps in Python, which does not run when a graph is played.
    """
    return type(optimizer).__module__.startswith(("torch.", "ganspec."))
