"""Convert lines and columns of YAML to those of editors, and back.

YAML counts characters from 1. Editors count code units, such as those of UTF-16, from 0, and end
lines at fewer characters than YAML.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable

from lsprotocol.types import Position, Range

from ganspec.language.errors import Mark
from ganspec.language.syntax import LINE_END

EDITOR_LINE_END = r"\r\n|[\r\n]"


class Positions:
    """The positions in `text`: offsets, lines and columns of YAML, and positions of the editor.

    `units(part)` returns how many code units a part of the text has in the editor's encoding.
    """

    def __init__(self, text: str, units: Callable[[str], int]):
        self.text, self.units = text, units
        mark = int(text.startswith("\ufeff"))  # a byte order mark, which the parser removes
        ends = [m.span() for m in re.finditer(LINE_END, text)]
        self.starts = [mark, *(end for _, end in ends)]  # of the lines of YAML
        self.ends = [*(start for start, _ in ends), len(text)]
        self.editor_starts = [0, *(m.end() for m in re.finditer(EDITOR_LINE_END, text))]

    def line(self, number: int) -> tuple[int, int]:
        """Return the offsets of the start and end of line `number` of YAML, counted from 1.

        If the text has fewer lines, return those of its last line.
        """
        index = min(number, len(self.starts)) - 1
        return self.starts[index], self.ends[index]

    def range(self, mark: Mark) -> Range:
        """Return the editor's range for a mark, cut at the end of the mark's line."""
        first, last = self.line(mark.line)
        start, end = (self.position(min(first + c - 1, last)) for c in (mark.column, mark.end))
        return Range(start, end)

    def position(self, offset: int) -> Position:
        """Return an offset as an editor's position; beyond the text, its nearest end counts."""
        offset = max(0, min(offset, len(self.text)))
        line = bisect_right(self.editor_starts, offset) - 1
        return Position(line, self.units(self.text[self.editor_starts[line] : offset]))

    def offset(self, position: Position) -> int:
        """Return the offset of an editor's position; beyond a line or the text, that of its end."""
        if position.line >= len(self.editor_starts):
            return len(self.text)
        offset, units = self.editor_starts[position.line], 0
        while offset < len(self.text) and units < position.character:
            if self.text[offset] in "\r\n":
                break
            units += self.units(self.text[offset])
            offset += 1
        return offset

    def place(self, position: Position) -> tuple[int, int]:
        """Return an editor's position as a line and a column of YAML, both counted from 1."""
        offset = self.offset(position)
        line = max(bisect_right(self.starts, offset), 1)
        return line, offset - self.starts[line - 1] + 1
