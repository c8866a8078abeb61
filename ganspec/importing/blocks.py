"""Folding of layers into blocks, which stand for modules of the user's classes."""

from __future__ import annotations

import re

from ganspec.importing.differing import Template, numbered, outline, template
from ganspec.importing.entries import Data, Entry, calls_of, layers_of, lists, walk
from ganspec.importing.graph import RecordedGraph
from ganspec.importing.page import flow
from ganspec.language.kinds import kinds_of
from ganspec.language.names import name_problem
from ganspec.language.opening import HIDDEN
from ganspec.language.unread import UNREAD


def fold_blocks(blocks: dict[str, Template], graph: RecordedGraph, entries: list[Entry]) -> None:
    """Replace layers in `entries` by calls of blocks, and add the blocks to `blocks` by name.

    `entries` are all layers of the network that was recorded as `graph`. A block stands for modules
    of one class, nested equally deep, whose layers differ only in whole numbers. There is a block
    if these layers contain a residual, or if there are several such modules with several layers
    each. A module keeps its layers if one of them is `unknown`, or if a named value crosses
    the module's border. Inner modules are replaced first, so that blocks can call blocks.
    """
    alike: dict[tuple[int, type], list[int]] = {}
    for number, scope in enumerate(graph.scopes):
        if scope.outer:  # the network itself is no block
            alike.setdefault((len(scope.outer), type(scope.module)), []).append(number)
    for (_, cls), numbers in sorted(alike.items(), key=lambda item: -item[0][0]):
        groups: dict[str, list[list[Entry]]] = {}
        for number in numbers:
            layers = layers_of(entries, set(graph.within(number)))
            if layers and _is_closed(layers):
                groups.setdefault(outline(layers), []).append(layers)
        for modules in groups.values():
            has_residual = any(entry.kind == "residual" for entry in walk(modules[0]))
            if has_residual or (len(modules) > 1 and len(modules[0]) > 1):
                _define(blocks, entries, cls.__name__, modules)


def _define(
    blocks: dict[str, Template], entries: list[Entry], title: str, modules: list[list[Entry]]
) -> None:
    """Replace the layers of each module by a call of one block, named after the class `title`.

    `modules` has the layers of each module; they are adjacent in `entries` or in a list nested in
    it.
    """
    block = template(modules, {})
    name = _name(blocks, title, block)
    for i, layers in enumerate(modules):
        fields: dict[str, Data] = {key: values[i] for key, values in block.params.items()}
        call = Entry(name, fields, list(calls_of(layers)), output=layers[-1].output)
        around = next(part for part in lists(entries) if layers[0] in part)
        at = around.index(layers[0])
        around[at : at + len(layers)] = [call]


def _name(blocks: dict[str, Template], title: str, block: Template) -> str:
    """Return the name of `block` in `blocks`; add it if no equal block is there.

    The name comes from that of the class, `title`: `ResBlock` gives `res_block`, or `res_block2` if
    another block has this name.
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", title).lower()
    plain = re.sub(r"[^a-z0-9_]", "", words).strip("_")[:30] or "block"
    if plain in set(kinds_of("layer")) - set(HIDDEN) or name_problem(plain):
        plain = f"{plain}_block"
    for name in numbered(plain):
        known = blocks.setdefault(name, block)
        same_names = list(known.params) == list(block.params)
        if same_names and flow(known.layers) == flow(block.layers):
            return name
    raise AssertionError("`numbered` ended")


def _is_closed(layers: list[Entry]) -> bool:
    """Return True if `layers` can become a block.

    None of them is `unknown`. They read by name all the values that they name, and no others.
    """
    entries = list(walk(layers))
    names = {e.fields["as"] for e in entries if "as" in e.fields}
    read = {e.fields[k] for e in entries for k in ("from", "value") if k in e.fields}
    return names == read and all(e.kind != UNREAD for e in entries)
