"""Losses, slopes and estimates of the objectives against formulas of their own: scipy, finite differences, closed forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_expit, rel_entr
from torch import Tensor, nn

from tests.core.helpers import rng
from wgan_core.networks.piecewise import Net
from wgan_core.objectives import Dragan, FGan, Gan, Hinge, Lsgan, Objective, Wgan, WganClip, WganGp, WganLp
from wgan_core.objectives.constraints import R1, Constraint, DraganPenalty, GradientPenalty, OneSidedPenalty
from wgan_core.objectives.remedies import LabelSmoothing

Floats = NDArray[np.float64]
H = 1e-6

# f of each divergence, as Table 1 of the f-GAN paper has it (of JS half), and the activation g of Table 2.
DIVERGENCES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "kl": (lambda u: u * np.log(u), lambda v: v),
    "reverse-kl": (lambda u: -np.log(u), lambda v: -np.exp(-v)),
    "pearson": (lambda u: (u - 1) ** 2, lambda v: v),
    "js": (
        lambda u: 0.5 * (u * np.log(u) - (u + 1) * np.log((u + 1) / 2)),
        lambda v: 0.5 * (np.log(2) + log_expit(v)),
    ),
    "hellinger": (lambda u: (np.sqrt(u) - 1) ** 2, lambda v: 1 - np.exp(-v)),
}


def conjugate(name: str, t: Floats) -> Floats:
    """f*(t) = sup over u of u t − f(u), by search over log u; of Pearson's χ² over all u, as the paper's table has it."""
    f, _ = DIVERGENCES[name]
    u = (lambda s: s) if name == "pearson" else np.exp

    def largest(t: float) -> float:
        def falls(s: float) -> float:
            return float(f(u(s)) - t * u(s))

        at = float(minimize_scalar(falls, bounds=(-12, 12), method="bounded").x)
        finer = minimize_scalar(falls, bounds=(at - 1e-2, at + 1e-2), method="bounded", options={"xatol": 1e-11})
        return -float(finer.fun)

    return np.array([largest(one) for one in t])


@dataclass(frozen=True)
class Paper:
    """An objective and what its paper says: the critic's loss of scores (n,) and (m,), and the generator's."""

    objective: Objective
    critic: Callable[[Floats, Floats], float]
    generator: Callable[[Floats], float]


def logistic(r: Floats, f: Floats) -> float:
    return float(-log_expit(r).mean() - log_expit(-f).mean())


def difference(r: Floats, f: Floats) -> float:
    return float(f.mean() - r.mean())


def minus_mean(f: Floats) -> float:
    return float(-f.mean())


def squares(values: Floats, target: float) -> float:
    return float(0.5 * ((values - target) ** 2).mean())


def f_gan(name: str, goal: str) -> Paper:
    g = DIVERGENCES[name][1]
    return Paper(
        FGan.model_validate({"divergence": name, "generator_goal": goal}),
        lambda r, f: float(-g(r).mean() + conjugate(name, g(f)).mean()),
        (lambda f: float(-conjugate(name, g(f)).mean())) if goal == "saturating" else lambda f: float(-g(f).mean()),
    )


PAPERS = {
    "gan": Paper(Gan(), logistic, lambda f: float(-log_expit(f).mean())),
    "gan-saturating": Paper(Gan(generator_goal="saturating"), logistic, lambda f: float(log_expit(-f).mean())),
    "dragan": Paper(Dragan(), logistic, lambda f: float(-log_expit(f).mean())),
    **{o.kind: Paper(o, difference, minus_mean) for o in (WganClip(), WganGp(), WganLp(), Wgan())},
    "lsgan": Paper(Lsgan(), lambda r, f: squares(r, 1) + squares(f, 0), lambda f: squares(f, 1)),
    "lsgan-minus-plus": Paper(
        Lsgan(coding="minus-plus"), lambda r, f: squares(r, 1) + squares(f, -1), lambda f: squares(f, 0)
    ),
    "hinge": Paper(Hinge(), lambda r, f: float(np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + f).mean()), minus_mean),
    **{f"f-gan-{name}-{goal}": f_gan(name, goal) for name in DIVERGENCES for goal in ("saturating", "non-saturating")},
}
EVERY_PAPER = pytest.mark.parametrize("paper", PAPERS.values(), ids=list(PAPERS))


def numeric_slope(function: Callable[[Floats], float], at: Floats) -> Floats:
    """Central differences."""
    found = np.zeros_like(at)
    for i in range(at.size):
        step = np.zeros_like(at)
        step.flat[i] = H
        found.flat[i] = (function(at + step) - function(at - step)) / (2 * H)
    return found


def total(terms: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(terms.values())).sum()


def some_scores(seed: int = 0, n: int = 7) -> Floats:
    return np.random.default_rng(seed).normal(0.2, 0.8, n)


def column(values: Floats) -> Tensor:
    return torch.tensor(values)[:, None].requires_grad_(True)


def test_every_objective_is_held_to_its_paper() -> None:
    assert {paper.objective.kind for paper in PAPERS.values()} == set(Objective.kinds)


# Scores


@EVERY_PAPER
def test_the_critics_loss_of_scores_and_its_slope_are_the_papers(paper: Paper) -> None:
    r, f = some_scores(1), some_scores(2, 5)
    on_real, on_fake = column(r), column(f)
    loss = total(paper.objective.critic_terms(on_real, on_fake))
    assert loss.item() == pytest.approx(paper.critic(r, f), rel=1e-5, abs=1e-6)
    of_real, of_fake = torch.autograd.grad(loss, [on_real, on_fake])
    np.testing.assert_allclose(of_real[:, 0], numeric_slope(lambda x: paper.critic(x, f), r), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(of_fake[:, 0], numeric_slope(lambda x: paper.critic(r, x), f), rtol=1e-4, atol=1e-5)


@EVERY_PAPER
def test_the_generators_loss_of_scores_and_its_slope_are_the_papers(paper: Paper) -> None:
    f = some_scores(3)
    on_fake = column(f)
    loss = paper.objective.generator_term(on_fake)
    assert loss.item() == pytest.approx(paper.generator(f), rel=1e-5, abs=1e-6)
    (slope,) = torch.autograd.grad(loss, on_fake)
    np.testing.assert_allclose(slope[:, 0], numeric_slope(paper.generator, f), rtol=1e-4, atol=1e-5)


# The parameters of a linear critic f(x) = w·x + b, whose slope is w everywhere


def two_sided(w: Floats) -> float:
    return float((np.linalg.norm(w) - 1) ** 2)


def one_sided(w: Floats) -> float:
    return max(0.0, float(np.linalg.norm(w)) - 1) ** 2


PENALTIES: dict[str, tuple[Constraint, Callable[[Floats], float]]] = {
    "none": (Constraint.kinds["none"](), lambda _: 0.0),
    "clip": (Constraint.kinds["clip"](), lambda _: 0.0),
    "gradient-penalty": (GradientPenalty(penalty_weight=3), lambda w: 3 * two_sided(w)),
    "one-sided-penalty": (OneSidedPenalty(penalty_weight=3), lambda w: 3 * one_sided(w)),
    "dragan": (DraganPenalty(penalty_weight=2), lambda w: 2 * two_sided(w)),
    "r1": (R1(gamma=5), lambda w: 2.5 * float(w @ w)),
}
OWN_PENALTIES = {"wgan-gp": two_sided, "wgan-lp": one_sided, "dragan": two_sided}


def linear(parameters: Floats) -> Net:
    net = Net(nn.Linear(2, 1)).double()
    with torch.no_grad():
        for p, values in zip(net.parameters(), (parameters[None, :2], parameters[2:]), strict=True):
            p.copy_(torch.tensor(values))
    return net


@pytest.mark.parametrize("w", [(0.9, -1.3, 0.2), (0.3, 0.2, -0.4)], ids=["steep", "flat"])
@EVERY_PAPER
def test_a_linear_critics_gradient_is_that_of_the_papers_loss(paper: Paper, w: tuple[float, ...]) -> None:
    data = np.random.default_rng(4)
    real, fake, at = data.normal(0, 0.7, (6, 2)), data.normal(0.5, 0.7, (5, 2)), np.array(w)
    fake = np.concatenate([fake, fake[:1]])  # interpolates need as many of each
    own = OWN_PENALTIES.get(paper.objective.kind)

    def written_out(p: Floats) -> float:
        loss = paper.critic(real @ p[:2] + p[2], fake @ p[:2] + p[2])
        return loss + (0.0 if own is None else 10 * own(p[:2]))

    net = linear(at)
    loss = total(paper.objective.critic_loss(net, torch.tensor(real), torch.tensor(fake), rng()))
    assert loss.item() == pytest.approx(written_out(at), rel=1e-5)
    found = np.concatenate([g.flatten() for g in torch.autograd.grad(loss, list(net.parameters()))])
    np.testing.assert_allclose(found, numeric_slope(written_out, at), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("w", [(0.9, -1.3, 0.2), (0.3, 0.2, -0.4)], ids=["steep", "flat"])
@pytest.mark.parametrize(("constraint", "written_out"), PENALTIES.values(), ids=list(PENALTIES))
def test_a_linear_critics_penalty_has_the_papers_slope(
    constraint: Constraint, written_out: Callable[[Floats], float], w: tuple[float, ...]
) -> None:
    net, data = linear(np.array(w)), torch.randn(2, 6, 2, generator=rng(), dtype=torch.float64)
    terms = constraint.penalty(net, data[0], data[1], rng())
    assert list(terms) == [constraint.term] * bool(constraint.term)
    if not terms:
        return
    loss = total(terms)
    assert loss.item() == pytest.approx(written_out(np.array(w[:2])), rel=1e-5)
    (slope,) = torch.autograd.grad(loss, next(net.parameters()), allow_unused=True, materialize_grads=True)
    np.testing.assert_allclose(slope[0], numeric_slope(written_out, np.array(w[:2])), rtol=1e-4, atol=1e-5)


# What the estimates are: two discrete laws, one score for each outcome

P, Q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.2, 0.6])


def samples_of(law: Floats) -> Tensor:
    """Ten samples with exactly these shares, as indices."""
    return torch.tensor(np.repeat(np.arange(len(law)), np.round(10 * law).astype(int)))


def best_scores(loss: Callable[[Tensor, Tensor], Tensor]) -> Floats:
    """The scores of the outcomes with which a critic's loss is least."""

    def at(v: Floats) -> tuple[float, Floats]:
        scores = torch.tensor(v, requires_grad=True)
        value = loss(scores[samples_of(P)][:, None], scores[samples_of(Q)][:, None])
        (slope,) = torch.autograd.grad(value, scores)
        return value.item(), slope.numpy()

    found: Floats = minimize(at, np.full(3, 0.1), jac=True, method="BFGS", options={"gtol": 1e-9}).x
    return found


