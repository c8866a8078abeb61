"""The conditions of a score that a spec can set, for measured and for claimed scores alike."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from ganspec.language.types import Count

Split: TypeAlias = Literal["train", "test", "all"]
Resize: TypeAlias = Literal["tensorflow1", "bilinear"]
References: TypeAlias = Count | Literal["equal"]

PROTOCOL = ("images", "references", "split", "resize")  # names of the fields below

ImagesField = Annotated[Count | None, Field(description="number of scored images")]
ReferencesField = Annotated[
    References | None,
    Field(
        description="number of real images that scored ones are compared with, drawn at random; "
        "`equal` for as many as are scored"
    ),
]
SplitField = Annotated[
    Split | None,
    Field(description="real images that scored ones are compared with; `all` for both splits"),
]
ResizeField = Annotated[
    Resize | None,
    Field(
        description="resizing for InceptionV3: `tensorflow1`, as by the FID's authors and "
        "torch-fidelity, or `bilinear`, as by pytorch-fid"
    ),
]
