"""The ten kinds of view: what they draw is what the data say."""

from __future__ import annotations

from typing import get_args
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.contract import Json, ViewKind
from service.report.png import data_uri
from service.report.views import Figure, figure_of

HOSTILE = "<script>alert('x')</script>"
LABELS = ["one", "two", "three"]
PICTURES = {"a/0/clean": data_uri(np.zeros((2, 2, 3), np.uint8))}
GOOD: dict[str, dict[str, Json]] = {
    "number": {"value": 12, "of": 48, "unit": "filters"},
    "curve": {"x": [0, 1, 2], "y": [0.9, 0.5, 0.1], "x_label": "steps", "y_label": "share"},
    "band": {"value": 0.5, "low": 0.2, "high": 0.7},
    "bracket": {
        "certified": 0.2,
        "upper": 0.6,
        "population": 100,
        "prefix": 90,
        "standing": 40,
        "fallen": 40,
        "pending": 10,
    },
    "bars": {"labels": LABELS, "values": [1, 2, 4], "baseline": 2},
    "dots_over_band": {"labels": LABELS, "values": [0.1, 0.5, 0.9], "low": 0.2, "high": 0.7},
    "dumbbell": {"labels": LABELS, "before": [1, 2, 3], "after": [2, 2, 1]},
    "heat_map": {"values": [[0, 1], [2, 3]], "label": "error rate"},
    "matrix": {"labels": LABELS, "values": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]},
    "gallery": {"items": [{"caption": "a → b", "images": ["a/0/clean", "a/0/lost"]}]},
}


def drawn(kind: str, **changes: Json) -> ET.Element:
    """The picture of a good view with some of its data changed."""
    found = figure(kind, {**GOOD[kind], **changes})
    assert found.drawing is not None, found.note
    return ET.fromstring(found.drawing.named("figure"))  # noqa: S314 - our own markup


def figure(kind: str, data: Json) -> Figure:
    """A view as the report draws it."""
    return figure_of({"kind": kind, "title": "T", "data": data, "caption": "C"}, PICTURES)


def marks(root: ET.Element, tag: str, css: str) -> list[ET.Element]:
    """The elements of one tag and class."""
    return [one for one in root.iter(tag) if one.get("class") == css]


def at(one: ET.Element, name: str) -> float:
    """A coordinate."""
    return float(one.attrib[name])


def words(root: ET.Element) -> str:
    """All that is written in a picture."""
    return " ".join(root.itertext())


def test_every_kind_of_the_contract_is_drawn() -> None:
    """The closed set of the contract and the kinds that can be drawn are one."""
    assert set(get_args(ViewKind)) == set(GOOD)
    for kind, data in GOOD.items():
        found = figure(kind, data)
        assert found.drawing is not None, found.note
        ET.fromstring(found.drawing.named("figure"))  # noqa: S314 - our own markup


@pytest.mark.parametrize("kind", [kind for kind in GOOD if kind != "gallery"])
def test_a_drawing_speaks_to_those_who_cannot_see_it(kind: str) -> None:
    """Every drawing is an image; its title makes a claim, its description says how to read it."""
    root = drawn(kind)
    assert root.attrib["role"] == "img"
    told = {one.get("id"): one.text or "" for one in root if one.tag in {"title", "desc"}}
    assert root.attrib["aria-labelledby"].split() == list(told)
    title, reading = told.values()
    assert title.startswith("T: ")
    assert len(title) > 8
    assert len(reading) > 8


@pytest.mark.parametrize(
    ("kind", "claim"),
    [
        ("curve", "0.9 at 0, 0.1 at 2"),
        ("band", "0.5, inside the band from 0.2 to 0.7"),
        ("bars", "most 4 (three), least 1 (one)"),
        ("dots_over_band", "2 of 3 rows outside the band (one, three); most 0.9 (three)"),
        ("dumbbell", "largest change −2 (three)"),
        ("heat_map", "from 0 to 3, the most in row 2, column 2"),
        ("matrix", "most from one to two: 0"),
    ],
)
def test_a_title_claims_what_the_data_say(kind: str, claim: str) -> None:
    """The claim of a figure is read off its own numbers."""
    drawing = figure(kind, GOOD[kind]).drawing
    assert drawing is not None
    assert drawing.claim.startswith(claim)


