"""Share the calls of a function among N processes: each process reads every Nth batch.

The first process does all the rest. The batches are those of a single process, so that the results
are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, TypeVar

from ganspec.language.errors import UnshownError
from ganspec.systems.ranks import RankLostError, Ranks

B = TypeVar("B")
R = TypeVar("R")


def shared(
    name: str, make: Callable[[], Callable[[B], R]] | None, function: Callable[[B], R], ranks: Ranks
) -> Callable[[Iterable[B]], Iterator[R]]:
    """Return a function that yields the results of `function` for batches, in order.

    The first rank calls this, while the other ranks run `help_others`. `make` is pickled and sent
    to them. It returns the function, which they keep under `name`, in place of any older one. If
    `make` is None, they have the function already. If the function fails, the first rank raises its
    own error, or GanspecError for another rank's. Raises RankLostError if a process is lost.
    """
    if make:
        ranks.from_first((name, make))

    def results(batches: Iterable[B]) -> Iterator[R]:
        batches = iter(batches)
        while group := list(islice(batches, ranks.count)):
            ranks.from_first((name, group))
            yield from _share(function, ranks, group)

    return results


def help_others(ranks: Ranks, functions: dict[str, Callable[[Any], Any]] | None = None) -> None:
    """Call shared functions for the first rank until it calls `dismiss`; the other ranks run this.

    `functions` are the functions that this rank has, by name; those that the first rank sends are
    added. If a function fails on any rank, only the first rank raises an error: it decides how to
    go on. Raises UnshownError if another process is lost.
    """
    functions = {} if functions is None else functions
    try:
        while (message := ranks.from_first(None)) is not None:
            name, work = message
            if not isinstance(work, list):
                functions[name] = work()
                continue
            with suppress(UnshownError):
                _share(functions[name], ranks, work)
    except RankLostError as error:
        raise UnshownError(str(error)) from error


@contextmanager
def helped(ranks: Ranks) -> Iterator[None]:
    """Dismiss the other ranks, which run `help_others`, at the end of the first rank's block.

    They are also dismissed if the block raises an Exception, except RankLostError.
    """
    try:
        yield
    except RankLostError:
        raise
    except Exception:
        dismiss(ranks)
        raise
    dismiss(ranks)


def dismiss(ranks: Ranks) -> None:
    """Let the other ranks return from `help_others`. The first rank calls this."""
    ranks.from_first(None)


def _share(function: Callable[[B], R], ranks: Ranks, group: list[B]) -> list[R]:
    """Call `function` for this rank's batch of `group`. Return all ranks' results, in order.

    A group has one batch for each rank; the last group may have fewer.
    """
    with ranks.agreed():
        own = [function(batch) for batch in group[ranks.index : ranks.index + 1]]
    return [result for results in ranks.of_all(own) for result in results]
