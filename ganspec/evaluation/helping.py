"""Share the extraction of features among N processes: each process reads every Nth batch.

The first process does all else. The batches are those that a single process would read, so that the
features are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice

import torch

from ganspec.evaluation.extractor import Extractor, Outputs
from ganspec.evaluation.extractors import ExtractorChoice, open_extractor
from ganspec.language.errors import UnshownError
from ganspec.systems.ranks import RankLostError, Ranks


def open_shared(choice: ExtractorChoice, device: torch.device, ranks: Ranks) -> Extractor:
    """Return the chosen extractor, which shares its batches with the other ranks.

    The other ranks call `help_extract` meanwhile. Raises what `open_extractor` does.
    """
    extractor = open_extractor(choice, device)
    if ranks.count == 1:
        return extractor
    ranks.from_first(choice)
    return replace(extractor, extract_all=partial(_extract_all, extractor, ranks))


def help_extract(device: torch.device, ranks: Ranks) -> None:
    """Extract features for the first process until it calls `dismiss`.

    Raises UnshownError if another process fails, and what `open_extractor` does.
    """
    extractor: Extractor | None = None
    try:
        while (message := ranks.from_first(None)) is not None:
            if isinstance(message, ExtractorChoice):
                extractor = open_extractor(message, device)
            elif extractor is not None:
                _extract_own(extractor, ranks, message)
    except RankLostError as error:
        raise UnshownError(str(error)) from error


def dismiss(ranks: Ranks) -> None:
    """Let the other processes return from `help_extract`."""
    ranks.from_first(None)


def _extract_all(
    extractor: Extractor, ranks: Ranks, batches: Iterator[torch.Tensor]
) -> Iterator[Outputs]:
    while group := list(islice(batches, ranks.count)):
        ranks.from_first(group)
        yield from _extract_own(extractor, ranks, group)


def _extract_own(extractor: Extractor, ranks: Ranks, group: list[torch.Tensor]) -> list[Outputs]:
    """Extract this rank's batch of a group. Return the outputs of all its batches, in order.

    The last group may have fewer batches than there are ranks.
    """
    has_batch = ranks.index < len(group)
    results = ranks.of_all(extractor(group[ranks.index]) if has_batch else None)
    return [result for result in results if result is not None]
