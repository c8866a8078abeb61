"""Share the extraction of features among N processes: each process reads every Nth batch.

The first process does all the rest. The batches are those of a single process, so that the features
are the same.
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
    """Return the chosen extractor on the first rank; `activations` lets the other ranks help.

    Meanwhile the other ranks run `help_extract`. Raises ExtractorError, FidelityError, RunError,
    CheckpointError and SpecError.
    """
    extractor = open_extractor(choice, device)
    if ranks.count == 1:
        return extractor
    ranks.from_first(choice)
    return replace(extractor, extract_all=partial(_extract_all, extractor, ranks))


def help_extract(device: torch.device, ranks: Ranks) -> None:
    """Extract features for the first rank, on each of the other ranks, until `dismiss` is called.

    Raises UnshownError if another process fails, and the errors of `open_extractor`.
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
    """Let the other ranks return from `help_extract`. The first rank calls this."""
    ranks.from_first(None)


def _extract_all(
    extractor: Extractor, ranks: Ranks, batches: Iterator[torch.Tensor]
) -> Iterator[Outputs]:
    while group := list(islice(batches, ranks.count)):
        ranks.from_first(group)
        yield from _extract_own(extractor, ranks, group)


def _extract_own(extractor: Extractor, ranks: Ranks, group: list[torch.Tensor]) -> list[Outputs]:
    """Extract this rank's batch of `group`, which has one batch for each rank.

    Return the outputs of all its batches, in order. The last group may have fewer batches than
    there are ranks.
    """
    has_batch = ranks.index < len(group)
    results = ranks.of_all(extractor(group[ranks.index]) if has_batch else None)
    return [result for result in results if result is not None]
