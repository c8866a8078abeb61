"""Stop trainings by signals at random moments, and compare their ends with uninterrupted ones.

    python tests/stops.py --stops 200

A training with scores, snapshots, pictures and short epochs is started again and again. Each time a
random signal ends it, after a random time: while it is set up, trains, measures scores or writes a
checkpoint. In the end all that the run keeps must equal an uninterrupted run's, bit for bit. Exit
status 1 and a line say what does not.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from itertools import count
from pathlib import Path

import torch

import ganspec
from ganspec import cli
from ganspec.evaluation import periodic, reference  # imported before the forks
from ganspec.language.load import loads
from ganspec.plots import losses  # noqa: F401
from ganspec.runs.run import Run
from ganspec.systems import checkpoint

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
CLASSIFIER = """
name: judge
data: {dataset: {shapes: {count: 64}}, size: 8}
label: {kind: classes, size: 24}
classifier: {layers: [flatten, {linear: 12}, relu, {linear: 24}]}
objective: {loss: cross_entropy}
optimizer: {adam: {lr: 1e-2}}
train: {batch: 8}
"""
GAN = """
name: small
data: {dataset: {shapes: {count: 64}}, size: 8, flip: true}
latent: {size: 4}
generator: {layers: [{project: [8, 4, 4]}, batch_norm, relu, upsample, {conv: 3}, tanh]}
discriminator:
  layers: [{conv: {out: 4, stride: 2}}, leaky_relu, {dropout: 0.2}, flatten, {linear: 1}]
