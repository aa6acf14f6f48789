"""A walk over one page that holds everything: what each part of it must bring along."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import cast

import pytest

import service
from analyzers.catalog import ALL
from analyzers.contract import Json
from service.report.folder import INDEX, STYLE, render_folder
from service.report.html import render_html
from support import evidence as sample

HELP = Path(service.__file__ or "").parent / "help" / "findings"
RULES = {rule.id for one in ALL for rule in one.description.findings}
VOID = {"meta", "img", "link", "br"}
SECTIONS = [
    *("limits", "requirements", "change", "holds", "measured", "trust", "average"),
    *("explanations", "counterexamples", "findings", "remedies", "waivers", "method"),
    *("standards", "reproduction", "appendix"),
]
"""In the order in which a reader needs them."""


class Node:
    """An element with what stands inside it."""

    def __init__(self, tag: str, attributes: dict[str, str], above: Node | None) -> None:
        """Hang it under its parent."""
        self.tag, self.attributes, self.inside = tag, attributes, list[Node | str]()
        if above is not None:
            above.inside.append(self)

    def every(self, *tags: str) -> list[Node]:
        """All elements of some tags below, in order."""
        found: list[Node] = []
        for one in self.inside:
            if isinstance(one, Node):
                found += [one] if one.tag in tags else []
                found += one.every(*tags)
        return found

    def with_id(self, name: str) -> Node:
        """The one element of an id."""
        found = [one for one in self.all() if one.attributes.get("id") == name]
        assert len(found) == 1, (name, len(found))
        return found[0]

    def all(self) -> list[Node]:
        """Every element below."""
        direct = [one for one in self.inside if isinstance(one, Node)]
        return [node for one in direct for node in (one, *one.all())]

    @property
    def classes(self) -> set[str]:
        """Its style classes."""
        return set(self.attributes.get("class", "").split())

    @property
    def text(self) -> str:
        """All words below, with single spaces."""
        parts = [one if isinstance(one, str) else one.text for one in self.inside]
        return " ".join(" ".join(parts).split())


class Tree(HTMLParser):
    """A page as a tree."""

    def __init__(self, body: bytes) -> None:
        """Read it; every element is closed where it belongs."""
        super().__init__(convert_charrefs=True)
        self.root = Node("", {}, None)
        self._path = [self.root]
        self.feed(body.decode())
        self.close()
        assert self._path == [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Step into an element."""
        node = Node(tag, {name: value or "" for name, value in attrs}, self._path[-1])
        if tag not in VOID:
            self._path.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that closes itself holds nothing."""
        Node(tag, {name: value or "" for name, value in attrs}, self._path[-1])

    def handle_endtag(self, tag: str) -> None:
        """Step out of it."""
        assert self._path.pop().tag == tag

    def handle_data(self, data: str) -> None:
        """Words."""
        self._path[-1].inside.append(data)


def measured() -> list[dict[str, Json]]:
    """One measurement of every view that the sample lacks, and some with counts alone."""
    labels = ["one", "two", "three"]
    views = [
        sample.view("band", "A value", "", value=0.5, low=0.2, high=0.7),
        sample.view("dumbbell", "Changes", "", labels=labels, before=[1, 2, 3], after=[2, 2, 1]),
        sample.view("heat_map", "A map", "", values=[[0, 1], [2, 3]], label="error rate"),
        sample.view("matrix", "Pairs", "", labels=labels, values=[[1, 2, 0], [0, 1, 0], [0, 0, 1]]),
    ]
    found = [sample.measurement(sample.FILTERS, "drawn", 1.0, view=one) for one in views]
    images = {"counts": {"images": 60}}
    found.append(sample.measurement(sample.FILTERS, "plain", 0.5, **images))
    scopes = [{"layer": f"layer{place}"} for place in range(5)]
    found += [sample.measurement(sample.FILTERS, "l", 0.5, scope=one, **images) for one in scopes]
    return found


def changed(verdict: dict[str, Json]) -> None:
    """A requirement held against a baseline, and a waiver."""
    paired = {"n10": 3, "n01": 40, "n": 900, "label": "worse"}
    verdict["requirements"].append(
        sample.requirement(
            "worst-case:regress",
            observed=-0.041,
            threshold=-0.01,
            interval=[-0.055, -0.028],
            comparison="change_gte",
            counts=None,
            paired=paired,
            state="FAIL",
        )
    )
    verdict["baseline"] = {
        "name": "release 2.3.0",
        "comparable": True,
        "differences": [{"what": "model", "old": "a" * 64, "new": "b" * 64, "state": "changed"}],
        "notes": [],
    }
    verdict["waivers"] = [
        {
            "id": "W-1",
            "state": "applied",
            "note": "'worst-case' fails and is waived.",
            "owner": "ann",
            "approved_by": "bob",
            "reason": "A fix is on its way.",
            "expires": "2027-01-31",
            "days_left": 62,
            "expiring": False,
        }
    ]


def everything() -> tuple[dict[str, Json], dict[str, Json]]:
    """Evidence and verdict that fill every section."""
    evidence, verdict = sample.evidence(), sample.verdict()
    facts = evidence["facts"]
    facts["measurements"] += measured()
    for one in facts["measurements"]:
        if one["analyzer"] == sample.FILTERS and not one["counts"]:
            one["counts"] = {"kernels": 4224, "layers": 16}
    facts["measurements"].append(
        sample.measurement(sample.PREFLIGHT, "time", 0.5, grade="B", counts={"images": 60})
    )
    average = {**facts["plan"]["analyzers"][2], "key": "average", "average_case": True}
    facts["plan"]["analyzers"].append({**average, "title": "Common corruptions"})
    mean = {"numerator": 300, "denominator": 400}
    facts["measurements"].append(sample.measurement("average", "mean", 0.75, counts=mean))
    facts["findings"] = [
        {**facts["findings"][0], "id": name, "statement": f"{name} is so."}
        for name in sorted(RULES)
    ] + facts["findings"][:1] * 2
    states = {"standing": 3, "broken": 9}
    facts["samples"] = {
        sample.ATTACK: {
            "rows": 36,
            "digest": "f" * 64,
            "states": {"standing": 9, "broken": 27},
            "by_class": {str(label): states for label in range(3)},
            "flips": {str(label): {str(label + 3): 9} for label in range(3)},
        }
    }
    facts["data"]["eight_bit"] = False
    changed(verdict)
    verdict["evidence_digest"] = ""
    return evidence, verdict


@pytest.fixture(scope="module")
def body() -> bytes:
    """The page."""
    evidence, verdict = everything()
    return render_html(evidence, verdict, {sample.ATTACK: sample.counterexamples()})


@pytest.fixture(scope="module")
def page(body: bytes) -> Node:
    """The page as a tree."""
    return Tree(body).root


def test_sections_come_in_the_readers_order(page: Node) -> None:
    """All sixteen are there, each under a heading, and the contents lead to each."""
    sections = [one for one in page.every("section") if "id" in one.attributes]
    assert [one.attributes["id"] for one in sections] == SECTIONS
    assert all(one.every("h2") for one in sections)
    links = [one.attributes["href"] for one in page.every("nav")[0].every("a")]
    assert links == [f"#{name}" for name in SECTIONS]


def test_every_finding_can_be_reached_and_read_about(page: Node) -> None:
    """Each has an anchor of its own, its id, and a help page that the command prints."""
    articles = [one for one in page.every("article") if "finding" in one.classes]
    ids = [one.every("h3")[0].text for one in articles]
    assert len(ids) == len(RULES) + 2
    anchors = [one.attributes["id"] for one in articles]
    assert len(set(anchors)) == len(anchors)
    for name, article in zip(ids, articles, strict=True):
        assert f"assay explain {name}" in article.text
        assert (HELP / f"{name}.md").is_file() or name == "FIL-DEAD", name  # the sample invents one
    twice = [anchor for anchor in anchors if anchor.startswith("finding-FIL-DEAD")]
    assert twice == ["finding-FIL-DEAD", "finding-FIL-DEAD~2"]


def test_every_rule_of_the_catalogue_has_its_help_page() -> None:
    """What any analyzer may raise is explained."""
    assert RULES
    assert all((HELP / f"{name}.md").is_file() for name in RULES)


def test_every_chart_has_title_description_and_table(page: Node) -> None:
    """A drawing names itself by both, claims something, and its numbers stand below it."""
    drawings = [one for one in page.every("svg") if "aria-hidden" not in one.attributes]
    assert len(drawings) >= 11
    for one in drawings:
        title, told = one.inside[0], one.inside[1]
        assert isinstance(title, Node)
        assert isinstance(told, Node)
        assert (one.attributes["role"], title.tag, told.tag) == ("img", "title", "desc")
        names = [title.attributes["id"], told.attributes["id"]]
        assert one.attributes["aria-labelledby"].split() == names
        assert re.search(r"\d|nothing|none", title.text), title.text
        assert told.text
    for figure in page.every("figure"):
        if figure.every("svg") and "view" in figure.classes:
            tables = [one for one in figure.every("details") if "numbers" in one.classes]
            assert len(tables) == 1, figure.text
            assert len(tables[0].every("tr")) >= 2


def test_the_gallery_has_its_table(page: Node) -> None:
    """Every example stands in it with distance and classes, those that are folded as well."""
    gallery = page.with_id("counterexamples")
    examples = [one for one in gallery.every("li") if len(one.every("img")) == 4]
    rows = gallery.every("table")[0].every("tbody")[0].every("tr")
    assert len(examples) == len(rows) == 14
    assert all("8/255" in row.text for row in rows)


def test_every_estimate_has_its_n(page: Node) -> None:
    """Beside each reading, each requirement and each bracket stands of how many it speaks."""
    counted = r"n = [\d,]+|[\d,]+ of [\d,]+|\d[\d,]* (images|pairs)"
    readings = [one for one in page.every("table") if "readings" in one.classes]
    rows = [row for table in readings for row in table.every("tbody")[0].every("tr")]
    assert len(rows) >= 5
    told = [row.text for row in rows if "Drawn" not in row.text]
    assert all(re.search(counted, one) for one in told), told
    lines = page.with_id("requirements").every("tbody")[0].every("tr")
    cells = [one for row in lines for one in row.every("td")]
    images = [one.text for one in cells if one.attributes["data-label"] == "Images"]
    assert len(images) == 3
    assert all(re.search(r"\d", one) for one in images)
    strips = [one for one in page.every("ul") if "strips" in one.classes]
    assert all("n = 1,000" in one.text for one in strips[0].every("li"))


def test_numbers_by_layer_say_of_how_many(page: Node) -> None:
    """A table by layer has the size of each number's base."""
    tables = [
        one for one in page.every("details") if one.every("summary")[0].text.endswith("layer")
    ]
    assert any("60 images" in one.text for one in tables)


