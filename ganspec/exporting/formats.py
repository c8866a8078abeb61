"""Write a network into one file: as ONNX, torch.export, TorchScript or safetensors."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import torch
from torch import nn

from ganspec.compiler.evaluate import evaluate
from ganspec.exporting.network import Labelled, TrainedNetwork
from ganspec.exporting.request import ExportError
from ganspec.language.errors import printable
from ganspec.program.ir import Net, Origin
from ganspec.version import VERSION

EXAMPLES = 2  # images to trace a network with, if its batch is free: torch takes 1 for a constant
MOST_BYTES = 2**31 - 2**20  # of weights in one ONNX file: with its graph it cannot exceed 2 GiB
Examples: TypeAlias = tuple[torch.Tensor, ...]  # inputs that a network is traced with


def write_graph(network: TrainedNetwork, form: str, path: Path) -> None:
    """Write the network's steps and weights to `path`; `form` is a format of GRAPHS.

    Raises ExportError if the format cannot express a layer, which the message names if it is found,
    or if ONNX cannot hold the network, and OSError if the file cannot be written.
    """
    if form == "onnx":
        _check_onnx(network)
    size = network.batch or EXAMPLES
    examples = tuple(value[:size] for value in network.read_from(network.values).values())
    write = WRITERS[form]
    try:
        with silenced():
            write(network.graph(), examples, network, path)
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__:  # exporters wrap the reason in advice
            cause = cause.__cause__
        if isinstance(cause, OSError) and cause.errno:  # of the disk: no layer is at fault
            raise cause from None
        # an error that a layer raised while it ran has the layer as an attribute
        layer = getattr(cause, "layer", None) or culprit(network, write)
        reason = printable((str(cause).strip() or type(cause).__name__).splitlines()[0])
        message = f"{form} cannot express {_of(layer)}: {reason.rstrip('.')}"
        raise ExportError(f"{message}; use another --format") from error


def _of(layer: Origin | None) -> str:
    """Return a layer in words, with its path, kind and place; `the network` if it is None."""
    if layer is None:
        return "the network"
    place = f", {layer.mark}" if layer.mark else ""
    return f"the layer {layer.path} ({layer.kind}){place}"


def _check_onnx(network: TrainedNetwork) -> None:
    """Raise ExportError if ONNX cannot hold the network, or if the file could not be compared."""
    if (layer := network.random_layer) is not None:
        raise ExportError(
            f"{_of(layer)}, draws random numbers, and onnxruntime draws others than torch, so "
            "the file could not be compared: use another format"
        )
    weights = [*network.module.parameters(), *network.module.buffers()]
    if (size := sum(w.numel() * w.element_size() for w in weights)) > MOST_BYTES:
        message = f"an ONNX file holds 2 GiB at most, and the weights have {size:,} bytes"
        raise ExportError(f"{message}: use another format")


@contextmanager
def silenced() -> Iterator[None]:
    """Suppress warnings, and what exporters print and log, within the block."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        out, err = redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO())
        with warnings.catch_warnings(action="ignore"), out, err:
            yield
    finally:
        logging.disable(before)


# -- the formats ----------------------------------------------------------------------------------


def exported(
    module: nn.Module, examples: Examples, batch: int | None
) -> torch.export.ExportedProgram:
    """Return the program that torch.export records of `module`, applied to `examples`.

    The number of images is free if `batch` is None, and otherwise that of `examples`. Paths of this
    machine's files are removed from the program.
    """
    free = {0: torch.export.Dim("batch", min=1)}
    # `Labelled` takes `x`, any other network `*inputs`; the batch is the first axis of each input
    shapes = (free,) if isinstance(module, Labelled) else (tuple(free for _ in examples),)
    program = torch.export.export(module, examples, dynamic_shapes=None if batch else shapes)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    return program


def write_torch_export(
    module: nn.Module, examples: Examples, network: TrainedNetwork, path: Path
) -> None:
    facts = {"ganspec.json": json.dumps(facts_of(network))}
    buffer = io.BytesIO()  # torch's own writers abort Python where a disk is full
    torch.export.save(exported(module, examples, network.batch), buffer, extra_files=facts)
    path.write_bytes(buffer.getbuffer())


