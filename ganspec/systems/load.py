"""Load specs as instances of their system's class, such as `Gan`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ganspec.language import load as language
from ganspec.language.document import Document
from ganspec.language.tree import MapNode
from ganspec.systems.spec import Spec


def load(path: str | Path, settings: Iterable[str] = ()) -> Spec:
    """Return the validated spec in the file `path`, changed by settings such as `train.batch=32`.

    Raises SpecError, whose `diagnostics` list the mistakes in the order of the file.
    """
    return _spec(language.load(path, list(settings)))


def loads(text: str, name: str = "<text>") -> Spec:
    """Return the validated spec in `text`, which cannot use `extends`. Raises SpecError.

    `name` stands for the file in diagnostics.
    """
    return _spec(language.loads(text, name))


def resolve(tree: MapNode) -> Spec:
    """Return the validated spec in `tree`, which `language.source` has read. Raises SpecError."""
    return _spec(language.resolve(tree))


def _spec(document: Document) -> Spec:
    # `ganspec.language` returns a Document, the base class; every system's class is a Spec
    assert isinstance(document, Spec)
    return document
