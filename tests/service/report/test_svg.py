"""Drawing primitives: escaping, scales, ticks."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from service.report import svg

HOSTILE = '"><script>alert(1)</script>'


def test_text_and_attributes_are_escaped() -> None:
    """Markup in a label or an attribute arrives as text; declared as ours, it would bite."""
    safe = svg.element("g", HOSTILE, class_=HOSTILE)
    assert "<script" not in safe
    assert ET.fromstring(safe).attrib["class"] == HOSTILE  # noqa: S314 - our own markup
    assert "<script" in svg.element("g", Markup(HOSTILE))  # noqa: S704 - the control


def test_a_canvas_says_what_it_shows() -> None:
    """Title and description, escaped, stand in the drawing and name it under its own anchor."""
    canvas = svg.canvas(10, HOSTILE, f"How: {HOSTILE}", svg.dot(1, 2, "a"))
    root = ET.fromstring(canvas.named("figure-7"))  # noqa: S314 - our own markup
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"] == "figure-7-title figure-7-desc"
    told = {one.attrib["id"]: one.text for one in root if "id" in one.attrib}
    assert told == {"figure-7-title": HOSTILE, "figure-7-desc": f"How: {HOSTILE}"}


@pytest.mark.parametrize(
    ("value", "told"), [(1.0, "1"), (0.126, "0.13"), (-0.001, "0"), (100, "100")]
)
def test_numbers_in_attributes(value: float, told: str) -> None:
    """Two places at most, no trailing zeros, no minus zero."""
    assert svg.spelled(value) == told


def test_a_scale_maps_ends_to_ends() -> None:
    """Ends go to ends, the middle to the middle, and what lies beyond stays inside."""
    place = svg.Scale(0, 10, 100, 200)
    assert [place(value) for value in (0, 5, 10, -3, 99)] == [100, 150, 200, 100, 200]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 50, [0, 10, 20, 30, 40, 50]),
        (-3, 7, [-2, 0, 2, 4, 6]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    """Ticks fall on round numbers inside the ends."""
    assert svg.ticks(low, high) == pytest.approx(expected)


sizes = st.floats(-1e100, 1e100).filter(lambda value: value == 0 or abs(value) > 1e-100)


@settings(deadline=None)
@given(st.lists(sizes, min_size=1, max_size=6), st.sampled_from([None, 0.0]))
def test_ends_hold_whatever_numbers_there_are(values: list[float], anchor: float | None) -> None:
    """Ends enclose every value and differ; rounded ends enclose them too and ticks are few."""
    low, high = svg.extent(values, anchor)
    assert low <= min(values)
    assert max(values) <= high
    assert low < high
    down, up = svg.rounded(low, high)
    slack = 1e-6 * (high - low)
    assert down <= low + slack
    assert up >= high - slack
    assert len(svg.ticks(down, up)) < 20


def test_an_anchor_counts_only_when_near() -> None:
    """Zero joins values that lie close to it and leaves distant ones their own scale."""
    assert svg.extent([1.0, 4.0], anchor=0.0) == (0.0, 4.0)
    assert svg.extent([1000.0, 1001.0], anchor=0.0) == (1000.0, 1001.0)
    assert svg.extent([5.0], anchor=0.0) == (0.0, 5.0)
    assert svg.extent([1.0, 4.0]) == (1.0, 4.0)


def test_hatching_stays_inside_its_box() -> None:
    """No stroke leaves the box, and a box wide enough has several."""
    path = svg.hatch(10, 20, 50, 26, "hatch")
    numbers = [
        tuple(map(float, pair.split()))
        for stroke in ET.fromstring(path).attrib["d"].split("M")[1:]  # noqa: S314 - our own markup
        for pair in stroke.split("L")
    ]
    assert len(numbers) > 10
    assert all(10 <= x <= 60 and 20 <= y <= 46 for x, y in numbers)
