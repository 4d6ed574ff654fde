"""What a figure shows, told without saying how it is drawn: panels made of layers, numbers, tables.

The kinds of layers are few and closed, so that the page, the web page for offline use and the PNG draw the same.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
# What a layer stands for decides its colour, the same in every figure.
Role = Literal[
    "real",
    "generated",
    "critic",
    "ink",
    "quiet",
    "gan",
    "wgan-clip",
    "wgan-gp",
    "em",
    "js",
    "kl",
    "reverse-kl",
    "tv",
    "first",
    "second",
    "third",
    "fourth",
]
Dash = Literal["solid", "dash", "dot"]


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer with arrays, which become float64 and are of one length."""

    def __post_init__(self) -> None:
        lengths = {}
        for item in fields(self):
            if item.type == "Floats":
                array = np.array(getattr(self, item.name), dtype=np.float64)
                object.__setattr__(self, item.name, array)
                lengths[item.name] = array.shape
        self._check(lengths)

    def _check(self, lengths: dict[str, tuple[int, ...]]) -> None:
        if len(set(lengths.values())) > 1 or any(len(shape) != 1 for shape in lengths.values()):
            raise ValueError(f"{type(self).__name__} takes flat arrays of one length, got {lengths}")


@dataclass(frozen=True, eq=False)
class Curve(Layer):
    """A line through points. NaN breaks it. ``fill`` shades the area down to y = 0."""

    x: Floats
    y: Floats
    name: str = ""
    role: Role = "ink"
    dash: Dash = "solid"
    width: float = 2.0
    fill: bool = False


@dataclass(frozen=True, eq=False)
class Marks(Layer):
    """Marks at places. ``size`` in pixels."""

    x: Floats
    y: Floats
    name: str = ""
    role: Role = "ink"
    size: float = 6.0
    symbol: Literal["circle", "cross", "ring"] = "circle"


@dataclass(frozen=True, eq=False)
class Bars(Layer):
    """Bars of height y that stand at x on ``base``, ``width`` wide in units of x."""

    x: Floats
    y: Floats
    name: str = ""
    role: Role = "ink"
    width: float = 0.8
    base: float = 0.0


@dataclass(frozen=True, eq=False)
class Heat(Layer):
    """Colour over a rectangle. z is (len(y), len(x)); with a ``centre`` the map diverges from there."""

    x: Floats
    y: Floats
    z: Floats
    name: str = ""
    centre: float | None = None

    def _check(self, lengths: dict[str, tuple[int, ...]]) -> None:
        if lengths["z"] != lengths["y"] + lengths["x"]:
            raise ValueError(f"Heat takes z of shape (len(y), len(x)), got {lengths}")


@dataclass(frozen=True, eq=False)
class Arrows(Layer):
    """Arrows from (x, y) to (x + u, y + v)."""

    x: Floats
    y: Floats
    u: Floats
    v: Floats
    name: str = ""
    role: Role = "ink"
    width: float = 1.3


@dataclass(frozen=True, eq=False)
class Words(Layer):
    """Short texts centred on places."""

    x: Floats
    y: Floats
    texts: tuple[str, ...]
    role: Role = "ink"
    size: float = 13.0


@dataclass(frozen=True, eq=False)
class Level:
    """A straight line across the panel at a value of y (or of x), with a few words on it."""

    value: float
    text: str = ""
    role: Role = "ink"
    axis: Literal["x", "y"] = "y"
    dash: Dash = "dash"


AnyLayer: TypeAlias = Curve | Marks | Bars | Heat | Arrows | Words | Level
LAYERS: tuple[type[Any], ...] = (Curve, Marks, Bars, Heat, Arrows, Words, Level)


