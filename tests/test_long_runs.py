"""Long runs: a log of any length costs the same, and pictures and snapshots are bounded."""

from __future__ import annotations

import json
import random
import re

import numpy as np
import pytest
from stops import GAN

import ganspec
from ganspec.language.load import loads
from ganspec.plots.curves import BINS, envelope
from ganspec.plots.log import columns
from ganspec.plots.thinned import MOST, ThinnedLog
from ganspec.runs.log import BLOCK, Log
from ganspec.runs.record import read_record
from ganspec.runs.run import Run
from ganspec.training.retention import spacing, superseded

PLAIN = re.sub("evaluate.*\n", "", GAN).replace("EPOCHS", "1000")


def rows_of(count, seed=0):
    """Rows with a column of every step, one of every seventh, and a spike."""
    random = np.random.default_rng(seed)
    losses = random.normal(size=count)
    losses[count // 3] = 1e6
    return [
        {"step": i, "loss": float(x), **({"test": float(x) / 2} if i % 7 == 0 else {})}
        for i, x in enumerate(losses, 1)
    ]


# -- the log ------------------------------------------------------------------------------------


def text_of(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize("step", [0, 1, 999, 4000, 5000, 9999])
@pytest.mark.parametrize("end", ["", '{"step": 5001, "lo', "[3]\n", "null\n\n\n", "\x00" * BLOCK])
def test_rewinding_keeps_the_lines_up_to_a_step(tmp_path, step, end):
    log, rows = Log(tmp_path / "log.jsonl"), rows_of(5000)
    log.path.write_text(text_of(rows) + end)
    log.rewind(step)
    assert log.path.read_text() == text_of(rows[:step])
    log.append(rows[:1])
    assert log.rows() == [*rows[:step], rows[0]]


def test_rewinding_reads_the_end_alone(tmp_path, monkeypatch):
    log = Log(tmp_path / "log.jsonl")
    log.path.write_text(text_of(rows_of(20_000)))
    parsed = []
    monkeypatch.setattr(
        "ganspec.runs.log.parse_line", lambda line: parsed.append(line) or json.loads(line)
    )
    log.rewind(19_990)
    assert len(parsed) == 11


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_line_costs_itself_only(tmp_path, seed):
    dice, rows = random.Random(seed), rows_of(200)
    lines = text_of(rows).splitlines(keepends=True)
    damaged = set(dice.sample(range(200), 5))
    junk = ["[1]\n", "\n", '{"step": "x"}\n', '{"step": 1, "loss": \n', "}, {\n", "[" * 9999 + "\n"]
    for index in damaged:
        lines[index] = dice.choice([*junk, lines[index][: dice.randrange(20)] + "\n"])
    log = Log(tmp_path / "log.jsonl")
    log.path.write_text("".join(lines))
    assert log.rows() == [row for index, row in enumerate(rows) if index not in damaged]
    assert sum(len(rows) for rows, _ in log.chunks()) == 195


def test_columns_are_those_of_all_rows(tmp_path):
    odd = [{"step": 1, "loss": True}, {"step": 2, "loss": "x", "more": 10**400}, {"step": 3}]
    rows = [*odd, *rows_of(30_000)[3:], {"step": 30_001, "loss": float("nan"), "last": 2**70}]
    log = Log(tmp_path / "log.jsonl")
    log.append(rows)
    wanted = {}
    for row in rows:
        for name, value in row.items():
            if name != "step" and type(value) in (int, float) and abs(value) < 1e100:
                wanted.setdefault(name, []).append((row["step"], value))
    found = log.columns()
    assert {name: [*zip(c.steps, c.values, strict=True)] for name, c in found.items()} == wanted


# -- its plot -------------------------------------------------------------------------------------


def state_of(log):
    return {name: vars(bins) for name, bins in log.bins.items()}


@pytest.mark.parametrize("count", [1, MOST, MOST + 1, 25_000])
def test_a_thinned_log_does_not_depend_on_how_it_grew(count):
    rows, dice = rows_of(count), random.Random(0)
    whole, parts, start = ThinnedLog(), ThinnedLog(), 0
    whole.add(rows)
    while start < count:
        end = start + dice.randrange(1, 3000)
        parts.add(rows[start:end])
        start = end
    a, b = state_of(whole), state_of(parts)
    assert whole.width == parts.width
    for name in a:
        for field, values in a[name].items():
            assert np.allclose(values, b[name][field], rtol=1e-12), field


def test_a_thinned_log_is_drawn_as_the_whole_one():
    rows = rows_of(100_000)
    thinned = ThinnedLog()
    thinned.add(rows)
    whole, drawn = columns(rows)["loss"], thinned.columns()["loss"]
    assert MOST / 2 <= len(drawn) <= MOST and drawn.logged.count == 100_000
    assert thinned.columns()["test"].logged.count == 100_000 // 7
    last, low, high = envelope(drawn)
    assert len(last) == BINS and (low.min(), high.max()) == (whole.values.min(), 1e6)
    # each part of the plot shows the extremes and the mean of exactly its steps
    ends = np.searchsorted(whole.steps, drawn.steps)
    starts = np.concatenate([[0], ends[:-1] + 1])
    for i in range(len(drawn)):
        values = whole.values[starts[i] : ends[i] + 1]
        assert (drawn.logged.low[i], drawn.logged.high[i]) == (values.min(), values.max())
        assert drawn.logged.mean[i] == pytest.approx(values.mean(), rel=1e-9)
    short = ThinnedLog()
    short.add(rows[:MOST])
    assert short.columns()["loss"].equals(columns(rows[:MOST])["loss"])


def test_a_training_reads_a_long_log_once(tmp_path, monkeypatch):
    """However often it writes a checkpoint and scores: only at a resume, for the plot."""
    spec = loads(PLAIN)
    run = ganspec.train(spec, tmp_path / "run", steps=4)
    read, chunks = [], Log.chunks

    def counted(self, start=0):
        for rows, end in chunks(self, start):
            read.extend(row["step"] for row in rows)
            yield rows, end

    monkeypatch.setattr(Log, "chunks", counted)
    monkeypatch.setattr("ganspec.training.loop.EPOCH_SECONDS", 0.0)
    ganspec.train(spec, run.folder, steps=100, resume=True)
    assert read == list(range(1, 101))
    read.clear()
    assert read_record(run.folder).scores == [] and not read
    assert read_record(run.folder).last_step == 100


# -- pictures and snapshots -----------------------------------------------------------------------


def test_spacing_is_the_least_that_fits():
    dice = random.Random(0)
    for _ in range(2000):
        done, unit, most = (dice.randrange(1, top) for top in (10**6, 1000, 300))
        width = spacing(done, unit, most)
        assert done <= most * width
        assert np.log2(width / unit).is_integer()
        assert width == unit or done > most * width / 2
    assert spacing(0, 5, 3) == 5


def test_leaving_out_often_or_once_is_the_same():
    dice = random.Random(0)
    for _ in range(200):
        unit, most = dice.randrange(1, 9), dice.randrange(1, 20)
        kept: set[int] = set()
        for epoch in range(1, dice.randrange(2, 300)):
            kept.add(epoch * unit)
            if dice.random() < 0.3:
                kept -= superseded(kept, spacing(epoch * unit, unit, most))
        kept -= superseded(kept, spacing(epoch * unit, unit, most))
        steps = {unit * e for e in range(1, epoch + 1)}
        assert kept == steps - superseded(steps, spacing(epoch * unit, unit, most))
        assert epoch * unit in kept and min(len(steps), most / 2) <= len(kept) <= most + 1


def files_of(run):
    return list(run.samples()), list(run.snapshots())


def test_pictures_and_snapshots_are_bounded(tmp_path, monkeypatch):
    """The last is always there; a resumed run keeps what an uninterrupted one keeps."""
    spec = loads(
        PLAIN.replace("keep: 2, snapshots: 7, pictures: 9", "keep: 2, snapshots: 4, pictures: 5")
    )
    run = ganspec.train(spec, tmp_path / "run", steps=120)  # of 30 epochs
    # spaced by 8 epochs and by 8 epochs: powers of two that fit 5 and 4 times
    assert files_of(run) == ([32, 64, 96, 120], [32, 64, 96, 120])
    parts = ganspec.train(spec, tmp_path / "parts", steps=44)
    assert files_of(parts) == ([16, 32, 44], [16, 32, 40])
    monkeypatch.setattr("ganspec.training.loop.EPOCH_SECONDS", 0.0)
    ganspec.train(spec, parts.folder, steps=97, resume=True)
    ganspec.train(spec, parts.folder, steps=120, resume=True)
    assert files_of(parts) == files_of(run)


@pytest.mark.parametrize("last", [9, 13])
@pytest.mark.parametrize("seconds", [-1.0, 1e9])
def test_a_picture_of_a_stop_within_an_epoch_is_there_until_a_newer_one(
    tmp_path, monkeypatch, last, seconds
):
    for name in ("CHECKPOINT_SECONDS", "EPOCH_SECONDS"):
        monkeypatch.setattr(f"ganspec.training.loop.{name}", seconds)
    spec = loads(PLAIN.replace("epochs: 1000", "warmup: 1, epochs: 1000"))  # epochs end at 5, 9
    whole = ganspec.train(spec, tmp_path / "whole", steps=last)
    run = ganspec.train(spec, tmp_path / "run", steps=1)
    for step in (3, 6, 8):
        ganspec.train(spec, run.folder, steps=step, resume=True)
        assert list(run.samples()) == [*range(5, step, 4), step]
    ganspec.train(spec, run.folder, steps=last, resume=True)
    assert list(run.samples()) == list(whole.samples()) == list(range(5, last + 1, 4))


@pytest.mark.parametrize("epochs", [6, 8, 9, 11])
def test_the_newest_snapshot_is_always_there(tmp_path, epochs):
    spec = loads(PLAIN.replace("keep: 2, snapshots: 7", "keep: 1, snapshots: 2"))
    ganspec.train(spec, tmp_path / "run", steps=4 * epochs - 4)
    run = ganspec.train(spec, tmp_path / "run", steps=4 * epochs, resume=True)
    assert list(run.snapshots()) == [16 if epochs <= 8 else 32, 4 * epochs]


def test_the_users_files_stay(tmp_path, monkeypatch):
    monkeypatch.setattr("ganspec.training.loop.EPOCH_SECONDS", 0.0)
    spec = loads(PLAIN.replace("pictures: 9", "pictures: 2"))
    run = ganspec.train(spec, tmp_path / "run", steps=8)
    mine = ["samples/12.png", "samples/best.png", "samples/0000012 (copy).png", "samples/n.txt"]
    mine += ["snapshots/12.pt", "snapshots/best.pt"]
    for name in mine:
        (run.folder / name).write_text("mine")
    ganspec.train(spec, run.folder, steps=400, resume=True)
    assert all((run.folder / name).read_text() == "mine" for name in mine)
    assert len(list(run.folder.glob("samples/*"))) == 4 + 2


def test_pictures_are_in_the_order_of_steps(tmp_path):
    run = Run(tmp_path)
    (tmp_path / "samples").mkdir()
    for step in (10_000_000, 9_999_999, 3, 123_456_789):
        run.samples_path(step).touch()
    for name in ("best.png", "00000012.png"):  # a run would write 0000012.png
        (tmp_path / "samples" / name).touch()
    assert list(run.samples()) == [3, 9_999_999, 10_000_000, 123_456_789]
    assert run.latest_samples() == run.samples_path(123_456_789)


def test_listed_epochs_are_all_kept(tmp_path):
    keep = list(range(1, 13))
    spec = loads(PLAIN.replace("keep: 2", f"keep: {keep}"))
    run = ganspec.train(spec, tmp_path / "run", steps=60)
    assert list(run.snapshots()) == [4 * epoch for epoch in keep]


def test_the_bounds_may_change_at_a_resume(tmp_path):
    ganspec.train(loads(PLAIN), tmp_path / "run", steps=40)
    fewer = loads(PLAIN.replace("snapshots: 7, pictures: 9", "snapshots: 1, pictures: 1"))
    run = ganspec.train(fewer, tmp_path / "run", steps=64, resume=True)
    assert files_of(run) == ([64], [64])