def write_torchscript(
    module: nn.Module, examples: Examples, network: TrainedNetwork, path: Path
) -> None:
    script = torch.jit.trace(module, examples, check_trace=False)
    facts = {"ganspec.json": json.dumps(facts_of(network))}
    buffer = io.BytesIO()  # as in `write_torch_export`
    torch.jit.save(script, buffer, _extra_files=facts)
    path.write_bytes(buffer.getbuffer())


def write_onnx(module: nn.Module, examples: Examples, network: TrainedNetwork, path: Path) -> None:
    program = torch.onnx.export(
        exported(module, examples, network.batch),
        dynamo=True,
        verbose=False,
        input_names=[start.name for start in network.inputs],
        output_names=list(network.net.outputs),
    )
    assert program is not None  # with `dynamo`, there is no other result
    model = program.model
    model.metadata_props.update({k: str(v) for k, v in facts_of(network).items()})
    for value in (*model.graph.inputs, *model.graph.outputs):
        if network.batch is None and value.shape is not None:
            value.shape[0] = "batch"  # in place of the number in torch's name
    program.save(str(path), external_data=False)


Writer: TypeAlias = Callable[[nn.Module, Examples, TrainedNetwork, Path], None]
WRITERS: dict[str, Writer] = {
    "onnx": write_onnx,
    "torch-export": write_torch_export,
    "torchscript": write_torchscript,
}


def write_weights(state: dict[str, torch.Tensor], network: TrainedNetwork, path: Path) -> None:
    """Write the weights `state` as a safetensors file; equal weights give equal bytes."""
    from safetensors.torch import save

    copies = {name: value.detach().clone().contiguous() for name, value in state.items()}
    facts = {"format": "pt", **{key: str(value) for key, value in facts_of(network).items()}}
    data = save(copies, facts)
    size = int.from_bytes(data[:8], "little")
    # the library writes the facts in random order, so the head is written again
    head = {**json.loads(data[8 : 8 + size]), "__metadata__": facts}
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the format aligns the numbers to 8 bytes
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])


def facts_of(network: TrainedNetwork) -> dict[str, str | int]:
    """Return an exported file's metadata: version, spec, network, step, weights, range of pixels.

    `black_and_white` is the range of pixels. `logits` is `yes` if the network makes images to which
    a sigmoid is still to be applied. If the network is exported for one label only, `label` is its
    class, or the classes of a multi-hot label, joined by commas.
    """
    low, high = network.spec.data.range
    label = network.label
    if label is not None and label.dim() > 1:
        label = label[0].nonzero().flatten()
    return {
        "ganspec": VERSION,
        "spec": network.spec.name,
        "network": network.key,
        "step": network.step,
        "weights": "average" if network.averaged else "raw",
        "black_and_white": f"{low:g} {high:g}",
        "logits": "yes" if network.makes_images and network.logits else "no",
        **({} if label is None else {"label": ",".join(map(str, label.tolist()))}),
    }


# -- the layer at fault ---------------------------------------------------------------------------


def culprit(network: TrainedNetwork, write: Writer) -> Origin | None:
    """Return the first layer that `write` cannot express; None if it can write the whole network.

    Bisection finds the longest beginning of the program that can be written.
    """
    steps = network.net.steps
    examples = tuple(value[: network.batch or EXAMPLES] for value in network.values)

    def fails(count: int) -> bool:
        part = beginning(network.net, count)
        with torch.random.fork_rng(devices=[]), TemporaryDirectory() as folder, silenced():
            module = evaluate(part, exact=True).eval().requires_grad_(False)
            shorter = replace(network, module=module, label=None)
            try:
                write(module, examples, shorter, Path(folder) / "part")
            except Exception:
                return True
        return False

    low, high = 0, len(steps)  # the first `low` steps can be written, the first `high` cannot
    if not fails(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fails(middle) else (middle, high)
    return steps[high - 1].origin


def beginning(net: Net, count: int) -> Net:
    """Return the program of the first `count` steps; it returns the output of the last of them."""
    steps = net.steps[:count]
    output = steps[-1].output
    return replace(net, steps=steps, outputs={"value": output}, initialize=None)
