"""The reference pages and the picture of the house, made from the code: ``python -m tests.make_docs``, or ``make docs``.

Whatever registers itself gets a page: each kind of each family of :class:`Variant`, and each measurement. The text is the
docstring's, the tables are those of the fields. A test holds the pages to the code.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from docstring_parser import Docstring, DocstringReturns, DocstringStyle, parse
from pydantic.fields import FieldInfo

from pages.ui.documents import anchor
from tests import architecture
from wgan_core.config import TrainingConfig
from wgan_core.metrics import MEASUREMENTS
from wgan_core.metrics.images import Scorer
from wgan_core.networks import Latent
from wgan_core.objectives.remedies import REMEDIES, Remedy, Switches
from wgan_core.schema import Part, Variant, allowed
from wgan_core.schema.errors import models_of
from wgan_core.theory import FIGURES
from wgan_core.theory.figure import Figure
from wgan_core.training.measuring import Measuring

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "reference"
PICTURE = ROOT / "docs" / "images" / "architecture.svg"
MADE = "<!-- Made by `make docs` from the code; edits here are lost. -->\n\n"
# What measures: the registry; the loop itself, whose losses and gradients are by-products of training; the scores of images.
MEASURING = {f.__name__: f for f in MEASUREMENTS} | {"training": Measuring._training_scalars, "scores": Scorer.score}
Family = type[Any]
Kind = type[Any]
# Those that are not kept by the family itself.
REGISTRIES: dict[Family, Any] = {Figure: FIGURES, Remedy: REMEDIES}
# Told elsewhere on a page, or, as the answer to a question, not at all.
NO_PROPERTIES = {"kinds", "label", "source", "formula", "says", "place", "question"}
# This bound hangs on the machine.
ALLOWED = {"threads": "a whole number from 1 to 8, or to the number of cores where that is more"}


def pages() -> dict[str, str]:
    """All pages by their path in the folder."""
    found = {"README.md": index(), "config.md": settings()}
    for family in families():
        for kind, cls in kinds(family).items():
            found[f"{folder(family)}/{kind}.md"] = kind_page(family, kind, cls)
    return found | {f"measurements/{name}.md": measurement_page(name) for name in MEASURING}


def families() -> list[Family]:
    """Every family of the core that has kinds, by name."""
    known: list[Family] = [*Variant.__subclasses__(), Remedy]
    return sorted(filter(kinds, known), key=folder)


def kinds(family: Family) -> dict[str, Kind]:
    registered = REGISTRIES.get(family) or family.kinds
    # Tests register kinds of their own.
    return {kind: cls for kind, cls in registered.items() if cls.__module__.startswith("wgan_core.")}


def titled(family: Family) -> str:
    return {"datasets": "Data sets"}.get(folder(family), folder(family).capitalize())


def folder(family: Family) -> str:
    name = family.__name__.lower()
    return name[:-1] + "ies" if name.endswith("y") else name + "s"


# One kind


def kind_page(family: Family, kind: str, cls: Kind) -> str:
    parts = [MADE + f"# {cls.label}", *prose(cls), *figure_text(cls)]
    if cls.source:
        parts.append(f"Source: {sentence(cls.source)}")
    parts.append(f"    python -m wgan_core {command(family, kind, cls)}")
    if rows := knob_rows(cls):
        parts += ["## Knobs", table(("Knob", "On screen", "Default", "Allowed", "What it does"), rows)]
    if rows := list(property_rows(family, cls)):
        parts += ["## Properties", table(("Name", "Here", "What it says"), rows)]
    return "\n\n".join([*parts, defined_in(cls)]) + "\n"


def figure_text(cls: Kind) -> list[str]:
    """What a theory figure says of itself."""
    if not issubclass(cls, Figure):
        return []
    return [" ".join(cls.says), f"$$\n{cls.formula}\n$$"]


def command(family: Family, kind: str, cls: Kind) -> str:
    """How to see it: a command that leaves out only what one must bring oneself."""
    if family is Figure:
        return f"theory --figure {kind}"
    if family is Remedy:
        return f"train --remedies.{kind}.{next(iter(cls.model_fields))} …"
    path = place(TrainingConfig, family)
    images = "--dataset.kind fashion-mnist " if getattr(cls, "images_only", False) else ""
    own = "".join(f" --{path}.{name} …" for name, field in cls.model_fields.items() if field.default == "")
    return f"train {images}--{path}.kind {kind}{own}"


def place(part: type[Part], family: Family) -> str:
    """The dotted path of the first field that takes this family's kinds."""
    for name, field in part.model_fields.items():
        for model in models_of(field.annotation):
            if issubclass(model, family):
                return name
            if deeper := place(model, family):
                return f"{name}.{deeper}"
    return ""


