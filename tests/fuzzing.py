"""Run mutated specs and random settings through the commands; any traceback is a failure.

    python tests/fuzzing.py --specs 10000 --settings 10000
    python tests/fuzzing.py --case specs:123

Every case is checked. Some are also built, shown, compared with the spec that they come from, or
trained for a step on a few images. A command may take SECONDS of processor time, which a busy
machine hardly changes, and HANG seconds in all.
"""

from __future__ import annotations

import argparse
import collections
import math
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch._dynamo  # noqa: F401  (torch imports it in the first training, which takes seconds)
from conftest import SPECS, WRITERS
from mutations import mutant, setting
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.compiler.lower import lower
from ganspec.program.measure import costs

SECONDS = 10.0  # of processor time, for one command
HANG = 120.0  # of the clock
MEMORY = 10 * 2**30  # address space of the process
COMMANDS = ("build", "show", "diff", "compare", "train")
SHOWN = ("--receptive-field", "--graph", "--json", "--latex", "--markdown", "--mermaid")
DIFFS = ("text", "json", "markdown", "html")
QUICK = ("train.batch=4", "evaluate=null")


class OverTimeError(BaseException):
    """Raised by the timer in whatever code is running; no `except Exception` catches it."""


@dataclass(frozen=True)
class Outcome:
    """The end of one command: `problem` is None if it is as a user may expect."""

    command: list[str]
    status: int
    output: str
    seconds: float
    problem: str | None


@contextmanager
def limited() -> Iterator[None]:
    """Raise OverTimeError within the block once it takes too long."""

    def stop(*_: object) -> None:
        raise OverTimeError

    handled = (signal.SIGPROF, signal.SIGALRM)
    before = {number: signal.signal(number, stop) for number in handled}
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, HANG)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def invoke(command: list[str]) -> Outcome:
    """Run a command in this process. Return its outcome."""
    began, problem = time.process_time(), None
    try:
        with limited():
            result = CliRunner().invoke(app, command)
    except OverTimeError:
        frames = traceback.format_exc(limit=-12)
        return Outcome(command, -1, frames, time.process_time() - began, "over time")
    seconds = time.process_time() - began
    output = result.output
    if result.exception and not isinstance(result.exception, SystemExit):
        lines = traceback.format_exception(*result.exc_info)
        return Outcome(command, 1, output + "".join(lines), seconds, "traceback")
    if seconds > SECONDS:
        problem = "over time"
    elif result.exit_code not in (0, 1, 2):
        problem = "status"
    elif result.exit_code and not _explained(command, output):
        problem = "no message"
    elif any(not (c.isprintable() or c in "\n\t") for c in output):
        problem = "control characters"
    return Outcome(command, result.exit_code, output, seconds, problem)


def _explained(command: list[str], output: str) -> bool:
    """Return True if a failure has diagnostics, one line of error, or is a diff's difference."""
    errors = re.findall(r"(?m)^error", output)
    one_line = re.search(r"(?m)^error: .+\n\Z", output) is not None
    return "error[" in output or (len(errors) == 1 and one_line) or command[0] == "diff"