@dataclass(frozen=True, eq=False)
class Panel:
    """One pair of axes.

    Attributes
    ----------
    name : str
        Short, its own within the figure, the same in every frame.
    title : str
        What it shows.
    layers : tuple
        Drawn in this order.
    x_title, y_title : str
        What stands at the axes, with units.
    x_range, y_range : tuple[float, float] or None
        From the layers if None. Give them where the axes should stand still as a slider moves; in true values on a
        logarithmic axis as well.
    log : str
        The logarithmic axes: "", "x", "y" or "xy".
    equal : bool
        A unit of x is as long as a unit of y.
    axes : bool
        False for a sketch: no axes, no grid.
    wide, tall : bool
        The panel takes both places of a row, or two rows.
    help : str
        A sentence or two behind the "?"; the figure's own if empty.
    """

    name: str
    title: str
    layers: tuple[AnyLayer, ...]
    x_title: str = ""
    y_title: str = ""
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    log: Literal["", "x", "y", "xy"] = ""
    equal: bool = False
    axes: bool = True
    wide: bool = False
    tall: bool = False
    help: str = ""


@dataclass(frozen=True)
class Number:
    """A computed value, beside the closed form where there is one.

    Attributes
    ----------
    value : float
        May be infinite; NaN where there is none.
    expected : float or None
        What the closed form says.
    tolerance : float
        How far from it the value may be, absolutely.
    note : str
        The closed form in words or symbols, or what the number means.
    """

    name: str
    value: float
    expected: float | None = None
    tolerance: float = 1e-6
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the value meets the closed form; None where there is none.

        Examples
        --------
        >>> Number("JS", 0.6931, math.log(2), 1e-3).holds, Number("KL", math.inf, math.inf).holds
        (True, True)
        """
        if self.expected is None:
            return None
        return bool(self.value == self.expected or abs(self.value - self.expected) <= self.tolerance)


@dataclass(frozen=True)
class Table:
    """Rows of texts under a heading each."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False)
class Result:
    """What a figure shows at one moment.

    Attributes
    ----------
    reading : str
        One or two sentences that read these very numbers.
    progress : float
        How far an animated figure has come, 0 to 1.
    step : str
        Where that is, in words, e.g. ``critic step 200 of 1,000``.
    """

    panels: tuple[Panel, ...]
    numbers: tuple[Number, ...] = ()
    tables: tuple[Table, ...] = field(default=())
    reading: str = ""
    progress: float = 1.0
    step: str = ""


def arranged(panels: Sequence[Panel]) -> list[tuple[int, int]]:
    """Row and column of each panel, two in a row, each in the first place where it fits.

    Examples
    --------
    >>> arranged([Panel("a", "A", (), tall=True), Panel("b", "B", ()), Panel("c", "C", ()), Panel("d", "D", (), wide=True)])
    [(0, 0), (0, 1), (1, 1), (2, 0)]
    """
    taken: set[tuple[int, int]] = set()
    places = []
    for panel in panels:
        for row, column in ((row, column) for row in itertools.count() for column in (0, 1)):
            cells = {(row + i, column + j) for i in range(1 + panel.tall) for j in range(1 + panel.wide)}
            if not cells & taken and column + panel.wide < 2:
                break
        taken |= cells
        places.append((row, column))
    return places


def rows(panels: Sequence[Panel]) -> int:
    """How many rows panels take."""
    return max((row + 1 + panel.tall for panel, (row, _) in zip(panels, arranged(panels), strict=True)), default=0)


def shown(value: float | None) -> str:
    """A number as people read it.

    Examples
    --------
    >>> shown(0.69314718), shown(math.inf), shown(None), shown(1.5e-9), shown(-0.0)
    ('0.6931', '∞', '–', '1.5e-09', '0')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if abs(value) < 1e-15:  # rounding
        return "0"
    return ("−" if value < 0 else "") + f"{abs(value):.4g}"


def plain(result: Result) -> dict[str, Any]:
    """A result as JSON has it: arrays as lists, infinities as "inf" and "-inf", NaN as null."""
    return {
        "numbers": [_plain(vars(number)) | {"holds": number.holds} for number in result.numbers],
        "reading": result.reading,
        "tables": [_plain(vars(table)) for table in result.tables],
        "panels": [
            _plain(vars(panel))
            | {"layers": [{"type": type(layer).__name__.lower()} | _plain(vars(layer)) for layer in panel.layers]}
            for panel in result.panels
        ],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key != "layers"}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value
