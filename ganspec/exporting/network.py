"""A trained network of a run to export, with inputs and ganspec's outputs for the comparison."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from types import SimpleNamespace
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils import parametrize

from ganspec.compiler.evaluate import EvaluatedNetwork, evaluate
from ganspec.exporting.request import GRAPHS, ExportError, ExportRequest
from ganspec.language.errors import listed, nearest
from ganspec.program import failures
from ganspec.program.ir import Call, Input, Net, Origin
from ganspec.runs.run import Run
from ganspec.sampling.label_names import find_labels, label_names
from ganspec.sampling.sampler import Sampler, load_weights, trained_network
from ganspec.systems.batches import scale_pixels
from ganspec.systems.source import PORTION, Source, own_batch, regrouped, whole
from ganspec.systems.spec import Spec

CPU = torch.device("cpu")
SEED = 0  # draws the inputs for which an export's outputs are compared

Tensors = tuple[torch.Tensor, ...]
State = dict[str, torch.Tensor]
T = TypeVar("T")


@dataclass(frozen=True)
class TrainedNetwork:
    """The network `key` of a run, in evaluation mode on the CPU, without rewrites.

    `step` is the training step after which its weights were saved; `averaged` is True if they are
    the moving average. `label`, a tensor of one row, is the only label that the network is exported
    for; None exports it for any label. `batch` is the number of images that the export reads at
    once, None if any. `own` is the size of training's batches if the network normalizes by the
    batch, else None. `sampler` draws images as `ganspec sample` does; None if the run restores or
    classifies images.
    """

    run: Run
    spec: Spec
    key: str
    module: EvaluatedNetwork
    cfg: SimpleNamespace
    step: int
    averaged: bool
    label: torch.Tensor | None
    batch: int | None
    own: int | None
    sampler: Source | None

    @property
    def net(self) -> Net:
        return self.module.program

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The inputs of the export: those of the network, except its label if `label` is set."""
        return tuple(i for i in self.net.inputs if self.label is None or i.role != "label")

    def read_from(self, batch: Tensors) -> dict[str, torch.Tensor]:
        """Return the tensors that the export reads, by the name of the input.

        `batch` has a tensor for each input of the network, even for a label that the export lacks.
        """
        pairs = zip(self.net.inputs, batch, strict=True)
        return {start.name: value for start, value in pairs if start in self.inputs}

    @property
    def draws(self) -> bool:
        """True if this is the network by which `ganspec sample` draws images from latents."""
        return self.key == self.spec.draws

    @property
    def makes_images(self) -> bool:
        """True if this network's output is images, drawn or restored."""
        return self.key in (self.spec.draws, self.spec.restores)

    @property
    def logits(self) -> bool:
        """True if the images that the network makes are logits, to which a sigmoid is applied."""
        if self.key == self.spec.restores:
            return self.cfg.criterion.outputs == "logits"
        return self.cfg.logits

    def graph(self) -> nn.Module:
        """Return a module that reads `inputs`. Weight norms of `module` are folded for good."""
        folded = fold(self.module)
        return folded if self.label is None else Labelled(folded, self.label)

    # -- batches for the comparison -----------------------------------------------------------

    @cached_property
    def values(self) -> Tensors:
        """The inputs for the comparison: a tensor for each input of the network.

        Latents are those of SEED. Images are those that the run draws from SEED; in a run that
        draws none, they are random.
        """
        rows = whole(self.own or PORTION["cpu"], self.batch)
        drawn = self.sampler.inputs(rows, SEED) if self.sampler else {}
        values = []
        for start in self.net.inputs:
            if start.role == "latent":
                values.append(drawn["latent"])
            elif start.role == "label":
                values.append(self._labels(rows, drawn.get("labels"), start))
            else:
                values.append(self._images(rows))
        return tuple(values)

    def _labels(self, rows: int, drawn: torch.Tensor | None, start: Input) -> torch.Tensor:
        """Return `rows` labels: `label` for each, else the labels `drawn`, else classes in turn."""
        if self.label is not None:
            return self.label.expand(rows, *self.label.shape[1:])
        if drawn is not None:
            return drawn
        classes = torch.arange(rows) % int(start.value.channels)
        return classes if start.value.is_index else torch.eye(int(start.value.channels))[classes]

    def _images(self, rows: int) -> torch.Tensor:
        if self.sampler:
            images = torch.cat([images for images, _ in self.sampler.images(rows, SEED)])
        else:
            random = torch.Generator().manual_seed(SEED)
            shape = (rows, *self.spec.data.shape)
            images = torch.randint(256, shape, generator=random, dtype=torch.uint8)
        return scale_pixels(images, self.cfg)

    @cached_property
    def random_layer(self) -> Origin | None:
        """The first layer that draws random numbers in evaluation mode; None if no layer does."""
        watch = RandomWatch()
        failures.watch = watch
        try:
            with torch.random.fork_rng(devices=[]), torch.no_grad():
                self.module(*self.values)
        finally:
            failures.watch = None
        return watch.random_layer

    def batches(self) -> list[Tensors]:
        """Return `values` divided into batches of size `batch`.

        If `batch` is None, the first batch is all of `values`, and the second their first row, to
        compare two sizes. A network that normalizes by the batch or draws random numbers makes
        other outputs for a single row, so it gets none.
        """
        if self.batch:
            return list(regrouped([self.values], self.batch))
        single = tuple(value[:1] for value in self.values)
        return [self.values] if self.own or self.random_layer else [self.values, single]

    @property
    def as_sampled(self) -> bool:
        """True if `outputs` computes as `ganspec sample` does, False if by the network alone."""
        has_whole_batches = not self.own or self.batch in (None, self.own)
        return self.draws and has_whole_batches and not self.random_layer

    def outputs(self, batch: Tensors) -> Tensors:
        """Return ganspec's outputs for a batch: a tensor for each output of the network."""
        if self.as_sampled and self.sampler:
            parts = regrouped([batch], self.sampler.portion)
            return (torch.cat([self.sampler.outputs(*part) for part in parts]),)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(0)  # as in `outside.py`
            outputs = self.module(*batch)
        return outputs if isinstance(outputs, tuple) else (outputs,)