@pytest.mark.parametrize("kind", [kind for kind in GOOD if kind != "gallery"])
def test_the_numbers_stand_behind_the_drawing(kind: str) -> None:
    """Each figure brings a table whose rows have as many cells as it has columns."""
    drawing = figure(kind, GOOD[kind]).drawing
    assert drawing is not None
    assert drawing.rows
    assert {len(row) for row in drawing.rows} == {len(drawing.columns)}


def test_number_shows_value_and_whole() -> None:
    """The value with its unit, and a bar as long as its part of the whole."""
    root = drawn("number")
    assert "12 filters of 48" in words(root)
    rail, part = marks(root, "rect", "rail")[0], marks(root, "rect", "a")[0]
    assert at(part, "width") == pytest.approx(at(rail, "width") / 4)


def test_number_in_percent() -> None:
    """A share turns into percent."""
    assert "12.3%" in words(drawn("number", value=0.1234, unit="share", of=None))


def test_curve_falls_where_values_fall() -> None:
    """Points run left to right, and equal steps in value are equal steps on paper."""
    dots = marks(drawn("curve"), "circle", "a")
    xs, ys = [at(one, "cx") for one in dots], [at(one, "cy") for one in dots]
    assert xs == sorted(xs)
    assert ys[1] - ys[0] == pytest.approx(ys[2] - ys[1], abs=0.02)
    assert ys[0] < ys[2]


def test_curve_breaks_at_a_gap() -> None:
    """A missing value ends one line and begins another; nothing is drawn through it."""
    whole = marks(drawn("curve"), "polyline", "stroke")
    broken = marks(drawn("curve", y=[0.9, None, 0.1]), "polyline", "stroke")
    assert (len(whole), len(broken)) == (1, 2)


def test_curve_has_a_band_only_when_given() -> None:
    """Low and high make a band; without them there is none."""
    banded = drawn("curve", low=[0.8, 0.4, 0], high=[1, 0.6, 0.2])
    assert len(marks(banded, "polygon", "band")) == 1
    assert not marks(drawn("curve"), "polygon", "band")


def test_a_long_curve_is_thinned() -> None:
    """Ten thousand points become a few hundred, the first among them."""
    many = list(range(10_000))
    line = marks(drawn("curve", x=many, y=many), "polyline", "stroke")[0]
    assert 300 < len(line.attrib["points"].split()) <= 400


@pytest.mark.parametrize(("value", "tag", "css"), [(0.5, "circle", "a"), (0.9, "polygon", "b")])
def test_band_tells_inside_from_outside_by_shape(value: float, tag: str, css: str) -> None:
    """A dot lies inside the band, a diamond outside: no colour is needed."""
    root = drawn("band", value=value)
    assert len(marks(root, tag, css)) == 1
    assert len(marks(root, "circle", "a")) + len(marks(root, "polygon", "b")) == 1


def test_band_along_x() -> None:
    """With x the band runs along it, and the line is left out when there is none."""
    data = {"x": [0, 1, 2], "low": [0, 1, 2], "high": [1, 2, 3]}
    found = figure("band", data).drawing
    assert found is not None
    root = ET.fromstring(found.named("figure"))  # noqa: S314 - our own markup
    assert len(marks(root, "polygon", "band")) == 1
    assert not marks(root, "polyline", "stroke")


def test_bracket_parts_lie_end_to_end() -> None:
    """Certified left, broken right, standing between; each is as long as its share."""
    root = drawn("bracket")
    rail = marks(root, "rect", "rail")[0]
    good, stood, bad = (marks(root, "rect", css)[0] for css in ("good", "stood", "bad"))
    unit = at(rail, "width")
    assert at(good, "width") == pytest.approx(0.2 * unit, abs=0.02)
    assert at(stood, "width") == pytest.approx(0.2 * unit, abs=0.02)
    assert at(bad, "width") == pytest.approx(0.4 * unit, abs=0.02)
    assert at(stood, "x") == pytest.approx(at(good, "x") + at(good, "width"), abs=0.02)
    assert at(bad, "x") + at(bad, "width") == pytest.approx(at(rail, "x") + unit, abs=0.02)


