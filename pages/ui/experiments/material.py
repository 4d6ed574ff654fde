"""What an experiment trains on where its files are missing: they are fetched, or pictures of one's own stand in."""

from __future__ import annotations

import streamlit as st

from pages.ui.form import fetching
from pages.ui.form.pictures import class_input, pictures_input
from wgan_core.datasets.pictures import ALL, Folder
from wgan_core.experiments import Experiment, Size, Standing, TrainedExperiment

PATH, CLASSES = "own.path", "own.classes"


def choose(experiment: Experiment, size: Size) -> Experiment | None:
    """Offer what there is to do about missing files, if some are missing.

    Returns
    -------
    Experiment or None
        The experiment to run, perhaps on the reader's own pictures; None where it cannot be run yet.
    """
    if not isinstance(experiment, TrainedExperiment) or (missing := experiment.missing(size)) is None:
        return experiment
    left, right = st.columns(2, gap="large")
    with left:
        fetching.offer(missing.model_dump())
    if not experiment.takes_pictures(size):
        return None
    fields = Folder.model_fields
    with right:
        path = pictures_input(PATH, fields["path"], "", "Or pictures of your own")
        classes = class_input(CLASSES, fields["classes"], ALL, str(fields["classes"].title)) if path else ALL
    return experiment.on(Folder(path=path, classes=classes).model_dump()) if path else None


def again(experiment: Experiment, standing: Standing) -> Experiment:
    """The experiment on what it was tried on then."""
    if isinstance(experiment, TrainedExperiment) and standing.pictures is not None:
        return experiment.on(standing.pictures)
    return experiment
