"""The summary: what it says, that its numbers are true, and that no name breaks out of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt  # comes with rich
from markdown_it.token import Token

from analyzers.contract import Json
from service.core.canonical import digest
from service.report.markdown import MARKER, render_markdown
from service.report.markdown_text import capped, code, escaped, item, link
from service.report.wording import plain
from support import evidence as sample

LIMIT = 20_000
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
WORDS = {"text", "text_special", "entity", "code_inline", "strong_open", "strong_close"}
"""All that may stand inside a line."""
ATTACKS = (
    "a | b | c |",
    "`tick` ``two`` ```",
    "one\ntwo\r\nthree\u2028four\x0bfive",
    "</td><script>alert(1)</script><img src=x onerror=alert(1)>",
    "@everyone and someone@example.org, @org/team",
    "[click](https://evil.example) ![x](https://evil.example/x.png) <https://evil.example>",
    "https://evil.example www.evil.example mailto:a@evil.example",
    "\x1b[2J\u202egnol\u2066\u200b\x00\ufeff",
    "#12 GH-12 org/repo#12 !7 ~bug $1$ &amp; &#64;all %3 :tada:",
    "**bold** _it_ ~~no~~ \\| \\\\| \\",
    "# head",
    "1. list",
    "- list",
    "+ list",
    "1. a|b",
    "- a|b",
    "+ a|b",
    "===",
    "---",
    "--- | ---",
    "> [!NOTE]",
    "```",
    "    code",
    "<!-- assay:summary -->",
    "e\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301",
    "x" * 5000,
    "@a" * 3000,
    "|" * 3000,
    "漢" * 3000,
    " ",
)
Change = Callable[[dict[str, Json], dict[str, Json]], None]


class Read(NamedTuple):
    """A summary as a Markdown reader sees it."""

    blocks: list[tuple[str, str, int]]
    """What kind of thing follows what, without any words."""
    cells: list[str]
    inline: list[Token]
    text: str
    """All words, as they are shown; a line for each block."""
    prose: str
    """The same without what stands in the type of code."""


def read(markdown: str) -> Read:
    """Take a summary apart."""
    tokens = READER.parse(markdown)
    cells = [
        "".join(part.content for part in tokens[place + 1].children or [])
        for place, one in enumerate(tokens)
        if one.type in {"th_open", "td_open"}
    ]
    blocks = [one.children or [] for one in tokens if one.type == "inline"]
    return Read(
        [(one.type, one.tag, one.level) for one in tokens],
        cells,
        [part for block in blocks for part in block],
        "\n".join("".join(part.content for part in block) for block in blocks),
        "\n".join(
            "".join("\n" if part.type == "code_inline" else part.content for part in block)
            for block in blocks
        ),
    )


def rendered(change: Change | None = None, *, report: str = "assay-out/report.html") -> str:
    """The sample's summary, with evidence and verdict changed in place."""
    evidence, verdict = sample.evidence(), sample.verdict()
    if change is not None:
        change(evidence, verdict)
    return render_markdown(evidence, verdict, report=report)


def told(change: Change | None = None) -> str:
    """The words that a reader sees."""
    return read(rendered(change)).text


def extended(_: dict[str, Json], verdict: dict[str, Json]) -> None:
    """Every optional key of a verdict."""
    verdict["requirements"][0] = sample.requirement(
        "open",
        state="INCONCLUSIVE",
        severity="high",
        grade="B",
        headroom=0.046,
        settles="About 300 more images would narrow the interval enough.",
        reason="The interval holds the threshold.",
        accepted_by="approver@example.org",
        **{"class": "ferry"},
        paired={
            "n10": 34,
            "n01": 3,
            "n": 1000,
            "difference": -0.031,
            "interval": [-0.046, -0.017],
            "label": "worse",
        },
    )
    verdict["requirements"][1].update(waived="W-014", headroom=-0.259, severity="critical")
    verdict["waivers"] = [
        {
            "id": "W-015",
            "state": "unmatched",
            "note": "Nothing was found under ROB-CLS.",
            "owner": "owner@example.org",
            "approved_by": "approver@example.org",
            "reason": "class retired",
            "expires": "2027-01-31",
            "days_left": 72,
            "expiring": False,
        },
        {
            "id": "W-014",
            "state": "applied",
            "note": "'worst-case' fails and is waived.",
            "owner": "owner@example.org",
            "approved_by": "approver@example.org",
            "reason": "class retired in 2.6",
            "expires": "2026-12-02",
            "days_left": 12,
            "expiring": True,
        },
    ]
    verdict["baseline"] = {
        "name": "release 2.3.0",
        "evidence_digest": sample.fake("old"),
        "model_digest": sample.fake("old model"),
        "comparable": True,
        "notes": ["The attack of the baseline is one version older."],
    }


