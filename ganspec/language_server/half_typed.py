"""Trees of texts that are not YAML at the moment, because someone is typing in them.

A marker replaces the word at the cursor, and shows in the tree where the cursor is. For a text that
the parser of specs cannot read, brackets that are open before the marker are closed after it, and
the rest of its line or of the whole text is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from ganspec.language.errors import SpecError
from ganspec.language.source import parse
from ganspec.language.syntax import LINE_END
from ganspec.language.tree import MapNode

MARKER = "ganspec_cursor"
CLOSING = {  # the bracket that closes what a token opens
    yaml.tokens.FlowMappingStartToken: "}",
    yaml.tokens.FlowSequenceStartToken: "]",
}
ENDS = (yaml.tokens.FlowMappingEndToken, yaml.tokens.FlowSequenceEndToken)
ENTRY = r"[ ]*(- +)*"  # indentation and dashes before a key or an entry of a list


def word_around(text: str, offset: int) -> tuple[int, int]:
    """Return the offsets of the word around `offset`; (`offset`, `offset`) if there is no word."""
    start, end = offset, offset
    while start and re.match(r"\w", text[start - 1]):
        start -= 1
    while end < len(text) and re.match(r"\w", text[end]):
        end += 1
    return start, end


def is_entry(text: str, start: int) -> bool:
    """Return True if only indentation and dashes of a list are before `start` on its line."""
    return re.fullmatch(ENTRY, re.split(LINE_END, text[:start])[-1]) is not None


def closing(text: str) -> str:
    """Return the text that closes the brackets left open in `text`, such as `]}`; "" for none."""
    found: list[str] = []
    try:
        for token in yaml.scan(text):
            if type(token) in CLOSING:
                found.append(CLOSING[type(token)])
            elif isinstance(token, ENDS) and found:
                found.pop()
    except yaml.YAMLError:
        pass  # as after an open quote: the brackets that were found before it are closed
    return "".join(reversed(found))


def marked_trees(text: str, offset: int, name: str) -> Iterator[MapNode]:
    """Yield possible trees of the text with MARKER in place of the word at `offset`, best first.

    The marks of the nodes give `name` as the file.
    """
    start, end = word_around(text, offset)
    head, tail = text[:start], text[end:]
    line_end = re.search(LINE_END, tail)
    below = tail[line_end.start() :] if line_end else ""
    brackets = closing(head)
    is_key = is_entry(text, start) and not brackets and not re.match(r" *:", tail)
    # the marker may be a key, whose colon is not typed yet, or a value
    words = [f"{MARKER}:", MARKER] if is_key else [MARKER]
    for rest in dict.fromkeys([tail, brackets + below, brackets]):
        for word in words:
            if tree := _parsed(head + word + rest, name):
                yield tree


def tree_until(text: str, offset: int, name: str) -> MapNode | None:
    """Return the tree of the whole text, or else of its lines up to that of `offset`.

    Return None if neither can be read.
    """
    line_end = re.compile(LINE_END).search(text, offset)
    head = text[: line_end.start() if line_end else len(text)]
    return _parsed(text, name) or _parsed(head + closing(head), name)


def _parsed(text: str, name: str) -> MapNode | None:
    try:
        return parse(text, name)
    except SpecError:
        return None
