"""The whole report: what it shows, what it never shows, and that it is one safe file."""

from __future__ import annotations

import base64
import copy
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment, FileSystemLoader

import service.report
from analyzers.contract import Json
from service.core.canonical import digest
from service.report.gallery import GalleryImages
from service.report.html import render_html
from support import evidence as sample

HOSTILE = "</style><script>alert(1)</script><img src=x onerror=alert(1)>{x}%d\u202e\x1b"
FOLDER = Path(service.report.__file__).parent / "templates"
VOID = {"meta", "img", "link", "br"}


class Page(HTMLParser):
    """A page taken apart: its elements with attributes, and its words."""

    def __init__(self, body: bytes) -> None:
        """Read a page and check that every element is closed where it belongs."""
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(body.decode())
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that closes itself."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        """Every end has its beginning."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note words, those of the style sheet aside."""
        if "style" not in self._open:
            self.words.append(data)

    @property
    def text(self) -> str:
        """All words with single spaces."""
        return " ".join(" ".join(self.words).split())

    def every(self, *tags: str) -> list[dict[str, str]]:
        """Attributes of all elements of these tags."""
        return [attributes for tag, attributes in self.elements if tag in tags]


def report(
    change: Callable[[dict[str, Json], dict[str, Json]], None] | None = None,
    *,
    gallery: dict[str, GalleryImages] | None = None,
) -> Page:
    """The sample report, with evidence and verdict changed in place."""
    return Page(rendered(change, gallery=gallery))


def rendered(
    change: Callable[[dict[str, Json], dict[str, Json]], None] | None = None,
    *,
    gallery: dict[str, GalleryImages] | None = None,
) -> bytes:
    """The bytes of the sample report."""
    evidence, verdict = sample.evidence(), sample.verdict()
    if change is not None:
        change(evidence, verdict)
    pictures = {sample.ATTACK: sample.counterexamples()} if gallery is None else gallery
    return render_html(evidence, verdict, pictures)


@pytest.fixture(scope="module")
def whole() -> Page:
    """The sample report as it is."""
    return report()


# ------------------------------------------------------------------------------- what it shows


def test_the_verdict_comes_first(whole: Page) -> None:
    """The first words of the main part are the verdict and its sentence."""
    main = whole.text.partition("shapes-resnet18.onnx FAIL")[2]
    assert main.startswith(" . On these 1000 images, at most 12.1% keep the correct label")
    assert len(whole.every("h1")) == 1


@pytest.mark.parametrize("word", ["PASS", "FAIL", "INCONCLUSIVE", "ERROR"])
def test_every_verdict_has_its_word_and_shape(word: str) -> None:
    """Each verdict is said in words and drawn in a shape of its own."""

    def change(_: dict[str, Json], verdict: dict[str, Json]) -> None:
        verdict.update(verdict=word, sentence=f"{word}. A sentence.")

    page = report(change)
    assert f"{word} . A sentence." in page.text
    shape = {"PASS": "good", "FAIL": "bad", "INCONCLUSIVE": "open", "ERROR": "broken"}[word]
    assert page.every("section")[0]["class"] == f"verdict {shape}"


def test_every_requirement_shows_all_its_numbers(whole: Page) -> None:
    """State, observed, headroom, needed, images and reason stand in the ledger."""
    for told in ("worst-case", "12.1%", "25.9 pt short", "≥ 38.0%", "4.6 pt to spare"):
        assert told in whole.text
    assert "879 of 1000 images fell; 380 must stand." in whole.text


def test_an_interval_is_shown_at_its_level() -> None:
    """An interval with a width is printed with its level, in percent."""

    def change(_: dict[str, Json], verdict: dict[str, Json]) -> None:
        verdict["requirements"][1].update(interval=[0.101, 0.139], level=0.99)

    assert "10.1% to 13.9% at 99%" in report(change).text


