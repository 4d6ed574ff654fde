"""One more of each kind of thing, as a reader of CONTRIBUTING.md would add it: the lines, and the files they go into."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Edit:
    """Lines for a file: at its end, or right before the last place of a text; a new file where there is none."""

    file: str
    text: str
    before: str = ""

    def make(self, root: Path) -> None:
        path = root / self.file
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        if self.before:
            head, found, tail = old.rpartition(self.before)
            assert found, f"{self.file} has no {self.before!r}"
            path.write_text(head + self.text + found + tail, encoding="utf-8")
        else:
            path.write_text(old + self.text, encoding="utf-8")


OBJECTIVE = '''

class Toy(Objective):
    """Least squares: real samples are to score 1, generated ones 0."""

    label: ClassVar = "Least squares"
    source: ClassVar = "Mao et al. 2017"
    estimate_name: ClassVar = "least_squares_estimate"

    kind: Literal["toy"] = "toy"
    real_target: float = knob(1.0, "Target", "What real samples are to score.", ge=-10, le=10)

    def critic_terms(self, on_real: Tensor, on_fake: Tensor) -> dict[str, Tensor]:
        return {"critic_real": (on_real - self.real_target).square().mean(), "critic_fake": on_fake.square().mean()}

    def generator_term(self, on_fake: Tensor) -> Tensor:
        return (on_fake - self.real_target).square().mean()

    def estimate(self, terms: dict[str, float]) -> float:
        return 1 - terms["critic_real"] - terms["critic_fake"]

    def script(self) -> Step:
        real = f"(on_real - {self.real_target}).square().mean()"
        return Step.scored(real, "on_fake.square().mean()", real.replace("on_real", "on_fake"))
'''

CONSTRAINT = '''

class Decay(Constraint):
    """Weights shrink a little after each of the critic's steps."""

    label: ClassVar = "Weights that shrink"

    kind: Literal["toy"] = "toy"
    share: float = knob(0.5, "Share", "What is left of each weight.", live=True, gt=0, le=1)

    def constrain(self, weights: Tensor) -> None:
        weights.mul_(self.share)

    def script(self) -> Step:
        return Step(
            setup=f"share = {self.share}  # what is left of each weight",
            project="with torch.no_grad():\\n    for w in critic.parameters():\\n        w.mul_(share)",
        )
'''

REMEDY = '''

class Decay(Remedy):
    """Scores near 0."""

    name: ClassVar = "toy"
    label: ClassVar = "Small scores"
    help: ClassVar = "The critic pays for large scores."

    weight: float = knob(0.0, "Weight", "Weight of the square of the scores; 0 is off.", ge=0, le=10)

    def critic_terms(self, objective: Objective, on_real: Tensor, on_fake: Tensor) -> dict[str, Tensor]:
        return {"toy": self.weight * (on_real.square().mean() + on_fake.square().mean())}

    def script(self) -> Step:
        return Step(
            penalty=f"toy = {self.weight} * (on_real.square().mean() + on_fake.square().mean())\\n",
            term="toy",
        )
'''

DATASET = '''

DISC = """\\


def draw_real(n):
    radius = {radius} * torch.rand(n, generator=real_rng, device=device).sqrt()
    angle = 2 * math.pi * torch.rand(n, generator=real_rng, device=device)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1)
"""


class Toy(Dataset):
    """Evenly inside a disc."""

    label: ClassVar = "Disc"

    kind: Literal["toy"] = "toy"
    radius: float = knob(2.0, "Radius", "Radius of the disc.", gt=0, le=10)

    def sample(self, n: int, rng: Generator, device: torch.device) -> Tensor:
        radius = self.radius * torch.rand(n, generator=rng, device=device).sqrt()
        angle = 2 * math.pi * torch.rand(n, generator=rng, device=device)
        return torch.stack([radius * angle.cos(), radius * angle.sin()], 1)

    def script(self) -> Snippet:
        return Snippet(DISC.format(radius=self.radius))
'''

NETWORK = '''

class Toy(Mlp):
    """A perceptron of one hidden layer."""

    label: ClassVar = "MLP of one layer"

    kind: Literal["toy"] = "toy"
    depth: int = knob(1, "Hidden layers", "Number of hidden layers.", ge=1, le=12)
