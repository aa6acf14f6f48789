"""Ten shapes in ten textures: 32x32 colour pictures with both cues under control.

The figure's outline names the class; its surface carries a texture that agrees with the class
as often as the recipe says. Pictures are drawn from signed distances in float64 and rounded to
8 bits, so a seed gives the same bytes on every machine, and a short draw is the beginning of a
longer one with the same seed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Plane: TypeAlias = npt.NDArray[np.float64]
Labels: TypeAlias = npt.NDArray[np.int64]
Range: TypeAlias = tuple[float, float]

SIDE: Final = 32
SOFT_EDGE_PX: Final = 1.2
RADIUS_PX: Final = (8.5, 13.0)
TILT: Final = np.deg2rad(20.0)
CLOUD: Final = 0.12
CHROMA: Final = 0.06
_CHUNK: Final = 250
_CELL_PX: Final = 2
_SCENE_DRAWS: Final = 23


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How visible each cue is; levels are in [0,1] pixel units.

    Attributes:
        gap: range of the luminance step from background to figure (either sign).
        amp: range of the texture's amplitude.
        rho: probability that the texture is the class's own; otherwise it is uniform over ten.
        period: range of the texture's period in pixels.
        noise: standard deviation of the Gaussian pixel noise.
    """

    gap: Range
    amp: Range
    rho: float
    period: Range
    noise: float


PLAIN: Final = Recipe(gap=(0.08, 0.42), amp=(0.03, 0.07), rho=0.9, period=(2.8, 3.8), noise=0.03)
CUE_CONFLICT: Final = Recipe(
    gap=(0.25, 0.55), amp=(0.14, 0.24), rho=0.0, period=(4.0, 6.0), noise=0.03
)


@dataclass(frozen=True, slots=True)
class ShapeSet:
    """Pictures (uint8, NHWC) with the class of their outline and of their texture."""

    images: npt.NDArray[np.uint8]
    labels: Labels
    textures: Labels


# --- outlines: signed distance (negative inside), x to the right, y up, unit = figure radius ---

Outline: TypeAlias = Callable[[Plane, Plane], Plane]


def _disc(x: Plane, y: Plane) -> Plane:
    return np.hypot(x, y) - 1.0


def _ring(x: Plane, y: Plane) -> Plane:
    return np.abs(np.hypot(x, y) - 0.68) - 0.23


def _bar(x: Plane, y: Plane, *, half_width: float, half_height: float) -> Plane:
    return np.maximum(np.abs(x) - half_width, np.abs(y) - half_height)


def _square(x: Plane, y: Plane) -> Plane:
    return _bar(x, y, half_width=0.8, half_height=0.8)


def _spiked(x: Plane, y: Plane, *, spikes: int, waist: float) -> Plane:
    """Polygon with tips at radius 1 (one straight up) and inner corners at radius ``waist``."""
    sector = 2.0 * np.pi / spikes
    from_tip = np.abs(np.mod(np.arctan2(x, y) + sector / 2.0, sector) - sector / 2.0)
    half = sector / 2.0
    normal = np.arctan2(1.0 - waist * np.cos(half), waist * np.sin(half))
    distance: Plane = np.hypot(x, y) * np.cos(from_tip - normal) - np.cos(normal)
    return distance


def _triangle(x: Plane, y: Plane) -> Plane:
    # Moved down by a quarter of its height, so that the picture shows it in the middle.
    return 1.2 * _spiked(x / 1.2, y / 1.2 + 0.25, spikes=3, waist=0.5)


def _star(x: Plane, y: Plane) -> Plane:
    return _spiked(x, y, spikes=5, waist=0.42)


def _cross(x: Plane, y: Plane) -> Plane:
    return np.minimum(
        _bar(x, y, half_width=0.95, half_height=0.3), _bar(x, y, half_width=0.3, half_height=0.95)
    )


def _heart(x: Plane, y: Plane) -> Plane:
    """A diamond plus two discs whose diameters are its upper edges."""
    size = 0.84
    aside, up = np.abs(x), y + 0.1
    diamond = (aside + np.abs(up) - size) / np.sqrt(2.0)
    lobe = np.hypot(aside - size / 2.0, up - size / 2.0) - size / np.sqrt(2.0)
    return np.minimum(diamond, lobe)


def _moon(x: Plane, y: Plane) -> Plane:
    return np.maximum(np.hypot(x, y) - 1.0, 0.8 - np.hypot(x - 0.5, y - 0.12))


def _arrow(x: Plane, y: Plane) -> Plane:
    shaft = _bar(x + 0.4, y, half_width=0.55, half_height=0.24)
    head = np.maximum((x + np.abs(y) - 0.95) / np.sqrt(2.0), -x)
    return np.minimum(shaft, head)


