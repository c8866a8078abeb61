"""Signals at any moment of a training: a checkpoint, a message that says how to go on."""

from __future__ import annotations

import faulthandler
import os
import re
import signal
import sys
import threading
import time
from collections import Counter

import pytest
import stops
import torch
from conftest import assert_same_weights
from stops import CLASSIFIER, GAN, SIGNALS, ForkedCommand

import ganspec
from ganspec.evaluation import periodic, reference
from ganspec.language.load import loads
from ganspec.runs.run import Run
from ganspec.runs.score_file import read_scores
from ganspec.systems import checkpoint
from ganspec.systems.ranks import Ranks
from ganspec.training import stop

PLAIN = re.sub("evaluate.*\n", "", GAN).replace("EPOCHS", "1000")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "CACHE", tmp_path / "references")


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Return a spec whose scores are measured every two epochs of six."""
    judge = tmp_path_factory.mktemp("judge")
    ganspec.train(loads(CLASSIFIER), judge, steps=40)
    text = GAN.replace("EXTRACTOR", str(judge)).replace("EPOCHS", "6")
    return loads(text.replace("every: 20", "every: 2"))


def send(*numbers):
    for number in numbers:
        signal.raise_signal(number)


def at_step(step, *numbers):
    """Return a `progress` that sends signals once, at `step` or soon after."""
    waiting = list(numbers)

    def progress(now, last, losses):
        if now >= step:
            send(*waiting)
            waiting.clear()

    return progress


def often(monkeypatch):
    """Let every step be written, and `progress` be called for each."""
    monkeypatch.setattr("ganspec.training.loop.FLUSH_STEPS", 1)
    monkeypatch.setattr("ganspec.training.session.CALL_SECONDS", 0.0)


def assert_same_run(run, spec, folder):
    """Compare a run with an uninterrupted one of equal length."""
    whole = ganspec.train(spec, folder, steps=run.step)
    assert not stops.differences(whole, run)


@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_ends_with_a_checkpoint_that_resumes(tmp_path, monkeypatch, number):
    often(monkeypatch)
    spec, folder = loads(PLAIN), tmp_path / "run"
    run = ganspec.train(spec, folder, progress=at_step(6, number))
    assert (run.interrupted, run.step) == (True, 6)
    assert checkpoint.load(run.checkpoint_path)["step"] == 6 == len(run.rows())
    run = ganspec.train(spec, folder, steps=13, resume=True)
    whole = ganspec.train(spec, tmp_path / "whole", steps=13)
    a, b = (checkpoint.load(each.checkpoint_path)["networks"] for each in (run, whole))
    for key in a:
        assert_same_weights(a[key], b[key])
    assert run.log_path.read_bytes() == whole.log_path.read_bytes()


def test_the_users_handlers_come_back(tmp_path):
    """Also those that Python did not install, and so could not restore."""
    seen = Counter()
    mine = {number: signal.signal(number, lambda n, _: seen.update([n])) for number in SIGNALS[1:]}
    faulthandler.register(signal.SIGUSR1, file=open(os.devnull, "w"), chain=False)  # noqa: SIM115
    try:
        before = {number: signal.getsignal(number) for number in SIGNALS}
        ganspec.train(loads(PLAIN), tmp_path / "run", steps=3)
        assert {number: signal.getsignal(number) for number in SIGNALS} == before
        run = ganspec.train(
            loads(PLAIN), tmp_path / "b", steps=400, progress=at_step(1, signal.SIGTERM)
        )
        assert run.interrupted and not seen
        send(signal.SIGTERM, signal.SIGHUP)
        assert seen == {signal.SIGTERM: 1, signal.SIGHUP: 1}
    finally:
        faulthandler.unregister(signal.SIGUSR1)
        for number, handler in mine.items():
            signal.signal(number, handler)


def test_other_threads_and_trainers_leave_signals_alone(tmp_path):
    before = {number: signal.getsignal(number) for number in SIGNALS}
    during = []

    def work():
        ganspec.train(
            loads(PLAIN),
            tmp_path / "run",
            steps=3,
            progress=lambda *_: during.append({n: signal.getsignal(n) for n in SIGNALS}),
        )

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert during and all(handlers == before for handlers in during)
    ganspec.Trainer(loads(PLAIN)).step()
    assert {number: signal.getsignal(number) for number in SIGNALS} == before


def test_nohup_is_heeded():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop.Stop(quiet=True) as request:
            send(signal.SIGHUP)
            assert not request.asked
            assert signal.getsignal(signal.SIGTERM) == request.receive
    finally:
        signal.signal(signal.SIGHUP, before)


def test_only_a_second_ctrl_c_ends_at_once(tmp_path, monkeypatch, capfd):
    often(monkeypatch)
    spec, repeated = loads(PLAIN), [signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGTERM]
    run = ganspec.train(spec, tmp_path / "run", progress=at_step(3, *repeated))
    assert (run.interrupted, run.step) == (True, 3)
    monkeypatch.setattr(stop, "AGAIN", 0.0)
    run = ganspec.train(
        spec, run.folder, resume=True, progress=at_step(5, signal.SIGTERM, signal.SIGHUP)
    )
    assert run.interrupted
    with pytest.raises(KeyboardInterrupt):
        ganspec.train(
            spec, run.folder, resume=True, progress=at_step(9, signal.SIGTERM, signal.SIGINT)
        )
    assert checkpoint.load(run.checkpoint_path)["step"] == 5
    assert_same_run(ganspec.train(spec, run.folder, steps=12, resume=True), spec, tmp_path / "b")


def test_a_signal_while_a_checkpoint_is_written(tmp_path, monkeypatch):
    spec, written = loads(PLAIN), torch.save

    def interrupted(state, file):
        if "optimizers" in state:
            send(signal.SIGTERM)
        written(state, file)

    monkeypatch.setattr("ganspec.training.loop.EPOCH_SECONDS", 0.0)
    monkeypatch.setattr(torch, "save", interrupted)
    run = ganspec.train(spec, tmp_path / "run")
    assert (run.interrupted, run.step) == (True, 4)
    monkeypatch.undo()
    assert_same_run(ganspec.train(spec, run.folder, steps=12, resume=True), spec, tmp_path / "b")


@pytest.mark.parametrize("nth", [1, 2, 3], ids=["first", "second", "last"])
def test_a_signal_ends_scores_and_the_resumed_run_measures_them(scored, tmp_path, monkeypatch, nth):
    passes, show = Counter(), periodic.Periodic.show

    def interrupted(self, title, done, total):
        passes.update([title])
        if title.startswith("generated") and passes[title] == nth:
            send(signal.SIGTERM)
        show(self, title, done, total)

    monkeypatch.setattr(periodic.Periodic, "show", interrupted)
    run = ganspec.train(scored, tmp_path / "run")
    assert (run.interrupted, run.step) == (True, 8 * nth)
    assert len(read_scores(run.folder)) == nth - 1
    monkeypatch.undo()
    run = ganspec.train(scored, run.folder, resume=True)
    assert (run.interrupted, run.step) == (False, 24)
    assert_same_run(run, scored, tmp_path / "whole")
    assert len(read_scores(run.folder)) == 3


def test_a_signal_to_another_process_ends_scores_too(scored, tmp_path, monkeypatch):
    """The processes vote before the scores, since the first one cannot know of it otherwise."""
    often(monkeypatch)
    steps = []
    is_asked = lambda self, asked, late: (asked or steps[-1:] == [8], late)  # noqa: E731
    monkeypatch.setattr(Ranks, "any", is_asked)
    run = ganspec.train(scored, tmp_path / "run", progress=lambda step, *_: steps.append(step))
    assert (run.interrupted, run.step) == (True, 8) and not read_scores(run.folder)


def test_scores_that_a_kill_cut_off_from_their_snapshot_are_completed(scored, tmp_path):
    """The process died after it wrote the last scores, and before it kept the weights."""
    run = ganspec.train(scored, tmp_path / "run", steps=16)
    best = min(read_scores(run.folder), key=lambda row: row.value)
    run.snapshot_path(best.step).unlink()
    run = ganspec.train(scored, run.folder, resume=True)
    assert len(read_scores(run.folder)) == 3
    assert set(run.snapshots()) >= {best.step} if best.step == 16 else True


def until(is_reached, command):
    deadline = time.monotonic() + 60
    while not is_reached():
        assert time.monotonic() < deadline, command.text
        time.sleep(0.01)


def wait_for(path, command):
    until(path.exists, command)


def test_a_signal_while_images_are_read_changes_nothing(tmp_path, monkeypatch):
    def slow(*_):
        (tmp_path / "reading").touch()
        time.sleep(60)

    monkeypatch.setattr("ganspec.training.images.open_all", slow)
    (tmp_path / "small.yaml").write_text(PLAIN)
    for number in SIGNALS:
        command = ForkedCommand(
            ["train", str(tmp_path / "small.yaml"), "--out", str(tmp_path / "run")],
            tmp_path / "output.txt",
        )
        wait_for(tmp_path / "reading", command)
        os.kill(command.id, number)
        assert command.wait() == 130
        assert command.text == "\nstopped before the first step\n"
        assert not (tmp_path / "run").exists()
        (tmp_path / "reading").unlink()


def test_a_signal_while_a_run_begins_leaves_one_that_resumes(tmp_path, monkeypatch):
    spec, begin = loads(PLAIN), Run.begin

    def interrupted(self, *arguments):
        send(signal.SIGTERM)
        begin(self, *arguments)

    monkeypatch.setattr(Run, "begin", interrupted)
    run = ganspec.train(spec, tmp_path / "run")
    assert (run.interrupted, run.step) == (True, 0)
    monkeypatch.undo()
    assert_same_run(ganspec.train(spec, run.folder, steps=6, resume=True), spec, tmp_path / "b")


def test_the_message_says_how_to_go_on(tmp_path, monkeypatch):
    (tmp_path / "small.yaml").write_text(PLAIN)
    options = ["--steps", "100000", "--device", "cpu", "--quiet", "--set", "train.seed=3"]
    command = ForkedCommand(
        ["train", str(tmp_path / "small.yaml"), "--out", str(tmp_path / "a run"), *options],
        tmp_path / "output.txt",
    )
    wait_for(tmp_path / "a run" / "log.jsonl", command)
    os.kill(command.id, signal.SIGUSR1)
    assert command.wait() == 130
    step = checkpoint.load(tmp_path / "a run" / "checkpoint.pt")["step"]
    again = (
        f"ganspec train '{tmp_path}/a run/spec.yaml' --out '{tmp_path}/a run' --resume "
        "--device cpu --steps 100000 --quiet"
    )
    assert command.text == f"stopped at step {step}; go on with: {again}\n"


def test_a_second_ctrl_c_says_how_to_go_on(tmp_path, monkeypatch):
    def endless(self):
        (tmp_path / "training").touch()
        while True:
            time.sleep(0.01)

    monkeypatch.setattr("ganspec.systems.gan.training.GanTraining.advance", endless)
    monkeypatch.setattr(stop, "AGAIN", 0.0)
    (tmp_path / "small.yaml").write_text(PLAIN)
    arguments = ["train", str(tmp_path / "small.yaml"), "--out", str(tmp_path / "run")]
    command = ForkedCommand(arguments, tmp_path / "output.txt")
    wait_for(tmp_path / "training", command)
    first = "\nSIGINT: stopping after this step, with a checkpoint; Ctrl-C again ends at once\n"
    os.kill(command.id, signal.SIGINT)
    until(lambda: command.text == first, command)  # two signals at once would be one
    os.kill(command.id, signal.SIGINT)
    assert command.wait() == 130
    second = "stopped at once, before the first checkpoint; begin again with --overwrite\n"
    assert command.text == first + second


@pytest.mark.parametrize(("number", "restarts"), [(signal.SIGTERM, 1), (signal.SIGINT, 0)])
def test_a_training_that_is_started_again_is_not_called_stopped(monkeypatch, number, restarts):
    """torchrun ends the other processes by SIGTERM when one is lost; a Ctrl-C ends all."""
    said: list[str] = []
    monkeypatch.setattr(stop, "write_line", said.append)
    monkeypatch.setattr(stop.os, "_exit", sys.exit)
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "1")
    for count in (0, 1):
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", str(count))
        with pytest.raises(SystemExit, match="130"):
            stop.Stop(begun=False).receive(number, None)
    assert said == ["stopped before the first step"] * (2 - restarts)


@pytest.mark.slow
def test_runs_that_are_stopped_at_random_equal_uninterrupted_ones(tmp_path):
    count = int(os.environ.get("GANSPEC_STOPS", "10"))
    stops.compare_runs(tmp_path, count, epochs=200, longest=3.0, seed=count)
