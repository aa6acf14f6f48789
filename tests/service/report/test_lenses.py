"""The report of an audit that looked through every lens, walked from end to end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import pytest

import service
from analyzers.catalog import ALL
from analyzers.contract import Json
from service.core.lenses import looked_through
from service.report.html import render_html
from service.report.lenses import Lens, lenses
from service.report.readings import is_drawn
from service.report.wording import capital
from support import evidence as sample
from support.looked import looked_at

HELP = Path(service.__file__).parent / "help" / "findings"
TITLES = [one.description.title for one in ALL if one.description.explains]


class Words(HTMLParser):
    """What a reader sees of a page: words, and nothing of the style sheet."""

    def __init__(self, body: bytes) -> None:
        """Read a page."""
        super().__init__(convert_charrefs=True)
        self.told: list[str] = []
        self.inside = ""
        self.feed(body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where words stand, and names that are heard instead of seen."""
        self.inside = tag
        self.told += [value or "" for name, value in attrs if name in {"aria-label", "alt"}]

    def handle_data(self, data: str) -> None:
        """Note words."""
        if self.inside != "style":
            self.told.append(data)


def groups(facts: Mapping[str, Json]) -> list[Lens]:
    """What the report says of each analyzer."""
    return [one for one in lenses(facts, {}) if one.explains]


@pytest.fixture(scope="module", params=["robust", pytest.param("normal", marks=pytest.mark.deep)])
def evidence(request: pytest.FixtureRequest) -> Mapping[str, Json]:
    """The evidence of one network."""
    return looked_at(request.param, 40 if request.param == "robust" else 24)


@pytest.fixture(scope="module")
def page(evidence: Mapping[str, Json]) -> str:
    """The page of it."""
    return render_html(evidence, None).decode()


def test_every_lens_is_there(evidence: Mapping[str, Json]) -> None:
    """Each that was asked for has its place, in the order of the catalogue."""
    asked = looked_through(ALL, "quick")
    wanted = [one.description.title for one in ALL if one.description.id in asked]
    assert len(wanted) >= 6
    found = [one.title for one in groups(evidence["facts"])]
    assert [title for title in found if title in wanted] == wanted
    assert set(TITLES) <= set(found)


def test_every_figure_is_drawn_and_has_its_numbers(evidence: Mapping[str, Json]) -> None:
    """No figure is empty or a note; each has a title, a sentence for the blind and a table."""
    found = [figure for one in groups(evidence["facts"]) for figure in one.figures]
    assert len(found) >= 15
    for figure in found:
        assert figure.drawing, figure.note
        assert figure.title
        assert "<title " in figure.drawing.named("figure")
        assert figure.drawing.rows, figure.title
        assert all(len(row) == len(figure.drawing.columns) for row in figure.drawing.rows)


def test_every_number_in_a_figure_stands_in_its_table(evidence: Mapping[str, Json]) -> None:
    """What is written beside rows and bars is in the table word for word."""
    for one in groups(evidence["facts"]):
        for figure in one.figures:
            if figure.kind not in {"bars", "dots_over_band", "dumbbell"} or not figure.drawing:
                continue
            cells = {cell for row in figure.drawing.rows for cell in row}
            plain = (
                r'<text x="3\d\d[.\d]*" y="[\d.]+" fill="currentColor" stroke="none">([^<]+)</text>'
            )
            places = re.findall(plain, figure.drawing.named("figure"))
            assert places
            assert set(places) <= cells


def test_every_measured_value_is_told(evidence: Mapping[str, Json]) -> None:
    """No measurement is lost between evidence and page: each is a reading or a cell."""
    facts = evidence["facts"]
    for one in groups(facts):
        cells = sum(
            cell.value != "–"
            for table in one.readings.tables
            for row in table.cells
            for cell in row
        )
        rest = sum(table.rest for table in one.readings.tables)
        assert not rest
        measured = [
            found
            for found in facts["measurements"]
            if found["outcome"] == "measured" and _title_of(facts, found) == one.title
        ]
        assert len(one.readings.first) + len(one.readings.more) + cells == len(measured)


def _title_of(facts: Mapping[str, Json], found: Mapping[str, Json]) -> str:
    return next(
        one["title"] for one in facts["plan"]["analyzers"] if one["key"] == found["analyzer"]
    )