def _hourglass(x: Plane, y: Plane) -> Plane:
    slope = 0.75
    flank = (np.abs(x) - 0.1 - slope * np.abs(y)) / np.hypot(1.0, slope)
    return np.maximum(flank, np.abs(y) - 0.9)


OUTLINES: Final[dict[str, Outline]] = {
    "disc": _disc,
    "ring": _ring,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "heart": _heart,
    "moon": _moon,
    "arrow": _arrow,
    "hourglass": _hourglass,
}


# --- textures: value in [-1,1]; column and row in periods, so the direction stays in the image ---


@dataclass(frozen=True, slots=True)
class Weave:
    """Where a texture is evaluated: columns and rows in periods, and random +-1 cells."""

    columns: Plane
    rows: Plane
    cells: Plane


Texture: TypeAlias = Callable[[Weave], Plane]


def _wave(turns: Plane) -> Plane:
    return np.sin(2.0 * np.pi * turns)


def _horizontal(weave: Weave) -> Plane:
    return _wave(weave.rows)


def _vertical(weave: Weave) -> Plane:
    return _wave(weave.columns)


def _falling(weave: Weave) -> Plane:
    return _wave((weave.columns - weave.rows) / np.sqrt(2.0))


def _rising(weave: Weave) -> Plane:
    return _wave((weave.columns + weave.rows) / np.sqrt(2.0))


def _checks(weave: Weave) -> Plane:
    return 1.5 * _wave(weave.columns / 1.5) * _wave(weave.rows / 1.5)


def _dots(weave: Weave) -> Plane:
    return _rising(weave) + _falling(weave) - 0.7


def _grid(weave: Weave) -> Plane:
    return np.maximum(_wave(weave.columns), _wave(weave.rows)) - 0.3


def _rings(weave: Weave) -> Plane:
    return _wave(np.hypot(weave.columns, weave.rows))


def _waves(weave: Weave) -> Plane:
    return _wave(weave.rows + 0.4 * _wave(weave.columns / 2.5))


def _blocks(weave: Weave) -> Plane:
    return weave.cells


WEAVES: Final[dict[str, Texture]] = {
    "horizontal stripes": _horizontal,
    "vertical stripes": _vertical,
    "falling stripes": _falling,
    "rising stripes": _rising,
    "checks": _checks,
    "dots": _dots,
    "grid": _grid,
    "rings": _rings,
    "waves": _waves,
    "blocks": _blocks,
}

CLASSES: Final = tuple(OUTLINES)
TEXTURES: Final = tuple(WEAVES)


# --- drawing ---


@dataclass(frozen=True, slots=True)
class _Streams:
    """Independent generators, so that no draw shifts another one's sequence."""

    labels: np.random.Generator
    cues: np.random.Generator
    scene: np.random.Generator
    cells: np.random.Generator
    noise: np.random.Generator

    @classmethod
    def of(cls, seed: int) -> "_Streams":
        roots = np.random.SeedSequence(seed).spawn(5)
        return cls(*(np.random.Generator(np.random.PCG64(root)) for root in roots))


@dataclass(frozen=True, slots=True)
class _Scene:
    """Uniform draws of a chunk, handed out column by column."""

    columns: list[Plane]

    @classmethod
    def of(cls, stream: np.random.Generator, count: int) -> "_Scene":
        drawn = stream.random((count, _SCENE_DRAWS))
        return cls([column[:, None, None] for column in drawn.T])

    def between(self, low: float | Plane, high: float | Plane) -> Plane:
        return low + (high - low) * self.columns.pop()

    def around(self, reach: float | Plane) -> Plane:
        return reach * (2.0 * self.columns.pop() - 1.0)

    def hue(self) -> Plane:
        """Return a colour offset (count, 1, 1, 3) whose channels sum to zero."""
        turn = self.between(0.0, 2.0 * np.pi)[..., None]
        return CHROMA * np.cos(turn + np.arange(3) * (2.0 * np.pi / 3.0))


_AXIS: Final[Plane] = np.arange(SIDE, dtype=np.float64) - (SIDE - 1) / 2.0
_ROWS: Final = _AXIS[:, None]
_COLUMNS: Final = _AXIS[None, :]


def outline_mask(name: str, *, radius_px: float) -> Plane:
    """Return the centred, upright figure's coverage of each pixel, in [0,1]."""
    distance = OUTLINES[name](_COLUMNS / radius_px, -_ROWS / radius_px)
    return np.clip(0.5 - distance * radius_px / SOFT_EDGE_PX, 0.0, 1.0)


