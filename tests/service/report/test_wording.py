"""How numbers and names are spelled."""

import pytest

from service.report import wording


@pytest.mark.parametrize(
    ("share", "beside", "told"),
    [
        (0.121, None, "12.1%"),
        (0.0, None, "0.0%"),
        (1.0, None, "100.0%"),
        (0.0001, None, "<0.1%"),
        (0.99999, None, ">99.9%"),
        (-0.2, None, "−20.0%"),
        (0.39996, 0.4, "39.996%"),
        (0.4, 0.4, "40.0%"),
        (0.3996, 0.4, "39.96%"),
    ],
)
def test_percent(share: float, beside: float | None, told: str) -> None:
    """One place, never rounded to none or all, and never onto the threshold it misses."""
    assert wording.percent(share, beside) == told


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (1117000.0, "", "1,117,000"),
        (-2.25, "", "−2.25"),
        (0.00012345, "", "0.0001234"),
        (0.5, "share", "50.0%"),
        (3.0, "filters", "3 filters"),
        (None, "share", "–"),
        (1e300, "", "1e+300"),
    ],
)
def test_numbers_with_units(value: float | None, unit: str, told: str) -> None:
    """Whole numbers whole, others with four digits, shares in percent, nothing as a dash."""
    assert wording.measure(value, unit) == told


@pytest.mark.parametrize(
    ("identity", "told"),
    [
        ("Linf:8/255:white:gate", "Linf, ε = 8/255, white box"),
        ("L2:1/2", "L2, ε = 1/2"),
        ("Linf:8/255:odd", "Linf, ε = 8/255, odd"),
        ("nonsense", "nonsense"),
    ],
)
def test_threats(identity: str, told: str) -> None:
    """A threat's id reads as a person would say it; an unknown form stays as it is."""
    assert wording.threat(identity) == told


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        ("2026-11-20T09:20:15Z", "2026-11-20 09:20 UTC"),
        ("2026-11-20T09:20:15.123+00:00", "2026-11-20 09:20 UTC"),
        ("2026-11-20T09:20:15+02:00", "2026-11-20T09:20:15+02:00"),
        ("yesterday", "yesterday"),
    ],
)
def test_times(moment: str, told: str) -> None:
    """Times in UTC lose their T; a time elsewhere is not passed off as UTC."""
    assert wording.when(moment) == told


@pytest.mark.parametrize(
    ("seconds", "told"), [(3.21, "3.2 s"), (372.4, "6 min 12 s"), (7260, "2 h 1 min")]
)
def test_durations(seconds: float, told: str) -> None:
    """Seconds, minutes or hours, whichever fits."""
    assert wording.duration(seconds) == told


def test_texts_are_bounded_and_printable() -> None:
    """Escapes, line ends, bidirectional marks, half characters and length all end here."""
    hostile = "a\x1b[2J\u202eb\ud800\n\tc" + "x" * 1000
    clean = wording.plain(hostile)
    assert clean.startswith("a [2J b c")
    assert len(clean) == wording.CUT
    assert clean.isprintable()
    clean.encode()
    assert not hostile.isprintable()


def test_states_have_words_and_shapes() -> None:
    """Every state keeps its word; an unknown one is not mistaken for a good one."""
    assert wording.mark("PASS") == ("PASS", "good")
    assert wording.mark("SOMETHING").shape == "open"
    assert wording.mark("").word == "not judged"
    shapes = [wording.mark(word).shape for word in ("PASS", "FAIL", "INCONCLUSIVE", "ERROR")]
    assert len(set(shapes)) == 4


@pytest.mark.parametrize(
    ("name", "told"),
    [("robust_accuracy", "robust accuracy"), ("filters.entropy_late", "filters entropy late")],
)
def test_names_become_words(name: str, told: str) -> None:
    """A metric's name is read out without its underscores, and without the dot of its lens."""
    assert wording.words(name) == told
