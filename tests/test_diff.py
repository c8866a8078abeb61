"""`ganspec diff`: spellings that are equal, differences that are told, and whole outputs.

The outputs in `tests/diffs` are written anew by `python tests/test_diff.py`.
"""

from __future__ import annotations

import itertools
import json
import re
import subprocess

import pytest
from conftest import ROOT
from typer.testing import CliRunner

from ganspec.cli import app
from ganspec.comparison.compare import PartError, compare
from ganspec.comparison.edits import Change, Edit, Insert, Keep, Remove
from ganspec.language.load import loads
from ganspec.report import diff_html, diff_json, diff_markdown, diff_text
from ganspec.report.notebook import show_comparison
from ganspec.runs.opening import open_spec

DIFFS = ROOT / "tests" / "diffs"
PAIRS = [
    ("cgan_iclevr", "wgan_gp_iclevr"),
    ("cgan_iclevr", "cgan_iclevr_type2"),
    ("dcgan_cifar64", "wgan_cifar64"),
    ("dcgan_cifar32", "wgan_cifar32"),
    ("dcgan_cifar32", "acgan_cifar32"),
    ("dcgan_cifar32", "dcgan_keras"),
    ("dcgan_keras", "sagan"),
    ("dcgan", "dcgan_fashion"),
    ("dcgan_fashion", "cgan_fashion"),
    ("denoising_fashion", "denoising_pokemon"),
    ("classifier_fashion", "classifier_iclevr"),
    ("dcgan", "classifier_fashion"),
]
SPEC = {name: ROOT / "specs" / f"{name}.yaml" for name in itertools.chain(*PAIRS)}


def difference(a: str, b: str):
    return compare(open_spec(str(SPEC[a])), open_spec(str(SPEC[b])), (a, b))


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_reports_differ_as_written(a, b):
    comparison = difference(a, b)
    assert diff_text.render(comparison, 100) + "\n" == (DIFFS / f"{a}.{b}.txt").read_text("utf-8")
    assert not comparison.is_equal


def test_markdown_is_as_written():
    text = diff_markdown.render(difference(*PAIRS[0]))
    assert text + "\n" == (DIFFS / "cgan_iclevr.wgan_gp_iclevr.md").read_text("utf-8")


# -- spellings --------------------------------------------------------------------------------

HEAD = """
name: a
vars: {z: 8, ch: 4}
data: {dataset: shapes, size: 16}
latent: {size: z}
generator: {layers: [{project: [3, 16, 16]}, tanh]}
objective: {loss: hinge}
optimizers: {adam: {lr: 1e-4}}
"""


def spec(layers: str, more: str = "", **changes: str):
    text = HEAD
    for key, value in changes.items():
        text = re.sub(rf"^{key}:.*", f"{key}: {value}", text, flags=re.M)
    return loads(f"{text}\n{more}\ndiscriminator: {{{layers}, {{linear: 1}}]}}\n")


WIDE = "layers: [{conv: {out: WIDTH, stride: 2}}, batch_norm, relu, {conv: WIDTH}, relu, flatten"
BODY, EIGHT = WIDE.replace("WIDTH", "ch"), WIDE.replace("WIDTH", "8")
SAME = {
    "a block": spec(
        "layers: [{down: [ch, 2]}, {conv: ch}, relu, flatten",
        "blocks: {down: {params: [c, s], layers: [{conv: {out: c, stride: s}}, batch_norm, relu]}}",
    ),
    "repeats": spec(
        "layers: [{repeat: {with: {s: [2]}, layers: [{conv: {out: ch, stride: s}}]}}, batch_norm, "
        "{repeat: {times: 1, layers: [relu, {conv: ch}]}}, relu, flatten"
    ),
    "other names": spec(WIDE.replace("WIDTH", "w"), vars="{z: 8, w: 4}"),
    "numbers": spec(WIDE.replace("WIDTH", "4"), vars="{z: 8}"),
    "written defaults": spec(
        "layers: [{conv: {out: ch, stride: 2, kernel: 3, bias: true}}, {batch_norm: {eps: 1e-5}}, "
        "relu, {conv: {out: ch, padding: 1}}, relu, flatten"
    ),
    "normalization": spec("normalization: batch, " + BODY.replace("batch_norm", "norm")),
    "a named value": spec(BODY.replace("batch_norm, relu", "batch_norm, {relu: {as: h}}")),
    "a weight norm of none": spec(
        BODY.replace("{conv: ch}", "{conv: {out: ch, weight_norm: none}}")
    ),
    "torch's initial weights": spec("init: {framework: {of: torch}}, " + BODY),
    "linear and reshape": spec(
        BODY, generator="{layers: [{linear: 3 * 256}, {reshape: [3, 16, 16]}, tanh]}"
    ),
    "both optimizers": spec(
        BODY, optimizers="{generator: {adam: {lr: 1e-4}}, discriminator: {adam: {lr: 1e-4}}}"
    ),
    "the images' own channels": spec(BODY, data="{dataset: shapes, size: [16, 16], channels: 3}"),
    "another name": spec(BODY, name="b"),
    "a text": spec(BODY, "doc: another\nreport: {cite: somebody}"),
}


