"""The gallery of specs: `python docs/write_gallery.py > docs/gallery.md` writes it again.

Pictures are those that the other pages show, with their words.
"""

from __future__ import annotations

import re
from pathlib import Path

import ganspec
from ganspec.compiler.lower import lower
from ganspec.language.source import parse
from ganspec.program.measure import costs, totals
from ganspec.systems.spec import Spec

DOCS = Path(__file__).parent
SPECS = sorted((DOCS.parent / "specs").glob("*.yaml"))
PICTURES = {  # of each spec, the one that shows most; others have none yet
    "cgan_fashion": "cgan_fashion_full_grid",
    "cgan_iclevr": "cgan_iclevr",
    "cgan_iclevr_type2": "cgan_iclevr_type2",
    "classifier_fashion": "classifier_fashion",
    "dcgan_cifar32": "dcgan_cifar32_grid",
    "dcgan_keras": "dcgan_keras",
    "denoising_fashion": "denoising_fashion",
    "vae_fashion": "vae_fashion",
    "wgan_gp_iclevr": "wgan_gp_iclevr",
}
HEAD = """<!-- Made by `python docs/write_gallery.py > docs/gallery.md`; change that. -->
# Gallery

The specs that come with ganspec. `ganspec new --from NAME` starts a spec of your own from one of
them, `ganspec train specs/NAME.yaml` trains it, and `ganspec show specs/NAME.yaml` prints its
layers. Pictures are samples of trainings; the page beside each has the command and its conditions.
"""


def picture(name: str) -> str:
    """Return the picture of a spec as Markdown, with a link to the page that explains it."""
    for page in ("results.md", "reports.md"):
        shown = re.search(rf"!\[(.+)\]\(images/{PICTURES[name]}\.png\)", (DOCS / page).read_text())
        if shown:
            return f"{shown[0]}\n\n*{shown[1][0].upper()}{shown[1][1:]}: [{page[:-3]}]({page}).*\n"
    raise ValueError(f"no page shows the picture of {name}")


def entry(path: Path) -> str:
    """Return the section of one spec."""
    spec = ganspec.load(path)
    assert isinstance(spec, Spec)
    counts = [f"{key} {totals(costs(net))['total']:,}" for key, net in lower(spec).items()]
    text = f"\n## {spec.name}\n\n{spec.doc}. Images {spec.data.shown_shape}; parameters: "
    text += f"{', '.join(counts)}.\n\n"
    text += f"[Spec](../specs/{path.name}), [what it becomes](../generated/{spec.name}.py)"
    if base := parse(path.read_text("utf-8")).get("extends"):
        name = Path(base.value).stem
        text += f"; it extends [{name}](#{name})"
    text += ".\n"
    return text + (f"\n{picture(spec.name)}" if spec.name in PICTURES else "")


if __name__ == "__main__":
    print(HEAD + "".join(map(entry, SPECS)), end="")
