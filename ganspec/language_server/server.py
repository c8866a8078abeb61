"""The server, which speaks the Language Server Protocol with an editor."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lsprotocol import types
from pygls.capabilities import get_capability
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from ganspec.language.document import systems
from ganspec.language.errors import Mark, SpecError
from ganspec.language.fields import fields_of
from ganspec.language.source import Content, file_text, real
from ganspec.language.tree import MapNode
from ganspec.language_server.analysis import Analysis, analyse
from ganspec.language_server.completion import complete
from ganspec.language_server.half_typed import tree_until
from ganspec.language_server.help_texts import help_text, number_text
from ganspec.language_server.messages import (
    completions,
    diagnostics_of,
    location,
    replacements,
    symbols,
)
from ganspec.language_server.navigation import definition, number_at, outline
from ganspec.language_server.positions import Positions
from ganspec.language_server.spots import SpecWalk, Spot, spot_at
from ganspec.reference.schema_file import SCHEMA_NAME
from ganspec.reference.words import SPEC_KEYS
from ganspec.version import VERSION

PAUSE = 0.25  # seconds without a change before a spec is checked
# the capability of an editor to put the cursor into an inserted text
SNIPPETS = "text_document.completion.completion_item.snippet_support"


class SpecServer(LanguageServer):
    """A server of the specs that an editor has open.

    One thread checks specs, one after the other; completion does not wait for it.
    """

    def __init__(self) -> None:
        super().__init__("ganspec", VERSION)
        self.checker = ThreadPoolExecutor(1)
        self.analyses: dict[str, Analysis] = {}
        self.trees: dict[str, MapNode] = {}  # the last tree that could be read, by file
        self.tasks: dict[str, asyncio.Task[None]] = {}

    # -- texts --------------------------------------------------------------------------------

    def text(self, uri: str) -> str:
        """Return the text of a file: the editor's if it is open there, or else the disk's.

        It is empty if the file cannot be read: an editor may ask about one that it has just closed.
        """
        try:
            return self.workspace.get_text_document(uri).source
        except (OSError, UnicodeError):
            return ""

    def is_open(self, uri: str) -> bool:
        """Return True if the editor has a file open."""
        # the keys of `text_documents` are URIs without the escapes of `uri`, such as `%20`
        return any(uri == document.uri for document in self.workspace.text_documents.values())

    def content(self) -> Content:
        """Return a function that returns a file's text: the editor's text if it is open there.

        Other files are read from the disk; SpecError is raised if that fails.
        """
        documents = self.workspace.text_documents.values()
        texts = {real(_path(document.uri)): document.source for document in documents}

        def text_of(path: Path, at: Mark | None) -> str:
            own = texts.get(real(path))
            return file_text(path, at) if own is None else own

        return text_of

    def positions(self, path: Path) -> Positions:
        """Return the positions in a file's text; in an empty text if it cannot be read."""
        try:
            text = self.content()(path, None)
        except SpecError:  # a diagnostic says so at the `extends` that names the file
            text = ""
        return Positions(text, self.workspace.position_codec.client_num_units)

    # -- checks -------------------------------------------------------------------------------

    async def analysis(self, uri: str) -> Analysis:
        """Return the analysis of a file's present text; the checker's thread makes it."""
        loop, content = asyncio.get_running_loop(), self.content()
        return await loop.run_in_executor(self.checker, self._analyse, uri, content)

    def _analyse(self, uri: str, content: Content) -> Analysis:
        found = self.analyses.get(uri)
        if found is None or not found.is_fresh(content):
            found = self.analyses[uri] = analyse(_path(uri), content)
            if found.tree:
                self.trees[uri] = found.tree
        return found

    def schedule(self, uri: str) -> None:
        """Check a file, and the open files that extend it, once nobody typed for PAUSE seconds."""
        path = real(_path(uri))
        others = [
            other
            for other, found in list(self.analyses.items())  # the thread may add one meanwhile
            if path in map(real, found.texts) and self.is_open(other)
        ]
        for each in {uri, *others}:
            if task := self.tasks.get(each):
                task.cancel()
            self.tasks[each] = asyncio.create_task(self._publish(each))

    async def _publish(self, uri: str) -> None:
        await asyncio.sleep(PAUSE)
        document = self.workspace.get_text_document(uri)
        version, found = document.version, []
        if is_spec(document.source):
            found = diagnostics_of(await self.analysis(uri), self.positions)
        if self.is_open(uri) and document.version == version:
            message = types.PublishDiagnosticsParams(uri, found, version)
            self.text_document_publish_diagnostics(message)

    def forget(self, uri: str) -> None:
        """Forget all about a file that was closed, and remove its diagnostics from the editor."""
        if task := self.tasks.pop(uri, None):
            task.cancel()
        self.analyses.pop(uri, None)
        self.trees.pop(uri, None)
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    # -- places -------------------------------------------------------------------------------

    async def spot(
        self, params: types.HoverParams | types.DefinitionParams
    ) -> tuple[Spot, SpecWalk, Analysis, int] | None:
        """Return the spot at a position, the walk that found it, the analysis, and the YAML column.

        Return None if no key or value is there, or if the file is no spec or cannot be parsed.
        """
        uri, text = params.text_document.uri, self.text(params.text_document.uri)
        if not is_spec(text):
            return None
        path, own = _path(uri), self.positions(_path(uri))
        tree = tree_until(text, own.offset(params.position), str(path))
        if tree is None:
            return None
        found = await self.analysis(uri)
        walk = SpecWalk(tree, found.tree or self.trees.get(uri))
        line, column = own.place(params.position)
        spot = spot_at(walk.spots(), line, column)
        return (spot, walk, found, column) if spot else None


