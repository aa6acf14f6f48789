"""Threats: one spelling for one size, and nothing outside the pixel range."""

from fractions import Fraction

import pytest

from service.core.threats import Threat, exact_eps
from service.errors import AssayError, Code


@pytest.mark.parametrize(
    ("written", "exact"),
    [
        ("8/255", "8/255"),
        (" 8 / 255 ", "8/255"),
        ("16/510", "8/255"),
        (0.1, "1/10"),
        ("0.1", "1/10"),
        ("1e-3", "1/1000"),
        (0, "0"),
        ("0/5", "0"),
        ("-0", "0"),
        (1, "1"),
        ("255/255", "1"),
        (Fraction(2, 4), "1/2"),
    ],
)
def test_one_size_has_one_spelling(written: object, exact: str) -> None:
    """Fractions, decimals and numbers of one size are the same reduced text, and stable."""
    assert exact_eps(written) == exact
    assert exact_eps(exact) == exact


@pytest.mark.parametrize(
    "written", ["", "eight", "8/0", "8/", "/255", "1/2/3", None, [], "inf", "nan", "0x8", "8 px"]
)
def test_what_is_no_number_is_refused(written: object) -> None:
    """The refusal shows what was written and what to write."""
    with pytest.raises(AssayError) as caught:
        exact_eps(written)
    assert caught.value.code is Code.POLICY_INVALID
    assert "8/255" in caught.value.remedy


@pytest.mark.parametrize("written", [8, "8", -1, "-1/255", "256/255", 1.0001, 1e300])
def test_sizes_outside_the_pixel_range_are_refused(written: object) -> None:
    """8 instead of 8/255 is the usual slip, and named."""
    with pytest.raises(AssayError) as caught:
        exact_eps(written)
    assert "8/255 instead of 8" in caught.value.remedy


def test_long_nonsense_is_cut() -> None:
    """A refusal quotes no more than the beginning."""
    with pytest.raises(AssayError) as caught:
        exact_eps("x" * 10_000)
    assert len(caught.value.sentence) < 200


def test_a_threat_is_its_parts() -> None:
    """Text and config say the same, and equal parts are one threat."""
    one = Threat("Linf", "8/255")
    assert one.text == "Linf:8/255:white:gate"
    told = {"norm": "Linf", "eps": "8/255", "knowledge": "white", "budget": "gate"}
    assert one.as_config() == told
    assert Threat(**one.as_config()) == one
    assert len({one, Threat("Linf", "8/255", "white", "gate"), Threat("Linf", "4/255")}) == 2
