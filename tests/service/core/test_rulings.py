"""Rulings beyond one share over all images: classes, shared levels, headroom, what would settle."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.contract import Json, Tally
from service.core.judge import judge
from service.core.policy import Policy, Requirement, parse_policy
from service.core.ranges import range_of
from service.core.ruling import class_tallies, decide, percent
from service.core.settling import images_needed, settles
from service.errors import AssayError, Code
from support.toys import CATALOGUE
from support.verdicts import ATTACK, N, evidence, measurement, ruling

POLICY = """
apiVersion: assay/v1
claim: CLAIM
data: {min_n: 10}
threats:
  near: {norm: Linf, eps: 8/255}
require:
  - {id: clean, metric: accuracy, gte: 0.9}
  - {id: wc, metric: robust_accuracy, threat: near, gte: 0.5}
  - {id: floor, metric: robust_accuracy, threat: near, per: class, gte: GTE}
"""


def policy(gte: str, claim: str = "set") -> Policy:
    """A policy with a floor under every class."""
    return parse_policy(POLICY.replace("GTE", gte).replace("CLAIM", claim), CATALOGUE)


def verdict(found: Mapping[str, Json], rules: Policy) -> dict[str, Any]:
    """Judge at a fixed date."""
    return judge(found, rules, evaluated_at="2026-01-01T00:00:00Z")


def shares(found: Mapping[str, Any]) -> dict[str, Fraction]:
    """What stands of each class of a whole audit, counted by hand."""
    told = found["facts"]["samples"][ATTACK]["by_class"]
    return {
        name: Fraction(counts.get("standing", 0), sum(counts.values()))
        for name, counts in told.items()
    }


def test_the_weakest_class_decides() -> None:
    """At its own share the floor holds, a hair above it that class and no other fails."""
    found = evidence(broken=0.3)
    weakest = min(shares(found).values())
    said = verdict(found, policy(str(weakest)))
    assert said["verdict"] == "PASS"
    said = verdict(found, policy(str(weakest + Fraction(1, 1000))))
    floor = ruling(said, "floor")
    assert said["verdict"] == floor["state"] == "FAIL"
    assert shares(found)[floor["class"]] == weakest
    assert floor["observed"] == float(weakest)
    assert floor["counts"]["population"] == N // 10
    assert f"weakest class '{floor['class']}'" in said["sentence"]
    assert ruling(said, "wc")["state"] == "PASS"
    assert ruling(said, "wc")["class"] == ""


def test_classes_are_called_by_their_names() -> None:
    """Where the evaluation set has names."""
    found = evidence(broken=0.3)
    found["facts"]["data"]["class_names"] = [f"kind {label}" for label in range(10)]
    assert ruling(verdict(found, policy("0.99")), "floor")["class"].startswith("kind ")


def test_a_class_that_was_not_looked_at_is_open() -> None:
    """A prefix says nothing of images beyond it, and a floor is no FAIL before one is certain."""
    found = evidence(broken=0.9, stop_at=0.8)
    assert measurement(found, "robust_accuracy")["counts"]["prefix"] < N
    floor = ruling(verdict(found, policy("0.01")), "floor")
    assert (floor["state"], floor["decided_by"]) == ("INCONCLUSIVE", "coverage")
    assert "Check again" in floor["settles"]


def test_classes_that_are_open_beside_a_failing_one_are_told() -> None:
    """A waiver of the one must not pass for them: one class fails, another has open claims."""
    found = evidence(broken=0.3)
    assert ruling(verdict(found, policy("0.54")), "floor")["undecided"] == []
    kept = found["facts"]["samples"][ATTACK]
    for counts in (kept["states"], kept["by_class"]["5"]):
        counts["standing"], counts["pending"] = counts["standing"] - 2, 2
    for name, by in (("standing", -2), ("pending", 2)):
        measurement(found, "robust_accuracy")["counts"][name] += by
    floor = ruling(verdict(found, policy("0.54")), "floor")
    assert (floor["class"], floor["state"]) == ("2", "FAIL")
    assert (floor["failing"], floor["undecided"]) == (["2"], ["5"])


def test_evidence_that_tells_no_classes_apart_passes_no_floor() -> None:
    """Absence is never a PASS; the control is the same evidence with them."""
    found = evidence(broken=0.1)
    assert verdict(found, policy("0.1"))["verdict"] == "PASS"
    found["facts"]["samples"][ATTACK]["by_class"] = {}
    found["facts"]["samples"][ATTACK]["by_class8"] = {}
    floor = ruling(verdict(found, policy("0.1")), "floor")
    assert (floor["state"], floor["decided_by"]) == ("INCONCLUSIVE", "absence")
    found["facts"]["data"]["class_counts"] = []
    assert ruling(verdict(found, policy("0.1")), "floor")["state"] == "INCONCLUSIVE"


def test_a_class_without_an_image_passes_no_floor() -> None:
    """Nothing was tried of it; a class that fails is still a FAIL."""
    found = evidence(broken=0.3)
    found["facts"]["subject"]["classes"] = 11
    floor = ruling(verdict(found, policy("0.1")), "floor")
    assert (floor["state"], floor["decided_by"]) == ("INCONCLUSIVE", "absence")
    assert "of 1 of the classes" in floor["reason"]
    assert ruling(verdict(found, policy("0.99")), "floor")["state"] == "FAIL"


@pytest.mark.parametrize("change", [("3", 1), ("3", -1), ("12", 5)])
def test_classes_that_do_not_add_up_are_no_evidence(change: tuple[str, int]) -> None:
    """As many images as were looked at, and none of a class that there is not."""
    found, (name, by) = evidence(broken=0.1), change
    counts = found["facts"]["samples"][ATTACK]["by_class"].setdefault(name, {"standing": 0})
    counts["standing"] += by
    if name == "12":
        found["facts"]["samples"][ATTACK]["by_class"]["3"]["standing"] -= by
    with pytest.raises(AssayError) as refused:
        verdict(found, policy("0.1"))
    assert refused.value.code is Code.EVIDENCE_INVALID


def test_classes_share_the_level_of_their_line() -> None:
    """Three lines share 5 %, ten classes share what one of them gets."""
    said = verdict(evidence(broken=0.3), policy("0.05", "population"))
    assert ruling(said, "wc")["level"] == pytest.approx(1 - 0.05 / 3, abs=1e-12)
    assert ruling(said, "floor")["level"] == pytest.approx(1 - 0.05 / 30, abs=1e-12)
    line = policy("0.05").require[1]
    assert policy("0.05").shared(line).level == 1 - Fraction(5, 300)
    assert percent(policy("0.05").shared(line)) == "98.33%"


def test_headroom_is_what_is_sure() -> None:
    """From the threshold to the low end of a PASS, to the high end of a FAIL."""
    found = evidence(broken=0.3)
    passed = ruling(verdict(found, policy("0.05", "population")), "wc")
    assert passed["headroom"] == pytest.approx(passed["interval"][0] - 0.5)
    assert passed["headroom"] > 0
    failed = ruling(verdict(evidence(broken=0.9, stop_at=0.8), policy("0.01")), "wc")
    assert failed["state"] == "FAIL"
    assert failed["headroom"] == pytest.approx(failed["interval"][1] - 0.5)
    assert failed["headroom"] < 0


def test_rulings_carry_grade_and_severity() -> None:
    """The grade of what was measured, the severity of what was asked."""
    said = verdict(evidence(broken=0.3), policy("0.05"))
    measured = measurement(evidence(broken=0.3), "robust_accuracy")
    assert ruling(said, "wc")["grade"] == measured["grade"] == "A"
    assert ruling(said, "wc")["severity"] == "high"
    text = POLICY.replace("gte: GTE", "gte: 0.05, severity: low").replace("CLAIM", "set")
    assert ruling(verdict(evidence(), parse_policy(text, CATALOGUE)), "floor")["severity"] == "low"


def ends(tally: Tally, claim: str = "set", **line: Any) -> tuple[str, str, str]:  # noqa: ANN401 - fields of a line
    """What counts alone come to."""
    asked = LINE.model_copy(update=line)
    interval = range_of(tally, claim, float(1 - asked.level))
    return decide(asked, tally, interval, claim)


def test_a_set_that_was_run_to_its_end_is_counted() -> None:
    """No rule about a last pass speaks where that ran on all; one image less and it does."""
    state, reason, by = ends(Tally(300, 300, 250, 50, 0, 300, 250, 0))
    assert (state, reason, by) == ("PASS", "250 of 300 images stand; 120 must.", "counts")
    assert ends(Tally(300, 300, 250, 50, 0, 299, 250, 0))[2] == "two-phase"


def test_what_is_missing_is_named() -> None:
    """Images that were not looked at, or the full plan on those that were."""
    assert ends(Tally(100, 99, 70, 29, 0, 29))[1] == (
        "Images 99 to 100 of the audit's order were not looked at."
    )
    assert ends(Tally(100, 100, 70, 30, 0, 45))[1] == "The full plan ran on 45 of 100 images."


def test_the_end_of_an_interval_belongs_to_it() -> None:
    """A population whose lower end is the very threshold passes; a hair more is asked, and not."""
    tally = Tally(300, 300, 250, 50, 0, 300)
    low = Fraction(range_of(tally, "population", float(1 - LINE.level)).low)
    assert ends(tally, "population", gte=low)[0] == "PASS"
    assert ends(tally, "population", gte=low + Fraction(1, 10**9))[0] == "INCONCLUSIVE"


def test_a_label_is_the_policys_own_name() -> None:
    """Where a requirement has no threat there is none."""
    said = verdict(evidence(broken=0.3), policy("0.01"))
    assert [ruling(said, name)["label"] for name in ("clean", "wc")] == ["", "near"]


# ------------------------------------------------------------------------- what would settle it


LINE = Requirement(id="wc", metric="robust_accuracy", threat="near", gte=Fraction(2, 5))


def test_only_what_is_open_is_told_how_to_settle() -> None:
    """A PASS and a FAIL need nothing."""
    said = verdict(evidence(broken=0.9, stop_at=0.8), policy("0.01"))
    assert {one["state"]: bool(one["settles"]) for one in said["requirements"]} == {
        "PASS": False,
        "FAIL": False,
        "INCONCLUSIVE": True,
    }


@pytest.mark.parametrize(
    ("by", "counts", "words"),
    [
        ("coverage", Tally(100, 40, 30, 10, 0, 40), "the 60 images"),
        ("coverage", Tally(100, 100, 70, 30, 0, 45), "the 55 images"),
        ("interval", Tally(100, 100, 45, 55, 0, 100), "more images"),
        ("interval", Tally(100, 100, 40, 60, 0, 100), "no number of images"),
        ("interval", Tally(10**5, 10**5, 45_000, 55_000, 0, 10**5), "1 more images"),
        ("pending", Tally(100, 100, 45, 54, 1, 100), "by other ways"),
        ("trust", Tally(100, 100, 45, 55, 0, 100), "mend what is in doubt"),
        ("absence", None, "measures it"),
        ("absence", Tally(100, 100, 45, 55, 0, 100), "measures it"),
    ],
)
def test_what_would_settle_hangs_on_what_is_open(by: str, counts: Tally | None, words: str) -> None:
    """Blocks, images, or nothing of the kind."""
    assert words in settles(by, LINE, counts)


def test_the_images_needed_are_those_of_the_normal_limit() -> None:
    """z^2 p (1 - p) / d^2 at the larger spread, by hand for a distance of five points."""
    assert images_needed(LINE, 45, 100) == -(-(1.959963984540054**2 * 0.2475) // 0.0025)
    assert images_needed(LINE, 4, 10) > 10**6


def test_images_looked_at_already_are_not_asked_for_again() -> None:
    """381 images tell 45 % from 40 %; of them 100 were seen, so 281 more are named."""
    assert images_needed(LINE, 45, 100) == 381
    told = settles("interval", LINE, Tally(100, 100, 45, 55, 0, 100))
    assert told.startswith("About 281 more images")


@given(st.integers(1, 400), st.integers(1, 400))
def test_a_threshold_further_away_needs_fewer_images(standing: int, seen: int) -> None:
    """The estimate shrinks as the share leaves the threshold, and is never below one."""
    standing = min(standing, seen)
    needed = images_needed(LINE, standing, seen)
    assert needed >= 1
    if standing * 5 > seen * 2 and standing < seen:
        assert images_needed(LINE, seen, seen) <= needed


def test_class_tallies_are_full_only_when_everything_is() -> None:
    """Who had every pass is known of the whole set alone, so a part of it makes no class full."""
    states = {"0": {"standing": 3, "broken": 1, "pending": 1}, "1": {"right": 2, "wrong": 1}}
    sizes = {"0": 6, "1": 3, "2": 4}
    part = class_tallies(states, Tally(13, 8, 5, 2, 1, 4), sizes)
    assert part == {
        "0": Tally(6, 5, 3, 1, 1, 1),
        "1": Tally(3, 3, 2, 1, 0, 1),
        "2": Tally(4, 0, 0, 0, 0, 0),
    }
    whole = class_tallies({"0": {"standing": 3}}, Tally(3, 3, 3, 0, 0, 3), {"0": 3})
    assert whole == {"0": Tally(3, 3, 3, 0, 0, 3)}
