"""Measurements of the critic: its slope, its parameters, its scores, and where it pushes the generator."""

from __future__ import annotations

import numpy as np
import torch

from wgan_core.history import Array
from wgan_core.metrics.definitions import as_array, share_at_clip
from wgan_core.metrics.moment import Moment, Reading, measurement
from wgan_core.networks import Given
from wgan_core.objectives.penalties import input_gradient_norms, interpolates

ARROWS = 64
SURFACE_SIDE = 48
HISTOGRAM_BINS = 60


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
        "weight_counts": as_array(counts),
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
    axis = torch.linspace(-1, 1, SURFACE_SIDE, dtype=torch.float32, device=at.samples.device) * at.config.dataset.extent
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    points = torch.stack([x, y], -1).view(-1, 2)
    if isinstance(at.critic, Given):
        scores = torch.stack([critic(points) for critic in at.critic.of_each_class()]).mean(0)
    else:
        scores = at.critic(points)
    return {"surface": as_array(scores.view(SURFACE_SIDE, SURFACE_SIDE)), "surface_axis": as_array(axis)}


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
        loss = at.config.losses.generator(at.critic, x, lambda _: at.probe.real) * len(x)
        (gradient,) = torch.autograd.grad(loss, x)
    return {"push_at": as_array(x), "push": as_array(-gradient)}