# ------------------------------------------------------------------------------- what it says


def test_marker_heading_and_table() -> None:
    """A bot finds the first line; then verdict, model by 12 digits, and the worst row first."""
    lines = rendered().splitlines()
    assert lines[0] == MARKER
    short = sample.fake("canonical")[:12]
    assert lines[1] == f"### Robustness gate: FAIL · model `shapes-resnet18.onnx` `{short}`"
    assert read(rendered()).cells == [
        *("Requirement", "Now", "Needed", "State"),
        *("worst-case robust accuracy, Linf, ε = 8/255, white box", "≤ 12.1% (n = 1,000)"),
        *("≥ 38.0%", "FAIL"),
        *("clean accuracy", "94.6% (n = 1,000)", "≥ 90.0%", "PASS"),
    ]


def test_sentence_doubts_findings_and_foot() -> None:
    """The verdict's sentence, red and missing indicators, findings, and what identifies it all."""
    text = told()
    assert "FAIL. On these 1000 images, at most 12.1% keep the correct label" in text
    assert "Trust indicators: 1 missing, 3 ok, 1 red" in text
    assert "Red: Loss never rose (Linf, ε = 8/255, white box): 3.3%, limit ≤ 2.0%." in text
    assert "Missing: Budget not enough" in text
    assert "Findings: 1 critical, 1 medium" in text
    assert "critical, grade A, ROB-WC-LINF: Changes of at most 8/255" in text
    assert f"Evidence sha256:{digest(sample.facts())}" in text
    assert "39,264 backward and 41,877 forward passes" in text
    assert "37.5% cached (9 of 24 units)" in text
    assert "assay explain ROB-WC-LINF · try: Train adversarially" in text


def test_every_optional_part_of_a_verdict_is_shown() -> None:
    """Class, severity, grade, headroom, comparison, waivers and what would settle it."""
    text, cells = told(extended), read(rendered(extended)).cells
    assert cells[3] == "vs release 2.3.0"
    assert "open accuracy, class “ferry”" in cells
    assert "−3.1 pt (−4.6 to −1.7), worse; 34 lost and 3 won of 1,000 images" in cells
    assert "≥ 90.0%, headroom +4.6 pt" in cells
    assert "INCONCLUSIVE, high, grade B, accepted by approver@\u200bexample.org" in cells
    assert "FAIL, critical, waived by W-014" in cells
    assert "To settle it: About 300 more images would narrow the interval enough." in text
    assert f"vs release 2.3.0 {sample.fake('old model')[:12]}" in text
    assert "Baseline: The attack of the baseline is one version older." in text
    first, second = text.index("W-014 applied, expires soon, 12 days left"), text.index("W-015 unm")
    assert first < second


def test_what_is_waived_stands_after_what_is_open() -> None:
    """A waived FAIL keeps its word, and what still blocks stands above it."""
    cells = read(rendered(extended)).cells
    assert cells[5].startswith("open ")
    assert cells[10].startswith("worst-case ")


def test_a_baseline_that_cannot_be_compared_says_so() -> None:
    """No difference is stated where there is none, and the reason is."""

    def change(evidence: dict[str, Json], verdict: dict[str, Json]) -> None:
        extended(evidence, verdict)
        verdict["baseline"]["comparable"] = False
        del verdict["requirements"][0]["paired"]

    assert read(rendered(change)).cells.count("not comparable") == 2
    assert "The baseline cannot be compared with this audit." in told(change)


def test_a_change_is_told_in_points() -> None:
    """What may not get worse has a difference and a margin, which are no shares of images."""

    def change(evidence: dict[str, Json], verdict: dict[str, Json]) -> None:
        extended(evidence, verdict)
        paired = {**verdict["requirements"][0]["paired"], "unsettled": 12}
        line = {"comparison": "change_gte", "observed": -0.031, "threshold": -0.01, "counts": None}
        verdict["requirements"][0] = sample.requirement(
            "worst-case:regress", threat=sample.THREAT, headroom=-0.021, paired=paired, **line
        )

    cells = read(rendered(change)).cells
    place = cells.index("worst-case:regress change of accuracy, Linf, ε = 8/255, white box")
    assert cells[place + 1 : place + 4] == [
        "−3.1 pt (n = 1,000)",
        "≥ −1.0 pt, headroom −2.1 pt",
        "−3.1 pt (−4.6 to −1.7), worse; 34 lost and 3 won of 1,000 images; 12 not settled",
    ]


