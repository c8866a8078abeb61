"""Time `ganspec diff` as a ratio to lowering both specs: `python benchmarks/comparing.py`.

The specs are ResNet-18s, one with other widths, another norm and another activation. Times are of
the processor, so that a busy machine counts for less, and the smallest of ROUNDS rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ganspec.comparison.compare import compare
from ganspec.compiler.lower import lower
from ganspec.language.load import load
from ganspec.program.receptive import receptive_field

SPEC = Path(__file__).parent.parent / "specs" / "classifier_iclevr.yaml"
CHANGES = ["vars.ch=32", "classifier.layers.1=instance_norm", "classifier.layers.2={elu: 0.5}"]
ROUNDS = 7


def fastest(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def main() -> None:
    a, b = load(SPEC), load(SPEC, CHANGES)
    lowering = fastest(lambda: (lower(a), lower(b)))
    reading = fastest(lambda: (load(SPEC), load(SPEC, CHANGES)))
    whole = fastest(lambda: compare(a, b))
    fields = fastest(lambda: [receptive_field(lower(s)["classifier"]) for s in (a, b)])
    print(f"reading both     {1000 * reading:.0f} ms")
    print(f"lowering both    {1000 * lowering:.0f} ms")
    print(f"comparing them   {1000 * whole:.0f} ms, {whole / lowering:.1f} times lowering them")
    print(f"receptive fields {1000 * (fields - lowering):.0f} ms of it")


if __name__ == "__main__":
    main()