def test_what_holds_is_a_bracket_for_each_threat(whole: Page) -> None:
    """Clean accuracy, then every threat, each with a bar and the sentence that reads it."""
    holding = whole.text.partition("What holds in the worst case Attacks bound")[2]
    assert "94.6% of 1,000 images are classified correctly." in holding
    assert "At most 12.1% of 1,000 images keep the correct label under attack" in holding
    assert "Robust accuracy Linf, ε = 8/255, white box: at least 0.0% certified" in whole.text


def test_a_set_that_was_not_finished_says_so() -> None:
    """At a prefix the share is an upper end, and the limits name the coverage."""

    def change(evidence: dict[str, Json], _: dict[str, Json]) -> None:
        evidence["facts"]["measurements"][0]["counts"] = sample.tally(300, 40)

    text = report(change).text
    assert "At most 96.0% of 1,000 images are classified correctly." in text
    assert "340 of 1,000 images were looked at: the audit stopped early." in text


def test_indicators_carry_words_for_their_states(whole: Page) -> None:
    """Ok, red and missing are words beside value, limit and counts."""
    trust = whole.text.partition("Trust in this evaluation")[2]
    assert "Loss never rose Linf, ε = 8/255, white box red 3.3% ≤ 2.0% 31 of 946" in trust
    assert "missing not measured" in trust
    assert "ok 0.3% ≤ 2.0% 3 of 946" in trust


def test_findings_have_six_lines_the_worst_first(whole: Page) -> None:
    """Each finding has its six fixed lines; severity orders them."""
    lines = ["Statement", "Severity", "Evidence grade", "Evidence", "Remedy", "Reproduce"]
    found = whole.text.partition("Severity and evidence grade are separate")[2]
    first, second = found.index("ROB-WC-LINF"), found.index("FIL-DEAD")
    assert first < second
    for part in (found[first:second], found[second:]):
        places = [part.index(f" {line} ") for line in lines]
        assert places == sorted(places)


def test_explanations_are_called_associations(whole: Page) -> None:
    """Readings of grade C say so; nothing in the report's own words claims a cause."""
    told = whole.text.partition("Explanations What a model that breaks looks like inside.")[2]
    assert "structure.filters 1 · association, grade C" in told
    assert "are associations (grade C)" in whole.text
    assert "because" not in whole.text.lower()


def test_attack_indicators_are_no_explanations(whole: Page) -> None:
    """A figure of a trust indicator stands with the indicators."""
    trust = whole.text.partition("Trust in this evaluation")[2].partition("Counterexamples")[0]
    assert "Share of images standing after so many steps" in trust


def test_better_grades_are_not_listed_as_explanations() -> None:
    """A measurement of grade B that counts no images gets a place of its own."""

    def change(evidence: dict[str, Json], _: dict[str, Json]) -> None:
        evidence["facts"]["measurements"].append(
            sample.measurement("behaviour.corruptions", "corruption_error", 0.31, grade="B")
        )

    text = report(change).text
    besides = text.partition("Measured besides behaviour.corruptions")[2]
    assert "Corruption error 0.31 B" in besides.partition("Explanations")[0]


def test_what_an_attack_adds_is_no_explanation() -> None:
    """Whatever else an analyzer says that counts images stands apart from the lenses."""

    def change(evidence: dict[str, Json], _: dict[str, Json]) -> None:
        bars = sample.view("bars", "Where images fell", "", labels=["a"], values=[879])
        found = sample.measurement(sample.ATTACK, "breaks", 879.0, view=bars)
        evidence["facts"]["measurements"].append(found)

    text = report(change).text
    assert "Where images fell" in text.partition("Measured besides White-box")[2]
    assert "attacks.linf 1 · association" not in text


def test_a_single_number_stands_in_the_table() -> None:
    """A view of one number names its row and gives its unit; it is not drawn again."""

    def change(evidence: dict[str, Json], _: dict[str, Json]) -> None:
        big = sample.view("number", "Kernels in all", "", value=4224, unit="kernels")
        found = sample.measurement(sample.FILTERS, "filters.count", 4224.0, view=big)
        evidence["facts"]["measurements"].append(found)

    page = report(change)
    assert "Kernels in all 4,224 kernels" in page.text
    assert len(page.every("figure")) == len(report().every("figure"))


