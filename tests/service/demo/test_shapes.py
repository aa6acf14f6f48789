"""The picture set: repeatable, balanced, and with each cue where the recipe puts it."""

import hashlib
from dataclasses import replace
from itertools import combinations
from math import acos, pi, sin, sqrt
from pathlib import Path

import numpy as np
import pytest

from service.demo.shapes import (
    CLASSES,
    CUE_CONFLICT,
    PLAIN,
    TEXTURES,
    WEAVES,
    Labels,
    Plane,
    Recipe,
    ShapeSet,
    Weave,
    draw,
    outline_mask,
    write_npz,
)

QUIET = replace(PLAIN, noise=0.0, amp=(0.0, 0.0))


def lens(distance: float, first: float, second: float) -> float:
    """Area shared by two discs of the given radii (circle-circle intersection)."""
    one = acos((distance**2 + first**2 - second**2) / (2 * distance * first))
    two = acos((distance**2 + second**2 - first**2) / (2 * distance * second))
    return first**2 * (one - sin(2 * one) / 2) + second**2 * (two - sin(2 * two) / 2)


AREAS = {
    "disc": pi,
    "ring": pi * (0.91**2 - 0.45**2),
    "square": 1.6**2,
    "triangle": 3 * sqrt(3) / 4 * 1.2**2,
    "star": 5 * 0.42 * sin(pi / 5),
    "cross": 2 * 1.9 * 0.6 - 0.6**2,
    "heart": 0.84**2 * (2 + pi / 2),
    "moon": pi - lens(sqrt(0.5**2 + 0.12**2), 1.0, 0.8),
    "arrow": 1.1 * 0.48 + 0.95**2 - 0.15 * 0.48,
    "hourglass": 4 * (0.1 * 0.9 + 0.75 * 0.9**2 / 2),
}


@pytest.fixture(scope="module")
def plain() -> ShapeSet:
    """A draw large enough for shares and means."""
    return draw(2000, seed=5)


def test_a_seed_gives_known_bytes_and_another_seed_gives_others() -> None:
    """A seed pins every byte, on every machine; the published figures hang on it."""
    shape_set = draw(20, seed=0)
    digest = hashlib.sha256(shape_set.images.tobytes()).hexdigest()
    assert digest == "affffaeeab0c73e7d3f657d587d73f00b1b0412f1a01a60f8bbfdc976e621285"
    assert not np.array_equal(shape_set.images, draw(20, seed=1).images)


@pytest.mark.parametrize("count", [0, 7, 250, 263])
def test_a_short_draw_begins_a_longer_one(count: int) -> None:
    """How many pictures are asked for changes none of them."""
    short, long = draw(count, seed=4), draw(270, seed=4)
    assert np.array_equal(short.images, long.images[:count])
    assert np.array_equal(short.labels, long.labels[:count])
    assert np.array_equal(short.textures, long.textures[:count])


def test_pictures_are_eight_bit_and_classes_balanced(plain: ShapeSet) -> None:
    """Pictures are uint8 NHWC; every ten in a row hold each class once, in changing order."""
    assert plain.images.dtype == np.uint8
    assert plain.images.shape == (2000, 32, 32, 3)
    assert plain.labels.dtype == plain.textures.dtype == np.int64
    tens = plain.labels.reshape(-1, 10)
    assert np.array_equal(np.sort(tens, axis=1), np.tile(np.arange(10), (200, 1)))
    assert len(np.unique(tens, axis=0)) > 190


def test_texture_agrees_with_the_class_as_often_as_rho_says(plain: ShapeSet) -> None:
    """The class's own texture comes with rho plus its share of the rest, within four errors."""
    expected = PLAIN.rho + (1.0 - PLAIN.rho) / len(TEXTURES)
    error = sqrt(expected * (1.0 - expected) / len(plain.labels))
    assert np.mean(plain.textures == plain.labels) == pytest.approx(expected, abs=4 * error)


def chi_square(shape_set: ShapeSet) -> float:
    """Pearson's statistic of the table class by texture (81 degrees of freedom)."""
    table = np.zeros((len(CLASSES), len(TEXTURES)))
    np.add.at(table, (shape_set.labels, shape_set.textures), 1.0)
    expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    return float(((table - expected) ** 2 / expected).sum())


def test_texture_tells_nothing_of_the_class_in_cue_conflict(plain: ShapeSet) -> None:
    """Class and texture are independent there (p > .001), and plainly are not in the plain set."""
    assert chi_square(draw(2000, seed=6, recipe=CUE_CONFLICT)) < 126.1
    assert chi_square(plain) > 1000.0


def colour_scores(colours: Plane, labels: Labels) -> Plane:
    """Distance of each class's mean lightness and hue from the common ones, in standard errors."""
    lightness = colours.mean(axis=1, keepdims=True)
    looks = np.hstack([lightness, colours - lightness])
    means = np.stack([looks[labels == label].mean(axis=0) for label in range(len(CLASSES))])
    error = looks.std(axis=0) / sqrt(len(labels) / len(CLASSES))
    return np.abs(means - looks.mean(axis=0)) / error


