"""Mistakes in users' own kinds: each is one line that names the kind and its file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from test_extend import FILES, PLAIN, folder, run

from ganspec import load_kinds
from ganspec.evaluation import reference
from ganspec.evaluation.extractor import Extractor
from ganspec.evaluation.reference import RealImages
from ganspec.evaluation.scoring import Scorer
from ganspec.evaluation.subject import Subject
from ganspec.kinds.metric import MetricError
from ganspec.language.kinds import kinds_of
from ganspec.runs.score_file import append_scores, read_scores

__all__ = ["folder"]  # a fixture

RETURNED = "    return (inside * bright).to(torch.uint8), labels\n"
IMAGES = "(inside * bright).to(torch.uint8)"


@pytest.mark.parametrize(
    ("returned", "fault"),
    [
        (f"{IMAGES} / 255, labels", "returned images of float32, not of uint8, 0 to 255"),
        (f"{IMAGES}[..., 1:], labels", "returned images, 1000 x 1 x 16 x 15, not N x 1 x 16 x 16"),
        (f"{IMAGES}.permute(0, 2, 3, 1), labels", "returned images, 1000 x 16 x 16 x 1, not N x 1"),
        (f"{IMAGES}.numpy(), labels", "returned a value of the type ndarray as images, not a"),
        (f"{IMAGES}[:0], labels[:0]", "returned no images"),
        (IMAGES, "returned a value of the type Tensor, not `images, labels`"),
        (f"{IMAGES}, None", "returned None as labels, not a tensor: return torch.zeros("),
        ("None, labels", "returned None as images, not a tensor: return torch.as_tensor(images)"),
        (f"{IMAGES}, labels + 6", "returned the label 7, but labels are from 0 to 1"),
        (f"{IMAGES}, labels - 1", "returned the label -1, but labels are from 0 to 1"),
        (f"{IMAGES}, labels[:3]", "returned 3 labels for 1000 images"),
        (f"{IMAGES}, labels.float()", "returned labels, float32 1000, not int64 N"),
    ],
)
def test_what_a_data_set_returns_is_checked(folder, returned, fault):
    assert RETURNED in FILES["discs.py"]
    Path("discs.py").write_text(FILES["discs.py"].replace(RETURNED, f"    return {returned}\n"))
    said = run("data", "discs", kinds=["discs.py"], status=2)
    assert said.startswith(f"error: discs (discs.py) {fault}") and said.count("\n") == 1


def test_labels_begin_at_0_even_if_their_number_is_unknown(folder):
    text = FILES["discs.py"].replace(RETURNED, RETURNED.replace("labels", "0 * labels - 1"))
    Path("discs.py").write_text(text.replace('return "classes", 2', "return None"))
    said = run("data", "discs", kinds=["discs.py"], status=2)
    assert said == "error: discs (discs.py) returned the label -1, but labels are 0 or more\n"


def test_a_data_set_has_as_many_names_as_classes(folder):
    text = FILES["discs.py"].replace('["dark", "bright"]', '["dark", "bright", "grey"]')
    Path("discs.py").write_text(text)
    said = run("train", "mine.yaml", "--steps", 1, status=2)
    assert "discs (discs.py) names 3 classes, but its `label_kind` tells 2" in said


DISTANCE = "np.linalg.norm(fake.mean - real.mean)"
CENTRES = {  # what a metric returns, and the error
    "3.0": "returned a value of the type float, not a list with a `MetricValue` for each",
    "MetricValue('centre', 3.0)": "returned a value of the type MetricValue, not a list with a",
    "[3.0]": "returned a value of the type float, not a list with a `MetricValue` for each",
    "None": "returned None, not a list with a `MetricValue` for each of `names`",
    "[]": "returned no values, not of `centre`",
    "[MetricValue('center', 3.0)]": "returned values of `center`, not of `centre`",
    "[MetricValue('centre', fake.mean)]": "returned a value of the type ndarray as the value of",
    "[MetricValue('centre', fake.features)]": "returned a value of the type Tensor as the value",
    "[MetricValue('centre', float('nan'))]": "returned nan as the value of `centre`, not a number",
    "[MetricValue('centre', 1e200)]": "returned 1e+200 as the value of `centre`, not a number",
    "[MetricValue('centre', 1, 'x')]": "returned a value of the type str as the deviation of",
    "[MetricValue('centre', 1, per_class={'a': None})]": "returned None as the per_class of",
    "[MetricValue('centre', 1, per_class=[1])]": "returned a value of the type list as the per_cl",
}


def centre(returned):
    """Return the example's metric, but with the value `returned` of `measure`."""
    whole = f'[MetricValue("centre", float({DISTANCE}))]'
    assert whole in FILES["centre.py"]
    Path("centre.py").write_text(FILES["centre.py"].replace(whole, returned))
    load_kinds("centre.py")
    return kinds_of("metric")["centre"]()