def test_counted_readings_show_their_counts() -> None:
    """A share that was counted is shown in percent with both counts."""

    def change(evidence: dict[str, Json], _: dict[str, Json]) -> None:
        counts = {"numerator": 12, "denominator": 272}
        found = sample.measurement(sample.FILTERS, "dead", 12 / 272, counts=counts)
        evidence["facts"]["measurements"].append(found)

    assert "Dead 4.4% (12 of 272)" in report(change).text


def test_what_could_not_be_measured_is_a_limit() -> None:
    """A measurement without a value is named with its reason."""

    def change(evidence: dict[str, Json], _: dict[str, Json]) -> None:
        lost = sample.measurement(sample.FILTERS, "filters.entropy", None, note="no convolution")
        evidence["facts"]["measurements"].append(lost)

    text = report(change).text
    told = text.partition("What this report does not say")[2]
    assert "Not measured: Filters Could not be measured here: entropy. No convolution." in told


def test_limits_always_name_what_was_not_assessed(whole: Page) -> None:
    """Poisoning, privacy, other images and the lack of certificates are said every time."""
    told = whole.text.partition("Claim and limits What the shares speak of")[2]
    for words in ("poisoned training data", "privacy", "another camera", "from above only"):
        assert words in told


def test_withheld_pictures_are_not_shown_whoever_brings_them(whole: Page) -> None:
    """Even a gallery of the right pictures is left out; the page says why, where it would be."""

    def withhold(evidence: dict[str, Json], _: dict[str, Json]) -> None:
        evidence["facts"]["data"]["withheld"] = True

    page = report(withhold)
    assert "#counterexamples" in [one.get("href") for one in page.every("a")]
    assert "The pictures of this evaluation set are withheld" in page.text
    assert [len(one.every("img", "image")) > 0 for one in (page, whole)] == [False, True]


def test_the_report_can_be_reproduced(whole: Page) -> None:
    """Digests in full, the command, the engine class and the passes are there."""
    facts = sample.facts()
    for value in (digest(facts), facts["subject"]["file_digest"], facts["data"]["digest"]):
        assert f"sha256:{value}" in whole.text
    command = "assay check shapes-resnet18.onnx --data 'shapes-test.npz[0:1000]' --policy POLICY"
    assert command in whole.text
    assert "instructions avx512" in whole.text
    assert "41,877" in whole.text


def test_a_verdict_on_other_evidence_is_denounced() -> None:
    """When the verdict names another digest than the facts have, the page says so at the top."""

    def change(evidence: dict[str, Json], _: dict[str, Json]) -> None:
        evidence["facts"]["subject"]["classes"] = 11

    warning = "This verdict was given on other evidence"
    assert warning in report(change).text
    assert warning not in report().text


# ------------------------------------------------------------------------- what may be missing


@pytest.mark.parametrize("verdict", [None, {}])
def test_evidence_without_verdict_claims_none(verdict: dict[str, Json] | None) -> None:
    """No policy, no verdict: the page says so and calls no indicator ok."""
    page = Page(render_html(sample.evidence(), verdict))
    assert "evidence without a verdict" in page.text
    assert "FAIL" not in page.text
    assert "Zero gradient Linf, ε = 8/255, white box not judged 0.3%" in page.text


def test_an_empty_file_still_makes_a_page() -> None:
    """Nothing at all renders, and claims nothing."""
    page = Page(render_html({}, {"verdict": "ERROR", "sentence": "ERROR. It broke."}))
    assert "It broke." in page.text
    assert "No trust indicator was recorded" in page.text


def inside(body: Json) -> list[tuple[str | int, Json]]:
    """The values of an object or a list, with their keys."""
    if isinstance(body, dict):
        return list(cast("dict[str | int, Json]", body).items())
    return list(enumerate(cast("list[Json]", body))) if isinstance(body, list) else []


