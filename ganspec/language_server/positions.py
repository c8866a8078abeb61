"""Convert lines and columns between YAML, which counts characters, and editors.

Editors count the code units of an encoding, and know fewer ends of lines.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable

from lsprotocol.types import Position, Range

from ganspec.language.errors import Mark
from ganspec.language.syntax import LINE_END

EDITOR_LINE_END = r"\r\n|[\r\n]"  # YAML has more ends of lines


class Positions:
    """The positions of a text. `units` counts the code units of a text in the editor's encoding."""

    def __init__(self, text: str, units: Callable[[str], int]):
        self.text, self.units = text, units
        mark = int(text.startswith("\ufeff"))  # a byte order mark, which the parser removes
        ends = [m.span() for m in re.finditer(LINE_END, text)]
        self.yaml = [mark, *(end for _, end in ends)]
        self.ends = [*(start for start, _ in ends), len(text)]
        self.editor = [0, *(m.end() for m in re.finditer(EDITOR_LINE_END, text))]

    def line(self, number: int) -> tuple[int, int]:
        """Return the offsets of a YAML line's start and end; the last line's if there are fewer."""
        index = min(number, len(self.yaml)) - 1
        return self.yaml[index], self.ends[index]

    def range(self, mark: Mark) -> Range:
        """Return the editor's range for a mark, which stays on its line."""
        first, last = self.line(mark.line)
        start, end = (self.position(min(first + c - 1, last)) for c in (mark.column, mark.end))
        return Range(start, end)

    def position(self, offset: int) -> Position:
        """Return the editor's position of the character at an offset."""
        offset = max(0, min(offset, len(self.text)))
        line = bisect_right(self.editor, offset) - 1
        return Position(line, self.units(self.text[self.editor[line] : offset]))

    def offset(self, position: Position) -> int:
        """Return the offset of an editor's position, or the nearest one that the text has."""
        if position.line >= len(self.editor):
            return len(self.text)
        offset, units = self.editor[position.line], 0
        while offset < len(self.text) and units < position.character:
            if self.text[offset] in "\r\n":
                break
            units += self.units(self.text[offset])
            offset += 1
        return offset

    def place(self, position: Position) -> tuple[int, int]:
        """Return an editor's position as line and column of YAML, both from 1."""
        offset = self.offset(position)
        line = max(bisect_right(self.yaml, offset), 1)
        return line, offset - self.yaml[line - 1] + 1
