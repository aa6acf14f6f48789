"""Whoever reads a finding's id in a report finds a page about it, and every page is about one."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer.main

from analyzers.catalog import ALL
from analyzers.contract import FindingRule
from service.cli.main import app
from service.core.artefact import GRADE
from service.core.artefact import RULES as ARTEFACT

PAGES = Path(__file__).parents[2] / "service" / "help" / "findings"
RULES = [(one.description.id, rule) for one in ALL for rule in one.description.findings]
IDS = [*dict.fromkeys(rule.id for _, rule in RULES), *ARTEFACT]
SECTIONS = (
    "What it says",
    "How it is measured",
    "Why it may matter",
    "What to do first",
    "How to reproduce",
)
EVERY = pytest.mark.parametrize("rule", [rule for _, rule in RULES], ids=lambda rule: rule.id)
EVERY_ID = pytest.mark.parametrize("finding", IDS)


def page(finding: str) -> str:
    """The page about one id."""
    return (PAGES / f"{finding}.md").read_text(encoding="utf-8")


def title(finding: str) -> str:
    """What a page calls its finding; its first line names the id and the title."""
    first = page(finding).splitlines()[0]
    told = re.fullmatch(rf"# {re.escape(finding)}: (\S.*[^.\s])", first)
    assert told is not None, f"{finding}.md begins with: {first}"
    return told[1]


def index_rows() -> list[tuple[str, ...]]:
    """The index's table below its head: id as a link, severity, grade, analyzer, one line."""
    lines = (PAGES / "README.md").read_text(encoding="utf-8").splitlines()
    table = [line for line in lines if line.startswith("|")]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table[2:]]


def test_index_lists_exactly_the_catalogue() -> None:
    """Ids, severities, grades and analyzers in the order of the catalogue, then intake's own."""
    wanted = [
        (f"[{rule.id}]({rule.id}.md)", rule.severity, rule.grade, analyzer, title(rule.id))
        for analyzer, rule in RULES
    ]
    wanted += [
        (f"[{name}]({name}.md)", rule.severity, GRADE, "intake", title(name))
        for name, rule in ARTEFACT.items()
    ]
    assert index_rows() == wanted


def test_no_page_is_orphaned() -> None:
    """Pages and ids of the catalogue are the same set."""
    assert {path.stem for path in PAGES.iterdir()} == {*IDS, "README"}


@EVERY_ID
def test_sections(finding: str) -> None:
    """A page answers the same five questions, in order and each with text."""
    heads = re.findall(r"^## (.*)$", page(finding), re.MULTILINE)
    assert tuple(heads) == SECTIONS
    texts = re.split(r"^## .*$", page(finding), flags=re.MULTILINE)[1:]
    assert all(text.strip() for text in texts)


@EVERY
def test_page_tells_the_rule(rule: FindingRule) -> None:
    """A page names the metric, the direction and the threshold that set its finding off."""
    told = f"Raised when `{rule.metric}` is {rule.comparison} {rule.threshold:.4g}"
    assert re.search(rf"{re.escape(told)}(?![0-9]|\.[0-9])", page(rule.id))


@EVERY
def test_page_claims_no_more_than_its_grade(rule: FindingRule) -> None:
    """A page states the rule's grade; an association is called one and never a cause."""
    assert f"Grade {rule.grade}" in page(rule.id)
    if rule.grade == "C":
        assert "association" in page(rule.id)
        assert not re.search(r"\b(because|causes?|caused by|due to)\b", page(rule.id))


def commands(finding: str) -> list[Sequence[str]]:
    """The commands that a page gives, as words."""
    return [line.split() for line in re.findall(r"^    (assay .*)$", page(finding), re.MULTILINE)]


@EVERY_ID
def test_commands_exist(finding: str) -> None:
    """Every command of a page is one that the command line takes: verb and options."""
    verbs = typer.main.get_group(app).commands
    assert commands(finding)
    for _, verb, *words in commands(finding):
        known = {name for one in verbs[verb].params for name in one.opts}
        assert {word for word in words if word.startswith("--")} <= known