def every_path(body: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The place of every value in a JSON body, the root left out."""
    if path:
        yield path
    for key, value in inside(body):
        yield from every_path(value, (*path, key))


PATHS = sorted(every_path({"evidence": sample.evidence(), "verdict": sample.verdict()}), key=str)


@settings(deadline=None, max_examples=60)
@given(
    path=st.sampled_from(PATHS),
    value=st.sampled_from(
        [None, [], {}, "", -1, 0.5, 1e308, float("nan"), True, "x", [[]], {"a": 1}]
    ),
)
def test_no_damage_to_a_file_stops_the_page(path: tuple[str | int, ...], value: Json) -> None:
    """Whatever stands in place of any single value, there is a well-formed page."""
    body: Json = {"evidence": sample.evidence(), "verdict": sample.verdict()}
    inner = body
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = copy.deepcopy(value)
    Page(render_html(body["evidence"], body["verdict"]))


# ----------------------------------------------------------------------------------- safe file


def hostile(body: Json) -> Json:
    """The same file with hostile text in every place that holds text, keys of objects too."""
    if isinstance(body, dict):
        return {key: hostile(value) for key, value in inside(body)} | {HOSTILE: HOSTILE}
    if isinstance(body, list):
        return [hostile(value) for _, value in inside(body)]
    return HOSTILE if isinstance(body, str) else body


def hostile_report() -> bytes:
    """A report in which every free text attacks the reader."""
    evidence, verdict = sample.evidence(), sample.verdict()
    kept = copy.deepcopy(evidence)
    facts = hostile(evidence)["facts"]
    for one, original in zip(facts["measurements"], kept["facts"]["measurements"], strict=True):
        one["outcome"], one["analyzer"] = original["outcome"], original["analyzer"]
        if one["view"]:
            one["view"]["kind"] = original["view"]["kind"]
    clean = np.zeros((1, 3, 4, 4), np.uint8)
    picture = GalleryImages(
        clean, np.ones((1, 3, 4, 4), np.float32), [0], [1], HOSTILE, [HOSTILE] * 2
    )
    return render_html(
        {"facts": facts, "run": hostile(evidence["run"])}, hostile(verdict), {HOSTILE: picture}
    )


def dangers(body: bytes) -> set[str]:
    """What in a page could run or load something, or deceive the eye."""
    found: set[str] = set(re.findall(r"[\u202e\x1b]", body.decode()))
    found |= {
        tag
        for tag, _ in Page(body).elements
        if tag in {"script", "iframe", "object", "link", "base"}
    }
    for tag, attributes in Page(body).elements:
        found |= {name for name in attributes if name.startswith("on") or name == "style"}
        for name in ("src", "href", "xlink:href"):
            if not attributes.get(name, "#").startswith(("#", "data:image/png;base64,")):
                found.add(f"{tag} {name}")
    return found


def test_hostile_names_stay_names() -> None:
    """Script tags, handlers, escapes and reversed writing in every text end as plain words."""
    body = hostile_report()
    assert not dangers(body)
    assert "<script>alert(1)</script>" in Page(body).text


def test_without_escaping_hostile_names_bite(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: the same report through the same templates, unescaped, holds live scripts."""
    bare = Environment(loader=FileSystemLoader(FOLDER), autoescape=False, trim_blocks=True)  # noqa: S701 - the control
    monkeypatch.setattr("service.report.pages._templates", lambda: bare)
    body = hostile_report().decode()
    assert "<script>alert(1)</script>" in body
    assert "\x1b" in body


def test_the_page_stands_alone(whole: Page) -> None:
    """No script, no style attribute, no address but anchors and its own pictures."""
    assert not dangers(rendered())
    assert not whole.every("script", "link", "iframe")


def test_its_content_policy_admits_its_own_style_and_nothing_else() -> None:
    """The policy in the page carries the hash of the style sheet in the page."""
    body = rendered().decode()
    style = body.partition("<style>")[2].partition("</style>")[0]
    known = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(one["content"] for one in report().every("meta") if "http-equiv" in one)
    assert policy.startswith("default-src 'none'; img-src data:; ")
    assert f"style-src 'sha256-{known}'" in policy
    assert "url(" not in style
    assert "@import" not in style


def test_same_input_same_bytes() -> None:
    """Two processes with other hash seeds write the same report."""
    script = (
        "import hashlib, support.evidence as s; from service.report.html import render_html;"
        "body = render_html(s.evidence(), s.verdict(), {s.ATTACK: s.counterexamples()});"
        "print(hashlib.sha256(body).hexdigest())"
    )
    paths = os.pathsep.join(["tests", "."])
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[3],
        ).stdout
        for seed in ("1", "2")
    }
    assert told == {hashlib.sha256(rendered()).hexdigest() + "\n"}


