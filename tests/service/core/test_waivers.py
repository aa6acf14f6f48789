"""A waiver says exactly what it lets pass and until when, or is refused with a sentence."""

from datetime import date
from fractions import Fraction

import pytest
from pydantic import ValidationError

from service.core.waivers import LONGEST_DAYS, Waiver, floors_of, parse_waivers
from service.errors import AssayError, Code, Exit

GOOD = """
- id: W-014
  match: {requirement: floor, class: "ferry", subject: gate-classifier}
  reason: >
    class retired
    in 2.6
  owner: owner@example.org
  approved_by: approver@example.org
  ticket: RISK-231
  created: 2026-11-20
  expires: 2027-01-31
  floor: {gte: 8%}
  compensating: "human review"
"""
RULE = """
- {id: R-1, match: {rule: FIL-UNUSED}, reason: known, owner: me, created: 2026-11-20,
   expires: 2026-11-21}
"""


def refusal(text: str) -> AssayError:
    """The error that a text is refused with; each is a usage error about the policy."""
    with pytest.raises(AssayError) as caught:
        parse_waivers(text)
    assert caught.value.code is Code.POLICY_INVALID
    assert caught.value.exit is Exit.USAGE
    assert caught.value.remedy
    assert len(caught.value.sentence) <= 500
    return caught.value


def changed(old: str, new: str, text: str = GOOD) -> str:
    """The text with one place of it written otherwise."""
    assert text.count(old) == 1
    return text.replace(old, new)


def test_whole_entry_is_kept_as_written() -> None:
    """Every key arrives, the floor as an exact share, folded text on one line."""
    (one,) = parse_waivers(GOOD)
    assert (one.id, one.ticket, one.compensating) == ("W-014", "RISK-231", "human review")
    assert (one.owner, one.approved_by) == ("owner@example.org", "approver@example.org")
    assert one.reason == "class retired in 2.6"
    assert (one.created, one.expires) == (date(2026, 11, 20), date(2027, 1, 31))
    match = one.match
    assert (match.requirement, match.class_name) == ("floor", "ferry")
    assert (match.subject, match.rule) == ("gate-classifier", None)
    assert one.floor is not None
    assert one.floor.gte == Fraction(8, 100)


def test_what_may_be_left_out() -> None:
    """A rule needs neither floor nor approver, ticket or compensation."""
    (one,) = parse_waivers(RULE)
    assert one.match.rule == "FIL-UNUSED"
    assert one.match.requirement is one.match.class_name is one.match.subject is None
    assert one.floor is one.approved_by is one.ticket is one.compensating is None


@pytest.mark.parametrize("text", ["", "# all gone\n", "[]", "null"])
def test_file_without_entries_waives_nothing(text: str) -> None:
    """The last waiver can be taken out without removing the file."""
    assert parse_waivers(text) == ()


def test_order_of_the_file_is_kept() -> None:
    """The first of two waivers for one thing holds it, so order means something."""
    other = changed("W-014", "W-013")
    assert [one.id for one in parse_waivers(GOOD + other)] == ["W-014", "W-013"]


def test_waiver_cannot_be_changed_after_it_was_read() -> None:
    """What was checked is what is weighed."""
    (one,) = parse_waivers(GOOD)
    for part, key in ((one, "owner"), (one.match, "requirement"), (one.floor, "gte")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, key, "else")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id: W-1", "The waivers are not a YAML list of entries."),
        ("just words", "The waivers are not a YAML list of entries."),
        ("{unclosed", "The waivers are not readable YAML: while parsing a flow mapping."),
        ("- {id: W-1, id: W-2}", "the key 'id' is written twice"),
        ("- W-1", "Waiver number 1 is wrong: it must be a mapping of keys."),
        (GOOD + "- []", "Waiver number 2 is wrong: it must be a mapping of keys."),
        (GOOD + "- 3: 4", "Waiver number 2 "),
    ],
)
def test_text_that_is_no_list_of_waivers(text: str, says: str) -> None:
    """What is not a list of mappings is refused, with the place of the first that is none."""
    sentence = refusal(text).sentence
    assert says in sentence
    assert sentence.startswith(("The waivers are not ", "Waiver number "))
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("- id: W-014\n  match", "- match", "Waiver number 1 lacks the key id."),
        ("  owner: owner@example.org\n", "", "Waiver W-014 lacks the key owner."),
        ("  created: 2026-11-20\n", "", "Waiver W-014 lacks the key created."),
        ("  expires: 2027-01-31\n", "", "Waiver W-014 lacks the key expires."),
        ("  reason: >\n    class retired\n    in 2.6\n", "", "Waiver W-014 lacks the key reason."),
        ("  match: {", "  # {", "Waiver W-014 lacks the key match."),
        ("{gte: 8%}", "{}", "Waiver W-014 lacks the key floor.gte."),
    ],
)
def test_mandatory_keys(old: str, new: str, says: str) -> None:
    """A waiver without owner, reason, match, id or an end is none; the sentence names the key."""
    assert refusal(changed(old, new)).sentence == says


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("expires:", "expirs:", "unknown key: expirs. Did you mean expires?"),
        ("requirement: floor", "requirment: floor", "match.requirment. Did you mean requirement?"),
        ("class:", "clas:", "unknown key: match.clas. Did you mean class?"),
        ("gte: 8%", "gt: 8%", "unknown key: floor.gt. Did you mean gte?"),
        ("ticket:", "zzzz.y:", "unknown key: zzzz.y."),
        ("gte: 8%", "metric: robust_accuracy, gte: 8%", "unknown key: floor.metric."),
    ],
)
def test_unknown_key_names_the_nearest_known_one(old: str, new: str, says: str) -> None:
    """A mistyped key is an error that says which key was meant, before what is lacking for it."""
    error = refusal(changed(old, new))
    assert error.sentence.startswith("Waiver W-014 has an unknown key: ")
    assert error.sentence.endswith(says)
    assert error.remedy.startswith("Use: ")