@pytest.mark.parametrize("other", SAME.values(), ids=SAME)
def test_spellings_are_equal(other):
    for a, b in ((spec(BODY), other), (other, spec(BODY))):
        comparison = compare(a, b)
        assert comparison.is_equal
        assert all(isinstance(e, Keep) for n in comparison.networks for e in n.edits)
        assert comparison.answer == ("the same networks and the same training",)


def test_two_frameworks_of_one_meaning_are_equal():
    keras = BODY.replace("batch_norm", "{batch_norm: {eps: 1e-5, momentum: 0.1}}")
    optimizers = "{adam: {lr: 1e-4, eps: 1e-8, eps_hat: false}}"
    generator = "{init: {framework: {of: torch}}, layers: [{project: [3, 16, 16]}, tanh]}"
    torch = spec(BODY.replace("stride: 2", "stride: 2, padding: 1"))
    other = spec(
        "init: {framework: {of: torch}}, " + keras.replace("stride: 2", "stride: 2, padding: 1"),
        "framework: keras",
        optimizers=optimizers,
        generator=generator,
    )
    assert compare(torch, other).is_equal


# -- differences ------------------------------------------------------------------------------


def changed(a, b, network="discriminator"):
    found = next(n for n in compare(a, b).networks if n.name == network)
    return [
        (e.word, [(c.name, c.before, c.after) for c in e.changes] or (e.b or e.a).text)
        for e in found.changed
    ]


DIFFERENT = {
    "an inserted layer": (
        EIGHT.replace("batch_norm, relu", "batch_norm, self_attention, relu"),
        [("insert", "self_attention")],
    ),
    "a removed layer": (BODY.replace("batch_norm, ", ""), [("remove", "batch_norm")]),
    "a moved layer": (
        BODY.replace("batch_norm, relu, {conv: ch}", "relu, {conv: ch}, batch_norm"),
        [("move", "batch_norm")],
    ),
    "another kind": (
        BODY.replace("batch_norm", "instance_norm"),
        [("update", [("kind", "batch_norm", "instance_norm")])],
    ),
    "another width": (
        BODY.replace("{conv: ch}", "{conv: 2 * ch}"),
        [("update", [("out", "4", "8")])],
    ),
    "a layer's own weight norm": (
        BODY.replace("{conv: ch}", "{conv: {out: ch, weight_norm: spectral}}"),
        [("update", [("weight norm", "none", "spectral")])],
    ),
    "a layer's own initial weights": (
        BODY.replace("{conv: ch}", "{conv: {out: ch, init: zeros}}"),
        [("update", [("init", "torch's own", "zeros")])],
    ),
}


@pytest.mark.parametrize(("layers", "expected"), DIFFERENT.values(), ids=DIFFERENT)
def test_an_edit_is_one_line(layers, expected):
    assert changed(spec(EIGHT if "self_attention" in layers else BODY), spec(layers)) == expected


def mirrored(part: Change | Edit) -> Change | Edit:
    """Return the same difference from B to A."""
    if isinstance(part, Change):
        before, after, frameworks = part.after, part.before, part.frameworks[::-1]
        return Change(part.name, before, after, frameworks)
    kind = {Insert: Remove, Remove: Insert}.get(type(part), type(part))
    return kind(part.b, part.a, tuple(map(mirrored, part.changes)))


