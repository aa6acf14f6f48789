"""JUnit from a verdict: which case ends how, and a file that every reader can parse."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.contract import Json
from service.report.junit import Open, render_junit
from support import evidence as sample

Change = Callable[[dict[str, Json], dict[str, Json]], None]
FORBIDDEN = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
"""What XML 1.0 does not hold, in its own words (production 2)."""


def rendered(change: Change | None = None, *, inconclusive: Open = "failure") -> bytes:
    """The sample's file, with evidence and verdict changed in place."""
    evidence, verdict = sample.evidence(), sample.verdict()
    if change is not None:
        change(evidence, verdict)
    return render_junit(evidence, verdict, inconclusive=inconclusive)


def parsed(change: Change | None = None, *, inconclusive: Open = "failure") -> ET.Element:
    """The same, read again."""
    return ET.fromstring(rendered(change, inconclusive=inconclusive))  # noqa: S314 - our own file


def case(root: ET.Element, name: str) -> ET.Element:
    """The case of this name."""
    [found] = [one for one in root.iter("testcase") if one.get("name") == name]
    return found


def endings(root: ET.Element) -> dict[str, tuple[str, str | None]]:
    """How each case ended that did not pass."""
    return {
        str(one.get("name")): (child.tag, child.get("type"))
        for one in root.iter("testcase")
        for child in one
        if child.tag != "properties"
    }


def stated(verdict: dict[str, Json], **more: Json) -> None:
    """Change the requirement under attack."""
    verdict["requirements"][1].update(more)


# --------------------------------------------------------------------------- which case ends how


def test_a_suite_for_each_threat_and_a_case_for_each_requirement() -> None:
    """Threats by the policy's name, requirements without one together, and the evaluation."""
    root = parsed()
    found = {suite.get("name"): len(suite.findall("testcase")) for suite in root}
    assert found == {"robustness": 1, "robustness.linf8": 1, "evaluation": 5}
    assert case(root, "worst-case").get("classname") == "robustness.linf8"


def test_states_become_endings() -> None:
    """PASS is a pass, FAIL a failure, red and missing indicators failures of their own type."""
    root = parsed()
    about = "(attacks.linf@Linf:8/255:white:gate, Linf, ε = 8/255, white box)"
    assert endings(root) == {
        "worst-case": ("failure", "FAIL"),
        f"loss_never_rose {about}": ("failure", "inconclusive"),
        f"budget_not_enough {about}": ("failure", "inconclusive"),
    }
    failure = case(root, "worst-case").find("failure")
    assert failure is not None
    assert failure.get("message") == "879 of 1000 images fell; 380 must stand."


@pytest.mark.parametrize(
    ("kind", "ending"), [("failure", ("failure", "inconclusive")), ("skipped", ("skipped", None))]
)
def test_inconclusive_is_what_was_asked_for(kind: Open, ending: tuple[str, str | None]) -> None:
    """A failure where one releases, skipped where one only looks; indicators go along."""
    root = parsed(lambda _, verdict: stated(verdict, state="INCONCLUSIVE"), inconclusive=kind)
    assert set(endings(root).values()) == {ending}


def test_a_fail_stays_a_failure_however_inconclusive_is_shown() -> None:
    """Leniency about what is open does not reach what is violated."""
    assert endings(parsed(inconclusive="skipped"))["worst-case"] == ("failure", "FAIL")


def test_what_would_settle_it_is_part_of_the_message() -> None:
    """The optional sentence stands behind the reason."""
    root = parsed(lambda _, verdict: stated(verdict, state="INCONCLUSIVE", settles="Run it."))
    failure = case(root, "worst-case").find("failure")
    assert failure is not None
    assert str(failure.text).endswith("To settle it: Run it.")


WAIVERS: list[Json] = [
    {"id": "W-014", "state": "applied", "reason": "class retired", "expires": "2027-01-31"}
]


def test_a_waived_fail_is_skipped_with_its_reason() -> None:
    """Who reads only this file still learns by what it was let through, and until when."""

    def change(_: dict[str, Json], verdict: dict[str, Json]) -> None:
        stated(verdict, waived="W-014")
        verdict["waivers"] = WAIVERS

    skipped = case(parsed(change), "worst-case").find("skipped")
    assert skipped is not None
    assert str(skipped.get("message")).startswith(
        "Waived by W-014 until 2027-01-31: class retired. 879 of 1000"
    )


def test_what_is_accepted_undecided_stays_open() -> None:
    """An accepted INCONCLUSIVE is no PASS: it keeps its type and names who accepted it."""

    def change(_: dict[str, Json], verdict: dict[str, Json]) -> None:
        stated(verdict, state="INCONCLUSIVE", waived="W-014", accepted_by="Ada")
        verdict["waivers"] = WAIVERS

    failure = case(parsed(change), "worst-case").find("failure")
    assert failure is not None
    assert failure.get("type") == "inconclusive"
    assert str(failure.text).startswith("Accepted by Ada until 2027-01-31: class retired.")


def test_doubt_beside_a_pass_fails_nothing() -> None:
    """Where the gate passes, no case of this file fails: such an indicator held nothing back."""

    def change(_: dict[str, Json], verdict: dict[str, Json]) -> None:
        stated(verdict, state="PASS")
        verdict["verdict"] = "PASS"

    root = parsed(change)
    assert (root.get("failures"), root.get("errors"), root.get("skipped")) == ("0", "0", "2")


