"""Scores in bf16 and in single precision, of the same spec and seeds, on one GPU.

    python benchmarks/half_precision.py --speedups channels_last,graphs --epochs 40

Scores are computed from the features of a classifier: of the run that `--classifier` names, or else
of one that is trained first. Then all runs train at the same time, each in its own process, and
each is scored. A row has a precision's scores in the order of the seeds, their mean, and their
spread: the largest less the smallest.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from ganspec.runs.score_file import read_lines

ROOT = Path(__file__).parent.parent
GANSPEC = (sys.executable, "-m", "ganspec")
METRICS = ("fid", "inception_score")


def train(spec: str, folder: Path, *more: object) -> list[str]:
    """Return the command that trains one of the specs into `folder`."""
    path = ROOT / "specs" / f"{spec}.yaml"
    return [*GANSPEC, "train", str(path), "--out", str(folder), "--quiet", *map(str, more)]


def run_together(commands: list[list[str]]) -> None:
    """Run commands at the same time. Raises CalledProcessError if one fails."""
    processes = [subprocess.Popen(command) for command in commands]
    codes = [process.wait() for process in processes]
    for command, code in zip(commands, codes, strict=True):
        if code:
            raise subprocess.CalledProcessError(code, command)


def scores_of(folder: Path) -> dict[str, float]:
    """Return a run's newest scores of generated images, by metric."""
    rows = [row for _, row in read_lines(folder) if row is not None]
    return {row.metric: row.value for row in rows if row.of == "generated"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--spec", default="dcgan_fashion")
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--set", action="append", default=[], help="as of ganspec train")
    parser.add_argument("--classifier", type=Path, help="run of a classifier, trained already")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--speedups", default="auto")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, default=Path("runs/half_precision"))
    args = parser.parse_args()

    place = ("--device", args.device)
    classifier = args.classifier or args.out / "classifier"
    if args.classifier is None:
        run_together(
            [train("classifier_fashion", classifier, "--epochs", 8, "--overwrite", *place)]
        )
    runs = {
        (precision, seed): args.out / f"{precision}_{seed}"
        for precision in args.precisions
        for seed in args.seeds
    }
    more = ("--epochs", args.epochs, "--speedups", args.speedups, "--overwrite", *place)
    more += tuple(word for setting in args.set for word in ("--set", setting))
    run_together(
        [
            train(args.spec, folder, "--precision", precision, "--seed", seed, *more)
            for (precision, seed), folder in runs.items()
        ]
    )
    metrics = [word for metric in METRICS for word in ("-m", metric)]
    of = ("--extractor", str(classifier), "-n", str(args.images), *metrics, *place, "--quiet")
    run_together([[*GANSPEC, "evaluate", str(folder), *of] for folder in runs.values()])

    for metric in METRICS:
        for precision in args.precisions:
            values = [scores_of(runs[precision, seed])[metric] for seed in args.seeds]
            each = "  ".join(f"{value:8.3f}" for value in values)
            mean, spread = sum(values) / len(values), max(values) - min(values)
            print(f"{metric:16} {precision:5} {each}  mean {mean:8.3f}  spread {spread:7.3f}")


if __name__ == "__main__":
    main()
