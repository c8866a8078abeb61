"""The processes that train one spec together, and the tensors that they exchange.

Every rank runs the whole training step on the whole batch, with the same random numbers. Only the
networks' work is divided: each rank runs them on its slice of the batch, and the ranks exchange the
outputs. Losses, penalties and rules of a step therefore do not depend on the number of ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.autograd import Variable
from torch.autograd.function import Function

from ganspec.language.errors import GanspecError, UnshownError, one_line

T = TypeVar("T")


class RankLostError(GanspecError):
    """Raised when another process of the training has ended, or cannot be reached."""


class Ranks:
    """The processes of a training: their number `count`, and the rank `index` of this process.

    Within a block of `together`, each rank runs networks on its slice of the batch only. All ranks
    must run the block. Methods that exchange values raise RankLostError if a process is lost.
    """

    def __init__(self, count: int = 1, index: int = 0):
        self.count, self.index, self.is_together = count, index, False

    @classmethod
    def joined(cls) -> Ranks:
        """Return the ranks of torch's process group, or this process alone if there is none."""
        if not (dist.is_available() and dist.is_initialized()):
            return cls()
        return cls(dist.get_world_size(), dist.get_rank())

    def __deepcopy__(self, memo: dict) -> Ranks:
        return self  # a copy of a network belongs to the same processes

    @property
    def is_first(self) -> bool:
        """True on rank 0, which alone writes files and prints."""
        return self.index == 0

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let each rank run networks on its slice of the batch, within the block."""
        self.is_together = self.count > 1
        try:
            yield
        finally:
            self.is_together = False

    # -- slices ----------------------------------------------------------------------------------

    def bounds(self, size: int) -> list[int]:
        """Return the bounds of the ranks' slices of `size` rows, `count` + 1 row numbers.

        Rank i has the rows from bound i to bound i + 1, without the last. If the rows cannot be
        divided equally, the first ranks have one row more than the others.
        """
        least, more = divmod(size, self.count)
        return [rank * least + min(rank, more) for rank in range(self.count + 1)]

    def slice(self, size: int) -> slice:
        """Return the slice of a batch of `size` rows that this rank computes."""
        return slice(*self.bounds(size)[self.index : self.index + 2])

    def whole(self, part: torch.Tensor, size: int) -> torch.Tensor:
        """Return the batch of `size` rows that all ranks' slices make; `part` is this rank's."""
        bounds = self.bounds(size)
        lengths = [end - begin for begin, end in pairwise(bounds)]
        most = max(lengths)
        sent = part.new_zeros(most, *part.shape[1:])
        sent[: len(part)] = part
        # bytes are sent, since some backends cannot send every type
        raw = sent.reshape(-1).view(torch.uint8)
        received = raw.new_empty(self.count, len(raw))
        self._exchange(dist.all_gather, list(received), raw)
        parts = received.view(part.dtype).view(self.count, *sent.shape)
        if size == self.count * most:
            return parts.flatten(0, 1)
        pieces = zip(parts, lengths, strict=True)
        return torch.cat([piece[:length] for piece, length in pieces])

    # -- agreement -------------------------------------------------------------------------------

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Return, for each flag, True if it is True on at least one rank."""
        if self.count == 1:
            return flags
        votes = torch.tensor(flags, dtype=torch.uint8)
        self._exchange(dist.all_reduce, votes, dist.ReduceOp.MAX)
        return tuple(bool(vote) for vote in votes)

    def from_first(self, value: T) -> T:
        """Return the first rank's `value` on all ranks."""
        if self.count == 1:
            return value
        values = [value]
        self._exchange(dist.broadcast_object_list, values, device=torch.device("cpu"))
        return values[0]

    def of_all(self, value: T) -> list[T]:
        """Return the `value` of every rank, in the order of the ranks."""
        values: list[Any] = [value] * self.count
        if self.count > 1:
            self._exchange(dist.all_gather_object, values, value)
        return values

    @contextmanager
    def agreed(self) -> Iterator[None]:
        """Raise an error on all ranks if the block, which all ranks run, fails on one of them.

        Rank 0 raises its own error, or, if only other ranks failed, GanspecError with the message
        of the first of them. All other ranks raise UnshownError.
        """
        if self.count == 1:
            yield
            return
        error: BaseException | None = None
        try:
            yield
        except RankLostError:
            raise
        except (Exception, KeyboardInterrupt) as raised:
            error = raised
        messages = self.of_all(error and one_line(error))
        failed = [(rank, text) for rank, text in enumerate(messages) if text is not None]
        if self.is_first and error:
            raise error
        if failed and not self.is_first:
            raise UnshownError(failed[0][1]) from error
        if failed:
            raise GanspecError("on rank {}: {}".format(*failed[0]))

    def require_equal(self, values: dict[str, object]) -> None:
        """Raise GanspecError on rank 0 if another rank's `values` differ from those of rank 0."""
        for rank, others in enumerate(self.of_all(values)):
            for name, value in values.items():
                if others[name] != value and self.is_first:
                    message = f"rank {rank} has other {name} than rank 0: start all ranks alike"
                    raise GanspecError(message)

    def _exchange(self, operation: Callable, *arguments: object, **options: object) -> None:
        """Run a collective operation. Raises RankLostError if another process is lost."""
        try:
            operation(*arguments, **options)
        except RuntimeError as error:
            reason = one_line(error)
            raise RankLostError(f"another process was lost: {reason}: start all again") from error

    # -- gradients -------------------------------------------------------------------------------

    def total(self, x: torch.Tensor) -> torch.Tensor:
        """Return the sum of `x` over all ranks, without gradients."""
        result = x.detach().clone()
        self._exchange(dist.all_reduce, result)
        return result

    def average_gradients(self, weights: Sequence[nn.Parameter]) -> None:
        """Average the gradients of `weights` over the ranks after each later `backward`.

        This is done only for a `backward` within a block of `together`.
        """
        numbers = {id(weight): number for number, weight in enumerate(weights)}
        fresh: list[nn.Parameter] = []

        def note(weight: nn.Parameter) -> None:
            if self.is_together:
                if not fresh:
                    Variable._execution_engine.queue_callback(average)
                fresh.append(weight)

        def average() -> None:
            # gradients may become ready in another order on another rank
            ordered = sorted(fresh, key=lambda weight: numbers[id(weight)])
            fresh.clear()
            self._average([weight.grad for weight in ordered if weight.grad is not None])

        for weight in weights:
            weight.register_post_accumulate_grad_hook(note)

    def _average(self, gradients: list[torch.Tensor]) -> None:
        """Replace gradients by their means over the ranks, in one exchange for each type."""
        for dtype in dict.fromkeys(gradient.dtype for gradient in gradients):
            alike = [gradient for gradient in gradients if gradient.dtype == dtype]
            flat = torch.cat([gradient.reshape(-1) for gradient in alike])
            self._exchange(dist.all_reduce, flat)
            flat /= self.count
            for gradient, mean in zip(alike, flat.split([g.numel() for g in alike]), strict=True):
                gradient.copy_(mean.view_as(gradient))


