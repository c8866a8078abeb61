"""Kill trainings at random file operations and moments, and finish what they leave.

`python tests/killing.py 300` kills 300 trainings: ones that begin, replace another run or resume.
After each it tries the command with no option, `--resume` and `--overwrite` on copies of the
folder. Every option that a message names has to work, at least one has to, the finished run has to
equal the one that was never killed, and the user's files have to be as they were.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import ganspec
from ganspec.cli import app
from ganspec.training import loop

CLASSIFIER = """
name: judge
data: {dataset: {shapes: {count: 32}}, size: 8}
label: {kind: classes, size: 24}
classifier: {layers: [flatten, {linear: 4}, relu, {linear: 24}]}
objective: {loss: cross_entropy}
optimizer: {adam: 1e-2}
train: {batch: 16}
"""
GAN = """
name: NAME
data: {dataset: {shapes: {count: 32}}, size: 8}
latent: {size: 4}
generator: {layers: [{project: [3, 8, 8]}, tanh]}
discriminator: {layers: [flatten, {linear: 8}, relu, dropout, {linear: 1}]}
objective: {loss: hinge}
optimizers: {adam: LR}
train: {batch: 16, epochs: 2, keep: 2, average: 0.9}
evaluate: {metrics: [fid], images: 32, extractor: EXTRACTOR}
"""
OPTIONS = ("", "--resume", "--overwrite")
MINE = {
    "notes.md": "mine",
    ".gitignore": "*.pt",
    ".ipynb_checkpoints/a-checkpoint.ipynb": "{}",
    "samples/.ipynb_checkpoints/b.png": "",
    "samples/best.png": "no picture",
    "snapshots/12.pt": "no weights",
    "kinds/own.py": "x = 1",
    "tensorboard/layout.json": "{}",
}
OPERATIONS = ("open", "os.", "fcntl.", "shutil.", "tempfile.")
TIMED = ("command", "step_seconds", "images_per_second")  # entries of run.json


@dataclass
class Ending:
    """The end of a child process: its exit status, None if it was killed, and what it printed."""

    status: int | None
    text: str
    operations: int
    seconds: float


def run(
    words: list[str], folder: Path, at: int | None = None, after: float | None = None
) -> Ending:
    """Run a command in a child process.

    It is killed before its file operation `at`, counted from 1, or `after` some seconds.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as counter:
        started = time.monotonic()
        if not (child := os.fork()):
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            count_operations(folder, counter.fileno(), at)
            if after is not None:
                signal.setitimer(signal.ITIMER_REAL, after)  # its default action ends the process
            try:
                app(words)
            except SystemExit as end:
                sys.stdout.flush()
                os._exit(int(end.code or 0))
            except BaseException:
                import traceback

                traceback.print_exc()
                os._exit(99)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        seconds = time.monotonic() - started
        output.seek(0)
        killed = os.WIFSIGNALED(status)
        code = None if killed else os.waitstatus_to_exitcode(status)
        return Ending(code, output.read().decode(), os.fstat(counter.fileno()).st_size, seconds)


def count_operations(folder: Path, counter: int, at: int | None) -> None:
    """Count this process's changes of files in `folder`, by bytes in a file. Die before `at`."""
    done, place = 0, str(folder)

    def watch(event: str, arguments: tuple) -> None:
        nonlocal done
        if not event.startswith(OPERATIONS) or event in ("os.listdir", "os.scandir", "os.walk"):
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & 3):
            return  # for reading
        if event != "fcntl.flock" and place not in str(arguments[:2]):
            return
        done += 1
        if done == at:
            os.kill(os.getpid(), signal.SIGKILL)
        os.write(counter, b".")

    sys.addaudithook(watch)


def contents(folder: Path) -> dict[str, object]:
    """Return the bytes of a run's files by name, and of `run.json` the entries that do not vary."""
    files: dict[str, object] = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and str(path.relative_to(folder)) not in MINE
    }
    info = json.loads(str(files.pop("run.json", b"{}"), "utf-8"))
    return files | {"run.json": {k: v for k, v in info.items() if k not in TIMED}}