def test_known_keys_are_listed_where_the_unknown_one_stands() -> None:
    """The remedy lists the keys of that mapping, as they are written."""
    assert refusal(changed("gte: 8%", "x: 8%")).remedy == "Use: gte."
    inside = refusal(changed("class:", "x:")).remedy
    assert inside == "Use: requirement, rule, class, subject."


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("requirement: floor, ", "", "match must name either a requirement or a rule"),
        ("requirement: floor", "requirement: floor, rule: FIL-STEM", "must name either"),
        (
            "{requirement: floor, class: ",
            "{rule: FIL-STEM, class: ",
            "wrong: match takes a class only together with a requirement",
        ),
        ("  floor: {gte: 8%}\n", "", "wrong: a requirement is waived only with a floor"),
        ('requirement: floor, class: "ferry"', "rule: FIL-STEM", "wrong: a rule has no share that"),
        ("gate-classifier", '"gate-*"', "match.subject must name one thing"),
        ("requirement: floor", 'requirement: "f?oor"', "match.requirement must name one thing"),
        ('"ferry"', '"*"', "match.class must name one thing"),
        ('"ferry"', "3", "match.class must be text; put it in quotes"),
        ('"ferry"', '"fer\\u200bry"', "match.class must hold no invisible characters"),
        ('"ferry"', '""', "match.class should have at least 1 character"),
        ('"ferry"', "f" * 201, "match.class should have at most 200 characters"),
        ("id: W-014", "id: 14", "Waiver number 1 is wrong: id must be text; put it in quotes"),
        ("id: W-014", "id: W 014", "Waiver number 1 is wrong: id must be letters, digits"),
        ("id: W-014", f"id: {'w' * 64}", "Waiver number 1 is wrong: id must be letters, digits"),
        ("id: W-014", 'id: "*"', "id must be letters, digits"),
        ("RISK-231", "231", "ticket must be text; put it in quotes"),
        ("ticket: RISK-231", "ticket: ' '", "ticket should have at least 1 character"),
        ("RISK-231", "R" * 1001, "ticket should have at most 1000 characters"),
        ("owner: owner@example.org", 'owner: "o\\u200bw"', "owner must hold no invisible"),
        ("{gte: 8%}", "0.08", "floor must be a mapping of keys"),
        ("gte: 8%", "gte: 8", "floor.gte should be less than or equal to 1"),
        ("gte: 8%", "gte: 0", "floor.gte should be greater than 0"),
        ("gte: 8%", "gte: nan", "floor.gte must be a number such as 0.4"),
        ("2026-11-20", "20.11.2026", "created must be a date such as 2026-11-20"),
        ("2026-11-20", "2026-11-20 10:00:00", "created must be a date"),
        ("2026-11-20", '"20261120"', "created must be a date"),
        ("2026-11-20", '"2026-W47-5"', "created must be a date"),
        ("2026-11-20", '"2026-02-30"', "created must be a date"),
        ("2026-11-20", "20261120", "created must be a date"),
        ("2027-01-31", "never", "expires must be a date"),
    ],
)
def test_wrong_entry_says_where(old: str, new: str, says: str) -> None:
    """Each mistake names the waiver, the key and what is wrong with it."""
    sentence = refusal(changed(old, new)).sentence
    assert says in sentence
    assert sentence.startswith("Waiver ")
    assert sentence.endswith(".")


def test_refusal_of_the_second_entry_names_the_second() -> None:
    """Whoever has forty waivers is told which one it is."""
    assert refusal(GOOD + RULE.replace("me,", "1,")).sentence.startswith("Waiver R-1 is wrong")
    spaced = RULE.replace("R-1", "R 1")
    assert refusal(GOOD + spaced).sentence.startswith("Waiver number 2 is wrong")


def test_remedy_shows_an_entry_that_is_valid() -> None:
    """Whoever copies the remedy's example gets a waiver."""
    example = refusal("just words").remedy.removeprefix("An entry reads: ").removesuffix(".")
    (one,) = parse_waivers("- " + example.replace("...", "x"))
    assert one.id == "W-1"


