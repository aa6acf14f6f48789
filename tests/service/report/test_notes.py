"""Notes: an interval goes beside its number, and what several say is said once."""

from __future__ import annotations

import pytest

from service.report.notes import footnotes, note_of


@pytest.mark.parametrize(
    ("written", "unit", "interval", "left"),
    [
        (
            "95 % interval 0.398 to 0.433, 200 images. From 24.6 % to 66.2 %.",
            "share",
            "95% interval 39.8% to 43.3%, 200 images",
            ["From 24.6% to 66.2%."],
        ),
        (
            "95 % interval 7.25 to 7.81, 200 images.",
            "times",
            "95% interval 7.25 to 7.81, 200 images",
            [],
        ),
        (
            "95 % interval 78.3 % to 88.9 %, 200 images, 15000 copies. Clean: 198 of 200.",
            "share",
            "95% interval 78.3% to 88.9%, 200 images, 15000 copies",
            ["Clean: 198 of 200."],
        ),
        (
            "95 % interval -4.0 to 3.9 points, 200 images, paired: 0 became wrong.",
            "share",
            "95% interval −4.0 to 3.9 points, 200 images, paired",
            ["0 became wrong."],
        ),
        (
            "Frost, the lowest of 15. 95 % interval (one of 15 that hold at once) 36.5 % to "
            "57.3 %, 200 images, 1000 copies.",
            "share",
            "95% interval (one of 15 that hold at once) 36.5% to 57.3%, 200 images, 1000 copies",
            ["Frost, the lowest of 15."],
        ),
        (
            "Below 3 cycles, less 6 to 12 cycles: 95 % interval -0.137 to -0.0785, 180 images.",
            "share",
            "95% interval −13.7% to −7.8%, 180 images",
            ["Below 3 cycles, less 6 to 12 cycles."],
        ),
        (
            "95 % interval 0.233 to 0.388, 200 images, above 8 cycles per image.",
            "share",
            "95% interval 23.3% to 38.8%, 200 images",
            ["Above 8 cycles per image."],
        ),
        ("No stored map.", "masks", "", ["No stored map."]),
        ("", "", "", []),
    ],
)
def test_an_interval_leaves_its_note(
    written: str, unit: str, interval: str, left: list[str]
) -> None:
    """It has the unit of its number; the rest of the note stays, as sentences."""
    found = note_of(written, unit)
    assert str(found.interval or "") == interval
    assert list(found.sentences) == left


def test_what_several_notes_say_stands_at_the_foot_once() -> None:
    """The sentence leaves its notes, which point to it; short and single ones stay."""
    shared = "The weights are those of the file."
    found = footnotes([["One alone.", shared], [shared, "Short."], ["Short.", shared, shared]])
    assert list(found.told) == [shared]
    assert list(found.notes) == ["One alone.", "Short.", "Short."]
    assert [list(one) for one in found.marks] == [[1], [1], [1]]


def test_a_sentence_said_twice_by_one_note_is_no_footnote() -> None:
    """Only what another note says as well leaves its place."""
    told = "A sentence of some length that is said twice."
    found = footnotes([[told, told], []])
    assert not found.told
    assert found.notes[0] == f"{told} {told}"
