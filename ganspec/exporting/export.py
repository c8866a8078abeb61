"""Export a network of a run, and compare the export with ganspec before it is put in its place."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ganspec.atomic import check_free, replacing, replacing_folder, with_ending
from ganspec.exporting.comparison import Agreement, compare
from ganspec.exporting.folder import network_source, weights_of, write_folder
from ganspec.exporting.formats import write_graph, write_weights
from ganspec.exporting.hub import check_repository, push
from ganspec.exporting.network import Tensors, TrainedNetwork, chosen_key, open_network
from ganspec.exporting.request import GRAPHS, SUFFIXES, ExportError, ExportRequest
from ganspec.language.errors import printable
from ganspec.runs.run import Run
from ganspec.streams import is_stdout


@dataclass(frozen=True)
class Exported:
    """An export: its path, format and network's key, and how far it agrees with ganspec.

    `shapes` says what the network reads and returns: `z (N x 100) to image (N x 3 x 64 x 64)`.
    `url` is the address of the repository to which the export was pushed, None if it was not.
    """

    path: Path
    form: str
    network: str
    shapes: str
    agreement: Agreement
    url: str | None = None

    def lines(self) -> Iterator[str]:
        """Yield lines of text that describe the export."""
        written = "" if is_stdout(self.path) else f"{self.path} written: "
        yield f"{written}{self.network}, {self.shapes}"
        yield str(self.agreement)
        if self.url:
            yield f"pushed to {self.url}"


def export(run: Run | Path | str, **options: object) -> Exported:
    """Export a network of `run`, a run or its folder, and compare the export with ganspec.

    `options` are the fields of ExportRequest. Raises OSError, or a GanspecError such as
    ExportError; nothing is written then, unless only the push fails: the export stays.
    """
    request = ExportRequest(**options)  # type: ignore[arg-type]  # checked by `check`
    request.check()
    run = Run.open(run.folder if isinstance(run, Run) else run)
    path, form = _target(run, request), request.chosen_form
    is_folder = form == "python"
    check_free(path, request.overwrite, is_folder)
    if is_folder and Run(path).info_path.is_file():
        raise ExportError(f"{path} is a run, which has a spec.yaml of its own: name another folder")
    if request.push:
        check_repository(request.push)
    network = open_network(run, request)
    expected = [network.outputs(batch) for batch in network.batches()]
    with replacing_folder(path, request.overwrite) if is_folder else replacing(path) as temporary:
        if is_folder:
            settings = write_folder(network, temporary, request.license)
            warn_of_others(path, {file.name for file in temporary.iterdir()})
            agreement = compare(network, expected, settings)
        elif form in GRAPHS:
            write_graph(network, form, temporary)
            agreement = compare(network, expected, {"form": form, "path": str(temporary)})
        else:
            agreement = _write_weights(network, expected, temporary)
    url = push(path, request.push, request.private) if request.push else None
    return Exported(path, form, network.key, _shapes(network), agreement, url)


def warn_of_others(folder: Path, written: set[str]) -> None:
    """Warn if `folder` has other files than those to be `written`; these others stay.

    Hidden files and `__pycache__` do not count.
    """
    expected = {*written, "__pycache__"}
    others = sorted({each.name for each in folder.glob("[!.]*")} - expected)
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        message = f"{folder} also has other files, which stay: {printable(others[0])}{more}"
        warnings.warn(message, stacklevel=2)


def _target(run: Run, request: ExportRequest) -> Path:
    """Return `out` or, by default, a path in the run's folder: `generator_3_step400.onnx`.

    That name has the network's key, then the label, the step and `raw`, if they were chosen. An
    `out` without an ending gets that of the format, unless it is a stream or exists.
    """
    if request.out is not None:
        return with_ending(Path(request.out), SUFFIXES[request.chosen_form])
    name = chosen_key(run.spec, request)
    name += f"_{request.label}" if request.label else ""
    name += f"_step{request.step}" if request.step is not None else ""
    name += "_raw" if request.raw else ""
    return run.folder / f"{name.replace('/', '_')}{SUFFIXES[request.chosen_form]}"


def _write_weights(network: TrainedNetwork, expected: list[Tensors], path: Path) -> Agreement:
    """Write the weights to `path`, and compare the network's emitted class, which loads them.

    Raises ExportError if this class cannot load the weights, or if its outputs differ.
    """
    write_weights(network.module.state_dict(), network, path)
    with TemporaryDirectory() as name:
        source, class_name = network_source(network, network.net)
        file = Path(name) / f"{network.key}.py"
        file.write_text(source, "utf-8")
        return compare(network, expected, weights_of(file, class_name, path))


def _shapes(network: TrainedNetwork) -> str:
    """Return what the export reads and returns: `z (N x 100) to image (N x 3 x 64 x 64)`."""
    count = str(network.batch or "N")

    def named_shape(name: str, shape: tuple[int, ...]) -> str:
        return f"{name} ({' x '.join([count, *map(str, shape)])})"

    inputs = [named_shape(start.name, start.value.shape) for start in network.inputs]
    outputs = [named_shape(name, value.shape) for name, value in network.net.outputs.items()]
    return f"{' and '.join(inputs)} to {' and '.join(outputs)}"
