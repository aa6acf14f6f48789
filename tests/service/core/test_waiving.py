"""A waiver turns a verdict only on its day, on its grounds, and never what is undecided."""

import copy
import json
import math
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.waivers import Floor, Waiver
from service.core.waiving import EXPIRING_DAYS, weighed
from support import verdicts

ON = date(2026, 12, 1)
CREATED, EXPIRES = date(2026, 11, 20), date(2027, 1, 31)
NEVER_TOO_LOW = math.nextafter(0.08, 0)
TAIL = "On these 300 images, at most 30.0% keep the correct label within Linf 8/255."
QUICK = settings(max_examples=100, deadline=None, derandomize=True)
Row = dict[str, Any]


def waiver(**changes: object) -> Waiver:
    """A waiver that holds for the requirement of ``entry``, but for the changes; None drops."""
    body: Row = {
        "id": "W-014",
        "match": {"requirement": "wc"},
        "reason": "class retired",
        "owner": "owner@example.org",
        "approved_by": "approver@example.org",
        "created": CREATED,
        "expires": EXPIRES,
        "floor": {"gte": "8%"},
        **changes,
    }
    return Waiver.model_validate({key: value for key, value in body.items() if value is not None})


def for_rule(rule: str, **changes: object) -> Waiver:
    """A waiver of a finding."""
    return waiver(**{"match": {"rule": rule}, "floor": None, **changes})


def entry(**changes: object) -> Row:
    """A requirement that fails, as the judge puts it; a change to ``...`` drops the key."""
    body: Row = {
        "id": "wc",
        "metric": "robust_accuracy",
        "class": "",
        "severity": "high",
        "state": "FAIL",
        "observed": 0.3,
        "threshold": 0.5,
        "interval": [0.25, 0.35],
        "reason": "210 of 300 images fell; 150 must stand.",
        "decided_by": "counts",
        **changes,
    }
    return {key: value for key, value in body.items() if value is not ...}


def passing(name: str = "clean") -> Row:
    """A requirement that holds."""
    return entry(id=name, state="PASS", observed=0.95, interval=[0.95, 0.95])


def undecided(name: str = "corr", **changes: object) -> Row:
    """A requirement that nobody could decide, and of which nothing is known."""
    body = {"observed": None, "interval": None, "decided_by": "absence", **changes}
    return entry(id=name, state="INCONCLUSIVE", **body)


def verdict(*entries: Row, **changes: object) -> Row:
    """The verdict over these requirements, as the judge puts it."""
    states = {one["state"] for one in entries}
    said = next((one for one in ("FAIL", "INCONCLUSIVE") if one in states), "PASS")
    return {
        "schema": "assay/verdict/v1",
        "verdict": said,
        "sentence": f"{said}. {TAIL}",
        "requirements": list(entries),
        "indicators": [{"metric": "preprocessing_fits", "state": "ok"}],
        **changes,
    }


def weigh(
    found: Row, *waivers: Waiver, on: date = ON, findings: tuple[Row, ...] = (), subject: str = "m"
) -> Row:
    """Weigh and check what holds whatever comes out: the input stays, and it is plain data."""
    before = copy.deepcopy((found, findings))
    said = weighed(found, findings, waivers, on=on, subject=subject)
    assert (found, findings) == before
    assert json.loads(json.dumps(said)) == said
    return said


def states(said: Row) -> list[str]:
    """What became of each waiver."""
    return [one["state"] for one in said["waivers"]]


def note(said: Row) -> str:
    """Why, of the only waiver."""
    (line,) = said["waivers"]
    return str(line["note"])


def test_waived_fail_turns_the_verdict_and_stays_a_fail() -> None:
    """The requirement keeps FAIL and names its waiver; control: without the waiver FAIL."""
    found = verdict(passing(), entry())
    said = weigh(found, waiver())
    assert said["verdict"] == "PASS"
    assert said["requirements"] == [passing(), {**entry(), "waived": "W-014"}]
    assert said["waivers"] == [
        {
            "id": "W-014",
            "state": "applied",
            "note": "'wc' fails and is waived.",
            "owner": "owner@example.org",
            "approved_by": "approver@example.org",
            "reason": "class retired",
            "expires": "2027-01-31",
            "days_left": 61,
            "expiring": False,
        }
    ]
    assert weigh(found)["verdict"] == "FAIL"


def test_without_waivers_nothing_changes() -> None:
    """The judge's verdict comes back with an empty list."""
    for found in (verdict(entry()), verdict(undecided()), verdict(passing())):
        assert weigh(found) == {**found, "waivers": []}