def knob_rows(cls: type[Part]) -> list[tuple[str, ...]]:
    return [
        (f"`{name}`", field.title or "", default(field), choice(name, field), help_of(field))
        for name, field in cls.model_fields.items()
        if name not in ("kind", "schema_version")
    ]


def default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Variant):
        return f"`{value.kind}`"
    if value is None or isinstance(value, Part):
        return "–"
    return f"`{shown(value)}`" if shown(value) else "empty"


def shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {shown(item)}" for name, item in value.items() if name != "kind")
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    text = "yes" if value is True else "no" if value is False else str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def choice(name: str, field: FieldInfo) -> str:
    models = models_of(field.annotation)
    if not models:
        return ALLOWED.get(name) or allowed(field)
    if issubclass(models[0], Switches):
        return f"knobs of each of the {folder(Remedy)}: {', '.join(f'`{name}`' for name in models[0].model_fields)}"
    found = [f for f in families() if issubclass(models[0], f)]
    names = [f"`{model.model_fields['kind'].default}`" for model in models if "kind" in model.model_fields]
    return f"one of the {folder(found[0])}: {', '.join(names)}" if found else f"a {models[0].__name__.lower()}, below"


def help_of(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    live = isinstance(extra, dict) and extra.get("live")
    return f"{field.description or ''}{' It can be turned while a run trains.' if live else ''}"


def property_rows(family: Family, cls: Kind) -> Iterator[tuple[str, str, str]]:
    """What the kinds of a family tell of themselves beside their knobs, explained as the family's docstring does."""
    for item in parsed(family.__doc__ or "").params:
        value = inspect.getattr_static(cls, item.arg_name, None)
        if item.arg_name in NO_PROPERTIES or not isinstance(value, str | bool | int | Mapping | tuple):
            continue
        if isinstance(value, Mapping):
            entries = [
                f"`{name}` {of_kind(entry) if isinstance(entry, Mapping) else shown(entry)}"
                for name, entry in value.items()
            ]
        elif isinstance(value, tuple):
            entries = [entry if isinstance(entry, str) else shown(entry) for entry in value]
        else:
            entries = [str(value) if isinstance(value, str) else shown(value)]
        yield f"`{item.arg_name}`", "<br>".join(entries) or "–", line(item.description or "")


def of_kind(settings: Mapping[str, Any]) -> str:
    """Nested settings as words: ``adam, lr 0.0002, beta1 0.5``."""
    return ", ".join(part for part in (str(settings.get("kind", "")), shown(settings)) if part)


# One measurement


def measurement_page(name: str) -> str:
    text = parsed(MEASURING[name].__doc__ or "")
    rows = [
        (", ".join(f"`{given}`" for given in names_of(item)), *of_type(item), line(item.description or ""))
        for item in text.many_returns
    ]
    parts = [MADE + f"# {name}", *prose(MEASURING[name]), table(("Gives", "Kind", "Unit", "Range", "What it is"), rows)]
    parts += [f"Source: {line(meta.description or '')}" for meta in text.meta if meta.args == ["references"]]
    return "\n\n".join([*parts, defined_in(MEASURING[name])]) + "\n"


def given_names() -> dict[str, str]:
    """Every number and array of a snapshot that is explained, with the page that does."""
    return {given: name for name, f in MEASURING.items() for _, given in gives(parsed(f.__doc__ or ""))}


def gives(text: Docstring) -> Iterator[tuple[DocstringReturns, str]]:
    for item in text.many_returns:
        for given in names_of(item):
            yield item, given


def names_of(item: DocstringReturns) -> list[str]:
    return (item.return_name or "").split(", ")


def of_type(item: DocstringReturns) -> tuple[str, str, str]:
    """``array (512, 2), data units, 0 and up`` in its parts: kind, unit, range."""
    found = re.fullmatch(r"(float|array \([^)]*\))(?:, ([^,]+))?(?:, (.+))?", item.type_name or "")
    if not found:
        raise ValueError(f"{item.return_name}: “{item.type_name}” is not of the form “float, unit, range”")
    kind, unit, span = found.groups()
    return "number" if kind == "float" else kind, unit or "–", span or "–"


# What stands above them


def index() -> str:
    parts = [
        MADE + "# Reference",
        "Each kind that a run can be made of, and each number that is measured, from the code's own words."
        " What the words mean is in the [glossary](../glossary.md), what the charts show in"
        " [How to read the charts](../charts.md).",
        "- [The config](config.md): All settings of a run.",
        *(f"- [{titled(f)}](#{anchor(titled(f))}): {summary(f)}" for f in families()),
        "- [Measurements](#measurements): What is measured of a run at each snapshot.",
    ]
    parts[2:] = ["\n".join(parts[2:])]
    for family in families():
        link = {kind: f"[`{kind}`]({folder(family)}/{kind}.md)" for kind in kinds(family)}
        rows = [(link[kind], cls.label, sentence(cls.source)) for kind, cls in kinds(family).items()]
        parts += [f"## {titled(family)}", table(("Kind", "On screen", "Source"), rows)]
    measuring = [(f"[{name}](measurements/{name}.md)", summary(function)) for name, function in MEASURING.items()]
    parts += ["## Measurements", table(("Measurement", "What it is"), measuring)]
    by_name = [
        (f"`{given}`", *of_type(item), f"[{name}](measurements/{name}.md)")
        for name, function in MEASURING.items()
        for item, given in gives(parsed(function.__doc__ or ""))
    ]
    columns = ("Name", "Kind", "Unit", "Range", "Measurement")
    parts += [
        "## Numbers and arrays by name",
        "Numbers are in each line of `train --json` and in exports; arrays belong to the snapshot that is shown.",
        table(columns, sorted(by_name, key=lambda row: row[0].strip("`"))),
    ]
    return "\n\n".join(parts) + "\n"


def settings() -> str:
    parts = [MADE + "# The config", *prose(TrainingConfig)]
    columns = ("Field", "On screen", "Default", "Allowed", "What it does")
    parts.append(table(columns, knob_rows(TrainingConfig)))
    parts += ["## Latent", *prose(Latent), table(columns, knob_rows(Latent))]
    return "\n\n".join([*parts, defined_in(TrainingConfig)]) + "\n"


# Text


def parsed(docstring: str) -> Docstring:
    return parse(docstring, DocstringStyle.NUMPYDOC)


def prose(thing: Any) -> list[str]:
    """Summary, body and notes of a docstring as Markdown; indented blocks are formulas and stay as they are."""
    docstring = inspect.cleandoc(thing.__doc__ or "")
    # By hand: the parser takes the indentation of a body's first line away.
    above = re.split(r"^\w.*\n-{3,}$", docstring, maxsplit=1, flags=re.MULTILINE)[0]
    notes = [meta.description or "" for meta in parsed(docstring).meta if meta.args == ["notes"]]
    return [markdown(part) for part in (*above.partition("\n\n")[::2], *notes) if part.strip()]


def summary(thing: Any) -> str:
    return line(parsed(thing.__doc__ or "").short_description or "")


def markdown(text: str) -> str:
    """The house's docstrings in Markdown: roles and double backticks become code."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    return text.replace("``", "`").strip("\n")


def line(text: str) -> str:
    return " ".join(markdown(text).split())


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(re.sub(r"(?<!\\)\|", r"\\|", cell) for cell in row) + " |" for row in lines)


def defined_in(thing: Any) -> str:
    source = Path(inspect.getsourcefile(thing) or "").resolve().relative_to(ROOT).as_posix()
    return f"Defined in `{source}`."


def main() -> int:
    """Write all pages, and take away those of what is no more."""
    wanted = pages()
    for old in FOLDER.rglob("*.md"):
        if old.relative_to(FOLDER).as_posix() not in wanted:
            old.unlink()
    for name, text in wanted.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    PICTURE.write_text(architecture.picture(), encoding="utf-8")
    print(f"{len(wanted)} pages in {FOLDER.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
