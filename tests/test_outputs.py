"""Outputs of every kind: files, links, FIFOs, devices, standard output; and specs from there.

No test writes to a device of the machine: those here are made in a temporary folder.
"""

from __future__ import annotations

import io
import os
import shlex
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from small_gans import GREY
from small_systems import CLASSIFIER
from test_attention import GAN
from typer.main import get_command
from typer.testing import CliRunner

import ganspec
from ganspec import atomic
from ganspec.cli import app
from ganspec.language.load import loads

DCGAN = str(ROOT / "specs" / "dcgan.yaml")
TABLE = str(ROOT / "tests" / "summaries" / "dcgan_keras_discriminator_plain.txt")
# By a name, the words of a command without its output, and the ending of the file's name. Each
# writes the same bytes each time.
OUTPUTS = {
    "new": (["new"], ".yaml"),
    "build": (["build", DCGAN], ".py"),
    "schema": (["schema"], ".json"),
    "show": (["show", DCGAN], ".txt"),
    "show graph": (["show", DCGAN, "--graph"], ".svg"),
    "show attention": (["show", "RUNS/attentive", "--attention"], ".png"),
    "data": (["data", "RUNS/attentive/spec.yaml", "-n", "8"], ".png"),
    "sample": (["sample", "RUNS/grey", "-n", "4"], ".png"),
    "sample best": (["sample", "RUNS/grey", "--best", "2", "--of", "9"], ".png"),
    "sample csv": (["sample", "RUNS/grey", "-n", "4", "--format", "csv"], ".csv"),
    "sample npz": (["sample", "RUNS/grey", "-n", "4", "--format", "npz"], ".npz"),
    "sample gif": (["sample", "RUNS/grey", "--format", "gif"], ".gif"),
    "export": (["export", "RUNS/grey", "--format", "safetensors"], ".safetensors"),
    "diff": (["diff", DCGAN, "RUNS/grey"], ".txt"),
    "diff html": (["diff", DCGAN, "RUNS/grey", "--format", "html"], ".html"),
    "compare": (["compare", DCGAN, "RUNS/grey"], ".txt"),
    "compare html": (["compare", DCGAN, "RUNS/grey", "--format", "html"], ".html"),
    "report": (["report", "RUNS/grey"], ".html"),
    "import": (["import", "--summary", TABLE, "--input", "x:3x32x32"], ".yaml"),
}
FOLDERS = ("sample", "export", "import")  # commands that may write into a folder
UNEQUAL = ("diff", "diff html", "import")  # exit with 1: two specs, or table and spec, differ


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return a folder with three runs."""
    folder = tmp_path_factory.mktemp("runs")
    for name, text in {"grey": GREY, "attentive": GAN, "classifier": CLASSIFIER}.items():
        ganspec.train(loads(text), folder / name, steps=4)
    return folder


@pytest.fixture
def write(runs, tmp_path, monkeypatch, exports_here):
    """Return a function that runs a command of OUTPUTS into a file, and returns its result."""
    monkeypatch.chdir(tmp_path)

    def invoke(name, out, *more, status=None):
        words = [word.replace("RUNS", str(runs)) for word in OUTPUTS[name][0]]
        words += [*([] if name == "new" else ["-o"]), str(out), *more]
        result = CliRunner().invoke(app, words)
        expected = int(name in UNEQUAL) if status is None else status
        assert result.exit_code == expected, (words, result.output, result.exception)
        return result

    return invoke


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return tmp_path_factory.mktemp("plain")


@pytest.fixture
def plain(write, written):
    """Return a function that returns the bytes that a command writes into a new file `out`."""

    def content(name):
        path = written / name / f"out{OUTPUTS[name][1]}"
        if not path.exists():
            write(name, path)
        return path.read_bytes()

    return content


def node(path: Path, minor: int) -> Path:
    """Make a device like /dev/null (3) or /dev/full (7), or skip the test."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, minor))
        path.open("wb").close()
    except OSError:
        pytest.skip("devices cannot be made here")
    return path


