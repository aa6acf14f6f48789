"""The waves that are added: what they are made of, how large they are, how they are sorted."""

import numpy as np
import pytest

from analyzers.behaviour.frequency.spectra import power, radii
from analyzers.behaviour.frequency.waves import (
    EPS,
    added,
    cells,
    half_plane,
    norm_of,
    own_conjugate,
    waves,
)
from support.frequencies import stripes


def all_waves(height: int, width: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Every wave in both of its phases, one a row."""
    places = half_plane(height, width)
    single = own_conjugate(places, height, width)
    plain = waves(places, np.zeros(len(places), bool), height, width)
    late = waves(places[~single], np.ones(int((~single).sum()), bool), height, width)
    return np.concatenate([plain, late]).reshape(-1, height * width).astype(np.float64)


@pytest.mark.parametrize("size", [(8, 8), (7, 7), (6, 10), (5, 8)])
def test_all_waves_are_a_basis(size: tuple[int, int]) -> None:
    """As many as pixels, of unit norm and at right angles, so their energies add up to N^2."""
    every = all_waves(*size)
    assert every @ every.T == pytest.approx(np.eye(size[0] * size[1]), abs=1e-5)


def test_half_plane_counts_each_pair_once() -> None:
    """(N^2 + 4) / 2 waves at an even size: 514 at 32."""
    assert len(half_plane(32, 32)) == 514
    assert len(half_plane(7, 7)) == 25


def test_a_wave_is_a_place_and_its_conjugate() -> None:
    """The transform of U(5, 3) is zero but at (5, 3) and (27, 29); the constant has one place."""
    places, plain = np.array([[5, 3], [0, 0], [16, 0]]), np.zeros(3, bool)
    found = power(waves(places, plain, 32, 32)[:, None])
    pair = {tuple(one) for one in np.argwhere(found[0] > 1e-6).tolist()}
    assert pair == {(5, 3), (27, 29)}
    assert np.argwhere(found[1] > 1e-6).tolist() == [[0, 0]]
    assert np.argwhere(found[2] > 1e-6).tolist() == [[16, 0]]


def test_waves_follow_their_formula() -> None:
    """cos(2 pi (u y + v x) / N + phase) over its norm, and minus the sine a quarter later."""
    shape = (1, 12, 12)
    for late, phase in ((False, 0.0), (True, np.pi / 2)):
        [found] = waves(np.array([[3, 5]]), np.array([late]), 12, 12)
        assert found == pytest.approx(stripes((3, 5), shape, phase=phase), abs=1e-6)


def test_the_norm_holds_with_signs_drawn() -> None:
    """In every channel the change has the norm, whichever its sign: some tools forget it then."""
    grey = np.full((2, 3, 32, 32), 0.5, np.float32)
    wave = waves(np.array([[5, 3], [1, 0]]), np.array([False, True]), 32, 32)
    signs = np.array([[1, -1, 1], [-1, -1, 1]], np.float32)
    moved, cut = added(grey, wave, signs, norm_of(32, 32))
    assert np.linalg.norm((moved - grey).reshape(2, 3, -1), axis=2) == pytest.approx(EPS, rel=1e-5)
    assert moved[0, 1] - 0.5 == pytest.approx(-(moved[0, 0] - 0.5))
    assert cut.tolist() == [0, 0]


@pytest.mark.parametrize("size", [(32, 32), (224, 224), (28, 28), (16, 64)])
def test_a_pixel_changes_as_much_at_every_size(size: tuple[int, int]) -> None:
    """Largest change 4 sqrt 2 / 32 = 45/255 of a pixel."""
    [wave] = waves(np.array([[1, 0]]), np.array([False]), *size)
    assert norm_of(*size) * np.abs(wave).max() == pytest.approx(4 * 2**0.5 / 32, rel=1e-5)


def test_what_is_clipped_is_told() -> None:
    """On a white picture half of a wave is cut away."""
    white = np.ones((1, 1, 32, 32), np.float32)
    wave = waves(np.array([[1, 0]]), np.array([True]), 32, 32)
    moved, cut = added(white, wave, np.ones((1, 1), np.float32), 4.0)
    assert moved.max() == 1
    assert cut == pytest.approx([15 / 32])


def test_cells_hold_every_wave_of_two_phases_once() -> None:
    """24 cells at 32 pixels; with the four that are their own conjugate they are all 514."""
    found = cells(32, 32, 4)
    assert [(one.band, one.turn) for one in found] == [(b, t) for b in range(6) for t in range(4)]
    members = np.concatenate([one.members for one in found])
    assert len({tuple(one) for one in members.tolist()}) == len(members) == 510


def test_cells_are_sorted_by_radius_and_direction() -> None:
    """Rings end at 3, 6, 9, 12, 16 cycles, their lower edge included; directions turn by 45."""
    plane = radii(32, 32)
    edges = (0, 3, 6, 9, 12, 16, 23)
    found = cells(32, 32, 4)
    for one in found:
        radius = plane[one.members[:, 0], one.members[:, 1]]
        assert (radius >= edges[one.band]).all()
        assert (radius < edges[one.band + 1]).all()
    by_turn = {one.turn: one.members.tolist() for one in found if one.band == 1}
    assert [0, 4] in by_turn[0], "varies across"
    assert [4, 4] in by_turn[1]
    assert [4, 0] in by_turn[2], "varies down"
    assert [4, 28] in by_turn[3]


def test_small_pictures_have_the_cells_that_they_have() -> None:
    """At 8 by 8 the lowest ring holds the constant alone, which has no direction."""
    assert {one.band for one in cells(8, 8, 4)} == {1, 2, 3, 4, 5}
    assert cells(1, 1, 4) == []
    assert cells(2, 2, 4) == []