MIDDLE = (P + Q) / 2
CLOSED_FORMS: dict[str, tuple[Objective, float]] = {
    "gan": (Gan(), float(0.5 * rel_entr(P, MIDDLE).sum() + 0.5 * rel_entr(Q, MIDDLE).sum())),
    "lsgan": (Lsgan(), float(((P - Q) ** 2 / (P + Q)).sum())),
    "lsgan-minus-plus": (Lsgan(coding="minus-plus"), float(((P - Q) ** 2 / (P + Q)).sum())),
    "kl": (FGan(divergence="kl"), float(rel_entr(P, Q).sum())),
    "reverse-kl": (FGan(divergence="reverse-kl"), float(rel_entr(Q, P).sum())),
    "pearson": (FGan(divergence="pearson"), float(((P - Q) ** 2 / Q).sum())),
    "js": (FGan(divergence="js"), float(0.5 * rel_entr(P, MIDDLE).sum() + 0.5 * rel_entr(Q, MIDDLE).sum())),
    "hellinger": (FGan(divergence="hellinger"), float(((np.sqrt(P) - np.sqrt(Q)) ** 2).sum())),
    "hinge": (Hinge(), float(0.5 * np.abs(P - Q).sum())),
}
EVERY_CLOSED_FORM = pytest.mark.parametrize(("objective", "truth"), CLOSED_FORMS.values(), ids=list(CLOSED_FORMS))


