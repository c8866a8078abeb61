"""Networks whose batches are shared out among ranks.

Their results equal those of a single process, up to rounding. Most layers treat each image by
itself, so each rank runs them on its slice of the batch. Batch norms exchange their statistics. A
layer that draws random numbers is run on a batch of the whole size, so that each image gets the
same numbers as in a single process. A layer that mixes images is run on the images of all ranks.
Functions, and modules that are not torch's, are tried on random inputs to find out.
"""

from __future__ import annotations

import copy
import hashlib
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypeAlias

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from ganspec.compiler.evaluate import EvaluatedNetwork
from ganspec.program.ir import Step, Value
from ganspec.systems.checkpoint import hash_weights, random_states
from ganspec.systems.feed import StreamedImages
from ganspec.systems.ranks import Ranks, ToSlice, Total, ToWhole
from ganspec.systems.training import Images, Training

# "image": the output for an image depends on that image alone; "random": also on random numbers;
# "batch": also on other images
Reach: TypeAlias = Literal["image", "random", "batch"]
TRIED = 4  # number of images in a trial
SCALES = (1.0, 0.01)  # of random inputs; some layers mix only images that differ little


def share(training: Training, ranks: Ranks) -> None:
    """Let each network of `training` run on slices of a batch, and average gradients over `ranks`.

    The networks do so only within `ranks.together`. Each rank also reads only a part of each
    streamed batch. Nothing changes if there is one rank.
    """
    training.ranks = ranks
    if isinstance(training.batches.images, StreamedImages):
        training.batches.images.ranks = ranks
    if ranks.count > 1:
        for network in training.networks.values():
            SharedNetwork(network, ranks)
        weights = [w for network in training.networks.values() for w in network.parameters()]
        ranks.average_gradients(weights)


def require_same_start(training: Training, images: Images, ranks: Ranks) -> None:
    """Raise GanspecError on rank 0 if another rank's spec, images or initial weights differ."""
    if ranks.count == 1:
        return
    weights = {key: hash_weights(n.state_dict()) for key, n in training.networks.items()}
    known = {"images": hash_images(images), "initial weights": weights}
    ranks.require_equal({"values in its spec": training.identity, **known})


def hash_images(images: Images) -> str:
    """Return a SHA-256 of all images and labels, held-out ones included.

    Of images in files it covers names, contents, labels, and which files cannot be read.
    """
    digest = hashlib.sha256()
    if files := images.files:
        names = [files.name(i) for i in range(len(files))]
        hashes = [stamp and stamp.sha256 for stamp in files.stamps]
        skipped = [(each.file, each.instead) for each in files.skipped]
        digest.update(repr((names, hashes, files.labels.tolist(), skipped)).encode())
    else:
        digest.update(str(images.sha256).encode())
    if images.test:
        digest.update(str(Images(*images.test).sha256).encode())
    return digest.hexdigest()


