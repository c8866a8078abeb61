"""The JSON Schema of specs against `ganspec check`: what it accepts is valid, slips are marked.

`GANSPEC_SLIPS` and `GANSPEC_MUTANTS` set how many misspelt keys and changed specs are tried.
"""

from __future__ import annotations

import copy
import json
import os
import random
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, SPECS, own_kinds_forgotten
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft7Validator
from test_docs import BLOCK as DOCS_BLOCK
from test_docs import PAGES
from test_errors import BASE, FOLDER
from test_errors import BLOCK as ERRORS_BLOCK
from test_properties import specs as random_specs

import ganspec
from ganspec.language.errors import SpecError
from ganspec.language.fields import fields_of
from ganspec.language.kinds import kinds_of
from ganspec.language.load import load, loads
from ganspec.language.registry import PACKAGES
from ganspec.language.source import parse
from ganspec.reference.schema import schema
from ganspec.reference.words import words_of

SLIPS = int(os.environ.get("GANSPEC_SLIPS", 400))
MUTANTS = int(os.environ.get("GANSPEC_MUTANTS", 300))
LETTERS = "abcdefghijklmnopqrstuvwxyz_"
SCHEMA = schema()
VALIDATOR = Draft7Validator(SCHEMA)


def plain(text: str) -> object:
    return parse(text).plain()


def problems(data: object, validator: Draft7Validator = VALIDATOR) -> list[str]:
    """Return each error as its place and message."""
    return [f"{e.json_path}: {e.message}" for e in validator.iter_errors(data)]


def marked(data: object, validator: Draft7Validator = VALIDATOR) -> set[tuple]:
    """Return the paths of the keys that errors name."""
    found = set()
    for error in validator.iter_errors(data):
        if error.validator == "additionalProperties":
            known = error.schema.get("properties", {})
            found |= {(*error.absolute_path, key) for key in error.instance if key not in known}
        elif "propertyNames" in error.absolute_schema_path:
            found.add((*error.absolute_path, error.instance))
    return found


def paths(data: object, path: tuple = ()) -> list[tuple]:
    """Return the paths of all keys and entries."""
    if not isinstance(data, (dict, list)):
        return []
    pairs = data.items() if isinstance(data, dict) else enumerate(data)
    return [found for key, each in pairs for found in ((*path, key), *paths(each, (*path, key)))]


def at(data, path: tuple):
    for key in path:
        data = data[key]
    return data


SOURCES = {path.name: plain(path.read_text("utf-8")) for path in SPECS}


# -- what `check` accepts is valid ------------------------------------------------------------


def test_the_schema_is_one():
    Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_every_spec_is_valid(path):
    assert problems(SOURCES[path.name]) == []


def test_files_are_valid_as_another_program_reads_them(tmp_path):
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(SCHEMA))
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", path, *SPECS]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
    typo = tmp_path / "typo.yaml"
    typo.write_text(BASE.replace("kernel", "kernl"))
    run = subprocess.run([*command[:5], typo], capture_output=True, text=True)
    assert run.returncode == 1 and "'kernl' was unexpected" in run.stdout


def page_specs() -> list:
    """Return the specs on all pages, and those that messages are tested with."""
    found = []
    for page in PAGES:
        for i, block in enumerate(DOCS_BLOCK.finditer(page.read_text("utf-8"))):
            mark = block["mark"] or ""
            text = block["text"]
            if block["kind"] != "yaml" or mark.startswith(("with", "not run")) or text[0] == "-":
                continue
            head = "" if text.startswith("name:") else "extends: base.yaml\n"
            found.append(pytest.param(head + text, id=f"{page.stem}-{i}"))
    for page in sorted(FOLDER.glob("*.md")):
        for i, block in enumerate(ERRORS_BLOCK.finditer(page.read_text("utf-8"))):
            found.append(pytest.param(block["text"], id=f"errors-{page.stem}-{i}"))
    return found


@pytest.mark.parametrize("text", page_specs())
def test_specs_of_pages_are_valid(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "spec.yaml").write_text(text)
    try:
        load("spec.yaml")
    except (SpecError, UnicodeError):
        return
    assert problems(plain(text)) == []


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(random_specs())
def test_random_specs_are_valid(data):
    try:
        loads(json.dumps(data))
    except SpecError:
        return
    assert problems(json.loads(json.dumps(data))) == []


POOL = [
    *(None, True, 0, 1, -1, 2, 64, 0.5, 1.0, -0.25, 1e-4, "", [], {}, "x" * 50),
    *("ch", "2 * ch", "z", "1 + 2 # c", "same", "relu", "conv", "adam", "hinge", "batch", "none"),
    *([1], [1, 2], [3, 0], [0.5, 0.9], [1, 2, 3], ["a"], ["relu"], [["relu"]], [{"conv": 3}]),
    *({"unknown": "sort"}, {"adam": None}, {"adam": 0.1}, {"conv": {"out": 3}}, {"batch": {}}),
    *({"embedding": 3}, {"channel": {"hidden": "relu"}}, {"reduce": 3}, "equal", "keras"),
]


