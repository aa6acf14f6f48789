"""What is left at each size of a threat: points of known answer, and when there is no curve."""

import pytest

from analyzers.contract import Json
from service.report.groups import figures
from service.report.views import Figure

N = 200


def tally(fallen: int, scope: dict[str, Json] | None = None, metric: str = "robust") -> Json:
    """A measurement that counts images, of which so many fell."""
    counts = {"population": N, "prefix": N, "standing": N - fallen, "fallen": fallen, "pending": 0}
    return {
        "analyzer": f"attacks@{(scope or {}).get('threat', '')}",
        "metric": metric,
        "outcome": "measured",
        "scope": scope or {},
        "value": (N - fallen) / N,
        "counts": counts,
    }


def under(eps: str, fallen: int, *, norm: str = "Linf", depth: str = "8-bit") -> Json:
    """The same for a threat of this size."""
    return tally(fallen, {"threat": f"{norm}:{eps}:white:gate", "depth": depth})


def curves(*measured: Json, depth: str = "8-bit") -> list[Figure]:
    """The curves of these measurements."""
    facts: Json = {"measurements": [*measured], "samples": {}, "data": {"n": N}}
    return [one for one in figures(facts, depth) if "each size" in one.title]


def rows(figure: Figure) -> list[list[str]]:
    """The numbers beneath a curve, from its table."""
    assert figure.drawing is not None
    return [list(row) for row in figure.drawing.rows]


def test_sizes_of_one_threat_make_one_curve_from_the_clean_accuracy_on() -> None:
    """By size, and not in the order of the evidence."""
    [curve] = curves(tally(10, metric="accuracy"), under("8/255", 120), under("2/255", 60))
    assert rows(curve) == [["0", "95.0%"], ["2", "70.0%"], ["8", "40.0%"]]
    assert f"n = {N}" in curve.caption


def test_one_size_makes_no_curve() -> None:
    """A line through one point and the clean accuracy would say what nobody measured."""
    assert curves(tally(10, metric="accuracy"), under("8/255", 120)) == []


def test_norms_are_not_joined() -> None:
    """Sizes of another norm are other sizes."""
    assert curves(under("8/255", 120), under("1/2", 60, norm="L2")) == []
    found = curves(
        under("8/255", 120), under("2/255", 60),
        under("1/2", 60, norm="L2"), under("1", 90, norm="L2"),
    )  # fmt: skip
    assert [one.title.partition(", ")[2] for one in found] == ["Linf, white box", "L2, white box"]
    assert [[size for size, _ in rows(one)] for one in found] == [["2", "8"], ["0.5", "1"]]


def test_depths_are_not_joined() -> None:
    """A share of breaks that a file can hold is not one of breaks in floating point."""
    both = [
        under(eps, 50, depth=depth) for eps in ("2/255", "8/255") for depth in ("8-bit", "float32")
    ]
    [curve] = curves(*both)
    assert len(rows(curve)) == 2
    assert curves(under("2/255", 50), under("8/255", 60, depth="float32")) == []


@pytest.mark.parametrize("eps", ["", "x", "1/0"])
def test_a_size_that_is_none_is_left_out(eps: str) -> None:
    """Evidence of anybody's may say anything."""
    assert curves(under(eps, 120), under("2/255", 60)) == []