def _path(uri: str) -> Path:
    return Path(to_fs_path(uri) or uri)


def is_spec(text: str, begun: bool = False) -> bool:
    """Return True if the text of a YAML file is a spec: nothing is reported in other files.

    A spec has a key that is a network of some system, or two keys that specs have, or the name of
    the schema in its first line. If `begun`, it is enough that all its keys are keys of specs,
    since it may become a spec.
    """
    keys = set(re.findall(r"^([\w-]+) *:", text, re.M))
    known = {key for system in systems() for key in fields_of(system)} | {*SPEC_KEYS}
    networks = {key for system in systems() for key in system.networks}
    is_one = bool(keys & networks) or len(keys & known) > 1 or SCHEMA_NAME in text.split("\n")[0]
    return is_one or (begun and keys <= known)


def serve(output: int) -> None:
    """Serve an editor until it ends the connection.

    Messages are read from standard input, and written to the file descriptor `output`.
    """
    server.start_io(sys.stdin.buffer, os.fdopen(output, "wb"))


server = SpecServer()


@server.feature(types.TEXT_DOCUMENT_DID_OPEN)
@server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
@server.feature(types.TEXT_DOCUMENT_DID_SAVE)
def _edited(
    ls: SpecServer,
    params: types.DidOpenTextDocumentParams
    | types.DidChangeTextDocumentParams
    | types.DidSaveTextDocumentParams,
) -> None:
    ls.schedule(params.text_document.uri)


@server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
def _closed(ls: SpecServer, params: types.DidCloseTextDocumentParams) -> None:
    ls.forget(params.text_document.uri)


@server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
def _files_changed(ls: SpecServer, _: types.DidChangeWatchedFilesParams) -> None:
    for uri in list(ls.analyses):
        ls.schedule(uri)


@server.feature(types.TEXT_DOCUMENT_HOVER)
async def _hover(ls: SpecServer, params: types.HoverParams) -> types.Hover | None:
    found = await ls.spot(params)
    if found is None:
        return None
    spot, walk, analysis, column = found
    number = number_at(spot, column)
    text = number_text(*number) if number else help_text(spot, walk, analysis)
    own = ls.positions(_path(params.text_document.uri))
    markdown = types.MarkupContent(types.MarkupKind.Markdown, text or "")
    return types.Hover(markdown, own.range(spot.mark)) if text else None


@server.feature(types.TEXT_DOCUMENT_DEFINITION)
async def _definition(ls: SpecServer, params: types.DefinitionParams) -> types.Location | None:
    found = await ls.spot(params)
    if found is None:
        return None
    spot, walk, _, column = found
    target = definition(spot, walk, column)
    if isinstance(target, Path):
        start = types.Position(0, 0)
        return location(target, types.Range(start, start)) if target.is_file() else None
    if target is None:
        return None
    file = Path(target.text.name)
    return location(file, ls.positions(file).range(target))


@server.feature(
    types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=[" ", "{", "["])
)
def _completion(ls: SpecServer, params: types.CompletionParams) -> list[types.CompletionItem]:
    uri = params.text_document.uri
    text = ls.text(uri)
    if not is_spec(text, begun=True):
        return []
    own = ls.positions(_path(uri))
    found = complete(text, own.offset(params.position), _path(uri), ls.trees.get(uri))
    return completions(found, own, bool(get_capability(ls.client_capabilities, SNIPPETS, False)))


@server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
def _symbols(ls: SpecServer, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
    uri, text = params.text_document.uri, ls.text(params.text_document.uri)
    tree = tree_until(text, len(text), str(_path(uri))) if is_spec(text) else None
    return symbols(outline(tree), ls.positions(_path(uri)), len(text)) if tree else []


@server.feature(types.TEXT_DOCUMENT_CODE_ACTION)
def _actions(ls: SpecServer, params: types.CodeActionParams) -> list[types.CodeAction]:
    return replacements(params.text_document.uri, list(params.context.diagnostics))
