"""`ganspec lsp`, a process of its own, is spoken to as an editor does."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import queue
import random
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import ROOT, SPECS
from test_errors import BASE, BLOCK, SETTING, cases
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.language.errors import SpecError
from ganspec.language_server.analysis import Analysis
from ganspec.language_server.completion import complete
from ganspec.language_server.half_typed import tree_until
from ganspec.language_server.help_texts import help_text
from ganspec.language_server.messages import symbols
from ganspec.language_server.navigation import definition, outline
from ganspec.language_server.positions import Positions
from ganspec.language_server.server import SpecServer, is_spec
from ganspec.language_server.spots import SpecWalk
from ganspec.report.findings import as_json

NOISY = "print('this is no message')\n"  # a file of kinds that prints
WAIT = 120  # seconds


class Editor:
    """An editor that speaks JSON-RPC with a server that it starts."""

    def __init__(self, folder: Path):
        (folder / "noisy.py").write_text(NOISY)
        command = [sys.executable, "-m", "ganspec", "lsp", "--stdio", "--kinds", "noisy.py"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=folder, env=environment
        )
        self.ids, self.versions = itertools.count(1), itertools.count(1)
        self.answers: queue.Queue = queue.Queue()
        self.published: dict[str, dict] = {}
        self.news = threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()
        self.errors: list[bytes] = []
        threading.Thread(
            target=lambda: self.errors.extend(self.process.stderr), daemon=True
        ).start()
        item = {"completionItem": {"snippetSupport": True}}
        capabilities = {"textDocument": {"completion": item}}
        about = {"processId": None, "rootUri": None, "capabilities": capabilities}
        self.capabilities = self.ask("initialize", about)["capabilities"]
        self.tell("initialized", {})

    def read(self) -> None:
        while line := self.process.stdout.readline():
            assert line.startswith(b"Content-Length: "), line
            while self.process.stdout.readline().strip():
                pass
            message = json.loads(self.process.stdout.read(int(line.split()[1])))
            if message.get("method") == "textDocument/publishDiagnostics":
                with self.news:
                    self.published[message["params"]["uri"]] = message["params"]
                    self.news.notify_all()
            elif "id" in message:
                self.answers.put(message)

    def send(self, message: dict) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def tell(self, method: str, params: object) -> None:
        self.send({"method": method, "params": params})

    def ask(self, method: str, params: object):
        self.send({"id": next(self.ids), "method": method, "params": params})
        answer = self.answers.get(timeout=WAIT)
        assert "error" not in answer, answer
        return answer["result"]

    # -- documents ----------------------------------------------------------------------------

    def open(self, path: Path, text: str | None = None) -> str:
        text = path.read_text("utf-8") if text is None else text
        document = {"uri": path.as_uri(), "languageId": "yaml", "text": text}
        document["version"] = next(self.versions)
        self.tell("textDocument/didOpen", {"textDocument": document})
        return document["uri"]

    def type(self, uri: str, text: str) -> int:
        version = next(self.versions)
        document = {"uri": uri, "version": version}
        self.tell(
            "textDocument/didChange",
            {"textDocument": document, "contentChanges": [{"text": text}]},
        )
        return version

    def diagnostics(self, uri: str, ready=lambda found: True) -> list[dict]:
        """Return the diagnostics of a file once they are `ready`."""
        with self.news:
            here = self.news.wait_for(
                lambda: uri in self.published and ready(self.published[uri]), WAIT
            )
            assert here, (uri, self.published.get(uri))
            return self.published[uri]["diagnostics"]

    def at(self, method: str, uri: str, text: str, place: int):
        """Return the answer to a question about a place in a text."""
        before = text[:place]
        line = before.count("\n")
        column = len(before) - (before.rfind("\n") + 1)
        position = {"line": line, "character": column}
        return self.ask(
            f"textDocument/{method}", {"textDocument": {"uri": uri}, "position": position}
        )

    def hover(self, uri: str, text: str, place: int) -> str:
        found = self.at("hover", uri, text, place)
        return found["contents"]["value"] if found else ""


@pytest.fixture(scope="module")
def editor(tmp_path_factory):
    found = Editor(tmp_path_factory.mktemp("editor"))
    yield found
    if found.process.poll() is None:
        found.ask("shutdown", None)
        found.tell("exit", None)
        assert found.process.wait(WAIT) == 0


# -- diagnostics ------------------------------------------------------------------------------


def checked(path: Path) -> list[dict]:
    """Return the findings of `ganspec check` as data."""
    try:
        found = ganspec.check(ganspec.load(path))
    except SpecError as error:
        found = list(error.diagnostics)
    (data,) = json.loads(as_json([(path, found)]))["specs"]
    return data["diagnostics"]


def test_diagnostics_are_those_of_check_in_many_files_at_once(editor, tmp_path):
    uris: dict[Path, str] = {}
    for number, case in enumerate(each.values[1]["body"] for each in cases()[::3]):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "base.yaml").write_text(BASE, "utf-8")
        for block in BLOCK.finditer(case):
            (folder / (block["name"] or "spec.yaml")).write_text(block["text"], "utf-8")
        path = folder / "spec.yaml"
        if not SETTING.search(case) and path.exists() and is_spec(path.read_text("utf-8")):
            uris[path] = editor.open(path)
    assert len(uris) > 40
    for path, uri in uris.items():
        told = editor.diagnostics(uri)
        for mine, theirs in zip(told, checked(path), strict=True):
            assert (mine["code"], mine["source"]) == (theirs["code"], "ganspec")
            assert mine["severity"] == {"error": 1, "warning": 2}[theirs["severity"]]
            assert theirs["message"].split("\n")[0][:30] in mine["message"]
            assert (theirs["help"] or "")[:30] in mine["message"]
            if theirs["line"] and theirs["file"] == str(path):
                place = {k: mine["range"][k]["line"] + 1 for k in ("start", "end")}
                assert place == {"start": theirs["line"], "end": theirs["line"]}
                if (tmp_path / path).read_text("utf-8").isascii():
                    assert mine["range"]["start"]["character"] == theirs["column"] - 1
        editor.tell("textDocument/didClose", {"textDocument": {"uri": uri}})


def test_unsaved_changes_of_a_base_are_seen(editor, tmp_path):
    base, own = tmp_path / "base.yaml", tmp_path / "own.yaml"
    base.write_text(BASE)
    own.write_text("extends: base.yaml\ntrain: {batch: 8}\n")
    uris = editor.open(base), editor.open(own)
    assert [editor.diagnostics(uri) for uri in uris] == [[], []]
    editor.type(uris[0], BASE.replace("kernel: 4", "kernal: 4", 1))
    (found,) = editor.diagnostics(uris[1], lambda p: p["diagnostics"])
    assert found["message"].startswith("in base.yaml, line 9: conv_transpose has no field `kernal`")
    assert found["range"]["start"]["line"] == 0
    (related,) = found["relatedInformation"]
    assert related["location"]["uri"] == uris[0]
    assert related["location"]["range"]["start"] == {"line": 8, "character": 31}
    editor.type(uris[0], BASE)
    assert editor.diagnostics(uris[1], lambda p: not p["diagnostics"]) == []
    editor.tell("textDocument/didClose", {"textDocument": {"uri": uris[1]}})


def test_names_with_characters_that_addresses_escape(editor, tmp_path):
    base, own = tmp_path / "a base (é).yaml", tmp_path / "100%20 own.yaml"
    uris = editor.open(base, BASE), editor.open(own, f"extends: {base.name}\nname: own\n")
    assert all("%20" in uri for uri in uris)
    assert [editor.diagnostics(uri) for uri in uris] == [[], []]
    editor.type(uris[0], BASE.replace("kernel: 4", "kernal: 4", 1))
    for uri in uris:
        (found,) = editor.diagnostics(uri, lambda p: p["diagnostics"])
        assert "no field `kernal`" in found["message"]


def test_questions_about_a_file_that_is_gone_have_no_answers(editor, tmp_path):
    uri = editor.open(tmp_path / "never_saved.yaml", BASE)
    editor.tell("textDocument/didClose", {"textDocument": {"uri": uri}})
    assert editor.hover(uri, BASE, 0) == "" and editor.at("definition", uri, BASE, 0) is None
    assert editor.ask("textDocument/documentSymbol", {"textDocument": {"uri": uri}}) == []


def test_notes_lead_to_the_places_that_they_name(editor, tmp_path):
    uri = editor.open(tmp_path / "twice.yaml", BASE + "vars: {z: 5}\n")
    (found,) = editor.diagnostics(uri)
    (related,) = found["relatedInformation"]
    assert found["code"] == "duplicate-key" and related["message"] == "first given at line 2"
    assert related["location"]["range"]["start"] == {"line": 1, "character": 0}


def test_a_misspelt_key_is_replaced_by_a_quick_fix(editor, tmp_path):
    uri = editor.open(tmp_path / "typo.yaml", BASE.replace("kernel", "kernl", 1))
    (found,) = editor.diagnostics(uri)
    context = {"diagnostics": [found]}
    params = {"textDocument": {"uri": uri}, "range": found["range"], "context": context}
    (action,) = editor.ask("textDocument/codeAction", params)
    (edit,) = action["edit"]["changes"][uri]
    assert (edit["newText"], edit["range"]) == ("kernel", found["range"])


def test_columns_are_those_of_the_editor(editor, tmp_path):
    text = BASE.replace("name: tiny", 'name: tiny\ndoc: "\U0001f600"  # \U0001f600')
    text = text.replace("{loss: hinge}", '{"lo\\u0073s": hinge, loss: "\U0001f600"}')
    uri = editor.open(tmp_path / "wide.yaml", text)
    (found,) = editor.diagnostics(uri)
    line = text.split("\n")[found["range"]["start"]["line"]]
    start = line.encode("utf-16-le")[: 2 * found["range"]["start"]["character"]]
    assert start.decode("utf-16-le") == 'objective: {"lo\\u0073s": hinge, '


def test_a_check_may_end_while_another_file_is_opened():
    """The thread that checks adds what it found, while the opened file's dependents are sought."""
    server = SpecServer()

    class Found:
        @property
        def texts(self):
            server.analyses[f"file:///{len(server.analyses)}.yaml"] = Analysis(Path("other.yaml"))
            return {}

    async def opened():
        server.schedule("file:///own.yaml")

    server.analyses["file:///first.yaml"] = Found()
    asyncio.run(opened())
    assert list(server.tasks) == ["file:///own.yaml"]