def test_an_indicator_that_does_not_apply_is_skipped() -> None:
    """There was nothing that it could doubt, which is no success either."""

    def change(_: dict[str, Json], verdict: dict[str, Json]) -> None:
        for one in verdict["indicators"]:
            one["state"] = "not_applicable"

    assert [kind for kind, _ in endings(parsed(change)).values()].count("skipped") == 5


@pytest.mark.parametrize("state", ["ERROR", "passed", ""])
def test_a_state_that_nobody_knows_is_an_error(state: str) -> None:
    """What this file cannot name never looks like a pass."""
    found = endings(parsed(lambda _, verdict: stated(verdict, state=state)))
    assert found["worst-case"][0] == "error"


def test_without_a_verdict_nothing_passes() -> None:
    """Evidence alone ends with an error, so that a missing verdict is no green file."""
    root = ET.fromstring(render_junit(sample.evidence(), None))  # noqa: S314 - our own file
    assert endings(root) == {"verdict": ("error", "missing")}
    assert root.get("errors") == "1"


def test_numbers_are_properties() -> None:
    """Counts, shares, interval and comparison can be read by machines, as the verdict has them."""

    def change(_: dict[str, Json], verdict: dict[str, Json]) -> None:
        stated(verdict, headroom=-0.259, paired={"n10": 34, "difference": -0.031})

    body = case(parsed(change), "worst-case").find("properties")
    assert body is not None
    found = {one.get("name"): one.get("value") for one in body}
    assert found["observed"] == "0.121"
    assert found["threshold"] == "0.38"
    assert found["headroom"] == "-0.259"
    assert (found["interval_low"], found["interval_high"]) == ("0.121", "0.121")
    assert (found["counts.fallen"], found["paired.n10"]) == ("879", "34")


def test_totals_are_those_of_the_cases() -> None:
    """Attributes of suites and file equal what stands in them."""
    root = parsed()
    for part in (root, *root):
        cases = list(part.iter("testcase"))
        failed = [one for one in cases if one.find("failure") is not None]
        assert part.get("tests") == str(len(cases))
        assert part.get("failures") == str(len(failed))
    assert (root.get("tests"), root.get("failures")) == ("7", "3")


def test_there_is_never_a_case_for_an_image() -> None:
    """A set a thousand times as large has the same cases."""

    def change(evidence: dict[str, Json], verdict: dict[str, Json]) -> None:
        evidence["facts"]["data"]["n"] = 10**6
        stated(verdict, counts={"population": 10**6, "prefix": 10**6})

    assert len(list(parsed(change).iter("testcase"))) == 7


def test_classes_of_one_requirement_are_told_apart() -> None:
    """A requirement that speaks of one class names it."""
    root = parsed(lambda _, verdict: stated(verdict, **{"class": "ferry"}))
    assert case(root, "worst-case [ferry]") is not None


def test_the_same_verdict_gives_the_same_bytes() -> None:
    """No time and no machine gets in: another run of the same evidence is the same file."""

    def change(evidence: dict[str, Json], _: dict[str, Json]) -> None:
        evidence["run"].update(seconds=1.0, host="another", created="2027-01-01T00:00:00Z")

    assert rendered(change) == rendered()
    assert b"2026-11-20" not in rendered()


# ----------------------------------------------------------------------------- hostile characters


def hostile(word: str) -> Change:
    """Every name and sentence replaced by one word."""

    def change(evidence: dict[str, Json], verdict: dict[str, Json]) -> None:
        evidence["facts"]["subject"]["name"] = word
        for one in verdict["requirements"]:
            one.update(id=word, metric=word, label=word, reason=word, settles=word, waived=word)
            one.update({"class": word, "counts": {word: 3}})
        for one in verdict["indicators"]:
            one.update(metric=word, note=word, scope={word: word}, analyzer=word)
        verdict.update(notes=[word], policy_digest=word, baseline={"name": word})

    return change


def check(body: bytes) -> None:
    """It parses, holds no forbidden character, and has the cases that it should have."""
    root = ET.fromstring(body)  # noqa: S314 - our own file
    assert not FORBIDDEN.search(body.decode())
    assert len(list(root.iter("testcase"))) == 7
    kinds = {one.tag for one in root.iter()}
    assert kinds <= {
        *("testsuites", "testsuite", "testcase", "properties", "property"),
        *("failure", "skipped", "error"),
    }


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.text(st.characters(codec=None), max_size=8),
            st.sampled_from(
                ["<", "&", "]]>", '"', "'", "\x00", "\x0b", "\x1b", "\ud800", "\ufffe", "\u202e"]
            ),
        ),
        max_size=8,
    ).map("".join)
)
def test_no_name_breaks_the_file(word: str) -> None:
    """Markup, control characters and half characters in names leave a file that parses."""
    check(rendered(hostile(word)))


@pytest.mark.parametrize("word", ["<x>", "&", "\x00", "\x0b", "\ufffe"])
def test_raw_names_would_break_it(word: str) -> None:
    """Control: the same characters put in as they are make no XML of it."""
    bare = rendered(hostile("ferry")).replace(b"ferry", word.encode())
    with pytest.raises((ET.ParseError, AssertionError)):
        check(bare)


def test_names_are_bounded() -> None:
    """A name of a megabyte does not make a file of many."""
    assert len(rendered(hostile("x" * 10**6))) < 100_000
