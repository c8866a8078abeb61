"""Mutations of specs and settings: each case is drawn from a seed, so that it can be repeated."""

from __future__ import annotations

import copy
import random
import re
from functools import cache, lru_cache

import yaml
from conftest import SPECS

from ganspec.language.document import systems
from ganspec.language.errors import SpecError
from ganspec.language.fields import FieldType, ScalarType, fields_of
from ganspec.language.kinds import kinds_of
from ganspec.language.load import shape
from ganspec.language.opening import HIDDEN
from ganspec.language.source import parse

TEXTS = {path.name: path.read_text("utf-8") for path in SPECS}

VALUES = r"""
0 1 -1 2 3 7 1.5 -0.0 1e-400 1e999 -1e999 .inf -.inf .nan 1e9 2147483647 2147483648 65536
99999999999999999999 0x10 0o17 0b1 1_000 12:30:45 2026-01-01 2026-01-01T00:00:00Z +1 1. .5 1e 0.1.2
null ~ true false yes no on off Null TRUE '' "" ' ' "\t" [] {} [[]] [{}] [null] {a: 1} [1, 2, 3]
[1, [2, [3]]] {1: 2} {null: null} {a: {b: {c: 1}}} {true: 1} {seen: a table} {unknown: {seen: x}}
ch z 2*ch ch//2 ch/3 -ch ch**2 ch//0 ch%0 ch%1 (ch) ((ch nope 8*nope lambda:0 ch.real ch[0] 1if
9**9**9 ch*ch*ch*ch*ch 1+ ~1 not+1 ch,ch 1j "ch" '2 * ch' f"x" __import__('os') 0/1e-9 1e308*10
&a *a &a&a *nope !!int !!binary !!python/object:os.system !!timestamp !!set !!omap !!null !x !<y>
<< <<:*a {<<: *a} {<<: 3} {<<: [{a: 1}]} | > |9 >-x - -- --- ... %YAML ? : , # @x `x` %x | \
"\x" "\x4" "\xZZ" "\u12" "\U00110000" "\UFFFFFFFF" "\ud800" "\udfff" "\0" "\x00" "\e[31m" "\N" "\ "
"\x7f" "\u2028" "\ufeff" "\U0010FFFF" "a\nb" "\q" '\x' "unclosed 'unclosed [1, {a: [}] ]{ "a"b
relu tanh sigmoid softmax batch_norm layer instance spectral none norm conv linear flatten project
reshape repeat block pixel_shuffle self_attention upsample avg_pool dropout noise embed join_label
hinge wasserstein non_saturating minimax least_squares gradient adam sgd rmsprop adagrad classes
multi_hot images logits probabilities shapes mnist cifar10 fashion_mnist iclevr npz image_folder
scenes generator discriminator encoder decoder classifier autoencoder train test all fid kid
fresh reused shared random real both keep drop running batch torch keras tensorflow uniform normal
dcgan.yaml wgan_gp.yaml mutant.yaml sagan.yaml . .. / /dev/null nowhere.yaml ../specs/dcgan.yaml
name relative/../dcgan.yaml ~ $HOME con.yaml
""".splitlines()
VALUES = [
    word
    for line in VALUES
    for word in re.findall(r"\[.*?\]+|\{.*?\}+|\"[^\"]*\"?|'[^']*'?|\S+", line)
]
BYTES = [
    *(bytes([i]) for i in range(256)),
    *("\ufeff", "\u2028", "\u202e", "\x85", "\U0001f600", "\uff44", "e\u0301", "\ufffe"),
]
BYTES = [each if isinstance(each, bytes) else each.encode() for each in BYTES]
LONG = (
    "a" * 5000,
    "[" * 100,
    "{a: " * 100,
    "- " * 100,
    "1" * 4000,
    "1, " * 3000,
    "(" * 300,
    "9" * 1200,
)