def test_bracket_shows_threshold_and_interval_of_a_verdict() -> None:
    """What is needed stands where it belongs on the same scale; without a verdict it is absent."""
    bare, judged = drawn("bracket"), drawn("bracket", threshold=0.6, low=0.3, high=0.5)
    assert not marks(bare, "line", "threshold")
    assert not marks(bare, "line", "whisker")
    tick, bad = marks(judged, "line", "threshold")[0], marks(judged, "rect", "bad")[0]
    assert at(tick, "x1") == pytest.approx(at(bad, "x"), abs=0.02)
    assert len(marks(judged, "line", "whisker")) == 3
    assert "needs 60.0%" in words(judged)


def test_bracket_takes_the_upper_end_from_counts() -> None:
    """Without ``upper`` it is what has not fallen."""
    given = {key: value for key, value in GOOD["bracket"].items() if key != "upper"}
    assert figure("bracket", given) == figure("bracket", {**given, "upper": 0.6})


def test_bars_are_as_long_as_their_values() -> None:
    """Lengths are proportional to values, and the baseline stands at its own."""
    root = drawn("bars")
    widths = [at(one, "width") for one in marks(root, "rect", "a")]
    assert widths == pytest.approx([widths[0], 2 * widths[0], 4 * widths[0]], abs=0.05)
    second = marks(root, "rect", "a")[1]
    tick = marks(root, "line", "threshold")[0]
    assert at(tick, "x1") == pytest.approx(at(second, "x") + at(second, "width"), abs=0.02)


def test_bars_below_zero_lie_left_of_it() -> None:
    """A negative bar ends where a positive one begins."""
    root = drawn("bars", values=[-2, 4, None], baseline=None)
    left, right = marks(root, "rect", "a")
    assert at(left, "x") + at(left, "width") == pytest.approx(at(right, "x"), abs=0.02)


def test_long_lists_are_cut_with_a_count() -> None:
    """A thousand classes draw forty rows and say how many are left."""
    drawing = figure("bars", {"labels": list(range(1000)), "values": list(range(1000))}).drawing
    assert drawing is not None
    assert (len(drawing.rows), drawing.rest) == (40, 960)


def test_dots_outside_their_band_change_shape() -> None:
    """One dot inside, two diamonds outside, and the table says which."""
    root = drawn("dots_over_band")
    assert len(marks(root, "circle", "a")) == 1
    assert len(marks(root, "polygon", "b")) == 2
    drawing = figure("dots_over_band", GOOD["dots_over_band"]).drawing
    assert drawing is not None
    assert [row[-1] for row in drawing.rows] == ["outside", "", "outside"]


def test_dumbbell_joins_before_and_after() -> None:
    """Each row joins a ring to a dot at their own values, with the signed change beside it."""
    root = drawn("dumbbell")
    joints = marks(root, "line", "joint")
    lengths = [at(one, "x2") - at(one, "x1") for one in joints]
    assert lengths[0] > 50
    assert lengths == pytest.approx([lengths[0], 0, -2 * lengths[0]], abs=0.02)
    assert "+1" in words(root)
    assert "−2" in words(root)


def test_heat_map_is_one_small_picture() -> None:
    """A 33 by 33 map is one picture of that many pixels and takes few bytes."""
    values = np.random.default_rng(0).random((33, 33)).tolist()
    found = figure("heat_map", {"values": values}).drawing
    assert found is not None
    root = ET.fromstring(found.named("figure"))  # noqa: S314 - our own markup
    assert len(list(root.iter("image"))) == 2
    assert len(found.named("figure")) < 7_000


def test_a_huge_heat_map_is_thinned() -> None:
    """A thousand by a thousand values stay far below a megabyte."""
    values = np.random.default_rng(0).random((1000, 1000)).round(3).tolist()
    found = figure("heat_map", {"values": values}).drawing
    assert found is not None
    assert len(found.named("figure")) < 1_100_000


def test_matrix_writes_its_numbers_while_they_fit() -> None:
    """A small matrix has a cell and a number for each pair; a large one becomes a picture."""
    small = drawn("matrix", unit="share")
    assert words(small).count("100%") == 3
    size = 40
    large = drawn("matrix", labels=list(range(size)), values=np.eye(size).tolist())
    assert len(list(large.iter("image"))) == 2