class Bench:
    """A folder of the specs, of small data and of the case at hand."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "specs").mkdir()
        for path in SPECS:
            shutil.copy(path, folder / "specs" / path.name)
        for name, write in WRITERS.items():
            (folder / "data" / name).mkdir(parents=True)
            write(folder / "data" / name)

    def case(self, kind: str, seed: int) -> Iterator[Outcome]:
        """Yield the outcome of each command of one case."""
        if kind == "specs":
            name, data = mutant(seed)
            path = self.folder / "specs" / "mutant.yaml"
            path.write_bytes(data)
            options: list[str] = []
        else:
            name, settings = setting(seed)
            path = self.folder / "specs" / name
            options = [word for each in settings for word in ("--set", each)]
        checked = invoke(["check", str(path), *options])
        yield checked
        draw = random.Random(seed)
        more = draw.choices(COMMANDS, k=1)
        if draw.random() < (0.6 if checked.status == 0 else 0.05):
            for command in more:
                words = self.words(draw, command, path, name)
                if command == "train":
                    options = [*options, *(w for s in quick_settings(name) for w in ("--set", s))]
                    if not is_small(path, options[1::2]):
                        continue
                yield invoke([*words, *(options if command in SETTABLE else [])])

    def words(self, draw: random.Random, command: str, path: Path, name: str) -> list[str]:
        """Return a command on the spec at `path`, without settings; `name` is its origin."""
        other, out = str(self.folder / "specs" / name), str(self.folder / "out")
        match command:
            case "build":
                return ["build", str(path), "-o", f"{out}.py", "--overwrite"]
            case "diff":
                return ["diff", other, str(path), "--format", draw.choice(DIFFS)]
            case "compare":
                return ["compare", other, str(path), "--all"]
            case "show":
                return ["show", str(path), draw.choice(SHOWN), "-o", out, "--overwrite"]
        place = self.folder / "data" / original(name).data.dataset.kind
        data = ["--data", str(place)] if place.is_dir() else []
        run = ["--out", str(self.folder / "run"), "--overwrite", "--steps", "1", "--device", "cpu"]
        return ["train", str(path), *run, *data]


SETTABLE = ("build", "show", "train")


def is_small(path: Path, settings: list[str]) -> bool:
    """Return True if a training step of a spec takes no long time, or if the spec is wrong."""
    try:
        spec = ganspec.load(path, settings)
        rows = [row for net in lower(spec).values() for row in costs(net, macs=True)]
    except ganspec.SpecError:
        return True
    steps = getattr(spec.train, "steps", None)
    images = spec.train.batch * (steps.discriminator + steps.generator if steps else 1)
    numbers = math.prod(spec.data.shape) * 1000 + sum(row.macs or 0 for row in rows)
    return numbers * images < 10**10


@cache
def original(name: str) -> ganspec.Spec:
    """Return the unchanged spec of a file's name."""
    return ganspec.load(next(path for path in SPECS if path.name == name))


def quick_settings(name: str) -> list[str]:
    """Return settings that make a spec's training small."""
    spec = original(name)
    quick = [*QUICK, f"vars.ch={max(1, spec.vars['ch'] // 8)}"]
    if spec.data.dataset.kind == "shapes":
        quick.append("data.dataset={shapes: {count: 12}}")
    if getattr(spec.train, "generator_batch", None):
        quick.append("train.generator_batch=8")
    if getattr(spec.train, "warmup", None):
        quick.append("train.warmup.iterations=1")
    return quick


def run(kind: str, seeds: range, bench: Bench) -> collections.Counter:
    """Run cases. Print every problem, and return how many commands ended in which way."""
    counts: collections.Counter = collections.Counter()
    slowest = (0.0, 0)
    for done, seed in enumerate(seeds):
        if done and done % 1000 == 0:
            print(f"{done} cases of {kind}", flush=True)
        for outcome in bench.case(kind, seed):
            slowest = max(slowest, (outcome.seconds, seed))
            counts[outcome.command[0], outcome.problem or f"exit {outcome.status}"] += 1
            if outcome.problem:
                print(f"\n=== {kind}:{seed} {outcome.command} {outcome.problem}")
                print(outcome.output[-3000:], flush=True)
    print(f"slowest of {kind}: {slowest[0]:.1f} s, case {slowest[1]}")
    return counts


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--specs", type=int, default=0)
    parser.add_argument("--settings", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--case")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name))
        if options.case:
            kind, _, seed = options.case.partition(":")
            for outcome in bench.case(kind, int(seed)):
                print(outcome.command, outcome.problem, f"{outcome.seconds:.1f} s", outcome.status)
                print(outcome.output)
            if kind == "specs":
                sys.stdout.buffer.write(mutant(int(seed))[1])
            return
        for kind in ("specs", "settings"):
            seeds = range(options.first, options.first + getattr(options, kind))
            counts = run(kind, seeds, bench) if seeds else {}
            for (command, end), count in sorted(counts.items()):
                print(f"{kind} {command} {end}: {count}")
            failed += sum(n for (_, end), n in counts.items() if not end.startswith("exit"))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