def estimated(objective: Objective, v: Floats) -> float:
    scores = torch.tensor(v)[:, None]
    terms = objective.critic_terms(scores[samples_of(P)], scores[samples_of(Q)])
    return objective.estimate({name: term.item() for name, term in terms.items()})


@EVERY_CLOSED_FORM
def test_the_estimate_of_the_best_critic_is_the_divergence(objective: Objective, truth: float) -> None:
    if isinstance(objective, Hinge):  # no slope to follow to its corners: the sign of p − q is the best critic
        best = np.sign(P - Q)
    else:
        best = best_scores(lambda real, fake: total(objective.critic_terms(real, fake)))
    assert estimated(objective, best) == pytest.approx(truth, abs=1e-6)


@EVERY_CLOSED_FORM
@given(v=st.lists(st.floats(-5, 5), min_size=3, max_size=3))
def test_the_estimate_of_any_critic_is_at_most_the_divergence(
    objective: Objective, truth: float, v: list[float]
) -> None:
    assert estimated(objective, np.array(v)) <= truth + 1e-9


def test_estimates_are_named_after_what_they_estimate() -> None:
    names = {label: objective.estimate_name for label, (objective, _) in CLOSED_FORMS.items()}
    assert names["gan"] == names["js"] == "js_estimate"
    assert names["lsgan"] == names["lsgan-minus-plus"]
    others = {name for label, name in names.items() if label not in ("js", "lsgan-minus-plus")}
    assert len(others) == 7
    assert "w_estimate" not in others


