"""Pages of a running service."""

import pytest

from service.report.live import audit_page, audits_page, problem_page

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
    [("queued", True), ("running", True), ("succeeded", False), ("failed", False)],
)
def test_an_unfinished_audit_asks_again(state: str, asks: bool) -> None:
    """The page of an audit renews itself until the audit is over, without a script."""
    page = audit_page({"id": "a", "state": state}).decode()
    assert ('http-equiv="refresh"' in page) is asks
    assert "<script" not in page


def test_progress_and_counts_so_far() -> None:
    """What runs, how far it is, and what each threat left standing."""
    page = audit_page(
        {
            "id": "a",
            "state": "running",
            "progress": {"stage": "attacks.linf", "done": 60, "total": 1000, "note": "stage 2"},
            "brackets": [
                {
                    "threat": "Linf:8/255:white",
                    "standing": 12,
                    "prefix": 60,
                    "population": 1000,
                    "fallen": 48,
                }
            ],
        }
    ).decode()
    assert "attacks.linf: 60 of 1,000 (stage 2)" in page
    assert "Linf, ε = 8/255, white box: 12 of 60 images stand, 48 fell, 1,000 in all" in page


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
        assert b"<script" not in page
        assert b"&lt;script&gt;" in page
    assert b'href="/audits/%22%3Cscript' in audits_page([audit])


def test_whatever_is_missing_makes_a_page() -> None:
    """An audit of which nothing is known is shown as queued."""
    assert b"queued" in audit_page({})
