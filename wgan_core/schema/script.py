"""What a part brings to the script of a run (see :mod:`wgan_core.eject`): plain torch, written beside what it restates.

A part with lines of its own returns them from a method ``script``; one without is refused by name. The code is plain Python
as ruff formats it at this software's line length, and a test runs it beside the loop.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self


@dataclass(frozen=True)
class Snippet:
    """What a data set, a latent, a network or an optimiser brings.

    Attributes
    ----------
    code : str
        Of a data set the lines that define ``draw_real(n)``, drawing from ``real_rng`` on ``device``; where samples have classes,
        ``which`` are in it the numbers of the items that they are made of, and the last line returns the samples. Of a latent the
        expression for ``n`` of them, from ``rng`` on ``device``; of a network a function of a net and a generator of random
        numbers that draws the weights; of an optimiser its arguments in ``torch.optim``.
    name : str
        Of a latent what it is in words, of a network the function's name, of an optimiser its class.
    argument : str
        The lines that add arguments of its own to ``parser``.
    """

    code: str
    name: str = ""
    argument: str = ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What an objective, a constraint or a remedy brings to a round. Each field holds lines without indentation, or nothing.

    The lines may use ``draw_real(n)``, ``draw_latents(n, rng)``, ``generator``, ``critic``, an optimiser for each, ``device`` and
    ``m``, the batch size. In the critic's step there are ``x``, ``x_fake``, ``on_real`` and ``on_fake``, in the generator's there
    is ``x_fake``; both have the number ``step``. Random numbers come from ``penalty_rng``, a remedy's from
    ``stream($stream, device)``. ``$ones`` are as many further dimensions of 1 as a sample has, ``, 1`` each.

    Attributes
    ----------
    box : str
        Of an objective the whole loop as its paper's algorithm box has it, for runs without a further constraint, remedies or
        classes. It leaves the losses of a step in a dict ``losses``, and may have ``$m``, ``$n_critic``, ``$scores`` (both
        batches' scores) and ``$penalty`` (the number of the penalty's stream) filled in.
    functions : tuple[str, ...]
        Functions that its lines call.
    setup : str
        Before the loop. Variables of a constraint are called ``$held_…``, since an objective may carry another of its kind.
    built : str
        What is done to the networks once they have their weights.
    losses, smoothing : str
        Of an objective: ``critic_real`` and ``critic_fake``, and what labels smoothed by ``smoothing`` add.
    term, penalty : str
        A further term of the critic's loss, and the lines that leave it in a variable of that name. ``$smoothing`` is the
        objective's own.
    seen : str
        What is done to a batch in the variable ``$batch`` before the critic sees it.
    pull : str
        What is done to the gradients of ``$role``, critic or generator, before its step.
    project : str
        After the critic's step.
    generator : str
        ``generator_loss``, from ``x_fake``. ``$seen`` does to a batch ``x`` what is done before the critic sees it, and
        ``$features(x)`` is what the critic's last layer gets to see of one. A batch of the remedy's own is
        ``x = draw_real(m, rng)``, which has the step's classes where samples have some.
    """

    box: str = ""
    functions: tuple[str, ...] = ()
    setup: str = ""
    built: str = ""
    losses: str = ""
    smoothing: str = ""
    penalty: str = ""
    term: str = ""
    seen: str = ""
    pull: str = ""
    project: str = ""
    generator: str = ""

    @classmethod
    def scored(cls, real: str, fake: str, generator: str, **more: Any) -> Self:
        """An objective's, from its two losses of the scores and the generator's."""
        return cls(
            losses=f"critic_real = {real}\ncritic_fake = {fake}",
            generator=f"on_fake = critic(x_fake)\ngenerator_loss = {generator}",
            **more,
        )

    def filled(self, name: str, value: object) -> Self:
        """With a value in place of ``$name``."""

        def fill(lines: str) -> str:
            return lines.replace(f"${name}", str(value))

        changed: dict[str, Any] = {f.name: fill(getattr(self, f.name)) for f in fields(self) if f.name != "functions"}
        return replace(self, functions=tuple(map(fill, self.functions)), **changed)


class OwnLayer:
    """Beside ``nn.Module``: a layer that torch does not have. A script that uses it defines it by these lines.

    Attributes
    ----------
    definition : str
        The class in a script, of the same name.
    own_layers : list[type[OwnLayer]]
        All there are, in the order in which scripts define them.
    """

    definition: ClassVar[str]
    own_layers: ClassVar[list[type[OwnLayer]]] = []

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        OwnLayer.own_layers.append(cls)

    def made_with(self) -> tuple[Any, ...]:
        """What a script makes one with: plain values, or layers in an ``nn.Sequential``."""
        return ()


def block(*parts: str) -> str:
    """Parts below each other. An empty first line of a paragraph stays, an empty part does not."""
    lines = [
        part.rstrip("\n") for i, part in enumerate(parts) if part or (i + 1 < len(parts) and parts[i + 1][:1] == "#")
    ]
    return "\n".join(lines) + "\n"
