"""Output of `ganspec show`: pictures in which nothing overlaps, tables that can be pasted.

Pictures are compared with the files of GOLDEN:
`ganspec show specs/NAME.yaml --graph -o tests/graphs/NAME.svg`, or `--mermaid`, writes them anew.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest
from conftest import ROOT, SPECS
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import ImageFont
from test_properties import specs
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.compiler.lower import lower
from ganspec.language.errors import SpecError
from ganspec.language.load import loads
from ganspec.report.graph import GraphNode, NetworkGraph, folded, graph
from ganspec.report.graph_layout import Drawing, measured
from ganspec.report.graph_mermaid import mermaid
from ganspec.report.graph_pages import paged
from ganspec.report.graph_svg import svg, times
from ganspec.report.table import latex, markdown

GOLDEN = [ROOT / "docs/images/cgan_fashion.svg", *sorted((ROOT / "tests/graphs").iterdir())]
FONT = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
SVG = "{http://www.w3.org/2000/svg}"

ODD = """
name: odd
doc: "Odd: <script>\\"&\\"</script> ]]> --> \\x7f"
vars: {z: 16, ch: 8}
data: {dataset: shapes, size: 32}
condition: {kind: classes, size: 24}
latent: {size: z}
blocks:
  res:
    params: [out]
    layers:
      - residual:
          main: [class_batch_norm, relu, upsample, {conv: out}, class_batch_norm, {conv: out}]
          skip: [upsample, {conv: {out: out, kernel: 1}}]
generator:
  layers:
    - project: [8, 8, 8]
    - res: 8
    - res: 8
    - {repeat: {times: 3, layers: [{residual: [relu, {conv: 8}, relu, {conv: 8}]}]}}
    - conv: 3
    - tanh
discriminator:
  normalization: spectral
  condition: {channel: {embedding: 5}}
  layers:
    - {conv: {out: 8, as: a}}
    - {conv: {out: 8, kernel: 4, stride: 2, as: b}}
    - {conv: {out: 8, kernel: 4, stride: 2, as: c}}
    - {conv: 8}
    - add: c
    - upsample
    - concat: b
    - {conv: 8}
    - upsample
    - concat: a
    - {repeat: {times: 3, layers: [{conv: 16}, relu]}}
    - self_attention
    - sum_pool
    - auxiliary
    - projection
objective: {loss: hinge, auxiliary: 1}
optimizers: {adam: {lr: 1e-3}}
"""


def show(*arguments, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["show", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result.output


@pytest.fixture(scope="module")
def odd():
    spec = loads(ODD)
    return spec, lower(spec)


# -- the graph --------------------------------------------------------------------------------


def unfolded(part: NetworkGraph, layers: Counter, count: int = 1) -> Counter:
    """How often each layer stands in a graph, those of repeated frames counted as often."""
    for node in part.nodes:
        if node.inner:
            unfolded(node.inner, layers, count * node.count)
        elif node.form == "box" and node.tone != "label":
            for line in node.lines:
                layers[line.split()[0].rstrip(",")] += count * node.count
    return layers


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_every_layer_is_a_line(path):
    for net in lower(ganspec.load(path)).values():
        found = unfolded(graph(net), Counter())
        layers = {step.origin.path: step for step in net.leaves() if step.branch != "label"}
        kinds = Counter(s.origin.kind for s in layers.values() if len(s.inputs) == 1)
        assert {kind: found[kind] for kind in kinds} == kinds


def boxes(*reads: tuple[int, ...], shapes: str | None = None) -> list[GraphNode]:
    """Return the nodes of an image, of equal boxes that read so, and of a result."""
    middle = [
        GraphNode("box", ("conv",), r, s) for r, s in zip(reads, shapes or "a" * 99, strict=False)
    ]
    return [GraphNode("source", (), (), "a"), *middle, GraphNode("result", (), (len(reads),), "")]


def test_equal_runs_are_drawn_once():
    nodes = folded(boxes((0,), (1,), (2,)))
    assert [(n.form, n.count, n.reads) for n in nodes] == [
        ("source", 1, ()),
        ("box", 3, (0,)),
        ("result", 1, (1,)),
    ]
    # residual after residual: two nodes each
    join = GraphNode("join", ("+",), (1, 0), "a")
    twice = [*boxes((0,))[:2], join, *boxes((2,))[1:2], GraphNode("join", ("+",), (3, 2), "a")]
    nodes = folded([*twice, GraphNode("result", (), (4,), "")])
    assert [(n.form, n.count, n.reads) for n in nodes][1:] == [
        ("frame", 2, (0,)),
        ("result", 1, (1,)),
    ]
    assert [n.reads for n in nodes[1].inner.nodes] == [(), (0,), (1, 0), (2,)]


@pytest.mark.parametrize(
    "nodes",
    [
        boxes((0,), (1,), shapes="ab"),  # another shape goes in
        boxes((0,), (1,), shapes="bb"),
        boxes((0,), (0,)),  # side by side
        [
            *boxes((0,), (1,))[:3],
            GraphNode("join", ("+",), (2, 1), "a"),
            GraphNode("result", (), (3,), ""),
        ],
    ],
)
def test_what_differs_or_is_read_from_outside_is_not_folded(nodes):
    assert folded(nodes) == nodes


# -- the picture ------------------------------------------------------------------------------


def rectangles(drawing: Drawing, x: float = 0, y: float = 0):
    """Every visible node's edges, frames opened: (left, top, right, bottom, node)."""
    for place in drawing.places:
        left, top = x + place.x - place.left, y + place.y
        if place.inner:
            inner = place.inner
            yield from rectangles(inner, x + place.x - inner.x, top + place.height - inner.height)
        if place.node.lines or place.inner:
            right = x + place.x + place.right
            yield left, top, right, top + place.height, place.node


