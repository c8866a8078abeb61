"""The section `train` of a GAN: the order and number of updates."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from ganspec.kinds.optimizer import Optimizer
from ganspec.language.rules import Rule, RuleError
from ganspec.language.section import Section
from ganspec.language.tree import MapNode, Node
from ganspec.language.types import Count, refusal
from ganspec.systems.gan.step import count_steps
from ganspec.systems.schedule import KEEPING, Schedule

STEP_LOSSES = ("d_loss", "g_loss")  # names that a skip rule may use
HALVES = ("real", "fake")  # updates of the discriminator on real, and on generated images
BUILT_IN = ("discriminator", *HALVES, "generator")


class Steps(Section):
    """Updates of each network in one iteration."""

    discriminator: Count = Field(1, description="updates of the discriminator")
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

    A network whose rule is true is not updated. Both losses are those before the discriminator's
    update: `d_loss` has all its terms, `g_loss` only that of `loss`.
    """

    generator: RuleText = Field(None, description="rule, such as `g_loss * 1.5 < d_loss`")
    discriminator: RuleText = Field(None, description="rule, such as `d_loss * 2 < g_loss`")


class Warmup(Section):
    """Iterations of the discriminator alone, before the first epoch."""

    iterations: Count = Field(description="number of iterations")
    images: Literal["generator", "pixels"] = Field(
        "generator",
        description="images besides real ones: the untrained generator's, or random pixels",
    )

    @classmethod
    def opened(cls, node: Node) -> Node:
        """Return the map `{iterations: node}`, or `node` itself if it is a map."""
        if isinstance(node, MapNode):
            return node
        return node.holding({"iterations": node.as_value()})


class OwnUpdate(Section):
    """An update of your own, by a loss that both networks share.

    `terms: [auxiliary]` is the loss of the discriminator's head `auxiliary`, with weight 1.
    """

    terms: tuple[Literal["auxiliary"]] = Field(description="terms of its loss: the auxiliary loss")
    networks: Annotated[tuple[Literal["generator", "discriminator"], ...], Field(min_length=1)] = (
        Field(("generator", "discriminator"), description="networks that it changes")
    )
    optimizer: Optimizer = Field(description="optimizer of these networks, for this update")


class Train(Schedule):
    """The length of a training, its batches, and the order of updates."""

    neutral: ClassVar = (*KEEPING, "conditions", "accuracy", "gradients")

    steps: Steps = Field(Steps(), description="updates of each network in one iteration")
    batches: Literal["fresh", "shared"] = Field(
        "fresh",
        description="`fresh`: a real batch for each discriminator update; `shared`: one for all "
        "updates of an iteration",
    )
    order: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        ("discriminator", "generator"),
        description="updates of an iteration, in order: `discriminator`, or `real` and `fake` for "
        "two updates of it, `generator`, and the names of `updates`",
    )
    updates: dict[str, OwnUpdate] = Field(
        {}, description="an update of your own, by its name; at most one"
    )
    latents: Literal["fresh", "reused"] = Field(
        "fresh",
        description="latents for the network that is updated second: new ones, or those of the "
        "other network's last update",
    )
    generated: Literal["fresh", "reused"] = Field(
        "fresh",
        description="generated images for the network that is updated second: new ones, or those "
        "of the other network's last update",
    )
    labels: Literal["real", "random"] = Field(
        "real",
        description="labels of generated images: those of the real batch, or of random images",
    )
    generator_batch: Annotated[int, Field(gt=0, le=65536)] | None = Field(
        None, description="images in an update of the generator; as many as `batch` if not given"
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
        "pictures of the training are drawn of the objects that it lists, in place of random "
        "images' objects",
    )
    accuracy: bool = Field(
        False,
        description="log the shares of real and generated images that the discriminator classifies "
        "correctly",
    )
    gradients: bool = Field(
        False, description="log the Euclidean norm of each network's gradients, after its update"
    )

    def length(self, cfg: SimpleNamespace, images: int) -> int:
        epoch = self.iterations or count_steps(range(images), cfg)
        return self.warmup_steps + self.epochs * epoch

    @property
    def plan(self) -> tuple[str, ...]:
        """The updates in order: `discriminator`, `generator`, and `joint` for one of `updates`.

        `discriminator` also stands for the updates `real` and `fake` together.
        """
        own = {**dict.fromkeys(HALVES, "discriminator"), **dict.fromkeys(self.updates, "joint")}
        return tuple(dict.fromkeys(own.get(name, name) for name in self.order))

    @property
    def skips(self) -> bool:
        """True if a rule may leave a network out of an iteration."""
        return bool(self.skip.generator or self.skip.discriminator)

    @property
    def apart(self) -> tuple[str, ...]:
        """The updates `real` and `fake` in order, if the discriminator has these two; else ()."""
        return tuple(name for name in self.order if name in HALVES)

    @property
    def generator_first(self) -> bool:
        """True if an iteration updates the generator before the discriminator."""
        return self.plan.index("generator") < self.plan.index("discriminator")

    @property
    def condition_file(self) -> str | None:
        return self.conditions

    @property
    def reused(self) -> Literal["latents", "generated"] | None:
        """The name of the field whose value is `reused`; None if there is none.

        Generated images are reused with their latents, so `generated` takes precedence.
        """
        if self.generated == "reused":
            return "generated"
        return "latents" if self.latents == "reused" else None

    @property
    def warmup_steps(self) -> int:
        return self.warmup.iterations if self.warmup else 0