objective: {loss: hinge}
optimizers: {adam: {lr: 1e-3}}
train: {batch: 16, epochs: EPOCHS, keep: 2, snapshots: 7, pictures: 9, average: 0.9}
evaluate: {metrics: [fid], images: 64, every: 20, extractor: EXTRACTOR}
"""


class ForkedCommand:
    """`ganspec ARGUMENTS` in a fork of this process, which has imported everything slow."""

    def __init__(self, arguments: list[str], output: Path):
        sys.stdout.flush()
        sys.stderr.flush()
        self.output, self.id = output, os.fork()
        if self.id == 0:
            self.execute(arguments)

    def execute(self, arguments: list[str]) -> None:
        """Run the command in the child, and end the child."""
        file = os.open(self.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        sys.argv, status = ["ganspec", *arguments], 99
        try:
            cli.run()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 99
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def wait(self) -> int:
        """Return the exit status, or minus the number of the signal that killed the child."""
        return os.waitstatus_to_exitcode(os.waitpid(self.id, 0)[1])

    @property
    def text(self) -> str:
        return self.output.read_text("utf-8", "replace")


def start(spec: Path, folder: Path, output: Path) -> ForkedCommand:
    """Begin or resume a run, whatever there is of it."""
    resume = ["--resume"] if folder.exists() else []
    return ForkedCommand(
        ["train", str(spec), "--speedups=none", "--out", str(folder), *resume], output
    )


def stop_at_random(spec: Path, folder: Path, dice: random.Random, longest: float) -> Counter[str]:
    """Train a run to its end through signals after up to `longest` seconds each.

    Return how often each signal met which phase. Raises AssertionError if a stop went wrong.
    """
    stops: Counter[str] = Counter()
    output = folder.parent / "output.txt"
    while True:
        command, number = start(spec, folder, output), dice.choice(SIGNALS)
        time.sleep(dice.uniform(0, longest))
        for _ in range(dice.choice((1, 1, 2))):  # launchers repeat signals
            try:
                os.kill(command.id, number)
            except ProcessLookupError:
                break
        status, text = command.wait(), command.text
        if status == 0:
            return stops
        # before its first line, the command line has not begun to handle signals
        is_early = status == -number
        assert status == 130 or is_early, f"status {status} after {number!r}: {text}"
        assert "Traceback" not in text, text
        has_begun = "go on with: ganspec train" in text
        assert has_begun or is_early or "stopped before the first step" in text, text
        if has_begun:
            check_stopped(folder)
        else:
            longest *= 1.1  # a slow machine needs more time before its first step
        phase = "training" if has_begun else "start"
        stops[f"{number.name} while {phase}"] += 1


def check_stopped(folder: Path) -> None:
    """Assert that a stopped run has a checkpoint of the newest line of its log."""
    run = Run.open(folder)
    step = checkpoint.load(run.checkpoint_path)["step"]
    rows = run.rows()
    assert (rows[-1]["step"] if rows else 0) == step == len(rows)
    assert not list(folder.rglob(".*.*")), "an unfinished file is left"


def differences(whole: Run, parts: Run) -> list[str]:
    """Return what two runs differ in."""
    a, b = (flat(checkpoint.load(run.checkpoint_path)) for run in (whole, parts))
    found = [f"checkpoint: {key}" for key in {**a, **b} if not same(a.get(key), b.get(key))]
    for name in ("log.jsonl", "scores.jsonl", "losses.png"):
        one, other = (contents(run.folder / name) for run in (whole, parts))
        found += [name] if one != other else []
    epoch, last = whole.info()["epoch_steps"], checkpoint.load(whole.checkpoint_path)["step"]
    for name in ("samples", "snapshots"):
        one, other = (getattr(run, name)() for run in (whole, parts))
        # a stop within an epoch leaves its picture until the rule for pictures deletes it
        steps = {s for s in {*one, *other} if (s and s % epoch == 0) or s == last}
        for step in sorted(steps):
            if step not in one or step not in other:
                found.append(f"{name}: {step} is in one of them")
            elif name == "samples" and one[step].read_bytes() != other[step].read_bytes():
                found.append(f"{name}: {step}")
    return found


def contents(path: Path) -> bytes | None:
    """Return the bytes of a file; None if there is none."""
    return path.read_bytes() if path.exists() else None


def flat(state: object, path: str = "") -> dict[str, object]:
    """Return the values in nested maps and lists by their paths."""
    if isinstance(state, dict):
        return {k: v for key, item in state.items() for k, v in flat(item, f"{path}.{key}").items()}
    if isinstance(state, list):
        return flat(dict(enumerate(state)), path)
    return {path: state}


def same(a: object, b: object) -> bool:
    """Return True if two values, or tensors bit for bit, are equal."""
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return torch.equal(a, b)
    return type(a) is type(b) and a == b


def compare_runs(folder: Path, wanted: int, epochs: int, longest: float, seed: int) -> Counter[str]:
    """Stop runs until there were `wanted` stops, each compared with the uninterrupted run."""
    torch.set_num_threads(1)
    judge = ganspec.train(loads(CLASSIFIER), folder / "judge", steps=40, progress=False)
    text = GAN.replace("EXTRACTOR", str(judge.folder)).replace("EPOCHS", str(epochs))
    spec = folder / "small.yaml"
    spec.write_text(text)
    whole = start(spec, folder / "whole", folder / "output.txt")
    assert whole.wait() == 0, whole.text
    stops, dice = Counter[str](), random.Random(seed)
    for run in count():
        if stops.total() >= wanted:
            break
        parts = folder / f"parts{run}"  # a fast machine finishes some runs without a stop
        stops += stop_at_random(spec, parts, dice, longest)
        found = differences(Run.open(folder / "whole"), Run.open(parts))
        assert not found, f"after {stops.total()} stops: {'; '.join(found)}"
    return stops


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stops", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=1000, help="of a run")
    parser.add_argument("--longest", type=float, default=3.0, help="seconds before a signal")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        reference.CACHE = Path(folder) / "references"
        try:
            stops = compare_runs(Path(folder), args.stops, args.epochs, args.longest, args.seed)
        except AssertionError as error:
            sys.exit(f"after seed {args.seed}: {error}")
    for name, times in sorted(stops.items()):
        print(f"{times:5} {name}")
    print(f"{stops.total()} stops, 0 lost, all runs equal to the uninterrupted one")


if __name__ == "__main__":
    assert periodic  # used by the forks
    main()
