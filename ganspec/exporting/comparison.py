"""Compare the outputs of an export, run in a process without ganspec, with those of ganspec."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
import torch

from ganspec.exporting import outside
from ganspec.exporting.network import SEED, Tensors, TrainedNetwork
from ganspec.exporting.request import ExportError
from ganspec.language.errors import printable
from ganspec.systems.source import quantize

# The allowed difference is RELATIVE times the largest number of an output, plus ABSOLUTE. Kernels
# sum in other orders, which changes the last of about 7 digits, and layers enlarge this difference.
RELATIVE, ABSOLUTE = 1e-4, 1e-6


@dataclass(frozen=True)
class Agreement:
    """The largest difference of an export from what ganspec computes, and how it was measured.

    `limit` is the difference that is allowed, the least of those for each output. `pixels` is the
    number of bytes that differ in the images, out of `of`; None if the network makes no images.
    `rows` is the number of rows of each input, `library` the library that computed the export's
    outputs (`torch 2.8.0`). `as_sampled` is True if the export was compared with `ganspec sample`,
    False if it was compared with the network alone.
    """

    difference: float
    limit: float
    pixels: int | None
    of: int
    rows: int
    library: str
    as_sampled: bool

    def __str__(self) -> str:
        what = "`ganspec sample`" if self.as_sampled else "the network in ganspec"
        text = f"compared with {what}, in {self.library} without ganspec, {self.rows} rows of seed "
        text += f"{SEED}: largest difference {self.difference:.2g}, allowed {self.limit:.2g}"
        if self.pixels is None:
            return text
        return f"{text}; {self.pixels:,} of {self.of:,} numbers of pixels differ"


def compare(
    network: TrainedNetwork, expected: list[Tensors], settings: dict[str, str]
) -> Agreement:
    """Run an export on the batches of `network`, and compare its outputs with `expected`.

    `expected` has ganspec's outputs for each batch. `settings` tell `outside.py` the format and the
    files of the export. Raises ExportError if a difference is larger than allowed, if an output has
    another shape or is not finite, or if the export fails.
    """
    arrays = {
        f"{index}.{name}": value.contiguous().numpy()
        for index, batch in enumerate(network.batches())
        for name, value in network.read_from(batch).items()
    }
    got, library = _run(arrays, settings)
    difference, limit, pixels, of = 0.0, float("inf"), 0, 0
    for index, outputs in enumerate(expected):
        for place, mine in enumerate(outputs):
            theirs = got.get(f"{index}.{place}", torch.tensor(float("nan")))
            if mine.shape != theirs.shape:
                raise ExportError(
                    f"output {place} has the shape {tuple(theirs.shape)} in the export, and "
                    f"{tuple(mine.shape)} in ganspec: use another --format"
                )
            if not torch.isfinite(mine).all():
                raise ExportError(
                    "some of the network's outputs are infinite or NaN: take another --step"
                )
            apart = float((mine.double() - theirs.double()).abs().nan_to_num(torch.inf).max())
            allowed = RELATIVE * float(mine.abs().max()) + ABSOLUTE
            difference, limit = max(difference, apart), min(limit, allowed)
            if apart > allowed:
                raise ExportError(
                    f"the export, run by {library}, differs from ganspec by {apart:.2g}, and "
                    f"{allowed:.2g} is allowed: use another --format"
                )
            if network.makes_images and (network.batch or index == 0):
                cfg = SimpleNamespace(low=network.cfg.low, logits=network.logits)
                parts = [quantize(images, cfg) for images in (mine, theirs)]
                pixels, of = pixels + int((parts[0] != parts[1]).sum()), of + parts[0].numel()
    rows = len(network.values[0])
    shown = pixels if network.makes_images else None
    return Agreement(difference, limit, shown, of, rows, library, network.as_sampled)


def _run(
    arrays: dict[str, np.ndarray], settings: dict[str, str]
) -> tuple[dict[str, torch.Tensor], str]:
    """Run `outside.py` on inputs named `BATCH.INPUT`. Return its outputs, and the library it used.

    Outputs are named `BATCH.INDEX`. Raises ExportError if the program fails.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(folder / "inputs.npz", **arrays)  # type: ignore[arg-type]  # NumPy's own stub
        files = {key: str(folder / f"{key}.npz") for key in ("inputs", "outputs")}
        command = [sys.executable, "-I", outside.__file__, json.dumps({**settings, **files})]
        run = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
        if run.returncode:
            lines = run.stderr.strip().splitlines() or [f"exit status {run.returncode}"]
            raise ExportError(f"the export fails without ganspec: {printable(lines[-1])}")
        with np.load(folder / "outputs.npz") as outputs:
            return {k: torch.from_numpy(outputs[k]) for k in outputs.files}, run.stdout.strip()
