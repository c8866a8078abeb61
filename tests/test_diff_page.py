"""The page of `ganspec diff`: its contents, and how a real browser shows it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import product

import pytest
from conftest import ROOT
from test_errors import BASE

import ganspec
from ganspec.comparison.compare import compare
from ganspec.comparison.edits import Keep, Move
from ganspec.language.load import loads
from ganspec.report.diff_html import CONTEXT, FOLDED, NetworkView, render

PAIRS = [
    ("cgan_iclevr", "wgan_gp_iclevr"),
    ("dcgan_keras", "sagan"),
    ("classifier_fashion", "classifier_iclevr"),
    ("denoising_fashion", "dcgan_fashion"),
]
LOOKS = list(product((1400, 700), (False, True)))
VOID = {"meta", "link", "br", "img"}
MOVED = BASE.replace("    - relu\n", "").replace("    - tanh\n", "    - relu\n    - tanh\n")


class Document(HTMLParser):
    """The elements of a page, its texts, and whether its tags are in order."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.texts = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(" ".join(text.split()))

    def values(self, name):
        return [given[name] for _, given in self.elements if name in given]


def compared(a, b):
    """Return the comparison of two of the reports' specs."""
    specs = [ganspec.load(ROOT / "specs" / f"{name}.yaml") for name in (a, b)]
    return compare(*specs, (a, b))


def moved():
    """Return the comparison of two networks of which a layer has moved."""
    return compare(loads(BASE), loads(MOVED), ("before", "after"))


# -- what stands in it ------------------------------------------------------------------------


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_everything_is_in_the_page(a, b):
    comparison = compared(a, b)
    page = Document(render(comparison))
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.values("href") if link.startswith("#")} <= set(ids)
    text = " ".join(page.texts)
    for network in comparison.networks:
        for edit in network.edits:
            for side, layer in (("a", edit.a), ("b", edit.b)):
                assert layer is None or f"{network.name}-{side}{layer.number}" in ids
                assert layer is None or " ".join(layer.text.split()) in text
    for change in (change for section in comparison.sections for change in section.changes):
        for value in (change.before, change.after):
            assert value is None or " ".join(value.split()) in text
    for finding in comparison.answer:
        assert finding.replace(" -> ", " → ") in text


def test_both_ends_of_a_move_are_linked():
    comparison = moved()
    (move,) = (e for n in comparison.networks for e in n.edits if isinstance(e, Move))
    elements = Document(render(comparison)).elements
    ends, cell = {}, None
    for tag, given in elements:
        cell = given.get("id") if tag == "td" else cell
        if given.get("class") == "moved":
            ends[cell] = given["href"]
    a, b = f"generator-a{move.a.number}", f"generator-b{move.b.number}"
    assert ends == {a: f"#{b}", b: f"#{a}"}


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_only_equal_layers_away_from_changes_are_folded(a, b):
    for network in map(NetworkView, compared(a, b).networks):
        edits = [line.edit for stretch in network.stretches for line in stretch.lines]
        assert edits == [row.edit for row in network.diff.rows()]
        shown = [i for i, edit in enumerate(edits) if not isinstance(edit, Keep)]
        position = 0
        for stretch in network.stretches:
            numbers = range(position, position + len(stretch.lines))
            position += len(stretch.lines)
            near = any(abs(i - j) <= CONTEXT for i in numbers for j in shown)
            assert stretch.is_folded == (not near and len(stretch.lines) >= FOLDED)


NASTY = "</title></style><script>window.taken = 1</script><img src=x onerror='window.taken = 1'>"


def nasty():
    """Two specs and titles that would like to be markup."""
    doc = f'doc: "{NASTY}"\n'
    a = loads(doc + BASE.replace("hinge", "wasserstein"))
    report = f'report: {{scores: [{{metric: fid, value: 1, note: "{NASTY}"}}]}}\n'
    return compare(a, loads(report + BASE), (NASTY, f"{NASTY}.yaml"))


def test_no_text_is_markup():
    page = Document(render(nasty()))
    tags = [tag for tag, _ in page.elements]
    assert "img" not in tags
    assert tags.count("script") == 1  # the page's own, which is empty
    assert NASTY in " ".join(page.texts)


def test_a_page_names_nothing_outside():
    for text in (render(compared(*PAIRS[0])), render(nasty())):
        policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
        assert policy.startswith("default-src 'none'")
        names = [value for _, given in Document(text).elements for value in given.values()]
        assert not [name for name in names if name and re.match(r"(https?:)?//", name)]
        assert not re.search(r"@import|url\(", text)