def test_yaml_of_other_programs_is_left_alone(editor, tmp_path):
    text = "name: tests\non: push\njobs:\n  build: {runs-on: ubuntu-latest}\n"
    uri = editor.open(tmp_path / "workflow.yaml", text)
    assert editor.diagnostics(uri) == []
    assert editor.at("completion", uri, text, text.index("build")) == []


# -- help -------------------------------------------------------------------------------------


def test_hover_has_shapes_and_counts_of_show(editor):
    path = ROOT / "specs" / "dcgan.yaml"
    text, uri = path.read_text(), editor.open(path)
    shown = json.loads(CliRunner().invoke(app, ["show", str(path), "--json"]).stdout)
    starts = [0, *(m.end() for m in re.finditer("\n", text))]
    seen = 0
    for network in shown["networks"].values():
        by_line: dict[int, list] = {}
        for layer in network["layers"]:
            by_line.setdefault(layer["line"], []).append(layer)
        for line, layers in by_line.items():
            if line in (12, 13, 18, 26, 27) or len(layers) > 3:  # written elsewhere, or several
                continue
            start = re.compile(r"[a-z_]+").search(text, starts[line - 1]).start()
            for layer in layers:
                output = " x ".join(map(str, layer["output"]))
                told = editor.hover(uri, text, start)
                assert f"→ `{output}`, {layer['params']:,} parameter" in told
                seen += 1
    assert seen > 5
    told = editor.hover(uri, text, text.index("generator:\n"))
    assert f"{shown['networks']['generator']['params']['total']:,} parameters" in told


