"""`ganspec export`: every form computes the images of `ganspec sample`, without ganspec."""

from __future__ import annotations

import errno
import http.server
import json
import re
import subprocess
import sys
import threading
from math import prod
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import yaml
from conftest import SPECS, emit_networks
from huggingface_hub import ModelCard
from PIL import Image
from safetensors import safe_open
from small_gans import COLOUR, GREY, MULTI_HOT, write_objects
from small_systems import CLASSIFIER, LOGITS
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower
from ganspec.exporting import card as model_card
from ganspec.exporting import comparison, export, formats, request
from ganspec.exporting.folder import network_source, weights_of
from ganspec.exporting.network import CPU, TrainedNetwork, loadable
from ganspec.exporting.request import GRAPHS, SUFFIXES
from ganspec.language.load import loads
from ganspec.runs.run import Run
from ganspec.runs.score_file import ScoreRow, append_scores
from ganspec.sampling.sampler import Sampler
from ganspec.systems.source import Source, own_batch

# statistics of the batch, spectral norm within attention and without, in training's batch of 6
ODD = """
name: odd
data: {dataset: {shapes: {count: 48}}, size: 8}
latent: {size: 5}
generator:
  normalization: spectral
  layers:
    - project: [8, 4, 4]
    - batch_norm: {statistics: batch}
    - relu
    - self_attention
    - noise: 0.5
    - dropout
    - conv_transpose: {out: 3, stride: 2}
    - tanh
discriminator: {layers: [flatten, {linear: 1}]}
objective: {loss: hinge}
optimizers: {adam: {lr: 0.02}}
train: {batch: 6}
"""
KINDS = '''
import torch
from ganspec.extend import Call, Layer
from torch import nn


class Shaken(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


class Shake(Layer, kind="shake"):
    """Adds noise, in evaluation mode too."""

    def call(self, x):
        return Call(Shaken)


class Factorial(nn.Module):
    def forward(self, x):
        return torch.lgamma(x + 2)


class Strange(Layer, kind="strange"):
    """Takes a function for which ONNX has no operator."""

    def call(self, x):
        return Call(Factorial)
'''


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return a folder with runs of GANs and of a classifier, by name."""
    folder = tmp_path_factory.mktemp("runs")
    write_objects(folder)
    texts = {"grey": GREY, "colour": COLOUR, "odd": ODD, "classifier": CLASSIFIER}
    texts |= {"several": MULTI_HOT.replace("FOLDER", str(folder)), "logits": LOGITS}
    for name, text in texts.items():
        ganspec.train(loads(text), folder / name, steps=2, progress=False)
    return folder


def invoke(*words):
    """Return the status and the output of `ganspec export`."""
    result = CliRunner().invoke(app, ["export", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def drawn(folder, count=32, **options):
    """Return what the generator of a run makes of the first latents of seed 0."""
    sampler = Sampler(folder, CPU, **options)
    return sampler.inputs(count, 0), sampler.outputs(*sampler.inputs(count, 0).values())


def run_program(folder: Path, *words, status: int = 0) -> str:
    """Return what the program of an exported folder prints, in a process without ganspec."""
    (program,) = (folder / name for name in ("generate.py", "apply.py") if (folder / name).exists())
    code = (
        "import runpy, sys; sys.modules['ganspec'] = None; sys.argv = sys.argv[1:]; "
        "sys.path.insert(0, sys.argv.pop(0)); runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-I", "-B", "-c", code, folder, program, *words]
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert run.returncode == status, run.stderr
    return run.stdout + run.stderr


# -- every spec -----------------------------------------------------------------------------------


def networks_of_specs():
    """Yield the networks of all specs at the least width, equal ones once, and forms to write.

    A graph takes a second, so forms other than TorchScript are of networks with calls that none
    before has.
    """
    seen, calls = set(), set()
    for path in SPECS:
        width = ganspec.load(path).vars["ch"]
        # attention has an eighth of the channels
        spec = ganspec.load(path, [f"vars.ch={max(4, width // 16)}"])
        for key, net in lower(spec).items():
            if (text := emit_networks({key: net})) in seen:
                continue
            seen.add(text)
            own = {
                (s.call.target, *sorted(s.call.kwargs), len(s.output.shape)) for s in net.leaves()
            }
            forms = ["torchscript"] if own <= calls else GRAPHS
            calls |= own
            yield pytest.param(spec, key, forms, id=f"{path.stem}-{key}")


@pytest.mark.parametrize(("spec", "key", "forms"), list(networks_of_specs()))
def test_every_spec_can_be_exported_in_every_form(spec, key, forms, exports_here, tmp_path):
    nets = lower(spec)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = evaluate(nets[key], exact=True)
        values = [i.value.tensor(8) for i in nets[key].inputs]
        with torch.no_grad():
            for _ in range(5):  # spectral norms and running statistics are as in training
                module(*(v if v.dtype == torch.int64 else torch.randn_like(v) for v in values))
    module.eval().requires_grad_(False)
    cfg = spec.settings(nets)
    labels = torch.arange(10) if module.is_conditional else None
    if labels is not None and cfg.labels == "multi_hot":
        labels = torch.eye(cfg.label_size)
    source = Source(module, cfg, CPU, labels) if spec.draws == key else None
    own = own_batch(module, cfg)
    network = TrainedNetwork(None, spec, key, module, cfg, 0, False, None, None, own, source)
    expected = [network.outputs(batch) for batch in network.batches()]
    for form in forms:
        path = tmp_path / f"file{SUFFIXES[form]}"
        formats.write_graph(network, form, path)
        comparison.compare(network, expected, {"form": form, "path": str(path)})
    net, state = loadable(network)
    text, kept = network_source(network, net)
    assert "spectral_norm" not in text and "init" not in text.replace("__init__", "")
    (tmp_path / "network.py").write_text(text)
    formats.write_weights(state, network, tmp_path / "weights")
    files = weights_of(tmp_path / "network.py", kept, tmp_path / "weights")
    comparison.compare(network, expected, files)


# -- graphs of a run ------------------------------------------------------------------------------


def test_onnx_has_the_network_of_ganspec_sample(runs, tmp_path):
    path = tmp_path / "colour.onnx"
    status, output = invoke(runs / "colour", "-o", path)
    assert status == 0, output
    first, second = output.splitlines()
    assert first == f"{path} written: generator, z (N x 5) and y (N) to image (N x 3 x 8 x 8)"
    compared = r"compared with `ganspec sample`, in onnxruntime \S+ without ganspec, 32 rows of "
    compared += r"seed 0: largest difference \S+, allowed \S+; 0 of 6,144 numbers of pixels differ"
    assert re.fullmatch(compared, second)
    session = onnxruntime.InferenceSession(path)
    assert [i.shape for i in session.get_inputs()] == [["batch", 5], ["batch"]]
    assert [o.shape for o in session.get_outputs()] == [["batch", 3, 8, 8]]
    inputs, images = drawn(runs / "colour", 7)
    (mine,) = session.run(None, {"z": inputs["latent"].numpy(), "y": inputs["labels"].numpy()})
    np.testing.assert_allclose(mine, images, atol=1e-6)
    model = onnx.load(path)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert facts["spec"] == "colour" and facts["weights"] == "raw" and facts["step"] == "2"
    assert str(Path(ganspec.__file__).parent).encode() not in path.read_bytes()


def test_batch_label_and_weights_are_chosen(runs, exports_here, tmp_path):
    one = ganspec.export(runs / "colour", tmp_path / "one.pt2", label="3", batch=4)
    assert one.shapes == "z (4 x 5) to image (4 x 3 x 8 x 8)"
    sampler = Sampler(runs / "colour", CPU)
    latents = sampler.inputs(4, 0)["latent"]
    wanted = sampler.outputs(latents, torch.full((4,), 3))
    network = torch.export.load(one.path).module()
    torch.testing.assert_close(network(latents), wanted)
    with pytest.raises(Exception, match=r"batch|shape|size"):
        network(latents[:3])

    for raw in (True, False):
        path = tmp_path / f"{raw}.ts"
        ganspec.export(runs / "grey", path, raw=raw)
        inputs, images = drawn(runs / "grey", raw=raw)
        torch.testing.assert_close(torch.jit.load(path)(inputs["latent"]), images)


def test_other_networks_have_their_inputs_and_outputs(runs, exports_here, tmp_path):
    judge = ganspec.export(runs / "colour", tmp_path / "judge.ts", network="discriminator")
    assert judge.shapes == "x (N x 3 x 8 x 8) and y (N) to score (N x 1) and auxiliary (N x 24)"
    assert judge.agreement.pixels is None and not judge.agreement.as_sampled
    assert "compared with the network in ganspec" in str(judge.agreement)
    classifier = ganspec.export(runs / "classifier", tmp_path / "c.ts")
    assert classifier.network == "classifier" and classifier.agreement.pixels is None
    restorer = ganspec.export(runs / "logits", tmp_path / "a.ts")
    assert restorer.network == "autoencoder"
    size = 32 * prod(ganspec.load(runs / "logits" / "spec.yaml").data.shape)
    assert str(restorer.agreement).endswith(f"; 0 of {size:,} numbers of pixels differ")


def test_pixels_of_logits_are_those_of_the_sigmoid(runs, exports_here, tmp_path, monkeypatch):
    network = export.open_network(Run.open(runs / "logits"), request.ExportRequest(form="onnx"))
    between = (torch.arange(30, 222) + 0.5) / 255  # halves between two levels of a pixel
    middle = between.logit().view(1, 3, 8, 8)
    monkeypatch.setattr(comparison, "_run", lambda *_: ({"0.0": middle + 2e-5}, "torch"))
    monkeypatch.setattr(TrainedNetwork, "batches", lambda self: [self.values])
    assert comparison.compare(network, [(middle - 2e-5,)], {}).pixels == 192


def test_metadata_say_whether_the_images_are_logits(runs, exports_here, tmp_path):
    for name, said in {"logits": "yes", "colour": "no", "classifier": "no"}.items():
        path = ganspec.export(runs / name, tmp_path / f"{name}.safetensors").path
        with safe_open(path, "pt") as file:
            facts = file.metadata()
        assert (facts["black_and_white"], facts["logits"]) == ("0 1", said), name
    spec = ganspec.load(next(path for path in SPECS if path.stem.startswith("vae")))
    for key, said in {"decoder": "yes", "encoder": "no"}.items():
        cfg = spec.settings(lower(spec))
        network = TrainedNetwork(None, spec, key, None, cfg, 0, False, None, None, None, None)
        assert formats.facts_of(network)["logits"] == said


@pytest.mark.parametrize(("name", "label"), [("colour", "7"), ("several", "2,5")])
def test_metadata_name_the_only_label(runs, exports_here, tmp_path, name, label):
    path = ganspec.export(runs / name, tmp_path / "a.ts", label=label).path
    files = {"ganspec.json": ""}
    torch.jit.load(path, _extra_files=files)
    assert json.loads(files["ganspec.json"])["label"] == label


def test_batch_statistics_keep_the_batch_of_training(runs, exports_here, tmp_path):
    whole = ganspec.export(runs / "odd", tmp_path / "whole.ts")
    assert whole.shapes.startswith("z (6 x 5)") and whole.agreement.as_sampled
    assert whole.agreement.rows == 6
    assert ganspec.export(runs / "odd", tmp_path / "free.ts", batch="free").agreement.as_sampled
    # four of a batch are other images than six
    assert not ganspec.export(runs / "odd", tmp_path / "four.ts", batch=4).agreement.as_sampled


@pytest.mark.parametrize("name", ["odd.safetensors", "odd/"])
def test_weights_alone_are_for_batches_of_any_size(runs, exports_here, tmp_path, name):
    exported = ganspec.export(runs / "odd", f"{tmp_path}/{name}")
    assert exported.shapes == "z (N x 5) to image (N x 3 x 8 x 8)"
    assert exported.agreement.as_sampled and exported.agreement.rows == 6


def test_raw_means_nothing_for_a_run_without_an_average(runs, exports_here, tmp_path):
    status, output = invoke(runs / "colour", "--raw", "-o", tmp_path / "a.ts")
    message = f"warning: {runs}/colour keeps no average of the weights, so --raw changes nothing"
    assert status == 0 and output.splitlines()[0] == message
    assert "warning" not in invoke(runs / "grey", "--raw", "-o", tmp_path / "b.ts")[1]


def test_safetensors_have_the_names_of_the_emitted_class(runs, exports_here, tmp_path):
    ganspec.export(runs / "odd", tmp_path / "odd.safetensors")
    with safe_open(tmp_path / "odd.safetensors", "pt") as file:
        assert any("parametrizations" in name for name in file.keys())  # noqa: SIM118
        assert file.metadata()["network"] == "generator"
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    ganspec.build(ganspec.load(runs / "odd" / "spec.yaml"))["generator"].load_state_dict(state)


# -- the folder of Python -------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "count"), [("grey", 64), ("colour", 48), ("odd", 30)])
def test_generate_draws_the_images_of_ganspec_sample(runs, name, count, exports_here, tmp_path):
    folder = tmp_path / name
    ganspec.export(runs / name, f"{folder}/")
    files = {"generate.py", "generator.py", "generator.safetensors", "sampling.py"}
    assert {path.name for path in folder.iterdir()} == files | {"README.md", "spec.yaml"}
    for file in folder.glob("*.py"):
        lines = file.read_text().splitlines()
        assert all(len(line) <= 88 for line in lines) and len(lines) < 70
        assert "cfg" not in file.read_text() and "parametriz" not in file.read_text()
    program = (folder / "generate.py").read_text().splitlines()
    start, end = program.index("def main():") + 1, program.index('if __name__ == "__main__":')
    assert len([line for line in program[start:end] if line]) <= 11
    run_program(folder, "--count", count, "--seed", 5, "--out", tmp_path / "mine.png")
    sampler = Sampler(runs / name, CPU)
    if sampler.labels is not None:
        sampler.ask("all")
    wanted = torch.cat([images for images, _ in sampler.images(count, 5)])
    grid = np.atleast_3d(np.asarray(Image.open(tmp_path / "mine.png")))
    _, _, height, width = wanted.shape
    for i, image in enumerate(wanted.permute(0, 2, 3, 1).numpy()):
        top, left = 2 + i // 8 * (height + 2), 2 + i % 8 * (width + 2)
        mine = grid[top : top + height, left : left + width].astype(int)
        # rounding: one level in 255, in a pixel of which the network's number is half between two
        assert abs(mine - image).max() <= 1 and (mine != image).mean() < 0.01


def test_programs_take_labels_and_images(runs, exports_here, tmp_path):
    ganspec.export(runs / "several", f"{tmp_path}/several/")
    out = tmp_path / "two.png"
    run_program(tmp_path / "several", "--count", 3, "--label", 2, 5, "--out", out)
    assert Image.open(out).size == (82, 12)  # eight columns
    several = [tmp_path / f"{name}.png" for name in ("once", "twice")]
    for label, path in zip(([2], [2, 2]), several, strict=True):
        run_program(tmp_path / "several", "--label", *label, "--out", path)
    assert several[0].read_bytes() == several[1].read_bytes()
    for label in ("-1", "99"):
        said = run_program(tmp_path / "several", "--label", label, "--out", out, status=2)
        assert f"argument --label: invalid choice: {label} (choose from" in said
    for option in (
        ("--count", 0),
        ("--out", tmp_path / "x.jpg"),
        ("--out", tmp_path / "no" / "x.png"),
    ):
        said = run_program(tmp_path / "several", *option, status=2)
        assert said.endswith("--count is 1 or more, --out a .png file in an existing folder\n")
    assert not (tmp_path / "x.jpg").exists()
    Image.fromarray(np.full((30, 20, 3), 90, np.uint8)).save(tmp_path / "photograph.png")
    ganspec.export(runs / "classifier", f"{tmp_path}/classifier/")
    printed = run_program(tmp_path / "classifier", tmp_path / "photograph.png").split()
    assert printed[0].endswith("photograph.png")
    said = run_program(tmp_path / "classifier", tmp_path / "none.png", status=2)
    assert said.splitlines()[-1].endswith(f"No such file or directory: '{tmp_path}/none.png'")
    (tmp_path / "text.png").write_text("no picture")
    said = run_program(tmp_path / "classifier", tmp_path / "text.png", status=2)
    assert "error: cannot identify image file" in said
    spec = ganspec.load(runs / "classifier" / "spec.yaml")
    assert len(printed) == 1 + int(spec.label.size)
    ganspec.export(runs / "logits", f"{tmp_path}/logits/")
    assert "outputs.sigmoid()" in (tmp_path / "logits" / "apply.py").read_text()
    assert "The autoencoder of an autoencoder:" in (tmp_path / "logits" / "README.md").read_text()
    said = run_program(tmp_path / "logits", tmp_path / "photograph.png", "--out", "a.jpg", status=2)
    assert said.endswith("error: --out is a .png file in an existing folder\n")
    run_program(tmp_path / "logits", tmp_path / "photograph.png", "--out", out)
    _, height, width = ganspec.load(runs / "logits" / "spec.yaml").data.shape
    assert Image.open(out).size == (2 + 8 * (width + 2), height + 4)


def test_several_images_need_one_label_or_as_many(runs, exports_here, tmp_path):
    ganspec.export(runs / "colour", f"{tmp_path}/judge/", network="discriminator")
    Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(tmp_path / "grey.png")
    text = (tmp_path / "judge" / "README.md").read_text()
    assert "It prints the numbers of `score`, then of `auxiliary`." in text
    assert "Each image is stretched to the network's size." in text
    for labels, status in (([1], 0), ([1, 2], 0), ([1, 2, 3], 2)):
        images = [tmp_path / "grey.png"] * 2
        said = run_program(tmp_path / "judge", *images, "--label", *labels, status=status)
    assert said.endswith("error: --label names one class for all images, or one for each\n")


def test_the_card_names_the_files_of_own_kinds(runs, exports_here, tmp_path, monkeypatch):
    monkeypatch.setattr(
        model_card, "used_files", lambda spec: [SimpleNamespace(path=Path("my/own.py"))]
    )
    ganspec.export(runs / "grey", f"{tmp_path}/grey/")
    text = (tmp_path / "grey" / "README.md").read_text()
    assert "`ganspec train spec.yaml --kinds own.py`" in text and "not in this folder" in text


def test_the_card_has_the_scores_of_these_weights_alone(runs, exports_here, tmp_path):
    rows = [
        ScoreRow("fid", 12.5, step=2, images=1000, weights="average", resize="bilinear"),
        ScoreRow("fid", 99.0, step=2, images=1000, weights="raw"),
        ScoreRow("fid", 77.0, step=1, images=1000, weights="average"),
    ]
    append_scores(runs / "grey", rows)
    ganspec.export(runs / "grey", f"{tmp_path}/grey/", license="cc-by-4.0")
    text = (tmp_path / "grey" / "README.md").read_text()
    assert "99" not in text and "77" not in text
    assert "| FID ↓ | 12.5 | step 2, 1,000 images, averaged weights, resize bilinear |" in text
    assert "| `z` | input: N x 6 numbers of N(0, 1) |" in text
    assert "| `image` | output: N x 1 x 8 x 12, black -1 and white 1 |" in text
    card = ModelCard.load(tmp_path / "grey" / "README.md").data
    assert card.license == "cc-by-4.0" and card.pipeline_tag == "unconditional-image-generation"
    assert [(r.metric_type, r.metric_value) for r in card.eval_results] == [("fid", 12.5)]
    block = re.search(r"```python\n(from safetensors.*?)```", text, re.S)[1]
    code = f"import sys; sys.path.insert(0, '.'); sys.modules['ganspec'] = None\n{block}"
    command = [sys.executable, "-I", "-B", "-c", code]
    subprocess.run(command, cwd=tmp_path / "grey", check=True)


def test_a_run_is_no_folder_of_python(runs, tmp_path, exports_here):
    """Its `spec.yaml` would be replaced."""
    other = runs / "classifier"
    before = (other / "spec.yaml").read_text()
    status, output = invoke(runs / "grey", "--overwrite", "-o", f"{other}/")
    message = f"error: {other} is a run, which has a spec.yaml of its own: name another folder\n"
    assert (status, output) == (2, message)
    assert (other / "spec.yaml").read_text() == before


def test_a_name_without_ending_gets_the_formats(runs, tmp_path, exports_here):
    assert invoke(runs / "grey", "--format", "safetensors", "-o", tmp_path / "weights")[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["weights.safetensors"]


# -- the hub --------------------------------------------------------------------------------------


class Hub(http.server.BaseHTTPRequestHandler):
    """The requests of a push, answered as the Hugging Face hub answers them."""

    def do_POST(self):
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size) if size else self._chunks()
        self.server.seen[self.path] = body
        base = f"http://127.0.0.1:{self.server.server_port}"
        if self.path == "/api/repos/create":
            answer = {"url": f"{base}/you/grey"}
        elif self.path.endswith("/preupload/main"):
            files = [f["path"] for f in json.loads(body)["files"]]
            answer = {"files": [{"path": p, "uploadMode": "regular"} for p in files]}
            answer["files"] = [{**f, "shouldIgnore": False} for f in answer["files"]]
        elif "/commit/" in self.path:
            answer = {"commitUrl": f"{base}/you/grey/commit/{'0' * 40}", "commitOid": "0" * 40}
        else:
            answer = {"errors": [], "warnings": []}
        self._answer(answer)

    def do_GET(self):
        self._answer({"id": "you/grey", "sha": "0" * 40, "siblings": []})

    def _chunks(self):
        parts = []
        if self.headers.get("Transfer-Encoding") == "chunked":
            while length := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(length))
                self.rfile.readline()
            self.rfile.readline()
        return b"".join(parts)

    def _answer(self, answer):
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(monkeypatch):
    """Return a server on this machine that huggingface_hub takes for the Hub."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.seen = {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    monkeypatch.setenv("HF_TOKEN", "hf_" + "a" * 34)
    yield server
    server.shutdown()
    server.server_close()


