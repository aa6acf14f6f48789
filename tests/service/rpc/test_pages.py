"""Page tokens lead on in the list they were made for, and nowhere else."""

from dataclasses import replace

import pytest

from service.errors import AssayError, Code
from service.rpc.pages import seal, unseal
from service.rpc.ports import AuditQuery

QUERY = AuditQuery("p", 20, model="projects/p/models/m", states=["running"])


@pytest.mark.parametrize("after", ["2026-11-21T09:30:00Z|0197", "ü", "a" * 500])
def test_a_token_hides_the_cursor_and_gives_it_back(after: str) -> None:
    """The port's cursor may be any text; clients see none of it."""
    token = seal(after, "audits", QUERY)
    assert after not in token
    assert unseal(token, "audits", QUERY) == after


def test_the_end_has_no_token() -> None:
    """Empty means nothing follows, both ways."""
    assert seal("", "audits", QUERY) == ""
    assert unseal("", "audits", QUERY) == ""


def test_the_size_of_a_page_may_change_on_the_way() -> None:
    """AIP-158: page_size is not part of the question."""
    token = seal("7", "audits", QUERY)
    assert unseal(token, "audits", replace(QUERY, limit=3)) == "7"


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        ("models", QUERY),
        ("audits", replace(QUERY, project="q")),
        ("audits", replace(QUERY, model="")),
        ("audits", replace(QUERY, states=["failed"])),
        ("audits", replace(QUERY, verdicts=["PASS"])),
    ],
)
def test_a_token_of_another_question_is_refused(kind: str, query: AuditQuery) -> None:
    """Following a page of other conditions would silently skip items."""
    with pytest.raises(AssayError) as refused:
        unseal(seal("7", "audits", QUERY), kind, query)
    assert refused.value.code is Code.PAGE_TOKEN_INVALID


@pytest.mark.parametrize("token", ["7", "!!!!", "AAAAAAAAAAAA", "AAAAAAAAAAAAAAAA", "ÄÖÜ", "/+8="])
def test_rubbish_is_refused(token: str) -> None:
    """A token that nobody made is the caller's mistake, not an internal error."""
    with pytest.raises(AssayError) as refused:
        unseal(token, "audits", QUERY)
    assert refused.value.code is Code.PAGE_TOKEN_INVALID
