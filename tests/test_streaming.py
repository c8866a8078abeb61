"""Streamed images are those in memory, whatever happens to their files and to their readers.

Stop 20 streamed runs: `GANSPEC_TRIALS=20 pytest -n 0 tests/test_streaming.py -k "to_the_group"`
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import assert_same_weights, training_of
from PIL import Image
from writing import pixels

import ganspec
from ganspec.kinds.dataset import DataError
from ganspec.kinds.datasets import image_files, stamps
from ganspec.kinds.datasets.image_folder import ImageFolder
from ganspec.language.load import loads
from ganspec.plots import confusion
from ganspec.runs.run import Run, RunError
from ganspec.systems import checkpoint
from ganspec.systems.data import Data
from ganspec.systems.feed import StreamedImages
from ganspec.systems.training import Images
from ganspec.training import images as training_images
from ganspec.training import stop
from ganspec.training.images import open_all, open_images

CPU = torch.device("cpu")
TRIALS = int(os.environ.get("GANSPEC_TRIALS", 2))
SEEDS = int(os.environ.get("GANSPEC_TRIALS", 6))

SPEC = """
name: tiny
vars: {z: 4}
data: {dataset: image_folder, size: 8, flip: true}
latent: {size: z}
condition: {kind: classes, size: 3}
generator:
  condition: concat
  layers: [{linear: 3 * 8 * 8}, {reshape: [3, 8, 8]}, tanh]
discriminator:
  condition: concat
  layers: [flatten, {linear: 8}, join_label, {leaky_relu: 0.2}, {linear: 1}]