@pytest.mark.parametrize("written", ["2026-11-20", '"2026-11-20"'])
def test_date_is_read_plain_or_quoted(written: str) -> None:
    """YAML's own date and its text are the same day."""
    (one,) = parse_waivers(changed("2026-11-20", written))
    assert one.created == date(2026, 11, 20)


@pytest.mark.parametrize(
    ("expires", "allowed"),
    [
        ("2026-11-19", False),
        ("2026-11-20", False),
        ("2026-11-21", True),
        ("2027-02-18", True),  # 90 days
        ("2027-02-19", False),  # 91 days
    ],
)
def test_waiver_lasts_one_to_ninety_days(expires: str, allowed: bool) -> None:
    """It ends after it began and at most 90 days later, to the day."""
    text = changed("2027-01-31", expires)
    if allowed:
        assert parse_waivers(text)[0].expires == date.fromisoformat(expires)
    else:
        days = (date.fromisoformat(expires) - date(2026, 11, 20)).days
        says = f"expires must lie 1 to 90 days after created, not {days}."
        assert refusal(text).sentence == f"Waiver W-014 is wrong: {says}"
    assert LONGEST_DAYS == 90


@pytest.mark.parametrize("written", ["0.3", "3/10", "30%", '"0.30"', "3e-1"])
def test_floor_is_written_like_a_threshold(written: str) -> None:
    """However a share is written, the floor is exactly that share."""
    (one,) = parse_waivers(changed("8%", written))
    assert one.floor is not None
    assert one.floor.gte == Fraction(3, 10)
    (whole,) = parse_waivers(changed("8%", "100%"))
    assert whole.floor is not None
    assert whole.floor.gte == 1


def test_two_waivers_need_two_ids() -> None:
    """An id names one waiver, since the verdict points at it; another id is another waiver."""
    error = refusal(RULE + GOOD + GOOD)
    assert error.sentence == "Two waivers share the id W-014."
    assert error.remedy == "Give each waiver an id of its own."
    assert len(parse_waivers(RULE + GOOD)) == 2


@pytest.mark.parametrize(
    "longest", ["W" * 63, "A", "7", "a.b_c/d#e-f"], ids=["long", "letter", "digit", "marks"]
)
def test_ids_that_teams_use(longest: str) -> None:
    """Letters, digits and the marks of ticket systems, up to 63 characters."""
    assert parse_waivers(changed("W-014", f'"{longest}"'))[0].id == longest


def test_longest_texts_that_are_allowed() -> None:
    """A reason may be long, a name less so; both bounds hold exactly."""
    (one,) = parse_waivers(changed("RISK-231", "R" * 1000))
    assert len(one.ticket or "") == 1000
    (two,) = parse_waivers(changed('"ferry"', "f" * 200))
    assert len(two.match.class_name or "") == 200


def test_text_of_a_name_keeps_its_spaces() -> None:
    """A class is matched letter by letter, so nothing of its name is tidied."""
    (one,) = parse_waivers(changed('"ferry"', '"ferry  boat"'))
    assert one.match.class_name == "ferry  boat"
    assert parse_waivers(changed('"ferry"', '"X"'))[0].match.class_name == "X"


def test_hostile_key_leaves_no_trace_of_control_characters() -> None:
    """An unknown key of any length or content makes a short sentence of printable text."""
    text = changed("ticket:", '"\\e[2J' + "k" * 300 + '":')
    sentence = refusal(text).sentence
    assert sentence.isprintable()
    assert sentence == f"Waiver W-014 has an unknown key: [2J{'k' * 77}."


def test_waiver_is_frozen_data_that_compares() -> None:
    """The same text gives equal waivers; a later end another one."""
    assert parse_waivers(GOOD) == parse_waivers(GOOD)
    later = parse_waivers(changed("2027-01-31", "2027-02-01"))
    assert parse_waivers(GOOD) != later
    assert isinstance(later[0], Waiver)


def test_floors_are_the_lowest_of_each_requirement() -> None:
    """Of two waivers the one that reaches further down; findings have none."""
    entry = (
        "- {id: ID, match: {requirement: NAME}, reason: r, owner: o, created: 2026-11-01, "
        "expires: 2026-12-01, floor: {gte: FLOOR}}\n"
    )
    told = [("a", "wc", "0.3"), ("b", "wc", "20%"), ("c", "clean", "0.9"), ("d", "wc", "0.4")]
    text = "".join(
        entry.replace("ID", name).replace("NAME", about).replace("FLOOR", floor)
        for name, about, floor in told
    )
    rule = "- {id: e, match: {rule: FIL-UNUSED}, reason: r, owner: o, created: 2026-11-01, "
    text += rule + "expires: 2026-12-01}\n"
    found = floors_of(parse_waivers(text))
    assert found == {"wc": Fraction(1, 5), "clean": Fraction(9, 10)}