def test_change_since_the_baseline(page: Node) -> None:
    """The difference with interval and pairs, what newly fell and stands, what else differs."""
    told = page.with_id("change").text
    for words in ("release 2.3.0", "worse", "−4.1 pt", "−5.5 pt to −2.8 pt", "900", "40", "3"):
        assert words in told
    assert "model aaaaaaaaaa… bbbbbbbbbb… changed" in told


def test_classes_and_pairs_are_shown(page: Node) -> None:
    """The share of each class and for what broken images are taken."""
    told = page.with_id("holds").text
    assert "class 0 3/12" in told
    assert "class 0 → class 3" in told
    assert "n = 27 broken images" in told


def test_waivers_and_remedies(page: Node) -> None:
    """Who waived what until when; each remedy once, with all that it is for."""
    told = page.with_id("waivers").text
    assert "W-1 in force 2027-01-31 (62 days left) owner ann, approved by bob" in told
    remedies = page.with_id("remedies").every("tbody")[0].every("tr")
    assert len(remedies) == 1
    assert len(remedies[0].every("a")) == len(RULES) + 2


def test_standards_are_relevant_and_nothing_more(page: Node) -> None:
    """The map says what is relevant to what; no word of the page claims conformity."""
    section = page.with_id("standards")
    assert "relevant to" in section.text
    assert "EU AI Act, Art. 15(4)" in section.text
    anchors = {one.attributes["href"].removeprefix("#") for one in section.every("a")}
    assert anchors <= set(SECTIONS)
    assert not re.search(r"complian|conform|certified to|fulfil", section.text, re.IGNORECASE)