def test_result_shares_nothing_with_its_input() -> None:
    """Whoever goes on to change the result does not change the judge's verdict."""
    found = verdict(entry())
    said = weigh(found)
    said["requirements"][0]["state"] = "PASS"
    assert found["requirements"][0]["state"] == "FAIL"


def test_verdict_is_weighed_once() -> None:
    """A second weighing could keep a PASS whose waiver has expired since."""
    said = weigh(verdict(entry()), waiver())
    with pytest.raises(ValueError, match=r"^this verdict was weighed already"):
        weigh(said, on=EXPIRES + timedelta(days=1))


# What makes a waiver do nothing: changes to the waiver, changes to the entry, and the reason told.
APPROVAL = "Nobody approved the waiver (approved_by)."
ALONE = "The waiver's owner approved it alone; somebody else must."
FLOOR = "The waiver's floor of 8% is not cleared (30% seen, at least "
UNKNOWN = "Whether the waiver's floor is cleared is not known."
ITSELF = "It is the evaluation itself that fails, which nobody waives."
VOIDS: list[tuple[Row, Row, str]] = [
    ({"approved_by": None}, {}, APPROVAL),
    ({"approved_by": None}, {"severity": "critical"}, APPROVAL),
    ({"approved_by": None}, {"severity": ...}, APPROVAL),
    ({"approved_by": None}, {"severity": "HIGH"}, APPROVAL),
    ({"approved_by": None}, {"severity": None}, APPROVAL),
    ({"approved_by": "owner@example.org"}, {}, ALONE),
    ({"approved_by": " Owner@Example.ORG "}, {}, ALONE),
    ({"approved_by": "\uff4fwner@example.org"}, {}, ALONE),
    ({"approved_by": "STRASSE", "owner": "straße"}, {}, ALONE),
    ({}, {"interval": [NEVER_TOO_LOW, 0.35]}, FLOOR),
    ({}, {"interval": [0.0, 0.35]}, FLOOR),
    ({}, {"interval": [-0.1, 0.35]}, UNKNOWN),
    ({}, {"interval": [1.1, 1.2]}, UNKNOWN),
    ({}, {"interval": [math.nan, 0.35]}, UNKNOWN),
    ({}, {"interval": [math.inf, 0.35]}, UNKNOWN),
    ({}, {"interval": [True, True]}, UNKNOWN),
    ({}, {"interval": ["0.3", "0.4"]}, UNKNOWN),
    ({}, {"interval": [None, 0.35]}, UNKNOWN),
    ({}, {"interval": []}, UNKNOWN),
    ({}, {"interval": None}, UNKNOWN),
    ({}, {"interval": ...}, UNKNOWN),
    ({}, {"observed": None}, UNKNOWN),
    ({}, {"observed": ...}, UNKNOWN),
    ({}, {"observed": math.nan}, UNKNOWN),
    ({"floor": {"gte": "0.2500001"}}, {}, "The waiver's floor of 25% is not cleared"),
    ({}, {"decided_by": "trust"}, ITSELF),
    ({}, {"decided_by": "pending"}, ITSELF),
    ({}, {"doubt": "Nothing checked the input."}, "Nothing checked the input."),
    ({}, {"failing": ["ferry"]}, "Other classes fail too (1), which it does not name."),
    ({}, {"undecided": ["car", "cat"]}, "Other classes are undecided (2), which nobody can"),
    ({}, {"comparison": "change_gte"}, "A floor bounds a share, not a change; to accept "),
]


@pytest.mark.parametrize(("wrong", "state", "says"), VOIDS)
def test_waiver_without_its_grounds_is_void(wrong: Row, state: Row, says: str) -> None:
    """One flaw, and nothing changes but the note; control: without the flaw it is a PASS."""
    found = verdict(passing(), entry(**state))
    said = weighed(found, (), (waiver(**wrong),), on=ON, subject="m")
    assert states(said) == ["void"]
    assert note(said).startswith(f"'wc' stays FAIL: {says}")
    del said["waivers"]
    assert json.dumps(said) == json.dumps(found)  # NaN equals nothing, as text it does
    assert weigh(verdict(passing(), entry()), waiver())["verdict"] == "PASS"