@pytest.mark.parametrize(
    "other",
    [
        BODY.replace("batch_norm, relu", "relu, batch_norm"),
        BODY.replace("relu, {conv: ch}", "{conv: ch}, relu"),
        BODY.replace("relu, {conv: ch}, relu", "{conv: ch}, relu, dropout, batch_norm"),
    ],
)
def test_the_way_back_is_the_same_way(other):
    """Where several alignments are as short, the same one is taken from both sides."""
    there, back = compare(spec(BODY), spec(other)), compare(spec(other), spec(BODY))
    for network, opposite in zip(there.networks, back.networks, strict=True):
        mirror = [repr(mirrored(edit)) for edit in opposite.edits]
        assert sorted(map(repr, network.edits)) == sorted(mirror)


def test_a_rewired_skip_is_a_difference():
    body = "layers: [{conv: {out: 4, as: a}}, {relu: {as: b}}, {conv: 4}, {add: %s}, flatten"
    assert changed(spec(body % "a"), spec(body % "b")) == [
        ("update", [("reads", "3 conv, 1 conv", "3 conv, 2 relu")])
    ]


def test_an_edit_before_a_branch_wires_nothing_else():
    body = "layers: [{conv: 4}, %s {residual: {main: [%s {conv: 4}], skip: [%s]}}, relu, flatten"
    plain = spec(body % ("", "relu, ", ""))
    assert len(changed(plain, spec(body % ("batch_norm, ", "", "")))) == 2
    assert changed(plain, spec(body % ("batch_norm, ", "relu, ", ""))) == [("insert", "batch_norm")]
    assert changed(plain, spec(body % ("", "relu, ", "{conv: {out: 4, kernel: 1}}"))) == [
        ("insert", "conv 4, kernel 1")
    ]


def test_a_weight_norm_throughout_is_a_setting():
    networks = compare(spec(BODY), spec("normalization: spectral, " + BODY)).networks
    (network,) = [network for network in networks if not network.is_equal]
    assert network.settings == (Change("weight norm", "none", "spectral"),)
    assert not network.changed


def test_what_a_framework_settles_is_marked():
    a, b = spec(BODY), spec(BODY, "framework: keras")
    comparison = compare(a, b)
    marked = [c for n in comparison.networks for e in n.edits for c in e.changes]
    marked += [c for s in comparison.sections for c in s.changes]
    told = [(c.name, c.before, c.after, c.because) for c in marked]
    assert ("eps", "1e-5", "1e-3", "keras") in told
    assert all(change.because == "keras" for change in marked)
    assert "split" in {change.name for change in marked}
    own = compare(a, spec(BODY.replace("batch_norm", "{batch_norm: {eps: 1e-3}}")))
    (change,) = [c for n in own.networks for e in n.edits for c in e.changes]
    assert change.because is None  # an author wrote it


def test_claims_alone_make_no_difference():
    scored = spec(BODY, "report: {scores: [{metric: fid, value: 20}]}")
    comparison = compare(spec(BODY), scored)
    assert comparison.is_equal and [s.name for s in comparison.sections] == ["claims"]
    assert comparison.answer == ("the same networks and the same training", "other claimed scores")
    counted = compare(spec(BODY), scored, only=["claims"])
    assert not counted.is_equal
    for write in (diff_html.render, show_comparison):
        assert "do not count as differences" in write(comparison)
        assert "do not count as differences" not in write(counted)


def test_only_what_is_asked_for():
    a, b = open_spec(str(SPEC["cgan_iclevr"])), open_spec(str(SPEC["wgan_gp_iclevr"]))
    assert compare(a, b, only=["generator", "data"]).is_equal
    comparison = compare(a, b, only=["objective"])
    assert not comparison.networks and [s.name for s in comparison.sections] == ["objective"]
    with pytest.raises(PartError, match="discriminator"):
        compare(a, b, only=["discriminatr"])


