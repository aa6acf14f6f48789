"""What counts as a replay: exact distances, the box, labels before and after, the upload."""

from fractions import Fraction

import numpy as np
import pytest

from analyzers.contract import Array, Depth
from service.witnesses.exhibits import Exhibit
from service.witnesses.judging import Replay, distance, judged
from support.witnesses import exhibit_of, picture

CLEAN = picture(0)
SEEN = CLEAN.astype(np.float32) / np.float32(255)


def said(label: int) -> Array:
    """Scores of four classes with one on top."""
    return np.eye(4, dtype=np.float32)[[label]]


def one_replay(
    exhibit: Exhibit, *, before: Array | None = None, after: Array | None = None
) -> Replay:
    """A replay on a model that says 1 of the clean picture and 2 of the witness."""
    told = {"logits": said(2) if after is None else after}
    [found] = judged([exhibit], {"logits": said(1) if before is None else before}, told)
    return found


def stepped(steps: int) -> Array:
    """Codes with one pixel so many steps away."""
    moved = CLEAN.copy()
    moved[1, 2, 3] += steps
    return moved


def nudged(away: float) -> Array:
    """Float32 pixels with one of them so far away."""
    moved = SEEN.copy()
    moved[0, 0, 0] = np.float32(float(moved[0, 0, 0]) + away)
    return moved


@pytest.mark.parametrize(("steps", "inside"), [(8, True), (9, False)])
def test_codes_are_counted_in_whole_steps(steps: int, inside: bool) -> None:
    """8 steps lie in 8/255, one pixel 9 steps away is refused, whatever the model says."""
    found = one_replay(exhibit_of(CLEAN, stepped(steps)))
    assert (found.distance, found.inside) == (Fraction(steps, 255), inside)
    assert found.replays == found.broken == inside
    assert inside != any("outside 8/255" in doubt for doubt in found.doubts)


def test_the_last_float_inside_and_the_first_outside() -> None:
    """Neighbours in float32 on both sides of the edge: exact arithmetic tells them apart."""
    eps, start = Fraction(8, 255), Fraction(float(SEEN[0, 0, 0]))
    edge = np.float32(float(start + eps))
    around = [np.nextafter(edge, np.float32(0)), edge, np.nextafter(edge, np.float32(1))]
    verdicts = list[bool]()
    for value in around:
        moved = SEEN.copy()
        moved[0, 0, 0] = value
        found = one_replay(exhibit_of(CLEAN, moved, depth="float32"))
        assert found.distance == Fraction(float(value)) - start
        assert found.inside == (found.distance <= eps)
        verdicts.append(found.inside)
    assert verdicts[0]
    assert not verdicts[-1]


def test_the_exact_distance_is_found_among_equal_roundings() -> None:
    """Two changes that round to the same double: the larger in exact arithmetic counts."""
    clean = np.array([[[1.0, 1.0]]], np.float32)
    moved = np.array([[[2.0**-60, 2.0**-70]]], np.float32)
    assert distance(clean, moved) == 1 - Fraction(1, 2**70)


def test_a_clean_picture_does_not_replay() -> None:
    """Nothing was changed, so the model says the label, and says so."""
    found = one_replay(exhibit_of(CLEAN, CLEAN), after=said(1))
    assert (found.distance, found.inside, found.broken) == (0, True, False)
    assert found.doubts == ["the model names the right class for the witness"]


def test_a_model_that_is_wrong_anyway_was_not_broken() -> None:
    """An image that the model gets wrong without any attack proves nothing."""
    found = one_replay(exhibit_of(CLEAN, stepped(8)), before=said(3))
    assert found.broken
    assert not found.replays


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_answers_that_are_no_numbers_break_nothing(value: float) -> None:
    """NaN compares with nothing, and must not pass for another class."""
    after = said(2)
    after[0, 0] = value
    found = one_replay(exhibit_of(CLEAN, stepped(8)), after=after)
    assert (found.became, found.broken, found.replays) == (None, False, False)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.01, 1.01])
def test_numbers_outside_the_box_are_outside(value: float) -> None:
    """A pixel that no picture has is refused."""
    moved = SEEN.copy()
    moved[0, 0, 0] = value
    found = one_replay(exhibit_of(CLEAN, moved, depth="float32"))
    assert not found.inside
    assert not found.replays


def test_the_uploaded_bytes_must_be_fooled_too() -> None:
    """What people deploy decides: a break of the canonical form alone does not replay."""
    clean = {"logits": said(1), "uploaded": said(1)}
    exhibits = [exhibit_of(CLEAN, stepped(8))]
    [one] = judged(exhibits, clean, {"logits": said(2), "uploaded": said(1)})
    [both] = judged(exhibits, clean, {"logits": said(2), "uploaded": said(3)})
    assert (one.broken, one.replays) == (False, False)
    assert (both.broken, both.replays) == (True, True)


@pytest.mark.parametrize("depth", ["float32", "8-bit"])
def test_a_doubt_about_the_files_is_not_forgotten(depth: Depth) -> None:
    """A picture that breaks, but is not the one that the audit counted, is no replay."""
    moved = stepped(8) if depth == "8-bit" else nudged(0.03)
    held = exhibit_of(CLEAN, moved, depth=depth)
    changed = Exhibit(held.entry, depth, held.clean, held.picture, ["it was changed"])
    assert one_replay(held).replays
    found = one_replay(changed)
    assert (found.broken, found.replays) == (True, False)


def test_a_norm_without_a_check_is_refused() -> None:
    """A threat that this version cannot measure is never taken for inside."""
    held = exhibit_of(CLEAN, stepped(1))
    other = held.entry.model_copy(update={"norm": "L2"})
    found = one_replay(Exhibit(other, "8-bit", held.clean, held.picture))
    assert not found.inside
