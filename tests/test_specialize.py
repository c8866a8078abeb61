"""Text simplified by a known configuration: what stays is what would have run."""

from __future__ import annotations

import ast
import itertools
from types import SimpleNamespace

import pytest
from conftest import ROOT, SPECS
from hypothesis import given, settings
from hypothesis import strategies as st

import ganspec
from ganspec.compiler.arrange import EmittedFile, _reads_at_once
from ganspec.compiler.emit import moved
from ganspec.compiler.fold import fold
from ganspec.compiler.inline import inline
from ganspec.compiler.pieces import Piece
from ganspec.compiler.python_text import parsed
from ganspec.compiler.symbols import Symbols
from ganspec.seal import is_emitted, sealed


def settled(function, **cfg):
    """Return the settled function, ready to be called, and its source."""
    mover = moved(cfg, lambda mover: mover.start(function))
    source = EmittedFile(mover).text(titled=False)
    scope = {}
    exec(compile(source, "settled.py", "exec"), scope)
    return scope[function.__name__], source


def branches(x, cfg):
    # a comment that stays
    if cfg.sign >= 1:
        note = "é is two bytes"
        return note, x * cfg.sign, x - cfg.low
    elif cfg.sign < 0 and not cfg.flag:
        return "negative", x, cfg.low
    else:
        # so does this one
        return "other", x if cfg.flag else -x, cfg.low


def loop(x, cfg):
    for _ in range(cfg.rounds):
        x = x + 1
        if x > 3:
            x = 0
    return inner(x, cfg)


def inner(x, cfg):
    return x


@pytest.mark.parametrize("sign", [-1, 0, 1, 2])
@pytest.mark.parametrize("flag", [False, True])
def test_branches_settle_as_they_would_run(sign, flag):
    cfg = {"sign": sign, "flag": flag, "low": 0.25}
    function, source = settled(branches, **cfg)
    for x in (0, 5, -2):
        assert function(x) == branches(x, SimpleNamespace(**cfg))
    assert "cfg" not in source
    assert "# a comment that stays" in source


@pytest.mark.parametrize("rounds", [1, 2, 5])
def test_loops_of_one_round_open(rounds):
    _, source = settled(loop, rounds=rounds)
    assert ("for " in source) == (rounds > 1)
    assert "inner(x)" in source


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_nothing_stands_after_a_return(path):
    gan = ganspec.load(path).judges is not None
    settings = ["latent.distribution=uniform"] if gan else []
    tree = ast.parse(ganspec.emit(ganspec.load(path, settings)))
    for node in ast.walk(tree):
        for body in (getattr(node, "body", None), getattr(node, "orelse", None)):
            if isinstance(body, list):
                ends = [isinstance(s, ast.Return | ast.Raise) for s in body]
                assert not any(ends[:-1]), ast.unparse(node)


def test_the_seal_tells_an_edit():
    source = ganspec.emit(ganspec.load(SPECS[0]))
    assert is_emitted(source.encode())
    assert not is_emitted(source.replace("BATCH = ", "BATCH = 1", 1).encode())
    assert not is_emitted(b"print('mine')\n")
    assert not is_emitted(b"\x89PNG\r\n")
    assert sealed("no head") == "no head"


# -- variables that the configuration does not use ------------------------------------------------


def label_copies(x, labels, cfg):
    shown = -labels if cfg.flip else labels
    total, other = x + 1, labels
    return pair(total, shown, cfg), *pair(x, other, cfg)


def pair(x, labels, cfg):
    return x + labels if cfg.reads else x, labels


@pytest.mark.parametrize("reads", [True, False])
def test_copies_of_absent_variables_are_absent(reads):
    cfg = {"flip": False, "reads": reads, "absent": () if reads else ("labels",)}
    function, source = settled(label_copies, **cfg)
    assert "None" not in source
    if reads:
        assert function(2, 5) == label_copies(2, 5, SimpleNamespace(**cfg)) == ((8, 5), 7, 5)
    else:
        assert "shown" not in source and "other" not in source
        assert source.count("labels") == 1  # the parameter of the main function, which has callers


@pytest.mark.parametrize(
    ("text", "is_read"),
    [
        ("TABLE = [f(i) for i in range(2)]", True),
        ("class Table:\n    rows = f(1)", True),
        ("class Table:\n    def rows(self):\n        return f(1)", False),
        ("def table(rows=f(1)):\n    return rows", True),
        ("table = lambda: [f(i) for i in range(2)]", False),
    ],
)
def test_what_a_definition_reads_at_once_is_defined_before_it(text, is_read):
    symbols = Symbols()
    own, other = symbols.of("table", 0, "table"), symbols.of("f", 0, "f")
    piece = Piece([own], "Losses", text.replace("f(", f"{other.placeholder}("))
    assert _reads_at_once(piece, other) is is_read