def test_one_waiver_does_not_cover_two_classes_of_one_name() -> None:
    """The floor was held against one of them only; the control is a single class."""
    named = waiver(match={"requirement": "wc", "class": "ferry"})
    one, two = ({"class": "ferry", "failing": ["ferry"] * times} for times in (1, 2))
    assert weigh(verdict(passing(), entry(**one)), named)["verdict"] == "PASS"
    said = weigh(verdict(passing(), entry(**two)), named)
    assert (said["verdict"], states(said)) == ("FAIL", ["void"])
    assert "Other classes fail too (1)" in note(said)


@pytest.mark.parametrize(
    ("fine", "state"),
    [
        ({"approved_by": None}, {"severity": "medium"}),
        ({"approved_by": None}, {"severity": "low"}),
        ({"approved_by": None}, {"severity": "info"}),
        ({"approved_by": "owner@example.org"}, {"severity": "medium"}),
        ({}, {"severity": "critical"}),
        ({}, {"severity": "unheard of"}),
        ({}, {"interval": [0.08, 0.35]}),
        ({"floor": {"gte": "100%"}}, {"interval": [1, 1], "observed": 1}),
        ({"floor": {"gte": "100%"}}, {"interval": [1.0, 1.0], "observed": 0.0}),
        ({"floor": {"gte": "0.3"}}, {"interval": [0.3, 0.35]}),
        ({"floor": {"gte": "1/3"}}, {"interval": [1 / 3, 0.35]}),
        ({}, {"doubt": ""}),
        ({}, {"failing": []}),
        ({}, {"comparison": "gte"}),
        ({}, {"decided_by": "interval"}),
        ({}, {"decided_by": ...}),
        ({}, {"class": ...}),
        ({}, {"class": None}),
        ({"match": {"requirement": "wc", "subject": "m"}}, {}),
        ({"match": {"requirement": "wc", "class": "ferry"}}, {"class": "ferry"}),
        (
            {"match": {"requirement": "wc", "class": "ferry"}},
            {"class": "ferry", "failing": ["ferry"], "undecided": []},
        ),
    ],
)
def test_waiver_with_its_grounds_holds(fine: Row, state: Row) -> None:
    """The other side of every bound: who may approve alone, a floor just met, a class named."""
    said = weigh(verdict(passing(), entry(**state)), waiver(**fine))
    assert states(said) == ["applied"]
    assert said["verdict"] == "PASS"
    assert said["requirements"][1]["waived"] == "W-014"
    assert said["requirements"][1]["state"] == "FAIL"


def test_floor_that_is_not_cleared_is_told_with_its_numbers() -> None:
    """The note has floor, share and interval, and says why a lower end may be 0."""
    low = "The waiver's floor of 8% is not cleared (30% seen, at least 5.25% by its interval)."
    found = verdict(entry(interval=[0.0525, 0.4]))
    assert note(weigh(found, waiver())) == f"'wc' stays FAIL: {low}"
    early = note(weigh(verdict(entry(interval=[0.0, 0.4])), waiver()))
    assert early.endswith("by its interval). An audit that ends early tells nothing from below.")


def test_waiver_without_a_floor_never_holds() -> None:
    """The reader refuses one; were it built past the reader, it would do nothing either."""
    bare = waiver().model_copy(update={"floor": None})
    assert states(weigh(verdict(entry()), bare)) == ["void"]
    given_one = bare.model_copy(update={"floor": Floor.model_validate({"gte": 0.08})})
    assert states(weigh(verdict(entry()), given_one)) == ["applied"]


@pytest.mark.parametrize(
    ("indicators", "state"),
    [
        ([{"metric": "slopes", "state": "red"}], "void"),
        ([{"metric": "slopes", "state": "missing"}], "void"),
        ([{"metric": "a", "state": "ok"}, {"metric": "b", "state": "missing"}], "void"),
        ([{"metric": "slopes", "state": "ok"}], "applied"),
        ([{"metric": "slopes", "state": "not_applicable"}], "applied"),
        ([], "applied"),
    ],
)
def test_floor_means_nothing_while_the_evaluation_is_in_doubt(
    indicators: list[Row], state: str
) -> None:
    """A red or missing indicator holds a waived PASS back as it does any PASS."""
    said = weigh(verdict(entry(), indicators=indicators), waiver())
    assert states(said) == [state]
    assert said["verdict"] == ("FAIL" if state == "void" else "PASS")


def test_doubt_is_told_by_name() -> None:
    """The note names each indicator that is not fine, and none that is."""
    bad = [("a", "ok"), ("b", "red"), ("c", "missing")]
    rows = [{"metric": metric, "state": state} for metric, state in bad]
    said = weigh(verdict(entry(), indicators=rows), waiver())
    assert note(said) == (
        "'wc' stays FAIL: The evaluation itself is in doubt: b is red, c is missing."
    )