def test_json_says_all_that_differs():
    comparison = difference(*PAIRS[0])
    data = json.loads(diff_json.render(comparison))
    assert data["answer"] == list(comparison.answer)
    edits = data["networks"]["discriminator"]["edits"]
    assert [edit["edit"] for edit in edits] == ["update", "update", "update", "remove"]
    assert edits[-1]["a"]["line"] == 43 and edits[-1]["b"] is None
    assert set(data["sections"]) == {"objective", "optimizers", "train", "claims"}


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_lines_keep_within_the_terminal(width):
    text = diff_text.render(difference("classifier_fashion", "classifier_iclevr"), width)
    assert max(map(len, text.splitlines())) <= width


def test_a_stranger_s_text_is_escaped():
    hostile = spec(BODY, 'report: {scores: [{metric: fid, value: 1, note: "<b>|x|</b>\\e[31m"}]}')
    comparison = compare(spec(BODY), hostile, ("<script>", "b"))
    shown = diff_markdown.render(comparison)
    assert "<b>" not in shown and "<script>" not in shown
    assert "\x1b" not in shown + diff_text.render(comparison, 80)


def told(a: str, b: str) -> str:
    """Return the first lines of a comparison of two specs of `specs/`, or of two texts."""
    specs = [
        loads(each) if "\n" in each else open_spec(str(ROOT / f"specs/{each}.yaml"))
        for each in (a, b)
    ]
    return "; ".join(compare(*specs).answer)


def test_sentences_are_what_a_reader_would_say():
    text = (ROOT / "specs" / "dcgan.yaml").read_text("utf-8")
    assert told(text, f"framework: tensorflow\n{text}").startswith(
        "the generator and the discriminator differ by framework defaults only; "
    )
    other = text.replace("lr: 2e-4, betas", "lr: 1e-4, eps: 1e-3, betas")
    assert told(text, other).endswith(
        "Adam 2e-4/0.5/0.999 -> 1e-4/0.5/0.999; optimizers eps 1e-8 -> 1e-3"
    )
    assert "from keras's and tensorflow's own defaults" in told("dcgan_keras", "wgan_cifar64")
    assert "latents normal -> uniform in [0, 1]" in told("dcgan_cifar32", "dcgan_cifar64")
    assert "the auxiliary classifier" in told("dcgan_cifar32", "acgan_cifar32")
    assert told("dcgan", "denoising_fashion").startswith(
        "a GAN against an autoencoder; data shapes"
    )
    looking = text.replace("norm, relu]", "norm, relu, self_attention]")
    assert "adds three self attention layers at 8 x 8, 16 x 16 and 32 x 32" in told(text, looking)


def test_layers_of_equal_calls_are_not_swapped():
    two, one = (
        spec(BODY, generator=f"{{layers: [{layers}, {{conv: {{out: 3, kernel: 3}}}}, tanh]}}")
        for layers in (
            "{linear: {out: 3 * 256, weight_norm: spectral}}, {reshape: [3, 16, 16]}",
            "{project: [3, 16, 16]}",
        )
    )
    said = "the generator changes project weight norm spectral -> none"
    assert compare(two, one).answer == ("same discriminator", said)


@pytest.mark.parametrize("a", ["dcgan", "acgan_cifar32", "wgan_cifar32"])
def test_counted_findings_are_many(a):
    for b in ("wgan_gp", "cgan_fashion", "wgan_cifar64"):
        assert "one more" not in told(a, b)


@pytest.mark.parametrize(
    ("field", "is_equal"),
    {
        "keep: 2": True,
        "pictures: 7": True,
        "snapshots: 7": True,
        "accuracy: true": True,
        "gradients: true": True,
        "seed: 7": False,
        "average: 0.9": False,
    }.items(),
)
def test_what_a_run_keeps_draws_and_logs_is_no_difference(field, is_equal):
    text = (ROOT / "specs" / "dcgan.yaml").read_text("utf-8")
    other = loads(text.replace("epochs: 5}", f"epochs: 5, {field}}}"))
    assert compare(loads(text), other).is_equal is is_equal


def test_labels_of_pictures_are_no_difference():
    spec = open_spec("cgan_iclevr")
    for value in (None, "new_test.json"):
        assert compare(spec, spec.with_values("train.conditions", value)).is_equal


# -- the command ------------------------------------------------------------------------------