@pytest.fixture
def score(folder, monkeypatch):
    """Return a function that returns the score of four images by a metric."""
    monkeypatch.setattr(reference, "CACHE", folder / "references")

    def extract(images):
        return images.flatten(1).float(), images.flatten(1).float()

    extractor = Extractor("pixels", "0", "last", "none", extract, torch.device("cpu"), 4)
    images = torch.arange(48, dtype=torch.uint8).view(4, 3, 2, 2)
    scorer, subject = Scorer(extractor, RealImages(images, "x")), Subject(images.split, 4)
    return lambda metric: scorer.scores(subject, [metric])[0]


@pytest.mark.parametrize("returned", CENTRES)
def test_what_a_metric_returns_is_checked(score, returned):
    with pytest.raises(MetricError) as error:
        score(centre(returned))
    said = str(error.value)
    assert said.startswith(f"centre (centre.py) {CENTRES[returned]}") and "\n" not in said


@pytest.mark.parametrize("value", [DISTANCE, f"np.float32({DISTANCE})", "fake.features.sum()"])
def test_a_metric_may_return_numbers_of_numpy_and_torch(folder, score, value):
    more = "np.float32(2), np.int64(3), per_class={0: real.features[0, 0]}"
    row = score(centre(f"[MetricValue('centre', {value}, {more})]"))
    append_scores(folder, [row])
    assert read_scores(folder) == [row]
    assert (row.deviation, row.reference.images, row.per_class) == (2, 3, {"0": 0})


def mend(file, old, new):
    """Replace a text of one of the example's files."""
    text = Path(file).read_text()
    assert old in text
    Path(file).write_text(text.replace(old, new))