def test_judge_who_weighed_the_doubts_is_believed() -> None:
    """What the entry says of its own doubts counts over indicators that may not concern it."""
    rows = [{"metric": "slopes", "state": "red"}]
    said = weigh(verdict(entry(doubt=""), indicators=rows), waiver())
    assert said["verdict"] == "PASS"
    without = verdict(entry())
    del without["indicators"]
    assert weigh(without, waiver())["verdict"] == "PASS"


@pytest.mark.parametrize(
    ("on", "state", "left", "expiring"),
    [
        (CREATED - timedelta(days=1), "void", 73, False),
        (CREATED, "applied", 72, False),
        (EXPIRES - timedelta(days=15), "applied", 15, False),
        (EXPIRES - timedelta(days=14), "applied", 14, True),
        (EXPIRES - timedelta(days=1), "applied", 1, True),
        (EXPIRES, "applied", 0, True),
        (EXPIRES + timedelta(days=1), "expired", -1, False),
        (EXPIRES + timedelta(days=400), "expired", -400, False),
    ],
)
def test_waiver_holds_from_its_first_to_its_last_day(
    on: date, state: str, left: int, expiring: bool
) -> None:
    """Both ends count as valid; a day later the FAIL is back, and 14 days before it is shown."""
    said = weigh(verdict(passing(), entry()), waiver(), on=on)
    (line,) = said["waivers"]
    assert (line["state"], line["days_left"], line["expiring"]) == (state, left, expiring)
    assert said["verdict"] == ("PASS" if state == "applied" else "FAIL")
    assert EXPIRING_DAYS == 14


def test_untimely_waivers_say_when() -> None:
    """An expired waiver and an early one tell their dates, even where nothing matches them."""
    other = waiver(match={"requirement": "gone"})
    late = weigh(verdict(entry()), other, on=EXPIRES + timedelta(days=1))
    assert states(late) == ["expired"]
    assert note(late) == "It expired on 2027-01-31; what it waived counts again."
    early = weigh(verdict(entry()), waiver(), on=CREATED - timedelta(days=1))
    assert note(early) == "It holds only from 2026-11-20 on."


@pytest.mark.parametrize(
    ("match", "state", "says"),
    [
        ({"requirement": "gone"}, {}, "The policy has no requirement 'gone'."),
        ({"requirement": "WC"}, {}, "The policy has no requirement 'WC'."),
        ({"requirement": "wc", "subject": "n"}, {}, "It is meant for the model 'n' only."),
        ({"rule": "FIL-STEM", "subject": "n"}, {}, "It is meant for the model 'n' only."),
        ({"requirement": "clean"}, {}, "'clean' is PASS, so there is nothing to waive."),
        (
            {"requirement": "wc"},
            {"class": "ferry"},
            "'wc' is judged by class; name the class under match.",
        ),
        (
            {"requirement": "wc", "class": "ferry"},
            {},
            "The verdict on 'wc' does not speak of the class 'ferry'.",
        ),
        (
            {"requirement": "wc", "class": "ferry"},
            {"class": "tram"},
            "The verdict on 'wc' does not speak of the class 'ferry'.",
        ),
        ({"rule": "FIL-UNUSED"}, {}, "Nothing was found under FIL-UNUSED."),
        ({"requirement": "wc"}, {"state": "ERROR"}, "'wc' is ERROR, so there is nothing to waive."),
    ],
)
def test_waiver_that_meets_nothing_is_shown_and_does_nothing(
    match: Row, state: Row, says: str
) -> None:
    """A dead entry is reported with the reason; control: the one that meets it is applied."""
    found = verdict(passing(), entry(**state), verdict="FAIL")
    floor = None if "rule" in match else {"gte": 0.08}
    finding = {"id": "FIL-STEM", "severity": "low"}
    said = weigh(found, waiver(match=match, floor=floor), findings=(finding,))
    assert states(said) == ["unmatched"]
    assert note(said) == says
    del said["waivers"]
    assert said == found
    assert weigh(verdict(passing(), entry()), waiver())["verdict"] == "PASS"


