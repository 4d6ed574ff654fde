"""Measurements of the generated samples, beside real ones."""

from __future__ import annotations

import torch

from wgan_core.datasets import Ring
from wgan_core.metrics.definitions import as_array, exact_em, image_grid, mode_coverage, relative_spread
from wgan_core.metrics.moment import GRID_COLUMNS, Moment, Reading, measurement


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
        return {"fake": as_array(at.samples[: len(at.probe.real)]), "real": as_array(at.probe.real)}
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
        "w1": exact_em(at.samples[: len(at.probe.real)].cpu(), at.probe.real.cpu()),
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
    from scipy.stats import wasserstein_distance  # half a second, which only trainings on a ring need

    ours, theirs = (as_array(x.norm(dim=1)) for x in (at.samples, at.probe.real))
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
