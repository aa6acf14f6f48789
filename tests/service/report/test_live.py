"""Pages of a running service."""

import pytest

from service.report.live import Asked, audit_page, audits_page, problem_page

HOSTILE = "<script>alert(1)</script>"


def test_the_list_links_every_audit() -> None:
    """Each audit is a link with state and verdict in words."""
    page = audits_page(
        [
            {"id": "0197", "state": "succeeded", "verdict": "PASS", "model": "m.onnx"},
            {"id": "0198", "state": "running", "created": "2026-11-20T09:14:03Z"},
        ]
    ).decode()
    assert page.count('href="/audits/019') == 2
    for words in ("succeeded", "running", "PASS", "m.onnx", "2026-11-20 09:14 UTC"):
        assert words in page


def test_an_empty_list_says_how_to_begin() -> None:
    """Without audits the page names the command that makes one."""
    assert b"assay check MODEL" in audits_page([])


@pytest.mark.parametrize(
    ("state", "asks"),
    [("queued", True), ("running", True), ("succeeded", True), ("failed", False)],
)
def test_an_unfinished_audit_asks_again_where_no_script_runs(state: str, asks: bool) -> None:
    """Without a script the page renews itself until there is nothing to wait for any more."""
    page = audit_page({"id": "a", "state": state}).decode()
    assert ('<noscript><meta http-equiv="refresh"' in page) is asks
    assert page.count('http-equiv="refresh"') == int(asks)


STAGES = [
    {"title": "Preflight", "threat": "", "state": "over", "done": 1, "most": 1},
    {"title": "Twin", "threat": "", "state": "over", "done": 0, "most": 0},
    {"title": "Linf", "threat": "Linf:8/255:white", "state": "running", "done": 2, "most": 8},
    {"title": "Channels", "threat": "", "state": "waiting", "done": 0, "most": 0},
    {"title": "Filters", "threat": "", "state": "waiting", "done": 0, "most": 1},
]
BRACKET = {
    "threat": "Linf:8/255:white",
    "standing": 12,
    "prefix": 60,
    "population": 1000,
    "fallen": 48,
    "pending": 0,
    "certified": 0,
    "low": 0.1,
    "high": 0.952,
    "level": 0.95,
    "claim": "set",
}
PROGRESS = {"stage": "attacks.linf", "done": 60, "total": 120, "note": "stage 2"}
BUSY = {"id": "a", "state": "running", "progress": PROGRESS, "stages": STAGES}


def test_stages_say_how_far_each_of_them_is() -> None:
    """Over, at work, ahead: each in words, with a bar where its length is known."""
    page = audit_page(BUSY).decode()
    for words in (
        ">Linf<span",
        "part 3 of at most 8: 60 of 120 (stage 2)",
        "1 part<",
        "nothing to do",
        "hangs on stages before it",
        "at most 1 part<",
        '<progress max="8" value="2.5" aria-label="Linf Linf, ε = 8/255, white box">',
    ):
        assert words in page
    assert page.count("<progress") == 3


def test_without_stages_what_is_in_flight_is_told() -> None:
    """Where another process does the work, the newest progress is all that is known."""
    page = audit_page({"id": "a", "state": "running", "progress": PROGRESS}).decode()
    assert "attacks.linf: 60 of 120 (stage 2)" in page


def test_the_bracket_so_far_is_drawn_as_the_report_draws_it() -> None:
    """What is known of each threat: a sentence, the drawing, its interval and its numbers."""
    page = audit_page({"id": "a", "state": "running", "brackets": [BRACKET]}).decode()
    for words in (
        "At most 95.2% of 1,000 images keep the correct label under attack",
        "60 of 1,000",
        "95% interval",
        "10.0% to 95.2%, for these images",
        '<figure class="view bracket">',
        'role="img"',
        "<summary>Numbers</summary>",
    ):
        assert words in page


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0, "at most 10 s"),
        (61.0, "at most 70 s"),
        (96.0, "at most 2 min"),
        (3599.0, "at most 60 min"),
        (7300.0, "at most 2.5 h"),
    ],
)
def test_time_left_is_an_upper_bound_in_round_numbers(seconds: float, told: str) -> None:
    """It is rounded up, and never finer than such an estimate can be."""
    assert told in audit_page({**BUSY, "seconds_left": seconds}).decode()
    assert told in audits_page([{**BUSY, "seconds_left": seconds}]).decode()


def test_an_audit_that_is_over_tells_no_time() -> None:
    """What was foreseen is of no interest once it is over."""
    page = audit_page({**BUSY, "state": "failed", "seconds_left": 5.0}).decode()
    assert "Time left" not in page
    assert 'data-over="end"' in page


def test_the_search_is_a_form_that_keeps_what_was_asked() -> None:
    """Words and choices come back into the form, and follow the list into its next page."""
    asked = Asked(words="50% <b>", state="running", verdict="PASS")
    page = audits_page([], asked, "token==").decode()
    assert 'value="50% &lt;b&gt;"' in page
    assert "<option selected>running</option>" in page
    assert "<option selected>PASS</option>" in page
    address = "words=50%25+%3Cb%3E&amp;state=running&amp;verdict=PASS"
    assert f'href="/audits?{address}&amp;after=token%3D%3D"' in page
    assert f'data-events="/events?{address}"' in page
    assert "No audit is like that." in page


def test_an_older_page_stands_still() -> None:
    """A page behind the first one neither follows nor asks again."""
    page = audits_page([BUSY], Asked(after="token")).decode()
    assert "data-events=" not in page
    assert 'http-equiv="refresh"' not in page


def test_a_failed_audit_says_why() -> None:
    """The problem's sentence, its remedy and its code are shown."""
    problem = {"code": "MODEL_BROKEN", "sentence": "It is cut off.", "remedy": "Export it again."}
    page = audit_page({"id": "a", "state": "failed", "problem": problem}).decode()
    for words in problem.values():
        assert words in page


def test_names_are_escaped() -> None:
    """Hostile ids, models and problems arrive as text, in links too."""
    audit = {
        "id": f'"{HOSTILE}',
        "state": HOSTILE,
        "model": HOSTILE,
        "problem": {"sentence": HOSTILE},
    }
    for page in (audits_page([audit]), audit_page(audit), problem_page(HOSTILE, HOSTILE, HOSTILE)):
        assert b"<script>alert" not in page
        assert b"&lt;script&gt;" in page
    assert b'href="/audits/%22%3Cscript' in audits_page([audit])


def test_whatever_is_missing_makes_a_page() -> None:
    """An audit of which nothing is known is shown as queued."""
    assert b"queued" in audit_page({})