def test_one_fail_that_is_not_waived_keeps_the_verdict() -> None:
    """Every FAIL needs its own waiver; control: with both it is a PASS."""
    found = verdict(entry(id="a"), entry(id="b"))
    one, two = (waiver(id=f"W-{name}", match={"requirement": name}) for name in "ab")
    said = weigh(found, one)
    assert said["verdict"] == "FAIL"
    assert said["requirements"][0]["waived"] == "W-a"
    assert "waived" not in said["requirements"][1]
    assert said["sentence"] == (
        f"FAIL. {TAIL} It stays FAIL, with 1 failed requirement waived (W-a until 2027-01-31). "
        "Not waived: 'b' (FAIL)."
    )
    assert weigh(found, one, two)["verdict"] == "PASS"


def test_every_class_is_waived_by_name() -> None:
    """Two entries of one requirement are two things to waive."""
    found = verdict(entry(**{"class": "ferry"}), entry(**{"class": "tram"}))
    ferry, tram = (
        waiver(id=f"W-{name}", match={"requirement": "wc", "class": name})
        for name in ("ferry", "tram")
    )
    half = weigh(found, ferry)
    assert half["verdict"] == "FAIL"
    assert "Not waived: 'wc' of the class 'tram' (FAIL)." in half["sentence"]
    assert half["waivers"][0]["note"] == "'wc' of the class 'ferry' fails and is waived."
    assert weigh(found, ferry, tram)["verdict"] == "PASS"


def test_strongest_effect_is_the_state_of_a_waiver() -> None:
    """Where one waiver meets several entries, each is weighed by itself and told in the note."""
    low = entry(interval=[0.0, 0.1])
    said = weigh(verdict(low, entry()), waiver())
    assert states(said) == ["applied"]
    assert said["verdict"] == "FAIL"
    assert [one.get("waived") for one in said["requirements"]] == [None, "W-014"]
    assert note(said).startswith("'wc' stays FAIL: The waiver's floor")
    assert note(said).endswith("tells nothing from below. 'wc' fails and is waived.")
    open_too = undecided("wc")
    assert states(weigh(verdict(open_too, low), waiver())) == ["accepted"]
    assert states(weigh(verdict(low, open_too), waiver())) == ["accepted"]
    assert states(weigh(verdict(open_too, entry()), waiver())) == ["applied"]
    assert states(weigh(verdict(passing("wc"), low), waiver())) == ["void"]
    both = weigh(verdict(entry(), entry()), waiver())
    assert "with 2 failed requirements waived (W-014 until 2027-01-31)." in both["sentence"]


def test_first_waiver_of_the_file_holds() -> None:
    """A second one for the same requirement does nothing, and says so; a void one is no first."""
    second = waiver(id="W-2", expires=date(2027, 2, 1))
    said = weigh(verdict(entry()), waiver(), second)
    assert states(said) == ["applied", "unmatched"]
    assert said["waivers"][1]["note"] == "'wc' is waived by W-014 already."
    assert said["requirements"][0]["waived"] == "W-014"
    after = weigh(verdict(entry()), waiver(approved_by=None), second)
    assert states(after) == ["void", "applied"]
    assert after["requirements"][0]["waived"] == "W-2"
    late = weigh(verdict(entry()), waiver(), waiver(id="W-2", approved_by=None))
    assert states(late) == ["applied", "void"]


@pytest.mark.parametrize("by", ["coverage", "interval", "absence", "trust", "pending"])
def test_undecided_is_accepted_and_stays_undecided(by: str) -> None:
    """An approver may accept it by name; neither it nor the verdict becomes a PASS."""
    found = verdict(passing(), undecided("wc", decided_by=by, doubt="red", severity="low"))
    said = weigh(found, waiver())
    assert said["verdict"] == "INCONCLUSIVE"
    assert states(said) == ["accepted"]
    row = said["requirements"][1]
    assert row == {
        **found["requirements"][1],
        "waived": "W-014",
        "accepted_by": "approver@example.org",
    }
    assert note(said) == "'wc' is accepted undecided; that makes no PASS of it."
    assert said["sentence"] == (
        f"INCONCLUSIVE. {TAIL} Accepted, though no PASS: 1 undecided requirement "
        "(W-014 until 2027-01-31)."
    )


@pytest.mark.parametrize("by", ["coverage", "trust", "pending"])
@pytest.mark.parametrize(
    ("approver", "says"), [(None, APPROVAL), ("OWNER@example.org", ALONE)], ids=["none", "same"]
)
def test_nobody_accepts_the_undecided_alone(by: str, approver: str | None, says: str) -> None:
    """Four eyes are needed whatever the severity; control: with a second person it is accepted."""
    found = verdict(undecided("wc", decided_by=by, severity="low"))
    said = weigh(found, waiver(approved_by=approver))
    assert states(said) == ["void"]
    assert note(said) == f"'wc' stays INCONCLUSIVE: {says}"
    del said["waivers"]
    assert said == found
    assert states(weigh(found, waiver())) == ["accepted"]


