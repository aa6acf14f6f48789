"""Readings: words for names, a unit, an interval, and a reason where there is no value."""

from __future__ import annotations

from analyzers.contract import Json
from service.report.readings import FEW, FIRST, readings_of, reasons, unmeasured
from support import evidence as sample

PLANNED: dict[str, Json] = {
    "metrics": {
        "toy.r50": {"title": "Detail for half", "unit": "of Nyquist", "meaning": "A radius."},
        "toy.share": {"title": "", "unit": "share", "meaning": "Beside toy.r50, a share."},
    }
}


def one(metric: str, value: float | None = 0.25, **more: Json) -> dict[str, Json]:
    """A measurement of the toy."""
    return sample.measurement("toy", metric, value, **more)


def test_a_reading_is_called_by_words_and_has_the_unit_of_its_metric() -> None:
    """A curve beside it measures something else, in another unit."""
    curve = sample.view("curve", "Accuracy", "", x=[0, 1], y=[0, 1], unit="share")
    (found,) = readings_of([one("toy.r50", view=curve)], PLANNED).first
    assert (found.name, found.value) == ("Detail for half", "0.25 of Nyquist")
    assert found.meaning == "A radius."


def test_a_metric_is_called_by_its_own_words_where_it_has_no_title() -> None:
    """Its analyzer's name stands above; other metrics in a meaning are called alike."""
    (found,) = readings_of([one("toy.share")], PLANNED).first
    assert (found.name, found.value) == ("Share", "25.0%")
    assert found.meaning == "Beside “Detail for half”, a share."
    (bare,) = readings_of([one("toy.odd_one")], {}).first
    assert (bare.name, bare.value) == ("Odd one", "0.25")


def test_few_scopes_are_readings_and_many_make_a_table() -> None:
    """A number under attack stands among the others; twenty layers do not."""
    few = [one("toy.share", scope={"threat": f"Linf:{n}/255:white"}) for n in range(FEW)]
    found = readings_of(few, PLANNED)
    assert [reading.where for reading in found.first][1] == "Linf, ε = 1/255, white box"
    assert not found.tables
    many = [one("toy.share", scope={"layer": f"Conv_{n}"}) for n in range(FEW + 1)]
    found = readings_of(many, PLANNED)
    assert not found.first
    assert found.tables[0].names[0] == ("Conv_0",)


def test_parts_of_what_is_known_of_the_whole_make_a_table() -> None:
    """Two layers explain the model's number and do not stand beside it."""
    parts = [one("toy.share", scope={"layer": name}) for name in ("Conv_1", "Conv_3")]
    found = readings_of([one("toy.share"), *parts], PLANNED)
    assert len(found.first) == 1
    assert len(found.tables[0].lines) == 2


def test_long_lists_fold_and_what_is_drawn_comes_first() -> None:
    """The first rows are those with a figure of their own; none is lost."""
    bars = sample.view("bars", "Shares", "", labels=["a"], values=[1])
    stated = [one(f"toy.m{n}", view=bars if n == 11 else None) for n in range(12)]
    found = readings_of(stated, {})
    assert found.first[0].name == "M11"
    assert (len(found.first), len(found.more)) == (FIRST, 12 - FIRST)


def test_a_meaning_is_told_once_for_several_scopes() -> None:
    """The second row of a metric does not repeat what the first said."""
    stated = [one("toy.share", scope={"cue": cue}) for cue in ("shape", "colour")]
    assert [bool(reading.meaning) for reading in readings_of(stated, PLANNED).first] == [
        True,
        False,
    ]


def test_what_shares_a_reason_is_told_together() -> None:
    """Names in one list, scopes once, one sentence why."""
    scope = {"threat": "Linf:8/255:white"}
    lost = [one(name, None, scope=scope, note="Too few fell.") for name in ("toy.r50", "toy.share")]
    (found,) = unmeasured(lost, PLANNED)
    assert found.told == (
        "Could not be measured here: detail for half, share (Linf, ε = 8/255, white box). "
        "Too few fell."
    )
    assert found.why == "Too few fell."


def test_many_scopes_without_value_are_not_all_named() -> None:
    """A thousand classes make no wall."""
    lost = [one("toy.share", None, scope={"class": str(n)}, note="Few.") for n in range(1000)]
    (found,) = unmeasured(lost, PLANNED)
    assert (
        found.told == "Could not be measured here: share (class 0; class 1; class 2; others). Few."
    )


def test_reasons_are_told_under_their_analyzers_title() -> None:
    """Also of an analyzer that counts images."""
    facts = sample.facts()
    facts["measurements"].append(sample.measurement(sample.FILTERS, "filters.x", None, note="No."))
    ((title, missing),) = reasons(facts)
    assert (title, missing[0].names) == ("Filters", ["x"])


def test_rows_of_a_metric_stand_together_under_one_name() -> None:
    """Parts are told apart by their scope, not by other words; the drawn one pulls all along."""
    bars = sample.view("bars", "Lost", "", labels=["a"], values=[1])
    alone = sample.view("number", "Lost without colour", "", value=0.25, unit="share")
    found = readings_of(
        [
            one("toy.share"),
            one("toy.r50", view=alone, scope={"cue": "colour"}),
            one("toy.r50", view=bars, scope={"cue": "shape"}),
        ],
        PLANNED,
    )
    assert [(reading.name, reading.where) for reading in found.first] == [
        ("Detail for half", "cue: colour"),
        ("Detail for half", "cue: shape"),
        ("Share", ""),
    ]


def test_no_fold_cuts_a_metric_or_hides_a_row_or_two() -> None:
    """The last metric that is seen is seen whole; two rows more are worth no fold."""
    cues = [one("toy.share", scope={"cue": cue}) for cue in ("shape", "texture", "colour")]
    stated = [*(one(f"toy.m{n}") for n in range(FIRST - 1)), *cues]
    rest = [one(f"toy.n{n}") for n in range(3)]
    found = readings_of([*stated, *rest], PLANNED)
    assert (len(found.first), len(found.more)) == (len(stated), 3)
    assert not readings_of([*stated, *rest[:2]], PLANNED).more
