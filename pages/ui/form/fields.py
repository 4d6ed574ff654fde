"""Forms: from the schema of a config to widgets, and back to a config.

Nothing here knows a particular knob: title, help, bounds and choices come from the schema, so a new knob of a new
objective appears by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from shlex import quote
from typing import Any

import streamlit as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pages.ui.form import fetching
from pages.ui.form.pictures import class_input, pictures_input
from pages.ui.form.points import points_input
from pages.ui.text import plain
from wgan_core.config import MAX_URL_CHARACTERS, RunConfig, TrainingConfig, differing, with_paths
from wgan_core.config.training import completed
from wgan_core.datasets import Dataset
from wgan_core.host import available
from wgan_core.objectives.remedies import REMEDIES, Remedy, Switches
from wgan_core.schema import ConfigError
from wgan_core.schema.errors import bounds, choices, models_of

GROUPS: dict[str, tuple[str, ...]] = {
    "Data": ("dataset", "conditional"),
    "Objective": ("objective", "n_critic"),
    "Constraint and remedies": ("constraint", "remedies"),
    "Networks": ("latent", "generator", "critic"),
    "Optimisers": ("critic_optimiser", "generator_optimiser", "generator_average", "batch_size"),
    "Run": ("steps", "seed", "device", "threads", "speed", "snapshot_every", "scores_every"),
}
NO_CHANGE = ("seed", "device", "threads", "speed")
IMAGES_ONLY = ("speed", "scores_every")
OPEN = ("Data", "Objective")
# What another data set brings anew.
OF_DATASET = ("conditional", "latent", "generator", "critic")
# Inputs that a knob asks for by name, since its type alone does not say enough.
WIDGETS: dict[str, Callable[[str, FieldInfo, Any, str], Any]] = {
    "points": points_input,
    "pictures": pictures_input,
    "picture-class": class_input,
}


class Form:
    """A form for (a part of) a config. What it holds lives in the session, under its name.

    Parameters
    ----------
    name : str
        Several forms may stand on a page.
    """

    def __init__(self, name: str = "form") -> None:
        self.name = name
        self._place = f"draft:{name}"

    def fill(self, config: TrainingConfig) -> None:
        """Put a config into the form."""
        self.forget()
        st.session_state[self._place] = config.model_dump()

    def forget(self) -> None:
        """Empty the form."""
        st.session_state.pop(self._place, None)
        for key in [key for key in st.session_state if str(key).startswith(f"{self.name}.")]:
            del st.session_state[key]

    def filled(self) -> bool:
        """Whether this session's form holds something already."""
        return self._place in st.session_state

    @property
    def data(self) -> dict[str, Any]:
        """What the form holds, complete, perhaps wrong."""
        if not self.filled():
            self.fill(TrainingConfig.parse({}))
        found: dict[str, Any] = st.session_state[self._place]
        return found

    def draw(self, groups: Mapping[str, tuple[str, ...]] = GROUPS) -> dict[str, Any]:
        """Draw groups of fields, and return what the form then holds."""
        draft = dict(self.data)
        for group, names in groups.items():
            with st.expander(group, expanded=group in OPEN):
                self.fields(names, draft)
        self.keep(draft)
        return draft

    def keep(self, draft: dict[str, Any]) -> None:
        """Hold this from now on."""
        st.session_state[self._place] = draft

    def fields(self, names: Sequence[str], draft: dict[str, Any]) -> None:
        """Draw fields where we are, and put their values into ``draft``."""
        is_image = Dataset.kinds[draft["dataset"]["kind"]].is_image
        for name in names:
            if name in IMAGES_ONLY and not is_image:
                continue
            draft[name] = self._field(name, TrainingConfig.model_fields[name], draft.get(name))

    def _field(self, path: str, field: FieldInfo, value: Any) -> Any:
        """The widgets of one field: a single one, or those of a part."""
        if isinstance(value, Mapping):
            return self._part(path, field, dict(value))
        return _input(f"{self.name}.{path}", field, value)

    def _part(self, path: str, field: FieldInfo, value: dict[str, Any]) -> dict[str, Any]:
        models = models_of(field.annotation)
        if len(models) > 1:
            kinds = {model.model_fields["kind"].default: model for model in models}
            key = f"{self.name}.{path}.kind"
            st.session_state.setdefault(key, value["kind"])
            kind = st.selectbox(
                str(field.title),
                list(kinds),
                key=key,
                format_func=lambda k: kinds[k].label,
                help=field.description,
                on_change=self._kind_changed,
                args=(path,),
            )
            model = kinds[kind]
            made = {"kind": kind}
        else:
            model, made = models[0], {}
            if issubclass(model, Switches):
                return self._switches(path, field, model, value)
            st.caption(str(field.title), help=field.description if issubclass(model, Remedy) else None)
        for name, inner in model.model_fields.items():
            if name != "kind":
                made[name] = self._field(f"{path}.{name}", inner, value.get(name, _default(inner)))
        if path == "dataset":
            fetching.offer(made, self._use_embedded)
        return made

    def _switches(self, path: str, field: FieldInfo, model: type[Switches], value: Mapping[str, Any]) -> dict[str, Any]:
        """One widget to choose remedies, and the knobs of those that are chosen."""
        off = {name: _default(inner) for name, inner in model.model_fields.items()}
        held = off | dict(value)
        key = f"{self.name}.{path}.chosen"
        st.session_state.setdefault(key, [name for name in off if held[name].get(REMEDIES[name].switch())])
        chosen = st.multiselect(
            str(field.title),
            list(off),
            key=key,
            format_func=lambda name: REMEDIES[name].label,
            help=field.description,
            placeholder="None",
        )
        for name in chosen:
            switch = REMEDIES[name].switch()
            part = held[name] if held[name].get(switch) else off[name] | {switch: REMEDIES[name].usual}
            off[name] = self._field(f"{path}.{name}", model.model_fields[name], part)
        return off

    def _use_embedded(self) -> None:
        """Take the images that come with the software."""
        keep = {name: value for name, value in self.data.items() if name not in OF_DATASET}
        self._fill_anew(keep | {"dataset": {"kind": "fashion-mnist"}})

    def _kind_changed(self, path: str) -> None:
        """Another kind brings its own defaults, and those of what depends on it, as its paper has them."""
        kind = st.session_state[f"{self.name}.{path}.kind"]
        keep = with_paths(dict(self.data), {f"{path}.kind": kind})
        if path == "objective":
            drop = {"constraint", "critic_optimiser", "generator_optimiser", "n_critic", "batch_size"}
            keep["critic"] = {name: value for name, value in keep["critic"].items() if name != "normalisation"}
        elif path == "constraint":
            drop = set()
            keep["critic"] = {name: value for name, value in keep["critic"].items() if name != "normalisation"}
        elif path == "dataset":
            drop = {"conditional"} if _both_images(self.data["dataset"]["kind"], kind) else set(OF_DATASET)
        else:
            drop = set()
        self._fill_anew({name: value for name, value in keep.items() if name not in drop})

    def _fill_anew(self, keep: Mapping[str, Any]) -> None:
        """Hold this, and the defaults of the rest."""
        filled = completed(keep)
        try:
            self.fill(TrainingConfig.parse(filled))
        except ConfigError:
            # Something else in the form is wrong and is said there; take the new kind all the same.
            st.session_state[self._place] = filled


