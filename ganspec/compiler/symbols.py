"""Choose names for the placeholders in the texts of an emitted file, so that none clash.

A text has a placeholder for each global name but builtins. The names are chosen once all texts are
gathered. No symbol gets the name of another symbol, of a builtin, or of a local in a text that
reads the symbol.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import torch
import torch.nn.functional as F
from torch import nn, optim

from ganspec.compiler.definitions import Import

PLACEHOLDER = re.compile(r"__ganspec_(\d+)__")
# ranks: lower ones choose names first
NETWORK, IMPORT, TRAINING, VALUE, HELPER, BLOCK, SETTING = range(7)


@dataclass(eq=False)
class Symbol:
    """A global name of the emitted file; `wishes` are the names to try, best first.

    `name` is the chosen name, and "" until then.
    """

    index: int
    rank: int
    wishes: tuple[str, ...]
    name: str = ""

    @property
    def placeholder(self) -> str:
        """The text that stands for the name until it is chosen."""
        return f"__ganspec_{self.index}__"

    def candidates(self) -> Iterator[str]:
        """Yield the names to try: the wishes, then the last wish with a number from 2 on."""
        yield from self.wishes
        yield from (f"{self.wishes[-1]}{number}" for number in count(2))


class Symbols:
    """The symbols of one emitted file; `table` has them by keys of the things that they name."""

    def __init__(self) -> None:
        self.table: dict[object, Symbol] = {}
        self.all: list[Symbol] = []

    def of(self, key: object, rank: int, *wishes: str) -> Symbol:
        """Return the symbol of `key`; make one of `rank` and `wishes` if there is none."""
        if key not in self.table:
            self.table[key] = Symbol(len(self.all), rank, wishes)
            self.all.append(self.table[key])
        return self.table[key]

    def used(self, text: str) -> list[Symbol]:
        """Return the symbols whose placeholders are in a text, in order and each once."""
        return [self.all[int(i)] for i in dict.fromkeys(PLACEHOLDER.findall(text))]

    def plain(self, text: str) -> str:
        """Return `text` with the chosen name, or else the first wish, for each placeholder."""
        return PLACEHOLDER.sub(lambda m: self._name(int(m[1])), text)

    def _name(self, index: int) -> str:
        return self.all[index].name or self.all[index].wishes[0]

    def choose_names(self, texts: list[tuple[str, set[str]]]) -> None:
        """Choose a name for every symbol in `texts`, the file's texts with their local names."""
        shunned: dict[Symbol, set[str]] = {}
        for text, local in texts:
            for symbol in self.used(text):
                shunned.setdefault(symbol, set()).update(local)
        first = [s.wishes[0] for s in shunned]
        taken = {*dir(builtins), *keyword.kwlist}
        for symbol in sorted(shunned, key=lambda s: (s.rank, s.index)):
            names = symbol.candidates()
            shared = symbol.rank == SETTING and first.count(symbol.wishes[0]) > 1
            if shared and len(symbol.wishes) > 1:
                # another symbol wants this name, too: take the name with the family
                next(names)
            symbol.name = next(n for n in names if n not in taken and n not in shunned[symbol])
            taken.add(symbol.name)


NAMESPACES = [
    (nn, Import("from torch import nn", "nn"), ""),
    (F, Import("import torch.nn.functional", "F"), ""),
    (nn.init, Import("from torch import nn", "nn"), ".init"),
    (optim, Import("import torch", "torch"), ".optim"),
    (torch, Import("import torch", "torch"), ""),
]


def namespaced(target: object) -> tuple[Import, str] | None:
    """Return the import by which code usually names `target` of torch, and the rest of the name.

    For `nn.Conv2d` these are `from torch import nn` and `.Conv2d`. Return None for other targets.
    """
    # found by identity, since `__module__` of functions written in C is missing or wrong
    for namespace, imported, inner in NAMESPACES:
        name = getattr(target, "__name__", "")
        if getattr(namespace, name, None) is target:
            return imported, f"{inner}.{name}"
    return None