# -- functions in place of their calls ------------------------------------------------------------


@pytest.mark.parametrize(
    "body", ["-a", "a + 1", "2 * a", "a / 4", "a // 4", "a % 3", "a", "abs(a)", "a if a else 3"]
)
@pytest.mark.parametrize(
    "use",
    [
        *("{} - 1", "1 - {}", "2 * {}", "{} / 3", "-{}", "{} ** 2", "{}.real", "[{}, 1]"),
        *(
            "{} if x else 0",
            "{} + {}",
            "{} - {}",
            "{} // 3",
            "5 * {}",
            "[0, 1, 2][: int({})]",
            "[0, 1, 2][1:][: round({})]",
            "{} < 3",
            "not {}",
            "max({}, 1)",
        ),
    ],
)
def test_short_functions_mean_the_same_in_place(body, use):
    mark = "__ganspec_0__"
    texts = [
        f'def {mark}(a):\n    """Return something."""\n    return {body}',
        f"def f(x):\n    return {use.replace('{}', f'{mark}(x)')}",
    ]
    made = inline(texts, [mark], lambda line: len(line) < 88)
    assert made[0] == "" and mark not in made[1]
    results = []
    for each in (texts, made):
        names: dict = {}
        exec("\n".join(each), names)
        results.append([names["f"](value) for value in (-2, 0, 5)])
    assert results[0] == results[1]


FORMS = (
    *("({}) + ({})", "({}) - ({})", "({}) * ({})", "({}) // ({})", "({}) % ({})", "-({})"),
    *("not ({})", "({}) < ({})", "({}) and ({})", "({}) if ({}) else ({})", "max(({}), ({}))"),
    *("({}).conjugate()", "[({}), ({})][0]", "(({}), ({}))[1]", "[0, 1, 2][({}) % 3]", "abs(({}))"),
    *("sum((i + ({}) for i in (1, 2)))", "(lambda: ({}))()", "(0, 1, 2)[({}):][-1]", "abs(x=({}))"),
)


def expressions(*leaves):
    """Return a strategy of expressions of `leaves`, with no needless parentheses."""

    def filled(parts):
        form, *values = parts
        return form.format(*values)

    def larger(inner):
        return st.sampled_from(FORMS).flatmap(
            lambda form: st.tuples(st.just(form), *[inner] * form.count("{}")).map(filled)
        )

    whole = st.recursive(st.sampled_from(leaves), larger, max_leaves=5)
    return whole.map(lambda text: ast.unparse(ast.parse(text, mode="eval")))


@settings(max_examples=300, deadline=None)
@given(
    body=expressions("a", "b", "a", "b", "7", "tick()"),
    first=expressions("x", "y", "2", "tick()", "len(z)"),
    second=expressions("x", "y", "2", "tick()", "z[1]"),
    use=expressions("x", "M", "M", "tick()"),
)
def test_inlined_expressions_mean_the_same(body, first, second, use):
    """Also for arguments of any form, and in the same order: calls may draw random numbers."""
    mark = "__ganspec_0__"
    call = f"{mark}({first}, {second})"
    texts = [
        f"def {mark}(a, b):\n    return {body}",
        f"def f(x, y, z):\n    return {use.replace('M', call)}",
    ]
    results = []
    for each in (texts, inline(texts, [mark])):
        ticks = itertools.count(3)
        names: dict = {"tick": lambda ticks=ticks: next(ticks)}
        exec("\n".join(each), names)
        try:
            results.append((names["f"](5, -4, [1, 8]), next(ticks)))
        except (TypeError, ArithmeticError, IndexError, AttributeError):
            results.append("an error")
    assert results[0] == results[1]


def test_an_expression_of_several_lines_keeps_its_parentheses():
    mark = "__ganspec_0__"
    texts = [
        f"def {mark}(a):\n    return (\n        a\n        + 1\n    )",
        f"def f(x):\n    y = {mark}(x)\n    return y",
    ]
    made = inline(texts, [mark], lambda line: len(line) < 88)
    names: dict = {}
    exec("\n".join(made), names)
    assert made[0] == "" and names["f"](2) == 3


LONG = "a + 'a text that would make the line that calls it longer than a line may be'"