def parts() -> list[tuple]:
    """Return keys and values of all specs, and the examples of all layers."""
    found = [(path[-1], at(data, path)) for data in SOURCES.values() for path in paths(data)]
    for kind, cls in kinds_of("layer").items():
        for fields, _ in cls.examples:
            found.append((0, kind if fields is None else {kind: json.loads(json.dumps(fields))}))
    return found


def changed(data: object, draw: random.Random, pieces: list[tuple], names: list[str]) -> object:
    """Return a spec in which one to three places have other values, more or fewer."""
    data = copy.deepcopy(data)
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        path = draw.choice(paths(data))
        holder, key = at(data, path[:-1]), path[-1]
        other = copy.deepcopy(draw.choice([draw.choice(POOL), draw.choice(pieces)[1]]))
        match draw.choice(["replace", "replace", "remove", "add", "reset"]):
            case "replace":
                holder[key] = other
            case "remove":
                del holder[key]
            case "add" if isinstance(holder, list):
                holder.insert(key, other)
            case "add":
                holder[draw.choice([draw.choice(names), str(draw.choice(pieces)[0])])] = other
            case "reset":
                holder[key] = None
    return data


def test_what_the_schema_refuses_in_changed_specs_check_refuses(tmp_path):
    for path in SPECS:
        shutil.copy(path, tmp_path)
    draw, pieces = random.Random(0), parts()
    kinds = [cls for family in PACKAGES if family != "system" for cls in kinds_of(family).values()]
    names = sorted({name for cls in kinds for name in fields_of(cls)})
    accepted = refused = 0
    for _ in range(MUTANTS):
        data = changed(SOURCES[draw.choice(list(SOURCES))], draw, pieces, names)
        (tmp_path / "changed.yaml").write_text(json.dumps(data))
        try:
            load(tmp_path / "changed.yaml")
        except SpecError:
            refused += bool(problems(data))
        else:
            accepted += 1
            assert problems(data) == [], json.dumps(data)
    print(f"{accepted} of {MUTANTS} are accepted; the schema refuses {refused} of the others, too")
    assert accepted > MUTANTS / 20 and refused > MUTANTS / 2


@pytest.mark.parametrize(
    "text",
    [
        "optimizers: adam",
        "optimizers: {sgd: 0.1}",
        "optimizers: {generator: adam, discriminator: {adam: {lr: 1e-3}}}",
        "optimizers: {unknown: not printed}",
        "optimizers: {adam: null}",
        "train: null",
        "train: {batch: null, warmup: 5}",
        "train: {warmup: {iterations: 2 * z}, keep: [1, 2]}",
        "objective: {loss: {hinge: null}, l2: {generator: 0.1}}",
        "objective: {loss: hinge, auxiliary: 1}",
        "data: {size: [8, z + z], channels: 3}",
        "data: {dataset: {shapes: {count: 8}}}",
        "vars: {z: 4, ch: 2 * z}",
        "discriminator: {normalization: [spectral, {instance: {affine: true}}]}",
        "discriminator: {normalization: none}",
        "blocks: {up: {params: [c], layers: [{conv: c}]}, down: {layers: [relu]}}\n"
        "discriminator: {layers: [{up: 2}, {up: {c: 2}}, down, flatten, {linear: 1}]}",
        "generator: {layers: [{project: [4, 4, 4]}, {reshape: [-1, 8, 8]}, {residual: [relu]}]}",
        "generator: {layers: [{repeat: {with: {c: [2, ch]}, layers: [{linear: c}]}}]}",
        "generator: {layers: [{unknown: sort}, {leaky_relu: {slope: {unknown: a number}}}]}",
        "generator: {unknown: [a part], layers: [tanh]}",
        "generator: {unknown: everything}",
        "condition: {kind: classes, size: 3}\ngenerator: {condition: concat, "
        "layers: [join_label, {join_label: {embedding: {size: 5, join: map}}}]}",
    ],
)
def test_short_forms_blocks_and_resets_are_valid(text, tmp_path):
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "spec.yaml").write_text(f"extends: base.yaml\n{text}")
    load(tmp_path / "spec.yaml")
    assert problems({"extends": "base.yaml", **plain(text)}) == []


# -- misspelt keys are marked -----------------------------------------------------------------


def slip(word: str, draw: random.Random) -> str:
    """Return a word with one letter left out, added, changed or doubled, or two swapped."""
    i, letter = draw.randrange(len(word)), draw.choice(LETTERS)
    swapped = word[:i] + word[i : i + 2][::-1] + word[i + 2 :]
    return draw.choice(
        [
            word[:i] + word[i + 1 :],
            word[:i] + letter + word[i:],
            word[:i] + letter + word[i + 1 :],
            word[: i + 1] + word[i:],
            swapped,
            word + letter,
        ]
    )


