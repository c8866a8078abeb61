"""Time to resume a run with a long log, and its speed, against a short log.

    python benchmarks/long_log.py --rows 1000000 --seconds 30

Both runs train the same small GAN, whose steps take a few milliseconds, from checkpoints that
differ in the number of the step alone. The logs have random numbers. A copy of each run is resumed
for ten steps, and another copy for `--seconds`, in which checkpoints and plots become due.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ganspec
from ganspec.runs.run import Run
from ganspec.systems import checkpoint

SPEC = """
name: tiny
data: {dataset: {shapes: {count: 256}}, size: 8, channels: 1}
latent: {size: 4}
generator: {layers: [{project: [1, 8, 8]}, tanh]}
discriminator: {layers: [flatten, {linear: 8}, relu, {linear: 1}]}
objective: {loss: hinge}
optimizers: {adam: 2e-4}
train: {batch: 16, epochs: 100000000}
"""


def make_run(spec: Path, folder: Path, rows: int) -> None:
    """Write a run that seems to have made `rows` steps."""
    run = ganspec.train(ganspec.load(spec), folder, steps=16, progress=False)
    state = checkpoint.load(run.checkpoint_path)
    del state["version"]
    checkpoint.save(run.checkpoint_path, {**state, "step": rows})
    dice = random.Random(0)
    with run.log_path.open("w") as log:
        for step in range(1, rows + 1):
            row = {"step": step, "d_loss": dice.gauss(1, 0.2), "g_loss": dice.gauss(0, 0.5)}
            log.write(json.dumps(row) + "\n")


def resumed(spec: Path, run: Path, *options: str) -> tuple[float, int]:
    """Resume a copy of a run. Return the seconds of the process and its last step."""
    copy = run.with_name(f"{run.name}_copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(run, copy)
    command = [sys.executable, "-m", "ganspec", "train", str(spec), "--out", str(copy), "--resume"]
    began = time.perf_counter()
    subprocess.run([*command, "--quiet", *options], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    return seconds, int(checkpoint.load(Run(copy).checkpoint_path)["step"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    lengths = (16, args.rows)
    with tempfile.TemporaryDirectory() as place:
        spec = Path(place) / "tiny.yaml"
        spec.write_text(SPEC)
        for rows in lengths:
            make_run(spec, Path(place) / str(rows), rows)
        for _ in range(args.rounds):  # by turns, since other work on the machine comes and goes
            for rows in lengths:
                run = Path(place) / str(rows)
                start, _ = resumed(spec, run, "--steps", str(rows + 10))
                _, last = resumed(spec, run, "--minutes", str(args.seconds / 60))
                print(
                    f"log of {rows:,} steps: 10 more in {start:.1f} s, "
                    f"{last - rows:,} in {args.seconds:g} s of training",
                    flush=True,
                )


if __name__ == "__main__":
    main()