def test_a_push_makes_the_repository_and_uploads_the_folder(runs, exports_here, hub, tmp_path):
    words = ["-o", f"{tmp_path}/grey/", "--push", "you/grey", "--private"]
    status, output = invoke(runs / "grey", *words)
    assert status == 0, output
    assert output.splitlines()[-1].startswith("pushed to http://127.0.0.1:")
    made = json.loads(hub.seen["/api/repos/create"])
    assert made["name"] == "grey" and made["visibility"] == "private"
    (commit,) = (body for path, body in hub.seen.items() if "/commit/" in path)
    lines = [json.loads(line)["value"] for line in commit.splitlines()]
    files = {path.name for path in (tmp_path / "grey").iterdir()}
    assert {line["path"] for line in lines[1:]} == files


def test_a_push_that_fails_leaves_the_folder_and_says_so(runs, exports_here, hub, tmp_path):
    hub.shutdown()
    hub.server_close()
    status, output = invoke(runs / "grey", "-o", f"{tmp_path}/grey/", "--push", "you/grey")
    assert status == 2 and output.count("\n") == 1
    assert output.startswith(f"error: {tmp_path}/grey is written, and was not pushed to you/grey: ")
    assert (tmp_path / "grey" / "README.md").is_file()


# -- what goes wrong ------------------------------------------------------------------------------


