"""Steps that a CUDA graph replays equal other steps; here, a GPU is imitated on the CPU.

The imitation keeps what a CUDA graph keeps: the tensors, not what Python computes. Tests on a GPU
are in test_gpu.py.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext

import pytest
import torch
from small_gans import GREY

import ganspec
from ganspec.language.load import loads
from ganspec.training import graphs
from ganspec.training.graphs import Recorder


class PretendedGraph:
    """Plays a step by making it, with the tensors of the recording."""

    def replay(self):
        recording = self.recording
        training, batches = recording.training, recording.batches
        step, average, training.average = training.step, training.average, None
        before = [(each, each.steps) for each in recording.counted]
        for each in recording.counted:
            each.optimizer.step = each._step
        batches.position = 0
        with graphs._drawing_from(training, batches):
            log = training.advance()
        recording.losses.copy_(torch.stack([value.float() for value in log.values()]))
        training.step, training.average = step, average
        for each, each.steps in before:
            del each.optimizer.step


class PretendedStream:
    def wait_stream(self, stream):
        pass


@pytest.fixture
def gpu(monkeypatch):
    """Replace what a recording calls in `torch.cuda` by imitations on the CPU."""
    recorded = graphs.Recording.__init__

    def record(recording, training, batches):
        recorded(recording, training, batches)
        recording.graph.recording = recording

    @contextmanager
    def record_only(graph, capture_error_mode):
        saved = graphs.Saved(record_only.training)  # a recording computes nothing
        yield
        saved.restore()

    def remember(self, training):
        init(self, training)
        record_only.training = training

    init = Recorder.__init__
    monkeypatch.setattr(Recorder, "__init__", remember)
    monkeypatch.setattr(graphs.Recording, "__init__", record)
    for name, value in {
        "CUDAGraph": PretendedGraph,
        "default_generators": (torch.default_generator,),
        "Stream": PretendedStream,
        "current_stream": PretendedStream,
        "stream": lambda stream: nullcontext(),
        "graph": record_only,
        "get_rng_state": lambda device: torch.get_rng_state(),
        "set_rng_state": lambda state, device: None,
        "get_sync_debug_mode": lambda: 0,
        "set_sync_debug_mode": lambda mode: None,
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)


ODD = GREY.replace("batch: 16, keep: 1", "batch: 20, last_batch: keep, warmup: 2")
# a large `eps`, without which its errors would not show
TENSORFLOW = GREY.replace("name: grey", "name: grey\nframework: tensorflow").replace(
    "lr: 0.02", "lr: 0.02, eps: 0.1"
)
SYSTEMS = {
    "average": GREY,
    "odd batches": ODD,
    "eps depends on the step": TENSORFLOW.replace(
        "batch: 16", "batch: 20, last_batch: keep, steps: {generator: 3}"
    ),
    "momentum": GREY.replace("adam: {lr: 0.02}", "sgd: {lr: 0.02, momentum: 0.5}"),
    "five of the critic": GREY.replace("batch: 16", "batch: 16, steps: {discriminator: 5}"),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_playing_equals_making(gpu, name):
    made, played = (ganspec.Trainer(loads(SYSTEMS[name]), device="cpu") for _ in range(2))
    replay = played.training.replay = Recorder(played.training)
    # a device rounds `eps` in another way
    bounds = {"rtol": 1e-4, "atol": 1e-5} if "eps" in name else {"rtol": 0, "atol": 0}
    losses, states = [], []
    for trainer in (made, played):
        torch.manual_seed(3)  # both draw from torch's own generator
        losses.append([trainer.step() for _ in range(7)])
        states.append(trainer.training.state())
    assert replay.works
    assert replay.recordings
    torch.testing.assert_close(*losses, **bounds)
    for key in ("networks", "average", "optimizers"):
        torch.testing.assert_close(*(state.get(key, {}) for state in states), **bounds)
    assert states[0]["batches"].keys() == states[1]["batches"].keys()


def test_a_step_that_cannot_be_recorded_is_made(gpu, monkeypatch):
    def fail(*arguments):
        raise RuntimeError("operation not permitted when stream is capturing")

    made, played = (ganspec.Trainer(loads(GREY), device="cpu") for _ in range(2))
    replay = played.training.replay = Recorder(played.training)
    monkeypatch.setattr(graphs, "Recording", fail)
    torch.manual_seed(3)
    wanted = [made.step() for _ in range(4)]
    torch.manual_seed(3)
    with pytest.warns(UserWarning, match="cannot be recorded as graphs .operation not permitted"):
        assert [played.step() for _ in range(4)] == wanted
    assert not replay.works


def test_rules_that_read_losses_are_not_recorded():
    spec = loads(GREY.replace("batch: 16", 'batch: 16, skip: {generator: "g_loss < d_loss"}'))
    with pytest.warns(UserWarning, match="as graphs .rules in `skip` read losses"):
        assert not Recorder(ganspec.Trainer(spec, device="cpu").training).works


def test_an_optimizer_of_a_user_is_not_recorded():
    class Counting(torch.optim.SGD):
        pass

    training = ganspec.Trainer(loads(GREY), device="cpu").training
    key, own = next(iter(training.optimizers.items()))
    training.optimizers[key] = Counting(own.param_groups)
    with pytest.warns(UserWarning, match="a graph runs no Python, which Counting may need"):
        assert not Recorder(training).works