def reader(path: Path) -> tuple[threading.Thread, list[bytes]]:
    """Read a FIFO to its end in a thread, which adds the bytes to the list."""
    read: list[bytes] = []
    thread = threading.Thread(target=lambda: read.append(path.read_bytes()), daemon=True)
    thread.start()
    return thread, read


def test_every_output_is_in_the_table():
    """A command with a file as output must be among the cases of this page."""
    commands = get_command(app).commands
    outputs = {
        name
        for name, command in commands.items()
        if any(parameter.name == "out" for parameter in command.params)
    }
    # a run is a folder
    assert outputs - {"train"} | {"new"} == {name.split()[0] for name in OUTPUTS}


@pytest.mark.parametrize("name", OUTPUTS)
def test_links_lead_to_what_is_written(name, write, plain, tmp_path):
    """A dangling link and a link of a link; a file at the end keeps its guard."""
    expected, ending = plain(name), OUTPUTS[name][1]
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / f"file{ending}", tmp_path / f"out{ending}"
    (tmp_path / "second").symlink_to("there/../there")
    link.symlink_to(f"second/file{ending}")
    write(name, link)
    assert link.is_symlink()
    assert not target.is_symlink()
    assert target.read_bytes() == expected
    target.write_text("mine")
    overwrite = {"new": None, "import": None}.get(name, ["--overwrite"])
    write(name, link, status=2)
    assert target.read_text() == "mine"
    if overwrite is not None:
        write(name, link, *overwrite)
        assert target.read_bytes() == expected
    assert link.is_symlink()
    assert sorted(path.name for path in target.parent.iterdir()) == [target.name]


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_file_is_no_folder_for_what_is_written(name, write, tmp_path):
    (tmp_path / "mine").write_text("mine")
    result = write(name, Path(f"mine/more/file{OUTPUTS[name][1]}"), status=2)
    assert result.stderr == f"error: {tmp_path / 'mine'} is a file: name another folder\n"
    assert result.stdout == ""
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize("name", [name for name in OUTPUTS if name.split()[0] not in FOLDERS])
def test_a_folders_name_is_no_files(name, write, tmp_path):
    """With a slash at its end, which no command takes away to write `out.txt`."""
    message = f"error: {tmp_path}/out/ is the name of a folder: name the file to write\n"
    assert write(name, f"{tmp_path}/out/", status=2).stderr == message
    assert not list(tmp_path.iterdir())


def test_a_spec_is_imported_into_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["import", "--summary", TABLE, "--input", "x:3x32x32", "-o"]
    result = CliRunner().invoke(app, [*words, "specs/"])
    message = "error: there is no folder specs/: make it first\n"
    assert (result.exit_code, result.stderr) == (2, message)
    Path("specs").mkdir()
    for name in ("specs", "specs/"):
        assert CliRunner().invoke(app, [*words, name]).exit_code == 1  # as for every table
        (file,) = Path("specs").iterdir()
        file.unlink()
    assert [path.name for path in Path().iterdir()] == ["specs"]


