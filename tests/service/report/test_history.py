"""A model over its releases: bands, verdicts and numbers."""

import re

from analyzers.contract import Json
from service.report.history import history_page, releases

HOSTILE = "<script>alert(1)</script>"
THREAT = "Linf:8/255:white:gate"


def release(name: str, low: float, high: float, **more: Json) -> dict[str, Json]:
    """A finished audit with one bracket."""
    bracket = {"threat": THREAT, "low": low, "high": high, "prefix": 200, "population": 200}
    line = {"id": "wc", "threat": THREAT, "metric": "robust_accuracy", "threshold": 0.5}
    body = {
        "id": name,
        "created": "2026-11-20T09:14:03+00:00",
        "verdict": "PASS",
        "model": f"{name}.onnx",
        "model_digest": name * 64,
        "data": "d.npz",
        "data_id": "d",
        "brackets": [bracket],
        "requirements": [line],
    }
    return {**body, **more}


def shown(audits: list[dict[str, Json]], subject: str = "signs") -> str:
    """The page without its style."""
    page = history_page(subject, audits).decode()
    return re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)


def test_each_release_has_its_stroke_its_shape_and_its_row() -> None:
    """A chart with a claim and a table of its numbers; verdicts by shape there, in words here."""
    page = shown(
        [
            release("a", 0.5, 0.6),
            release("b", 0.55, 0.65, verdict="FAIL"),
            release("c", 0.7, 0.7, verdict="INCONCLUSIVE"),
            release("d", 0.4, 0.45, verdict="ERROR"),
        ]
    )
    drawing = page[page.index("<svg") : page.index("</svg>")]
    assert drawing.count('class="whisker"') == 4
    assert drawing.count('class="threshold"') == 4
    assert drawing.count('class="band"') == 1
    for shape in ("good", "bad", "open", "broken"):
        assert len(re.findall(f'class="{shape}"', drawing)) == 1
    assert "At most 45.0% of 200 images may hold in release 4; at most 70.0% in release 3." in page
    assert "<td>50.0%</td><td>60.0%</td><td>200</td><td>≥ 50.0%</td><td>PASS</td>" in page
    for word in ("PASS", "FAIL", "INCONCLUSIVE", "ERROR"):
        assert f"<span>{word}</span>" in page


def test_releases_link_to_their_report_and_to_the_one_before() -> None:
    """The newest comes first, and the first has nothing before it."""
    page = shown([release("a", 0.5, 0.6), release("b", 0.5, 0.6)])
    assert page.index('href="/audits/b"') < page.index('href="/audits/a"')
    assert page.count('href="/compare?old=a&amp;new=b"') == 1
    assert page.count("/compare?") == 1


def test_a_band_never_spans_other_images() -> None:
    """Where the data changed, neither band nor claim joins the two."""
    page = shown(
        [
            release("a", 0.5, 0.6),
            release("b", 0.5, 0.6),
            release("c", 0.6, 0.7, data_id="other"),
        ]
    )
    drawing = page[page.index("<svg") : page.index("</svg>")]
    assert drawing.count('class="band"') == 1
    (corners,) = re.findall(r'points="([^"]*)" class="band"', drawing)
    assert len(corners.split()) == 4
    assert "hold in release 3." in page


def test_an_audit_that_was_repeated_counts_once_by_its_newest() -> None:
    """A release is a model on some images; where it was first audited is its place."""
    audits = [
        release("a", 0.1, 0.2),
        release("b", 0.5, 0.6),
        release("a", 0.3, 0.4, id="again"),
        release("a", 0.3, 0.4, id="others", data_id="other"),
    ]
    found = releases(audits)
    assert [(one.place, one.id) for one in found] == [(1, "again"), (2, "b"), (3, "others")]
    told = (
        "1 repeated audit of the same model on the same images under the same policy is left out."
    )
    assert told in shown(audits)


def test_a_weaker_question_replaces_no_answer() -> None:
    """The same model under another policy, or fed in another way, is a release of its own."""
    first = release("a", 0.2, 0.3, verdict="FAIL", policy_digest="p" * 64, model_id="m")
    for changed in ({"policy_digest": "q" * 64}, {"model_id": "n"}):
        again = {**first, "id": "b", "verdict": "INCONCLUSIVE", **changed}
        assert [one.id for one in releases([first, again])] == ["a", "b"]
    assert [one.id for one in releases([first, {**first, "id": "b"}])] == ["b"]


def test_many_releases_keep_room_for_each_other() -> None:
    """Forty are drawn, and only some bear their number."""
    page = shown([release(f"r{place}", 0.5, 0.6) for place in range(40)])
    drawing = page[page.index("<svg") : page.index("</svg>")]
    assert drawing.count('class="whisker"') == 40
    assert re.findall(r">(\d+)</text>", drawing) == [
        "1",
        "5",
        "9",
        "13",
        "17",
        "21",
        "25",
        "29",
        "33",
        "37",
    ]


def test_what_left_no_bracket_is_listed_and_not_drawn() -> None:
    """An audit without attacks, or with numbers that are none, has a row and no stroke."""
    torn = [{"threat": THREAT, "low": 0.9, "high": 0.1}, {"threat": "L2:1:white", "low": "x"}]
    page = shown([release("a", 0.5, 0.6), release("b", 0, 0, brackets=torn)])
    assert page.count("<svg viewBox") - page.count('class="icon') <= 1
    assert page.count('class="whisker"') == 1
    assert "None of these audits left a bracket of it." in page


def test_a_name_that_nothing_bears_says_how_to_give_one() -> None:
    """No chart, no table, a sentence."""
    page = shown([], "nobody")
    assert "There is no finished audit of anything by this name." in page
    assert "<table" not in page


def test_names_are_escaped() -> None:
    """Subject, files, digests, data and threats are text, in links too."""
    one = release("a", 0.5, 0.6)
    one.update(id=f'"{HOSTILE}', model=HOSTILE, data=HOSTILE, model_digest=HOSTILE)
    one["brackets"][0]["threat"] = HOSTILE
    page = shown([one, release("b", 0.5, 0.6)], HOSTILE)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 4
