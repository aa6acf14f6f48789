"""What breaks an image: the forward engine's word, in float32 and on the grid of 8 bits."""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from analyzers.attacks.ball import linf_ball
from analyzers.attacks.jury import WHITE, Codes, Grid, Jury, finite_rows
from analyzers.contract import FloatArray
from analyzers.pictures import seen
from service.sandbox.witness import inside_grid
from support.graphs import noise

EVERY: Codes = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
SIZES = ("8/255", "1/255", "0", "1", "1/10", "1/254", "1/256", "7/510", "3/1000", "254/255", "1/3")


# ------------------------------------------------------------------------------------- the grid


@pytest.mark.parametrize("eps", SIZES)
def test_the_grid_holds_every_code_within_the_exact_size(eps: str) -> None:
    """In rational arithmetic, on the grid and off it, near black and near white."""
    grid, size = Grid.around(seen(EVERY), eps), Fraction(eps)
    for code, low, high in zip(*(one.ravel().tolist() for one in (EVERY, *grid)), strict=True):
        inside = [other for other in range(256) if abs(Fraction(other - code, WHITE)) <= size]
        assert (low, high) == (inside[0], inside[-1])
        assert low == max(0, math.ceil(code - WHITE * size))


@pytest.mark.parametrize("eps", SIZES)
def test_whoever_confirms_finds_the_whole_grid_inside(eps: str) -> None:
    """The ends of the grid pass the supervisor's own check; one code beyond them does not."""
    for end, beyond in zip(Grid.around(seen(EVERY), eps), (-1, 1), strict=True):
        assert inside_grid(EVERY, end, norm="Linf", eps=eps).all()
        further = end.astype(np.int16) + beyond
        room = (further >= 0) & (further <= WHITE)
        outside = np.where(room, further, end).astype(np.uint8)
        assert inside_grid(EVERY, outside, norm="Linf", eps=eps).all() == (not room.any())


def test_codes_read_back_as_themselves() -> None:
    """A picture that is stored, shown and rounded again is the same, whatever the code."""
    grid = Grid.around(seen(EVERY), "1")
    assert np.array_equal(grid.nearest(seen(EVERY)), EVERY)
    assert np.array_equal(Grid.around(seen(EVERY), "0").low, EVERY)


@pytest.mark.parametrize("eps", ["0", "2/255", "8/255", "1/10"])
def test_points_go_to_the_nearest_code_inside(eps: str) -> None:
    """No code of the grid lies nearer, by exact distances, than the one that was taken."""
    clean = np.array([0, 1, 7, 128, 250, 255], np.uint8).reshape(1, 1, 2, 3)
    grid = Grid.around(seen(clean), eps)
    for seed in range(12):
        points = noise(1, (1, 2, 3), seed)
        found = grid.nearest(points)
        columns = (points, found, *grid)
        for point, code, low, high in zip(*(one.ravel() for one in columns), strict=True):
            exact = Fraction(float(point)) * WHITE
            best = min(abs(exact - other) for other in range(int(low), int(high) + 1))
            assert int(low) <= int(code) <= int(high)
            assert abs(exact - int(code)) <= best + Fraction(1, 10**4), "float32 may err at halves"


def test_a_float_ball_can_hold_fewer_codes_than_the_grid() -> None:
    """Why the grid counts in whole steps: read as float32, some of them lie just outside."""
    clean = seen(EVERY)
    ball, grid = linf_ball(clean, "8/255"), Grid.around(clean, "8/255")
    assert (seen(grid.high) > ball.high).any()


# ------------------------------------------------------------------------------------- the jury

CLEAN: Codes = np.full((3, 1, 1, 2), 100, np.uint8)
LABELS = np.zeros(3, np.int64)


def jury_over(rule: Callable[[FloatArray], FloatArray], *, eps: str | None = "8/255") -> Jury:
    """Three pictures of class 0; ``rule`` makes the lead of class 1 of their first codes."""

    def predict(images: FloatArray) -> FloatArray:
        lead = rule(images[:, 0, 0, 0] * np.float32(WHITE))
        return np.stack([np.zeros_like(lead), lead], axis=1).astype(np.float32)

    grid = Grid.around(seen(CLEAN), eps) if eps else None
    return Jury.of(predict, seen(CLEAN), LABELS, grid)


def moved(*codes: float) -> FloatArray:
    """A picture for each code of its first pixel."""
    found = np.repeat(seen(CLEAN)[:1], len(codes), axis=0)
    found[:, 0, 0, 0] = np.array(codes, np.float32) / np.float32(WHITE)
    return found


