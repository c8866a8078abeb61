"""Run an exported network in a process without ganspec: `python -I outside.py SETTINGS`.

SETTINGS is JSON: the format, the paths of the export and of the batches to run, and where to write
the outputs. This file imports nothing of ganspec. It prints the library that ran the network.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.dont_write_bytecode = True
Network = Callable[[dict[str, np.ndarray]], list[np.ndarray]]  # from inputs by name to outputs


def load_onnx(settings: dict[str, Any]) -> tuple[Network, str]:
    """Return the ONNX model in the file `settings["path"]` as a function.

    Return also the name and version of the library that runs it, such as `onnxruntime 1.20.0`.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(settings["path"], providers=["CPUExecutionProvider"])
    return lambda batch: session.run(None, batch), f"onnxruntime {onnxruntime.__version__}"


def load_torch(settings: dict[str, Any]) -> tuple[Network, str]:
    """Return the network in a format of torch, `settings["form"]`, as a function.

    Return also torch's name and version, such as `torch 2.6.0`.
    """
    import torch

    if settings["form"] == "torch-export":
        network = torch.export.load(settings["path"]).module()
    elif settings["form"] == "torchscript":
        network = torch.jit.load(settings["path"])
    else:
        network = load_weights(settings)

    def run(batch: dict[str, np.ndarray]) -> list[np.ndarray]:
        torch.manual_seed(0)  # for networks that draw random numbers
        with torch.no_grad():
            outputs = network(*map(torch.from_numpy, batch.values()))
        outputs = outputs if isinstance(outputs, (tuple, list)) else [outputs]
        return [output.numpy() for output in outputs]

    return run, f"torch {torch.__version__}"


def load_weights(settings: dict[str, Any]) -> Any:
    """Return a network whose class is in a Python file and whose weights are in safetensors."""
    from safetensors.torch import load_file

    spec = importlib.util.spec_from_file_location("network", settings["source"])
    assert spec and spec.loader  # the path is that of a Python file
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = getattr(module, settings["class"])().eval()
    network.load_state_dict(load_file(settings["weights"]))
    return network


def run(settings: dict[str, Any]) -> str:
    """Run the export on all batches, and write its outputs. Return the library's name and version.

    Arrays in the npz file `settings["inputs"]` are named `BATCH.INPUT` (`0.z`), those in the npz
    file `settings["outputs"]` `BATCH.INDEX` (`0.0`).
    """
    network, library = (load_onnx if settings["form"] == "onnx" else load_torch)(settings)
    batches: dict[str, dict[str, np.ndarray]] = {}
    with np.load(settings["inputs"]) as arrays:
        for name in arrays.files:
            batch, _, start = name.partition(".")
            batches.setdefault(batch, {})[start] = arrays[name]
    outputs = {
        f"{name}.{index}": output
        for name, batch in batches.items()
        for index, output in enumerate(network(batch))
    }
    with Path(settings["outputs"]).open("wb") as file:
        np.savez(file, **outputs)  # type: ignore[arg-type]  # NumPy's own stub
    return library


if __name__ == "__main__":
    sys.modules["ganspec"] = None  # type: ignore[assignment]  # no import of ganspec succeeds
    print(run(json.loads(sys.argv[1])))