def test_no_machine_words_reach_the_reader(page: str) -> None:
    """Nothing reads nan, None or inf; no threat or metric is spelled as the code does."""
    words = " ".join(Words(page.encode()).told)
    seen = words.partition("What a model that breaks")[2].partition("Reproduction")[0]
    assert seen
    for bad in (r"\bnan\b", r"\bNone\b", r"\binf\b", r"\bnull\b", r"\{", r"Linf:", r"\d %"):
        assert not re.search(bad, seen), re.findall(f".{{30}}{bad}.{{30}}", seen)
    names = {
        one.name for analyzer in ALL for one in analyzer.description.metrics if "." in one.name
    }
    assert not {name for name in names if name in seen}


def test_every_finding_has_its_page(evidence: Mapping[str, Json], page: str) -> None:
    """What a lens raises is named at the lens and explained by ``assay explain``."""
    facts = evidence["facts"]
    raised = {one.id for lens in groups(facts) for one in lens.findings}
    assert raised <= {one["id"] for one in facts["findings"]}
    for name in raised:
        assert (HELP / f"{name}.md").is_file()
        assert f'finding <a href="#finding-{name}">{name}</a>' in page


EXACT = {
    "Positions before the pool",
    "Positions in an average",
    "Image side over map side",
    "Strides that blur first",
}
"""Read off the graph: there is nothing of which they would be an estimate."""


def test_every_reading_says_of_how_many(evidence: Mapping[str, Json]) -> None:
    """Beside each number of each lens stands its interval, its counts or its n."""
    for one in groups(evidence["facts"]):
        for reading in [*one.readings.first, *one.readings.more]:
            told = f"{reading.value} {reading.interval} {reading.note}"
            counted = re.search(r"n = [\d,]+|\([\d,]+ of [\d,]+\)|\d images", told)
            assert counted or reading.name in EXACT, (one.title, reading.name)


def test_long_captions_are_said_once(evidence: Mapping[str, Json]) -> None:
    """Two figures of a kind refer to each other."""
    for one in groups(evidence["facts"]):
        long = [figure.caption for figure in one.figures if len(figure.caption) >= 60]
        assert len(set(long)) == len(long)


def test_every_lens_says_that_it_is_an_association(evidence: Mapping[str, Json], page: str) -> None:
    """The grade stands at each."""
    assert page.count("· association, grade C") == len(groups(evidence["facts"]))


def test_the_same_evidence_gives_the_same_page(evidence: Mapping[str, Json], page: str) -> None:
    """Rendered again, it is the same to the byte, and stays small."""
    assert render_html(evidence, None).decode() == page
    assert len(page) < 400_000


def test_a_lens_that_measured_nothing_says_why() -> None:
    """It keeps its place, with the reason in one sentence."""
    facts = sample.facts()
    facts["measurements"] = [
        sample.measurement(sample.FILTERS, name, None, note="It has no convolution.")
        for name in ("filters.entropy", "filters.sparsity")
    ]
    (found,) = lenses(facts, {})
    assert found.empty
    assert found.contents == "nothing measured"
    page = render_html({"facts": facts, "run": {}}, None).decode()
    assert "Nothing was measured. It has no convolution." in page


def test_titles_of_metrics_are_words() -> None:
    """A title begins with a capital, is short, and repeats no code."""
    titles = [one.title for analyzer in ALL for one in analyzer.description.metrics if one.title]
    assert len(titles) >= 50
    for title in titles:
        assert title == capital(title)
        assert len(title) <= 60
        assert not re.search(r"[._]", title)


def test_every_explanation_has_a_name(evidence: Mapping[str, Json]) -> None:
    """Every metric that explains is called by a title, or by the view that shows it alone."""
    facts = evidence["facts"]
    explains = {one["key"] for one in facts["plan"]["analyzers"] if one["title"] in TITLES}
    metrics = {key: one for a in facts["plan"]["analyzers"] for key, one in a["metrics"].items()}
    for one in facts["measurements"]:
        if one["analyzer"] in explains and one["outcome"] == "measured":
            alone = bool(one["view"]) and not is_drawn(one)
            assert alone or metrics[one["metric"]]["title"], one["metric"]