def test_gallery_shows_what_the_page_holds() -> None:
    """A picture that is there is shown with a description; one that is not says so."""
    root = drawn("gallery")
    shown = next(root.iter("img"))
    assert shown.attrib["src"] == PICTURES["a/0/clean"]
    assert shown.attrib["alt"] == "clean: a → b"
    assert "not kept in this file" in words(root)


def test_gallery_never_points_elsewhere() -> None:
    """Only our own data addresses become pictures, whatever a key resolves to."""
    view = {"kind": "gallery", "data": {"items": [{"images": ["k"]}]}}
    found = figure_of(view, {"k": "https://example.org/x.png"})
    assert found.drawing is not None
    assert "<img" not in found.drawing.named("figure")
    assert "<img" in drawn_with("k")


def drawn_with(key: str) -> str:
    """The same gallery with a picture of ours: the control."""
    found = figure_of(
        {"kind": "gallery", "data": {"items": [{"images": [key]}]}}, {key: PICTURES["a/0/clean"]}
    )
    assert found.drawing is not None
    return found.drawing.named("figure")


@pytest.mark.parametrize("kind", GOOD)
def test_hostile_words_stay_words(kind: str) -> None:
    """Markup in any text of any kind of view arrives as text."""
    data = {
        **GOOD[kind],
        **dict.fromkeys(("x_label", "y_label", "label", "unit", "before_label"), HOSTILE),
    }
    if "labels" in data:
        data["labels"] = [HOSTILE, "two", "three"]
    if kind == "gallery":
        data = {"items": [{"caption": HOSTILE, "images": [HOSTILE]}]}
    found = figure_of({"kind": kind, "title": HOSTILE, "data": data, "caption": HOSTILE}, PICTURES)
    assert found.drawing is not None
    assert "<script" not in found.drawing.named("figure")
    root = ET.fromstring(found.drawing.named("figure"))  # noqa: S314 - our own markup
    assert "<script" in words(root)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("pie", {}),
        ("curve", {"x": [1, 2], "y": [1]}),
        ("curve", {"x": [1, 2], "y": ["a", None]}),
        ("curve", {"x": [], "y": []}),
        ("band", {"value": 1}),
        ("bracket", {"population": 0}),
        ("bracket", {"certified": 0.9, "upper": 0.1, "population": 10}),
        ("bars", {"labels": ["a"], "values": [1, 2]}),
        ("bars", {"values": [None, float("nan")]}),
        ("dots_over_band", {"values": [1, 2], "low": [1], "high": 2}),
        ("dumbbell", {"before": [1]}),
        ("heat_map", {"values": [[1, 2], [3]]}),
        ("heat_map", {"values": [["a"]]}),
        ("matrix", {"values": [[1, 2]]}),
        ("matrix", {"labels": ["a"], "values": [[1, 2], [3, 4]]}),
        ("number", {"value": float("inf")}),
        ("number", {"value": True}),
        ("gallery", {"items": []}),
        ("curve", "nonsense"),
    ],
)
def test_malformed_data_become_a_note(kind: str, data: Json) -> None:
    """What cannot be drawn says why, in a sentence, and harms nothing else."""
    found = figure(kind, data)
    assert found.drawing is None
    assert found.note.startswith("This figure cannot be drawn: ")


leaves = st.sampled_from(
    [None, True, "", "a", "<b>", 0, -1, 3, 0.5, 1e308, -1e308, 5e-324, 10**400, float("nan")]
)
json_values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(leaves.map(str), inner, max_size=3),
    max_leaves=8,
)
keys = sorted({key for data in GOOD.values() for key in data} | {"x", "low", "high", "threshold"})


@settings(deadline=None)
@given(
    kind=st.sampled_from(sorted(GOOD)), changes=st.dictionaries(st.sampled_from(keys), json_values)
)
def test_no_data_raise(kind: str, changes: dict[str, Json]) -> None:
    """Whatever JSON stands where data belong, there is a picture that parses or a note."""
    found = figure(kind, {**GOOD[kind], **changes})
    if found.drawing is None:
        assert found.note
    else:
        ET.fromstring(found.drawing.named("figure"))  # noqa: S314 - our own markup


@settings(deadline=None)
@given(json_values)
def test_no_view_raises(view: Json) -> None:
    """A view that is no view at all becomes a note as well."""
    assert figure_of(view).drawing is None