def check_drawing(drawing: Drawing) -> None:
    """Nothing lies over anything else, or outside; wires meet the boxes that they join."""
    found = list(rectangles(drawing))
    for left, top, right, bottom, node in found:
        assert -0.1 <= left < right <= drawing.width + 0.1, node
        assert -0.1 <= top < bottom <= drawing.height + 0.1, node
    solid = [r for r in found if r[4].form != "frame"]
    for i, (left, top, right, bottom, _) in enumerate(solid):
        for other in solid[i + 1 :]:
            apart = other[0] >= right or other[2] <= left or other[1] >= bottom or other[3] <= top
            assert apart, (solid[i], other)
    for wire in drawing.wires:
        for (x1, y1), (x2, y2) in pairwise(wire.points):
            assert x1 == x2 or y1 == y2
            assert y2 >= y1 or not wire.is_arrow  # a page's next column starts above


def crossings(drawing: Drawing):
    """Boxes of the outer graph that a wire runs through."""
    for wire in drawing.wires:
        for (x1, y1), (x2, y2) in pairwise(wire.points):
            for place in drawing.places:
                left, right = place.x - place.left + 1, place.x + place.right - 1
                beside = max(x1, x2) <= left or min(x1, x2) >= right
                above = max(y1, y2) <= place.y + 1 or min(y1, y2) >= place.bottom - 1
                if place.node.lines and not beside and not above:
                    yield wire, place.node


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_pictures_of_the_specs_hold_together(path):
    spec = ganspec.load(path)
    nets = lower(spec)
    for net in nets.values():
        drawing = paged(graph(net), 1100)
        check_drawing(drawing)
        assert not list(crossings(drawing))
    check_svg(svg(spec, nets))


def test_an_odd_picture_holds_together(odd):
    for net in odd[1].values():
        for limit in (400, 700, 5000):
            drawing = paged(graph(net), limit)
            check_drawing(drawing)
            assert not list(crossings(drawing))
    check_svg(svg(*odd))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(specs())
def test_random_pictures_hold_together(data):
    spec = None
    try:
        spec = loads(json.dumps({**data, "data": {**data["data"], "size": 16}}))
        nets = lower(spec)
    except SpecError as error:
        assume(spec is not None and {d.code for d in error.diagnostics} <= {"image-mismatch"})
        return
    for net in nets.values():
        check_drawing(paged(graph(net), 600))
    check_svg(svg(spec, nets))


