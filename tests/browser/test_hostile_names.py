"""Names that attack the reader, in a real browser.

Two guards stand before them: escaping, and a content policy. Each is taken away in turn, and the
control without both shows that every one of these names bites.
"""

from __future__ import annotations

import contextlib
import copy
import re
import time
from pathlib import Path
from typing import cast

import pytest
from jinja2 import Environment, FileSystemLoader

import service.report
from analyzers.contract import Json
from service.report.html import render_html
from support import evidence as sample
from support.browser import Browser, Page
from support.devtools import DevtoolsError
from support.reports import Report

pytestmark = [pytest.mark.deep, pytest.mark.browser]

RAN = "console.log('ran')"
NAMES = {
    "script": f"<script>{RAN}</script>",
    "out of the style": f"</style></title><script>{RAN}</script>",
    "handler": f'<img src=x onerror="{RAN}">',
    "out of an attribute": f'"><img src="x" onerror="{RAN}">',
    "drawing": f'<svg onload="{RAN}"></svg>',
    "script in a drawing": f"<svg><script>{RAN}</script></svg>",
    "link": f'<a class="lure" href="javascript:{RAN}">click</a>',
    "frame": f'<iframe srcdoc="<script>parent.{RAN}</script>"></iframe>',
    "opened": f'<details open ontoggle="{RAN}"></details>',
    "movement": f'<svg><animate onbegin="{RAN}" attributeName="x" dur="1s"></animate></svg>',
    "picture from afar": '<img src="http://127.0.0.1:9/tracker.png">',
    "style from afar": '<link rel="stylesheet" href="http://127.0.0.1:9/tracker.css">',
    "away": '<meta http-equiv="refresh" content="0;url=http://127.0.0.1:9/tracker">',
}
LURE = 'a.lure[href^="javascript:"]'
"""Where a name has no half of it cut off; a browser drops clicks that come by the hundred."""
TEMPLATES = Path(service.report.__file__).parent / "templates"
_KEPT = {"outcome", "analyzer", "key", "kind"}
"""Words that decide whether something is shown at all."""


def everywhere(body: Json, words: str, key: str = "") -> Json:
    """The same file with these words in every place that holds text."""
    if isinstance(body, dict):
        found = cast("dict[str, Json]", body)
        return {name: everywhere(value, words, name) for name, value in found.items()}
    if isinstance(body, list):
        return [everywhere(one, words, key) for one in cast("list[Json]", body)]
    return words if isinstance(body, str) and key not in _KEPT else body


def rendered(name: str) -> str:
    """A report whose every text is this name."""
    evidence = everywhere(copy.deepcopy(sample.evidence()), name)
    verdict = everywhere(copy.deepcopy(sample.verdict()), name)
    return render_html(evidence, verdict).decode()


def unescaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the first guard away."""
    bare = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=False, trim_blocks=True)  # noqa: S701 - the control
    monkeypatch.setattr("service.report.pages._templates", lambda: bare)


def without_policy(body: str) -> str:
    """Take the second guard away."""
    found, count = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", body)
    assert count == 1
    return found


def read(page: Page, folder: Path, body: str) -> None:
    """Open a page and do what a curious reader does."""
    path = folder / "page.html"
    path.write_text(body)
    page.open(path.as_uri())
    page.value("for (const one of document.querySelectorAll('details')) one.open = true")
    page.value(f"[...document.querySelectorAll('{LURE}')].slice(0, 3).forEach(one => one.click())")
    page.settle(0.2)


def bitten(page: Page) -> bool:
    """Whether a name runs something or reaches out, within the time that a busy machine takes."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        seen = page.seen
        if any("ran" in one for one in seen.console) or seen.dialogs or seen.abroad:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("kind", NAMES)
def test_a_hostile_name_runs_nothing(browser: Browser, tmp_path: Path, kind: str) -> None:
    """With both guards the page is as silent as ever, and shows the name as it is."""
    with browser.page() as page:
        read(page, tmp_path, rendered(NAMES[kind]))
        assert page.seen.complaints == []
        assert page.seen.abroad == []
        assert NAMES[kind] in page.text


@pytest.mark.parametrize("kind", NAMES)
def test_escaping_alone_suffices(browser: Browser, tmp_path: Path, kind: str) -> None:
    """Without the policy nothing runs either."""
    with browser.page() as page:
        read(page, tmp_path, without_policy(rendered(NAMES[kind])))
        assert page.seen.complaints == []
        assert page.seen.abroad == []


@pytest.mark.parametrize("kind", sorted(set(NAMES) - {"away"}))  # no policy forbids going away
def test_the_policy_alone_suffices(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Were a text ever to slip through unescaped, the policy of the page would stop it."""
    unescaped(monkeypatch)
    with browser.page() as page:
        read(page, tmp_path, rendered(NAMES[kind]))
        assert page.seen.issues, "the browser speaks of a violation"
        assert not [one for one in page.seen.console if "ran" in one]


@pytest.mark.parametrize("kind", NAMES)
def test_without_both_guards_it_bites(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The control: the same name in the same page, unescaped and without a policy."""
    unescaped(monkeypatch)
    with browser.page() as page:
        with contextlib.suppress(DevtoolsError):  # the page may go away while it is read
            read(page, tmp_path, without_policy(rendered(NAMES[kind])))
        assert bitten(page)


def test_template_syntax_is_not_evaluated(browser: Browser, tmp_path: Path) -> None:
    """Braces of every template language stay braces."""
    name = "{{7907*7919}} {% raw %} ${7907*7919} #{7907*7919} <%= 7907*7919 %>"
    with browser.page() as page:
        read(page, tmp_path, rendered(name))
        assert name in page.text
        assert str(7907 * 7919) not in page.text


def test_a_file_of_a_hostile_name_is_audited_like_any_other(
    browser: Browser, reports: dict[str, Report]
) -> None:
    """From the upload to the page: the name is shown to the letter, and does nothing."""
    with browser.page() as page:
        page.open(reports["PASS"].address)
        assert page.seen.complaints == []
        name = reports["PASS"].evidence["facts"]["subject"]["name"]
        assert "onerror=console.log(1)" in name
        assert name in page.text