def run(*words):
    return CliRunner().invoke(app, ["diff", *map(str, words)])


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Return the folder of two specs, one of which extends the other, in a repository.

    It has two commits, of which the second changes the extended spec.
    """
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    folder = tmp_path / "specs"
    folder.mkdir()

    def git(*words):
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", "-C", tmp_path, *who, *words], check=True, capture_output=True)

    git("init", "--quiet")
    base = f"{HEAD}\ndiscriminator: {{layers: [flatten, {{linear: 1}}]}}\n"
    (folder / "base.yaml").write_text(base)
    (folder / "mine.yaml").write_text("extends: base.yaml\nname: mine\n")
    git("add", "."), git("commit", "--quiet", "-m", "one")
    (folder / "base.yaml").write_text(base.replace("hinge", "wasserstein"))
    git("add", "."), git("commit", "--quiet", "-m", "two")
    return folder


def test_a_revision_takes_its_bases_from_itself(repository):
    mine = repository / "mine.yaml"
    result = run(f"{mine}@HEAD~1", mine)
    assert result.exit_code == 1 and "loss hinge -> wasserstein" in result.output
    assert run(f"{mine}@HEAD", mine).exit_code == 0
    mine.unlink()
    assert run(f"{mine}@HEAD", f"{mine}@HEAD~1", "--only", "generator").exit_code == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine.yaml@nope", "`nope` is no revision"),
        ("mine.yaml@--help", "is no revision"),
        ("mine.yaml@", "is no revision"),
        ("gone.yaml@HEAD", "is not in the repository"),
        ("gone.yaml", "does not exist"),
        ("../../x.yaml@HEAD", "not a git repository"),
    ],
)
def test_revisions_that_cannot_be_read(repository, name, message):
    result = run(repository / name, repository / "mine.yaml")
    assert result.exit_code == 2 and message in result.output
    assert "Traceback" not in result.output


def test_without_git_a_revision_is_refused(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    result = run(repository / "mine.yaml@HEAD", repository / "mine.yaml")
    assert result.exit_code == 2 and "needs git" in result.output


def test_a_file_with_an_at_is_a_file_first(tmp_path):
    text = f"{HEAD}\ndiscriminator: {{layers: [flatten, {{linear: 1}}]}}\n"
    (tmp_path / "a@HEAD").write_text(text)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "spec.yaml").write_text(text)
    result = run(tmp_path / "a@HEAD", tmp_path / "run")
    assert result.exit_code == 0 and "the same networks" in result.output


def test_the_status_is_that_of_diff(tmp_path):
    a, b = SPEC["cgan_iclevr"], SPEC["cgan_iclevr_type2"]
    assert run(a, a).exit_code == 0
    assert run(a, b).exit_code == 1
    assert run(a, b, "--only", "generator").exit_code == 0
    assert run(a, b, "--only", "generator,data").exit_code == run(a, b, "--only", "data").exit_code
    assert run(a, b, "--only", "nothing").exit_code == 2
    assert run(a, b, "--stat", "--format", "json").exit_code == 2
    (tmp_path / "wrong.yaml").write_text("name: a\n")
    assert run(a, tmp_path / "wrong.yaml").exit_code == 2
    assert run(a, b, "--stat").output.splitlines()[0] == "discriminator  -1"


def test_a_file_is_written_and_no_spec_overwritten(tmp_path):
    a, b = SPEC["cgan_iclevr"], SPEC["cgan_iclevr_type2"]
    out = tmp_path / "diff.md"
    assert run(a, b, "--format", "markdown", "-o", out).exit_code == 1
    assert "no longer reads the label" in out.read_text("utf-8")
    assert run(a, b, "-o", out, "--overwrite").exit_code == 1
    assert "no longer reads the label" in out.read_text("utf-8")
    for name in ("mine.yaml", "mine.txt"):
        mine = tmp_path / name
        mine.write_text("name: mine\n")
        assert run(a, b, "-o", mine).exit_code == 2
        assert mine.read_text() == "name: mine\n"


def main() -> None:
    DIFFS.mkdir(exist_ok=True)
    for a, b in PAIRS:
        text = diff_text.render(difference(a, b), 100)
        (DIFFS / f"{a}.{b}.txt").write_text(text + "\n", "utf-8")
    a, b = PAIRS[0]
    (DIFFS / f"{a}.{b}.md").write_text(diff_markdown.render(difference(a, b)) + "\n", "utf-8")


if __name__ == "__main__":
    main()
