"""Findings of `ganspec check` for other programs, and the schema as a file."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from conftest import ROOT
from test_errors import BASE
from typer.testing import CliRunner

from ganspec.cli import app
from ganspec.reference.schema_file import MODELINE, SCHEMA_NAME, is_schema, schema_text

TYPO = BASE.replace("size: z", "size: y").replace("train:", "# 100%: kept\ntrain:")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "a b.yaml").write_text(TYPO)
    return tmp_path


def run(*arguments):
    """Return the exit status, standard output and standard error."""
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_github_is_told_file_line_and_columns():
    assert run("check", "base.yaml", "a b.yaml", "--format", "github") == (
        1,
        "::error file=a b.yaml,line=4,col=16,endColumn=17,title=ganspec unknown-name::"
        "unknown name `y`%0Ahelp: known names: ch, z\n",
        "",
    )
    assert run("check", "base.yaml", "--format", "github") == (0, "", "")


def test_commands_of_github_are_escaped(folder):
    (folder / "a,b:c%.yaml").write_text(BASE.replace("name: tiny", "name: 100%"))
    _, out, _ = run("check", "a,b:c%.yaml", "--format", "github")
    assert out.startswith("::error file=a%2Cb%3Ac%25.yaml,line=1,col=7,endColumn=11,")
    assert "::`100%25` is not a plain name%0Ahelp: " in out and out.count("\n") == 1


def test_a_setting_has_no_file_to_annotate():
    arguments = ("check", "base.yaml", "--set", "train.batch=0", "--format")
    message = "`batch` must be more than 0, got `0`"
    assert run(*arguments, "github")[1] == f"::error title=ganspec out-of-range::{message}\n"
    (result,) = json.loads(run(*arguments, "sarif")[1])["runs"][0]["results"]
    assert result["message"]["text"] == message and "locations" not in result
    (spec,) = json.loads(run(*arguments, "json")[1])["specs"]
    assert spec["diagnostics"][0]["file"] == "--set" and spec["diagnostics"][0]["column"] == 13


def test_json_has_every_spec_and_finding():
    status, out, error = run("check", "base.yaml", "a b.yaml", "no.yaml", "--format", "json")
    assert (status, error) == (1, "")
    base, typo, missing = json.loads(out)["specs"]
    assert base == {"spec": "base.yaml", "ok": True, "diagnostics": []}
    assert typo["diagnostics"] == [
        {
            "severity": "error",
            "code": "unknown-name",
            "message": "unknown name `y`",
            "file": "a b.yaml",
            "line": 4,
            "column": 16,
            "end_column": 17,
            "notes": [],
            "help": "known names: ch, z",
        }
    ]
    assert missing["diagnostics"][0]["file"] == "no.yaml"
    assert missing["diagnostics"][0]["line"] is None


def test_standard_input_is_no_file_to_annotate():
    def told(form):
        return CliRunner().invoke(app, ["check", "-", "--format", form], input=TYPO).stdout

    assert told("github").startswith("::error title=ganspec unknown-name::unknown name `y`")
    (result,) = json.loads(told("sarif"))["runs"][0]["results"]
    assert "locations" not in result
    (spec,) = json.loads(told("json"))["specs"]
    assert (spec["spec"], spec["diagnostics"][0]["file"]) == ("-", "<stdin>")
    words = ["check", "-", "--format", "json"]
    (spec,) = json.loads(CliRunner().invoke(app, words, input=b"\xff").stdout)["specs"]
    assert spec["diagnostics"][0]["file"] == "<stdin>"


def test_sarif_has_rules_levels_and_regions(folder):
    status, out, _ = run("check", "a b.yaml", "no.yaml", "--format", "sarif")
    log = json.loads(out)
    (found,) = log["runs"]
    assert (status, log["version"]) == (1, "2.1.0")
    rules = [rule["id"] for rule in found["tool"]["driver"]["rules"]]
    assert rules == ["unknown-name", "missing-file"]
    places = [each["locations"][0]["physicalLocation"] for each in found["results"]]
    assert places == [
        {
            "artifactLocation": {"uri": "a%20b.yaml"},
            "region": {"startLine": 4, "startColumn": 16, "endColumn": 17},
        },
        {"artifactLocation": {"uri": "no.yaml"}},
    ]
    _, out, _ = run("check", folder / "a b.yaml", "--format", "sarif")
    assert f'"uri": "{(folder / "a b.yaml").as_uri()}"' in out


def test_a_finding_in_a_file_that_two_specs_extend_is_annotated_once(folder):
    for name in ("one.yaml", "two.yaml"):
        (folder / name).write_text(f"extends: a b.yaml\nname: {name[:3]}\n")
    _, out, _ = run("check", "one.yaml", "two.yaml", "--format", "github")
    assert out.count("\n") == 1 and "file=a b.yaml,line=4" in out


@pytest.mark.parametrize("form", ["github", "sarif"])
def test_a_file_has_the_name_that_a_repository_knows(folder, form):
    (folder / "bases").mkdir()
    (folder / "specs").mkdir()
    (folder / "bases" / "base.yaml").write_text("name: base\nodd: 1\n")
    (folder / "specs" / "e.yaml").write_text("extends: ../bases/base.yaml\n")
    _, found, _ = run("check", "specs/../specs/e.yaml", "--format", form)
    assert "bases/base.yaml" in found and ".." not in found


def test_the_schema_is_written_where_one_asks(folder):
    assert run("schema")[1] == run("schema", "-o", "-")[1] == schema_text()
    assert run("schema", "-o", "s.json") == (0, "s.json written\n", "")
    assert (folder / "s.json").read_text() == schema_text()
    (folder / "s.json").write_text(schema_text().replace("ganspec spec", "an older one"))
    assert run("schema", "-o", "s.json")[0] == 0
    (folder / "mine.json").write_text("{}")
    status, _, error = run("schema", "-o", "mine.json")
    assert status == 2 and "add --overwrite" in error
    assert (folder / "mine.json").read_text() == "{}"
    assert run("schema", "-o", "mine.json", "--overwrite")[0] == 0
    assert is_schema(folder / "mine.json")


def test_a_new_spec_names_the_schema_beside_it(folder):
    status, out, _ = run("new", "specs/my.yaml")
    assert status == 0 and f"specs/{SCHEMA_NAME} written" in out
    assert (folder / "specs" / SCHEMA_NAME).read_text() == schema_text()
    assert (folder / "specs/my.yaml").read_text().startswith(MODELINE)
    (folder / "specs" / SCHEMA_NAME).write_text("with kinds of one's own")
    assert run("new", "specs/other.yaml")[1].startswith("specs/other.yaml written")
    assert (folder / "specs" / SCHEMA_NAME).read_text() == "with kinds of one's own"


def test_the_hook_runs_a_command_on_specs():
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    program, *words = hook["entry"].split()
    assert program == "ganspec" and run(*words, "base.yaml")[0] == 0
    assert re.search(hook["files"], "specs/a.yaml") and re.search(hook["files"], "x/specs/a.yaml")
    assert not re.search(hook["files"], "docs/a.yaml")
    assert hook["types"] == ["yaml"]


def test_the_editor_of_this_repository_finds_schema_and_specs():
    settings = json.loads((ROOT / ".vscode/settings.json").read_text())
    ((schema, (pattern,)),) = settings["yaml.schemas"].items()
    assert is_schema(ROOT / schema) and list(ROOT.glob(pattern))