def test_hover_has_the_label_that_a_layer_reads(editor):
    path = ROOT / "specs" / "sagan.yaml"
    text, uri = path.read_text(), editor.open(path)
    told = editor.hover(uri, text, text.index("- projection") + 2)
    assert "\n\n`4096` and label `1 of 10` → `1`, 53,260 parameters\n\n" in told


def test_hover_is_in_the_words_of_the_reference(editor, tmp_path):
    text = BASE.replace("layers:", "normalization: batch\n  layers:\n    - norm", 1)
    uri = editor.open(tmp_path / "help.yaml", text)
    reference = (ROOT / "docs" / "language.md").read_text()
    for place, words in [
        (text.index("kernel"), "height and width of the window"),
        (text.index("hinge"), "Hinge loss"),
        (text.index("batch: 4"), "images in a batch"),
    ]:
        assert words in reference
        assert words in editor.hover(uri, text, place)
    assert editor.hover(uri, text, text.index("2 * ch") + 5) == "**ch** = `2` (line 2 of help.yaml)"


def test_definitions_are_found_in_the_file_and_in_its_base(editor, tmp_path):
    base, own = tmp_path / "base.yaml", tmp_path / "own.yaml"
    blocks = "blocks:\n  up:\n    params: [c]\n    layers: [{conv: c}, relu]\n"
    base.write_text(BASE + blocks)
    text = "extends: base.yaml\ndiscriminator:\n  layers:\n    - up: 2 * ch\n    - up: {c: z}\n"
    text += "    - flatten\n    - linear: 1\n"
    own.write_text(text)
    uri = editor.open(own)

    def target(place: str, offset: int = 0, file=uri, of=text):
        found = editor.at("definition", file, of, of.index(place) + offset)
        start = found["range"]["start"]
        return Path(found["uri"]).name, start["line"], start["character"]

    assert target("base.yaml") == ("base.yaml", 0, 0)
    assert target("up: 2") == ("base.yaml", 20, 2)
    assert target("ch") == ("base.yaml", 1, 13)
    assert target("c: z") == ("base.yaml", 21, 13)
    uri, of = editor.open(base), base.read_text()
    assert target("{conv: c", 7, uri, of) == ("base.yaml", 21, 13)  # the block's own parameter
    assert "**c**, a parameter" in editor.hover(uri, of, of.index("{conv: c") + 7)