@pytest.mark.parametrize(("n10", "n01"), [(34, 3), (3, 34)])
def test_the_difference_says_which_count_is_lost(n10: int, n01: int) -> None:
    """A lower share means that more were lost than won, however the two counts are called."""

    def change(evidence: dict[str, Json], verdict: dict[str, Json]) -> None:
        extended(evidence, verdict)
        verdict["requirements"][0]["paired"].update(n10=n10, n01=n01)

    assert "34 lost and 3 won" in told(change)


def test_a_share_of_a_part_is_no_share_of_the_whole() -> None:
    """After an early end the interval comes first, and n says how many were looked at."""

    def change(_: dict[str, Json], verdict: dict[str, Json]) -> None:
        verdict["requirements"][1].update(
            observed=0.0, interval=[0.0, 0.245], counts=sample.tally(0, 20)
        )

    assert "0.0% to 24.5% at 95%; seen ≤ 0.0% (n = 20 of 1,000)" in told(change)


def test_what_is_not_confirmed_may_yet_stand() -> None:
    """An unconfirmed break does not lower what an attack bounds from above."""

    def change(_: dict[str, Json], verdict: dict[str, Json]) -> None:
        verdict["requirements"][1].update(counts=sample.tally(121, 829, pending=50))

    assert "≤ 17.1% (n = 1,000, 50 not confirmed)" in told(change)


def test_a_certificate_makes_a_bracket() -> None:
    """What is certified from below stands before what attacks leave."""

    def change(evidence: dict[str, Json], _: dict[str, Json]) -> None:
        evidence["facts"]["measurements"][2]["view"]["data"]["certified"] = 0.05

    assert "5.0% to 12.1% (n = 1,000)" in told(change)


def test_without_a_verdict_it_shows_what_was_measured() -> None:
    """Evidence alone renders, and claims no verdict."""
    page = read(render_markdown(sample.evidence(), None))
    assert "Robustness audit, not judged" in page.text
    assert "PASS" not in page.text
    assert "robust accuracy, Linf, ε = 8/255, white box" in page.cells
    assert "≤ 12.1% (n = 1,000)" in page.cells


def test_a_verdict_on_other_evidence_is_doubted() -> None:
    """A pair that does not belong together says that neither can be trusted."""

    def change(evidence: dict[str, Json], _: dict[str, Json]) -> None:
        evidence["facts"]["data"]["n"] = 7

    assert "This verdict was given on other evidence" in told(change)
    assert "other evidence" not in told()


@pytest.mark.parametrize(
    ("report", "folder"),
    [
        ("", "assay-out/witnesses"),
        ("report.html", "witnesses"),
        ("/tmp/o/report.html", "/tmp/o/witnesses"),  # noqa: S108 - no file is made
        ("https://ci.example/1/report.html", "assay-out/witnesses"),
        ("o; rm -rf ~/report.html", "WITNESSES"),
    ],
)
def test_the_next_command_is_one_that_works(report: str, folder: str) -> None:
    """Replay names the witnesses beside the report; what a shell would read is not copied."""

    def change(evidence: dict[str, Json], _: dict[str, Json]) -> None:
        evidence["run"]["witnesses"] = {"digest": sample.fake("w"), "size": 9}

    text = read(rendered(change, report=report)).text
    assert f"Next: assay replay {folder} --model shapes-resnet18.onnx · assay explain" in text


def test_a_model_named_like_an_option_is_not_copied_into_a_command() -> None:
    """A hostile file name does not become an option or a command of whoever pastes the line."""

    def change(evidence: dict[str, Json], _: dict[str, Json]) -> None:
        evidence["run"]["witnesses"] = {"digest": sample.fake("w"), "size": 9}
        evidence["facts"]["subject"]["name"] = "--data=/etc/passwd; rm -rf ~"

    assert "--model MODEL" in told(change)


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("https://ci.example/1?a=1&b=2", "[report](https://ci.example/1?a=1&amp;b=2)"),
        ("javascript:alert(1)", "javascript:&#8203;alert(1)"),
        ("https://ci.example/)[x](http://evil", None),
    ],
)
def test_only_a_plain_address_becomes_a_link(address: str, whole: str | None) -> None:
    """A link leads to the web, or there is none."""
    found = link("report", address)
    if whole and "[" in whole:
        assert found == whole
    else:
        assert not any(one.type == "link_open" for one in read(found).inline)


def test_the_same_input_gives_the_same_text() -> None:
    """Nothing of the clock or the machine gets in."""
    assert rendered(extended) == rendered(extended)