class SharedNetwork:
    """The hooks by which a network runs on this rank's slice of each batch.

    `size` is the number of images in the whole batch that the network reads. It is 0 if the batch
    is not shared out: outside `Ranks.together`, and if there are fewer images than ranks.
    """

    def __init__(self, network: nn.Module, ranks: Ranks):
        self.ranks, self.size = ranks, 0
        network.register_forward_pre_hook(self.begin)
        network.register_forward_hook(self.end)
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                vars(module)["forward"] = partial(normalize, module, self)
            if isinstance(module, EvaluatedNetwork):
                module.wrap_functions(self.wrapped)
        if isinstance(network, EvaluatedNetwork):
            for step, inputs, layer in network.calls():
                if layer is not None and (reach := batch_reach(step, inputs, layer)) != "image":
                    layer.register_forward_pre_hook(partial(self.enter, reach))
                    layer.register_forward_hook(partial(self.leave, reach))

    def begin(self, _: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
        """Return this rank's slice of a network's inputs, in place of the whole batches.

        Return None, which leaves the inputs unchanged, if the batch is not shared out.
        """
        size = len(inputs[0])
        self.size = size if self.ranks.is_together and size >= self.ranks.count else 0
        return tuple(ToSlice.apply(x, self.ranks) for x in inputs) if self.size else None

    def end(self, _: nn.Module, inputs: object, output: Any) -> Any:
        """Return a network's outputs for the whole batch, in place of those for this rank's slice.

        Return None, which leaves the outputs unchanged, if the batch is not shared out.
        """
        if not self.size:
            return None
        if isinstance(output, tuple):
            return tuple(ToWhole.apply(x, self.ranks, self.size) for x in output)
        return ToWhole.apply(output, self.ranks, self.size)

    def enter(self, reach: Reach, _: object, inputs: tuple[torch.Tensor, ...]) -> Any:
        """Return a layer's inputs as batches of the whole size, in place of this rank's slices.

        If the layer mixes images, the other rows are those of the other ranks. If it only draws
        random numbers, they are copies of this rank's first image, since only their number matters.
        Return None, which leaves the inputs unchanged, if the batch is not shared out.
        """
        if not self.size:
            return None
        if reach == "batch":
            return tuple(ToWhole.apply(x, self.ranks, self.size) for x in inputs)
        return tuple(self.filled(x) for x in inputs)

    def leave(self, reach: Reach, _: object, inputs: object, output: torch.Tensor) -> Any:
        """Return this rank's slice of the output of a layer, whose inputs `enter` has changed.

        Return None, which leaves the output unchanged, if the batch is not shared out.
        """
        if not self.size:
            return None
        if reach == "batch":
            return ToSlice.apply(output, self.ranks)
        return output[self.ranks.slice(self.size)]

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        """Return a batch of the whole size: this rank's slice is `x`, the rest copies of `x[0]`."""
        own = self.ranks.slice(self.size)
        before, after = own.start, self.size - own.stop
        other = x[:1].detach()  # an image of `x` rather than zeros, which a layer may divide by
        rest = other.shape[1:]
        filled = torch.cat([other.expand(before, *rest), x, other.expand(after, *rest)])
        # random numbers are drawn in the order of memory, so the order has to be that of `x`
        is_usual = x.dim() != 4 or x.is_contiguous()
        return filled.contiguous(
            memory_format=torch.contiguous_format if is_usual else torch.channels_last
        )

    def wrapped(self, step: Step, inputs: list[Value]) -> Callable | None:
        """Return a function to apply in place of the step's own function.

        Return None if the step's function treats each image by itself, and needs no replacement.
        """
        reach = batch_reach(step, inputs, None)
        if reach == "image":
            return None

        def apply(*tensors: torch.Tensor) -> torch.Tensor:
            entered = self.enter(reach, None, tensors) or tensors
            output = step.call.apply(*entered)
            return self.leave(reach, None, None, output) if self.size else output

        return apply


def normalize(module: _BatchNorm, shared: SharedNetwork, x: torch.Tensor) -> torch.Tensor:
    """Apply a batch norm with the statistics of the whole batch, of which `x` is one slice.

    Where no batch is shared out, or running statistics are used, it is applied as usual. The result
    can be differentiated twice.
    """
    by_batch = module.training or module.running_mean is None
    if not (shared.size and by_batch):
        return type(module).forward(module, x)
    dims = [0, *range(2, x.dim())]
    row = (1, -1, *[1] * (x.dim() - 2))  # shape: one number per channel
    wide = x if x.dtype == torch.float64 else x.float()
    count = shared.size * x[0, 0].numel()
    mean = Total.apply(wide.sum(dims), shared.ranks) / count
    centred = wide - mean.view(row)
    variance = Total.apply(centred.square().sum(dims), shared.ranks) / count
    result = centred * (variance + module.eps).rsqrt().view(row)
    if module.weight is not None:
        result = result * module.weight.view(row)
    if module.bias is not None:
        result = result + module.bias.view(row)
    if module.training and module.running_mean is not None:
        move_statistics(module, mean.detach(), variance.detach() * count / (count - 1))
    return result.to(x.dtype)


def move_statistics(module: _BatchNorm, mean: torch.Tensor, variance: torch.Tensor) -> None:
    """Move a batch norm's running statistics towards those of a batch, in place, as torch does."""
    assert module.running_mean is not None and module.running_var is not None
    assert module.num_batches_tracked is not None
    module.num_batches_tracked.add_(1)
    weight = module.momentum
    if weight is None:
        weight = 1 / float(module.num_batches_tracked)
    module.running_mean.lerp_(mean.to(module.running_mean.dtype), weight)
    module.running_var.lerp_(variance.to(module.running_var.dtype), weight)


def batch_reach(step: Step, inputs: list[Value], module: nn.Module | None) -> Reach:
    """Return "batch" if a step mixes images, "random" if it only draws random numbers, or "image".

    torch's own modules do not mix images, except batch norms, which `normalize` handles. Any other
    module or function is tried on random inputs, in training mode.
    """
    if type(module).__module__.startswith("torch.nn."):
        draws = isinstance(module, _DropoutNd | nn.RReLU)
        return "random" if draws else "image"
    device = next((t.device for t in module.state_dict().values()), None) if module else None
    with (
        torch.random.fork_rng(),
        torch.device(device or "cpu"),
        torch.no_grad(),
        warnings.catch_warnings(action="ignore"),
    ):
        tried = [_trial(step, inputs, module, scale) for scale in SCALES]
    return max(tried, key=["image", "random", "batch"].index)


def _trial(step: Step, inputs: list[Value], module: nn.Module | None, scale: float) -> Reach:
    """Return the reach of a step, as far as normal inputs of standard deviation `scale` show it."""
    torch.manual_seed(0)
    tensors = [value.tensor(TRIED) for value in inputs]
    tensors = [scale * torch.randn_like(x) if x.is_floating_point() else x for x in tensors]
    half = TRIED // 2
    changed = [torch.cat([x[:half], x[:1].expand(half, *x.shape[1:])]) for x in tensors]
    whole, draws = _run(step, tensors, module)
    if not _same(_run(step, changed, module)[0][:half], whole[:half]):
        return "batch"
    alone, _ = _run(step, [x[half:] for x in tensors], module)
    return "random" if draws or not _same(alone, whole[half:]) else "image"


def _run(
    step: Step, tensors: list[torch.Tensor], module: nn.Module | None
) -> tuple[torch.Tensor, bool]:
    """Return the output of a step on `tensors`, and True if the step drew random numbers."""
    device = tensors[0].device
    torch.manual_seed(1)
    before = random_states(device)
    if module is None:
        output = step.call.apply(*tensors)
    else:
        tried = copy.deepcopy(module).train()  # a copy, as its buffers may change
        for part in tried.modules():
            if isinstance(part, _BatchNorm):  # `normalize` handles it, so it must not count
                vars(part)["forward"] = nn.Identity()
        output = tried(*tensors)
    after = random_states(device)
    return output, any(not torch.equal(before[kind], after[kind]) for kind in before)


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-3, atol=1e-5, equal_nan=True)