# -- in a browser -----------------------------------------------------------------------------


def opened(browser, comparison, folder, *look):
    path = folder / "page.html"
    path.write_text(render(comparison), "utf-8")
    return browser.open(path, *look)


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_pages_look_right_in_every_look(browser, tmp_path, a, b):
    comparison = compared(a, b)
    for look in LOOKS:
        page = opened(browser, comparison, tmp_path, *look)
        assert page.complaints() == []
        assert page.requests() == []
        assert page.overflow() <= 0
        assert page.unreadable() == []


def test_long_names_stay_in_a_narrow_window(browser, tmp_path):
    path = f"/home/{'someone_with_a_long_name' * 4}/dcgan.yaml"
    spec = loads(BASE)
    page = opened(browser, compare(spec, loads(MOVED), (path, path)), tmp_path, 420)
    assert page.overflow() <= 0


def test_equal_layers_may_part_between_printed_pages(browser, tmp_path):
    page = opened(browser, compared("cgan_iclevr", "wgan_gp_iclevr"), tmp_path)
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    script = "return getComputedStyle(document.querySelector('.fold > tr')).breakInside"
    assert page.run(script) == "auto"
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_signs_and_words_say_what_colours_do(browser, tmp_path):
    page = opened(browser, compared("dcgan_keras", "sagan"), tmp_path)
    for word, sign in (("insert", "+"), ("remove", "-")):
        rows = page.find(f"tr.{word}")
        assert rows
        for row in rows:
            assert [s.text for s in row.find_elements("css selector", ".sign")] == [sign]
    assert set(page.texts("tr.keep .sign")) == {""}


def test_columns_stand_beside_each_other_or_below(browser, tmp_path):
    comparison = compared("cgan_iclevr", "wgan_gp_iclevr")
    script = "return [...document.querySelectorAll('tr.update .side')].slice(0, 2)\
        .map(e => e.getBoundingClientRect()).map(r => [r.left, r.top])"
    (left, top), (right, same) = opened(browser, comparison, tmp_path, 1400).run(script)
    assert left < right and top == same
    (left, above), (also, below) = opened(browser, comparison, tmp_path, 700).run(script)
    assert left == also and above < below


def test_a_moved_layers_link_leads_to_its_other_place(browser, tmp_path):
    page = opened(browser, moved(), tmp_path, 700)
    for _ in range(2):  # there and back
        (link,) = page.find(".moved:not(:target *)")[:1]
        target = link.get_attribute("href").partition("#")[2]
        link.click()
        assert page.run("return document.querySelector(':target').id") == target
        assert page.run("return location.hash") == f"#{target}"
    assert "moved from" in " ".join(page.texts(".moved"))


def test_equal_layers_open_at_a_click(browser, tmp_path):
    page = opened(browser, compared("cgan_iclevr", "wgan_gp_iclevr"), tmp_path)
    (summary,) = page.find("summary")
    hidden = page.find("details .layer")[0]
    assert summary.text == "16 equal layers" and not hidden.is_displayed()
    summary.click()
    assert hidden.is_displayed()


def test_text_of_a_spec_does_nothing(browser, tmp_path):
    page = opened(browser, nasty(), tmp_path)
    assert page.run("return window.taken === undefined")
    assert page.complaints() == [] and page.requests() == []


# what each of the browser's checks is for, and a page that fails it
BAD = {
    "complaints": "<script>console.error('no')</script>",
    "requests": "<img src='http://example.invalid/a.png'>",
    "overflow": "<div style='width: 3000px'>wide</div>",
    "unreadable": "<p style='color: #999; background: #fff'>faint</p>",
}


@pytest.mark.parametrize("check", BAD)
def test_the_browser_sees_what_is_wrong(browser, tmp_path, check):
    (tmp_path / "bad.html").write_text(f"<!doctype html><body>{BAD[check]}")
    found = getattr(browser.open(tmp_path / "bad.html"), check)()
    assert found > 0 if check == "overflow" else found


def test_the_policy_stops_what_slips_through(browser, tmp_path):
    text = render(compared("dcgan", "wgan_gp"))
    slipped = "<script>window.taken = 1</script><img src='http://example.invalid/a.png'>"
    (tmp_path / "page.html").write_text(text.replace("</main>", f"{slipped}</main>"), "utf-8")
    page = browser.open(tmp_path / "page.html")
    assert page.run("return window.taken === undefined")
    assert len(page.complaints()) == 2