def test_waived_fail_beside_something_undecided_is_inconclusive() -> None:
    """No PASS while anything is open, accepted or not; control: a PASS once it is settled."""
    other = waiver(id="W-2", match={"requirement": "corr"}, expires=date(2027, 2, 1))
    found = verdict(entry(), undecided())
    said = weigh(found, waiver())
    assert said["verdict"] == "INCONCLUSIVE"
    head = (
        "INCONCLUSIVE, with 1 failed requirement waived (W-014 until 2027-01-31). "
        f"{TAIL} Not waived: 'corr' (INCONCLUSIVE)."
    )
    assert said["sentence"] == head
    accepted = weigh(found, waiver(), other)
    assert accepted["verdict"] == "INCONCLUSIVE"
    assert accepted["sentence"] == (
        f"{head} Accepted, though no PASS: 1 undecided requirement (W-2 until 2027-02-01)."
    )
    assert weigh(verdict(entry(), passing("corr")), waiver())["verdict"] == "PASS"
    three = weigh(verdict(passing(), entry(), undecided(), undecided("b")), waiver())
    assert three["verdict"] == "INCONCLUSIVE"
    assert three["sentence"].endswith(
        f"{TAIL} Not waived: 'corr' (INCONCLUSIVE), 'b' (INCONCLUSIVE)."
    )


def test_accepting_one_does_not_touch_a_fail() -> None:
    """An accepted entry beside a FAIL leaves the verdict FAIL, and its sentence whole."""
    said = weigh(verdict(entry(), undecided()), waiver(match={"requirement": "corr"}))
    assert said["verdict"] == "FAIL"
    assert said["sentence"] == (
        f"FAIL. {TAIL} Accepted, though no PASS: 1 undecided requirement (W-014 until 2027-01-31)."
    )


def test_sentence_of_a_waived_pass_reads_as_one() -> None:
    """It opens with how many failed, whose waivers and until when, and keeps the numbers."""
    found = verdict(entry(), passing(), entry(id="b"))
    later = waiver(id="W-2", match={"requirement": "b"}, expires=date(2027, 2, 1))
    said = weigh(found, later, waiver())
    assert said["sentence"] == (
        "PASS, with 2 failed requirements waived (W-2 until 2027-02-01, W-014 until 2027-01-31). "
        + TAIL
    )
    single = weigh(verdict(entry()), waiver())["sentence"]
    assert single.startswith("PASS, with 1 failed requirement waived (W-014 until 2027-01-31). On ")


@pytest.mark.parametrize("old", ["INCONCLUSIVE", "PASS", "ERROR"])
def test_only_a_fail_is_lifted(old: str) -> None:
    """What the judge held back for a reason beside the requirements stays; control: FAIL."""
    found = verdict(entry(), verdict=old, sentence=f"{old}. {TAIL}")
    said = weigh(found, waiver())
    assert said["verdict"] == old
    assert said["sentence"].startswith(f"{old}. {TAIL} It stays {old}, with 1 failed")
    assert weigh(verdict(entry()), waiver())["verdict"] == "PASS"


def test_state_that_nobody_knows_is_no_pass() -> None:
    """A requirement in a state beside the three keeps the verdict; control: as PASS it turns."""
    found = verdict(entry(), entry(id="b", state="ERROR"))
    said = weigh(found, waiver())
    assert said["verdict"] == "FAIL"
    assert said["sentence"].endswith("Not waived: 'b' (ERROR).")
    assert weigh(verdict(entry(), passing("b")), waiver())["verdict"] == "PASS"


def test_verdict_without_requirements_stays() -> None:
    """Nothing to waive is no PASS."""
    said = weigh(verdict(verdict="FAIL"), waiver())
    assert said["verdict"] == "FAIL"
    assert states(said) == ["unmatched"]


@pytest.mark.parametrize("rule", ["EVL-MASK", "ART-PICKLE", "evl-mask", "EVL-"])
def test_findings_about_the_audit_itself_are_never_waived(rule: str) -> None:
    """No approval helps, found or not; control: a finding about the model is waived."""
    found = ({"id": rule, "severity": "info"}, {"id": "FIL-STEM", "severity": "info"})
    for findings in (found, ()):
        said = weigh(verdict(passing()), for_rule(rule), findings=findings)
        assert states(said) == ["void"]
        assert note(said) == f"{rule} says whether the audit can be believed; nobody waives it."
    assert states(weigh(verdict(passing()), for_rule("FIL-STEM"), findings=found)) == ["applied"]
    near = ({"id": "FIL-EVL-1", "severity": "info"},)
    assert states(weigh(verdict(passing()), for_rule("FIL-EVL-1"), findings=near)) == ["applied"]


