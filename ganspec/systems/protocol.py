"""The conditions of a score that a spec can set, for measured and for claimed scores alike."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from ganspec.language.section import Section
from ganspec.language.types import Count

Split: TypeAlias = Literal["train", "test", "all"]
Resize: TypeAlias = Literal["tensorflow1", "bilinear"]
References: TypeAlias = Count | Literal["equal"]


class Protocol(Section):
    """The conditions of a score; each that is not given is open."""

    images: Count | None = Field(None, description="number of scored images")
    references: References | None = Field(
        None,
        description="number of real images that they are compared with, drawn at random; `equal` "
        "for as many as are scored",
    )
    split: Split | None = Field(
        None, description="the real images that they are compared with; `all` for both splits"
    )
    resize: Resize | None = Field(
        None,
        description="resizing for InceptionV3: `tensorflow1`, as by the FID's authors and "
        "torch-fidelity, or `bilinear`, as by pytorch-fid",
    )