# ----------------------------------------------------------------------- nothing breaks out of it


def hostile(word: str) -> Change:
    """Every name and sentence of evidence and verdict replaced by one word."""

    def change(evidence: dict[str, Json], verdict: dict[str, Json]) -> None:
        extended(evidence, verdict)
        facts = evidence["facts"]
        facts["subject"].update(name=word, canonical_digest=word)
        facts["data"]["digest"] = word
        facts["passes"] = {word: 1, "forward": 2}
        for one in facts["findings"]:
            one.update(id=word, statement=word, remedy=word, grade=word)
        for one in verdict["requirements"]:
            one.update(id=word, metric=word, threat=word, reason=word, severity=word, grade=word)
            one.update({"class": word, "settles": word, "waived": word, "accepted_by": word})
        verdict["requirements"][0]["paired"]["label"] = word
        for one in verdict["indicators"]:
            one.update(metric=word, note=word, scope={word: word})
        for one in verdict["waivers"]:
            one.update(id=word, note=word, owner=word, approved_by=word, reason=word, expires=word)
        verdict["baseline"].update(name=word, model_digest=word, notes=[word])
        verdict.update(sentence=word, notes=[word], policy_digest=word)

    return change


def shown(word: str) -> str:
    """The summary in which everything is called by one word."""
    return rendered(hostile(word), report=word)


TAME = read(shown("ferry"))


def check(markdown: str, *, like: Read) -> None:
    """The shape of a summary with harmless names, and nothing live in it."""
    found = read(markdown)
    assert found.blocks == like.blocks
    assert len(found.cells) == len(like.cells)
    assert {one.type for one in found.inline} <= WORDS
    assert not re.search(r"[@#!$~&:][\w+/]", found.prose)
    assert not re.search(r"(?i)\bwww\.|\bgh-\d", found.prose)
    body = markdown.removeprefix(MARKER)
    assert "<" not in body
    assert "@" not in body
    assert all(char.isprintable() or char == "\n" for char in markdown)
    widths = {len(re.findall(r"\|", line)) for line in body.splitlines() if line.startswith("|")}
    assert widths == {6}
    assert len(markdown.encode()) < LIMIT


@pytest.mark.parametrize("word", ATTACKS)
def test_known_attacks_stay_words(word: str) -> None:
    """Markup, mentions, links, control characters and walls of text change no shape."""
    check(shown(word), like=TAME)


def test_half_a_character_is_no_name() -> None:
    """What JSON lets through and UTF-8 does not is a blank."""
    assert "a b" in rendered(lambda _, verdict: verdict.update(sentence="a\ud800b"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=20),
            st.sampled_from(list("|`\\<>@#[]()!*_~$&:\n\r\t-+=.1 ") + list(ATTACKS[:12])),
        ),
        max_size=12,
    ).map(lambda parts: "".join(parts) or "x")
)
@example("\\|`|`\\")
def test_no_name_breaks_out(word: str) -> None:
    """Whatever a class, a file or a requirement is called, the summary keeps its shape."""
    check(shown(word), like=TAME)


@pytest.mark.parametrize("word", ["a | b", "<b>", "[x](https://evil.example)", "one\ntwo", "@all"])
def test_unescaped_names_would_break_it(word: str) -> None:
    """Control: the same names put in as they are change the shape, or are live."""
    bare = shown("ferry").replace("ferry", word)
    with pytest.raises(AssertionError):
        check(bare, like=TAME)


@pytest.mark.parametrize("length", [1, 4, 16, 40, 80, 400])
def test_it_stays_small_whatever_there_is(length: int) -> None:
    """Many requirements, indicators, findings and waivers: rows are cut and counted."""
    word = "@|" * length

    def change(evidence: dict[str, Json], verdict: dict[str, Json]) -> None:
        hostile(word)(evidence, verdict)
        for name in ("requirements", "indicators", "waivers", "notes"):
            verdict[name] = verdict[name] * 30
        verdict["sentence"] = "@|" * 5000 + " no reason of a requirement stands in here"
        for one in verdict["requirements"]:
            one["headroom"], one["observed"] = 1e308, 1e300
            one["reason"] = word + "!"
        evidence["facts"]["findings"] = evidence["facts"]["findings"] * 30
        evidence["facts"]["passes"] = {word + str(place): 10**300 for place in range(9)}
        evidence["facts"]["data"]["n"] = 10**300
        evidence["run"].update(cache={"hits": 10**300, "misses": 1}, seconds=1e300)

    markdown = rendered(change, report="@|" * 1000)
    assert len(markdown.encode()) < LIMIT
    assert re.search(r"and [345]\d more \|", markdown)
    assert "- and 57 more in the report" in markdown