def test_waived_finding_is_counted_and_changes_nothing_else() -> None:
    """The waiver says how many it covers; verdict and requirements stay as they are."""
    found = verdict(entry(), passing())
    one = ({"id": "FIL-STEM", "severity": "low"}, {"id": "FIL-RANDOM", "severity": "low"})
    said = weigh(found, for_rule("FIL-STEM"), findings=one)
    assert note(said) == "Waives 1 finding FIL-STEM."
    assert note(weigh(found, for_rule("FIL-STEM"), findings=one * 2)) == (
        "Waives 2 findings FIL-STEM."
    )
    del said["waivers"]
    assert said == found


@pytest.mark.parametrize(
    ("severities", "state"),
    [
        (["low"], "applied"),
        (["medium"], "applied"),
        (["high"], "void"),
        (["critical"], "void"),
        ([None], "void"),
        (["low", "high"], "void"),
        (["high", "low"], "void"),
    ],
)
def test_grave_finding_needs_two_people(severities: list[str | None], state: str) -> None:
    """The gravest of them decides; control: with an approver all are waived."""
    found = tuple({"id": "FIL-STEM", "severity": one} for one in severities)
    alone = weigh(verdict(passing()), for_rule("FIL-STEM", approved_by=None), findings=found)
    assert states(alone) == [state]
    if state == "void":
        assert note(alone) == "Nobody approved the waiver (approved_by)."
    assert states(weigh(verdict(passing()), for_rule("FIL-STEM"), findings=found)) == ["applied"]


def test_states_are_in_the_order_of_the_file() -> None:
    """One line for each waiver, whatever became of it."""
    lines = weigh(
        verdict(entry(), undecided()),
        waiver(id="1", match={"requirement": "gone"}),
        waiver(id="2", expires=CREATED + timedelta(days=1)),
        waiver(id="3", match={"requirement": "corr"}),
        for_rule("EVL-MASK", id="4"),
        waiver(id="5"),
    )["waivers"]
    assert [(one["id"], one["state"]) for one in lines] == [
        ("1", "unmatched"),
        ("2", "expired"),
        ("3", "accepted"),
        ("4", "void"),
        ("5", "applied"),
    ]


def test_what_the_judge_says_can_be_weighed() -> None:
    """On the judge's own entries a floor below the share waives, one above it does not."""
    measured = verdicts.evidence(broken=0.3)
    found = verdicts.verdict(measured, verdicts.policy(0.9))
    share = verdicts.ruling(found, "wc")["observed"]
    assert found["verdict"] == "FAIL"
    assert 0.5 < share < 0.9
    under, over = (waiver(floor={"gte": f"{share + step:.3f}"}) for step in (-0.1, 0.1))
    said = weigh(found, under)
    assert said["verdict"] == "PASS"
    assert said["sentence"].startswith("PASS, with 1 failed requirement waived (W-014 until ")
    assert verdicts.ruling(found, "wc")["reason"] in said["sentence"]
    assert weigh(found, over)["verdict"] == "FAIL"
    fine = verdicts.verdict(measured, verdicts.policy(0.5))
    assert states(weigh(fine, under)) == ["unmatched"]


def test_floor_is_held_against_the_lower_end_and_not_the_share() -> None:
    """Of an audit that stopped early the interval is wide, and its lower end decides, exactly."""
    early = verdicts.evidence(broken=0.7, stop_at=0.8)
    found = verdicts.verdict(early, verdicts.policy(0.8))
    row = verdicts.ruling(found, "wc")
    low = row["interval"][0]
    assert 0 < low < row["observed"] - 0.01
    at, above = (waiver(floor={"gte": repr(end)}) for end in (low, math.nextafter(low, 1)))
    assert weigh(found, at)["verdict"] == "PASS"
    said = weigh(found, above)
    assert (said["verdict"], states(said)) == ("FAIL", ["void"])


NAMES = ("a", "b", "c")
PEOPLE = ("ann", "ANN", "bob")
shares = st.sampled_from([None, 0.0, 0.079, 0.08, 0.3, 1.0])