'''

MEASUREMENT = '''

@measurement
def toy(at: Moment) -> Reading:
    """How far the samples lie from the origin, of points.

    Returns
    -------
    toy_radius : float, length, 0 to infinity
        The mean distance from the origin.
    """
    return {} if at.config.dataset.is_image else {"toy_radius": float(at.samples.norm(dim=1).mean())}
'''

CHART = """

@chart(
    "toy",
    "Radius of the cloud",
    "length",
    "How far out the samples are. They should come to where the data are.",
    "by definition",
    images=False,
    of=("toy_radius",),
)
def toy(view: LaneView, clock: Clock) -> Figure | None:
    traces = curve(view, clock, "toy_radius", "radius", theme.GENERATED)
    return {"data": traces, "layout": layout(clock, "length", event_lines(view, clock))} if traces else None
"""

CHART_PROSE = """## Radius of the cloud

**What is measured.** The radius of the cloud: the mean distance of a generated sample from the origin.

"""

EXPORT = '''

@export("toy", "Steps", "One step a line.", ".txt", "text/plain")
def steps(bundle: Bundle) -> Iterable[File]:
    """The steps at which the first lane was measured."""
    measured = bundle.view.lanes[0].history.get("step", [])
    return [File("steps.txt", "".join(f"{step:.0f}\\n" for step in measured).encode() or b"none\\n")]
'''

PAGE = '''"""A page of a few words."""

from __future__ import annotations

import streamlit as st

from pages.ui import shell

shell.require_app()
st.title("Toy")
st.write("A page that knows nothing of runs.")
'''

LESSON = """\
        Scenario(
            "toy",
            "A lesson of twenty steps",
            "Which of the two is first to cover a mode?",
            ("the GAN", "WGAN-GP"),
            1,
            "Twenty steps say nothing yet. (WGAN paper, Section 4.)",
            5,
            {"shared": {"dataset": {"kind": "ring"}}, "lanes": [gan(1e-3), gp()], "length": 20, "snapshot_every": 10},
        ),
"""

CLAIM = """\
    TrainedExperiment(
        name="toy",
        title="Five modes, asked for",
        paper="wgan",
        source="Section 4",
        claim="Told which, a WGAN puts its samples where they are asked for.",
        question=Question("How many of ten samples?", ("none", "most"), 1, "Most of them."),
        criterion="0.9 of the samples are where they are asked for, all 5 modes are covered, and at most 0.5 of W₁ is left.",
        why="By chance it is 1 in 5.",
        control="Generators that hardly learn.",
        minutes={},
        tries=("Ask for more modes.",),
        legs={"quick": _asking(2, 200, 20), "full": _asking(SEEDS, 300, 20), "control": _asking(1, 20, 10, STANDING)},
        measure=_asked,
    ),
"""


RECIPES: dict[str, tuple[Edit, ...]] = {
    "objective": (Edit("wgan_core/objectives/gan.py", OBJECTIVE),),
    "constraint": (Edit("wgan_core/objectives/constraints/clip.py", CONSTRAINT),),
    "remedy": (Edit("wgan_core/objectives/remedies/losses.py", REMEDY),),
    "data set": (Edit("wgan_core/datasets/planar.py", DATASET),),
    "network": (Edit("wgan_core/networks/mlp.py", NETWORK),),
    "chart with a measurement": (
        Edit("wgan_core/metrics/samples.py", MEASUREMENT),
        Edit("wgan_core/charts/training.py", CHART),
        Edit("docs/charts.md", CHART_PROSE, before="# The charts of several lanes"),
    ),
    "export": (
        Edit("wgan_core/export/tables.py", EXPORT),
        Edit("docs/exports.md", "| `toy` | the steps alone | |\n", before="| `tensorboard` |"),
    ),
    "page": (Edit("pages/toy.py", PAGE),),
    "lesson": (
        Edit("wgan_core/lessons/scenarios.py", LESSON, before="    )\n}\n"),
        Edit("docs/scenarios.md", "| `toy` | GAN / WGAN-GP, 20 steps | – | – | – |\n", before="\nSixteen seeds"),
    ),
    "claim": (Edit("wgan_core/experiments/claims/toys.py", CLAIM, before=")\n"),),
}
