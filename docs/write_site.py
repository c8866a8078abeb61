"""The pages of the documentation's site: `python docs/write_site.py FOLDER` writes them.

FOLDER is deleted first. The pages are those of docs/, and the README, CONTRIBUTING and the
changelog; files and folders that they link to, such as specs, become pages, too.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from os.path import relpath
from pathlib import Path, PurePosixPath

import ganspec
from ganspec.comparison.compare import compare
from ganspec.compiler.lower import lower
from ganspec.language.source import parse
from ganspec.report.diff_markdown import render
from ganspec.report.graph_svg import svg
from ganspec.systems.spec import Spec

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
COMMENT = re.compile(r"^<!-- (?:file: (?P<file>\S+) -->\n(?P<fence>```\w+)|.*?-->)\n", re.M | re.S)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(#[^)]*)?\)")
LANGUAGES = {".py": "python", ".yaml": "yaml", ".toml": "toml", ".txt": "text"}
TOP = {  # the paths of pages in the site, by their paths in the repository
    "README.md": "overview.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}


class Site:
    """The pages in a folder, and the pages that are still to be written."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.waiting: list[str] = []
        self.pages: dict[str, str] = {}  # in the site, by their paths in the repository

    def write(self) -> None:
        """Write the pages of docs/ and TOP, and all that they link to, directly or not."""
        for path in [*TOP, *(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))]:
            if path != "docs/language.in.md":
                self.place(path)
        while self.waiting:
            path = self.waiting.pop()
            target = self.folder / self.pages[path]
            target.parent.mkdir(parents=True, exist_ok=True)
            source = ROOT / path
            if target.suffix == ".md":
                target.write_text(self.text(path), "utf-8")
            else:
                shutil.copy(source, target)

    def place(self, path: str) -> str:
        """Return the place in the site of a file or folder, which is written later."""
        if path not in self.pages:
            self.pages[path] = place_of(path)
            self.waiting.append(path)
        return self.pages[path]

    def text(self, path: str) -> str:
        """Return the page of a file or folder as Markdown."""
        source = ROOT / path
        if source.suffix == ".md":
            return outside_fences(titled(source.read_text("utf-8")), lambda t: self.linked(t, path))
        if source.is_dir():
            return self.linked(listing(source), path)
        head = f"# `{path}`\n\n"
        if source.parent == ROOT / "specs":
            head += self.linked(self.spec_head(source), path)
        return (
            f"{head}````{LANGUAGES.get(source.suffix, 'text')}\n{source.read_text('utf-8')}````\n"
        )

    def spec_head(self, source: Path) -> str:
        """Return the beginning of a spec's page. Draw its networks in a file beside the page."""
        spec = ganspec.load(source)
        assert isinstance(spec, Spec)
        drawn = self.folder / "files" / "specs" / f"{spec.name}.svg"
        drawn.parent.mkdir(parents=True, exist_ok=True)
        drawn.write_text(svg(spec, lower(spec)), "utf-8")
        emitted = f"[What it becomes](../generated/{spec.name}.py), [gallery](../docs/gallery.md)"
        head = f"{spec.doc}. {emitted}.\n\n![networks of {spec.name}]({spec.name}.svg)\n\n"
        if base := parse(source.read_text("utf-8")).get("extends"):
            difference = render(compare(ganspec.load(source.parent / base.value), spec))
            head += f"It extends [{base.value}]({base.value}):\n\n{difference}\n\n## The spec\n\n"
        return head

    def linked(self, text: str, path: str) -> str:
        """Return a text of `path` whose links lead to places in the site."""
        here = PurePosixPath(self.pages[path]).parent

        def replaced(link: re.Match) -> str:
            target = relpath((ROOT / path).parent / link[1], ROOT)
            if not (ROOT / target).exists():  # a picture that is drawn for the site
                return link[0]
            return f"]({relpath(self.place(target), here)}{link[2] or ''})"

        return LINK.sub(replaced, text)


def place_of(path: str) -> str:
    """Return the place in the site of a file or folder of the repository."""
    if path in TOP:
        return TOP[path]
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    path = path.replace("/.", "/").removeprefix(".")  # sites leave hidden files out
    if (ROOT / path).is_dir():
        return f"files/{path}/index.md"
    return f"files/{path}" if path.endswith(".json") else f"files/{path}.md"


def listing(folder: Path) -> str:
    """Return a page of links to the files of a folder whose suffixes are in LANGUAGES."""
    files = sorted(f for f in folder.iterdir() if f.is_file() and f.suffix in LANGUAGES)
    links = (f"- [{file.name}]({folder.name}/{file.name})\n" for file in files)
    return f"# `{folder.relative_to(ROOT)}`\n\n{''.join(links)}"


def titled(text: str) -> str:
    """Return a page without comments. A comment that names a block's file becomes its title."""
    return COMMENT.sub(lambda m: f'{m["fence"]} title="{m["file"]}"\n' if m["file"] else "", text)


def outside_fences(text: str, change: Callable[[str], str]) -> str:
    """Return `text` with `change` applied to everything but blocks of code."""
    parts, end = [], 0
    for fence in FENCE.finditer(text):
        parts += [change(text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, change(text[end:])])


if __name__ == "__main__":
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    Site(Path(sys.argv[1])).write()
