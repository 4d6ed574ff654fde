"""Measurements: the truth beside the estimates. None of them changes the training that they watch.

To add one, write a function of a :class:`Moment` that returns named numbers (scalars) or arrays, under ``@measurement``. Its
docstring names each with its unit and range, and becomes its page in docs/reference (``make docs``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import ot
import torch
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance
from torch import Generator, Tensor, nn

from wgan_core.conditional import as_input, critic_given, generator_input
from wgan_core.config import RunConfig
from wgan_core.datasets import Modes, Ring
from wgan_core.losses import generator_loss
from wgan_core.networks import Given
from wgan_core.penalties import input_gradient_norms, interpolates
from wgan_core.piecewise import Net
from wgan_core.records import Array

EM_SAMPLES = 512
MODE_SAMPLES = 2_500
FLOOR_REPEATS = 3
GRID_IMAGES = 64
# Of a conditional run: a row for each class, up to so many classes.
GRID_COLUMNS, MOST_ROWS = 8, 16
ARROWS = 64
SURFACE_SIDE = 48
HISTOGRAM_BINS = 60


@dataclass(frozen=True)
class Probe:
    """The fixed samples and latents that every snapshot of a run is measured with.

    They are drawn once, from a generator of their own, so that measuring more or less often changes nothing, and the
    same latent stays the same point or picture from snapshot to snapshot.

    Attributes
    ----------
    real : Tensor
        Shape (n, *shape).
    latents : Tensor
        What the generator takes: of a conditional run with a class beside each.
    alpha : Tensor
        Where between the real samples and the first generated ones the slope is looked at, shape (n,).
    w1_floor : float or None
        Of points.
    labels : Tensor or None
        Of a conditional run the classes beside the latents, one-hot; the first n are those of the real samples too. Of
        images each row of the grid has one class.
    """

    real: Tensor
    latents: Tensor
    alpha: Tensor
    w1_floor: float | None
    labels: Tensor | None = None

    @classmethod
    def draw(cls, config: RunConfig, rng: Generator, device: torch.device) -> Probe:
        """Draw the probe. For points this computes the finite-sample floor of W1 too."""
        dataset = config.dataset
        few, many = (GRID_IMAGES, GRID_IMAGES) if dataset.is_image else (EM_SAMPLES, MODE_SAMPLES)
        labels = None
        if not config.conditional:
            real = dataset.sample(few, rng, device)
        elif dataset.is_image:
            classes = torch.arange(min(config.class_count, MOST_ROWS), device=device).repeat_interleave(GRID_COLUMNS)
            few = many = len(classes)
            real, labels = dataset.sample_of(classes, rng), as_input(config, classes)
        else:
            real, classes = dataset.sample_labelled(few, rng, device)
            more = dataset.sample_labels(many - few, rng, device)
            labels = as_input(config, torch.cat([classes, more]))
        latents = generator_input(config.latent.sample(many, rng, device), labels)
        alpha = torch.rand(few, generator=rng, device=device)
        floor = None
        if not dataset.is_image:
            others = [dataset.sample(few, rng, device) for _ in range(FLOOR_REPEATS)]
            floor = sum(exact_em(real.cpu(), other.cpu()) for other in others) / FLOOR_REPEATS
        return cls(real, latents, alpha, floor, labels)


@dataclass(frozen=True)
class Moment:
    """What a measurement may look at: the networks as they are now, the probe, and what they make of it.

    The critic of a conditional run is here that of samples of the probe's classes, in their order.
    """

    config: RunConfig
    generator: Net
    critic: Net
    critic_weights: Tensor
    probe: Probe
    samples: Tensor


Reading = Mapping[str, "float | Array"]
MEASUREMENTS: list[Callable[[Moment], Reading]] = []


def measurement(function: Callable[[Moment], Reading]) -> Callable[[Moment], Reading]:
    """Enter a function in the list that runs at every snapshot."""
    MEASUREMENTS.append(function)
    return function


@contextmanager
def evaluating(*nets: nn.Module) -> Iterator[None]:
    """Nets in evaluation mode, without gradients: batch statistics are neither used nor touched."""
    before = [net.training for net in nets]
    for net in nets:
        net.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for net, training in zip(nets, before, strict=True):
            net.train(training)


def measure(config: RunConfig, generator: Net, critic: Net, critic_weights: Tensor, probe: Probe) -> Reading:
    """Run every measurement once."""
    with evaluating(generator, critic):
        critic = critic_given(critic, probe.labels)
        moment = Moment(config, generator, critic, critic_weights, probe, generator(probe.latents))
        found: dict[str, float | Array] = {}
        for function in MEASUREMENTS:
            found.update(function(moment))
    return found


# The definitions


def exact_em(a: ArrayLike, b: ArrayLike) -> float:
    """Exact EM distance (W1, Euclidean cost) between two samples of equal weight, by linear programming.

    Parameters
    ----------
    a, b : array-like
        Shapes (n, d) and (m, d).

    Notes
    -----
    Kantorovich's problem, solved by POT's network simplex. Between two finite samples of one distribution it is not 0:
    see ``w1_floor``.

    Examples
    --------
    >>> exact_em([[0.0, 0.0]], [[3.0, 4.0]])
    5.0
    """
    return float(ot.emd2([], [], cdist(np.asarray(a, float), np.asarray(b, float))))


@dataclass(frozen=True)
class Coverage:
    """How a sample sits on the modes of a mixture.

    Attributes
    ----------
    modes_covered : int
        Modes with at least ``threshold`` of all samples nearest to them and of high quality.
    high_quality : float
        Share of samples within 3σ of their nearest mode (a perfect sampler in 2-D reaches 0.989).
    reverse_kl : float or None
        Σ p_gen ln(p_gen / p_real) over the modes of the high-quality samples; ln 8 for one mode of eight. None
        where no sample is of high quality.
    main_mode : int
        Index of the mode that most samples are nearest to. It changes again and again where a generator rotates
        between modes (WGAN paper, §4.1).
    """

    modes_covered: int
    high_quality: float
    reverse_kl: float | None
    main_mode: int


def coverage_threshold(weights: Tensor) -> Tensor:
    """Share of all samples that each mode needs to count: 1 %, or a quarter of its fair share where that is less."""
    return (0.25 * weights).clamp(max=0.01)


def mode_coverage(samples: Tensor, modes: Modes) -> Coverage:
    """Modes covered, high-quality share and reverse KL (Srivastava et al. 2017; Lin et al. 2018).

    Parameters
    ----------
    samples : Tensor
        Shape (n, d).
    """
    distance, nearest = modes.nearest(samples)
    good = distance <= 3 * modes.sigma
    counts = torch.bincount(nearest[good], minlength=len(modes.centres)).cpu().double()
    k = len(counts)
    share = counts / max(1.0, float(counts.sum()))
    kl = float(torch.xlogy(share, share / modes.weights).sum()) if counts.sum() else None
    covered = int((counts >= coverage_threshold(modes.weights) * len(samples)).sum())
    main = int(torch.bincount(nearest, minlength=k).argmax())
    return Coverage(covered, float(good.float().mean()), kl, main)


def relative_spread(samples: Tensor, real: Tensor) -> float | None:
    """Standard deviation of the samples over that of real ones, all coordinates together: about 1, or near 0 for one point.

    Parameters
    ----------
    samples, real : Tensor
        Shapes (n, *shape) and (m, *shape).

    Returns
    -------
    float or None
        None where all real samples are one point.

    Examples
    --------
    >>> real = torch.tensor([[0.0, 1.0], [0.0, -1.0]])
    >>> relative_spread(0.5 * real, real)
    0.5
    """
    ours, theirs = (float(x.flatten(1).var(0, correction=0).sum()) for x in (samples, real))
    return math.sqrt(ours / theirs) if theirs > 0 else None


def share_at_clip(weights: Tensor, clip: float) -> float:
    """Share of parameters with \\|w\\| ≥ 0.99 c (Gulrajani et al. 2017, Figure 1)."""
    return float((weights.abs() >= 0.99 * clip).float().mean())


# What every snapshot holds


@measurement
def samples(at: Moment) -> Reading:
    """Generated samples from latents that stay the same, and real ones beside them.

    Of several seeds they are those of the first.

    Returns
    -------
    fake, real : array (512, 2), data units
        Points on the plane.
    fake_grid, real_grid : array (height, width, 3), bytes, 0 to 255
        64 images as one picture, eight a row.
    """
    if not at.config.dataset.is_image:
        return {"fake": _numpy(at.samples[:EM_SAMPLES]), "real": _numpy(at.probe.real)}
    columns = None if at.probe.labels is None else GRID_COLUMNS
    return {"fake_grid": image_grid(at.samples, columns), "real_grid": image_grid(at.probe.real, columns)}


@measurement
def em_distance(at: Moment) -> Reading:
    """The exact EM distance of 512 generated from 512 real points, and what a perfect generator would reach.

    EM distance, Earth Mover's distance, Wasserstein-1 distance and W1 are one thing: the least work, mass times way, that
    turns one distribution into the other,

        W1(p, q) = min over couplings γ of p and q of  E_γ ‖x − y‖₂
                 = max over 1-Lipschitz f of  E_p[f(x)] − E_q[f(y)]

    The first line is solved by linear programming over the 512 × 512 assignments; nothing is smoothed or estimated but for
    the finite samples. Images have no W1 here: in so many dimensions 512 samples say little about it.

    Returns
    -------
    w1 : float, data units, 0 and up
        Between the generated and the probe's real points.
    w1_floor : float, data units, 0 and up
        The same number for real against real, the mean of three drawings: about what a perfect generator reaches.

    References
    ----------
    The WGAN paper, equations 1 and 2; solved by POT (``ot.emd2``).
    """
    if at.probe.w1_floor is None:
        return {}
    return {
        "w1": exact_em(at.samples[:EM_SAMPLES].cpu(), at.probe.real.cpu()),
        "w1_floor": at.probe.w1_floor,
    }


@measurement
def modes(at: Moment) -> Reading:
    """How 2,500 generated points sit on the modes, where the data set has modes to count.

    A sample is of high quality when it lies within 3σ of the mode nearest to it; a mode is covered when at least 1 % of all
    samples are of high quality and nearest to it, or a quarter of its fair share where that is less.

        high_quality = share of samples with ‖x − μ_nearest‖ ≤ 3σ       a perfect one on the plane: 1 − e^(−9/2) = 0.989
        reverse_kl   = Σ_k p_k ln(p_k / q_k)        p_k: share of the high-quality samples at mode k, q_k: its fair share

    Returns
    -------
    modes_covered : float, modes, 0 to all
        A whole number.
    high_quality : float, share, 0 to 1
        Says nothing of how many modes share those samples.
    main_mode : float, index, 0 to all − 1
        The mode that most samples are nearest to. Where it changes again and again, the generator rotates between modes.
    reverse_kl : float, nats, 0 to ln(1/q) of the rarest mode
        Absent where no sample is of high quality. One mode of eight gives ln 8.

    References
    ----------
    Srivastava et al. 2017 (VEEGAN); Lin et al. 2018 (PacGAN); on rotating, the WGAN paper, §4.1.
    """
    if (where := at.config.dataset.modes()) is None:
        return {}
    found = mode_coverage(at.samples, where)
    kl = {} if found.reverse_kl is None else {"reverse_kl": found.reverse_kl}
    return {
        "modes_covered": float(found.modes_covered),
        "high_quality": found.high_quality,
        "main_mode": float(found.main_mode),
        **kl,
    }


@measurement
def circle(at: Moment) -> Reading:
    """Two things to learn of a ring apart: the circle on which its modes lie, and the bumps of the density along it.

        radius_w1 = W1 between the distances from the centre, ‖x̃‖ of 2,500 generated points and ‖x‖ of the probe's real ones
        bumps     = E[cos(k (angle of x̃ − angle of the first mode))] / the same of real points,   for k modes

    Both ignore how many samples are at which mode: one mode alone may have a good circle and good bumps.

    Returns
    -------
    radius_w1 : float, data units, 0 and up
        Of a ring only; about 0 where the circle is matched, wherever on it the samples are.
    bumps : float, ratio, at most a little over 1
        Of a ring only; 0 for samples that fill the circle evenly, 1 where they gather around modes as real ones do.

    References
    ----------
    The WGAN paper, Figure 2: the low-dimensional structure comes first, the bumps of the density later.
    """
    if not isinstance(at.config.dataset, Ring):
        return {}
    ours, theirs = (_numpy(x.norm(dim=1)) for x in (at.samples, at.probe.real))
    waves = [
        float((at.config.dataset.modes_count * torch.atan2(x[:, 1], x[:, 0])).cos().mean())
        for x in (at.samples, at.probe.real)
    ]
    found = {"radius_w1": float(wasserstein_distance(ours, theirs))}
    return found | {"bumps": waves[0] / waves[1]} if waves[1] > 0 else found


@measurement
def asked_modes(at: Moment) -> Reading:
    """Whether a conditional generator does what it is asked to.

        asked_mode = share of 2,500 generated points whose nearest mode is the one that was asked for

    Returns
    -------
    asked_mode : float, share, 0 to 1
        Of conditional runs on data with modes only. Whoever ignores the class gets about one in as many as there are modes.

    References
    ----------
    Mirza, Osindero 2014, who condition both networks on the class.
    """
    where = at.config.dataset.modes()
    if at.probe.labels is None or where is None:
        return {}
    _, nearest = where.nearest(at.samples)
    asked = at.probe.labels.argmax(1).to(nearest.device)
    return {"asked_mode": float((nearest == asked).float().mean())}


@measurement
def spread(at: Moment) -> Reading:
    """How varied the generated samples are: the one sign of collapse that images have too.

        spread = √( Σ_i Var[x̃_i] / Σ_i Var[x_i] )       over all coordinates i, generated x̃ over real x

    Returns
    -------
    spread : float, ratio, 0 and up
        About 1 where the samples vary as much as real ones, near 0 where all are one. Absent where all real samples are one.
    """
    found = relative_spread(at.samples, at.probe.real)
    return {} if found is None else {"spread": found}


@measurement
def input_gradients(at: Moment) -> Reading:
    """The critic's slope ‖∇ₓf‖₂ at interpolates between real and generated samples: where the gradient penalty looks.

        x̂ = α x + (1 − α) x̃,   α uniform on [0, 1], one a sample;   the norm runs over all coordinates of a sample

    512 points or 64 images. The largest of them is a lower bound of the critic's Lipschitz constant. For a GAN, f is the logit.

    Returns
    -------
    input_grad_norm_mean : float, score per data unit, 0 and up
        The penalty pulls it to 1.
    input_grad_norm_max : float, score per data unit, 0 and up
        The steepest of them.

    References
    ----------
    Gulrajani et al. 2017, equation 3, Algorithm 1 and Figure 1.
    """
    n = len(at.probe.real)
    x = interpolates(at.probe.real, at.samples[:n], at.probe.alpha)
    norms = input_gradient_norms(at.critic, x)
    return {"input_grad_norm_mean": float(norms.mean()), "input_grad_norm_max": float(norms.max())}


@measurement
def critic_weights(at: Moment) -> Reading:
    """Histogram of all critic parameters, on [−c, c] for a clipped critic, else on their own range.

    Returns
    -------
    weight_counts : array (60,), parameters, 0 and up
        How many parameters lie in each bin.
    weight_edges : array (61,), value of a parameter
        The bins' edges.
    weights_at_clip : float, share, 0 to 1
        Parameters with \\|w\\| ≥ 0.99 c. Absent where nothing is clipped.

    References
    ----------
    Gulrajani et al. 2017, Figure 1.
    """
    weights = at.critic_weights.detach()
    clip = at.config.limit
    limit = 1.05 * clip if clip is not None else max(1e-6, float(weights.abs().max()))
    counts = torch.histc(weights, HISTOGRAM_BINS, -limit, limit)
    found: dict[str, float | Array] = {
        "weight_counts": _numpy(counts),
        "weight_edges": np.linspace(-limit, limit, HISTOGRAM_BINS + 1),
    }
    return found if clip is None else found | {"weights_at_clip": share_at_clip(weights, clip)}


@measurement
def critic_surface(at: Moment) -> Reading:
    """The critic's score f on a square grid over the plane; for a GAN the logit of D.

    Of a conditional run it is the mean over all classes.

    Returns
    -------
    surface : array (48, 48), score
        Rows from low to high y.
    surface_axis : array (48,), data units
        The grid's coordinates, the same for x and y.

    References
    ----------
    Gulrajani et al. 2017, Figure 1, which draws its level sets.
    """
    if at.config.dataset.is_image:
        return {}
    axis = torch.linspace(-1, 1, SURFACE_SIDE, device=at.samples.device) * at.config.dataset.extent
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    points = torch.stack([x, y], -1).view(-1, 2)
    if isinstance(at.critic, Given):
        scores = torch.stack([critic(points) for critic in at.critic.of_each_class()]).mean(0)
    else:
        scores = at.critic(points)
    return {"surface": _numpy(scores.view(SURFACE_SIDE, SURFACE_SIDE)), "surface_axis": _numpy(axis)}


@measurement
def push(at: Moment) -> Reading:
    """Where the generator is pushed: how its loss would have each of its samples move, were the sample free to.

        push = −∇_x̃ ℓ(x̃),   ℓ: one sample's part of the generator's loss;   for a WGAN it is ∇f(x̃)

    Returns
    -------
    push_at : array (64, 2), data units
        The samples.
    push : array (64, 2), loss per data unit
        The direction and strength at each.

    References
    ----------
    The WGAN paper, Theorem 3 and Figure 3; GAN Lab (Kahng et al. 2018) draws such arrows.
    """
    if at.config.dataset.is_image:
        return {}
    with torch.enable_grad():
        x = at.samples[:ARROWS].detach().requires_grad_(True)
        loss = generator_loss(at.config, at.critic, x, lambda _: at.probe.real) * len(x)
        (gradient,) = torch.autograd.grad(loss, x)
    return {"push_at": _numpy(x), "push": _numpy(-gradient)}


def image_grid(images: Tensor, columns: int | None = None) -> Array:
    """Images in [−1, 1], shape (n, c, h, w), as one uint8 picture (H, W, 3), as many a row as a column unless told."""
    # torchvision takes a second to import, and only images need it.
    from torchvision.utils import make_grid

    columns = columns or math.ceil(math.sqrt(len(images)))
    picture = make_grid(images.cpu().add(1).div(2).clamp(0, 1), nrow=columns, padding=2, pad_value=0.5)
    return _numpy(picture.mul(255).round().to(torch.uint8).permute(1, 2, 0).contiguous())


def _numpy(tensor: Tensor) -> Array:
    array: Array = tensor.detach().cpu().numpy()
    array.setflags(write=False)
    return array