def draw(count: int, *, seed: int, recipe: Recipe = PLAIN) -> ShapeSet:
    """Draw ``count`` pictures; every ten in a row hold each class once."""
    streams = _Streams.of(seed)
    labels = _balanced(count, streams.labels)
    textures = _textures(labels, streams.cues, recipe.rho)
    images = np.empty((count, SIDE, SIDE, 3), np.uint8)
    for start in range(0, count, _CHUNK):
        rows = slice(start, start + _CHUNK)
        images[rows] = _paint(labels[rows], textures[rows], streams=streams, recipe=recipe)
    return ShapeSet(images, labels, textures)


def write_npz(path: Path, shape_set: ShapeSet) -> None:
    """Write ``images`` and ``labels`` as a compressed npz file."""
    with path.open("wb") as file:
        np.savez_compressed(file, images=shape_set.images, labels=shape_set.labels)


def _balanced(count: int, stream: np.random.Generator) -> Labels:
    tens = -(-count // len(CLASSES))
    order = np.argsort(stream.random((tens, len(CLASSES))), axis=1, kind="stable")
    return order.reshape(-1)[:count].astype(np.int64)


def _textures(labels: Labels, stream: np.random.Generator, rho: float) -> Labels:
    coin, other = stream.random((len(labels), 2)).T
    return np.where(coin < rho, labels, (other * len(TEXTURES)).astype(np.int64))


def _paint(
    labels: Labels, textures: Labels, *, streams: _Streams, recipe: Recipe
) -> npt.NDArray[np.uint8]:
    count = len(labels)
    scene = _Scene.of(streams.scene, count)
    gap = scene.between(*recipe.gap) * np.sign(scene.around(1.0))
    middle = 0.5 + scene.around(np.maximum(0.05, 0.3 - np.abs(gap) / 2.0))
    background = (middle - gap / 2.0 + _clouds(scene))[..., None] + scene.hue()
    relief = scene.between(*recipe.amp) * _surface(textures, scene, streams.cells, recipe)
    figure = (middle + gap / 2.0 + relief)[..., None] + scene.hue()
    mask = _masks(labels, scene)[..., None]
    picture = background + mask * (figure - background)
    picture += recipe.noise * streams.noise.standard_normal(picture.shape)
    return np.rint(np.clip(picture, 0.0, 1.0) * 255.0).astype(np.uint8)


def _clouds(scene: _Scene) -> Plane:
    """Return the background's smooth part: one ramp and two blobs."""
    turn = scene.between(0.0, 2.0 * np.pi)
    ramp = (np.cos(turn) * _COLUMNS + np.sin(turn) * _ROWS) / (SIDE / 2.0)
    clouds = scene.between(0.0, CLOUD) * ramp / np.sqrt(2.0)
    for _ in range(2):
        columns = _COLUMNS - scene.around(SIDE / 2.0)
        rows = _ROWS - scene.around(SIDE / 2.0)
        width = scene.between(5.0, 10.0)
        bump = np.exp(-(columns**2 + rows**2) / (2.0 * width**2))
        clouds = clouds + scene.around(CLOUD) * bump
    return clouds


def _masks(labels: Labels, scene: _Scene) -> Plane:
    radius = scene.between(*RADIUS_PX)
    tilt = scene.around(TILT)
    reach = np.minimum(4.0, 15.0 - radius) + 0.5
    columns = (_COLUMNS - scene.around(reach)) / radius
    rows = (_ROWS - scene.around(reach)) / radius
    x = np.cos(tilt) * columns - np.sin(tilt) * rows
    y = -np.sin(tilt) * columns - np.cos(tilt) * rows
    distance = np.empty_like(x)
    for label, name in enumerate(CLASSES):
        chosen = labels == label
        distance[chosen] = OUTLINES[name](x[chosen], y[chosen])
    return np.clip(0.5 - distance * radius / SOFT_EDGE_PX, 0.0, 1.0)


def _surface(textures: Labels, scene: _Scene, cells: np.random.Generator, recipe: Recipe) -> Plane:
    period = scene.between(*recipe.period)
    columns = (_COLUMNS + scene.around(SIDE / 4.0)) / period
    rows = (_ROWS + scene.around(SIDE / 4.0)) / period
    grid = (len(textures), SIDE // _CELL_PX, SIDE // _CELL_PX)
    spots = np.sign(cells.random(grid) - 0.5)
    spots = spots.repeat(_CELL_PX, axis=1).repeat(_CELL_PX, axis=2)
    value = np.empty((len(textures), SIDE, SIDE))
    for texture, name in enumerate(TEXTURES):
        chosen = textures == texture
        value[chosen] = WEAVES[name](Weave(columns[chosen], rows[chosen], spots[chosen]))
    return np.tanh(2.0 * value) / np.tanh(2.0)