def names_its_own(data: object, path: tuple) -> bool:
    """Return True if a spec chooses the key at `path`: a variable, or a block where it is used."""
    blocks = data.get("blocks", {})
    own = [("vars",), ("with",), ("blocks",), ("updates",)]
    return path[-2:-1] in own or path[-1] in blocks


def test_every_misspelt_key_is_marked():
    draw = random.Random(0)
    keys = [
        (name, path)
        for name, data in SOURCES.items()
        for path in paths(data)
        if isinstance(path[-1], str) and not names_its_own(data, path)
    ]
    missed, tried = [], 0
    while tried < SLIPS:
        name, path = draw.choice(keys)
        word = slip(path[-1], draw)
        data = copy.deepcopy(SOURCES[name])
        holder = at(data, path[:-1])
        if word in holder or not word or is_right(word, path):
            continue
        items = [(word if key == path[-1] else key, value) for key, value in holder.items()]
        holder.clear()
        holder.update(items)
        tried += 1
        if (*path[:-1], word) not in marked(data):
            missed.append((name, path, word))
    assert missed == []


def is_right(word: str, path: tuple) -> bool:
    """Return True if a slip made another right key of a key."""
    above = path[-2] if len(path) > 1 else None
    return isinstance(above, int) and word in words_of("layer")


def test_a_layer_is_a_block_of_the_spec_or_of_the_file_that_it_extends():
    layers = {"discriminator": {"layers": ["wide", {"wide": 3}]}}
    spec = {**plain(BASE), **layers}
    assert marked(spec) == {("discriminator", "layers", 1, "wide")}
    assert any("'wide' is not one of" in problem for problem in problems(spec))
    assert problems({**spec, "blocks": {"wide": {"layers": ["relu"]}}}) == []
    assert problems({"extends": "base.yaml", **layers}) == []


def test_a_block_may_be_called_nearly_as_a_layer():
    spec = {**plain(BASE), "blocks": {"wide": {"layers": ["relu"]}}}
    spec["discriminator"] = {"layers": [{"convs": 3}]}
    assert marked(spec) == {("discriminator", "layers", 0, "convs")}
    spec["blocks"]["convs"] = {"layers": ["relu"]}
    assert problems(spec) == []


def test_a_misspelt_network_chooses_its_system():
    spec = copy.deepcopy(SOURCES["classifier_fashion.yaml"])
    spec["clasifier"] = spec.pop("classifier")
    assert marked(spec) == {("clasifier",)}


# -- words, kinds of one's own, size ----------------------------------------------------------


def described(part: object) -> list[str]:
    """Return the descriptions of all fields and kinds in a schema."""
    found = []
    if isinstance(part, dict):
        texts = [part.get("description"), part.get("markdownDescription")]
        found += [text for text in texts if isinstance(text, str)]
        found += [text for each in part.values() for text in described(each)]
    elif isinstance(part, list):
        found += [text for each in part for text in described(each)]
    return found


def test_hover_texts_are_those_of_the_reference():
    page = (ROOT / "docs" / "language.md").read_text("utf-8").replace("\\|", "|")
    page = re.sub(r"\[([^\]]*)\]\(#[^)]*\)", r"\1", page)
    own = {"what was seen of an unknown part"}
    missing = []
    for text in set(described(SCHEMA["definitions"])) - own:
        *paragraphs, last = text.split("\n\n")
        if last.startswith("Takes "):
            last = last.removeprefix("Takes ").removesuffix(".").replace(". Default: ", " | ")
        missing += [each for each in (*paragraphs, last) if each not in page]
    assert sorted(missing) == []


def test_fields_say_what_they_take():
    conv = SCHEMA["definitions"]["layer.conv"]
    assert conv["description"].startswith("Convolution")
    assert conv["properties"]["stride"]["default"] == 1
    out = "channels of the result\n\nTakes a whole number, at least 1, at most 1,000,000. "
    assert conv["properties"]["out"]["markdownDescription"] == f"{out}Default: required."


def test_own_kinds_are_in_the_schema():
    with own_kinds_forgotten():
        ganspec.load_kinds(ROOT / "examples" / "kinds" / "blur.py")
        validator = Draft7Validator(schema())
    (own,) = set(validator.schema["definitions"]["layer"]["properties"]) - set(
        SCHEMA["definitions"]["layer"]["properties"]
    )
    spec = plain(BASE)
    spec["discriminator"]["layers"].insert(0, own)
    assert problems(spec, validator) == [] != problems(spec)
    spec["discriminator"]["layers"][0] = {own: {"nonsense": 1}}
    assert marked(spec, validator) == {("discriminator", "layers", 0, own, "nonsense")}


def test_the_committed_schema_is_fresh():
    written = (ROOT / "generated" / "ganspec.schema.json").read_text("utf-8")
    command = [sys.executable, "-m", "ganspec", "schema"]
    fresh = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert written == fresh, "run ganspec schema -o generated/ganspec.schema.json"


def test_the_schema_stays_small():
    assert len(json.dumps(SCHEMA)) < 500_000
