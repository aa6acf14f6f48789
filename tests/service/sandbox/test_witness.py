"""Claims are confirmed in exact arithmetic, or not at all."""

from fractions import Fraction

import numpy as np
import pytest

from analyzers.contract import Array
from service.sandbox.witness import Opinion, confirmed, opinion, within

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


LABEL = np.array([0])
OTHER = np.array([[0.0, 1.0]], np.float32)
SAME = np.array([[1.0, 0.0]], np.float32)


@pytest.mark.parametrize(
    ("witness", "logits", "holds"),
    [
        (picture(0.51), OTHER, True),
        (picture(0.51), SAME, False),
        (picture(0.54), OTHER, False),
        (picture(0.51), np.array([[np.nan, 1.0]], np.float32), False),
        (picture(np.nan), OTHER, False),
    ],
)
def test_claim_needs_label_ball_and_numbers(
    witness: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    logits: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    holds: bool,
) -> None:
    """A claim holds only with another label, inside the ball, with finite numbers throughout."""
    found = confirmed(picture(0.5), witness, logits, LABEL, norm="Linf", eps="8/255")
    assert found.tolist() == [holds]


def test_claim_outside_the_box_is_refused() -> None:
    """A witness below 0 is no picture, however close it is."""
    found = confirmed(picture(0.0), picture(-0.01), OTHER, LABEL, norm="Linf", eps="8/255")
    assert found.tolist() == [False]


def test_unknown_norm_is_an_error() -> None:
    """A norm without a check never confirms anything by accident."""
    with pytest.raises(ValueError, match="no check"):
        confirmed(picture(0.5), picture(0.5), OTHER, LABEL, norm="L7", eps="8/255")


def held(logits: Array, uploaded: Array | None = None) -> Opinion:
    """What others say of two claims, both well inside the ball."""
    clean = np.concatenate([picture(0.5), picture(0.5)])
    answers = {"logits": logits} if uploaded is None else {"logits": logits, "uploaded": uploaded}
    return opinion(clean, clean, answers, np.array([0, 0]), norm="Linf", eps="8/255")


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