def test_colour_tells_nothing_of_the_class(plain: ShapeSet) -> None:
    """Class means of the picture's colour differ by chance only; a faint tint would show."""
    colours = plain.images.mean(axis=(1, 2))
    assert colour_scores(colours, plain.labels).max() < 4.0
    tint = np.where(plain.labels[:, None] == 3, [6.0, 0.0, -6.0], 0.0)
    assert colour_scores(colours + tint, plain.labels).max() > 4.0


@pytest.mark.parametrize("name", CLASSES)
def test_an_outline_covers_its_analytic_area(name: str) -> None:
    """Summed coverage equals the area from school geometry; the soft edge only blurs corners."""
    radius = 12.0
    covered = outline_mask(name, radius_px=radius).sum() / radius**2
    assert covered == pytest.approx(AREAS[name], rel=0.02)


def test_no_two_outlines_are_alike() -> None:
    """Any two figures share less than four fifths of what they cover together."""
    masks = {name: outline_mask(name, radius_px=12.0) for name in CLASSES}
    for one, other in combinations(CLASSES, 2):
        shared = np.minimum(masks[one], masks[other]).sum()
        together = np.maximum(masks[one], masks[other]).sum()
        assert shared / together < 0.8, (one, other)


def test_figures_stand_upright() -> None:
    """Tips point up and to the right: the bulk lies on the other side, and mirrors agree."""
    triangle, heart, arrow = (
        outline_mask(name, radius_px=12.0) for name in ("triangle", "heart", "arrow")
    )
    assert triangle[20:].sum() > 2 * triangle[:12].sum()
    assert heart[:12].sum() > 1.5 * heart[20:].sum()
    assert arrow.sum(axis=0).argmax() in {15, 16, 17}
    assert arrow[:, 20:24].sum() > arrow[:, 8:12].sum()
    assert np.allclose(arrow, arrow[::-1])
    assert np.allclose(triangle, triangle[:, ::-1])


def test_no_two_textures_are_alike() -> None:
    """No texture repeats another: correlations over a large patch stay small."""
    axis = np.arange(64.0)
    cells = np.sign(np.random.default_rng(0).random((32, 32)) - 0.5).repeat(2, 0).repeat(2, 1)
    weave = Weave(axis[None, :] / 3.3, axis[:, None] / 3.3, cells)
    patches = [np.broadcast_to(WEAVES[name](weave), (64, 64)).reshape(-1) for name in TEXTURES]
    correlations = np.abs(np.corrcoef(np.stack(patches)))
    np.fill_diagonal(correlations, 0.0)
    assert correlations.max() < 0.75


def centres(shape_set: ShapeSet) -> Plane:
    """The middle 4x4 pixels of all discs: always inside, whatever the shift."""
    discs = shape_set.images[shape_set.labels == CLASSES.index("disc")]
    return discs[:, 14:18, 14:18].astype(np.float64)


@pytest.mark.parametrize(("amp", "least", "most"), [(0.0, 0.0, 0.0), (0.2, 60.0, 104.0)])
def test_amp_rules_how_strong_the_texture_is(amp: float, least: float, most: float) -> None:
    """Without amplitude a figure is flat to the bit; with it, it swings by up to twice as much."""
    recipe = replace(QUIET, amp=(amp, amp))
    swing = np.ptp(centres(draw(200, seed=7, recipe=recipe)), axis=(1, 2)).max(axis=1)
    assert least <= swing.min()
    assert swing.max() <= most


@pytest.mark.parametrize("gap", [0.1, 0.3, 0.5])
def test_gap_rules_how_far_the_figure_stands_out(gap: float) -> None:
    """Figure minus background has the asked size on average, and both signs occur."""
    shape_set = draw(2000, seed=8, recipe=replace(QUIET, gap=(gap, gap)))
    figure = centres(shape_set).mean(axis=(1, 2, 3)) / 255.0
    discs = shape_set.images[shape_set.labels == CLASSES.index("disc")]
    background = discs[:, ::31, ::31].mean(axis=(1, 2, 3)) / 255.0
    step = figure - background
    assert step[step > 0].mean() == pytest.approx(gap, abs=0.02)
    assert step[step < 0].mean() == pytest.approx(-gap, abs=0.02)
    assert 0.4 < np.mean(step > 0) < 0.6


def test_noise_has_the_asked_spread() -> None:
    """The same scenes with and without noise differ by the recipe's standard deviation."""
    calm = Recipe(gap=(0.1, 0.1), amp=(0.0, 0.0), rho=1.0, period=(3.0, 3.0), noise=0.0)
    noisy = draw(100, seed=9, recipe=replace(calm, noise=0.03)).images.astype(np.float64)
    difference = noisy - draw(100, seed=9, recipe=calm).images
    assert difference.std() / 255.0 == pytest.approx(0.03, rel=0.03)


def test_a_written_set_reads_back_without_pickles(tmp_path: Path) -> None:
    """The npz holds images and labels and nothing else, as plain arrays."""
    shape_set = draw(30, seed=2)
    write_npz(tmp_path / "set.npz", shape_set)
    with np.load(tmp_path / "set.npz", allow_pickle=False) as stored:
        assert sorted(stored.files) == ["images", "labels"]
        assert np.array_equal(stored["images"], shape_set.images)
        assert np.array_equal(stored["labels"], shape_set.labels)
