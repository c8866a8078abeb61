"""Turn PyYAML's errors about texts that are not YAML into diagnostics."""

from __future__ import annotations

import re
from contextlib import suppress

import yaml

from ganspec.language.errors import Diagnostic, Mark, SpecError, Text

LINE_END = r"\r\n|[\n\r\x85\u2028\u2029]"
# Pattern for PyYAML's message, message shown, help. The first pattern that matches is used.
PROBLEMS: list[tuple[str, str, str | None]] = [
    (
        r"mapping values are not allowed",
        "a second `:` in one entry",
        "begin a new line for a new key, or quote a text that holds `: `",
    ),
    (r"indent by '\\t'", "a tab cannot indent YAML", "use spaces"),
    (r"found character '\\t'", "a tab cannot stand here", "use a space"),
    (r"found character '(?P<character>[@`%])'", "a text cannot begin with {character}", "quote it"),
    (r"found unknown escape character", "an unknown escape in a double-quoted text", "use '...'"),
    (r"expected escape sequence", "an unfinished escape in a double-quoted text", "use '...'"),
    (
        r"no character has this escape",
        "an escape that stands for no character of Unicode",
        "escapes go up to \\U0010FFFF, without \\uD800 to \\uDFFF",
    ),
    (r"unexpected (end of stream|document separator)", "this quote is never closed", "close it"),
    (r"could not find expected ':'", "a key without its `:`", "write `key: value`"),
    (r"undefined alias '?(?P<name>[^']*)'?", "no anchor is called `{name}`", "define it with `&`"),
    (r"duplicate anchor '?(?P<name>[^';]*)'?", "`&{name}` is given twice", "rename one of the two"),
    (
        r"found another document",
        "a spec is one document",
        "remove the `---` and what follows it, or make it a file of its own",
    ),
    (r"expected ',' or '}'", "this map is not closed, or lacks a comma", "add `,` or `}`"),
    (r"expected ',' or '\]'", "this list is not closed, or lacks a comma", "add `,` or `]`"),
    (
        r"sequence entries are not allowed",
        "a list cannot begin here",
        "begin `- ` on a line of its own",
    ),
    (r"mapping keys are not allowed", "a map cannot begin here", "begin it on a line of its own"),
    (
        r"expected <block end>",
        "this line is not in line with the ones before it",
        "indent it as the lines that it belongs to",
    ),
    (
        r"chomping or indentation|a comment or a line break|indentation indicator",
        "a text after `|` or `>` begins on the next line",
        "quote a text that begins with either",
    ),
    (r"expected alphabetic or numeric", "`&` and `*` begin an anchor's name", "quote the text"),
    (
        r"node content|expected a node",
        "a value is missing before this",
        "remove what is left over, or quote it",
    ),
    (r"expected '<document start>'", "this stands after the spec's end", "remove it"),
]
CLOSING = {"[": "]", "{": "}"}
# how PyYAML begins its texts about a list, map or quote that it was reading. The first two are
# about things that may be unclosed.
OPENINGS = ("while parsing a flow", "while scanning a quoted", "while parsing a block")


def syntax_error(source: Text, error: yaml.MarkedYAMLError) -> SpecError:
    """Return the SpecError for an exception of PyYAML, with one diagnostic about `source`."""
    at = error.problem_mark or error.context_mark
    assert at is not None  # PyYAML marks each of its errors
    problem, context = error.problem or "", error.context or ""
    line = source.lines[at.line] if at.line < len(source.lines) else ""
    mark = Mark(source, at.line + 1, at.column + 1, at.column + 2)
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" in indent and at.column <= len(indent):
        problem, column = "indent by '\\t'", line.index("\t") + 1
        mark = Mark(source, mark.line, column, column + 1)
    message, help = _worded(problem)
    if "mapping values" in problem and ": " not in line[: at.column]:
        message, help = (
            "a map cannot begin here",
            "indent it as its neighbours, or end a key with `:`",
        )
    notes: tuple[str, ...] = ()
    begin = error.context_mark
    # an unclosed thing is marked where it begins, since PyYAML notices it only at the end
    if begin and context.startswith(OPENINGS[:2]) and (line == "" or "quote" in message):
        mark = Mark(source, begin.line + 1, begin.column + 1, begin.column + 2)
    elif begin and context.startswith(OPENINGS) and begin.line != at.line:
        noun = "map" if "mapping" in context else "list"
        notes = (f"the {noun} begins at line {begin.line + 1}",)
    if "node content" in problem and "<stream end>" in problem and (found := _unclosed(source)):
        bracket = source.lines[found.line][found.column]
        mark = Mark(source, found.line + 1, found.column + 1, found.column + 2)
        message = f"this {'list' if bracket == '[' else 'map'} is not closed"
        help = f"add `{CLOSING[bracket]}`"
    return SpecError([Diagnostic("yaml", message, mark, notes, help)])


def _unclosed(source: Text) -> yaml.Mark | None:
    """Return the place of the innermost `[` or `{` that nothing closes; None if there is none."""
    opened: list[yaml.Mark] = []
    with suppress(yaml.MarkedYAMLError):
        for token in yaml.scan("\n".join(source.lines)):
            if isinstance(token, yaml.FlowSequenceStartToken | yaml.FlowMappingStartToken):
                opened.append(token.start_mark)
            elif isinstance(token, yaml.FlowSequenceEndToken | yaml.FlowMappingEndToken):
                opened.pop()
    return opened[-1] if opened else None


def _worded(problem: str) -> tuple[str, str | None]:
    """Return our message and help in place of PyYAML's message `problem`."""
    for pattern, message, help in PROBLEMS:
        if match := re.search(pattern, problem):
            return message.format(**match.groupdict()), help
    return "this is not YAML", "remove it or quote it"


def character_error(source: Text, text: str, error: yaml.reader.ReaderError) -> SpecError:
    """Return the SpecError for a character of `text` that YAML does not allow."""
    before = text[: max(error.position, 0)]
    line = len(re.findall(LINE_END, before))
    column = len(before) - max((m.end() for m in re.finditer(LINE_END, before)), default=0)
    code = error.character if isinstance(error.character, int) else ord(error.character)
    mark = Mark(source, line + 1, column + 1, column + 2)
    message, help = f"the character U+{code:04X} is not allowed in YAML", "remove it"
    if 0xDC80 <= code <= 0xDCFF:  # Python's stand-in for a byte of an argument that is not UTF-8
        message = f"the byte 0x{code - 0xDC00:X} is not UTF-8"
    elif not 0xD800 <= code <= 0xDFFF:
        help = "remove it, or write it as an escape"
    return SpecError([Diagnostic("yaml", message, mark, (), help)])
