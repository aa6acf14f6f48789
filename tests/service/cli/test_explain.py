"""``assay explain`` knows every id that a report or an error prints."""

import pytest

from analyzers.catalog import ALL
from service.cli.topics import HELP, topics
from service.core.artefact import RULES
from service.errors import AssayError, Code
from support.command_line import assay

FINDINGS = [*dict.fromkeys(rule.id for one in ALL for rule in one.description.findings), *RULES]
METRICS = [spec.name for one in ALL for spec in one.description.metrics]
CODES = [code.value for code in Code]
TOPICS = topics()


def test_every_id_is_explained_once() -> None:
    """Findings of the catalogue and of intake, metrics, and error codes in their order."""
    by_kind: dict[str, list[str]] = {}
    for one in TOPICS:
        by_kind.setdefault(one.kind, []).append(one.id)
    assert by_kind == {"Findings": sorted(FINDINGS), "Metrics": METRICS, "Error codes": CODES}
    assert len({one.id.casefold() for one in TOPICS}) == len(TOPICS)


@pytest.mark.parametrize("one", TOPICS, ids=lambda one: one.id)
def test_a_page_names_itself_and_says_something(one: object) -> None:
    """The first line is the id and a title, and text follows."""
    assert isinstance(one, type(TOPICS[0]))
    head, blank, *rest = one.page.splitlines()
    assert head == f"# {one.id}: {one.title}"
    assert one.title
    assert not one.title.endswith(".")
    assert blank == ""
    assert any(rest)


def test_a_page_is_printed_as_plain_text() -> None:
    """Not on a terminal there is neither markup nor an escape, and the command ends with 0."""
    ran = assay("explain", "EVL-MASK")
    assert ran.exit_code == 0
    assert ran.output.startswith(
        "EVL-MASK: The attack had no slope to climb\n\nWhat it says\n\n  On"
    )
    assert "\033" not in ran.output
    assert "#" not in ran.output


def test_raw_is_the_page_itself() -> None:
    """``--raw`` prints the file's own Markdown."""
    page = (HELP / "findings" / "EVL-MASK.md").read_text()
    assert assay("explain", "EVL-MASK", "--raw").output == page


@pytest.mark.parametrize("written", ["evl-mask", "EVL-MASK:linf8", " Evl-Mask :a:b"])
def test_case_and_a_suffix_do_not_count(written: str) -> None:
    """An id may be copied with the scope that a report prints behind it."""
    assert assay("explain", written).output == assay("explain", "EVL-MASK").output


@pytest.mark.parametrize("columns", ["60", "200"])
def test_the_width_is_the_terminals_up_to_a_hundred(
    monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """Lines fill what there is and stay readable on a wide screen."""
    monkeypatch.setenv("COLUMNS", columns)
    lines = assay("explain", "EVL-PREP").output.splitlines()
    widest = max(len(line) for line in lines if not line.startswith("      assay"))
    limit = min(int(columns), 100)
    assert limit - 10 < widest <= limit


def test_a_metric_says_what_it_is_for() -> None:
    """One that may be required shows how, an indicator what it holds back, others neither."""
    required, indicator, other = (
        assay("explain", name).output
        for name in ("robust_accuracy", "zero_gradient", "filters.entropy")
    )
    assert "{id: my-name, metric: robust_accuracy, threat: NAME, gte: 0.5}" in required
    assert "{id: my-name, metric: accuracy, gte: 0.5}" in assay("explain", "accuracy").output
    assert "holds a PASS back" in indicator
    assert "assay explain EVL-MASK" in indicator
    assert "No policy may require it" in other


@pytest.mark.parametrize("code", list(Code))
def test_an_error_code_tells_its_exit_code(code: Code) -> None:
    """The page ends with the exit code that the command line has for it."""
    [page] = [one.page for one in TOPICS if one.id == code.value]
    assert f"exit code {AssayError(code, '', '').exit:d}:" in page.splitlines()[-1]


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("EVL-MSK", "Did you mean EVL-MASK"),
        ("robust_acuracy", "Did you mean robust_accuracy"),
        ("MODEL_EMTY", "Did you mean MODEL_EMPTY"),
        ("qqqq", "See them all with: assay explain"),
        ("../../errors", "See them all with: assay explain"),
        ("README", "See them all with: assay explain"),
        (":", "See them all with: assay explain"),
    ],
)
def test_an_unknown_id_is_usage_and_names_the_nearest(written: str, hint: str) -> None:
    """Exit 2 with what may have been meant; no path leads out of the pages."""
    ran = assay("explain", written)
    assert ran.exit_code == 2
    assert hint in ran.output


def test_without_an_id_all_are_listed() -> None:
    """One line for each, with its title."""
    ran = assay("explain")
    assert ran.exit_code == 0
    for one in TOPICS:
        assert f"  {one.id} " in ran.output
        assert one.title in ran.output