def test_a_block_may_have_the_name_of_the_hidden_kind(editor, tmp_path):
    """Calls become the kind `block`, which no spec can write: the name is free."""
    blocks = "blocks:\n  block: {doc: own, params: [c], layers: [{conv: c}]}\n"
    text = BASE.replace("    - flatten\n", "    - block: 4\n    - flatten\n") + blocks
    uri = editor.open(tmp_path / "hidden.yaml", text)
    assert editor.diagnostics(uri) == []
    place = text.index("block: 4")
    assert editor.hover(uri, text, place).startswith("block **block**(c)")
    assert editor.at("definition", uri, text, place)["range"]["start"]["line"] == 21
    written = {item["label"] for item in editor.at("completion", uri, text, place)}
    assert "block" in written


# -- completion -------------------------------------------------------------------------------

COMPLETIONS = [  # the text with the cursor as `|`, some of the choices, and some that are none
    ("name: x\ntr|", {"train: ", "extends: "}, {"name: "}),
    ("train:\n  batch: 4\n  ep|\nname: x\n", {"epochs: "}, {"batch: "}),
    ("train: {batch: 4, ep|", {"epochs: "}, {"batch: "}),
    ("generator:\n  layers:\n    - con|\n", {"conv: ", "relu", "repeat: "}, {"name: "}),
    ("generator:\n  layers: [rel|", {"relu", "{conv: }"}, set()),
    ("generator:\n  layers:\n    - conv: {out: 4, ke|}\n", {"kernel: "}, {"out: "}),
    ("generator:\n  layers:\n    - conv: {|out: 4}\n", {"kernel"}, {"kernel: "}),
    ("vars: {ch: 4}\ngenerator:\n  layers:\n    - conv: 2 * c|\n", {"ch"}, {"relu"}),
    ("generator:\n  layers:\n    - conv: {out: 4, padding: |}\n", {"same", "valid"}, set()),
    ("generator: {}\ntrain:\n  steps: {|}\n", {"discriminator: "}, set()),
    ("generator: {}\nobjective: {loss: |}\n", {"hinge", "wasserstein"}, {"adam"}),
    ("generator: {}\noptimizers: {|}\n", {"adam: ", "generator: "}, set()),
    ("generator: {}\ndata: {dataset: cifar10, flip: |}\n", {"true", "false"}, set()),
    ("encoder: {}\nobj|\n", {"objective: "}, {"generator: "}),
    ("blocks:\n  up: {params: [c], layers: [{conv: |}]}\ngenerator: {}\n", {"c"}, set()),
    (
        "blocks:\n  up:\n    params: [c]\n    layers: [norm]\n"
        "generator:\n  layers:\n    - u|\n    - relu\n",
        {"up: "},
        {"c"},
    ),
    ("extends: |\ntrain: {}\n", {"base.yaml"}, {"own.yaml"}),
]


