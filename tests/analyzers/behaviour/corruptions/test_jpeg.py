"""JPEG: the transform's identities, the tables, and Pillow's own files."""

import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from analyzers.behaviour.corruptions.jpeg import jpeg_compression, restored, table, transformed
from analyzers.contract import FloatArray
from support.spoiling import chance, flat, photographs

NOISE = np.random.default_rng(1).normal(size=(6, 8, 8))


def compressed(picture: FloatArray, quality: int) -> FloatArray:
    """What is left at a quality."""
    return jpeg_compression(picture, (quality,), chance())


def by_pillow(picture: FloatArray, quality: int) -> FloatArray:
    """What is left after a real file."""
    stored = np.rint(picture * 255).astype(np.uint8)
    image = Image.fromarray(stored[0] if len(stored) == 1 else stored.transpose(1, 2, 0))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    with Image.open(file) as opened:
        back = np.asarray(opened, np.float32) / np.float32(255)
    return back[None] if back.ndim == 2 else back.transpose(2, 0, 1)


def test_the_transform_keeps_energy_and_has_an_inverse() -> None:
    """Parseval: squares sum to the same before and after; back and forth is none."""
    waves = transformed(NOISE)
    assert (waves**2).sum(axis=(1, 2)) == pytest.approx((NOISE**2).sum(axis=(1, 2)))
    assert np.allclose(restored(waves), NOISE)


def test_a_flat_block_is_one_number() -> None:
    """Known answer: eight times the value in the first place (T.81), nothing elsewhere."""
    waves = transformed(np.full((1, 8, 8), 3.0))[0]
    assert waves[0, 0] == pytest.approx(24)
    waves[0, 0] = 0
    assert np.abs(waves).max() < 1e-12


def test_rows_are_waves_across_rows() -> None:
    """A wave along y stands in the first column, one along x in the first row."""
    wave = np.cos(np.pi * (2 * np.arange(8) + 1) / 16)
    upright = transformed(np.repeat(wave[:, None], 8, axis=1)[None])[0]
    assert np.argwhere(np.abs(upright) > 1e-9).tolist() == [[1, 0]]
    assert upright[1, 0] == pytest.approx(4 * np.sqrt(2))
    across = transformed(np.repeat(wave[None], 8, axis=0)[None])[0]
    assert np.argwhere(np.abs(across) > 1e-9).tolist() == [[0, 1]]


def test_tables_scale_with_quality() -> None:
    """Known answers: the standard's at 50, all ones at 100, doubled at 25, never beyond 255."""
    assert table(50)[0].tolist() == [16, 11, 10, 16, 24, 40, 51, 61]
    assert table(50, colour=True)[0].tolist() == [17, 18, 24, 47, 99, 99, 99, 99]
    assert (table(100) == 1).all()
    assert (table(25) == 2 * table(50)).all()
    assert table(1).max() == 255
    assert table(80)[0, :3].tolist() == [6, 4, 4]


@pytest.mark.parametrize("colour", [False, True])
def test_tables_are_those_that_pillow_writes(colour: bool) -> None:
    """Read back from real files at three qualities."""
    for quality in (7, 40, 80):
        file = io.BytesIO()
        Image.new("RGB", (16, 16)).save(file, "JPEG", quality=quality)
        with Image.open(file) as opened:
            written: list[int] = list(vars(opened)["quantization"][int(colour)])
        assert table(quality, colour=colour).ravel().astype(int).tolist() == written


@pytest.mark.parametrize("quality", [80, 40, 7])
def test_a_flat_picture_stays_within_a_step(quality: int) -> None:
    """Only the first number of a block is left, so a value moves by half its step over eight."""
    for value in (0.0, 0.3, 0.5, 1.0):
        found = compressed(flat(value, (1, 8, 8)), quality)
        assert len(np.unique(found)) == 1
        step = table(quality)[0, 0] / 8 / 255
        assert abs(found[0, 0, 0] - value) <= step / 2 + 1 / 255


def test_a_lower_quality_loses_more() -> None:
    """The mean error of a fixed set grows as quality falls."""
    pictures = photographs(8)
    lost = [
        np.mean([np.abs(compressed(one, quality) - one).mean() for one in pictures])
        for quality in (95, 80, 58, 40, 25, 15, 7)
    ]
    assert all(more > less for less, more in pairwise(lost))


@pytest.mark.parametrize("quality", [80, 40, 7])
@pytest.mark.parametrize("cut", [(3, 32, 32), (1, 32, 32), (3, 29, 23)])
def test_pillow_makes_nearly_the_same_picture(quality: int, cut: tuple[int, int, int]) -> None:
    """Less than one of 255 steps apart on average, and far less than what compression changes."""
    channels, height, width = cut
    apart, lost = list[float](), list[float]()
    for picture in photographs(10)[:, :channels, :height, :width]:
        wanted = by_pillow(picture, quality)
        apart.append(float(np.abs(compressed(picture, quality) - wanted).mean()))
        lost.append(float(np.abs(picture - wanted).mean()))
    assert 255 * np.mean(apart) < 1
    assert np.mean(apart) < 0.15 * np.mean(lost)


def test_four_channels_are_four_grey_pictures() -> None:
    """Where channels are no colours, nothing is mixed or halved."""
    picture = np.concatenate([photographs(1)[0], photographs(1, seed=6)[0][:1]])
    found = compressed(picture, 40)
    for place in range(4):
        assert np.array_equal(found[[place]], compressed(picture[[place]], 40))