def test_too_large_a_difference_is_an_error_and_leaves_nothing(
    runs, exports_here, tmp_path, monkeypatch
):
    fold = export.open_network.__globals__["fold"]

    def spoiled(network):
        with torch.no_grad():
            next(network.parameters()).mul_(1.01)
        return fold(network)

    monkeypatch.setitem(export.open_network.__globals__, "fold", spoiled)
    for name in ("a.ts", "a/"):
        status, output = invoke(runs / "grey", "-o", f"{tmp_path}/{name}")
        assert status == 2
        said = r"error: the export, run by torch \S+, differs from ganspec by 0.00\d+, and \S+ is "
        assert re.fullmatch(said + r"allowed: use another --format\n", output), output
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_does_not_load_is_an_error(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "WRITERS", {"torchscript": lambda *a: a[-1].write_bytes(b"no")})
    status, output = invoke(runs / "grey", "-o", tmp_path / "a.ts")
    assert status == 2 and output.startswith("error: the export fails without ganspec: ")
    assert output.count("\n") == 1 and list(tmp_path.iterdir()) == []


@pytest.fixture
def own(tmp_path):
    """Return a folder of runs whose generators have the layers of KINDS, by the layer's name."""
    (tmp_path / "kinds.py").write_text(KINDS)
    ganspec.load_kinds(tmp_path / "kinds.py")
    for name in ("shake", "strange"):
        text = GREY.replace("relu, ", f"relu, {name}, ", 1)
        ganspec.train(loads(text), tmp_path / name, steps=1, progress=False)
    return tmp_path


