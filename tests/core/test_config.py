"""The config fills in what a paper says, refuses what cannot work, and survives JSON, URL and edits."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from tests.core.helpers import small
from wgan_core.config import MAX_PARAMETERS, MAX_URL_CHARACTERS, TrainingConfig, difference, live_paths, with_paths
from wgan_core.datasets import Dataset
from wgan_core.lessons.presets import PRESETS
from wgan_core.networks import Latent, Network
from wgan_core.objectives import Objective
from wgan_core.objectives.constraints import Constraint, Free
from wgan_core.objectives.remedies import REMEDIES
from wgan_core.optimisers import Optimiser
from wgan_core.schema import ConfigError
from wgan_core.schema.errors import bounds, choices
from wgan_core.training import Training

# Defaults


def test_weight_clipping_starts_as_its_paper_says() -> None:
    config = TrainingConfig.parse({"objective": {"kind": "wgan-clip"}})
    assert config.objective.model_dump() == {"kind": "wgan-clip", "clip": 0.01}
    for optimiser in (config.critic_optimiser, config.generator_optimiser):
        assert (optimiser.kind, optimiser.lr) == ("rmsprop", 5e-5)
    assert (config.n_critic, config.batch_size) == (5, 64)


def test_the_gradient_penalty_starts_as_its_paper_says() -> None:
    config = TrainingConfig.parse({"objective": {"kind": "wgan-gp"}})
    assert config.objective.model_dump() == {"kind": "wgan-gp", "penalty_weight": 10.0}
    for optimiser in (config.critic_optimiser, config.generator_optimiser):
        assert optimiser.model_dump() == {"kind": "adam", "lr": 1e-4, "beta1": 0.0, "beta2": 0.9}
    assert (config.n_critic, config.batch_size) == (5, 64)


def test_a_gan_takes_one_step_each_and_adam_as_in_dcgan() -> None:
    config = TrainingConfig.parse({"objective": {"kind": "gan"}})
    for optimiser in (config.critic_optimiser, config.generator_optimiser):
        assert optimiser.model_dump() == {"kind": "adam", "lr": 2e-4, "beta1": 0.5, "beta2": 0.999}
    assert config.n_critic == 1


def test_what_is_given_wins_over_the_papers_defaults() -> None:
    config = TrainingConfig.parse({"objective": {"kind": "wgan-clip"}, "critic_optimiser": {"lr": 0.5}, "n_critic": 2})
    assert config.critic_optimiser.model_dump() == {"kind": "rmsprop", "lr": 0.5, "alpha": 0.99}
    assert config.generator_optimiser.lr == 5e-5
    assert config.n_critic == 2


def test_another_optimiser_than_the_papers_has_its_own_defaults() -> None:
    config = TrainingConfig.parse({"objective": {"kind": "wgan-clip"}, "critic_optimiser": {"kind": "adam"}})
    assert config.critic_optimiser == Optimiser.kinds["adam"]()


@pytest.mark.parametrize(
    ("objective", "normalisation"), [("gan", "batch"), ("wgan-clip", "batch"), ("wgan-gp", "layer")]
)
def test_images_start_with_dcgans_normalised_as_the_objective_allows(objective: str, normalisation: str) -> None:
    config = TrainingConfig.parse({"dataset": {"kind": "fashion-mnist"}, "objective": {"kind": objective}})
    assert (config.generator.kind, config.critic.kind) == ("dcgan", "dcgan")
    assert (config.generator.normalisation, config.critic.normalisation) == ("batch", normalisation)
    assert config.latent.dim == 64


def test_nothing_given_is_a_gradient_penalty_on_the_ring() -> None:
    config = TrainingConfig.parse({})
    assert (config.dataset.kind, config.objective.kind, config.generator.kind) == ("ring", "wgan-gp", "mlp")
    assert TrainingConfig() == config
    assert TrainingConfig.parse("{}") == config
    assert TrainingConfig.parse(dict.fromkeys(("dataset", "latent", "generator", "critic", "objective"))) == config


# Refusals: the field, what is allowed, what was given

BIG = {"width": 2048, "depth": 8}
REFUSED: list[tuple[Any, str, str, str]] = [
    ({"n_critic": 0}, "n_critic", "a whole number from 1 to 100", "0"),
    ({"n_critic": 101}, "n_critic", "a whole number from 1 to 100", "101"),
    ({"n_critic": 2.5}, "n_critic", "a whole number from 1 to 100", "2.5"),
    ({"n_critic": None}, "n_critic", "a whole number from 1 to 100", "None"),
    ({"n_critic": "many"}, "n_critic", "a whole number from 1 to 100", "“many”"),
    ({"n_critic": {}}, "n_critic", "a whole number from 1 to 100", "{}"),
    ({"n_critic": [1]}, "n_critic", "a whole number from 1 to 100", "[1]"),
    ({"objective": {"kind": "wgan-clip", "clip": 0}}, "objective.clip", "a number above 0 to 10", "0"),
    ({"objective": {"kind": "wgan-clip", "clip": -1}}, "objective.clip", "a number above 0 to 10", "-1"),
    ({"objective": {"kind": "wgan-clip", "clip": None}}, "objective.clip", "a number above 0 to 10", "None"),
    ({"objective": {"penalty_weight": -0.1}}, "objective.penalty_weight", "a number from 0 to 10,000", "-0.1"),
    *(
        ({f"{role}_optimiser": {"lr": lr}}, f"{role}_optimiser.lr", "a number above 0 to 1,000", str(lr))
        for role in ("critic", "generator")
        for lr in (0, -1e-3, math.nan, math.inf, -math.inf, 1e9)
    ),
    ({"critic_optimiser": {"beta1": 1}}, "critic_optimiser.beta1", "a number from 0 and below 1", "1"),
    ({"batch_size": 0}, "batch_size", "a whole number from 1 to 16,384", "0"),
    ({"batch_size": 1e9}, "batch_size", "a whole number from 1 to 16,384", "1000000000.0"),
    (
        {"dataset": {"kind": "fashion-mnist"}, "batch_size": 10_001},
        "batch_size",
        "must not be larger than the data set, 10,000 samples",
        "10001",
    ),
    ({"steps": 1e9}, "steps", "a whole number from 1 to 10,000,000", "1000000000.0"),
    ({"steps": 10**5000}, "steps", "a whole number from 1 to 10,000,000", "a very long int"),
    ({"critic": {"width": 1e9}}, "critic.width", "a whole number from 1 to 2,048", "1000000000.0"),
    ({"generator": {"width": 10**9}}, "generator.width", "a whole number from 1 to 2,048", "1000000000"),
    ({"seed": -1}, "seed", "a whole number from 0 to 2,147,483,647", "-1"),
    ({"threads": 0}, "threads", "a whole number from 1 to", "0"),
    ({"device": "gpu"}, "device", "auto, cpu, cuda, cuda:N or mps", "“gpu”"),
    ({"device": None}, "device", "auto, cpu, cuda, cuda:N or mps", "None"),
    ({"schema_version": 2}, "schema_version", "1", "2"),
    ({"latent": {"prior": "cauchy"}}, "latent.prior", "one of gaussian, uniform", "“cauchy”"),
    ({"dataset": {"kind": "moon"}}, "dataset.kind", "one of ring, grid,", "“moon”"),
    ({"dataset": {"kind": None}}, "dataset.kind", "one of ring, grid,", "None"),
    ({"dataset": {"kind": ["ring"]}}, "dataset.kind", "one of ring, grid,", "['ring']"),
    ({"objective": {"kind": "vae"}}, "objective.kind", "one of gan, wgan-clip, wgan-gp", "“vae”"),
    ({"dataset": "ring"}, "dataset", "an object of settings", "“ring”"),
    ({"dataset": []}, "dataset", "an object of settings", "[]"),
    ({"latent": 16}, "latent", "an object of settings", "16"),
    ({"learning_rate": 1}, "learning_rate", "there is no such field; allowed here: schema_version, dataset", ""),
    ({"critic": {"dropout": 1}}, "critic.dropout", "allowed here: kind, normalisation, depth", ""),
    ({"objective": {"kind": "gan", "clip": 1}}, "objective.clip", "allowed here: kind, generator_goal", ""),
    ({"critic": {"normalisation": "batch"}}, "critic.normalisation", "use layer or none", "batch"),
    (
        {"dataset": {"kind": "fashion-mnist"}, "critic": {"normalisation": "batch"}},
        "critic.normalisation",
        "use layer or none",
        "batch",
    ),
    ({"generator": {"kind": "dcgan"}}, "generator.kind", "use mlp", "DCGAN"),
    ({"critic": {"kind": "dcgan", "normalisation": "layer"}}, "critic.kind", "use mlp", "DCGAN"),
    ({"generator": BIG, "critic": BIG}, "generator, critic", f"{MAX_PARAMETERS:,} are allowed", "58,796,035"),
    (None, "", "a JSON object", ""),
    ([], "", "a JSON object", ""),
    (7, "", "a JSON object", ""),
    ("[1, 2]", "", "a JSON object", ""),
    ("null", "", "a JSON object", ""),
    ("n_critic=5", "", "not valid JSON", ""),
    ('{"n_critic": ', "", "not valid JSON", ""),
    ('{"n_critic": NaN}', "n_critic", "a whole number from 1 to 100", "nan"),
    ('{"n_critic": 1e999}', "n_critic", "a whole number from 1 to 100", "inf"),
    ("[" * 3999, "", "not valid JSON", ""),
    (f'{{"seed": {"[" * 1900}{"]" * 1900}}}', "", "not valid JSON", ""),
    (json.dumps({"seed": "x" * 1_000_000}), "", f"longer than {MAX_URL_CHARACTERS} characters", ""),
]


@pytest.mark.parametrize(
    ("data", "path", "allows", "given"), REFUSED, ids=lambda value: repr(value)[:40] if isinstance(value, str) else None
)
def test_a_bad_config_is_refused_with_the_field_what_is_allowed_and_what_was_given(
    data: Any, path: str, allows: str, given: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig.parse(data)
    (problem,) = caught.value.problems
    assert problem.path == path
    assert allows in problem.message
    assert given in problem.message
    assert str(caught.value) == (f"{path}: {problem.message}" if path else problem.message)
    assert len(str(caught.value)) < 500


def test_each_of_several_mistakes_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig.parse({"n_critic": 0, "critic": {"width": 0}, "colour": "red"})
    assert {problem.path for problem in caught.value.problems} == {"n_critic", "critic.width", "colour"}


@pytest.mark.parametrize("depth", [100, 400])
def test_deeply_nested_values_are_refused(depth: int) -> None:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    for data in ({"seed": value}, {"latent": value}, {"dataset": {"kind": value}}, {"unknown": value}):
        with pytest.raises(ConfigError):
            TrainingConfig.parse(data)


@pytest.mark.parametrize("depth", [100, 400, 700, 800, 900, 950, 1000, 1500])
def test_deeply_nested_json_is_refused_whichever_stage_finds_it_too_deep(depth: int) -> None:
    with pytest.raises(ConfigError):
        TrainingConfig.parse(f'{{"seed": {"[" * depth}{"]" * depth}}}')


# Arbitrary input

NAMES = [*TrainingConfig.model_fields, "kind", "lr", "width", "normalisation", "clip", "colour"]
KINDS = [kind for family in (Dataset, Objective, Network, Optimiser) for kind in family.kinds]
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(KINDS),
    st.sampled_from([2**70, "cpu", "batch", 1, 5, 0.1]),
)
json_like = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(data=st.dictionaries(st.sampled_from(NAMES), json_like, max_size=6) | json_like)
def test_anything_at_all_gives_a_config_or_a_config_error(data: Any) -> None:
    try:
        config = TrainingConfig.parse(data)
    except ConfigError as error:
        refused = error
    else:
        assert TrainingConfig.parse(config.model_dump()) == config
        return
    assert refused.problems
    assert all(problem.message for problem in refused.problems)


@given(text=st.text(max_size=60).filter(lambda text: not text.strip().startswith("{")))
def test_text_that_is_no_json_object_gives_a_config_error(text: str) -> None:
    with pytest.raises(ConfigError):
        TrainingConfig.parse(text)


# Round trips


def value_of(field: FieldInfo) -> st.SearchStrategy[Any]:
    if options := choices(field):
        return st.sampled_from(options)
    limits = bounds(field)
    low, high = limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))
    if field.annotation is int and low is not None and high is not None:
        return st.integers(int(low), int(high))
    if field.annotation is float:
        return st.floats(low, high, exclude_min="gt" in limits, exclude_max="lt" in limits)
    return st.just(field.default)


def variant_of(
    family: Any, *, without: frozenset[str] = frozenset(), **limits: Any
) -> st.SearchStrategy[dict[str, Any]]:
    """Any kind of a family with any of its knobs given, the rest left out."""

    def of(kind: str) -> st.SearchStrategy[dict[str, Any]]:
        fields = {
            name: limits[name] if name in limits else value_of(field)
            for name, field in family.kinds[kind].model_fields.items()
            if name != "kind"
        }
        return st.fixed_dictionaries({"kind": st.just(kind)}, optional=fields)

    return st.sampled_from(sorted(family.kinds.keys() - without)).flatmap(of)


@st.composite
def configs(draw: st.DrawFn) -> TrainingConfig:
    """Valid configs, with networks small enough for the limit on parameters."""
    data: dict[str, Any] = {}
    dataset = draw(variant_of(Dataset))
    objective = draw(variant_of(Objective))
    held = Objective.kinds[objective["kind"]]()
    unfit = frozenset(kind for kind, cls in Constraint.kinds.items() if cls().refusal(held.constraint, held.label))
    if held.unheld and held.held_by is Free:
        unfit |= {"none"}
    constraint = draw(variant_of(Constraint, without=unfit))
    if constraint["kind"] != "none" or draw(st.booleans()):
        data["constraint"] = constraint
    remedies = ["instance_noise", "historical_averaging", *(["label_smoothing"] if not held.no_labels else [])]
    data["remedies"] = draw(
        st.fixed_dictionaries(
            {},
            optional={
                name: st.fixed_dictionaries(
                    {}, optional={n: value_of(f) for n, f in REMEDIES[name].model_fields.items()}
                )
                for name in remedies
            },
        )
    )
    is_image = Dataset.kinds[dataset["kind"]].is_image
    sizes = {"width": st.integers(1, 512), "depth": st.integers(1, 3), "base_channels": st.integers(4, 64)}
    for role in ("generator", "critic"):
        reasons = held.held_by.no_batch_norm, Constraint.kinds[constraint["kind"]].no_batch_norm
        penalised = role == "critic" and any(reasons)
        # A DCGAN's own default is batch normalisation, so a penalised critic of that kind must say otherwise.
        norms = st.sampled_from(["none", "layer"] if penalised else ["none", "layer", "batch"])
        without = frozenset() if is_image else frozenset(k for k, c in Network.kinds.items() if c.images_only)
        network = draw(variant_of(Network, without=without, normalisation=norms, **sizes))
        if draw(st.booleans()) or penalised:
            data[role] = network | ({"normalisation": draw(norms)} if penalised else {})
    for role in ("critic_optimiser", "generator_optimiser"):
        if draw(st.booleans()):
            data[role] = draw(variant_of(Optimiser))
    latent = {"dim": st.integers(1, 256), "prior": value_of(Latent.model_fields["prior"])}
    data["latent"] = draw(st.fixed_dictionaries({}, optional=latent))
    top = {
        name: value_of(TrainingConfig.model_fields[name])
        for name in ("n_critic", "steps", "seed", "threads", "snapshot_every")
    }
    data |= draw(
        st.fixed_dictionaries(
            {},
            optional=top
            | {
                "batch_size": st.integers(
                    2, 1000
                ),  # batch normalisation takes two; one class of a test split has no more
                "device": st.sampled_from(["cpu", "auto", "cuda:3"]),
                "conditional": st.just(dataset["kind"] == "grid" and dataset.get("side", 5) > 1),
                "generator_average": st.floats(0, 0.9999),
                "speed": st.fixed_dictionaries({}, optional={"channels_last": st.booleans()}),
            },
        )
    )
    return TrainingConfig.parse(data | {"dataset": dataset, "objective": objective})


def check_round_trips(config: TrainingConfig) -> None:
    assert TrainingConfig.parse(config.essence()) == config
    assert TrainingConfig.parse(config.to_url()) == config
    assert TrainingConfig.parse(config.model_dump_json()) == config
    assert len(config.to_url()) <= MAX_URL_CHARACTERS


@given(config=configs())
def test_essence_url_and_json_bring_any_config_back(config: TrainingConfig) -> None:
    check_round_trips(config)


@pytest.mark.parametrize("name", PRESETS)
def test_essence_url_and_json_bring_each_preset_back(name: str) -> None:
    check_round_trips(PRESETS[name].config)


def test_the_essence_of_the_defaults_is_two_kinds() -> None:
    assert TrainingConfig.parse({}).essence() == {"dataset": {"kind": "ring"}, "objective": {"kind": "wgan-gp"}}
    assert TrainingConfig.parse({}).to_url() == '{"dataset":{"kind":"ring"},"objective":{"kind":"wgan-gp"}}'


def test_the_essence_names_only_what_differs() -> None:
    config = TrainingConfig.parse(
        {"objective": {"kind": "wgan-clip"}, "critic": {"width": 64}, "critic_optimiser": {"lr": 1e-3}, "steps": 7}
    )
    assert config.essence() == {
        "dataset": {"kind": "ring"},
        "objective": {"kind": "wgan-clip"},
        "critic": {"width": 64},
        "critic_optimiser": {"lr": 1e-3},
        "steps": 7,
    }


def test_the_difference_from_another_kind_is_everything() -> None:
    assert difference({"a": {"kind": "x", "n": 1}}, {"a": {"kind": "y", "n": 1}}) == {"a": {"kind": "x", "n": 1}}
    assert difference({"a": {"kind": "x", "n": 1}}, {"a": {"kind": "x", "n": 1}}) == {}


# Edits


def test_an_edit_changes_that_field_and_no_other() -> None:
    before = small()
    after = before.edited({"objective.penalty_weight": 3, "critic_optimiser.lr": 0.5})
    assert after.objective.model_dump()["penalty_weight"] == 3
    assert after.critic_optimiser.lr == 0.5
    assert before.objective.model_dump()["penalty_weight"] == 10
    assert after.edited({"objective.penalty_weight": 10, "critic_optimiser.lr": before.critic_optimiser.lr}) == before


@pytest.mark.parametrize("path", ["n_criticism", "objective.clip", "objective.kind.x", "", "dataset.modes.n", "seed.x"])
def test_an_edit_of_a_field_that_is_not_there_is_refused(path: str) -> None:
    with pytest.raises(ConfigError):
        small().edited({path: 1})


def test_a_new_kind_drops_what_belonged_to_the_old_one() -> None:
    before = TrainingConfig.parse({"objective": {"kind": "wgan-clip", "clip": 0.5}})
    after = before.edited({"objective.kind": "wgan-gp"})
    assert after.objective == Objective.kinds["wgan-gp"]()
    assert after.critic_optimiser == before.critic_optimiser  # explicit by then, and kept


def test_the_same_kind_again_drops_nothing() -> None:
    before = TrainingConfig.parse({"objective": {"kind": "wgan-clip", "clip": 0.5}})
    assert before.edited({"objective.kind": "wgan-clip"}) == before


def test_paths_make_the_dicts_on_their_way() -> None:
    assert with_paths({}, {"a.b.c": 1, "a.d": 2, "e": 3}) == {"a": {"b": {"c": 1}, "d": 2}, "e": 3}
    assert with_paths({"a": 5}, {"a.b": 1}) == {"a": {"b": 1}}


def test_paths_do_not_reach_into_the_dicts_of_the_caller() -> None:
    inner = {"kind": "x", "n": 1}
    assert with_paths({"a": inner}, {"a.kind": "y"}) == {"a": {"kind": "y"}}
    assert inner == {"kind": "x", "n": 1}


def test_live_knobs_are_those_that_an_edit_of_a_training_takes() -> None:
    common = ["n_critic", "critic_optimiser.lr", "generator_optimiser.lr"]
    assert live_paths(small(objective="gan")) == common
    assert live_paths(small(objective="wgan-clip")) == ["objective.clip", *common]
    assert live_paths(small(objective="wgan-gp")) == ["objective.penalty_weight", *common]
    for objective in Objective.kinds:
        training = Training(small(objective=objective))
        for path in live_paths(training.config):
            training.edit({path: 1})
            value: Any = training.config
            for name in path.split("."):
                value = getattr(value, name)
            assert value == 1


def test_a_config_is_a_value_that_can_be_compared_and_not_changed() -> None:
    assert small() == small()
    assert small() != small(seed=1)
    with pytest.raises(ValueError, match="frozen"):
        small().seed = 3  # type: ignore[misc]
