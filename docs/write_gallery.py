"""The gallery of specs: `python docs/write_gallery.py > docs/gallery.md` writes it again.

It also writes the drawings of networks, `images/networks/NAME.svg`. Pictures of samples, and the
words below them, are those of `results.md` and `reports.md`.
"""

from __future__ import annotations

import re
from pathlib import Path

from write_language import anchor

import ganspec
from ganspec.compiler.lower import lower
from ganspec.language.source import parse
from ganspec.program.measure import costs, totals
from ganspec.report.graph_svg import svg
from ganspec.report.markup import markdown_line
from ganspec.systems.spec import Spec

DOCS = Path(__file__).parent
SPECS = sorted((DOCS.parent / "specs").glob("*.yaml"))
PICTURES = {  # by spec, a picture of samples in docs/images; other specs have none
    "acgan_cifar32": "acgan_cifar32_epoch0",
    "cgan_fashion": "cgan_fashion_full_grid",
    "cgan_iclevr": "cgan_iclevr",
    "cgan_iclevr_type2": "cgan_iclevr_type2",
    "classifier_fashion": "classifier_fashion",
    "dcgan": "dcgan_whole",
    "dcgan_cifar32": "dcgan_cifar32_grid",
    "dcgan_cifar64": "dcgan_cifar64_epoch0",
    "dcgan_fashion": "dcgan_fashion_epoch1",
    "dcgan_keras": "dcgan_keras_epoch6",
    "denoising_fashion": "denoising_fashion",
    "denoising_pokemon": "denoising_pokemon",
    "sagan": "sagan_epoch1",
    "vae_fashion": "vae_fashion",
    "wgan_cifar64": "wgan_cifar64_epoch1",
    "wgan_gp": "wgan_gp_whole",
    "wgan_gp_iclevr": "wgan_gp_iclevr",
}
HEAD = """<!-- Made by `python docs/write_gallery.py > docs/gallery.md`; change that. -->
# Gallery

These specs come with ganspec. `ganspec new my.yaml --from NAME` starts a spec of your own from one
of them, `ganspec train specs/NAME.yaml` trains it, and `ganspec show specs/NAME.yaml` prints its
layers. Some need data that you bring ([training](training.md#images)). Samples are from real
trainings; the section linked below each has the command and its conditions. A spec without samples
has a drawing of its networks. The entry of a spec that extends another one lists the main
differences, as the first lines of `ganspec diff` do.
"""
DRAWINGS = DOCS / "images" / "networks"


def picture(name: str) -> str:
    """Return the picture of a spec as Markdown, with a link to the page that explains it.

    A spec without samples has the drawing of its networks.
    """
    if name not in PICTURES:
        return f"![networks of {name}](images/networks/{name}.svg)\n"
    for page in ("results.md", "reports.md"):
        text = (DOCS / page).read_text("utf-8")
        shown = re.search(rf"!\[(.+)\]\(images/{PICTURES[name]}\.png\)", text)
        if shown:
            head = re.findall(r"^##+ (.+)$", text[: shown.start()], re.M)[-1]
            place = f"{page}#{anchor(head)}"
            return f"{shown[0]}\n\n*{shown[1][0].upper()}{shown[1][1:]}: [{page[:-3]}]({place}).*\n"
    raise ValueError(f"no page shows the picture of {name}")


def differences(base: Path, path: Path) -> str:
    """Return the main differences of the spec `path` from `base`, which it extends, as Markdown."""
    lines = "".join(f"- {markdown_line(line)}\n" for line in ganspec.diff(base, path).answer)
    return f"It extends [{base.stem}](#{base.stem}), from which it differs:\n\n{lines}"


def entry(path: Path) -> str:
    """Return the section of one spec."""
    spec = ganspec.load(path)
    assert isinstance(spec, Spec)
    counts = [f"{key} {totals(costs(net))['total']:,}" for key, net in lower(spec).items()]
    text = f"\n## {spec.name}\n\n{spec.doc}. Images {spec.data.shown_shape}; parameters: "
    text += f"{', '.join(counts)}.\n\n"
    text += f"[Spec](../specs/{path.name}), [emitted file](../generated/{spec.name}.py), "
    text += f"[drawing of its networks](images/networks/{spec.name}.svg).\n"
    if base := parse(path.read_text("utf-8")).get("extends"):
        text += f"\n{differences(path.parent / base.value, path)}"
    return f"{text}\n{picture(spec.name)}"


def drawing(path: Path) -> str:
    """Return the SVG file with the networks of one spec."""
    spec = ganspec.load(path)
    return svg(spec, lower(spec))


if __name__ == "__main__":
    print(HEAD + "".join(map(entry, SPECS)), end="")
    DRAWINGS.mkdir(exist_ok=True)
    for path in SPECS:
        (DRAWINGS / f"{path.stem}.svg").write_text(drawing(path), "utf-8")