@pytest.mark.parametrize("form", ["onnx", "torch-export"])
def test_a_full_disk_is_no_fault_of_a_layer(runs, form, exports_here, tmp_path, monkeypatch):
    def full(module, examples, network, path):
        raise RuntimeError("advice") from OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setitem(formats.WRITERS, form, full)
    status, output = invoke(runs / "grey", "--format", form, "-o", tmp_path / "a")
    words = "cannot be written: no space left on device: make room, or name another place"
    assert status == 2 and words in output and output.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["torch-export", "torchscript"])
def test_torch_writes_no_file_by_itself(runs, form, exports_here, tmp_path):
    """On a full disk, its writers would abort Python."""
    limited = ["bash", "-c", 'ulimit -f 4; exec "$@"', "-", sys.executable, "-m", "ganspec"]
    command = [*limited, "export", str(runs / "grey"), "--format", form, "-o", str(tmp_path / "a")]
    run = subprocess.run(command, capture_output=True, text=True)
    words = "cannot be written: file too large: make room, or name another place\n"
    assert run.returncode == 2 and run.stderr.endswith(words) and run.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_layers_that_a_format_cannot_express_are_named(own, exports_here):
    status, output = invoke(own / "strange", "--format", "onnx")
    assert status == 2 and output.count("\n") == 1
    assert re.match(
        r"error: onnx cannot express the layer generator\.\S+ \(strange\), \S+: No ONNX function"
        r".*; use another --format$",
        output,
    )
    status, output = invoke(own / "shake", "--format", "onnx")
    assert status == 2 and output.count("\n") == 1
    assert re.match(
        r"error: the layer generator\.\S+ \(shake\), \S+, draws random numbers",
        output,
    )
    assert not list(own.glob("*/*.onnx"))
    # by torch, the same numbers are drawn
    assert invoke(own / "shake", "--format", "torchscript")[0] == 0
    assert invoke(own / "shake", "--format", "python")[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no format is named: give --format onnx, torch-export, torchscript, safetensors, "),
        (["--format", "tflite"], "no format is called `tflite`: use onnx, torch-export, "),
        (["--format", "onnx", "-o", "a.pt2"], "--format onnx contradicts -o a.pt2, whose format "),
        (
            ["-o", "a.pth"],
            "`a.pth` has no known format: end it with .onnx, .pt2, .ts, .safetensors ",
        ),
        (["-o", "a.onnx", "--batch", "0"], "--batch takes `free`, or 1 to 65,536 images, not "),
        (["-o", "a/", "--label", "3"], "--label is for onnx, torch-export, torchscript: "),
        (["-o", "a.safetensors", "--batch", "3"], "--batch is for onnx, torch-export, "),
        (["-o", "a.onnx", "--license", "mit"], "--license needs --format python, which has a "),
        (["-o", "a.onnx", "--push", "me/a"], "--push needs --format python"),
        (["-o", "a/", "--private"], "--private needs --push"),
        (["-o", "a/", "--license", "a b"], "`a b` is no licence of the Hugging Face hub"),
        (["-o", "a/", "--license", "MIT"], "write it as `mit`"),
        (["-o", "a/", "--push", "a/b/c"], "`a/b/c` is no repository of the Hugging Face hub"),
        (["-o", "a/", "--push", "you/a"], "--push needs an account: run `hf auth login`"),
        (["-o", "a.onnx", "--network", "critic"], "has no network `critic`: "),
        (["-o", "a.onnx", "--network", "discriminator", "--raw"], "weights of `discriminator`: "),
        (["-o", "a.onnx", "--label", "3"], "grey has no condition"),
        (["-o", "there.onnx"], "there.onnx exists: add --overwrite to replace it"),
        (
            ["-o", "there/"],
            "there is not empty: add --overwrite to replace files in it, or name another folder",
        ),
        (["-o", "a/", "--batch", "free"], "--batch is for onnx, torch-export, torchscript: "),
        (["-o", "-", "--format", "python"], "standard output takes one file"),
    ],
)
def test_wishes_that_cannot_be_met_are_one_line(
    runs, words, message, exports_here, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    (tmp_path / "there.onnx").write_text("mine")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine").write_text("mine")
    status, output = invoke(runs / "grey", *words)
    assert status == 2 and output.count("\n") == 1 and message in output, output
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"there.onnx", "there"} and (tmp_path / "there.onnx").read_text() == "mine"