@EVERY_CLOSED_FORM
def test_a_critic_that_tells_all_apart_reaches_the_ceiling(objective: Objective, truth: float) -> None:
    if objective.ceiling is None:
        return
    height, _ = objective.ceiling
    assert truth < height
    a, b = (-1.0, 1.0) if isinstance(objective, Hinge | Lsgan) else (-20.0, 20.0)
    a = 0.0 if objective == Lsgan() else a
    terms = objective.critic_terms(torch.full((4, 1), b).double(), torch.full((4, 1), a).double())
    assert objective.estimate({name: term.item() for name, term in terms.items()}) == pytest.approx(height, abs=1e-6)


# Label smoothing


@pytest.mark.parametrize("objective", [Gan(), Lsgan(), Lsgan(coding="minus-plus")], ids=["gan", "lsgan", "minus-plus"])
def test_the_best_critic_of_smoothed_labels_is_the_smoothed_share(objective: Objective) -> None:
    smoothing = LabelSmoothing(amount=0.1)

    def loss(real: Tensor, fake: Tensor) -> Tensor:
        return total(objective.critic_terms(real, fake) | smoothing.critic_terms(objective, real, fake))

    best, share = best_scores(loss), P / (P + Q)
    if isinstance(objective, Gan):
        found = 1 / (1 + np.exp(-best))
    else:
        a = 0.0 if objective == Lsgan() else -1.0
        found = (best - a) / (1 - a)
    np.testing.assert_allclose(found, 0.9 * share, atol=1e-5)


def test_the_loss_with_smoothed_labels_is_cross_entropy_with_them() -> None:
    real, fake = column(some_scores(5)), column(some_scores(6))
    terms = Gan().critic_terms(real, fake) | LabelSmoothing(amount=0.2).critic_terms(Gan(), real, fake)
    bce = nn.functional.binary_cross_entropy_with_logits
    expected = bce(real, torch.full_like(real, 0.8)) + bce(fake, torch.zeros_like(fake))
    torch.testing.assert_close(total(terms), expected)
    squared = Lsgan().critic_terms(real, fake) | LabelSmoothing(amount=0.2).critic_terms(Lsgan(), real, fake)
    expected = 0.5 * (real - 0.8).square().mean() + 0.5 * fake.square().mean()
    torch.testing.assert_close(total(squared), expected)