# Within a network, a rank's gradients are `count` times what its slice of the batch adds to the
# gradient of the loss. So their mean over the ranks is the sum over the slices: the gradient of the
# loss. An L2 term does not depend on the slice: every rank has its whole gradient, and so has the
# mean.


class ToSlice(Function):
    """Return this rank's slice, times `scale`, of a batch that all ranks have."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, ranks: Ranks, scale: float = 1.0) -> torch.Tensor:
        ctx.ranks, ctx.scale, ctx.size = ranks, scale, len(x)
        own = x[ranks.slice(len(x))]
        return own.clone() if scale == 1 else scale * own

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        whole = ToWhole.apply(gradient, ctx.ranks, ctx.size, ctx.scale / ctx.ranks.count)
        return whole, None, None


class ToWhole(Function):
    """Return the batch that the slices of all ranks make together, times `scale`."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, ranks: Ranks, size: int, scale: float = 1.0
    ) -> torch.Tensor:
        ctx.ranks, ctx.scale = ranks, scale
        whole = ranks.whole(x, size)
        return whole if scale == 1 else scale * whole

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        own = ToSlice.apply(gradient, ctx.ranks, ctx.scale * ctx.ranks.count)
        return own, None, None, None


class Total(Function):
    """Return the sum of `x` over all ranks; its gradient is the sum of the ranks' gradients."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, ranks: Ranks) -> torch.Tensor:
        ctx.ranks = ranks
        return ranks.total(x)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        return Total.apply(gradient, ctx.ranks), None
