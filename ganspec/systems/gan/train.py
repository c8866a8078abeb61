"""The section `train` of a GAN: the order and number of updates."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ganspec.language.rules import Rule, RuleError
from ganspec.language.section import Section
from ganspec.language.tree import MapNode, Node
from ganspec.language.types import Count, refusal
from ganspec.systems.schedule import Schedule

STEP_LOSSES = ("d_loss", "g_loss")  # names that a skip rule may read


class Steps(Section):
    """Updates of each network in one iteration."""

    discriminator: Count = Field(1, description="updates of the discriminator, which come first")
    generator: Count = Field(1, description="updates of the generator, each with its own latents")


def _check_rule(text: str | None) -> str | None:
    try:
        if text is not None:
            Rule(text, "rule", "", STEP_LOSSES)
    except RuleError as error:
        raise refusal("bad-rule", str(error), error.help) from error
    return text


RuleText = Annotated[str | None, AfterValidator(_check_rule)]


class Skip(Section):
    """Rules that leave a network out of an iteration: comparisons of `d_loss` and `g_loss`.

    Both losses are measured before either network changes, in the discriminator's own pass.
    """

    generator: RuleText = Field(None, description="rule, such as `g_loss * 1.5 < d_loss`")
    discriminator: RuleText = Field(None, description="rule, such as `d_loss * 2 < g_loss`")


class Warmup(Section):
    """Iterations of the discriminator alone, before the first epoch."""

    iterations: Count = Field(description="number of iterations")
    images: Literal["generator", "pixels"] = Field(
        "generator", description="generated images: the untrained generator's, or random pixels"
    )

    @classmethod
    def opened(cls, node: Node) -> Node:
        """Expand a bare number to `{iterations: number}`."""
        if isinstance(node, MapNode):
            return node
        return node.holding({"iterations": node.as_value()})


class Train(Schedule):
    """The length of a training, its batches, and the order of updates."""

    steps: Steps = Field(Steps(), description="updates of each network in one iteration")
    batches: Literal["fresh", "shared"] = Field(
        "fresh",
        description="a new real batch for each discriminator update, or for each iteration",
    )
    latents: Literal["fresh", "reused"] = Field(
        "fresh",
        description="latents of the generator's updates: new ones, or those of the discriminator's "
        "last update",
    )
    labels: Literal["real", "random"] = Field(
        "real", description="labels of generated images: the real batch's, or random images'"
    )
    updates: Literal["together", "apart"] = Field(
        "together",
        description="the discriminator is updated on real and generated images at once, or on real "
        "ones first and then on generated ones",
    )
    generator_batch: Annotated[int, Field(gt=0, le=65536)] | None = Field(
        None, description="images in a generator update; those of a batch if not given"
    )
    warmup: Warmup | None = Field(None, description="the first iterations: discriminator only")
    skip: Skip = Field(Skip(), description="rules that leave a network out of an iteration")
    average: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None,
        description="decay of a moving average of the generator's weights, such as 0.999, less in "
        "the first steps; the average draws the samples (Yazici et al., 2019, arXiv:1806.04498)",
    )
    conditions: Annotated[str, Field(min_length=1, max_length=1000)] | None = Field(
        None,
        description="a JSON file beside the data set's labels, such as i-CLEVR's `test.json`: "
        "pictures of the training are drawn of the objects that it lists, not of random images'",
    )
    accuracy: bool = Field(
        False,
        description="log the shares of real and generated images that are classified correctly",
    )

    @property
    def condition_file(self) -> str | None:
        return self.conditions

    @property
    def warmup_steps(self) -> int:
        return self.warmup.iterations if self.warmup else 0