def test_the_threat_model_is_told(page: Node) -> None:
    """Goal, stage, knowledge, capability and budget of every threat."""
    told = page.with_id("method").text
    for words in ("untargeted evasion", "white box", "at most 8/255", "deployment"):
        assert words in told


def test_every_link_leads_somewhere(page: Node) -> None:
    """No anchor is missing and none is there twice."""
    for one in page.every("a"):
        page.with_id(one.attributes["href"].removeprefix("#"))


# ----------------------------------------------------------------------------------- as a folder


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """The same report as a folder."""
    evidence, verdict = everything()
    return render_folder(evidence, verdict, {sample.ATTACK: sample.counterexamples()})


def test_a_folder_holds_the_same_words(page: Node, files: dict[str, bytes]) -> None:
    """The body of both packings reads the same."""
    other = Tree(files[INDEX]).root
    assert other.every("body")[0].text == page.every("body")[0].text


def test_a_folder_has_nothing_inside_its_page(files: dict[str, bytes]) -> None:
    """No style, no script, no data address; the strictest policy; all pictures are there."""
    root = Tree(files[INDEX]).root
    assert not root.every("script", "style")
    assert b"data:" not in files[INDEX].partition(b"<body")[2]
    policy = next(
        one.attributes["content"] for one in root.every("meta") if "http-equiv" in one.attributes
    )
    assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self'")
    assert [one.attributes["href"] for one in root.every("link")] == [STYLE]
    shown = {one.attributes["src"] for one in root.every("img")}
    shown |= {one.attributes["href"] for one in root.every("image")}
    assert shown == {name for name in files if name.endswith(".png")}
    assert all(files[name].startswith(b"\x89PNG") for name in shown)