@pytest.mark.parametrize(("text", "some", "none"), COMPLETIONS, ids=[c[0] for c in COMPLETIONS])
def test_completion_offers_what_fits(editor, tmp_path, text, some, none):
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "own.yaml").write_text("")
    place, text = text.index("|"), text.replace("|", "", 1)
    uri = editor.open(tmp_path / "own.yaml", text)
    items = editor.at("completion", uri, text, place)
    written = {item["textEdit"]["newText"].replace("$0", "") for item in items}
    flat = {word.replace("{adam: }", "adam: ") for word in written} | {
        f"{word}: " for word in written if word == "adam"
    }
    assert some <= flat and not none & flat, written
    assert all(item.get("documentation") or item["label"] for item in items)


def test_a_choice_has_the_words_of_the_reference(editor, tmp_path):
    text = "generator:\n  layers:\n    - \n"
    uri = editor.open(tmp_path / "own.yaml", text)
    items = editor.at("completion", uri, text, len(text) - 1)
    (conv,) = [item for item in items if item["label"] == "conv"]
    assert conv["documentation"]["value"].startswith("Convolution that by default keeps")
    assert conv["detail"] == "layer"


def test_the_outline_names_layers_and_blocks(editor):
    path = ROOT / "specs" / "dcgan.yaml"
    uri = editor.open(path)
    found = editor.ask("textDocument/documentSymbol", {"textDocument": {"uri": uri}})
    (generator,) = [each for each in found if each["name"] == "generator"]
    assert [each["name"] for each in generator["children"]][:3] == [
        "reshape",
        "conv_transpose",
        "norm",
    ]


# -- half-typed texts -------------------------------------------------------------------------


def test_a_spec_is_typed_letter_by_letter(editor, tmp_path):
    """Every prefix is answered, and the last one is the whole spec, without findings."""
    uri = editor.open(tmp_path / "typed.yaml", "")
    for end in range(1, len(BASE) + 1):
        version = editor.type(uri, BASE[:end])
        editor.at("completion", uri, BASE[:end], end)
        if end % 20 == 0:
            editor.at("hover", uri, BASE[:end], end - 1)
            editor.at("definition", uri, BASE[:end], end - 1)
            editor.ask("textDocument/documentSymbol", {"textDocument": {"uri": uri}})
    assert editor.diagnostics(uri, lambda p: p["version"] == version) == []
    assert editor.process.poll() is None


def answer(text: str, offset: int, path: Path) -> None:
    """Answer each question about a text, as the server does."""
    own = Positions(text, len)
    complete(text, offset, path, None)
    tree = tree_until(text, offset, str(path))
    if tree is None:
        return
    walk = SpecWalk(tree)
    for spot in walk.spots():
        help_text(spot, walk, Analysis(path))
        definition(spot, walk, spot.mark.column)
        own.range(spot.mark)
    symbols(outline(tree), own, len(text))


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_no_half_of_a_spec_is_too_little(path):
    text, draws = path.read_text("utf-8"), random.Random(path.stem)
    for _ in range(6):
        place = draws.randrange(len(text))
        answer(text[:place], place, path)
        answer(text[:place] + text[place + draws.randrange(200) :], place, path)


# -- the command ------------------------------------------------------------------------------


def test_a_missing_extra_is_named():
    code = "import sys; sys.modules['pygls'] = None; sys.argv = ['ganspec', 'lsp']\n"
    code += "from ganspec.cli import run; run()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    said = "error: ganspec lsp needs pygls: pip install 'ganspec[lsp]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


def test_the_server_ends_with_its_editor(tmp_path):
    editor = Editor(tmp_path)
    editor.process.stdin.close()
    assert editor.process.wait(WAIT) == 0
    assert b"this is no message\n" in editor.errors