@pytest.mark.parametrize("words", [["sample", "-n", "4"], ["export"], ["export", "--overwrite"]])
def test_no_file_becomes_a_folder(words, runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine").write_text("mine")
    result = CliRunner().invoke(app, [words[0], str(runs / "grey"), *words[1:], "-o", "mine/"])
    assert result.exit_code == 2
    assert result.stderr == "error: mine is a file: name another folder\n"
    assert Path("mine").read_text() == "mine"


def test_two_specs_of_one_name_are_not_built_into_one_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        Path(f"{name}.yaml").write_text(GREY)
    result = CliRunner().invoke(app, ["build", "a.yaml", "b.yaml"])
    target = "generated/grey.py"
    message = (
        f"error: b.yaml and a.yaml would both be written to {target}: build one of them with -o\n"
    )
    assert (result.exit_code, result.stderr) == (2, message)
    assert result.stdout.startswith(f"{target} written") and Path(target).exists()


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_fifo_gets_the_whole_file(name, write, plain, tmp_path):
    expected = plain(name) if name != "new" else None
    path = tmp_path / ("fifo" if name != "new" else "dcgan")  # a new spec is called as its file
    os.mkfifo(path)
    thread, read = reader(path)
    write(name, path)
    thread.join(20)
    assert path.is_fifo()
    assert read == [expected or write("new", "-").stdout_bytes]


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_device_stays_a_device(name, write, tmp_path):
    for path in (node(tmp_path / "null", 3), tmp_path / "link"):
        if path.name == "link":
            path.symlink_to("null")
        write(name, path)
        assert path.is_char_device()
    full = node(tmp_path / "full", 7)
    result = write(name, full, status=2)
    assert full.is_char_device()
    assert result.stderr == f"error: {full} cannot be written: no space left on device\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "link", "null"]


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_dash_is_standard_output(name, write, plain, tmp_path):
    expected = plain(name)
    result = write(name, "-")
    if name == "new":  # a new spec is called as its file
        expected = expected.replace(b"name: out\n", b"name: dcgan\n")
    assert result.stdout_bytes == expected
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_remarks_keep_out_of_standard_output(write):
    assert "8 images" in write("data", "-").stderr
    assert write("sample best", "-").stderr.startswith("  1. image")
    assert "pictures" in write("sample gif", "-").stderr
    assert write("sample", "-").stderr == write("build", "-").stderr == ""


@pytest.mark.parametrize("name", ["new", pytest.param("sample npz", marks=pytest.mark.slow)])
def test_standard_output_has_other_names(name, runs, write, tmp_path):
    """Redirected into a file that has a first line already, as by `>>`."""
    expected = write(name, "-").stdout_bytes
    words = [word.replace("RUNS", str(runs)) for word in OUTPUTS[name][0]]
    (tmp_path / "link").symlink_to("/proc/self/fd/1")  # as /dev/stdout is one
    for out in ("/proc/self/fd/1", "link"):
        with (tmp_path / "all").open("ab") as file:
            file.write(b"first\n")
            file.flush()
            inode = os.fstat(file.fileno()).st_ino
            run = subprocess.run(
                [sys.executable, "-m", "ganspec", *words, *([] if name == "new" else ["-o"]), out],
                cwd=tmp_path,
                stdout=file,
                stderr=subprocess.PIPE,
            )
        assert run.returncode == 0, run.stderr
        assert (tmp_path / "all").read_bytes() == b"first\n" + expected
        assert (tmp_path / "all").stat().st_ino == inode
        (tmp_path / "all").unlink()


# -- the file that is replaced ----------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o600, 0o755, 0o664])
def test_a_replaced_file_keeps_its_mode(tmp_path, mode):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(mode)
    atomic.write_text(path, "new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", mode)


def test_a_new_file_has_the_mode_of_new_files(tmp_path):
    (tmp_path / "by open").touch()
    atomic.write_text(tmp_path / "new", "new")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "by open").stat().st_mode


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root only")
def test_a_replaced_file_keeps_its_owner(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    os.chown(path, 1234, 4321)
    path.chmod(0o640)
    atomic.write_text(path, "new")
    found = path.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 4321, 0o640)


def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("old")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(PermissionError, match=f"no permission to write {path}"):
        atomic.write_text(path, "new")
    assert [path.read_text(), *(p.name for p in tmp_path.iterdir())] == ["old", "file"]


