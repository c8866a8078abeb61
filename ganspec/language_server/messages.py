"""Messages of the server: diagnostics, completions and outlines in the types of LSP."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from lsprotocol import types

from ganspec.language.errors import Diagnostic
from ganspec.language_server.analysis import Analysis
from ganspec.language_server.completion import Choices, Proposal
from ganspec.language_server.navigation import OutlineEntry
from ganspec.language_server.positions import Positions
from ganspec.report.findings import text_of

PositionsOf = Callable[[Path], Positions]
"""A function that returns the `Positions` of a file's text: the editor's text, or the disk's."""

SEVERITY = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
}
ICONS = {
    "field": types.CompletionItemKind.Field,
    "kind": types.CompletionItemKind.Class,
    "block": types.CompletionItemKind.Function,
    "number": types.CompletionItemKind.Variable,
    "value": types.CompletionItemKind.EnumMember,
    "file": types.CompletionItemKind.File,
}
# a place in a note of a diagnostic: `my.yaml:4:7`, or `line 4` of the file of the diagnostic
PLACE = re.compile(r"(?P<file>\S+\.ya?ml):(?P<line>\d+):(?P<column>\d+)|\bline (?P<here>\d+)")
# a help that names a word to write in place of the marked one
REPLACEMENT = re.compile(r"use `([a-z_][a-z0-9_]*)`")


def diagnostics_of(analysis: Analysis, positions: PositionsOf) -> list[types.Diagnostic]:
    """Return the diagnostics of a spec in LSP's type.

    A mistake in a file that the spec extends is shown at the spec's `extends`.
    """
    once = cache(positions)  # so that a text is read once for all diagnostics
    return [_diagnostic(analysis.path, each, once) for each in analysis.diagnostics]


def _diagnostic(path: Path, found: Diagnostic, positions: PositionsOf) -> types.Diagnostic:
    message, own, related = text_of(found), positions(path), _related(path, found, positions)
    mark = found.mark
    if mark and mark.text.name != str(path):  # in a file that this one extends
        file = Path(mark.text.name)
        there = location(file, positions(file).range(mark))
        related.insert(0, types.DiagnosticRelatedInformation(there, found.message))
        message, mark = f"in {file.name}, line {mark.line}: {message}", None
        line = re.search(r"^extends:.*", own.text, re.M)
        start, end = line.span() if line else (0, 0)
        where = types.Range(own.position(start), own.position(end))
    else:
        where = own.range(mark) if mark else types.Range(own.position(0), own.position(1))
    replacement = REPLACEMENT.fullmatch(found.help or "") if mark else None
    return types.Diagnostic(
        where,
        message,
        SEVERITY[found.severity],
        found.code,
        source="ganspec",
        related_information=related or None,
        data=replacement[1] if replacement else None,
    )


def _related(
    path: Path, found: Diagnostic, positions: PositionsOf
) -> list[types.DiagnosticRelatedInformation]:
    """Return the places that the notes of a diagnostic name, each with its note."""
    places = []
    for note in found.notes:
        for place in PLACE.finditer(note):
            file = Path(place["file"] or (found.mark.text.name if found.mark else path))
            there = positions(file)
            where = _line(there, int(place["line"] or place["here"]), int(place["column"] or 0))
            places.append(types.DiagnosticRelatedInformation(location(file, where), note))
    return places


def _line(there: Positions, line: int, column: int) -> types.Range:
    """Return the range from a column to the end of its line; columns count from 1.

    Column 0 stands for the line's first word.
    """
    start, end = there.line(line)
    text = there.text[start:end]
    first = column - 1 if column else len(text) - len(text.lstrip())
    return types.Range(there.position(start + first), there.position(end))


def location(file: Path, where: types.Range) -> types.Location:
    """Return the range `where` of a file in LSP's type."""
    return types.Location(file.absolute().as_uri(), where)


def replacements(uri: str, found: list[types.Diagnostic]) -> list[types.CodeAction]:
    """Return the quick fixes for the file `uri`: words that the help of a diagnostic names."""
    return [
        types.CodeAction(
            f"Write `{each.data}`",
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[each],
            edit=types.WorkspaceEdit({uri: [types.TextEdit(each.range, each.data)]}),
            is_preferred=True,
        )
        for each in found
        if each.source == "ganspec" and isinstance(each.data, str)
    ]


def completions(found: Choices, own: Positions, has_snippets: bool) -> list[types.CompletionItem]:
    """Return completions in LSP's types.

    If the editor has snippets, the cursor goes where the inserted text has `$0`.
    """
    where = types.Range(own.position(found.start), own.position(found.end))
    return [
        _item(choice, text, where, has_snippets, i)
        for i, (choice, text) in enumerate(found.choices)
    ]


def _item(
    choice: Proposal, text: str, where: types.Range, has_snippets: bool, index: int
) -> types.CompletionItem:
    is_snippet = has_snippets and "$0" in text
    form = types.InsertTextFormat.Snippet if is_snippet else types.InsertTextFormat.PlainText
    markdown = types.MarkupContent(types.MarkupKind.Markdown, choice.text)
    return types.CompletionItem(
        choice.label,
        kind=ICONS[choice.sort],
        detail=choice.detail or None,
        documentation=markdown if choice.text else None,
        sort_text=f"{index:03d}",
        insert_text_format=form,
        text_edit=types.TextEdit(where, text if is_snippet else text.replace("$0", "")),
    )


def symbols(entries: list[OutlineEntry], own: Positions, end: int) -> list[types.DocumentSymbol]:
    """Return an outline in LSP's types.

    Each entry ends where the next one begins, and the last one at the offset `end`.
    """
    starts = [own.offset(own.range(entry.mark).start) for entry in entries]
    found = []
    for entry, start, last in zip(entries, starts, [*starts, end][1:], strict=True):
        name, last = own.range(entry.mark), max(last, own.offset(own.range(entry.mark).end))
        found.append(
            types.DocumentSymbol(
                entry.name,
                types.SymbolKind.Class if entry.is_layer else types.SymbolKind.Field,
                types.Range(own.position(start), own.position(last)),
                name,
                children=symbols(entry.entries, own, last),
            )
        )
    return found