def test_labels_in_python_may_be_numbers(runs, exports_here, tmp_path):
    run, outs = ganspec.Run(runs / "colour"), [tmp_path / "number.ts", tmp_path / "text.ts"]
    assert torch.equal(run.sample(4, label=0).images, run.sample(4, label="0").images)
    for out, label in zip(outs, (0, "0"), strict=True):
        exported = ganspec.export(run, out, label=label)
    assert exported.shapes.startswith("z (N x ") and " and y" not in exported.shapes
    named = ganspec.export(run, label=0, format="torchscript").path
    assert named.name == "generator_0.ts"
    named.unlink()


def test_a_label_must_be_one_that_the_network_reads(runs, exports_here, tmp_path):
    status, output = invoke(runs / "colour", "-o", tmp_path / "a.onnx", "--label", "1,2")
    assert status == 2 and "--label takes one label, and `1,2` names 2: name one" in output


def test_a_missing_package_is_named(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(request, "find_spec", lambda name: None)
    for out, package in (
        ("a.onnx", "onnx"),
        ("a.safetensors", "safetensors"),
        ("a/", "safetensors"),
    ):
        status, output = invoke(runs / "grey", "-o", f"{tmp_path}/{out}")
        assert status == 2 and f"needs the package {package}: run `pip install 'gan" in output


def test_files_are_replaced_when_told(runs, exports_here, tmp_path):
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    (folder / "generate.py").write_text("old")
    (folder / "__pycache__").mkdir()
    status, output = invoke(runs / "grey", "-o", f"{folder}/", "--overwrite")
    message = f"warning: {folder} also has other files, which stay: mine"
    assert status == 0 and output.splitlines()[0] == message
    assert (folder / "mine").read_text() == "mine"
    assert (folder / "generate.py").read_text() != "old"
    assert yaml.safe_load((folder / "spec.yaml").read_text())["name"] == "grey"
    (tmp_path / "a.ts").write_text("old")
    assert invoke(runs / "grey", "-o", tmp_path / "a.ts", "--overwrite")[0] == 0
    torch.jit.load(tmp_path / "a.ts")
