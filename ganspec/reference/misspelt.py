"""A pattern of misspelt words, for schemas."""

from __future__ import annotations

import re
from collections.abc import Iterable


def misspelt_pattern(words: Iterable[str]) -> str:
    """Return a regular expression that matches `words`, and texts that are one typing slip away.

    A slip leaves out, adds or changes one letter, or swaps two neighbours.
    """
    forms: list[str] = []
    for word in words:
        forms += (_escaped(word[:i]) + "." + _escaped(word[i:]) for i in range(len(word) + 1))
        for i in range(len(word)):
            forms.append(_escaped(word[:i]) + ".?" + _escaped(word[i + 1 :]))
            forms.append(_escaped(word[:i] + word[i : i + 2][::-1] + word[i + 2 :]))
    return f"^({'|'.join(dict.fromkeys(forms))})$"


def _escaped(text: str) -> str:
    return re.escape(text).replace(r"\ ", " ")  # JavaScript allows no escaped space