def _default(field: FieldInfo) -> Any:
    """What a field holds that was not given."""
    return field.default.model_dump() if isinstance(field.default, BaseModel) else field.default


def _both_images(one: str, other: str) -> bool:
    """Whether these data sets hold images: networks for images make those of any size."""
    return bool(Dataset.kinds[one].is_image and Dataset.kinds[other].is_image)


def config_form(form: Form) -> TrainingConfig | None:
    """Draw a whole config's form and return the config, or None after saying what is wrong with it."""
    data = form.draw()
    try:
        return TrainingConfig.parse(data)
    except ConfigError as error:
        say(error)
        return None


def say(error: ConfigError) -> None:
    """Show what is wrong, a line for each problem."""
    for problem in error.problems:
        st.error(plain(str(problem)), icon=":material/error:")


SEVERAL_SEEDS = 16


def run_knob(name: str, default: Any, key: str) -> Any:
    """The widget of a field that belongs to the whole run."""
    return _input(key, RunConfig.model_fields[name], default)


def seeds_knob() -> int:
    """How many seeds the button for several seeds trains."""
    return max(2, int(run_knob("seeds", SEVERAL_SEEDS, "several_seeds")))


def changed(before: TrainingConfig, config: TrainingConfig) -> str:
    """In which settings a config differs from the one that it began as, by their names on screen; seeds and devices apart."""
    paths = [path for path, _ in differing([before, config]) if path.partition(".")[0] not in NO_CHANGE]
    parts = dict.fromkeys(str(TrainingConfig.model_fields[path.partition(".")[0]].title) for path in paths)
    return ", ".join(parts)


