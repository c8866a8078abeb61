"""Times of commands, as ratios to `import torch`, and of lowering: `python benchmarks/start.py`.

Commands are processes that take turns. Their times are medians of processor time, with Python's
bytecode and decoded images cached before. Each spec is lowered once.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ganspec
from ganspec.compiler.lower import lower

SPECS = sorted((Path(__file__).parent.parent / "specs").glob("*.yaml"))
ROUNDS = 9
FIRST_STEP = """
import os, sys
import ganspec
from ganspec.training.loop import LossRecorder

LossRecorder.advance = lambda self: os._exit(0)
# one step: speedups are not measured first
ganspec.train(ganspec.load(sys.argv[1]), sys.argv[2], overwrite=True, progress=False, steps=1)
"""
# with that variable, the first processes would not cache bytecode for the others
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def seconds(*arguments: str) -> float:
    """Run Python with `arguments`. Return its processor time in seconds, of user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, *arguments]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False, env=ENVIRONMENT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    dcgan, wgan = (str(p) for p in SPECS if p.stem in ("dcgan", "wgan_gp"))
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "import torch": ("-c", "import torch"),
            "ganspec --help": ("-m", "ganspec", "--help"),
            "ganspec check dcgan": ("-m", "ganspec", "check", dcgan),
            "ganspec diff": ("-m", "ganspec", "diff", dcgan, wgan),
            "train, to its first step": ("-c", FIRST_STEP, dcgan, folder),
        }
        for arguments in commands.values():
            seconds(*arguments)
        times = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, arguments in commands.items():
                times[name].append(seconds(*arguments))
    base = statistics.median(times["import torch"])
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:<24} {median:.2f} s, {median / base:.2f} of `import torch`")
    lower(ganspec.load(SPECS[0]))
    for path in SPECS:
        spec = ganspec.load(path)
        started = time.perf_counter()
        lower(spec)
        print(f"lowering {path.stem:16} {1000 * (time.perf_counter() - started):.0f} ms")


if __name__ == "__main__":
    main()
