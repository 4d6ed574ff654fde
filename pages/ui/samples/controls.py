"""The inputs of the page of samples: seed, truncation, sliders, the two ends of a way; and what can be saved."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import streamlit as st
from PIL import Image

from pages.ui.samples.look import POINTS, REACH, SLIDERS, Look, columns_of, count_for, directions, grid_of
from wgan_core.explore import TRUNCATIONS, Sampler, Truncation
from wgan_core.explore.latents import LEAST_BOUND, MOST_SEED
from wgan_core.metrics import image_grid
from wgan_core.networks import Latent

KEY = "samples-shown"
COUNTS = (16, 36, 64, 100)
BASES = {"principal": "Principal", "coordinates": "Coordinates"}
ENDS = ("A", "B")


def latents_form(found: Sampler) -> Look:
    """Seed, number and truncation."""
    prior = found.config.latent
    st.number_input(
        "Seed",
        0,
        MOST_SEED,
        key="seed",
        bind="query-params",
        help="Of the latents: the same seed gives the same latents, at every step and in every run with such a prior.",
    )
    seed = int(st.session_state["seed"] or 0)
    n = POINTS
    if found.config.dataset.is_image:
        if found.classes:
            n = count_for(found)
            st.caption("Each row of the grid is a class, each column one latent.")
        else:
            n = st.select_slider("Samples", COUNTS, value=64, key="samples.n")
    how: Truncation = st.selectbox(
        "Latents",
        list(TRUNCATIONS),
        key="samples.truncation",
        format_func=lambda name: TRUNCATIONS[name],
        help=_truncation_help(prior),
    )
    bound = 1.0
    if how != "none":
        most = 1.0 if prior.prior == "uniform" else 3.0
        key = f"samples.bound.{prior.prior}"
        bound = st.slider("t", LEAST_BOUND, most, 1.0, 0.01, key=key)
    return Look(n=n, seed=seed, truncation=how, bound=bound)


def _truncation_help(prior: Latent) -> str:
    if prior.prior == "uniform":
        return (
            "Latents nearer to the middle give samples that are more alike, and mostly better. This run's prior is uniform on"
            " [−1, 1]: truncated or scaled, it becomes uniform on [−t, t]."
        )
    return (
        "Latents nearer to the middle give samples that are more alike, and mostly better (BigGAN's truncation trick)."
        " Truncated: each coordinate follows a Gaussian that is held within ±t. Scaled: each is multiplied by t."
    )


def base(look: Look) -> Look:
    """The sample to start from, and the kind of directions."""
    _clamp("samples.base", look.n - 1)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        number = st.number_input(
            "From sample",
            0,
            look.n - 1,
            key="samples.base",
            width=130,
            help="Counted from 0, row by row, in the view Samples.",
        )
        basis = st.segmented_control(
            "Directions",
            list(BASES),
            default="principal",
            required=True,
            key="samples.basis",
            format_func=lambda name: BASES[name],
            help="Principal: the directions in which the generator's first layer changes most, the strongest first.",
        )
    return replace(look, base=int(number or 0), basis=basis)


def sliders(found: Sampler, look: Look) -> Look:
    """One slider a direction, added to the latent of a sample."""
    names = [f"samples.slider.{i}" for i in range(len(directions(found, look.basis)))]
    offsets = [
        float(st.slider(f"Direction {i + 1}", -REACH, REACH, 0.0, 0.1, key=name)) for i, name in enumerate(names)
    ]

    def reset() -> None:
        for name in names:
            st.session_state[name] = 0.0

    st.button("All to 0", icon=":material/restart_alt:", key="samples.reset", type="tertiary", on_click=reset)
    return replace(look, offsets=(*offsets, *[0.0] * (SLIDERS - len(offsets))))


def ends(look: Look) -> Look:
    """The two samples to go between."""
    chosen = []
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for i, name in enumerate(ENDS):
            key = f"samples.end.{name}"
            st.session_state.setdefault(key, i)
            _clamp(key, look.n - 1)
            number = st.number_input(f"Sample {name}", 0, look.n - 1, key=key, width=130)
            chosen.append(int(number or 0))
    return replace(look, ends=(chosen[0], chosen[1]))


def picked() -> None:
    """A picture was clicked: it becomes A, the next one B, in turn."""
    told = (st.session_state.get(KEY) or {}).get("picked")
    index = told.get("index") if isinstance(told, dict) else None
    if not isinstance(index, int) or not 0 <= index < COUNTS[-1]:
        return
    turn = st.session_state.get("samples.turn", 0)
    st.session_state[f"samples.end.{ENDS[turn]}"] = index
    st.session_state["samples.turn"] = 1 - turn


def _clamp(key: str, most: int) -> None:
    """A number that was chosen among more samples than there are now."""
    if (st.session_state.get(key) or 0) > most:
        st.session_state[key] = most


# What can be saved


def downloads(run_id: str, found: Sampler, look: Look) -> None:
    """Buttons under the grid. A file is made when it is asked for."""
    name = f"{found.config.dataset.kind}-{run_id}-step-{found.step}-seed-{look.seed}"
    with st.container(horizontal=True, gap="small"):
        if found.config.dataset.is_image:
            st.download_button(
                "Grid as PNG",
                lambda: png(found, look),
                f"{name}.png",
                "image/png",
                key="samples.png",
                on_click="ignore",
                icon=":material/image:",
            )
        st.download_button(
            "Samples and latents as NPZ",
            lambda: npz(found, look),
            f"{name}.npz",
            "application/octet-stream",
            key="samples.npz",
            on_click="ignore",
            icon=":material/download:",
            help="For numpy.load: samples, latents, and the seed, step and truncation that they come from.",
        )
        st.download_button(
            "Samples as NPY",
            lambda: npy(found, look),
            f"{name}.npy",
            "application/octet-stream",
            key="samples.npy",
            on_click="ignore",
            icon=":material/download:",
        )


def png(found: Sampler, look: Look) -> bytes:
    """The grid as a picture."""
    buffer = io.BytesIO()
    Image.fromarray(image_grid(found(*grid_of(found, look)), columns_of(found, look))).save(
        buffer, "PNG", optimize=True
    )
    return buffer.getvalue()


def npz(found: Sampler, look: Look) -> bytes:
    """Samples, values from −1 to 1 where they are images, with the latents that they were made from."""
    asked = grid_of(found, look)
    buffer = io.BytesIO()
    classes = {} if asked.classes is None else {"classes": asked.classes.numpy()}
    about = {"seed": look.seed, "step": found.step, "truncation": look.truncation, "bound": look.bound}
    np.savez_compressed(buffer, samples=found(*asked).numpy(), latents=asked.latents.numpy(), **classes, **about)  # type: ignore[arg-type]
    return buffer.getvalue()


def npy(found: Sampler, look: Look) -> bytes:
    """The samples alone."""
    buffer = io.BytesIO()
    np.save(buffer, found(*grid_of(found, look)).numpy())
    return buffer.getvalue()