@pytest.mark.parametrize(
    ("function", "call"),
    [
        (f"def M(a):\n    return {LONG}", "M(x)"),
        ("def M(a):\n    b = a\n    return b", "M(x)"),
        ("def M(a, *b):\n    return a", "M(x)"),
        ("@cache\ndef M(a):\n    return a", "M(x)"),
        ("def M(a):\n    return 1", "M(g(x))"),  # g would not be called
        ("def M(a):\n    return a + a", "M(g(x))"),  # g would be called twice
        ("def M(a):\n    return a", "h(M)"),
        ("def M(a):\n    return a + 1", "M(*x)"),
        ("def M(a):\n    return a + x", "M(1)"),  # another x
        ("def M(a):\n    return (lambda x: a)(0)", "M(x)"),  # the lambda's x
        ("def M(a):\n    return [a for x in (0, 1)]", "M(x)"),
        ("def M(a):\n    return M(a) if a else 0", "M(x)"),  # it calls itself
        ("def M(a):\n    return (b := a)", "M(x)"),  # a new variable of the caller
        ("def M(a):\n    return g() + a", "M(g())"),  # the calls would be in another order
        ("def M(a, b):\n    return b - a", "M(g(), g())"),
        ("def M(a, b):\n    return a and b", "M(x, g())"),  # g might not be called
        ("def M(a):\n    return f'{a + 1}!'", "M(x)"),  # `ast` gives wrong columns inside
        ("def M(a):\n    return a", "f'{M(x) + 1}!'"),
    ],
)
def test_functions_that_stay(function, call):
    mark = "__ganspec_0__"
    texts = [text.replace("M", mark) for text in (function, f"def f(x):\n    return {call}")]
    assert inline(texts, [mark], lambda line: len(line) < 88) == texts


def test_a_function_of_some_lines_stands_where_it_pays():
    mark = "__ganspec_0__"
    step = f"def {mark}(o, l):\n    o.zero()\n    l.back()\n    o.step()"
    for calls, stays in ((1, False), (3, False), (4, True)):
        uses = "\n".join(f"    {mark}(o, l{i})" for i in range(calls))
        texts = [step, "def f(o, " + ", ".join(f"l{i}" for i in range(calls)) + f"):\n{uses}"]
        made = inline(texts, [mark])
        assert (made == texts) == stays
        assert stays or made[1].count("o.step()") == calls


def test_a_call_that_sets_two_variables_stays():
    mark = "__ganspec_0__"
    texts = [
        f"def {mark}(a):\n    b = a + 1\n    return b",
        f"def f(x):\n    y = z = {mark}(x)\n    return y + z",
    ]
    assert inline(texts, [mark]) == texts


@pytest.mark.parametrize(("read", "stays"), [("x", False), ("_", True)])
def test_a_throwaway_name_hinders_nothing_unless_it_is_read(read, stays):
    mark = "__ganspec_0__"
    texts = [
        f"def {mark}(a, log):\n    b, _ = a\n    log.append(b)",
        f"def f(x, log):\n    x, _ = x\n    {mark}(x, log)\n    return {read}",
    ]
    made = inline(texts, [mark])
    assert (made == texts) == stays
    results = []
    for each in (texts, made):
        names: dict = {}
        exec("\n".join(each), names)
        log: list = []
        results.append((names["f"](((1, 2), 3), log), log))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("f(H, x)", "f(64, x)"),
        ("x - H / 2", "x - 32.0"),
        ("(x - H) / 2", "(x - 64) / 2"),
        ("1.75 * min(H, W)", "84.0"),
        ("min(256, max(1, 2**18 // (H * W)))", "85"),
        ("2**3 * x", "2**3 * x"),
        ("H // 0", "64 // 0"),
        ("9 ** H ** H", "9 ** 64 ** 64"),
        ("H - True", "64 - True"),
        ("max(H)", "max(64)"),
        ("max(H, 1, key=abs)", "max(64, 1, key=abs)"),
        ("f'{H}|{x:{W}}|{H + 1}'", "f'{64}|{x:{48}}|{64 + 1}'"),
        ("-H * 2", "-64 * 2"),
        ("H.bit_length()", "(64).bit_length()"),
        ("(W - H) ** x", "((-16)) ** x"),
    ],
)
def test_numbers_stand_in_place_of_their_names(text, made):
    numbers = {"__ganspec_1__": 64, "__ganspec_2__": 48}
    marked = text.replace("H", "__ganspec_1__").replace("W", "__ganspec_2__")
    assert fold(f"y = {marked}\n", numbers) == f"y = {made}\n"


def test_a_text_that_is_parsed_once_stays_as_it_was():
    """Texts share their syntax trees, also those with f-strings, which are written again."""
    spec = ganspec.load(ROOT / "specs" / "dcgan.yaml")
    first = ganspec.emit(spec)
    assert "f'" in first or 'f"' in first
    assert ganspec.emit(spec) == first
    assert parsed("a = 1\n") is parsed("a = 1\n")
