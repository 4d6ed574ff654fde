"""What a loop says of itself at a snapshot, and how it finds out that a member has diverged."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from wgan_core.history import Array, Floats, Snapshot
from wgan_core.metrics import measure
from wgan_core.metrics.images import due
from wgan_core.networks.piecewise import Net
from wgan_core.training.failures import Diverged
from wgan_core.training.member import Member
from wgan_core.training.player import Player
from wgan_core.training.state import DIVERGED

# Loss terms wait on the device for the next snapshot, but no more than this many.
MOST_GATHERED = 1000


class Measuring:
    """Measures what it is given, and changes nothing but what has been read so far.

    Parameters
    ----------
    members : Sequence[Member]
        Whose probes and scorers measure, and whose newest loss terms are read.
    shown : Sequence[Net]
        The generator of each that is measured: that in training, or its average.
    generator, critic : Player
        The networks in training, of all members.
    scalars : Callable
        A snapshot's scalars from those of each member; see :meth:`wgan_core.training.together.Together.scalars`.
    """

    def __init__(
        self,
        members: Sequence[Member],
        shown: Sequence[Net],
        generator: Player,
        critic: Player,
        scalars: Callable[[Sequence[Mapping[str, float]]], Mapping[str, float | Floats]],
    ) -> None:
        self._members, self._shown, self._scalars = members, shown, scalars
        self._generator, self._critic = generator, critic
        self._gathered: list[tuple[int, dict[str, Tensor]]] = []

    def gather(self, step: int, terms: Mapping[str, Tensor]) -> None:
        """Take in the loss terms of an update. They are read later, so that the step need not wait for the device."""
        self._gathered.append((step, {name: term.detach() for name, term in terms.items()}))
        if len(self._gathered) >= MOST_GATHERED:
            self.read()

    def read(self) -> None:
        """Bring all terms since the last reading over in one transfer, and look for each member's first bad one.

        Raises
        ------
        Diverged
            No member is left.
        """
        if self._gathered:
            names = [(step, name) for step, terms in self._gathered for name in terms]
            values = torch.stack([term for _, terms in self._gathered for term in terms.values()])
            of_each = values.view(len(names), -1).t().tolist()
            for member, row in zip(self._members, of_each, strict=True):
                for (step, name), value in zip(names, row, strict=True):
                    if not abs(value) < DIVERGED:
                        self._lose(member, step, name, value)
                        break
                    member.terms[name] = value
            self._gathered.clear()
        self._end_if_all_are_lost()

    def catch_up(self, step: int) -> None:
        """Wait for the device: read all terms, and look at all parameters. Raises as :meth:`read`."""
        self.read()
        finite = [player.flat.rows().isfinite().all(-1).tolist() for player in (self._critic, self._generator)]
        for member, *oks in zip(self._members, *finite, strict=True):
            for ok, name in zip(oks, ("a critic parameter", "a generator parameter"), strict=True):
                if not ok:
                    self._lose(member, step, name, math.nan)

    def snapshot(self, step: int, critic_steps: int, seconds: float) -> Snapshot:
        """Measure each member that is left. Raises as :meth:`read`."""
        readings: list[dict[str, float]] = []
        arrays: dict[str, Array] = {}
        for k, member in enumerate(self._members):
            scalars, found = self._reading(k, step) if member.diverged is None else ({}, {})
            readings.append(scalars)
            arrays = arrays or found
        self._end_if_all_are_lost()
        return Snapshot(step, critic_steps, seconds, self._scalars(readings), arrays)

    def _reading(self, k: int, step: int) -> tuple[dict[str, float], dict[str, Array]]:
        """The scalars and arrays of one member; none where one shows that it has diverged."""
        member, generator, w = self._members[k], self._shown[k], self._critic.flat.rows()[k]
        found = dict(measure(member.config, generator, member.critic, w, member.probe))
        if member.scorer is not None and due(member.config, step):
            found |= member.scorer.score(generator)
        scalars, arrays = (self._training_scalars(k) if step else {}), {}
        for name, value in found.items():
            if isinstance(value, np.ndarray):
                arrays[name] = value
            elif math.isfinite(value):
                scalars[name] = float(value)
            else:
                self._lose(member, step, name, float(value))
                return {}, {}
        return scalars, arrays

    def _training_scalars(self, k: int) -> dict[str, float]:
        """The newest minibatch's loss terms, the estimate they give, and the norms of the gradients they left.

        They come from training itself, so there are none before the first step. Both networks minimise: the critic of a WGAN
        has the loss E[f(x̃)] − E[f(x)] + penalty, and Ŵ = E[f(x)] − E[f(x̃)] is that loss with the sign turned and without
        the penalty. f is the critic's raw output, for a GAN the logit of D.

        Returns
        -------
        w_estimate : float, data units × the critic's slope, about 0 and up
            Ŵ = E[f(x)] − E[f(x̃)], what a WGAN's critic says the EM distance is. Below 0 only where the critic is worse than a
            constant.
        js_estimate : float, nats, up to ln 2
            ½ (E[log D(x)] + E[log(1 − D(x̃))]) + ln 2, what a GAN's discriminator says JS is: a lower bound, which ignorance
            can bring below 0.
        kl_estimate, reverse_kl_estimate, pearson_estimate, hellinger_estimate : float, nats, for Pearson and Hellinger no unit
            E[g(f(x))] − E[f*(g(f(x̃)))], what an f-GAN's critic says its divergence is: a lower bound. Its JS is ``js_estimate``.
        chi2_estimate : float, no unit, up to 2
            2 − 8 L / (b − a)², what an LSGAN's critic with the loss L says ∫ (p − q)² / (p + q) is: a lower bound.
        tv_estimate : float, no unit, up to 1
            1 − L / 2, what a critic with the hinge loss L says the total variation distance is: a lower bound.
        critic_loss : float, loss
            The sum of the critic's terms, the penalty too.
        critic_real : float, loss
            The critic's term on real samples: −E[f(x)], for a GAN −E[log D(x)].
        critic_fake : float, loss
            The critic's term on generated samples: E[f(x̃)], for a GAN −E[log(1 − D(x̃))].
        gradient_penalty : float, loss, 0 and up
            λ E[(‖∇f(x̂)‖₂ − 1)²], with its weight; one-sided, slopes below 1 are free.
        dragan_penalty : float, loss, 0 and up
            λ E[(‖∇f(x + δ)‖₂ − 1)²], with its weight.
        r1_penalty : float, loss, 0 and up
            ½ γ E[‖∇f(x)‖₂²], with its weight.
        label_smoothing : float, loss
            What the labels 1 − s of real samples add to the critic's loss.
        critic_historical_averaging, generator_historical_averaging : float, loss, 0 and up
            w ‖θ − mean of θ so far‖² of each network, with its weight.
        generator_loss : float, loss
            −E[f(x̃)], for a GAN −E[log D(x̃)] or, saturating, E[log(1 − D(x̃))].
        critic_grad_norm, generator_grad_norm : float, loss per parameter, 0 and up
            ‖∇ loss‖₂ over all parameters of the network, at its newest step.
        critic_step_cosine : float, cosine, −1 to 1
            Between the critic's newest step, before any clipping, and −∇ loss. 1 for plain descent; below 0 the optimiser's
            memory of earlier gradients drives the critic uphill.

        References
        ----------
        The WGAN paper, Algorithm 1 and §4.3; Goodfellow et al. 2014, Algorithm 1; Gulrajani et al. 2017, equation 3; Nowozin
        et al. 2016, Table 2; Mao et al. 2017, §3.2; Kodali et al. 2017; Mescheder et al. 2018; Salimans et al. 2016, §3.
        """
        member, w, theta = self._members[k], self._critic.flat, self._generator.flat
        objective, newest = member.config.objective, member.terms
        terms = {name: value for name, value in newest.items() if not name.startswith("generator_")}
        gradient = w.rows(w.gradient)[k]
        taken = member.config.critic_optimiser.direction(gradient, self._critic.memory_of(k))
        return {
            objective.estimate_name: objective.estimate(terms),
            "critic_loss": math.fsum(terms.values()),
            **newest,
            "critic_grad_norm": float(gradient.norm()),
            "generator_grad_norm": float(theta.rows(theta.gradient)[k].norm()),
            # 0 where there is no gradient
            "critic_step_cosine": float(cosine_similarity(taken, -gradient, dim=0, eps=1e-30)),
        }

    def _lose(self, member: Member, step: int, term: str, value: float) -> None:
        """Write down what a member diverged in, if it has not before."""
        who = f" with seed {member.config.seed}" if len(self._members) > 1 else ""
        member.diverged = member.diverged or Diverged(step, term, value, member.config, who)

    def _end_if_all_are_lost(self) -> None:
        lost = [(member.diverged.step, member, member.diverged) for member in self._members if member.diverged]
        if len(lost) == len(self._members):
            _, last, error = max(lost, key=lambda each: each[0])
            who = f" with all {len(lost)} seeds, last with seed {last.config.seed}," if len(lost) > 1 else ""
            raise Diverged(error.step, error.term, error.value, last.config, who)
