"""Specs written to harm: they get only names, numbers and quoted text into emitted Python.

The compiler refuses the others with diagnostics.
"""

from __future__ import annotations

import ast
import json
import time
from pathlib import Path

import pytest
from conftest import emit_networks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganspec.compiler.emit import emit
from ganspec.compiler.lower import lower
from ganspec.language.errors import Mark, SpecError, Text
from ganspec.language.load import load, loads
from ganspec.program import measure

SPECS = Path(__file__).parent.parent / "specs"
DCGAN = (SPECS / "dcgan.yaml").read_text("utf-8")
SECONDS = 10  # that any spec may take

SPEC = """\
name: {name}
doc: {doc}
report: {{cite: {cite}, notes: [{note}]}}
vars: {{{var}: 4}}
data: {{dataset: shapes, size: 8}}
latent: {{size: {var}}}
blocks:
  {block}:
    doc: {block_doc}
    params: [{param}]
    layers:
      - conv: {{out: {param}, as: {inner}}}
      - relu
      - add: {inner}
generator:
  doc: {network_doc}
  layers:
    - project: [{var}, 8, 8]
    - relu: {{as: {tap}}}
    - {block}: {var}
    - add: {tap}
    - repeat: {{with: {{{round}: [8, 3]}}, layers: [{{conv: {round}}}, tanh]}}
discriminator:
  layers: [flatten, {{linear: 1}}]
objective: {{loss: hinge}}
optimizers: adam
"""
HARMLESS = {
    "name": "tame",
    "doc": "A spec",
    "cite": "A paper",
    "note": "A note",
    "var": "z",
    "block": "up",
    "block_doc": "A block",
    "network_doc": "A network",
    "param": "c",
    "inner": "wide",
    "tap": "skip",
    "round": "width",
}
PROSE = ("doc", "cite", "note", "block_doc", "network_doc")
ATTACKS = [
    '"""; import os; os.system("touch harmed")',
    '"""\nimport os\nos.system("touch harmed")\n"""',
    "'''\nimport os\n'''",
    "x\nimport os",
    "x\r\nimport os",
    "x\\",
    '\\"""',
    '\\\\"""\\',
    '"',
    '""""""',
    "x: y # z",
    "\u202ereversed",
    "\u2028import os",
    "\x85import os",
    "nul\0byte",
    "bell\x07\x1b[31m",
    "\ud7ff\ue000\ufeff\U0010ffff",
    "{{ 7 * 7 }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "{# comment #}",
    "{x}",
    "%s%n",
    "\\N{DOLLAR SIGN}\\x22\\x22\\x22",
    "__import__('os').system('touch harmed')",
    "x = 1; import os",
    "class",
    "None",
    "print",
    "__class__",
    "_modules",
    "training",
    "self",
    "Generator",
    "x" * 100,
    "x" * 3000,
    "\uff44\uff45\uff46",
    "",
    " ",
    "../../etc/passwd",
    "a/b",
    "CON",
]


def spec_with(**fields: str) -> str:
    quoted = {key: json.dumps(value) for key, value in {**HARMLESS, **fields}.items()}
    return SPEC.format(**quoted)


def skeleton(source: str) -> str:
    """Return a program's syntax tree without docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                body.pop(0)
    return ast.dump(tree)


@pytest.fixture(scope="module")
def harmless() -> str:
    return skeleton(emit(loads(spec_with())))


@pytest.mark.parametrize("attack", ATTACKS, ids=[ascii(a)[:30] for a in ATTACKS])
def test_prose_stays_prose(attack, harmless):
    """Hostile text for people is refused, or is all that changes in the program's docstrings."""
    try:
        spec = loads(spec_with(**dict.fromkeys(PROSE, attack)))
    except SpecError as error:
        assert all(d.mark for d in error.diagnostics)
        return
    source = emit(spec)
    assert skeleton(source) == harmless
    compile(source, "emitted", "exec")
    assert all(c.isprintable() or c == "\n" for c in source)


@pytest.mark.parametrize("field", sorted(set(HARMLESS) - set(PROSE)))
@pytest.mark.parametrize("attack", ATTACKS, ids=[ascii(a)[:30] for a in ATTACKS])
def test_names_are_plain(field, attack):
    """Every attack is refused as a name, wherever a spec has names."""
    with pytest.raises(SpecError) as refused:
        loads(spec_with(**{field: attack}))
    assert all(len(line) < 400 for line in str(refused.value).splitlines())
    assert all(c.isprintable() or c == "\n" for c in str(refused.value))


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(NAMES, NAMES, NAMES)
def test_plain_names_rename_only(tap, param, var):
    """Names that are accepted change nothing but the names."""
    fields = {"tap": tap, "param": param, "var": var}
    try:
        nets = lower(loads(spec_with(**fields)))
    except SpecError:
        return
    compile(emit_networks(nets), "emitted", "exec")


@pytest.mark.parametrize(
    "field, value",
    [
        ("data: {dataset: {cifar10: {split: %s}}}", "train'); import os  #"),
        ("data: {dataset: {image_folder: {folder: %s}}}", "'; import os"),
        ("data: {dataset: {shapes: {count: %s}}}", "__import__('os')"),
        ("framework: %s", "torch\nimport os"),
        ("latent: {size: z, distribution: %s}", "normal'"),
        ("train: {batch: %s}", "4); import os"),
        ("objective: {loss: %s}", "hinge\nimport os"),
        ("optimizers: {adam: {lr: %s}}", "1e-4, foo=open('x')"),
    ],
)
def test_values_are_of_their_type(field, value):
    lines = [line for line in spec_with().splitlines() if not line.startswith(field.split(":")[0])]
    with pytest.raises(SpecError):
        loads("\n".join([*lines, field % json.dumps(value)]))


@pytest.mark.parametrize("name", ["sagan", "wgan_gp"])
def test_large_layers_are_counted_without_their_numbers(monkeypatch, name):
    nets = lower(load(SPECS / f"{name}.yaml", ["discriminator.normalization=[spectral, layer]"]))
    rows = {key: measure.costs(net, macs=True) for key, net in nets.items()}
    monkeypatch.setattr(measure, "LARGEST_DRAWN", 0)
    monkeypatch.setattr(measure, "LARGEST_COMPUTED", 0)
    assert {key: measure.costs(net, macs=True) for key, net in nets.items()} == rows
    monkeypatch.setattr(measure, "module_of", lambda call: pytest.fail("draws weights"))
    monkeypatch.setattr(measure, "LARGEST_DRAWN", 10**9)
    with pytest.raises(pytest.fail.Exception):
        measure.costs(nets["discriminator"])


@pytest.mark.parametrize("byte", ["\udc80", "\udcff"])
def test_bytes_of_a_setting_that_are_no_text_are_refused(byte):
    with pytest.raises(SpecError, match=f"the byte 0x{ord(byte) - 0xDC00:X} is not UTF-8"):
        load(SPECS / "dcgan.yaml", [f"doc=a{byte}"])


def test_a_file_that_cannot_be_read_is_named_as_it_is_written(tmp_path):
    path = tmp_path / "Loop.yaml"
    path.symlink_to(path)
    with pytest.raises(SpecError, match=rf"`{path}` cannot be read: too many levels"):
        load(path)


# -- no text makes it fail otherwise ----------------------------------------------------------


def refused_or_built(text: str) -> None:
    started = time.perf_counter()
    try:
        spec = loads(text)
        list(spec.contract(lower(spec)))
    except SpecError as error:
        assert error.diagnostics
        assert all(c.isprintable() or c == "\n" for c in str(error))
    assert time.perf_counter() - started < SECONDS


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfen\x00a\x00",
        b"name: caf\xe9",
        b"name: a\x00b",
        b"\xef\xbb\xbfname: a",
        b"name: a\r\nname: b\r\n",
        b"name: a\rname: b",
        b"\x1b[31mname: a",
        b"\x7fELF\x02\x01\x01",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"x" * 900_000,
        b"- " * 100_000,
        b"[" * 190_000,
        b"{a: " * 40_000,
        b"a: &a {" * 20_000,
        b"? " * 100_000,
        b"a:\n" * 60_000,
        b"[" + b"1," * 90_000 + b"]",
        b"!" * 1000,
        b"%YAML 9.9\n---\na: 1",
        b"a: '" + b"x" * 150_000,
        b"# " + b"x" * 150_000,
    ],
    ids=lambda data: ascii(data[:12]),
)
def test_bytes_of_any_kind(data, tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_bytes(data)
    started = time.perf_counter()
    with pytest.raises(SpecError) as refused:
        load(path)
    assert refused.value.diagnostics
    assert time.perf_counter() - started < SECONDS


def test_a_byte_order_mark_and_line_ends_change_nothing(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + DCGAN.replace("\n", "\r\n").encode())
    assert load(path).model_dump(exclude={"tree"}) == loads(DCGAN).model_dump(exclude={"tree"})


@pytest.mark.parametrize("path", ["", ".", "nowhere.yaml", "a\0b", "x" * 5000, "/dev/null"])
def test_paths_of_any_kind(path):
    with pytest.raises(SpecError):
        load(path)


YAMLISH = st.text(
    st.sampled_from("abz019:-,.[]{}&*!|>'\"%@`#?<~=+/() \n\n\t\\_\xe9\u202e\0"),
    max_size=120,
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(YAMLISH)
def test_random_text(text):
    refused_or_built(text)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(YAMLISH)
def test_random_value(text):
    refused_or_built(DCGAN.replace("64}", f"{text}}}").replace("0.2", text))


ODD = """0 -1 1.5 1e9 999999999999 null true no '' [] {} [1,2] {a:1} relu norm ch*ch*ch z//z
ch-64 .nan -.inf *a &a 8192 65536 [0,0] << !!int c conv {conv:3} [relu,norm] | " ' : - # 1e-400"""
VALUES = st.sampled_from(ODD.split())
LINES = DCGAN.splitlines()


@st.composite
def mutated(draw) -> str:
    """DCGAN's spec with one to three lines deleted, doubled, swapped, or given odd values."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["delete", "double", "swap", "value", "value", "indent"])):
            case "delete" if len(lines) > 1:
                del lines[at]
            case "double":
                lines.insert(at, lines[at])
            case "swap":
                other = draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
            case "indent":
                lines[at] = "  " + lines[at]
            case _:
                words = lines[at].split(" ")
                words[draw(st.integers(0, len(words) - 1))] = draw(VALUES)
                lines[at] = " ".join(words)
    return "\n".join(lines)


@settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(mutated())
def test_mutations(text):
    refused_or_built(text)


def test_a_frame_shows_no_control_characters():
    text = Text("a\x1b[2J.yaml", ("name: \u202e\x1b[31m\tx",))
    shown = str(SpecError([_diagnostic(Mark(text, 1, 7, 12))]))
    assert all(c.isprintable() or c == "\n" for c in shown)


def _diagnostic(mark):
    from ganspec.language.errors import Diagnostic

    return Diagnostic("bad-name", "bad \u202e name", mark, ("a \x1b note",), "a \n help")
