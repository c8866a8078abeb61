"""Multiply-adds are torch's own count, without the compiler that torch imports for it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from conftest import ROOT, SPECS
from torch.utils.flop_counter import FlopCounterMode

import ganspec
from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower
from ganspec.program.measure import costs


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_layers_cost_what_torch_counts_of_the_whole(path):
    for net in lower(ganspec.load(path, ["vars.ch=8"])).values():
        # two images, since batch norm may normalize by the batch
        inputs = [start.value.tensor(2) for start in net.inputs]
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            evaluate(net, exact=True).eval()(*inputs)
        mine = sum(cost.macs for cost in costs(net, macs=True))
        assert mine == counter.get_total_flops() // 4 > 0


@pytest.mark.true_process
def test_no_command_imports_torchs_compiler_to_show_a_cost():
    code = (
        "import sys; from ganspec.cli import app\n"
        f"try: app(['show', {str(ROOT / 'specs' / 'sagan.yaml')!r}])\n"
        "except SystemExit: pass\n"
        "print('torch._dynamo' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.endswith("\nFalse\n"), run.stderr
