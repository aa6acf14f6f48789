"""Floors that may go up: only after three releases with room, never beyond what they reached."""

from typing import Any

import pytest

from service.core.ratchet import Raise, ratchet


def release(headroom: float | None, floor: float = 0.40, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """A verdict with one requirement."""
    line = {"id": "wc", "state": "PASS", "threshold": floor, "headroom": headroom, **more}
    return {"verdict": "PASS", "requirements": [line]}


@pytest.mark.parametrize(
    ("rooms", "then"),
    [
        ((0.08, 0.10, 0.09), 0.46),
        ((0.05, 0.20, 0.20), 0.43),
        ((0.049, 0.20, 0.20), None),
        ((0.20, 0.20, 0.049), None),
        ((0.20, 0.20), None),
        ((0.20, 0.20, 0.20, -0.1), 0.58),
    ],
)
def test_three_releases_with_room_raise_the_floor(
    rooms: tuple[float, ...], then: float | None
) -> None:
    """By the least room of the three, less two points; an older release does not count."""
    found = ratchet([release(room) for room in rooms])
    assert [one.then for one in found] == ([] if then is None else [then])


def test_room_counts_above_the_floor_that_holds_now() -> None:
    """A release that cleared a lower floor by much may clear today's by little."""
    old = release(0.20, floor=0.30)
    assert ratchet([release(0.20), release(0.20), old]) == [Raise("wc", 0.40, 0.48, 0.10)]
    assert ratchet([release(0.20, floor=0.46), release(0.20), old]) == []


@pytest.mark.parametrize(
    "unlike", [release(None), release(0.2, state="FAIL"), release(0.2, waived="W-1")]
)
def test_what_did_not_pass_by_itself_raises_nothing(unlike: dict[str, Any]) -> None:
    """Nor does a requirement that one of the releases did not have."""
    usual = release(0.2)
    assert ratchet([usual, usual, usual])
    for place in range(3):
        assert not ratchet([unlike if at == place else usual for at in range(3)])
    assert not ratchet([usual, usual, {"verdict": "PASS", "requirements": []}])
    assert not ratchet([usual, {**usual, "verdict": "FAIL"}, usual])