def test_a_circle_of_links_and_a_socket_are_one_line(write, tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert write("build", "a", status=2).stderr.count("\n") == 1
    assert (tmp_path / "a").is_symlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        assert write("build", "socket", status=2).stderr.count("\n") == 1
        assert Path("socket").is_socket()


def test_a_process_that_is_told_to_keep_its_file_open_writes_to_it(tmp_path):
    """As `-o >(gzip > a.gz)` of bash, whose name is that of an open file."""
    read, number = os.pipe()
    with os.fdopen(read, "rb") as file:
        atomic.write_text(Path(f"/dev/fd/{number}"), "text")
        os.close(number)
        assert file.read() == b"text"


# -- folders ----------------------------------------------------------------------------------


def images_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_is_filled_and_not_replaced(runs, tmp_path, monkeypatch):
    """An empty folder, links to it, and links to no folder yet."""
    monkeypatch.chdir(tmp_path)
    words = ["sample", str(runs / "grey"), "-n", "2", "-o"]
    Path("empty").mkdir(mode=0o750)
    Path("empty/.empty.killed").mkdir()
    Path("link").symlink_to("empty")
    inode = Path("empty").stat().st_ino
    assert CliRunner().invoke(app, [*words, "link/"]).exit_code == 0
    assert (Path("empty").stat().st_ino, Path("empty").stat().st_mode & 0o777) == (inode, 0o750)
    assert images_in(Path("empty")) == [".empty.killed", "000000.png", "000001.png"]
    Path("dangling").symlink_to("new")
    assert CliRunner().invoke(app, [*words, "dangling/"]).exit_code == 0
    assert Path("dangling").is_symlink()
    assert images_in(Path("new")) == ["000000.png", "000001.png"]
    assert images_in(Path()) == ["dangling", "empty", "link", "new"]


def test_a_run_is_at_the_end_of_links(runs, tmp_path, monkeypatch):
    """A link to an empty folder, and one to no folder yet; a circle is one line."""
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    for name, target in {"link": "there", "dangling": "new/run", "circle": "circle"}.items():
        Path(name).symlink_to(target)
        words = ["train", str(runs / "grey" / "spec.yaml"), "--steps", "1", "--out", name]
        result = CliRunner().invoke(app, words)
        assert Path(name).is_symlink()
        if name == "circle":
            assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        else:
            assert Path(target, "checkpoint.pt").is_file()
            words = ["sample", name, "-n", "2"]
            assert CliRunner().invoke(app, words).exit_code == 0
    assert images_in(tmp_path) == ["circle", "dangling", "link", "new", "there"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sample", "RUN", "--format", "folder", "-o", "-"], "standard output takes one file"),
        (["sample", "RUN", "--format", "folder", "-o", "fifo"], "fifo takes one file"),
        (["train", DCGAN, "--out", "-"], "--out - is no folder"),
        (["train", DCGAN, "--out", "fifo"], "fifo is a file"),
        (
            ["report", "RUN", "--latex", "-o", "-"],
            "--latex writes a .tex file, with figures beside it",
        ),
        (["build", DCGAN, "-o", "x.py", "--stdout"], "--stdout prints, and -o x.py writes a file"),
        (["show", "RUN", "--attention", "-o", "x.txt"], "end its name in .png"),
    ],
)
def test_what_cannot_be_a_stream_is_refused(words, said, runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    words = [word.replace("RUN", str(runs / "attentive")) for word in words]
    result = CliRunner().invoke(app, words)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert said in result.stderr
    assert Path("fifo").is_fifo()
    assert images_in(tmp_path) == ["fifo"]


# -- specs from standard input ----------------------------------------------------------------

READING = {
    "check": ["check", "SPEC"],
    "build": ["build", "SPEC", "-o", "-"],
    "show": ["show", "SPEC", "--json"],
    "data": ["data", "SPEC"],
    "diff a": ["diff", "SPEC", DCGAN],
    "diff b": ["diff", DCGAN, "SPEC"],
    "compare": ["compare", "SPEC", DCGAN, "--format", "csv"],
    "evaluate": ["evaluate", "SPEC", "--real", "-m", "fid", "--extractor", "RUNS/classifier"],
}
SET = ("check", "build", "show")  # commands with this option


@pytest.mark.parametrize(
    ("name", "settings"),
    [*((name, []) for name in READING), *((n, ["--set", "data.size=16"]) for n in SET)],
)
def test_a_dash_reads_a_spec_as_a_file_would(name, settings, runs, tmp_path, monkeypatch):
    """A spec that extends a file in the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("base.yaml").write_text(GREY)
    text = "extends: base.yaml\nname: mine\ntrain: {epochs: 3}\n"
    Path("my.yaml").write_text(text)
    words = [word.replace("RUNS", str(runs)) for word in [*READING[name], *settings]]
    results = []
    for path, stdin in (("my.yaml", None), ("-", text)):
        result = CliRunner().invoke(app, [w.replace("SPEC", path) for w in words], stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        results.append((result.exit_code, result.output.replace("<stdin>", "my.yaml")))
    if name == "compare":  # the title of a file's column has no ending
        results[1] = results[1][0], results[1][1].replace("my.yaml", "my")
    assert results[0] == results[1]
    assert len(results[0][1]) > 5


def test_a_mistake_in_standard_input_has_a_place():
    result = CliRunner().invoke(app, ["check", "-"], GREY.replace("batch: 16", "batch: 0"))
    assert result.exit_code == 1
    assert "--> <stdin>:12:16" in result.stderr
    for text, said in (("", "the file is empty"), ("a: \x00", "<stdin>:1:4")):
        result = CliRunner().invoke(app, ["check", "-"], text)
        assert result.exit_code == 1
        assert said in result.stderr


def test_a_dash_in_extends_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my.yaml").write_text("extends: '-'\nname: mine\n")
    result = CliRunner().invoke(app, ["check", "my.yaml"], GREY)
    assert (result.exit_code, "`-` does not exist" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    "words",
    [
        ["check", "-", "-"],
        ["build", "-", "-", "-o", "-"],
        ["diff", "-", "-"],
        ["compare", "-", DCGAN, "-"],
        ["evaluate", "-", "--real", "--extractor", "-"],
        ["import", "--summary", "-", "--summary", "-"],
    ],
)
def test_standard_input_is_read_once(words):
    result = CliRunner().invoke(app, words, GREY)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "give `-` once" in result.stderr


def test_a_printed_table_comes_from_standard_input(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = Path(TABLE).read_text()
    Path("stdin").write_text(table)
    words = ["import", "--input", "x:3x32x32", "-o", "-", "--summary"]
    results = [CliRunner().invoke(app, [*words, name], table).output for name in ("-", "stdin")]
    assert results[0] == results[1]
    assert "name: stdin\n" in results[0]


def test_a_run_of_standard_input_is_that_of_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("grey.yaml").write_text(GREY)
    for path, stdin in (("grey.yaml", None), ("-", GREY)):
        words = ["train", path, "--steps", "2", "--out", f"run {path}", "--set", "train.batch=8"]
        assert CliRunner().invoke(app, words, stdin).exit_code == 0
    for name in ("spec.yaml", "grey.py", "log.jsonl"):
        assert Path("run -", name).read_bytes() == Path("run grey.yaml", name).read_bytes()
    words = ["train", "-", "--steps", "3", "--out", "run -", "--set", "train.batch=8", "--resume"]
    assert CliRunner().invoke(app, words, GREY).exit_code == 0


def test_a_spec_comes_through_a_fifo(runs, tmp_path, monkeypatch):
    """As `ganspec data <(cat my.yaml)`: read once, and without an ending in its name."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    for name, said in {"check": "fifo: ok", "data": "48 images", "evaluate": "fid of"}.items():
        thread = threading.Thread(target=Path("fifo").write_text, args=(GREY,), daemon=True)
        thread.start()
        words = [w.replace("SPEC", "fifo").replace("RUNS", str(runs)) for w in READING[name]]
        assert said in CliRunner().invoke(app, words).output
        thread.join(20)


# -- standard output that cannot be written ---------------------------------------------------

PRINTING = {
    "new": ["new", "-"],
    "check": ["check", DCGAN],
    "show": ["show", DCGAN],
    "build": ["build", DCGAN, "-o", "-"],
    "data": ["data", "RUNS/grey/spec.yaml"],
    "train": ["train", "RUNS/grey/spec.yaml", "--steps", "2", "--out", "run"],
    "sample": ["sample", "RUNS/grey", "-n", "4", "-o", "-"],
    "sample file": ["sample", "RUNS/grey", "-n", "4", "-o", "grid.png", "--overwrite"],
    "evaluate": [
        *("evaluate", "RUNS/grey/spec.yaml", "--real"),
        *("-m", "fid", "--extractor", "RUNS/classifier"),
    ],
    "diff": ["diff", DCGAN, "RUNS/grey"],
    "compare": ["compare", DCGAN, "RUNS/grey"],
    "report": ["report", "RUNS/grey", "-o", "-"],
    "import": ["import", "--summary", TABLE, "--input", "x:3x32x32", "-o", "-"],
    "version": ["--version"],
    "help": ["train", "--help"],
}
QUICK = ("new", "version", "help")


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in PRINTING]
)
def test_lost_output_is_no_traceback(name, runs, tmp_path):
    """On a full device, closed as by `>&-`, and to a reader that has ended, as `| true` has."""
    words = [word.replace("RUNS", str(runs)) for word in PRINTING[name]]
    command = [sys.executable, "-m", "ganspec", *words]
    full = node(tmp_path / "full", 7)
    closed = ["sh", "-c", 'exec "$@" >&-', "sh"]
    read, gone = os.pipe()
    os.close(read)
    reasons = {"no space left on device": ([], full.open("wb")), "it is closed": (closed, None)}
    reasons["broken pipe"] = ([], os.fdopen(gone, "wb"))
    for reason, (prefix, stdout) in reasons.items():
        result = subprocess.run(
            [*prefix, *command], cwd=tmp_path, stdout=stdout, stderr=subprocess.PIPE, text=True
        )
        if stdout:
            stdout.close()
        said = f"standard output cannot be written: {reason}\n"
        if name == "train":  # the status is that of the training
            assert (result.returncode, result.stderr[-len(said) :]) == (0, said)
            words.append("--overwrite")
            command = [sys.executable, "-m", "ganspec", *words]
        elif reason == "broken pipe":
            assert result.returncode == 141
            assert "error" not in result.stderr
        else:
            assert result.returncode == 2
            assert result.stderr.endswith(f"error: {said}")
        assert "Traceback" not in result.stderr
        assert "Exception ignored" not in result.stderr