@st.composite
def entries(draw: st.DrawFn) -> Row:
    """A requirement in any state, with any of its numbers missing."""
    low = draw(shares)
    return entry(
        id=draw(st.sampled_from(NAMES)),
        state=draw(st.sampled_from(["FAIL", "FAIL", "PASS", "INCONCLUSIVE"])),
        severity=draw(st.sampled_from(["low", "high", ...])),
        decided_by=draw(st.sampled_from(["counts", "trust", "pending"])),
        interval=None if low is None else [low, 1.0],
        observed=draw(shares),
        doubt=draw(st.sampled_from([..., "", "red"])),
        **{"class": draw(st.sampled_from(["", "ferry"]))},
    )


@st.composite
def waivers(draw: st.DrawFn) -> tuple[Waiver, ...]:
    """Up to four waivers of any requirement, with any one or two people behind them."""
    found: list[Waiver] = []
    for number in range(draw(st.integers(0, 4))):
        created = ON + timedelta(days=draw(st.integers(-3, 1)))
        match = {
            "requirement": draw(st.sampled_from(NAMES)),
            "class": draw(st.sampled_from([None, "ferry"])),
            "subject": draw(st.sampled_from([None, "m", "n"])),
        }
        changes: Row = {
            "owner": "ann",
            "approved_by": draw(st.sampled_from([None, *PEOPLE])),
            "created": created,
            "expires": created + timedelta(days=draw(st.integers(1, 3))),
        }
        found.append(waiver(id=f"W-{number}", match=match, **changes))
    return tuple(found)


def may(one: Waiver, row: Mapping[str, Any]) -> bool:
    """Whether a waiver may waive a FAIL, said once more and plainly."""
    return (
        one.created <= ON <= one.expires
        and one.match.subject in (None, "m")
        and (one.match.requirement, one.match.class_name or "") == (row["id"], row["class"])
        and (one.approved_by == "bob" or row.get("severity") == "low")
        and row["decided_by"] == "counts"
        and row.get("doubt", "") == ""
        and row["observed"] is not None
        and row["interval"] is not None
        and row["interval"][0] >= 0.08
    )


@QUICK
@given(rows=st.lists(entries(), min_size=1, max_size=4), found=waivers())
def test_every_verdict_follows_from_states_and_grounds(
    rows: list[Row], found: tuple[Waiver, ...]
) -> None:
    """PASS exactly if all is PASS or waived on grounds; whatever is undecided stays so."""
    said = weigh(verdict(*rows), *found)
    covered = [any(may(one, row) for one in found) for row in rows]
    left = {
        row["state"]
        for row, waived in zip(rows, covered, strict=True)
        if not (row["state"] == "FAIL" and waived)
    }
    wanted = next((one for one in ("FAIL", "INCONCLUSIVE") if one in left), "PASS")
    assert said["verdict"] == wanted
    assert str(said["sentence"]).startswith(wanted)
    for row, waived, after in zip(rows, covered, said["requirements"], strict=True):
        assert {**after, **row} == after
        assert set(after) - set(row) <= {"waived", "accepted_by"}
        if row["state"] == "FAIL":
            assert ("waived" in after) == waived
            assert "accepted_by" not in after
        if row["state"] == "PASS":
            assert after == row
        if row["state"] == "INCONCLUSIVE" and "waived" in after:
            assert after["accepted_by"] == "bob"


@QUICK
@given(rows=st.lists(entries(), min_size=1, max_size=4), found=waivers())
def test_waivers_that_do_nothing_change_nothing(rows: list[Row], found: tuple[Waiver, ...]) -> None:
    """Void, expired and unmatched ones can be left out; with no other the judge's word stays."""
    before = verdict(*rows)
    said = weigh(before, *found)
    working = [
        one
        for one, state in zip(found, states(said), strict=True)
        if state in {"applied", "accepted"}
    ]
    assert {**weigh(before, *working), "waivers": []} == {**said, "waivers": []}
    if not working:
        assert {**said, "waivers": []} == {**before, "waivers": []}


@QUICK
@given(rows=st.lists(entries(), min_size=1, max_size=4), found=waivers())
def test_the_day_after_the_last_everything_is_back(
    rows: list[Row], found: tuple[Waiver, ...]
) -> None:
    """Once all have expired, the verdict is the judge's own."""
    late = max((one.expires for one in found), default=ON) + timedelta(days=1)
    said = weigh(verdict(*rows), *found, on=late)
    assert {**said, "waivers": []} == {**verdict(*rows), "waivers": []}
    assert set(states(said)) <= {"expired"}