objective: {loss: non_saturating}
optimizers: {adam: {lr: 2e-4}}
train: {batch: 4, epochs: 50}
"""

# with worker processes, whatever the memory
STREAMED_COMMAND = """
from ganspec.training import images
images.MEMORY_SHARE = 0.0
from ganspec.cli import run
run()
"""


@pytest.fixture
def folder(tmp_path):
    """Return a folder of 30 images of three classes."""
    for i in range(30):
        path = tmp_path / "photos" / "abc"[i % 3] / f"{i:02d}.{'png' if i % 2 else 'jpg'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(9, 12, 3)).save(path)
    return tmp_path / "photos"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Cache every check of files, in a folder of the test."""
    monkeypatch.setattr(stamps, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(image_files, "CACHED_SECONDS", 0.0)


def lock(monkeypatch, *locked: Path) -> None:
    """Refuse to open files, as for a user without the permission."""
    open_file = Path.open

    def refusing(self, *args, **options):
        if self in locked:
            raise PermissionError(13, "Permission denied", str(self))
        return open_file(self, *args, **options)

    monkeypatch.setattr(Path, "open", refusing)


def stream(monkeypatch, yes=True) -> None:
    monkeypatch.setattr(training_images, "MEMORY_SHARE", 0.0 if yes else 1.0)


def cut(path):
    path.write_bytes(path.read_bytes()[:-60])


def empty(path):
    path.write_bytes(b"")


def write_words(path):
    path.write_text("not an image at all, but many words, which no reader takes for pixels")


def write_bomb(path):
    Image.new("L", (300, 300)).save(path)


def rename_another(path):
    """Write an image of another format than its name says, which is read all the same."""
    Image.fromarray(pixels(9, 12, 3)).save(path, format="BMP")


def replace(path):
    Image.fromarray(pixels(10, 10, 3)).save(path)


FAULTS = {
    cut: "truncated",
    empty: "empty",
    write_words: "no image",
    write_bomb: "too large: more than 80,000 pixels",
    rename_another: None,
    Path.unlink: "gone",
}


def batches(images, labels, steps):
    """Return the first batches of images and labels of a training."""
    feed = training_of(loads(SPEC), images, labels).batches
    torch.manual_seed(0)  # of the mirrored images
    return [next(feed) for _ in range(steps)]


def assert_same_batches(some, others):
    for one, other in zip(some, others, strict=True):
        assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


@pytest.mark.parametrize("seed", range(SEEDS))
def test_streamed_and_in_memory_are_the_same_images_in_the_same_order(
    folder, monkeypatch, recwarn, seed
):
    """Files are damaged in any way; every skipped one is named once, with its reason."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40_000)
    draw = random.Random(seed)
    expected = {}
    for path in draw.sample(sorted(folder.rglob("*.*g")), 9):
        fault = draw.choice([*FAULTS, lock])
        if fault is lock:
            lock(monkeypatch, path)
        else:
            fault(path)
        if reason := "no permission to read it" if fault is lock else FAULTS[fault]:
            expected[path.relative_to(folder).as_posix()] = reason
    expected = {name: why for name, why in sorted(expected.items()) if why != "gone"}
    opened = {}
    for streamed in (False, True):
        stream(monkeypatch, streamed)
        opened[streamed] = open_all(loads(SPEC), folder, CPU)
        (message,) = [str(w.message) for w in recwarn.list if "skipped" in str(w.message)] or [""]
        recwarn.clear()
        assert all(message.count(f"{n} ({why})") == 1 for n, why in expected.items()), message
        assert {each.file: each.reason for each in opened[streamed].files.skipped} == expected
        assert isinstance(opened[streamed].images, StreamedImages) == streamed
    memory, streamed = opened[False], opened[True]
    assert memory.files.files == streamed.files.files
    assert torch.equal(memory.labels, streamed.labels)
    assert memory.files.stamps == streamed.files.stamps
    both = [batches(each.images, each.labels, 15) for each in (memory, streamed)]
    assert_same_batches(*both)


def test_files_that_are_lost_during_a_run_are_replaced_by_the_next(
    folder, tmp_path, monkeypatch, recwarn
):
    """The run resumes, equally in memory and streamed, and names each file once."""
    stream(monkeypatch)
    spec = loads(SPEC)
    run, memory = (ganspec.train(spec, tmp_path / n, data=folder, steps=5) for n in ("run", "mem"))
    changed = "changed since it was first read"
    faults = [cut, empty, write_words, write_bomb, rename_another, replace, Path.unlink]
    names = [f"{'abc'[i % 3]}/{i:02d}.{'png' if i % 2 else 'jpg'}" for i in range(3, 24, 3)]
    expected = dict.fromkeys(names, changed) | {names[-1]: "gone"}
    for name, fault in zip(names, faults, strict=True):
        fault(folder / name)
    lock(monkeypatch, folder / "c" / "29.png")
    expected["c/29.png"] = "no permission to read it"
    for steps in (14, 18):
        for streamed, other in ((True, run), (False, memory)):
            stream(monkeypatch, streamed)
            recwarn.clear()
            ganspec.train(spec, other.folder, data=folder, steps=steps, resume=True)
            told = " ".join(str(warning.message) for warning in recwarn.list)
            assert [told.count(f"{n} ({why})") for n, why in expected.items()] == [1] * 8, told
            lines = (other.folder / "skipped.jsonl").read_text().splitlines()
            assert [json.loads(line) for line in lines] == [
                {
                    "file": name,
                    "reason": reason,
                    # the last image is followed by the first
                    "instead": "a/00.jpg" if name == "c/29.png" else "a/24.jpg",
                    "step": 5,
                }
                for name, reason in expected.items()
            ]
        assert saved(run.folder) == saved(memory.folder)


def saved(folder):
    """Return the bytes of a checkpoint's tensors, and its other values."""
    return flat(checkpoint.load(folder / "checkpoint.pt"))


def flat(state):
    if isinstance(state, torch.Tensor):
        return state.tolist()
    if isinstance(state, dict):
        return {key: flat(value) for key, value in state.items()}
    return [flat(each) for each in state] if isinstance(state, list) else state


def test_a_running_training_replaces_lost_files(folder, monkeypatch, recwarn):
    """The label is that of the image that was read; a file that comes back is read again."""
    images, labels = open_images(loads(SPEC).data, folder, CPU, streamed=True)
    trainer = training_of(loads(SPEC), images, labels)
    whole, names = images.files, [images.files.name(i) for i in range(30)]
    pictures = torch.stack([whole[i] for i in range(30)])
    feed, lost = trainer.batches, {}
    lost_now = {2: "a/00.jpg", 3: "b/28.jpg", 4: "c/02.jpg"}
    kept = {name: (folder / name).read_bytes() for name in lost_now.values()}
    for epoch in range(6):
        if name := lost_now.get(epoch):
            (folder / name).unlink()
            lost[names.index(name)] = name
        elif epoch == 5:
            for name, content in kept.items():
                (folder / name).write_bytes(content)
            lost.clear()
        for _ in range(len(feed)):
            with torch.random.fork_rng():
                _, found = next(feed)
            chosen = feed.order[(feed.position - 1) * 4 : feed.position * 4].tolist()
            used = [next(j % 30 for j in range(i, 60) if j % 30 not in lost) for i in chosen]
            assert feed.images.used.tolist() == used
            assert torch.equal(found, labels[used])
    told = [str(warning.message) for warning in recwarn.list]
    assert [text for text in told if "skipped" in text] == [
        "skipped a/00.jpg: gone; a/03.png is read in its place",
        "skipped b/28.jpg: gone; c/02.jpg is read in its place",
        "skipped c/02.jpg: gone; c/05.png is read in its place",
    ]
    assert torch.equal(images.at(torch.arange(30)), pictures)


def test_a_folder_that_vanishes_during_a_run_ends_it_with_one_line(folder, tmp_path, monkeypatch):
    stream(monkeypatch)
    spec = loads(SPEC)
    run = ganspec.train(spec, tmp_path / "run", data=folder, steps=5)
    images = open_all(spec, folder, CPU)
    shutil.rmtree(folder)
    with pytest.raises(
        DataError, match=r"^no image in \S*photos can be read any more: .*gone.*: m"
    ):
        training_of(spec, images.images, images.labels).advance()
    with pytest.raises(DataError, match="image_folder needs"):
        ganspec.train(spec, run.folder, data=folder, steps=9, resume=True)


def test_a_run_resumes_on_its_own_images_only(folder, tmp_path, monkeypatch, recwarn):
    spec = loads(SPEC)
    run = ganspec.train(spec, tmp_path / "run", data=folder, steps=5)
    moved = shutil.move(folder, tmp_path / "moved")
    for path in moved.rglob("*.*g"):
        os.utime(path, (1, 1))  # another time, the same content
    (moved / "aa").mkdir()  # a new class
    Image.fromarray(pixels(9, 9, 3)).save(moved / "aa" / "999.png")
    recwarn.clear()
    ganspec.train(spec, run.folder, data=moved, steps=9, resume=True)
    (warning,) = recwarn.list
    assert str(warning.message) == f"new images in {moved} are not part of the run: aa/999.png"
    for path in sorted(moved.rglob("*[0-9][0-9].*g"))[-16:]:
        replace(path)
    with pytest.raises(DataError, match=r"16 of the 30 images that the run began with.* 13 more"):
        ganspec.train(spec, run.folder, data=moved, steps=12, resume=True)
    record = run.folder / "images.jsonl"
    record.write_text(record.read_text().replace('"label": 2', '"label": 1', 1))
    with pytest.raises(RunError, match=r"images\.jsonl is damaged"):
        ganspec.train(spec, run.folder, data=moved, steps=12, resume=True)


def test_a_resumed_classifier_keeps_the_names_of_its_classes(folder, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(confusion, "plot_matrix", lambda _, names, *rest: shown.append(names))
    spec = loads(
        "name: c\ndata: {dataset: image_folder, size: 8}\nlabel: {kind: classes, size: 3}\n"
        "classifier: {layers: [flatten, {linear: 3}]}\nobjective: {loss: cross_entropy}\n"
        "optimizer: {adam: 1e-3}\ntrain: {batch: 4}\n"
    )
    run = ganspec.train(spec, tmp_path / "run", data=folder, steps=2)
    (folder / "ab").mkdir()  # a new class between two others
    Image.fromarray(pixels(9, 9, 3)).save(folder / "ab" / "999.png")
    ganspec.train(spec, run.folder, data=folder, steps=4, resume=True)
    assert shown == [["a", "b", "c"]] * 2


def test_no_readable_image_is_an_error_with_reasons(folder, monkeypatch):
    for path in folder.rglob("*.*g"):
        cut(path)
    for streamed in (False, True):
        with pytest.raises(DataError, match=r"none of the 30 .*read: a/00\.jpg \(truncated\), a/"):
            open_images(Data(dataset=ImageFolder(), size=8), folder, CPU, streamed=streamed)


def test_files_are_checked_once(folder, cache, monkeypatch, tmp_path):
    """A later check decodes changed files alone, and finds out what can no longer be opened."""
    data = Data(dataset=ImageFolder(), size=8)
    decoded = []
    decode = ImageFolder.files.__globals__["decode_image"]

    def counting(path, *form):
        decoded.append(path.name)
        return decode(path, *form)

    monkeypatch.setitem(ImageFolder.files.__globals__, "decode_image", counting)
    # images that are read after the check, to see whether they are dark
    monkeypatch.setattr(StreamedImages, "at", lambda *_: torch.tensor([255]))
    cut(folder / "a" / "00.jpg")

    def checked():
        decoded.clear()
        with pytest.warns(UserWarning, match="skipped"):
            files = open_images(data, folder, CPU, streamed=True)[0].files
        return sorted(decoded), [each.file for each in files.skipped]

    assert checked() == (sorted(p.name for p in folder.rglob("*.*g")), ["a/00.jpg"])
    assert checked() == (["00.jpg"], ["a/00.jpg"])  # what was unreadable may be so no longer
    replace(folder / "b" / "01.png")
    assert checked() == (["00.jpg", "01.png"], ["a/00.jpg"])
    (path,) = (tmp_path / "cache").iterdir()
    path.write_bytes(path.read_bytes().replace(b"b/01.png", b"b/91.png"))
    assert len(checked()[0]) == 30  # a damaged cache is none
    lock(monkeypatch, folder / "c" / "02.jpg")
    assert checked() == (["00.jpg"], ["a/00.jpg", "c/02.jpg"])


def test_a_run_survives_the_loss_of_its_workers(folder, recwarn):
    """They may be killed for lack of memory; the images and the training stay the same."""
    spec = loads(SPEC)
    memory = training_of(spec, *open_images(spec.data, folder, CPU))
    streamed = training_of(spec, *open_images(spec.data, folder, CPU, streamed=True))
    for step in range(20):
        if step in (3, 4, 6, 15):  # the last of an epoch, too
            for worker in children():
                os.kill(worker, signal.SIGKILL)
            time.sleep(0.2)
        with torch.random.fork_rng():
            torch.manual_seed(step)
            a = memory.advance()
        with torch.random.fork_rng():
            torch.manual_seed(step)
            b = streamed.advance()
        assert a == b
    assert_same_weights(*(t.networks["generator"].state_dict() for t in (memory, streamed)))
    assert any("a process that reads images was lost" in str(w.message) for w in recwarn.list)


def test_a_training_that_goes_back_streams_the_images_of_the_restored_pass(folder):
    """The workers read ahead for the pass that is left, which is another one."""
    images, labels = open_images(loads(SPEC).data, folder, CPU, streamed=True)
    feed = training_of(loads(SPEC), images, labels).batches
    next(feed)
    state = feed.state()
    expected = [feed.draw() for _ in range(4)]
    feed.restore(state)
    assert_same_batches([feed.draw() for _ in range(4)], expected)


def children() -> list[int]:
    """Return the ids of this process's worker processes."""
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return [int(word) for word in text.split()]


def start_training(folder: Path, tmp_path: Path, *more: str) -> subprocess.Popen:
    (tmp_path / "tiny.yaml").write_text(SPEC)
    words = [
        "train",
        "tiny.yaml",
        "--data",
        str(folder),
        "--out",
        "run",
        "--steps",
        "100000",
        "--speedups=none",
    ]
    return subprocess.Popen(
        [sys.executable, "-c", STREAMED_COMMAND, *words, *more],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a process group of its own, as of a job
    )


def wait_for_steps(process: subprocess.Popen, run: Path, count: int) -> None:
    log, deadline = run / "log.jsonl", time.monotonic() + 120
    while not (log.exists() and log.read_text().count("\n") >= count):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.true_process
@pytest.mark.slow
@pytest.mark.parametrize("number", list(stop.SIGNALS), ids=lambda number: number.name)
def test_a_signal_to_the_group_of_a_streamed_run_ends_it_with_a_checkpoint(
    folder, tmp_path, monkeypatch, number
):
    draw, equal = random.Random(0), 0
    spec = loads(SPEC)
    for trial in range(TRIALS):
        run = tmp_path / "run"
        process = start_training(folder, tmp_path)
        wait_for_steps(process, run, 20)
        time.sleep(draw.uniform(0, 0.5))  # at any moment: workers start anew each seven batches
        os.killpg(process.pid, number)
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 130 and "go on with" in out, (trial, out, errors)
        lines = [line for line in errors.splitlines() if line]
        assert [line.split(":")[0] for line in lines] == [number.name], errors
        step = checkpoint.load(run / "checkpoint.pt")["step"]
        assert len(Run.open(run).rows()) == step
        stream(monkeypatch)
        ganspec.train(spec, run, data=folder, steps=step + 12, resume=True)
        stream(monkeypatch, False)
        ganspec.train(spec, tmp_path / "whole", data=folder, steps=step + 12)
        assert saved(run) == saved(tmp_path / "whole")
        equal += 1
        shutil.rmtree(run)
        shutil.rmtree(tmp_path / "whole")
    print(f"{equal} of {TRIALS} runs ended by {number.name} have a checkpoint and go on equally")


@pytest.mark.true_process
@pytest.mark.slow
def test_workers_end_with_their_parent(folder, tmp_path):
    process = start_training(folder, tmp_path)
    wait_for_steps(process, tmp_path / "run", 20)
    process.kill()
    process.communicate()  # the workers hold the other ends of the pipes until they end
    assert process.returncode == -signal.SIGKILL


LOST_EARLY = """
import os, signal, time
from ganspec.systems import workers

class Files:
    def __getitems__(self, indices):
        return indices

begin, workers.WATCH_SECONDS = workers._begin_worker, 0.1

def begin_and_lose_the_parent(number):
    begin(number)  # what torch watches is set after this
    if number == workers.WORKERS - 1:
        os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(0.5)

workers._begin_worker = begin_and_lose_the_parent
list(workers.read_in_workers(Files(), [[0, 1]] * 20))
"""


@pytest.mark.true_process
@pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="Linux's way")
def test_workers_whose_parent_is_lost_while_they_begin_end():
    process = subprocess.Popen([sys.executable, "-c", LOST_EARLY], stdout=subprocess.PIPE)
    process.communicate(timeout=60)  # the workers hold the other end of the pipe
    assert process.returncode == -signal.SIGKILL


def test_images_may_be_given_without_files(folder):
    images, labels = open_images(loads(SPEC).data, folder, CPU)
    assert Images(images, labels).files is None
