"""The documentation's site, as it is built: its links, its blocks, and how a browser shows it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "docs"))
from write_gallery import DRAWINGS, HEAD, SPECS, drawing, entry
from write_site import Site, titled

pytest.importorskip("zensical")
LOADED = {"link": "href", "script": "src", "img": "src", "source": "src", "iframe": "src"}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    Site(folder / "build" / "pages").write()
    shutil.copy(ROOT / "mkdocs.yml", folder)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "-f", folder / "mkdocs.yml"]
    built = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert built.returncode == 0, built.stdout + built.stderr
    assert "No issues found" in built.stdout + built.stderr
    return folder / "build" / "site"


class PageLinks(HTMLParser):
    """The anchors of a page, the links that a reader may follow, and what the page loads."""

    def __init__(self, path: Path):
        super().__init__()
        self.anchors, self.links, self.loads = set(), [], []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors |= {found[name] for name in ("id", "name") if found.get(name)}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in LOADED and found.get("rel") != "canonical" and LOADED[tag] in found:
            self.loads.append(found[LOADED[tag]])


def dead(site: Path) -> list[str]:
    """Return the links of the site's pages that lead to no file or anchor, and loads from afar."""
    pages = {path: PageLinks(path) for path in site.rglob("*.html") if path.name != "404.html"}
    found = []
    for path, page in pages.items():
        for url in [*page.links, *page.loads]:
            parts = urlsplit(url)
            if parts.scheme in ("http", "https", "data") or parts.netloc:
                if url in page.loads and parts.scheme != "data":
                    found.append(f"{path.name} loads {url}")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchors = pages[target].anchors if target in pages else set()
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in anchors):
                found.append(f"{path.relative_to(site)}: {url}")
    return found


def test_no_link_is_dead_and_nothing_is_loaded_from_afar(site):
    assert len(list(site.rglob("*.html"))) > 100
    assert dead(site) == []


def test_dead_links_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="b.html#there">1</a> <a href="b.html#gone">2</a> <a href="c.html">3</a>'
        '<script src="https://example.com/x.js"></script> <a href="https://example.com">4</a>'
    )
    (tmp_path / "b.html").write_text('<h1 id="there">B</h1>')
    found = ["a.html: b.html#gone", "a.html: c.html", "a.html loads https://example.com/x.js"]
    assert dead(tmp_path) == found


def test_every_page_is_in_the_navigation():
    """A page that no entry leads to is found by search alone."""
    written = {page.name for page in (ROOT / "docs").glob("*.md")} - {"language.in.md"}
    listed = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert [name for name in sorted(written) if f": {name}" not in listed] == []


def test_names_of_files_are_shown():
    text = "<!-- Made by X;\nnot Y. -->\n<!-- file: a.yaml -->\n```yaml\nname: a\n```\n"
    assert titled(text) == '```yaml title="a.yaml"\nname: a\n```\n'


def test_the_gallery_is_fresh():
    written = (ROOT / "docs" / "gallery.md").read_text("utf-8")
    fresh = HEAD + "".join(map(entry, SPECS))
    drawn = {path.name: path.read_text("utf-8") for path in DRAWINGS.iterdir()}
    same = written == fresh and drawn == {f"{path.stem}.svg": drawing(path) for path in SPECS}
    assert same, "run python docs/write_gallery.py > docs/gallery.md"


class QuietHandler(SimpleHTTPRequestHandler):
    """Serve files without a log."""

    def log_message(self, *_):
        pass


@pytest.fixture
def address(site):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(site)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("look", [(1400, False), (1400, True), (390, False)])
def test_the_site_fits_every_window_and_asks_no_other_site(browser, address, look):
    for name in ("index", "gallery", "language", "files/specs/dcgan.yaml"):
        page = browser.open(f"{address}/{name}.html", *look)
        assert page.overflow() <= 0
        assert page.complaints() == []
        assert [url for url in page.requests() if not url.startswith(address)] == []
        ground = page.run("return getComputedStyle(document.body).backgroundColor")
        assert (max(map(int, re.findall(r"\d+", ground)[:3])) < 100) is look[1]
