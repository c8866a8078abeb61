"""ganspec: a compiler for GAN specs.

Each network of a spec is lowered to one small program, which is either evaluated (modules in
memory) or printed (plain PyTorch): see `docs/design.md`. Torch is imported when a name needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganspec.kinds_files import load_kinds
from ganspec.language.registry import PACKAGES
from ganspec.language.views import VIEWS
from ganspec.progress import quieted
from ganspec.runs.folder import require_flag, run_folder
from ganspec.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    import torch
    from torch import nn

    from ganspec.comparison.edits import Comparison
    from ganspec.comparison.survey import Survey
    from ganspec.exporting.export import Exported
    from ganspec.language.errors import Diagnostic, GanspecError, SpecError
    from ganspec.runs.folder import RunError
    from ganspec.sampling.trained_run import TrainedRun as Run
    from ganspec.systems.spec import Spec
    from ganspec.training.session import ScoringFactory
    from ganspec.training.trainer import Trainer

PACKAGES.update(
    {
        "layer": "ganspec.kinds.layers",
        "condition": "ganspec.kinds.conditions",
        "loss": "ganspec.kinds.losses",
        "criterion": "ganspec.kinds.criteria",
        "penalty": "ganspec.kinds.penalties",
        "optimizer": "ganspec.kinds.optimizers",
        "initializer": "ganspec.kinds.initializers",
        "weight_norm": "ganspec.kinds.weight_norms",
        "dataset": "ganspec.kinds.datasets",
        "metric": "ganspec.kinds.metrics",
        "system": "ganspec.systems",
    }
)
VIEWS.update(
    {
        "spec": "ganspec.report.notebook:show_spec",
        "network": "ganspec.report.notebook:show_network",
        "run": "ganspec.report.notebook:show_run",
        "samples": "ganspec.report.notebook:show_samples",
        "comparison": "ganspec.report.notebook:show_comparison",
        "survey": "ganspec.report.notebook:show_survey",
    }
)

__version__ = VERSION
__all__ = [
    "Diagnostic",
    "GanspecError",
    "Run",
    "RunError",
    "Spec",
    "SpecError",
    "Trainer",
    "build",
    "check",
    "compare",
    "diff",
    "emit",
    "export",
    "load",
    "load_kinds",
    "train",
]

_LAZY = {  # by name: MODULE or MODULE:OTHER_NAME, imported when the name is first used
    "Diagnostic": "ganspec.language.errors",
    "GanspecError": "ganspec.language.errors",
    "RunError": "ganspec.runs.folder",
    "SpecError": "ganspec.language.errors",
    "Spec": "ganspec.systems.spec",
    "Run": "ganspec.sampling.trained_run:TrainedRun",
    "Trainer": "ganspec.training.trainer",
}


def load(path: Spec | Run | str | Path, settings: str | list[str] | tuple[str, ...] = ()) -> Spec:
    """Return the validated spec called `path`, changed by `settings` such as `train.batch=32`.

    `path` is a spec file, a run folder, `FILE@REVISION` in git, or the name of a spec that comes
    with ganspec, such as `dcgan`; a Run or a Spec is taken as well. Raises SpecError, whose
    `diagnostics` list the mistakes by file and line, RevisionError if git cannot read the file,
    and RunError if a run needs kinds that are not loaded.
    """
    from ganspec.runs.opening import open_spec

    return open_spec(path, settings)


def check(spec: Spec | Run | str | Path) -> list[Diagnostic]:
    """Return the warnings about a spec; [] if there are none.

    `spec` may be a name that `load` opens. Raises what `load` raises, and SpecError if layers or
    networks do not fit each other, if a part of a network is `unknown`, or if names or counts under
    `report` are wrong. If nothing is `unknown`, it also raises SpecError if a layer cannot read a
    batch of the training, or if code of your own kinds cannot be copied into an emitted file.
    """
    from ganspec.compiler.check import check
    from ganspec.runs.opening import open_spec

    return check(open_spec(spec))


def build(
    spec: Spec | Run | str | Path, device: str | torch.device = "cpu", exact: bool = False
) -> dict[str, nn.Module]:
    """Return the spec's networks with fresh weights, by key, such as `generator`.

    `spec` may be a name that `load` opens. A network that is `unknown` as a whole is left out. The
    weights are drawn on the CPU, so that one `torch.manual_seed` gives the same weights on every
    device. With `exact`, no rewrites are applied, and outputs equal those of the emitted file bit
    for bit. Raises what `load` raises, SpecError if layers or networks do not fit each other or a
    part of a network is `unknown`, and RunError if this machine lacks the device.
    """
    from ganspec.compiler.evaluate import evaluate
    from ganspec.compiler.lower import lower
    from ganspec.runs.opening import open_spec
    from ganspec.systems.unread import refuse_unread
    from ganspec.training.device import choose_device

    require_flag("exact", exact)
    spec, place = open_spec(spec), choose_device(device)
    refuse_unread(spec, in_networks=True)
    return {name: evaluate(net, exact).to(place) for name, net in lower(spec).items()}


def emit(spec: Spec | Run | str | Path) -> str:
    """Return the source of a plain PyTorch program that defines and trains the spec's networks.

    `spec` may be a name that `load` opens. Raises what `load` raises, and SpecError if layers or
    networks do not fit each other, if a part of the spec is `unknown`, or if code of your own
    kinds cannot be copied into the source.
    """
    from ganspec.compiler.emit import emit
    from ganspec.runs.opening import open_spec

    return emit(open_spec(spec))


def diff(
    first: Spec | Run | str | Path, second: Spec | Run | str | Path, only: str | Iterable[str] = ()
) -> Comparison:
    """Return the differences of two specs, which a notebook shows side by side.

    `first` and `second` are specs, or names that `load` opens. The result's `is_equal` is True if
    the specs describe the same networks and training, however they are written. `only` names the
    networks and sections to compare, as in `data,train`; by default all are. Raises what `load`
    raises, and PartError if neither spec has a part that `only` names.
    """
    from ganspec.comparison.compare import compare
    from ganspec.comparison.surveyed import names_in, open_systems

    a, b = open_systems([first, second])
    return compare(a.spec, b.spec, (a.title, b.title), names_in(only))


def compare(*specs: Spec | Run | str | Path, rows: str | Iterable[str] = ()) -> Survey:
    """Return the table of `ganspec compare`, which a notebook shows.

    `specs` are specs, or names that `load` opens. `rows`, such as `data,loss`, restricts the table
    to rows whose names start with an entry; by default it has all but `hyperparameters`. Raises
    what `load` raises, and SurveyError without any spec, or if an entry starts no row's name.
    """
    from ganspec.comparison.survey import survey
    from ganspec.comparison.surveyed import names_in, open_systems

    return survey(open_systems(specs), names_in(rows))


def train(
    spec: Spec | Run | str | Path,
    out: str | Path | None = None,
    *,
    data: str | Path | None = None,
    device: str | torch.device = "auto",
    steps: int | None = None,
    minutes: float | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int, dict[str, float]], None] | bool | None = True,
    track: str | Sequence[str] = (),
    exact: bool = False,
    precision: str | None = None,
    speedups: Iterable[str] | str = "auto",
) -> Run:
    """Train a spec into the run folder `out`. Return the run.

    - `spec` may be a name that `load` opens.
    - `out` is by default the run folder that `spec` names, or else `runs/NAME`.
    - `data` is the folder of images; None searches the usual places.
    - `device` is a name such as `cuda:1`; `auto` is the first CUDA GPU, or the CPU without one.
    - `steps` is the step to end at, in place of the spec's epochs; `minutes` limits the time.
    - `resume` continues the run in `out` from its checkpoint; `overwrite` replaces that run.
    - `progress` True shows a bar, or lines where there is no terminal; False or None shows nothing.
      A function gets the step, the last step and the newest losses, at most five times a second.
    - `track` names trackers that show the run: `tensorboard`, `wandb`, `mlflow`, `trackio`.
    - `exact` applies every module without rewrites: results equal the emitted file's bit for bit.
    - `precision` and `speedups` are names (docs/speed_precision.md); `auto` measures the fastest.

    Processes that torchrun starts train one run together (docs/processes.md). Signals end a
    training with a checkpoint, and set the run's `interrupted`. Raises KeyboardInterrupt after two
    Ctrl-C, OSError, or a GanspecError: for example what `load` raises, RunError if the folder or
    device cannot be used, DataError if images are missing, TrainingError if a loss is not finite.
    """
    from ganspec.runs.opening import open_spec
    from ganspec.sampling.trained_run import TrainedRun
    from ganspec.training.session import TrainingOptions, train

    out, spec = run_folder(spec) if out is None else out, open_spec(spec)
    how = (data, str(device), steps, minutes, resume, overwrite, progress, track)
    options = TrainingOptions(*how, exact, precision, speedups)
    with quieted(progress is not True):
        return TrainedRun.of(train(spec, out, options, _scoring(spec)))


def export(
    run: Run | str | Path,
    out: str | Path | None = None,
    *,
    format: str | None = None,
    network: str | None = None,
    label: str | int | None = None,
    batch: int | str | None = None,
    step: int | None = None,
    raw: bool = False,
    overwrite: bool = False,
    license: str | None = None,
    push: str | None = None,
    private: bool = False,
) -> Exported:
    """Write a network of a run in a form that needs no ganspec. Return what was written.

    The options are those of `ganspec export`. `format` is `onnx`, `torch-export`, `torchscript`,
    `safetensors` or `python`; by default the ending of `out` tells it. `out` is a file, or for
    `python` a folder; by default it is in the run's folder. `batch` is a number or `free`. The
    result has the `path` of the file or folder, and in `agreement` the largest difference from what
    ganspec computes. Raises OSError, or a GanspecError such as ExportError if that difference is
    too large.
    """
    from ganspec.exporting.export import export
    from ganspec.sampling.label_names import label_text

    return export(
        run,
        form=format,
        out=out,
        network=network,
        label=None if label is None else label_text(label),
        batch=None if batch is None else str(batch),
        step=step,
        raw=raw,
        overwrite=overwrite,
        license=license,
        push=push,
        private=private,
    )


def _scoring(spec: Spec) -> ScoringFactory | None:
    if spec.evaluate is None:
        return None
    from ganspec.evaluation.periodic import periodic_scores  # imports scipy, which is slow

    return periodic_scores


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})  # names in `_LAZY` as well, for completion


def __getattr__(name: str) -> object:
    if name in _LAZY:
        import importlib

        module, _, other = _LAZY[name].partition(":")
        return getattr(importlib.import_module(module), other or name)
    raise AttributeError(f"module `ganspec` has no attribute `{name}`")