def test_a_report_on_a_thousand_classes_stays_small() -> None:
    """A thousand classes, 24 large pictures of pure noise and long tables stay below 3 MB."""
    classes = 1000
    rng = np.random.default_rng(0)
    clean = rng.integers(0, 256, (24, 3, 224, 224), dtype=np.uint8)
    moved = (clean / 255.0 + rng.uniform(-8 / 255, 8 / 255, clean.shape)).clip(0, 1)
    pictures = GalleryImages(clean, moved.astype(np.float32), list(range(24)), None, "8/255")
    names = [f"class number {label}" for label in range(classes)]
    wide = [
        sample.view("bars", "By class", "", labels=names, values=rng.random(classes).tolist()),
        sample.view(
            "matrix",
            "Flips",
            "",
            labels=names,
            values=rng.integers(0, 9, (classes, classes)).tolist(),
        ),
    ]

    def change(evidence: dict[str, Json], _: dict[str, Json]) -> None:
        found = evidence["facts"]["measurements"]
        found += [sample.measurement(sample.FILTERS, "m", 1.0, view=one) for one in wide]
        found += [
            sample.measurement(sample.FILTERS, "c", 1.0, scope={"class": name}) for name in names
        ]

    body = rendered(change, gallery={sample.ATTACK: pictures, "another": pictures})
    assert len(body) < 3_000_000
    assert body.count(b"<img ") == 24 * 4


# ------------------------------------------------------------------------------ for all readers


def test_everything_has_a_name(whole: Page) -> None:
    """Pictures have alternative texts, drawings labels, tables captions; anchors lead somewhere."""
    assert all(one["alt"] for one in whole.every("img"))
    drawings = [one for one in whole.every("svg") if "aria-hidden" not in one]
    assert drawings
    assert all(one["aria-labelledby"] and one["role"] == "img" for one in drawings)
    assert len(whole.every("caption")) == len(whole.every("table"))
    ids = [attributes["id"] for _, attributes in whole.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    anchors = {one["href"].removeprefix("#") for one in whole.every("a")}
    assert anchors <= set(ids)
    assert len(anchors) >= 7


def test_headings_step_down_by_one(whole: Page) -> None:
    """No level of headings is skipped."""
    levels = [int(tag[1]) for tag, _ in whole.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    full = colour if len(colour) == 7 else "#" + "".join(2 * letter for letter in colour[1:])
    parts = [int(full[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def palettes() -> list[dict[str, str]]:
    """The colours of the style sheet: light, dark, print."""
    css = (FOLDER / "style.css").read_text()
    found = [
        dict(re.findall(r"--([a-z]+):(#[0-9a-f]{3,6})", block)) for block in css.split(":root")[1:]
    ]
    return [one for one in found if "paper" in one]


def test_the_measure_of_contrast_is_right() -> None:
    """Black on white has the largest ratio there is, and equal colours the least."""
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777", "#777777") == pytest.approx(1)


@pytest.mark.parametrize("theme", [0, 1, 2])
def test_contrast(theme: int) -> None:
    """In light, dark and print every letter has AA contrast, and marks stand out by 3 to 1."""
    colours = palettes()[theme]
    for ground in ("paper", "card"):
        for letters in ("ink", "soft", "a", "good", "bad", "open", "broken"):
            assert contrast(colours[letters], colours[ground]) >= 4.5, (letters, ground)
        assert contrast(colours["b"], colours[ground]) >= 3
    for tone in ("good", "bad", "open", "broken"):
        assert contrast(colours["on"], colours[tone]) >= 4.5, tone
    assert contrast(colours["ink"], colours["stood"]) >= 4.5
    assert len(palettes()) == 3
