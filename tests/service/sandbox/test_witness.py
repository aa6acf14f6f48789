"""Claims are confirmed in exact arithmetic, or not at all."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from analyzers.contract import Array
from service.sandbox.witness import Opinion, fooled, inside_ball, inside_grid, opinion, within

EPS = Fraction(8, 255)


def neighbours(value: float, steps: int) -> list[np.float32]:
    """The float32 values around a value, nearest first."""
    up = down = np.float32(value)
    found = [up]
    for _ in range(steps):
        up = np.nextafter(up, np.float32(2))
        down = np.nextafter(down, np.float32(-1))
        found += [up, down]
    return found


@pytest.mark.parametrize("eps", [EPS, Fraction(1, 10), Fraction(1, 3), Fraction(0), Fraction(1)])
def test_ball_agrees_with_exact_fractions(eps: Fraction) -> None:
    """Around the edge of the ball the check says what rational arithmetic says."""
    generator = np.random.default_rng(7)
    for clean in generator.random(40, np.float32):
        for moved in neighbours(float(clean) + float(eps), 6):
            exact = abs(Fraction(float(moved)) - Fraction(float(clean))) <= eps
            found = bool(within(np.array([clean]), np.array([moved]), eps)[0])
            assert found <= exact, "a pixel outside the exact ball was let in"
            if not exact:
                assert not found
            elif abs(Fraction(float(moved)) - Fraction(float(clean))) < eps - Fraction(1, 2**60):
                assert found


def test_ball_control_float32_arithmetic_lets_outsiders_in() -> None:
    """The naive float32 comparison accepts pixels that lie outside the exact ball."""
    generator = np.random.default_rng(7)
    fooled = 0
    for clean in generator.random(400, np.float32):
        for moved in neighbours(float(clean) + float(EPS), 4):
            naive = abs(moved - clean) <= np.float32(EPS)
            exact = abs(Fraction(float(moved)) - Fraction(float(clean))) <= EPS
            fooled += bool(naive and not exact)
            assert not (within(np.array([clean]), np.array([moved]), EPS)[0] and not exact)
    assert fooled > 0


def picture(value: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """One grey picture of one value."""
    return np.full((1, 1, 2, 2), value, np.float32)


@pytest.mark.parametrize(
    ("witness", "holds"),
    [
        (picture(0.51), True),
        (picture(0.5), True),
        (picture(0.54), False),
        (picture(np.nan), False),
        (picture(np.inf), False),
        (picture(-np.inf), False),
    ],
)
def test_a_picture_must_be_one_inside_the_ball(
    witness: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    holds: bool,
) -> None:
    """Numbers throughout, no pixel further away than eps; hostile ones cost no warning."""
    found = inside_ball(picture(0.5), witness, norm="Linf", eps="8/255")
    assert found.tolist() == [holds]


def test_one_bad_pixel_is_enough() -> None:
    """In either check; the other pictures are judged by themselves."""
    clean, moved = np.repeat(picture(0.5), 3, axis=0), np.repeat(picture(0.51), 3, axis=0)
    moved[1, 0, 1, 1] = 0.6
    assert inside_ball(clean, moved, norm="Linf", eps="8/255").tolist() == [True, False, True]
    codes = np.full((3, 1, 2, 2), 90, np.uint8)
    other = codes + np.uint8(8)
    other[1, 0, 1, 1] += 1
    assert inside_grid(codes, other, norm="Linf", eps="8/255").tolist() == [True, False, True]


@pytest.mark.parametrize(("clean", "moved"), [(0.0, -0.01), (1.0, 1.01)])
def test_a_picture_outside_the_box_is_none(clean: float, moved: float) -> None:
    """Below 0 or above 1 there are no pixels, however close."""
    assert not inside_ball(picture(clean), picture(moved), norm="Linf", eps="8/255").any()


@pytest.mark.parametrize("eps", ["8/255", "0", "1", "1/10", "7/510", "1/256", "254/255"])
def test_codes_are_counted_in_whole_steps(eps: str) -> None:
    """Every pair of codes, by rational arithmetic: no wrap at either end of the scale."""
    clean, moved = (one.astype(np.uint8).reshape(-1, 1, 1, 1) for one in np.indices((256, 256)))
    found = inside_grid(clean, moved, norm="Linf", eps=eps)
    steps = np.abs(np.subtract(*np.indices((256, 256)))).ravel()
    exact = [Fraction(int(step), 255) <= Fraction(eps) for step in range(256)]
    assert np.array_equal(found, np.array(exact)[steps])


def test_control_codes_subtracted_as_they_are_wrap() -> None:
    """Why the check widens them first: 2 - 250 is 8 in 8 bits."""
    clean, moved = (np.full((1, 1, 1, 1), code, np.uint8) for code in (250, 2))
    assert (moved - clean).item() == 8
    assert not inside_grid(clean, moved, norm="Linf", eps="8/255").any()


@pytest.mark.parametrize(("stored", "sent"), [("float32", "uint8"), ("uint8", "float32")])
def test_only_codes_lie_on_the_grid(stored: str, sent: str) -> None:
    """Neither pictures that are stored otherwise nor witnesses that are none have 8 bits."""
    clean, moved = np.zeros((2, 1, 2, 2), stored), np.zeros((2, 1, 2, 2), sent)
    assert not inside_grid(clean, moved, norm="Linf", eps="1").any()


@pytest.mark.parametrize("check", [inside_ball, inside_grid])
def test_unknown_norm_is_an_error(check: Callable[..., object]) -> None:
    """A norm without a check never confirms anything by accident."""
    with pytest.raises(ValueError, match="no check"):
        check(picture(0.5), picture(0.5), norm="L7", eps="8/255")


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        ([0.0, 1.0], True),
        ([1.0, 0.0], False),
        ([1.0, 1.0], False),
        ([np.nan, 1.0], False),
        ([0.0, np.inf], False),
        ([-np.inf, 1.0], False),
    ],
)
def test_an_answer_must_be_another_class_in_numbers(row: list[float], holds: bool) -> None:
    """A tie is the answer of the lower class, and a hole is no answer."""
    assert fooled(np.array([row], np.float32), np.array([0])).tolist() == [holds]


INSIDE = np.array([True, True])


def held(logits: Array, uploaded: Array | None = None, *, inside: Array = INSIDE) -> Opinion:
    """What others say of two claims, both of class 0."""
    answers = {"logits": logits} if uploaded is None else {"logits": logits, "uploaded": uploaded}
    return opinion(inside, answers, np.array([0, 0]))


FOOLED = np.array([[0.0, 1.0], [0.0, 1.0]], np.float32)


def test_a_claim_counts_when_both_files_are_fooled() -> None:
    """The canonical file's class is what the picture became."""
    assert held(FOOLED) == Opinion([1, 1], 0, 0)
    assert held(FOOLED, FOOLED) == Opinion([1, 1], 2, 0)


def test_a_claim_that_the_upload_denies_is_not_confirmed() -> None:
    """Neither broken nor standing, and counted as a disagreement."""
    denied = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    assert held(FOOLED, denied) == Opinion([1, None], 2, 1)


def test_an_upload_that_answers_out_of_shape_denies_everything() -> None:
    """So does a child that answers with other numbers of rows than it was asked for."""
    assert held(FOOLED, FOOLED[:1]) == Opinion([None, None], 2, 2)
    assert held(FOOLED[:1]) == Opinion([None, None], 0, 0)
    assert held(np.float32(3) * np.ones(2, np.float32)) == Opinion([None, None], 0, 0)


def test_a_claim_outside_its_ball_counts_for_nothing() -> None:
    """Whoever it fools; that the upload was asked is counted all the same."""
    outside = np.array([True, False])
    assert held(FOOLED, inside=outside) == Opinion([1, None], 0, 0)
    assert held(FOOLED, FOOLED, inside=outside) == Opinion([1, None], 2, 0)