def at(*places: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Places of pictures."""
    return np.array(places, np.int64)


def above(code: float) -> Callable[[FloatArray], FloatArray]:
    """Class 1 from a code on."""
    return lambda codes: codes - np.float32(code)


def between_codes(codes: FloatArray) -> FloatArray:
    """Class 1 only off the grid, or far away."""
    off = np.abs(codes - np.rint(codes)) - np.float32(0.1)
    return np.maximum(off, codes - np.float32(104.5))


def test_a_point_of_another_class_breaks_its_image() -> None:
    """At both depths where its rounding does as well; the others are still attacked."""
    jury = jury_over(above(102.5))
    jury.ask(moved(103, 101), at(0, 2))
    assert (
        jury.broken.tolist() == jury.on_grid.tolist() == jury.over.tolist() == [True, False, False]
    )
    assert np.array_equal(jury.witness[0], moved(103)[0])
    assert jury.codes[0, 0, 0].tolist() == [103, 100]
    assert np.array_equal(jury.witness[1:], seen(CLEAN)[1:])


def test_a_break_that_rounding_undoes_leaves_the_image_under_attack() -> None:
    """Fallen in float32, standing in 8 bits; a later point on the grid ends it there too."""
    jury = jury_over(between_codes)
    jury.ask(moved(101.5), at(1))
    assert jury.broken.tolist() == [False, True, False]
    assert not jury.on_grid.any()
    assert not jury.over.any()
    jury.ask(moved(106), at(1))
    assert jury.over.tolist() == jury.on_grid.tolist() == [False, True, False]
    assert np.array_equal(jury.witness[1], moved(101.5)[0]), "the first one counts in float32"
    assert jury.codes[1, 0, 0, 0] == 106


def test_control_without_8_bits_the_same_break_ends_it() -> None:
    """Where images are no pictures of 8 bits, the float answer is the only one."""
    jury = jury_over(between_codes, eps=None)
    jury.ask(moved(101.5), at(1))
    assert jury.over.tolist() == [False, True, False]
    assert jury.codes.size == 0


def test_rounding_stays_inside_the_grid() -> None:
    """A float point just outside the last whole step is rounded back into it."""
    jury = jury_over(above(101), eps="3/510")
    jury.ask(moved(101.5), at(0))
    assert jury.broken[0]
    assert jury.on_grid.tolist() == [False, False, False], "code 101 is a tie, which class 0 wins"
    jury = jury_over(above(100.9), eps="3/510")
    jury.ask(moved(101.5), at(0))
    assert jury.codes[0, 0, 0, 0] == 101


def test_the_first_witness_is_kept() -> None:
    """At both depths, however many follow."""
    jury = jury_over(above(102.5))
    for code in (103, 107, 105):
        jury.ask(moved(code), at(0))
    assert np.array_equal(jury.witness[0], moved(103)[0])
    assert jury.codes[0, 0, 0, 0] == 103


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_answers_that_are_no_numbers_end_an_image_without_breaking_it(hole: float) -> None:
    """It failed: neither standing nor broken, and nothing is claimed."""
    jury = jury_over(lambda codes: np.where(codes > 102.5, np.float32(hole), -1))
    logits = jury.ask(moved(103, 101), at(0, 1))
    assert finite_rows(logits).tolist() == [False, True]
    assert jury.failed.tolist() == jury.over.tolist() == [True, False, False]
    assert not jury.broken.any()
    assert not jury.on_grid.any()


def test_no_number_on_the_grid_fails_an_image_as_well() -> None:
    """Its rounded picture is one that a file can hold, and the model cannot answer it."""

    def holes(codes: FloatArray) -> FloatArray:
        whole = np.abs(codes - np.rint(codes)) < 0.01
        return np.where(whole, np.float32(np.nan), np.float32(1))

    jury = jury_over(holes)
    jury.ask(moved(101.5), at(2))
    assert jury.failed.tolist() == jury.over.tolist() == [False, False, True]
    assert jury.broken.tolist() == [False, False, True]
    assert not jury.on_grid.any()


def test_ties_go_to_the_lowest_class() -> None:
    """Equal logits are the answer of class 0, which is right."""
    jury = jury_over(above(103))
    jury.ask(moved(103), at(0))
    assert not jury.broken.any()


def test_points_are_counted_with_their_roundings() -> None:
    """Every picture that went through the model, and none twice: a fallen one rounds no more."""
    jury = jury_over(above(102.5))
    jury.ask(moved(101, 103), at(0, 1))
    assert jury.forward == 3
    jury.ask(moved(104), at(1))
    assert jury.forward == 4


def test_a_jury_over_some_decides_nothing_for_all_until_it_is_taken_in() -> None:
    """What it heard is its own; then it is known at its places."""
    jury = jury_over(above(102.5))
    part = jury.rows(at(2, 0))
    part.ask(moved(103), at(0))
    assert not jury.broken.any()
    assert jury.forward == 0
    jury.take_in(part, at(2, 0))
    assert jury.broken.tolist() == jury.on_grid.tolist() == [False, False, True]
    assert jury.codes[2, 0, 0, 0] == 103
    assert jury.forward == part.forward == 2


def test_of_several_lanes_of_one_image_the_first_witness_counts() -> None:
    """In the order of the places, not of the breaks; any lane may break or fail it."""
    jury, places = jury_over(above(102.5)), at(1, 0, 1, 0)
    part = jury.rows(places)
    part.ask(moved(107), at(2))
    part.ask(moved(103), at(0))
    part.ask(moved(105), at(3))
    jury.take_in(part, places)
    assert jury.broken.tolist() == [True, True, False]
    assert [jury.codes[place, 0, 0, 0] for place in (0, 1)] == [105, 103]
    assert np.array_equal(jury.witness[:2], moved(105, 103))


def test_lanes_that_fail_fail_their_image() -> None:
    """One of several is enough."""
    jury = jury_over(lambda codes: np.where(codes > 106, np.float32(np.nan), -1))
    places = at(1, 1, 2)
    part = jury.rows(places)
    part.ask(moved(107), at(1))
    jury.take_in(part, places)
    assert jury.failed.tolist() == [False, True, False]


def test_what_was_broken_keeps_its_witness_when_others_are_taken_in() -> None:
    """A later run over the same image replaces nothing, at either depth."""
    jury = jury_over(between_codes)
    jury.ask(moved(101.5), at(1))
    part = jury.rows(at(1))
    part.ask(moved(102.5, 106), at(0, 0))
    jury.take_in(part, at(1))
    assert np.array_equal(jury.witness[1], moved(101.5)[0])
    assert jury.codes[1, 0, 0, 0] == 106