CELU = "return Call(nn.CELU, self.alpha)"
MARGIN = "F.relu(cfg.margin - scores).mean()"
NADAM = "Call(optim.NAdam, lr=self.lr, betas=self.betas)"


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        ("celu.py", CELU, "Call(nn.CELU)", "returns nothing from `call`, not a `Call`"),
        ("celu.py", CELU, "return nn.CELU", "returns a class from `call`, not a `Call`"),
        ("celu.py", CELU, "return nn.CELU()", "returns a CELU from `call`, not a `Call`"),
        ("celu.py", CELU, "return self.beta", "raises AttributeError in line 18: 'Celu'"),
        ("celu.py", CELU, "return Call(tuple)", "cannot read 4 x 8 x 8: it returns a tuple, not"),
        ("celu.py", CELU, "return Call(print)", "cannot read 4 x 8 x 8: it returns nothing, not"),
        (
            "celu.py",
            CELU,
            "return Call(lambda x: x.reshape(-1, 8, 8))",
            "cannot read 4 x 8 x 8: it returns 8 rows",
        ),
        ("celu.py", CELU, "return Call(nn.Flatten, 2)", "makes 4 x 64, neither a vector nor a map"),
        ("celu.py", CELU, "return Call(lambda x: x.mean((1, 2, 3)))", "makes one number for each"),
        (
            "celu.py",
            CELU,
            "return Call(lambda x: x.mean((1, 2, 3)), channels=1)",
            "makes one number for each",
        ),
        (
            "celu.py",
            "def call(self, x: Value) -> Call:",
            "def lower(self, net, x):",
            "returns a Call from `lower`",
        ),
        (
            "celu.py",
            CELU,
            f"{CELU}\n\n    def lower(self, net, x):\n        return net.add(nn.CELU(), x)",
            "gives `net.add` something other than a `Call`",
        ),
        ("margin.py", MARGIN, "scores", "returns 4 x 1 numbers from `real_loss`, not one"),
        ("margin.py", MARGIN, "None", "returns nothing from `real_loss`, not a `Tensor`"),
        ("margin.py", MARGIN, "scores.mean() * cfg.gap", "reads `cfg.gap`, and has no field `gap`"),
        ("margin.py", "real_loss(scores, cfg)", "real_loss(scores)", "has a `real_loss(scores)`"),
        (
            "margin.py",
            "    margin:",
            "    goals: ClassVar = 'D up'\n    margin:",
            "has `goals` that",
        ),
        (
            "margin.py",
            "    margin:",
            "    scores: ClassVar = 'logit'\n    margin:",
            "has the `scores`",
        ),
        ("nadam.py", f"return {NADAM}", "return optim.NAdam", "returns a class from `call`"),
        ("nadam.py", "betas=self", "beta=self", "raises TypeError: got an unexpected keyword"),
        ("nadam.py", NADAM, "Call(optim.LBFGS)", "raises TypeError: LBFGS.step() missing"),
        ("drift.py", "labels, cfg)", "cfg)", "has a `"),
        ("standardized.py", "    return module\n", "", "returns nothing from `standardize`, not a"),
    ],
)
def test_what_a_kind_s_code_returns_is_checked(folder, file, old, new, fault):
    mend(file, old, new)
    spec = "copies.yaml" if file == "celu.py" else "mine.yaml"
    said = run("check", spec, status=1)
    assert f" ({file}) {fault}" in said and f"--> {spec}" in said
    assert "cannot read" in fault or ("error[unfit-kind]: " in said and "= help: " in said)


def test_what_code_raises_in_a_training_is_one_line(folder):
    """The try of `check` tells nothing that the stand-ins for a training could have caused."""
    mend("margin.py", MARGIN, "scores.view(8, 1, 1, 1).mean()")
    mend("mine.yaml", "{batch: 8}", "{batch: 4}")
    run("check", "mine.yaml")
    said = run("train", "mine.yaml", "--steps", 1, status=2)
    assert "error: margin.py:10: RuntimeError: shape '[8, 1, 1, 1]' is invalid" in said
    assert said.count("correct the file\n") == 1


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        (
            "celu.py",
            ', kind="celu"',
            "",
            "Celu` has no `kind=`, the name that specs use; write `class",
        ),
        ("celu.py", '"celu"', '"My Layer"', "My Layer` has a name that is not plain; use small"),
        ("celu.py", '"celu"', '"as"', "as` has a word of Python as its name; choose"),
        ("celu.py", "call", "called", "does not define `call` or `lower`; define it, see"),
        (
            "discs.py",
            "    needs_folder: ClassVar = False\n",
            "",
            "does not define `holds`; define it",
        ),
        (
            "celu.py",
            '= "alpha"',
            '= "alhpa"',
            "`primary` 'alhpa', which is no field; its fields are",
        ),
        (
            "celu.py",
            '"activation"',
            '"activations"',
            "`role` 'activations'; it may be `activation`",
        ),
        ("celu.py", "role", "expects", "`expects` 'activation'; it may be `map` or `vector`"),
        ("celu.py", "= 1.0", "= 'many'", "refuses, `alpha: ... = 'many'`: input should be a valid"),
        ("celu.py", "= 1.0", "= -1", "refuses, `alpha: ... = -1`: input should be greater than 0;"),
        (
            "celu.py",
            "Positive = 1.0",
            "list[float] = []",
            "hold `list[float]`; write `tuple[float, ",
        ),
        (
            "celu.py",
            "Positive = 1.0",
            "dict = {}",
            "no spec can hold `dict`; write `dict[str, float]`",
        ),
        (
            "celu.py",
            "    alpha:",
            "    from_: int = 1\n    alpha:",
            "field `from_`, which every layer",
        ),
        (
            "celu.py",
            "    alpha:",
            "    model_config: int = 1\n    alpha:",
            "cannot be a field, since",
        ),
        (
            "celu.py",
            "def call",
            "def __init__(self): pass\n\n    def call",
            "defines `__init__`; write",
        ),
        (
            "margin.py",
            "generator_loss: ClassVar",
            "other: ClassVar",
            "not define `generator_loss`;",
        ),
        (
            "margin.py",
            "real_loss: ClassVar =",
            "def real_loss(self): 0\n    x: ClassVar =",
            "`self`;",
        ),
    ],
)
def test_a_class_is_checked_when_its_file_is_loaded(folder, file, old, new, fault):
    mend(file, old, new)
    said = run("check", "plain.yaml", kinds=[file], status=2)
    assert said.startswith(f"error: {file}:") and fault in said and said.count("\n") == 1