class Trials:
    """A place for runs that are killed, with the runs that they are compared with."""

    def __init__(self, place: Path, seed: int):
        self.place, self.random = place, random.Random(seed)
        (place / "judge.yaml").write_text(CLASSIFIER)
        assert run(self.words("judge.yaml", "judge", "--epochs=2"), place).status == 0
        for name, rate in (("new", "1e-2"), ("old", "2e-2")):
            text = GAN.replace("NAME", name).replace("LR", rate)
            (place / f"{name}.yaml").write_text(text.replace("EXTRACTOR", str(place / "judge")))
        # what this process has imported and cached, its children need not
        ganspec.train(ganspec.load(place / "new.yaml"), place / "warm")
        self.whole, self.old, self.part = (place / name for name in ("whole", "old", "part"))
        for path, spec, steps in (
            (self.whole, "new", ""),
            (self.old, "old", ""),
            (self.part, "new", "--steps=2"),
        ):
            ending = run(self.words(f"{spec}.yaml", path.name, *filter(None, [steps])), place)
            assert ending.status == 0, ending.text
        self.wanted = contents(self.whole)
        self.spans: dict[str, Ending] = {}  # of commands that are not killed, by kind

    def words(self, spec: str, out: str, *options: str) -> list[str]:
        options = tuple(filter(None, options))
        return [
            "train",
            "--speedups=none",
            str(self.place / spec),
            "--out",
            str(self.place / out),
            *options,
        ]

    def prepared(self, kind: str, out: Path) -> str:
        """Make the folder that a training of some kind begins in. Return the training's option."""
        shutil.rmtree(out, ignore_errors=True)
        if kind == "new":
            return ""
        shutil.copytree(self.old if kind == "replace" else self.part, out)
        self.add_files(out)
        return "--overwrite" if kind == "replace" else "--resume"

    def add_files(self, out: Path) -> None:
        for name, text in MINE.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_text(text)

    def trial(self) -> list[str]:
        """Kill one training, and another one that goes on from it or not. Return what is wrong."""
        kind, out = self.random.choice(("new", "replace", "resume")), self.place / "run"
        option = self.prepared(kind, out)
        if kind not in self.spans:
            self.spans[kind] = run(self.words("new.yaml", "run", option), out)
            option = self.prepared(kind, out)
        span, self.said = self.spans[kind], [kind]
        for _ in range(self.random.choice((1, 1, 2))):
            at, after = self.random.randint(1, span.operations), None
            if self.random.random() < 0.3:
                at, after = None, self.random.uniform(0.005, span.seconds)
            ending = run(self.words("new.yaml", "run", option), out, at, after)
            self.said.append(f"{option or 'plain'} at {at or after}: {ending.status}")
            if ending.status not in (None, 0, 2):
                return [ending.text]
            option = self.random.choice(OPTIONS)
        if out.is_dir() and any(out.iterdir()):
            self.add_files(out)
        return self.finish(out)

    def finish(self, out: Path) -> list[str]:
        """Try each option on a copy of the folder. Return what is wrong with what happens."""
        wrong, works, named = [], set(), {}
        for option in OPTIONS:
            others = [other for each in named.values() for other in each]
            # replacing a run takes longest, and what it replaces matters least
            is_extra = option == "--overwrite" and works and option not in others
            if is_extra and self.random.random() < 0.7:
                continue
            ending = self.attempt(option, out, wrong)
            if ending.status == 0:
                works.add(option)
            elif ending.status != 2 or ending.text.count("\n") != 1:
                wrong.append(f"{option}: {ending.text}")
            elif "trains another spec" not in ending.text:
                text = ending.text.replace("leave out --resume", "''")
                named[option] = [each for each in ("''", *OPTIONS[1:]) if each in text]
        is_done = out.is_dir() and not (out / ".lock").exists() and contents(out) == self.wanted
        for option, others in named.items() if not is_done else ():
            if not others or not {each.strip("'") for each in others} <= works:
                wrong.append(f"{option or 'plain'} names {others}, and {works} work")
        return wrong if works else [*wrong, "nothing works"]

    def attempt(self, option: str, out: Path, wrong: list[str]) -> Ending:
        """Train in a copy of the folder. Append to `wrong` how the result differs."""
        copy = self.place / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        if out.is_dir():
            shutil.copytree(out, copy)
        ending = run(self.words("new.yaml", "copy", option), copy)
        if ending.status == 0:
            got = contents(copy)
            names = {n for n in {*got, *self.wanted} if got.get(n) != self.wanted.get(n)}
            wrong += [f"{option or 'plain'}: {sorted(names)} differ"] if names else []
        kept = MINE if (out / "notes.md").exists() else {}
        if any((copy / name).read_text() != text for name, text in kept.items()):
            wrong.append(f"{option or 'plain'}: the user's files changed")
        return ending


def main(trials: int, seed: int = 0) -> int:
    """Make `trials` trials, print what is wrong, and return the number of trials that fail."""
    loop.EPOCH_SECONDS = 0.0  # so that each epoch has a checkpoint
    failed = killed = 0
    with tempfile.TemporaryDirectory() as place:
        os.environ["HOME"] = place  # where statistics of real images are kept
        work = Trials(Path(place), seed)
        for i in range(trials):
            wrong = work.trial()
            killed += sum(each.endswith("None") for each in work.said)
            if wrong:
                failed += 1
                print(f"trial {i}: {'; '.join(work.said)}", *wrong, sep="\n  ", flush=True)
    print(f"{trials} trials, {killed} kills, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(min(1, main(*map(int, sys.argv[1:]))))