def kinds_of_edit() -> dict:
    """Return the edits of a spec's text and of its tree, by name."""
    return {
        "bytes": edit_bytes,
        "lines": edit_lines,
        "value": edit_value,
        "insertion": insert_text,
        "key": edit_key,
        "transplant": transplant,
        "fitting": edit_fitting,
        "fitting too": edit_fitting,
        "layers": edit_layers,
        "layers too": edit_layers,
        "numbers": edit_number,
        "tree": edit_tree,
        "report": edit_report,
        "extends": edit_extends,
    }


def mutant(seed: int) -> tuple[str, bytes]:
    """Return the name of a spec, and its bytes after one to three edits."""
    draw = random.Random(seed)
    name = draw.choice(list(TEXTS))
    text = TEXTS[name]
    edits = list(kinds_of_edit().values())
    for _ in range(draw.choice((1, 1, 1, 1, 2, 3))):
        changed = draw.choice(edits)(draw, text)
        if isinstance(changed, bytes):  # perhaps no UTF-8 any more, so that no edit of text follows
            return name, changed
        text = changed
    return name, text.encode("utf-8", "surrogatepass")


def setting(seed: int) -> tuple[str, list[str]]:
    """Return the name of a spec and one or two random settings of it, as `--set` takes them."""
    draw = random.Random(seed)
    name = draw.choice(list(TEXTS))
    return name, [_setting(draw, name) for _ in range(draw.choice((1, 1, 1, 2)))]


def _setting(draw: random.Random, name: str) -> str:
    own = draw.choice([name, name, draw.choice(list(TEXTS))])  # paths of other systems, too
    parts = list(draw.choice(_paths(own)))
    match draw.randrange(8):
        case 0:
            parts.append(draw.choice(_words()))
        case 1:
            parts[draw.randrange(len(parts))] = draw.choice(_words())
        case 2:
            parts = parts[: draw.randint(1, len(parts))]
        case 3:
            parts[draw.randrange(len(parts))] = draw.choice(
                ("0", "-1", "99", "", " ", "\udcff", "x y")
            )
    value = draw.choice(VALUES)
    if draw.random() < 0.6:  # a path of the spec, and a value of its type
        path, fitting = _fitting(draw, _tree(TEXTS[own]))
        return f"{'.'.join(map(str, path))}={_flow(fitting)}"
    match draw.randrange(6):
        case 0:
            value = _flow(_subtree(draw))
        case 1:
            value = draw.choice(LONG)
        case 2:
            value = value + draw.choice(VALUES)
        case 3:
            value = value + draw.choice("\n\t\r\x1b\u2028\udc80:#,[]{}&*!|>'\"%@`\\")
    return draw.choice(("=", "=", "=", "=", "=", "=", "=", ": ", "", "==")).join(
        [".".join(map(str, parts)), value]
    )


# -- edits of text ----------------------------------------------------------------------------


def edit_bytes(draw: random.Random, text: str) -> bytes:
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(draw.choice((1, 1, 2, 5))):
        at = draw.randrange(len(data) + 1)
        match draw.randrange(5):
            case 0 if at < len(data):
                data[at] ^= 1 << draw.randrange(8)
            case 1:
                data[at:at] = draw.choice(BYTES)
            case 2:
                del data[at : at + draw.choice((1, 5, 50, 500))]
            case 3:
                data[at:at] = data[at : at + draw.choice((1, 10, 100))] * draw.choice((1, 2, 30))
            case _:
                data = data[:at] if draw.random() < 0.3 else data
    return bytes(data)


def edit_lines(draw: random.Random, text: str) -> str:
    lines = text.split("\n")
    at, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    match draw.randrange(6):
        case 0:
            del lines[at]
        case 1:
            lines.insert(other, lines[at])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines[at] = draw.choice((" ", "  ", "    ", "\t", "- ")) + lines[at]
        case 4:
            lines[at] = lines[at][draw.choice((1, 2, 4)) :]
        case _:
            lines[at : at + 2] = [" ".join(lines[at : at + 2])]
    return draw.choice(("\n",) * 9 + ("\r\n", "\r")).join(lines)