def test_a_base_of_kinds_needs_no_name(folder):
    mend("celu.py", 'Celu(Layer, kind="celu")', "Base(Layer)")
    text = Path("celu.py").read_text()
    Path("celu.py").write_text(f'{text}\n\nclass Own(Base, kind="celu"):\n    """Own."""\n')
    run("check", "copies.yaml")


def test_an_optimizer_of_an_update_of_ones_own_is_tried_and_kept(folder):
    """Kinds in a map with names of your own are no less kinds of the spec."""
    Path("q.yaml").write_text(
        "name: q\ndata: {dataset: {shapes: {count: 32}}, size: 8}\nlatent: {size: 4}\n"
        "condition: {kind: classes, size: 24}\n"
        "generator: {condition: concat, layers: [{project: [3, 8, 8]}, tanh]}\n"
        "discriminator: {layers: [flatten, auxiliary, {linear: 1}]}\n"
        "objective: {loss: non_saturating, auxiliary: 1}\noptimizers: {adam: 0.01}\n"
        "train:\n  batch: 8\n  order: [discriminator, generator, apart]\n"
        "  updates: {apart: {terms: [auxiliary], optimizer: {nadam: 0.1}}}\n"
    )
    run("train", "q.yaml", "--steps", 1, kinds=["nadam.py"])
    assert [path.name for path in Path("runs/q/kinds").iterdir()] == ["nadam.py"]
    said = run("show", "runs/q", kinds=(), status=2)
    assert "needs kinds that are not loaded: add --kinds runs/q/kinds/nadam.py" in said
    mend("nadam.py", f"return {NADAM}", "return optim.NAdam")
    said = run("check", "q.yaml", kinds=["nadam.py"], status=1)
    assert "error[unfit-kind]: nadam (nadam.py) returns a class from `call`" in said
    assert "--> q.yaml:12:" in said


@pytest.mark.parametrize(
    ("returned", "fault"),
    [
        ("3.0", "returned a value of the type float, not a list with a `MetricValue` for each"),
        ("[MetricValue('center', 3.0)]", "returned values of `center`, not of `centre`"),
        ("[MetricValue('centre', fake.mean + missing)]", "raises NameError in line 16: name"),
        ("[MetricValue('centre', self.missing)]", "raises AttributeError in line 16: 'Centre'"),
        ("[MetricValue('centre', fake.labels.flatten()[99])]", None),  # perhaps of more images
        ("[MetricValue('centre', float('nan'))]", None),
    ],
)
def test_a_metric_of_a_spec_is_tried(folder, returned, fault):
    centre(returned)
    Path("plain.yaml").write_text(f"{PLAIN}evaluate: {{metrics: [centre]}}\n")
    said = run("check", "plain.yaml", kinds=["centre.py"], status=1 if fault else 0)
    assert fault is None or f"error[unfit-kind]: centre (centre.py) {fault}" in said
