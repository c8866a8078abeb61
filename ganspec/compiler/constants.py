"""Turn settings that the emitted code reads into constants, such as `BATCH = 128`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ganspec.compiler.definitions import Import
from ganspec.compiler.known import Namespace, plain
from ganspec.compiler.printer import Printer
from ganspec.compiler.symbols import SETTING, TRAINING, Symbol


@dataclass(frozen=True)
class Constant:
    """A constant of the emitted file: `text` is the value of the setting `name`, as Python.

    `family` is `loss` for `cfg.loss.weight`, and empty for `cfg.batch`. `name` is empty if the
    constant stands for `cfg` or a family of its settings as a whole.
    """

    family: str
    name: str
    text: str


class Constants:
    """The constants of one emitted file; `cfg` has the values of all settings.

    `table` has the constants by their symbols. `spell` and `configuration` add constants to it. A
    constant's placeholder is a text that stands for its name until the name is chosen.
    """

    def __init__(self, cfg: Namespace, printer: Printer):
        self.cfg, self.printer = cfg, printer
        self.table: dict[Symbol, Constant] = {}

    @property
    def texts(self) -> list[str]:
        return [constant.text for constant in self.table.values()]

    def spell(self, space: Namespace, name: str) -> str | None:
        """Return the text to write for the setting `name` of `space` in emitted code.

        A number becomes a constant, whose placeholder is returned. Texts, tuples, lists, dicts,
        booleans and None are written out. The result is None for other values, such as functions.
        """
        value, family = space.values[name], space.family
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            wishes = [name.upper(), *([f"{family}_{name}".upper()] if family else [])]
            rank = SETTING if family else TRAINING
            symbol = self.printer.symbols.of((family, name), rank, *wishes)
            self.table[symbol] = Constant(family, name, self.printer.value(value))
            return symbol.placeholder
        if value is None or isinstance(value, (bool, str, tuple, list, dict)):
            return self.printer.value(value)
        return None

    def configuration(self, space: Namespace) -> str:
        """Add a constant, a `SimpleNamespace` of the settings of `space`. Return its placeholder.

        Code that passes `cfg` on as a whole needs this constant; code that only reads its fields
        does not. Settings other than numbers, texts, tuples, True, False and None are left out.
        """
        wish = space.family.upper() or "CFG"
        symbol = self.printer.symbols.of(("configuration", space.family), SETTING, wish)
        values = {k: v for k, v in space.values.items() if plain(v).is_plain}
        options = ", ".join(self.printer.options(values))
        maker = self.printer.bring(Import("from types import SimpleNamespace", "SimpleNamespace"))
        self.table[symbol] = Constant(space.family, "", f"{maker}({options})")
        return symbol.placeholder

    def literals(self, names: Iterable[str]) -> dict[str, int | float]:
        """Return {placeholder: value} of the constants in `table` for settings `names` of `cfg`.

        Settings of a family, such as `cfg.loss.weight`, are left out.
        """
        return {
            symbol.placeholder: self.cfg.values[constant.name]
            for symbol, constant in self.table.items()
            if not constant.family and constant.name in names
        }

    def lines(self, used: list[Symbol]) -> list[str]:
        """Return lines `placeholder = value` of the constants in `used`, in the order of `cfg`."""
        symbols = sorted((s for s in self.table if s in used), key=self._order)
        return [f"{symbol.placeholder} = {self.table[symbol].text}" for symbol in symbols]

    def _order(self, symbol: Symbol) -> tuple[bool, int, int]:
        """Return a sort key: the settings' order in `cfg`, with families' settings last."""
        family, name = self.table[symbol].family, self.table[symbol].name
        values = self.cfg.values
        inner = list(values[family].values) if family else []
        outer = list(values).index(family or name) if family or name else -1
        return bool(family), outer, inner.index(name) if name in inner else len(inner)
