"""What `check` and lowering cost, as ratios to `import torch`: `python benchmarks/start.py`.

Processes are started by turns, so that a busy machine slows all alike; ratios are of medians.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import ganspec
from ganspec.compiler.lower import lower

SPECS = sorted((Path(__file__).parent.parent / "specs").glob("*.yaml"))
ROUNDS = 7


def seconds(*arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    torch, check, help_ = [], [], []
    spec = str(next(path for path in SPECS if path.stem == "dcgan"))
    for _ in range(ROUNDS):
        torch.append(seconds("-c", "import torch"))
        check.append(seconds("-m", "ganspec", "check", spec))
        help_.append(seconds("-m", "ganspec", "--help"))
    base = statistics.median(torch)
    print(f"import torch            {base:.2f} s")
    print(f"ganspec check dcgan     {statistics.median(check) / base:.2f} of it")
    print(f"ganspec --help          {statistics.median(help_) / base:.2f} of it")
    lower(ganspec.load(SPECS[0]))
    for path in SPECS:
        spec = ganspec.load(path)
        started = time.perf_counter()
        lower(spec)
        print(f"lowering {path.stem:16} {1000 * (time.perf_counter() - started):.0f} ms")


if __name__ == "__main__":
    main()