def test_a_folder_is_the_same_twice(files: dict[str, bytes]) -> None:
    """Names and bytes do not change."""
    evidence, verdict = everything()
    again = render_folder(evidence, verdict, {sample.ATTACK: sample.counterexamples()})
    assert list(again.items()) == list(files.items())


def test_hostile_words_are_no_pictures() -> None:
    """A name that spells a data address stays a name, and makes no file."""
    evidence, verdict = sample.evidence(), sample.verdict()
    name = 'x" src="data:image/png;base64,AAAA" y="'
    evidence["facts"]["subject"]["name"] = name
    files = render_folder(evidence, verdict)
    assert not [one for one in files if one.endswith(".png")]
    assert name in Tree(files[INDEX]).root.text


def test_the_order_of_keys_changes_nothing(body: bytes) -> None:
    """A file whose keys come in another order is the same evidence and makes the same page."""

    def turned(told: Json) -> Json:
        if isinstance(told, dict):
            keys = reversed(list(cast("dict[str, Json]", told)))
            return {key: turned(told[key]) for key in keys}
        if isinstance(told, list):
            return [turned(one) for one in cast("list[Json]", told)]
        return told

    evidence, verdict = everything()
    gallery = {sample.ATTACK: sample.counterexamples()}
    assert render_html(turned(evidence), turned(verdict), gallery) == body
