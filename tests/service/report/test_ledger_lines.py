"""The lines of a ledger that speak of classes, or of a difference to a baseline."""

from typing import Any

from service.report.brackets import holdings
from service.report.ledger import lines
from support.verdicts import evidence

CHANGE: dict[str, Any] = {
    "id": "wc:regress",
    "metric": "robust_accuracy",
    "threat": "Linf:8/255:white:gate",
    "state": "FAIL",
    "observed": -0.031,
    "threshold": -0.01,
    "comparison": "change_gte",
    "interval": [-0.046, -0.017],
    "level": 0.95,
    "class": "",
    "reason": "Worse.",
    "paired": {"n": 1000},
}


def test_a_difference_is_told_in_points() -> None:
    """Never as a share of images, and without a gauge from 0 to 100 %."""
    (line,) = lines({"requirements": [CHANGE]})
    assert (line.observed, line.needed) == ("−3.1 pt", "≥ −1.0 pt")
    assert line.interval == "−4.6 pt to −1.7 pt at 95%"
    assert line.headroom == "2.1 pt short"
    assert line.images == "1,000 pairs"
    assert "against the baseline" in line.about
    assert not line.gauge


def test_an_open_difference_shows_no_number() -> None:
    """Nothing was compared."""
    told = {**CHANGE, "observed": None, "interval": None, "paired": None, "state": "INCONCLUSIVE"}
    (line,) = lines({"requirements": [told]})
    assert (line.observed, line.interval, line.images, line.headroom) == ("not known", "–", "–", "")


def test_a_line_over_classes_names_the_weakest() -> None:
    """As text, whatever it is called."""
    told = {**CHANGE, "class": "a<b>", "comparison": "gte", "threshold": 0.2, "observed": 0.1}
    del told["paired"]
    (line,) = lines({"requirements": [told]})
    assert "every class (weakest: a<b>)" in line.about


def test_a_bracket_shows_the_threshold_over_all_images() -> None:
    """Not that of a class, and not a difference, wherever those stand in the policy."""
    whole = {**CHANGE, "comparison": "gte", "threshold": 0.4}
    del whole["paired"]
    floor = {**whole, "class": "3", "threshold": 0.1}
    facts = evidence()["facts"]
    found = holdings(facts, {"requirements": [CHANGE, floor, whole]})
    told = str(found[-1].figures[0])
    assert "needs 40" in told
    assert "needs 10" not in told