def test_rows_beyond_the_table_are_counted() -> None:
    """A policy of many lines shows the worst of them and says how many more there are."""

    def change(_: dict[str, Json], verdict: dict[str, Json]) -> None:
        more = [sample.requirement(f"line-{place}") for place in range(60)]
        verdict["requirements"] = [*more, verdict["requirements"][1]]

    page = read(rendered(change))
    assert page.cells[4].startswith("worst-case")
    assert page.cells[-4:] == ["and 37 more", "", "", ""]


def test_empty_names_leave_no_hole() -> None:
    """What is called nothing is left out or has a word of ours in its place."""
    assert shown("").startswith(MARKER)
    assert read(shown("")).cells[5].startswith("requirement")


@pytest.mark.parametrize("facts", [{}, {"subject": 3, "data": [], "findings": {}, "passes": "x"}])
def test_evidence_of_another_shape_still_renders(facts: dict[str, Json]) -> None:
    """What is absent or of another kind is left out; nothing is raised."""
    assert render_markdown({"facts": facts}, None).startswith(MARKER)
    odd: dict[str, Json] = {"verdict": 7, "requirements": [{}, 3], "waivers": {}, "baseline": []}
    assert "Robustness gate" in render_markdown({"facts": facts, "run": []}, odd)


# -------------------------------------------------------------------------------------- the words


@given(st.text(max_size=300), st.integers(3, 200))
def test_escaped_text_fits_its_room(word: str, room: int) -> None:
    """A text is cut between characters, never inside an entity, and ends with an ellipsis."""
    found = escaped(word, room)
    assert len(found.encode()) <= room
    assert not re.search(r"&(?!#\d+;)", found)


@settings(deadline=None)
@given(st.lists(st.sampled_from([*"\\`*_[]{}<>#!|~&$@^:;()a1. ", "lt;", "https://b"]), max_size=30))
def test_a_reader_sees_the_very_words(parts: list[str]) -> None:
    """What was escaped reads as it was, and none of the characters of markup stands in it raw."""
    word = plain("x" + "".join(parts) + "x")
    markdown = escaped(word, 4000)
    assert read(markdown).text.replace("\u200b", "") == word
    assert not set(markdown) & set("\\`*_[]{}<>!|~$@^")
    assert not re.search(r"&(?!#\d+;)|(?<!&)#", markdown)


def test_ordinary_words_stay_as_they_are() -> None:
    """Escaping does not make plain sentences unreadable."""
    words = "879 of 1,000 images fell (87.9%); 380 must stand: Łódź, ε = 8/255."
    assert escaped(words) == words
    assert code("worst-case") == "`worst-case`"
    assert code("a`b") == "a&#96;b"


def test_the_first_word_of_an_item_begins_no_other_list() -> None:
    """A line that starts like a list or a rule is a paragraph within its item."""
    for word in ("1. one", "- one", "+ one", "===", "12) x", "---"):
        kinds = [kind for kind, _, _ in read(item(word)).blocks]
        assert kinds.count("bullet_list_open") == 1
        assert "ordered_list_open" not in kinds
        assert "hr" not in kinds


def test_a_capped_list_counts_what_it_leaves_out() -> None:
    """The count at its end is of lines that are not shown."""
    assert capped(["a"] * 9, 9, most=3, room=99, rest="{} more") == ["a", "a", "a", "6 more"]
    assert capped(["a"] * 9, 9, most=9, room=7, rest="{} more") == ["a", "a", "a", "6 more"]
    assert capped(["a"], 1, most=9, room=7, rest="{} more") == ["a"]


def test_what_the_last_release_lost_is_told() -> None:
    """How many of its images hold now; nothing is said where nothing was shown."""
    counts: Json = {"numerator": 31, "denominator": 1087}
    one = sample.measurement(
        sample.ATTACK, "earlier_breaks", 0.1, scope={"threat": sample.THREAT}, counts=counts
    )

    def shown(evidence: dict[str, Json], _: dict[str, Json]) -> None:
        evidence["facts"]["measurements"].append(one)

    def not_shown(evidence: dict[str, Json], _: dict[str, Json]) -> None:
        evidence["facts"]["measurements"].append({**one, "outcome": "not_applicable"})

    said = "1,087 images that the last release lost were shown again as it lost them; 31 fall to"
    assert said in told(shown)
    assert "the last release lost" not in told(not_shown)