def edit_value(draw: random.Random, text: str) -> str:
    """Replace the text after a random `: `, `- `, `, ` or bracket."""
    places = list(
        re.finditer(r"(?<=: )[^\s,\]}]+|(?<=- )[^\s:,\]}]+|(?<=[\[{,])\s?[^\s,:\]}]+", text)
    )
    if not places:
        return text
    place = draw.choice(places)
    value = draw.choice(LONG) if draw.random() < 0.05 else draw.choice(VALUES)
    if re.fullmatch(r"[\d.e-]+", place[0]) and draw.random() < 0.3:
        value = place[0] + draw.choice(("0", "000", ".5", "e9", "e-9", " * ch", " // 3", "-1"))
    return text[: place.start()] + value + text[place.end() :]


def insert_text(draw: random.Random, text: str) -> str:
    at = draw.randrange(len(text) + 1)
    value = draw.choice(LONG) if draw.random() < 0.05 else draw.choice(VALUES)
    return (
        text[:at] + draw.choice(("", " ", "\n")) + value + draw.choice(("", " ", "\n")) + text[at:]
    )


def edit_key(draw: random.Random, text: str) -> str:
    places = list(re.finditer(r"[a-z_]\w*(?=:)", text))
    if not places:
        return text
    place = draw.choice(places)
    key = draw.choice(_words())
    if draw.random() < 0.3:
        letters = list(place[0])
        letters[draw.randrange(len(letters))] = draw.choice("abcxyz_19 -.")
        key = "".join(letters)
    return text[: place.start()] + key + text[place.end() :]


