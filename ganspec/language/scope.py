"""Read numbers, texts and lists of a spec, evaluate expressions, and collect mistakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from ganspec.language.document import Signature
from ganspec.language.errors import (
    FORMER,
    Diagnostic,
    Mark,
    SpecError,
    listed,
    nearest,
    plural,
    quoted,
    suggestion,
)
from ganspec.language.expr import (
    ExpressionError,
    Names,
    UnknownValueError,
    Width,
    evaluate,
    whole_vars,
)
from ganspec.language.fields import FieldType, ScalarType, fields_of
from ganspec.language.names import IDENTIFIER
from ganspec.language.section import Section
from ganspec.language.tree import ListNode, MapNode, Node, ScalarNode
from ganspec.language.unread import Unread

MAX_ERRORS = 50  # after so many mistakes in a spec, no more are looked for
YAML_1_1_WORDS = {
    **dict.fromkeys(("yes", "on", "y"), "true"),
    **dict.fromkeys(("no", "off", "n"), "false"),
}
MISSING = object()  # stands for a value that is wrong, or computed from a wrong one
Result = TypeVar("Result")


class Scope:
    """The names and blocks in scope, the path to the value being read, and the mistakes so far."""

    def __init__(self, framework: str):
        self.framework = framework
        self.names: Names = {}
        self.vars: Names = {}  # the names of `vars`, which are in scope everywhere
        self.var_marks: dict[str, Mark] = {}  # the places of their values
        # by the name of a block: its fields but `layers`, and its `layers`; None for a wrong part
        self.blocks: dict[str, tuple[Signature | None, Node | None]] = {}
        self.diagnostics: list[Diagnostic] = []
        # the code and place of each mistake: one in a block is reported again at each call
        self.distinct: set[tuple[str, Mark]] = set()
        self.layer_count = 0
        self.calls: tuple[str, ...] = ()  # names of the blocks whose layers are being resolved
        self.path: tuple[str, ...] = ()
        self.opened: set[str] = set()  # names of blocks that were called
        self.names_known = True  # False if `vars` itself cannot be read
        self.gaps: list[Unread] = []  # parts that are `unknown`
        self.listed: set[str] = set()  # families whose kinds a message has already listed

    # -- mistakes -----------------------------------------------------------------------------

    def report(
        self, code: str, message: str, mark: Mark, help: str | None = None, *notes: str
    ) -> None:
        """Add a mistake to `diagnostics`. Raises SpecError once MAX_ERRORS are distinct."""
        self.diagnostics.append(Diagnostic(code, message, mark, notes, help))
        self.distinct.add((code, mark))
        if len(self.distinct) >= MAX_ERRORS:
            rest = Diagnostic("too-many", f"after {MAX_ERRORS} mistakes, ganspec looks for no more")
            raise SpecError([*self.diagnostics, rest])

    def advise(self, help: str) -> None:
        """Replace the help of the last mistake."""
        self.diagnostics[-1] = replace(self.diagnostics[-1], help=help)

    def wrong(self, node: Node, wanted: str, help: str | None = None) -> object:
        """Report a wrong type. `wanted` is the rule, such as "`lr` is a number". Return MISSING."""
        self.report("wrong-type", f"{wanted}, not {quoted(node.value)}", node.mark, help)
        return MISSING

    def inside(self, key: str, function: Callable[..., Result], *arguments: object) -> Result:
        """Return `function(*arguments)`, called with `key` added to the path."""
        outer, self.path = self.path, (*self.path, key)
        result = function(*arguments)
        self.path = outer
        return result

    def known(self, node: MapNode, names: list[str], title: str) -> bool:
        """Return True if every key of a map is one of `names`; report each other key."""
        unknown = [key for key in node.value if key not in names]
        noun = "section" if title == "the spec" else "field"
        for key in unknown:
            help = suggestion(key, names, f"{noun}s") if names else "it takes no fields"
            message = f"{title} has no {noun} {quoted(key)}"
            self.report("unknown-field", message, node[key].key_mark or node.mark, help)
        return not unknown

    def complete(self, node: MapNode, needed: list[str], title: str) -> bool:
        """Return True if a map has every key in `needed`.

        Report the keys that it lacks, except one for which another key looks like a misspelling.
        """
        lacking = [name for name in needed if name not in node.value]
        # `known` reports a misspelt key, so it is not reported as missing, too
        misspelt = [nearest(k, lacking) for k in node.value if k not in needed] if lacking else []
        missing = [name for name in lacking if name not in misspelt]
        if missing:
            message = f"{title} needs {listed(missing)}"
            help = f"add {listed(f'{name}:' for name in missing)}"
            self.report("missing-field", message, node.start, help)
        return not lacking

    def unknown_kind(
        self, family: str, word: str, kinds: Mapping[str, type[Section]], mark: Mark
    ) -> None:
        """Report that no kind of the family is called `word`.

        The help names kinds with a field `word`, else a kind with a similar name. If there is
        neither, it lists all kinds, but only the first time for each family.
        """
        names = [*kinds, *self.blocks] if family == "layer" else list(kinds)
        shown, help = family.replace("_", " "), None
        if owners := [name for name, cls in kinds.items() if word in fields_of(cls)]:
            some = listed(owners[:3], "or")
            help = f"`{word}` is a field of {some}: write `{owners[0]}: {{{word}: ...}}`"
        elif close := nearest(word, names):
            help = f"use `{close}`"
        elif family not in self.listed:
            self.listed.add(family)
            help = suggestion(word, names, f"known {plural(shown)}")
        self.report("unknown-kind", f"no {shown} is called {quoted(word)}", mark, help)

    # -- plain data ---------------------------------------------------------------------------

    def data(self, kind: FieldType, node: Node, name: str) -> object:
        """Return a scalar, or a list as a tuple, with expressions evaluated; MISSING if wrong."""
        if isinstance(node, ListNode):
            return self.list(kind, node, name)
        if isinstance(node, MapNode):
            return self.wrong(node, f"`{name}` is {kind}")
        value = self.scalar(kind, node, name)
        if value is MISSING or (value is None and kind.null) or kind.is_literal(value):
            return value
        scalar = kind.scalar(value)
        if scalar is None:
            return self.refuse(kind, node, name, value)
        return value if self.within(scalar, node, name, value) else MISSING

    def list(self, kind: FieldType, node: ListNode, name: str) -> object:
        """Return a list of scalars or lists as a tuple; MISSING if it is wrong."""
        if not kind.lists:
            return self.wrong(node, f"`{name}` is {kind}")
        count = len(node.value)
        chosen = kind.list_of(count)
        if not chosen.fits(count):
            self.size(kind, node, name)
            return MISSING
        entries = [self.data(chosen.item(i), child, name) for i, child in enumerate(node.value)]
        return MISSING if any(entry is MISSING for entry in entries) else tuple(entries)

    def size(self, kind: FieldType, node: ListNode, name: str) -> None:
        """Report a list with too few or too many entries."""
        if kind.lists[0].endless:
            self.report("out-of-range", f"`{name}` is empty", node.mark, "list at least one")
        else:
            message = f"`{name}` is {kind}, not of {len(node.value)}"
            self.report("wrong-type", message, node.mark)

    def scalar(self, kind: FieldType, node: ScalarNode, name: str) -> object:
        """Return a scalar, evaluated if it is an expression; MISSING if that fails."""
        text, as_float = node.value, float in kind.pythons and int not in kind.pythons
        if isinstance(text, int) and not isinstance(text, bool) and as_float:
            return _float_or_infinity(text)
        if not isinstance(text, str) or text in kind.words or str in kind.pythons:
            return text
        if bool in kind.pythons and (meant := YAML_1_1_WORDS.get(text.lower())):
            message = f"{quoted(text)} is a word, not true or false"
            self.report("wrong-type", message, node.mark, f"write `{meant}`")
            return MISSING
        if not {int, float} & kind.pythons:
            return text
        return self.number(kind, node, text, name, as_float)

    def number(self, kind: FieldType, node: Node, text: str, name: str, as_float: bool) -> object:
        """Return the value of an expression, as a float if `as_float`.

        Return MISSING if the expression is wrong, or reads a name whose own value is wrong.
        """
        try:
            value = evaluate(text, self.names)
            return float(value) if as_float else value
        except UnknownValueError:
            return MISSING
        except ExpressionError as error:
            if error.code == "unknown-name" and not self.names_known:
                return MISSING
            if kind.literals and text.isidentifier():
                help = suggestion(text, map(str, kind.literals), "values")
                message = f"`{name}` cannot be {quoted(text)}"
                self.report("unknown-value", message, node.mark, help)
            else:
                mark = node.mark.within(text, error.start, error.end)
                self.report(error.code, error.message, mark, error.help)
            return MISSING

    def refuse(self, kind: FieldType, node: ScalarNode, name: str, value: object) -> object:
        """Report a scalar of a type that the field does not take. Return MISSING."""
        shown, notes = _shown(node, value), _computed(node, value)
        if isinstance(value, float) and value.is_integer() and isinstance(node.value, str):
            if self.refuse_vars(kind, node, name, value):
                return MISSING
            shown = quoted(value)  # not as `10`, which is whole
            notes = (f"{quoted(node.value)} is {value} here",) if notes else ()
        if kind.literals and (isinstance(value, str) or not kind.scalars):
            known = [str(literal) for literal in kind.literals]
            close = nearest(value, known) if isinstance(value, str) else None
            help = f"use `{close}`" if close else f"values: {', '.join(known)}"
            self.report("unknown-value", f"`{name}` cannot be {shown}", node.mark, help, *notes)
        else:
            message = f"`{name}` is {kind}, not {shown}"
            new = FORMER.get(f"{name}: {value}") or _conversion(kind, value, node)
            self.report("wrong-type", message, node.mark, new, *notes)
        return MISSING

    def refuse_vars(self, kind: FieldType, node: ScalarNode, name: str, value: float) -> bool:
        """Report `vars` that keep an expression from being whole. Return False if there are none.

        Their values are whole numbers, but written with a point or an exponent.
        """
        found = whole_vars(str(node.value), self.names, self.vars) if int in kind.pythons else {}
        for var, whole in found.items():
            message = f"`{name}` is {kind}, not {quoted(value)}"
            note = f"`{name}` at {node.mark} reads {quoted(node.value)}"
            self.report("wrong-type", message, self.var_marks[var], f"write `{var}: {whole}`", note)
        return bool(found)

    def within(self, scalar: ScalarType, node: ScalarNode, name: str, value: object) -> bool:
        """Return True if a scalar is within its limits; report the first limit that it breaks."""
        problem = None
        if isinstance(value, str):
            if len(value) < scalar.shortest:
                problem = f"`{name}` needs {scalar.shortest} or more characters"
            elif scalar.longest is not None and len(value) > scalar.longest:
                problem = f"`{name}` has {len(value)} characters of at most {scalar.longest}"
        elif isinstance(value, (int, float)):
            broken = next((each for each in scalar.limits if not each.admits(value)), None)
            if scalar.finite and not abs(value) < float("inf"):
                problem = f"`{name}` must be finite, got {_shown(node, value)}"
            elif broken:
                problem = f"`{name}` must be {broken}, got {_shown(node, value)}"
        if problem:
            self.report("out-of-range", problem, node.mark, None, *_computed(node, value))
        return problem is None


def _float_or_infinity(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _shown(node: ScalarNode, value: object) -> str:
    """Return a value for messages: a number as the spec has it, or the result of an expression."""
    if isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return quoted(node.value)
    return quoted(f"{value:g}" if isinstance(value, float) else value)


def _computed(node: ScalarNode, value: object) -> tuple[str, ...]:
    """Return a note with the value of an expression, such as `8 * ch`; () without one."""
    if not isinstance(node.value, str) or node.value == str(value):
        return ()
    if isinstance(value, float):
        return (f"{quoted(node.value)} is {value:g} here",)
    return (f"{quoted(node.value)} is {value} here",) if isinstance(value, Width) else ()


def _conversion(kind: FieldType, value: object, node: ScalarNode) -> str | None:
    """Return help for a value that is wrong only in its form, such as a text without quotes.

    Return None for other values.
    """
    if isinstance(value, (int, float)) and any(
        each.python is str and not each.checked for each in kind.scalars
    ):
        return "write it in quotes"
    if isinstance(value, float) and value.is_integer() and int in kind.pythons:
        is_name = isinstance(node.value, str) and IDENTIFIER.fullmatch(node.value)
        start = f"give {quoted(node.value)} the whole number" if is_name else "write"
        return f"{start} `{int(value)}`"
    if isinstance(value, float) and isinstance(node.value, str) and "/" in node.value:
        return "`//` divides to a whole number"
    return None