def check_svg(text: str) -> None:
    """Demand XML whose parts lie inside the picture, and lines narrower than their boxes."""
    root = ElementTree.fromstring(text)
    width, height = float(root.get("width")), float(root.get("height"))
    font = ImageFont.truetype(FONT, 100)
    for part in root.iter(f"{SVG}text"):
        size = {"name": 14, "shape": 10}.get(part.get("class"), 11)
        long = font.getlength(part.text or "") * size / 100
        x = float(part.get("x"))
        ends = {
            "middle": (x - long / 2, x + long / 2),
            "start": (x, x + long),
            "end": (x - long, x),
        }
        left, right = ends[part.get("text-anchor")]
        assert left >= 0 and right <= width and 0 < float(part.get("y")) < height, part.text


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_no_line_runs_through_a_shape(path):
    spec = ganspec.load(path)
    for net in lower(spec).values():
        drawing = paged(graph(net), 1100)
        parts = [part for wire in drawing.wires for part in pairwise(wire.points)]
        for left, y, text in drawing.shapes:
            for (ax, ay), (bx, by) in parts:
                beside = max(ax, bx) <= left or min(ax, bx) >= left + measured(text)
                assert beside or max(ay, by) <= y - 9 or min(ay, by) >= y, text


@pytest.mark.parametrize("path", GOLDEN, ids=lambda p: p.name)
def test_pictures_are_as_they_were_looked_at(path):
    spec = ganspec.load(ROOT / f"specs/{path.stem}.yaml")
    form = {".svg": svg, ".mmd": mermaid}[path.suffix]
    assert form(spec, lower(spec)) == path.read_text("utf-8")


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_letters_take_no_more_room_than_measured(text):
    assert ImageFont.truetype(FONT, 100).getlength(text) / 100 <= measured(text, 1) + 1e-6


def test_a_pictures_title_is_text(odd):
    title = ElementTree.fromstring(svg(*odd)).find(f"{SVG}title").text
    assert title == 'odd: Odd: <script>"&"</script> ]]> --> \\x7f'


# -- Mermaid ----------------------------------------------------------------------------------

NODE = re.compile(r'([a-z0-9_]+)(?:\["[^"<>]*(?:<br/>[^"<>]*)*"\]|\(\["[^"<>]*"\]\)):::([a-z]+)')
ARROW = re.compile(r'([a-z0-9_]+) -->(?:\|"[^"<>]*"\|)? ([a-z0-9_]+)')


def check_mermaid(text: str) -> None:
    """Every statement is one that is known, every arrow leads between nodes, frames are closed."""
    head, chart, *lines = text.splitlines()
    assert head.startswith("%% Written by ganspec") and chart == "flowchart TB"
    nodes, arrows, depth = set(), [], 0
    for line in map(str.strip, lines):
        if found := NODE.fullmatch(line):
            assert found[1] not in nodes
            nodes.add(found[1])
        elif found := ARROW.fullmatch(line):
            arrows += found.groups()
        elif re.fullmatch(r'subgraph [a-z0-9_]+ \["[^"<>]+"\]', line):
            depth += 1
        elif line == "end":
            depth -= 1
        else:
            assert line.startswith(("classDef ", "direction TB")), line
    assert depth == 0 and set(arrows) == nodes


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_flowcharts_of_the_specs(path):
    spec = ganspec.load(path)
    check_mermaid(mermaid(spec, lower(spec)))


def test_an_odd_flowchart(odd):
    check_mermaid(mermaid(*odd))


# -- tables -----------------------------------------------------------------------------------


def test_tables_have_a_row_for_the_label(odd):
    text = show(ROOT / "specs/cgan_fashion.yaml")
    assert len(re.findall(r"^  label +1 of 10$", text, re.M)) == 2
    assert "label" not in show(ROOT / "specs/dcgan.yaml")
    assert len(re.findall(r"^label & 24 &", latex_of("cgan_iclevr"), re.M)) == 2


def latex_of(name: str) -> str:
    spec = ganspec.load(ROOT / f"specs/{name}.yaml")
    return re.sub("^ +", "", latex(spec, lower(spec)), flags=re.M)


def test_latex_is_rows_of_equal_length(odd):
    for text in (latex(*odd), latex(*odd, receptive=True)):
        assert text.count(r"\begin{") == text.count(r"\end{")
        for part in text.split(r"\begin{tabular}")[1:]:
            columns = len(re.match(r"\{@\{\}([lr]+)@\{\}\}", part)[1])
            rows = re.findall(r"^    (.*) \\\\$", part, re.M)
            assert rows and {row.count("&") for row in rows} == {columns - 1}
            # nothing of the text is LaTeX's own
            assert not re.search(r"(?<!\\)[_#%{}^~]", "".join(rows).replace(r"$\times$", ""))
    assert r"8$\times$32$\times$32" in text and r"class\_batch\_norm" in text