def live_knobs(config: TrainingConfig, paths: list[str], run_id: str) -> dict[str, Any]:
    """Inputs for knobs of a running config; returns those whose value differs from it, by path."""
    changes = {}
    for path in paths:
        part: Any = config
        *parents, leaf = path.split(".")
        for name in parents:
            part = getattr(part, name)
        field = type(part).model_fields[leaf]
        owner = TrainingConfig.model_fields[parents[0]].title if parents and parents[0] != "objective" else ""
        now = getattr(part, leaf)
        value = _input(
            f"live.{run_id}.{path}", field, now, label=f"{owner}: {field.title}" if owner else str(field.title)
        )
        if value != now:
            changes[path] = value
    return changes


def command_line(config: TrainingConfig, seeds: int = 1) -> str:
    """The command that trains this config without a page. What is long stands in a file: see :func:`files`."""

    def flags(part: Mapping[str, Any], prefix: str) -> list[str]:
        found = []
        for name, value in part.items():
            shown = f"@{name}.txt" if _long(value) else value
            found += (
                flags(value, f"{prefix}{name}.")
                if isinstance(value, Mapping)
                else [f"--{prefix}{name} {quote(str(shown))}"]
            )
        return found

    several = [f"--seeds {seeds}"] if seeds > 1 else []
    return " ".join(["python -m wgan_core train", *flags(config.essence(), ""), *several])


def files(config: TrainingConfig) -> dict[str, str]:
    """The files that the command line reads, by name: what of a config is too long to be typed."""
    return {f"{name}.txt": value for name, value in config.essence()["dataset"].items() if _long(value)}


def too_long(link: str) -> str | None:
    """Why this text of a config does not fit into a link, if it does not."""
    if len(link) <= MAX_URL_CHARACTERS:
        return None
    return (
        f"These settings are too long for a link: they take {len(link):,} characters, and {MAX_URL_CHARACTERS:,} fit. Use fewer"
        " points, or pass on the file of points."
    )


def _long(value: Any) -> bool:
    return isinstance(value, str) and len(value) > MAX_URL_CHARACTERS


def _input(key: str, field: FieldInfo, value: Any, label: str | None = None) -> Any:
    """One widget, by the field's type."""
    text, help = label or str(field.title), field.description
    extra = field.json_schema_extra
    if isinstance(extra, dict) and (widget := WIDGETS.get(str(extra.get("widget")))):
        return widget(key, field, value, text)
    if options := choices(field):
        st.session_state.setdefault(key, value)
        return st.selectbox(text, options, key=key, help=help)
    if field.annotation is bool:
        st.session_state.setdefault(key, bool(value))
        return st.toggle(text, key=key, help=help)
    if field.annotation in (int, float):
        number = field.annotation
        limits = bounds(field)
        low, high = limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))
        st.session_state.setdefault(key, number(value))
        return st.number_input(
            text,
            min_value=None if low is None else number(low),
            max_value=None if high is None else number(high),
            step=1 if number is int else _step(field, float(value)),
            format="%d" if number is int else "%.6g",
            key=key,
            help=help,
        )
    if field.title == "Device":
        st.session_state.setdefault(key, value)
        devices = list(dict.fromkeys(["auto", *available(), value]))
        return st.selectbox(text, devices, key=key, help=help)
    st.session_state.setdefault(key, str(value))
    return st.text_input(text, key=key, help=help)


def _step(field: FieldInfo, value: float) -> float:
    """Step of a number's + and − buttons: the leading digit of the value where the knob is logarithmic."""
    extra = field.json_schema_extra
    if isinstance(extra, dict) and extra.get("log") and value > 0:
        return float(f"1e{f'{value:e}'.split('e')[1]}")
    return 0.1 if abs(value) < 10 else 1.0