def test_a_closed_output_gets_nothing_of_another_file(tmp_path):
    """The number of a closed output must not become that of a file that the command writes."""
    command = [sys.executable, "-m", "ganspec", "new", str(tmp_path / "dcgan.yaml")]
    subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command], check=False)
    expected = CliRunner().invoke(app, ["new", "-"]).stdout_bytes
    assert (tmp_path / "dcgan.yaml").read_bytes() == expected


@pytest.mark.slow
def test_messages_that_are_lost_do_not_end_a_training(runs, tmp_path):
    words = ["train", str(runs / "grey" / "spec.yaml"), "--steps", "2", "--out", "run"]
    for name, end in {"full": " 2> full", "closed": " 2>&-"}.items():
        node(tmp_path / "full", 7) if name == "full" else None
        command = shlex.join([sys.executable, "-m", "ganspec", *words, "--overwrite"]) + end
        run = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True)
        assert (run.returncode, run.stdout.splitlines()[0]) == (0, "trained to step 2; look at:")


@pytest.mark.slow
def test_pictures_do_not_go_to_a_terminal(runs, tmp_path):
    """A terminal gets text and one line in place of a picture."""
    pty = pytest.importorskip("pty")
    main, terminal = pty.openpty()
    words = ["sample", str(runs / "grey"), "-n", "4", "-o", "-"]
    with os.fdopen(terminal, "wb") as stdout:
        run = subprocess.run(
            [sys.executable, "-m", "ganspec", *words], stdout=stdout, stderr=subprocess.PIPE
        )
    os.close(main)
    assert run.returncode == 2
    assert b"the terminal cannot show this file" in run.stderr


def test_what_is_printed_is_a_picture(write):
    assert Image.open(io.BytesIO(write("sample", "-").stdout_bytes)).size == (30, 22)
    images = np.load(io.BytesIO(write("sample npz", "-").stdout_bytes))["images"]
    assert images.shape == (4, 8, 12, 1)
