"""The commands as a person types them: output, exit status, and what is left on the disk."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
import typer
from conftest import ROOT, SPECS, write_fashion_mnist
from PIL import Image
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app

DCGAN = ROOT / "specs" / "dcgan.yaml"
SMALL = ["vars.ch=4", "vars.z=8", "train.batch=4", "data.dataset={shapes: {count: 48}}"]


def run(*arguments, cwd, status=0):
    """`ganspec ARGUMENTS`; standard output and error."""
    command = [sys.executable, "-m", "ganspec", *map(str, arguments)]
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)
    assert result.returncode == status, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout, result.stderr


def small_settings():
    return [f"--set={setting}" for setting in SMALL]


@pytest.mark.true_process
def test_the_whole_way(tmp_path):
    """new, check, show, build, train, sample: what the README tells a newcomer to type.

    Each command starts by itself here, so that it misses no import that another one makes.
    """
    out, _ = run("new", "my.yaml", "--from", "dcgan", cwd=tmp_path)
    assert "ganspec check my.yaml" in out
    text = (tmp_path / "my.yaml").read_text()
    claims = re.search(r"^report:\n(  .*\n)+", DCGAN.read_text(), re.MULTILINE)[0]
    modeline = "# yaml-language-server: $schema=ganspec.schema.json\n"
    assert text == modeline + DCGAN.read_text().replace("name: dcgan\n", "name: my\n").replace(
        claims, ""
    )
    assert run("check", "my.yaml", cwd=tmp_path)[0] == "my.yaml: ok\n"
    out, _ = run("build", "my.yaml", cwd=tmp_path)
    assert "generated/my.py" in out
    assert (tmp_path / "generated/my.py").read_text() == ganspec.emit(
        ganspec.load(tmp_path / "my.yaml")
    )
    out, _ = run("train", "my.yaml", "--steps", 3, *small_settings(), cwd=tmp_path)
    for line in out.splitlines()[1:]:
        assert (tmp_path / line.strip()).is_file()
    out, _ = run("sample", "runs/my", "-n", 9, cwd=tmp_path)
    with Image.open(tmp_path / out.split()[0]) as grid:
        assert grid.size == (3 * 66 + 2, 3 * 66 + 2)


@pytest.mark.parametrize("source", sorted(p.stem for p in SPECS))
def test_every_spec_starts_another_whose_widths_may_change(tmp_path, source):
    run("new", "my.yaml", "--from", source, cwd=tmp_path)
    mine = ganspec.load(tmp_path / "my.yaml", ["vars.ch=8"])
    theirs = ganspec.load(ROOT / "specs" / f"{source}.yaml", ["vars.ch=8"])
    # what a report contradicts itself in, its reader need not keep
    assert [warning.code for warning in ganspec.check(mine)] == list(theirs.report.keeps)
    sources = [re.sub(r"Written by [^\"]*", "", ganspec.emit(spec)) for spec in (mine, theirs)]
    assert sources[0].replace('"my"', f'"{source}"') == sources[1]


def test_build_keeps_edits(tmp_path):
    run("build", DCGAN, cwd=tmp_path)
    run("build", DCGAN, "--set", "vars.ch=8", cwd=tmp_path)  # as written, so replaced
    path = tmp_path / "generated/dcgan.py"
    path.write_text(path.read_text() + "# mine\n")
    _, errors = run("build", DCGAN, cwd=tmp_path, status=2)
    assert "not as ganspec wrote it" in errors
    assert path.read_text().endswith("# mine\n")
    run("build", DCGAN, "--overwrite", cwd=tmp_path)
    assert path.read_text() == ganspec.emit(ganspec.load(DCGAN))


def test_sampling_is_repeatable_and_seeded(tmp_path):
    run("train", DCGAN, "--steps", 2, "--out", "run", *small_settings(), cwd=tmp_path)
    grids = []
    for name, seed in [("a.png", 0), ("b.png", 0), ("c.png", 1)]:
        run("sample", "run", "-n", 4, "--seed", seed, "-o", name, cwd=tmp_path)
        grids.append((tmp_path / name).read_bytes())
    assert grids[0] == grids[1]
    assert grids[0] != grids[2]


def test_show_json_is_its_contract(tmp_path):
    out, _ = run("show", ROOT / "specs/dcgan_fashion.yaml", "--json", cwd=tmp_path)
    shown = json.loads(out)
    assert list(shown) == ["name", "networks", "report", "unread"]
    assert list(shown["report"]) == ["cite", "notes", "implied"]
    assert list(shown["networks"]) == ["generator", "discriminator"]
    generator = shown["networks"]["generator"]
    assert generator["params"] == {
        "total": 2_330_944,
        "trainable": 2_305_472,
        "buffers": 25_472,
    }
    for network in shown["networks"].values():
        assert list(network) == ["params", "macs", "receptive_field", "layers"]
        keys = ["path", "kind", "output", "params", "macs", "line", "receptive_field", "jump"]
        keys += ["implied"]
        assert all(list(layer) == keys for layer in network["layers"])
        assert sum(layer["params"] for layer in network["layers"]) == network["params"]["total"]
        assert sum(layer["macs"] for layer in network["layers"]) == network["macs"]
    # by hand: a transposed conv's kernel visits every input pixel
    conv = next(row for row in generator["layers"] if row["output"] == [128, 7, 7])
    assert conv["macs"] == 256 * 128 * 5 * 5 * 7 * 7
    lines = (ROOT / "specs/dcgan_fashion.yaml").read_text().splitlines()
    for layer in generator["layers"]:
        written = {"batch_norm": "norm"}.get(layer["kind"], layer["kind"])  # the layer `norm`
        assert written in lines[layer["line"] - 1]


def test_show_is_a_table(tmp_path):
    out, _ = run("show", DCGAN, cwd=tmp_path)
    assert re.search(r"conv_transpose +256 x 8 x 8 +2,097,152 +\d", out)
    assert re.search(r"total +3,578,624", out)
    assert "trainable 3,576,704, non-trainable 1,920" in out


def test_a_bad_spec_is_shown_with_its_place(tmp_path):
    (tmp_path / "bad.yaml").write_text(DCGAN.read_text().replace("kernel: 4", "kernal: 4", 1))
    for command in ("check", "show", "build", "train"):
        out, errors = run(command, "bad.yaml", cwd=tmp_path, status=1)
        assert "error[unknown-field]: conv_transpose has no field `kernal`" in errors
        assert "--> bad.yaml:16:37" in errors
        assert out == ""
    assert [p.name for p in tmp_path.iterdir()] == ["bad.yaml"]


def test_check_counts_claims(tmp_path):
    text = (ROOT / "specs/dcgan_fashion.yaml").read_text().replace("212865", "212866")
    (tmp_path / "claim.yaml").write_text(text)
    _, errors = run("check", "claim.yaml", cwd=tmp_path, status=1)
    assert "error[count-mismatch]: the report claims 212,866 parameters in discriminator" in errors
    assert "discriminator has 212,865, 1 fewer" in errors


def test_check_goes_on_after_a_bad_spec(tmp_path):
    (tmp_path / "bad.yaml").write_text("name: bad\n")
    out, errors = run("check", "bad.yaml", DCGAN, cwd=tmp_path, status=1)
    assert out == f"{DCGAN}: ok\n"
    assert "1 of 2 specs have errors" in errors


UNNAMED = "--overwrite replaces a file, and none is named: leave it out, or add -o FILE"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["new", "taken.yaml"], 2, "taken.yaml exists and is not overwritten"),
        (["new", "my.yaml", "--from", "dcgam"], 2, "use `dcgan`"),
        (["new", "my.yaml", "--json"], 2, "--json is for --list"),
        (["new", "my gan.yaml"], 2, "`my gan`"),
        (["check", "absent.yaml"], 1, "`absent.yaml` does not exist"),
        (["build", "taken.yaml", "-o", "mine.py"], 1, "error[empty]"),
        (["build", DCGAN, "-o", "mine.py"], 2, "mine.py is not as ganspec wrote it"),
        (["train", DCGAN, "--device", "tpu"], 2, "no device is called `tpu`"),
        (["train", DCGAN, "--set", "train.batch=0"], 1, "`batch` must be"),
        (["train", DCGAN, "--set", "data.dataset=image_folder"], 2, "image_folder"),
        (["train", DCGAN, "--resume", "--overwrite"], 2, "choose one"),
        (["train", DCGAN, "--epochs", "3", "--steps", "9"], 2, "whatever --epochs is: choose one"),
        (["train", DCGAN, "--epochs", "3", "--set", "train.epochs=9"], 2, "leave one out"),
        (["train", DCGAN, "--seed", "3", "--set", "train.seed = 9"], 2, "leave one out"),
        (["import", "my.py:G", "--input", "z:9", "--minutes", "inf"], 2, "'--minutes'"),
        (["train", DCGAN, "--set", "data.dataset={shapes: {count: 9}}"], 2, "fill a batch"),
        (["sample", "nowhere"], 2, "nowhere is no run"),
        (["schema", "--overwrite"], 2, UNNAMED),
        (["compare", DCGAN, DCGAN, "--overwrite"], 2, UNNAMED),
        (["diff", DCGAN, DCGAN, "--overwrite"], 2, UNNAMED),
        (["data", "shapes", "--overwrite"], 2, UNNAMED),
        (["show", DCGAN, "--overwrite"], 2, UNNAMED),
        (["show", ".", "--attention", "--overwrite"], 2, UNNAMED),
        (["build", DCGAN, "--stdout", "--overwrite"], 2, UNNAMED),
        (["show", DCGAN, "--json", "--receptive-field"], 2, "`json` always has them: leave it"),
        (["train", DCGAN, "--set", "vars.hc=8"], 1, "no name of `vars`"),
    ],
)
def test_bad_input_is_one_clear_error(tmp_path, arguments, status, message):
    (tmp_path / "taken.yaml").write_text("")
    (tmp_path / "mine.py").write_text("print('mine')\n")
    _, errors = run(*arguments, cwd=tmp_path, status=status)
    assert message in errors
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.py", "taken.yaml"]
    assert (tmp_path / "mine.py").read_text() == "print('mine')\n"


def test_real_files_train_from_a_folder(tmp_path):
    (tmp_path / "images").mkdir()
    write_fashion_mnist(tmp_path / "images")
    spec = ROOT / "specs/dcgan_fashion.yaml"
    settings = ["--set=train.batch=4", "--set=vars.ch=4", "--data", "images", "--steps", 2]
    run("train", spec, *settings, "--out", "run", cwd=tmp_path)
    assert len((tmp_path / "run/log.jsonl").read_text().splitlines()) == 2


def modules_after(code, cwd):
    check = f"{code}; import sys; print(*sorted(sys.modules))"
    out = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, cwd=cwd)
    return set(out.stdout.splitlines()[-1].split())


@pytest.mark.true_process
def test_imports_are_lazy(tmp_path):
    assert not {"torch", "numpy", "pydantic", "filelock"} & modules_after(
        "import ganspec, ganspec.cli", tmp_path
    )
    assert "ganspec.training.options" not in modules_after("import ganspec", tmp_path)
    code = "import ganspec.training.session, ganspec.sampling.sampler"
    loaded = modules_after(code, tmp_path)
    assert "torch" in loaded
    assert not {"torchvision", "matplotlib"} & loaded
    code = f"import ganspec; ganspec.check(ganspec.load({str(ROOT / 'specs/dcgan.yaml')!r}))"
    assert not {"matplotlib", "scipy", "jinja2", "filelock"} & modules_after(code, tmp_path)


@pytest.mark.true_process
@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"]])
def test_help_needs_no_torch(arguments):
    command = [sys.executable, "-X", "importtime", "-m", "ganspec", *arguments]
    trace = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    names = {line.split("|")[-1].strip() for line in trace.splitlines()}
    assert "ganspec.console" in names
    assert not {"torch", "numpy"} & names


@pytest.mark.parametrize("command", sorted(typer.main.get_command(app).commands))
def test_every_command_helps_with_an_example(command):
    out = CliRunner().invoke(app, [command, "--help"]).output
    assert f"ganspec {command}" in re.sub(r"\s+", " ", out.partition("Example")[2])


def test_a_reader_that_leaves_is_no_error(tmp_path):
    """As in `ganspec show SPEC | head -1`, where the rest has nowhere to go."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "ganspec", "show", str(DCGAN), "--set=vars.ch=4"]
    with open(write, "wb") as gone:
        result = subprocess.run(command, cwd=tmp_path, stdout=gone, stderr=subprocess.PIPE)
    assert (result.returncode, result.stderr) == (141, b"")  # as of a shell for SIGPIPE


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (["train", "dcgan", "--data", ""], "--data"),
        (["train", "dcgan", "--data="], "--data"),
        (["build", "dcgan", "-o", ""], "-o"),
        (["show", ""], "show"),
    ],
)
def test_an_empty_text_is_no_path(arguments, place):
    """As of a shell variable that is not set; as a path it would be the current folder."""
    result = CliRunner().invoke(app, arguments)
    message = f"error: there is an empty text after `{place}`: name a value\n"
    assert (result.exit_code, result.stderr) == (2, message)
