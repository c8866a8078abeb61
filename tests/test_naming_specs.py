"""Arguments of commands: names of specs, forms of output, endings, devices and paths."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest
import torch
from conftest import SPECS
from small_systems import CLASSIFIER
from test_errors import BASE
from typer.testing import CliRunner
from writing import write_images

import ganspec
from ganspec.cli import app
from ganspec.commands import ORDER
from ganspec.runs.folder import RunError
from ganspec.systems.starters import starters
from ganspec.training.device import choose_device

FEW = "--set=data.dataset={shapes: {count: 300}}"


def run(*words, **more):
    result = CliRunner().invoke(app, [str(word) for word in words], **more)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    (folder.parent / "tiny.yaml").write_text(BASE)
    result = run("train", folder.parent / "tiny.yaml", "--out", folder, "--steps", 1, "-q", FEW)
    assert result.exit_code == 0, result.output
    return folder


# -- names of specs ---------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["check", "show", "build", "data", "compare", "diff"])
def test_a_run_a_known_name_and_a_file_are_taken_alike(command, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(ganspec.Run(trained).spec_path.read_text())
    for name in ("dcgan", trained, "mine.yaml"):
        more = {"diff": ["mine.yaml"], "data": [FEW]}.get(command, [])
        result = run(command, name, *more)
        assert result.exit_code == (command == "diff" and name == "dcgan"), result.output


def test_the_commands_read_the_run_and_not_the_spec_it_came_from(trained):
    wide = json.loads(run("show", trained, "--json", "--set=vars.ch=4").stdout)
    shown = json.loads(run("show", trained, "--json").stdout)
    assert shown["name"] == wide["name"] == "tiny" and shown["networks"] != wide["networks"]


def test_a_run_is_resumed_by_its_folder(trained):
    result = run("train", trained, "--resume", "--steps", 2, "-q")
    assert result.exit_code == 0 and "trained to step 2" in result.output
    assert [row["step"] for row in ganspec.Run(trained).rows()] == [1, 2]


def test_a_run_that_is_named_is_the_folder_to_train_in(trained, tmp_path, monkeypatch):
    """Another run of the same spec stays, and each remedy works in the words of its message."""
    monkeypatch.chdir(tmp_path)
    steps = {"steps": 1, "progress": False, "device": "cpu"}
    other, mine = ganspec.train(trained, "runs/tiny", **steps), tmp_path / "d" / "k"
    before = other.info_path.read_bytes()
    ganspec.train(trained, mine, **steps)
    begun = run("train", mine, "--steps", 2, "-q")
    assert begun.exit_code == 2 and f"{mine} exists; add --resume to go on" in begun.output
    for option in ("--resume", "--overwrite"):
        result = run("train", mine, option, "--steps", 2, "-q")
        assert f"{mine}/samples/0000002.png" in result.output
    other_batch = run("train", mine, "--resume", "--steps", 3, "--set", "train.batch=3")
    assert f"name {mine} in place of the spec, or" in other_batch.output
    assert ganspec.train(mine, resume=True, **steps | {"steps": 3}).folder == mine
    (mine / "checkpoint.pt").unlink()
    for name, out in ((mine, None), (trained, mine)):
        with pytest.raises(RunError, match="begin again, with --overwrite instead"):
            ganspec.train(name, out, resume=True, **steps)
    with pytest.raises(RunError, match="choose one"):
        ganspec.train(mine, resume=True, overwrite=True, **steps)
    assert ganspec.train(mine, overwrite=True, **steps).folder == mine
    assert other.info_path.read_bytes() == before


def test_a_file_comes_before_a_known_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dcgan").write_text(BASE)
    assert ganspec.load("dcgan").name != "dcgan"


@pytest.mark.parametrize("command", ["check", "show", "build", "train", "compare", "diff"])
@pytest.mark.parametrize(
    ("name", "fix"), [("dcgn", "use `dcgan`"), ("min", "use `mine.yaml`"), ("qqqq", "new --list")]
)
def test_a_name_that_nothing_has_suggests_the_nearest(command, name, fix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(BASE)
    result = run(command, name, *(["dcgan"] if command == "diff" else []))
    assert result.exit_code in (1, 2) and fix in result.output and "Traceback" not in result.output


def test_a_missing_file_is_not_called_alike_for_its_ending(tmp_path):
    for name in ("bin.yaml", "mine.yaml"):
        (tmp_path / name).write_text(BASE)
    told = run("check", tmp_path / "nope.yaml").output
    assert "help: specs there: `bin.yaml` and `mine.yaml`" in told
    assert "help: use `mine.yaml`" in run("check", tmp_path / "min.yaml").output


def test_a_new_spec_starts_from_no_path(trained, tmp_path):
    for path in (trained, trained / "spec.yaml"):
        told = run("new", tmp_path / "new.yaml", "--from", path)
        assert told.exit_code == 2 and "copy that spec, or write one that `extends`" in told.output
        assert not (tmp_path / "new.yaml").exists()


def test_python_takes_names_where_it_takes_specs(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ganspec.emit("dcgan") == ganspec.emit(ganspec.load("dcgan"))
    assert ganspec.build(trained).keys() == {"generator", "discriminator"}
    assert ganspec.check("dcgan") == []
    (tmp_path / "tiny.yaml").write_text(BASE)
    with pytest.raises(ganspec.SpecError, match="use `dcgan`"):
        ganspec.train("dcgn")
    with pytest.raises(ganspec.SpecError, match="use `dcgan`"):
        ganspec.Trainer("dcgn")
    assert ganspec.load("tiny.yaml", "train.batch=7").train.batch == 7


def test_a_file_without_an_ending_has_revisions_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text(BASE)
    user = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "mine"], [*user, "commit", "-qm", "mine"]):
        subprocess.run(["git", *words], check=True)
    (tmp_path / "mine").unlink()
    for command in ("check", "show"):
        assert run(command, "mine@HEAD").exit_code == 0
    told = run("evaluate", "mine@HEAD")
    assert told.exit_code == 2 and "is a spec" in told.stderr
    assert "names no file" in run("show", "@HEAD").stderr


def test_the_list_names_every_spec_and_each_can_be_checked():
    listed = json.loads(run("new", "--list", "--json").stdout)
    assert [each["name"] for each in listed] == sorted(path.stem for path in SPECS)
    systems = {type(ganspec.load(path)).__name__.lower() for path in SPECS}
    assert {each["system"] for each in listed} == systems
    text = run("new", "--list").stdout.splitlines()
    assert [line.split()[0] for line in text] == sorted(starters())
    assert all(each["doc"] and each["doc"] in line for each, line in zip(listed, text, strict=True))


# -- forms and endings ------------------------------------------------------------------------

FACTS = {
    "check": ["dcgan"],
    "show": ["dcgan"],
    "diff": ["dcgan", "dcgan"],
    "compare": ["dcgan", "wgan_gp"],
    "data": ["shapes"],
    "new": ["--list"],
}


@pytest.mark.parametrize("command", FACTS)
def test_json_and_format_json_are_the_same(command):
    short, long = (
        run(command, *FACTS[command], *words) for words in (["--json"], ["--format=json"])
    )
    assert short.exit_code == long.exit_code == 0
    assert short.stdout == long.stdout and json.loads(short.stdout)
    clash = run(command, *FACTS[command], "--json", "--format", "text")
    assert clash.exit_code == 2 and "two forms" in clash.stderr


def test_scores_as_json_are_those_that_the_run_keeps(trained):
    words = ["-m", "fid", "-n", 16, "--images", trained / "samples", "--json"]
    assert run("evaluate", *words).exit_code == 2  # no --reference: an error is no JSON
    classifier = trained.parent / "classifier"
    (trained.parent / "classifier.yaml").write_text(CLASSIFIER)
    made = run("train", trained.parent / "classifier.yaml", "--steps=1", "-q", "--out", classifier)
    assert made.exit_code == 0, made.output
    # the variable is for scores by InceptionV3, and in nobody's way otherwise
    told = run(
        *("evaluate", trained, "--extractor", classifier, "-m", "kid", "-n", 16, "--json", "-q"),
        env={"GANSPEC_INCEPTION": "missing.pt"},
    )
    assert told.exit_code == 0, told.output
    (entry,) = json.loads(told.stdout)["scores"]
    claim, kept = entry.pop("claim"), json.loads((trained / "scores.jsonl").read_text())
    assert claim is None and {k: v for k, v in entry.items() if k != "per_class"} == kept


@pytest.mark.parametrize(
    ("words", "wrong", "right"),
    [
        (["build", "dcgan", "-o"], "x.yaml", ".py"),
        (["show", "dcgan", "--graph", "-o"], "x.png", ".svg"),
        (["show", "dcgan", "--json", "-o"], "x.svg", ".json"),
        (["show", "dcgan", "--format=text", "-o"], "x.json", ".txt"),
        (["show", "dcgan", "-o"], "x.doc", ".txt"),
        (["schema", "-o"], "x.yaml", ".json"),
        (["diff", "dcgan", "wgan_gp", "--format=html", "-o"], "x.md", ".html"),
        (["data", "shapes", "-o"], "x.gif", ".png"),
        (["new"], "x.py", ".yaml"),
    ],
)
def test_a_written_file_gets_its_ending_or_a_wrong_one_is_refused(
    words, wrong, right, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    refused = run(*words, wrong)
    assert refused.exit_code == 2 and right in refused.stderr and not list(tmp_path.iterdir())
    assert run(*words, "named").exit_code in (0, 1)
    assert (tmp_path / f"named{right}").is_file() and not (tmp_path / "named").exists()


# -- short options and variables --------------------------------------------------------------


def test_short_options():
    assert run("-V").stdout == run("--version").stdout
    assert "--install-completion" in run("-h").stdout
    for name in ORDER:
        short, long = (run(name.rstrip("_"), word).stdout for word in ("-h", "--help"))
        assert short == long and "Example:" in short


def test_variables_stand_for_options(trained):
    told = run("sample", trained, "-n", 1, "-o", trained / "a.png", env={"GANSPEC_DEVICE": "tpu"})
    assert told.exit_code == 2 and "`tpu`" in told.stderr
    for command in ("train", "sample", "evaluate"):
        text = run(command, "-h", env={"COLUMNS": "200"}).stdout
        assert "GANSPEC_DEVICE" in text and "GANSPEC_QUIET" in text


@pytest.mark.parametrize("name", ["tpu", "cuda:x", "cuda:", "cpu:3", "cuda:99", "mps:1", "xpu"])
def test_a_device_that_is_not_there_is_one_line(name):
    with pytest.raises(RunError, match=r"use |no |only "):
        choose_device(name)


def test_devices():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda")


# -- a path in the spec -----------------------------------------------------------------------


def test_a_folder_in_the_spec_is_that_of_the_option(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "others"):
        (tmp_path / name).mkdir()
        write_images(tmp_path / name, ["a/1.png", "b/2.png"])
    head = BASE.replace("dataset: shapes", "dataset: {image_folder: {path: photos}}")
    assert head != BASE
    (tmp_path / "spec.yaml").write_text(head)
    own, named = run("data", "spec.yaml"), run("data", "spec.yaml", "--data", "others")
    assert own.exit_code == named.exit_code == 0, own.output
    assert "in photos" in own.stdout and "in others" in named.stdout
    source = ganspec.emit(ganspec.load("spec.yaml"))
    assert 'default=Path("photos")' in source and "required=True" not in source
    missing = run("data", "spec.yaml", "--data", "nowhere")
    assert missing.exit_code == 2 and "nowhere" in missing.stderr


# -- the lock ---------------------------------------------------------------------------------


@pytest.mark.true_process
def test_a_locked_run_is_refused_within_a_process_and_between_two(trained, tmp_path):
    run_here = ganspec.Run(tmp_path / "run")
    run_here.lock()
    refusals = []

    def try_it():
        with pytest.raises(RunError, match="another process"):
            ganspec.Run(tmp_path / "run").lock()
        refusals.append(True)

    thread = threading.Thread(target=try_it)
    thread.start()
    thread.join()
    code = f"import ganspec; ganspec.Run({str(tmp_path / 'run')!r}).lock()"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert refusals and "another process" in other.stderr
    run_here.release()
    ganspec.Run(tmp_path / "run").lock()