def test_markdown_is_rows_of_equal_length(odd):
    for text in (markdown(*odd), markdown(*odd, receptive=True)):
        for block in re.findall(r"(?:^\|.*\n)+", text, re.M):
            assert len({line.count("|") for line in block.splitlines()}) == 1
    assert "| conv 4 x 4, stride 2, spectral | 8 x 16 x 16 |" in text


def test_receptive_fields_are_columns():
    text = show(ROOT / "specs/cgan_fashion.yaml", "--receptive-field")
    assert re.search(r"^  conv\* +128 x 7 x 7 +147,584 +7,225,344 +7 x 7 +4 +46$", text, re.M)
    assert re.search(r"^  linear\* +1 +6,273 +6,272 +28 x 28 +51$", text, re.M)
    assert text.count("receptive field") == 1  # the generator reads no image
    shown = json.loads(show(ROOT / "specs/cgan_fashion.yaml", "--json"))["networks"]
    assert shown["generator"]["receptive_field"] is None
    assert shown["discriminator"]["receptive_field"] == [28, 28]
    conv = shown["discriminator"]["layers"][3]
    assert (conv["receptive_field"], conv["jump"]) == ([7, 7], [4.0, 4.0])


# -- the command ------------------------------------------------------------------------------


def test_a_picture_is_a_file_that_is_not_written_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dcgan = ROOT / "specs/dcgan.yaml"
    assert show(dcgan, "--graph") == "dcgan.svg written\n"
    assert show(dcgan, "--graph", "--set=vars.ch=8") == "dcgan.svg written\n"
    drawn = Path("dcgan.svg").read_text("utf-8")
    assert "512" not in drawn and show(dcgan, "--graph", "-o-", "--set=vars.ch=8") == drawn
    Path("dcgan.svg").write_text(drawn.replace("#fff", "#eee"))
    assert "is not as ganspec wrote it" in show(dcgan, "--graph", status=2)
    assert "#eee" in Path("dcgan.svg").read_text()
    show(dcgan, "--graph", "--overwrite")
    assert "#eee" not in Path("dcgan.svg").read_text()


@pytest.mark.parametrize(
    ("form", "name"), [("--mermaid", "out.mmd"), ("--latex", "out.tex"), ("--markdown", "out.md")]
)
def test_other_forms_are_printed_or_written(form, name, tmp_path):
    dcgan, target = ROOT / "specs/dcgan.yaml", tmp_path / name
    printed = show(dcgan, form)
    assert show(dcgan, form, "-o", target) == f"{target} written\n"
    assert target.read_text("utf-8") == printed
    assert show(dcgan, form, "-o", target) == f"{target} written\n"  # its own may be replaced
    assert show(dcgan, "-o", target) == f"{target} written\n"  # the ending names the form
    assert target.read_text("utf-8") == printed


@pytest.mark.parametrize("name", ["out.txt", "out.json"])
def test_a_form_without_a_checksum_is_not_called_edited(name, tmp_path):
    dcgan, target = ROOT / "specs/dcgan.yaml", tmp_path / name
    assert show(dcgan, "-o", target) == f"{target} written\n"
    assert target.read_text("utf-8").endswith("\n")
    assert f"error: {target} exists; add --overwrite" in show(dcgan, "-o", target, status=2)
    assert show(dcgan, "-o", target, "--overwrite") == f"{target} written\n"


def test_forms_that_do_not_go_together_are_refused():
    dcgan = ROOT / "specs/dcgan.yaml"
    assert "choose one" in show(dcgan, "--graph", "--json", status=2)
    assert "adds columns to tables" in show(dcgan, "--graph", "--receptive-field", status=2)


def test_the_sign_of_multiplication_stands_between_numbers():
    assert times("4 x 4 x 4") == "4 \N{MULTIPLICATION SIGN} 4 \N{MULTIPLICATION SIGN} 4"
    assert times("max_pool x") == "max_pool \N{MULTIPLICATION SIGN}" and times("x") != "x"
