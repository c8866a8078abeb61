"""Progress: bars, lines and calls, of commands and from Python."""

from __future__ import annotations

import re
import sys

import pytest
from stops import GAN
from typer.testing import CliRunner

import ganspec
from ganspec import progress
from ganspec.cli import app
from ganspec.language.load import loads
from ganspec.progress import Passes, Progress, say

PLAIN = re.sub("evaluate.*\n", "", GAN).replace("EPOCHS", "1000")
LINE = re.compile(
    r"small: [\d,]+ of \d+ steps, d_loss [\d.e-]+, g_loss [\d.e-]+(, [\d.]+ steps/s, .+ left)?\n"
)


@pytest.fixture
def eager(monkeypatch):
    """Let a line of progress be written at each call."""
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    monkeypatch.setattr("ganspec.training.session.CALL_SECONDS", 0.0)


@pytest.fixture
def clock(monkeypatch):
    """Return a list with one number, which progress takes for the time in seconds."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_short_epochs_do_not_silence_progress(tmp_path, monkeypatch):
    """The log is written every 50 steps, whatever epochs' ends write meanwhile."""
    monkeypatch.setattr("ganspec.training.session.CALL_SECONDS", 0.0)
    for pictures in (1, 1000):
        calls = []
        spec = loads(PLAIN.replace("pictures: 9", f"pictures: {pictures}, iterations: 3"))
        ganspec.train(
            spec,
            tmp_path / str(pictures),
            steps=300,
            progress=lambda step, last, losses, calls=calls: calls.append((step, last, losses)),
        )
        steps = [step for step, _, _ in calls]
        assert max(b - a for a, b in zip([0, *steps], steps, strict=False)) <= 50
        assert steps[-1] == 300 and steps == sorted(set(steps))
        assert all(last == 300 and losses["step"] == step for step, last, losses in calls)


def test_calls_are_a_few_a_second_and_the_last(tmp_path, monkeypatch):
    monkeypatch.setattr("ganspec.training.session.CALL_SECONDS", 1e9)
    monkeypatch.setattr("ganspec.training.loop.FLUSH_STEPS", 1)
    calls = []
    ganspec.train(
        loads(PLAIN), tmp_path / "run", steps=9, progress=lambda *call: calls.append(call[0])
    )
    assert calls == [1, 9]


def test_python_and_the_command_print_lines(tmp_path, eager, capfd):
    spec = loads(PLAIN)
    ganspec.train(spec, tmp_path / "a", steps=120)
    assert re.fullmatch(f"({LINE.pattern})+", capfd.readouterr().err)
    for silent in (False, None):
        ganspec.train(spec, tmp_path / str(silent), steps=120, progress=silent)
    assert capfd.readouterr() == ("", "")
    (tmp_path / "small.yaml").write_text(PLAIN)
    words = ["train", str(tmp_path / "small.yaml"), "--steps", "120", "--out"]
    told = CliRunner().invoke(app, [*words, str(tmp_path / "b")])
    assert re.fullmatch(f"({LINE.pattern})+", told.stderr)
    quiet = CliRunner().invoke(app, [*words, str(tmp_path / "c"), "--quiet"])
    assert (quiet.exit_code, quiet.stderr) == (0, "")
    assert quiet.stdout.startswith("trained to step 120; look at:\n")


def test_scores_on_the_way_are_as_quiet_as_the_training(tmp_path, eager, capfd):
    from stops import CLASSIFIER

    ganspec.train(loads(CLASSIFIER), tmp_path / "judge", steps=8)
    text = GAN.replace("EXTRACTOR", str(tmp_path / "judge")).replace("every: 20", "every: 1")
    spec = loads(text.replace("EPOCHS", "2").replace("images: 64", "images: 1500"))
    capfd.readouterr()
    ganspec.train(spec, tmp_path / "quiet", progress=False)
    assert capfd.readouterr().err == ""
    ganspec.train(spec, tmp_path / "told")
    assert "generated images: 1,000 of 1,500 images, " in capfd.readouterr().err


def test_a_line_every_half_a_minute(clock, capsys):
    with Progress("small") as show:
        for step in range(0, 1001, 10):
            clock[0] = step / 2  # two steps a second
            show(step, 1000, {"step": step, "d_loss": 0.69314718, "g_loss": 12345.678})
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 16
    assert lines[0] == (
        "small: 60 of 1,000 steps, d_loss 0.6931, g_loss 1.235e+04, 2.0 steps/s, 8 min left"
    )


def test_the_time_left_is_that_of_the_limit(clock, capsys):
    with Progress("small", seconds=120) as show:
        show(0, 10**6)
        clock[0] = 60.0
        show(3, 10**6)
    assert capsys.readouterr().err == "small: 3 of 1,000,000 steps, 0.05 steps/s, 1 min left\n"


def test_a_closed_standard_error_ends_no_work(tmp_path, eager, monkeypatch):
    class Broken:
        def write(self, text):
            raise BrokenPipeError

        def flush(self):
            raise BrokenPipeError

        def isatty(self):
            return False

    for stream in (Broken(), None):
        monkeypatch.setattr(sys, "stderr", stream)
        run = ganspec.train(loads(PLAIN), tmp_path / str(stream is None), steps=120)
        assert run.step == 120


def test_without_a_standard_error_progress_is_not_printed_to_standard_output(
    clock, capsys, monkeypatch
):
    monkeypatch.setattr(sys, "stderr", None)  # as after `2>&-`
    with Progress("small") as show:
        show(0, 100)
        clock[0] = 60.0
        show(3, 100)
    say("small: trains in bf16")
    assert capsys.readouterr().out == ""


class Terminal:
    """A terminal of 80 columns."""

    encoding = "utf-8"

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return True


def test_a_terminal_has_a_bar_with_the_same_text(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    for losses, wanted in [
        ({"loss": 0.5}, "50 of 200 steps, loss 0.5, 5.0 steps/s, 30 s left"),
        (
            {"d_loss": 0.5, "g_loss": -1.234},
            "50 of 200 steps, d_loss 0.5, g_loss -1.234, 30 s left",
        ),
        (dict.fromkeys("abcdefgh", 0.123), "50 of 200 steps, 30 s left"),
    ]:
        clock[0] = 0.0
        with Progress("small") as show:
            show(0, 200)
            clock[0] = 10.0
            show(50, 200, losses)
        assert wanted in shown.text and "━" in shown.text
    monkeypatch.setenv("TERM", "dumb")
    shown.text = ""
    with Progress("small") as show:
        show(0, 200)
        clock[0] = 60.0
        show(50, 200)
    assert shown.text == "small: 50 of 200 steps, 1.0 steps/s, 2 min left\n"


def test_passes_follow_each_other(clock, capsys):
    with Passes() as show:
        for title, total in (("real images", 100), ("generated images", 50)):
            for done in range(10, total + 1, 10):
                clock[0] += 20
                show(title, done, total)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "real images: 30 of 100 images, 0.5 images/s, 2 min left"
    assert lines[-1] == "generated images: 30 of 50 images, 0.5 images/s, 40 s left"