def edit_number(draw: random.Random, text: str) -> str:
    """Change a number a little."""
    places = list(re.finditer(r"(?<=[ \[,])\d[\d.e-]*", text))
    if not places:
        return text
    place = draw.choice(places)
    try:
        number = float(place[0]) if re.search(r"[.e]", place[0]) else int(place[0])
    except ValueError:
        return text
    changed = draw.choice((number + 1, number - 1, number * 2, number // 2, number * 3, -number, 1))
    return text[: place.start()] + str(changed) + text[place.end() :]


# -- edits that fit ---------------------------------------------------------------------------


def edit_fitting(draw: random.Random, text: str) -> str:
    """Set a random field to a value of its type, or choose another kind of a family."""
    tree = _tree(text)
    if not tree:
        return edit_value(draw, text)
    path, value = _fitting(draw, tree)
    inner = tree
    for part in path[:-1]:
        inner = inner.setdefault(part, {}) if isinstance(inner, dict) else inner[part]
    if isinstance(inner, dict) or (isinstance(inner, list) and isinstance(path[-1], int)):
        inner[path[-1]] = value
    return _dumped(draw, tree)


def _fitting(draw: random.Random, tree: dict | None) -> tuple[tuple, object]:
    """Return a path of the tree, perhaps with one more key, and a value of the type there."""
    paths = [path for path, _ in _walk(tree or {})]
    for _ in range(30):
        path = draw.choice(paths)
        at = (
            shape(path) if path else next(s for s in systems() if s.standard or draw.random() < 0.1)
        )
        if isinstance(at, str):
            return path, _kind(draw, at, 0)
        if at is not None and (fields := fields_of(at)):
            field = draw.choice(list(fields.values()))
            return (*path, field.name), _typed(draw, field.type, 1)
    return ("name",), "x"


def _kind(draw: random.Random, family: str, depth: int) -> object:
    """Return a random kind of a family, with random fields of their types."""
    kinds = {word: kind for word, kind in kinds_of(family).items() if word not in HIDDEN}
    word = draw.choice(list(kinds))
    fields = {}
    for field in fields_of(kinds[word]).values():
        if draw.random() < (0.95 if field.required else 0.25):
            fields[field.name] = _typed(draw, field.type, depth + 1)
    return {word: fields} if fields else word


def _typed(draw: random.Random, kind: FieldType, depth: int) -> object:
    """Return a value that a field of a type may take, often at the edge of its limits."""
    makers = []
    if kind.null:
        makers.append(lambda: None)
    if depth < 4 and kind.family:
        makers.append(lambda: _kind(draw, kind.family, depth))
    if depth < 4 and kind.families:
        makers.append(
            lambda: [_kind(draw, kind.families, depth) for _ in range(draw.randint(1, 3))]
        )
    if depth < 4 and (kind.section or kind.sections):
        makers.append(lambda: _section(draw, kind, depth))
    if kind.literals:
        makers += [lambda: draw.choice(kind.literals)] * 2
    if kind.scalars:
        makers += [lambda: _scalar(draw, draw.choice(kind.scalars))] * 2
    for each in kind.lists:
        count = draw.randint(each.least, 4) if each.endless else len(each.items)
        makers.append(
            lambda e=each, n=count: [_typed(draw, e.item(i), depth + 1) for i in range(n)]
        )
    if kind.map:
        maps = kind.map
        words = ("generator", "discriminator", "ch", "classes", "x", *maps.keys.words)
        makers.append(lambda: {draw.choice(words): _typed(draw, maps.values, depth + 1)})
    return draw.choice(makers)() if makers else draw.choice(VALUES)


def _section(draw: random.Random, kind: FieldType, depth: int) -> object:
    fields = fields_of(kind.section or kind.sections).values()
    chosen = [each for each in fields if each.required or draw.random() < 0.3]
    made = {each.name: _typed(draw, each.type, depth + 1) for each in chosen}
    return made if kind.section else [made]


def _scalar(draw: random.Random, scalar: ScalarType) -> object:
    if scalar.python is bool:
        return draw.random() < 0.5
    if scalar.python is str:
        return draw.choice(
            ("x", "train.json", "generator", "relu", "a b", "2 * ch", "dropout", "h")
        )
    edges = [limit.bound for limit in scalar.limits] * 2
    if scalar.python is int:
        return int(draw.choice([*edges, *(e + 1 for e in edges), 1, 2, 3, 4, 5, 8, 16, 64, 1000]))
    return float(draw.choice([*edges, *(e * 0.99 for e in edges), 0.1, 0.5, 0.9, 1, 2, 1e-3, 10]))


def edit_layers(draw: random.Random, text: str) -> str:
    """Add, repeat, remove, swap or replace layers of a list."""
    tree = _tree(text)
    places = [part for path, part in _walk(tree or {}) if path[-1:] == ("layers",) and part]
    places = [part for part in places if isinstance(part, list)]
    if not places:
        return edit_value(draw, text)
    layers = draw.choice(places)
    at = draw.randrange(len(layers))
    match draw.randrange(5):
        case 0:
            layers.insert(at, _kind(draw, "layer", 0))
        case 1:
            layers[at] = _kind(draw, "layer", 0)
        case 2:
            layers.insert(at, layers[at])
        case 3:
            del layers[at]
        case _:
            other = draw.randrange(len(layers))
            layers[at], layers[other] = layers[other], layers[at]
    return _dumped(draw, tree)


def _flow(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6)
    return text.removesuffix("...\n").strip()


# -- edits of the tree ------------------------------------------------------------------------


def transplant(draw: random.Random, text: str) -> str:
    """Replace a random part by a part of any spec, in flow style."""
    return _edited(draw, text, lambda old: _subtree(draw))


def edit_tree(draw: random.Random, text: str) -> str:
    def changed(old: object) -> object:
        match old:
            case dict() if old and draw.random() < 0.5:
                key = draw.choice(list(old))
                rest = {k: v for k, v in old.items() if k != key}
                if draw.random() < 0.5:
                    return rest
                return {**rest, draw.choice(_words()): old[key]}
            case list() if old:
                return draw.choice((old * 2, old[1:], old[::-1], [*old, _subtree(draw)], old * 700))
            case bool() | None:
                return draw.choice((1, "true", [old], {"a": old}))
            case int() | float():
                factor = draw.choice((0, -1, 2, 0.5, 1e3, 1e6, 1e12, float("inf"), float("nan")))
                return draw.choice((old * factor, int(old) + 1, str(old), [old], f"{old} * ch"))
        return draw.choice(
            ([old], {str(old): None}, {str(old): {}}, None, str(old) * 2, [old, old])
        )

    return _edited(draw, text, changed)


def edit_report(draw: random.Random, text: str) -> str:
    """Change or add a part of `report`."""
    tree = _tree(text)
    if not tree:
        return edit_value(draw, text)
    reports = [_tree(each) for each in TEXTS.values()]
    parts = [(k, v) for each in reports if each for k, v in (each.get("report") or {}).items()]
    key, value = draw.choice(parts)
    if draw.random() < 0.6:
        value = draw.choice((_subtree(draw), yaml_value(draw), [value], {key: value}))
    report = tree.get("report")
    tree["report"] = {**(report if isinstance(report, dict) else {}), key: value}
    return _dumped(draw, tree)


def edit_extends(draw: random.Random, text: str) -> str:
    """Return a small spec that changes parts of another, or the same spec on another."""
    base = draw.choice(
        [*TEXTS, *TEXTS, "mutant.yaml", "nowhere.yaml", ".", "/dev/null", "[a]", "''"]
    )
    head = f"extends: {base}\n"
    if draw.random() < 0.4:
        return head + re.sub(r"(?m)^extends:.*\n", "", text)
    tree: dict = {"name": "mutant"}
    for _ in range(draw.randint(1, 3)):
        path, value = draw.choice(_paths(draw.choice(list(TEXTS)))), _subtree(draw)
        for part in reversed(path[1:]):
            value = [value] if isinstance(part, int) else {part: value}
        tree[str(path[0])] = draw.choice((value, value, None, yaml_value(draw)))
    return head + _dumped(draw, tree)


def yaml_value(draw: random.Random) -> object:
    return draw.choice((0, 1, -1, 1.5, None, True, "", "x", "relu", [], {}, [1], {"a": 1}, 10**30))


def _edited(draw: random.Random, text: str, change) -> str:
    tree = _tree(text)
    if not tree:
        return edit_value(draw, text)
    paths = [path for path, _ in _walk(tree) if path]
    path = draw.choice(paths)
    inner = tree
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = change(inner[path[-1]])
    return _dumped(draw, tree)


def _dumped(draw: random.Random, tree: dict) -> str:
    style = draw.choice((False, None, None, True))
    return yaml.safe_dump(tree, default_flow_style=style, sort_keys=False, width=200)


def _tree(text: str) -> dict | None:
    """Return a spec's tree, which the caller may change; None if it is no YAML."""
    return copy.deepcopy(_parsed(text))


@lru_cache(64)
def _parsed(text: str) -> dict | None:
    try:
        return parse(text).plain()
    except SpecError:
        return None


def _walk(tree, path=()):
    yield path, tree
    items = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    for key, child in items:
        yield from _walk(child, (*path, key))


@cache
def _paths(name: str) -> list[tuple]:
    return [path for path, _ in _walk(_tree(TEXTS[name])) if path]


@cache
def _words() -> list[str]:
    keys = {str(part) for name in TEXTS for path in _paths(name) for part in path}
    return [*sorted(keys), *VALUES]


@cache
def _subtrees() -> list[object]:
    return [part for name in TEXTS for path, part in _walk(_tree(TEXTS[name])) if path]


def _subtree(draw: random.Random) -> object:
    return draw.choice(_subtrees())