class Labelled(nn.Module):
    """A network that reads the same label, a tensor of one row, for all images."""

    label: torch.Tensor

    def __init__(self, network: nn.Module, label: torch.Tensor):
        super().__init__()
        self.network = network
        self.register_buffer("label", label)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x, self.label.expand(x.shape[0], *self.label.shape[1:]))


class RandomWatch(failures.Watch):
    """A watch that keeps the first layer that uses torch's random generator."""

    random_layer: Origin | None = None

    def call(self, network: str, origin: Origin, run: Callable[[], T]) -> T:
        before = torch.get_rng_state()
        result = run()
        if self.random_layer is None and not torch.equal(before, torch.get_rng_state()):
            self.random_layer = origin
        return result


def open_network(run: Run, request: ExportRequest) -> TrainedNetwork:
    """Return the trained network that `request` names or, if it names none, the run's main one.

    Raises ExportError if the run lacks the network, if `request` asks for a label of a network that
    reads none, for several labels, or for raw weights of a network other than the one that draws.
    Raises LabelError if a label is unknown, RunError if weights were not kept, and CheckpointError
    if they cannot be read.
    """
    spec = run.spec
    key = chosen_key(spec, request)
    if key not in spec.networks:
        known = nearest(key, spec.networks)
        help = f"try `{known}`" if known else f"it has {listed(spec.networks)}"
        raise ExportError(f"{run.folder} has no network `{key}`: {help}")
    if request.raw and key != spec.draws:
        raise ExportError(f"no average is kept of the weights of `{key}`: leave --raw out")
    sampler = Sampler(run.folder, CPU, request.step, request.raw) if spec.draws else None
    weights = sampler.weights if sampler else load_weights(run, request.step)
    averaged = key == spec.draws and sampler is not None and sampler.averaged
    module, cfg = trained_network(run, key, weights, CPU, averaged, exact=True)
    module.requires_grad_(False)
    label = None
    if request.label is not None:
        label = _label(request.label, run, key, module)
        if sampler and sampler.labels is not None:
            sampler.labels = label
    own = own_batch(module, cfg)
    fixed = own if own and request.chosen_form in GRAPHS else None
    batch = fixed if request.batch is None else request.size
    return TrainedNetwork(
        run, spec, key, module, cfg, weights.step, averaged, label, batch, own, sampler
    )


def chosen_key(spec: Spec, request: ExportRequest) -> str:
    """Return the key of the network that `request` names or, if it names none, of the main one.

    That is the network that draws, restores or predicts, or else the spec's first.
    """
    return request.network or spec.draws or spec.restores or spec.predicts or spec.networks[0]


def _label(text: str, run: Run, key: str, module: EvaluatedNetwork) -> torch.Tensor:
    """Return the one label that `text` names, a tensor of one row.

    Raises ExportError if the network reads no label or `text` names several, LabelError if the
    label is unknown.
    """
    spec = run.spec
    labels = find_labels(text, spec, label_names(run, spec))
    if not module.is_conditional:
        raise ExportError(f"`{key}` of {spec.name} reads no label: leave --label out")
    if len(labels) != 1:
        raise ExportError(f"--label takes one label, and `{text}` names {len(labels)}: name one")
    return labels


def fold(network: nn.Module) -> nn.Module:
    """Return `network` itself, with each weight norm replaced by the weight that it returns."""
    for module in list(network.modules()):
        if parametrize.is_parametrized(module):
            for name in list(module.parametrizations):  # type: ignore[arg-type]  # a ModuleDict
                parametrize.remove_parametrizations(module, name)
    return network


def without_norms(net: Net) -> Net:
    """Return a program without weight norms and initializers, as weights are loaded into it."""
    steps = (replace(step, call=_plain(step.call), initialize=None) for step in net.steps)
    return replace(net, steps=tuple(steps), initialize=None)


def _plain(call: Call) -> Call:
    """Return a call without weight norms, also within a block that it calls."""
    if call.bare and call.kwargs.get("norm"):  # attention passes the norm on to its inner layers
        return call.bare
    plain = copy(call)
    plain.wraps = ()
    if isinstance(call.target, Net):
        plain.target = without_norms(call.target)
    return plain


def loadable(network: TrainedNetwork) -> tuple[Net, State]:
    """Return a program without weight norms, and weights that the class printed from it can load.

    The program and weights keep their norms if a user's own kind applies them to its inner layers,
    which the program does not show. In any case, the norms of `network.module` are folded for good.
    """
    plain, state = without_norms(network.net), dict(network.module.state_dict())
    with torch.random.fork_rng(devices=[]):
        names = set(evaluate(plain, exact=True).state_dict())
    folded = dict(fold(network.module).state_dict())
    return (plain, folded) if names == set(folded) else (network.net, state)
