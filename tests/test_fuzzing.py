"""Mutated specs and random settings through the commands: nothing but diagnostics, in little time.

`GANSPEC_FUZZ=1000` tries as many of each; `python tests/fuzzing.py` tries any number.
"""

from __future__ import annotations

import os

import pytest
from fuzzing import Bench

COUNT = int(os.environ.get("GANSPEC_FUZZ", "25"))


@pytest.mark.parametrize("kind", ["specs", "settings"])
def test_commands_end_with_results_or_diagnostics(tmp_path, kind):
    bench = Bench(tmp_path)
    for seed in range(COUNT):
        for outcome in bench.case(kind, seed):
            assert outcome.problem is None, (seed, outcome.command, outcome.output)
