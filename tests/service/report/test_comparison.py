"""Two audits on a page: may they be compared, what changed, which images changed it."""

import copy
import re
from dataclasses import replace

import pytest

from analyzers.contract import Json
from service.report.comparison import Audit, comparison_page
from service.report.structure import shifts
from support import evidence as written
from support.verdicts import N, evidence, policy, verdict

HOSTILE = "<script>alert(1)</script>"
RULES = policy(0.5)


def audit(broken: float, **more: Json) -> Audit:
    """A toy audit with its verdict."""
    found = evidence(broken=broken, **more)
    return Audit(found, verdict(found, RULES), "/audits/a")


def shown(old: Audit, new: Audit) -> str:
    """The page without its style."""
    page = comparison_page(old, new).decode()
    return re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)


def test_a_worse_model_is_told_in_every_form() -> None:
    """Verdicts, the paired change with its interval, the four counts, classes, images."""
    page = shown(audit(0.3), audit(0.6))
    row = page[page.index('<tr><th scope="row">wc') :]
    for words in ("PASS", "FAIL", "≥ 50.0%", "−31.0 pt", "−39.0 pt to −21.9 pt", "worse"):
        assert words in row
    assert f"(−39.0 pt to −21.9 pt at 95%, n = {N}): 93 newly fell, 0 newly stand." in page
    assert "<td>113</td><td>93</td>" in page
    assert "and 81 more" in page
    assert "<summary>By class</summary>" in page


def test_without_a_change_none_is_claimed() -> None:
    """The same audit twice says so, and names no image and no class."""
    page = shown(audit(0.3), audit(0.3))
    assert "Both audits were made alike, of the same model." in page
    assert "Newly fallen images" not in page
    assert "By class" not in page
    assert page.count("no change shown") == 4


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ([("subject", "canonical_digest")], "Most likely cause of any change: the model"),
        (
            [("subject", "canonical_digest"), ("versions", "assay")],
            "The cause of a change is not known: 2 things differ.",
        ),
    ],
)
def test_a_cause_is_named_only_where_nothing_else_differs(
    changed: list[tuple[str, str]], told: str
) -> None:
    """One difference is the likely cause, of several none is."""
    new = audit(0.6)
    for group, name in changed:
        new.evidence["facts"][group][name] = "other"
    page = shown(audit(0.3), new)
    assert told in page
    assert "Comparable" in page


def test_other_images_are_not_compared() -> None:
    """The banner says why, and no difference of anything is stated."""
    new = audit(0.6)
    new.evidence["facts"]["data"]["digest"] = "e" * 64
    page = shown(audit(0.3), new)
    assert "Not comparable" in page
    assert "The two audits ran on another data, so no change is stated." in page
    assert "It cannot be compared: another data." in page
    assert " pt" not in page.replace("script", "")
    assert "newly fell" not in page


def test_an_early_end_is_a_caution() -> None:
    """Where an audit ended early, its side of the comparison is named."""
    assert "not every attack was tried" not in shown(audit(0.3), audit(0.6))
    page = shown(audit(0.3), audit(0.6, stop_at=0.9))
    assert "In the new audit not every attack was tried on what stands" in page
    assert "These are the images that both looked at, not all of them." in page


def test_requirements_that_one_policy_alone_has_are_shown_without_a_change() -> None:
    """What was not required before has no before."""
    old, new = audit(0.3), audit(0.6)
    line = next(one for one in new.verdict["requirements"] if one["id"] == "wc")
    new.verdict["requirements"].append({**line, "id": "added"})
    page = shown(old, new)
    row = page[page.index('<tr><th scope="row">added') :]
    row = row[: row.index("</tr>")]
    assert "not required" in row
    assert " pt" not in row


def test_names_are_escaped() -> None:
    """Models, classes, versions and digests of hostile evidence arrive as text."""
    old, new = audit(0.3), audit(0.6)
    new.evidence["facts"]["subject"].update(name=HOSTILE, file_name=HOSTILE)
    new.evidence["facts"]["versions"][HOSTILE] = HOSTILE
    new.evidence["facts"]["data"]["class_names"] = [HOSTILE] * 10
    new.verdict["requirements"][0]["id"] = HOSTILE
    page = shown(old, new)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 5


def test_the_same_evidence_makes_the_same_bytes() -> None:
    """No clock and no chance; offline there is no link to anywhere."""
    old, new = Audit(audit(0.3).evidence), Audit(audit(0.6).evidence)
    page = comparison_page(old, new)
    assert page == comparison_page(copy.deepcopy(old), copy.deepcopy(new))
    assert b"href=" not in page


def test_readings_are_laid_beside_each_other_by_metric_and_layer() -> None:
    """The largest change first, layer by layer where names agree; what one lacks is counted."""
    old, new = written.facts(), copy.deepcopy(written.facts())
    measured = {(one["metric"], one["scope"].get("layer", "")): one for one in new["measurements"]}
    measured["filters.sparsity", "layer4.1.conv2"]["value"] *= 4
    measured["filters.entropy", "layer1.0.conv1"]["value"] *= 1.1
    measured["filters.entropy", ""]["value"] = 1.0
    measured["filters.sparsity", "layer2.0.conv1"]["scope"] = {"layer": "elsewhere"}
    found = shifts(old, new)
    assert [one.where for one in found.layers] == ["layer4.1.conv2", "layer1.0.conv1"]
    assert found.whole[0].about == "Entropy"
    assert (found.whole[0].old, found.whole[0].new, found.whole[0].change) == (
        "1.154",
        "1",
        "−0.154",
    )
    assert found.unmatched == 2
    page = shown(Audit({"facts": old}), Audit({"facts": new}))
    assert "Layer by layer" in page
    assert "none of them says why anything changed" in page


def test_the_change_is_the_one_at_the_depth_that_was_judged() -> None:
    """Where the other depth shows none, the row does not say so; two judged depths have none."""
    old, new = audit(0.3), audit(0.6)
    for one in (old, new):
        facts = one.evidence["facts"]
        told = next(part for part in facts["measurements"] if part["metric"] == "robust_accuracy")
        facts["measurements"].append({**told, "scope": {**told["scope"], "depth": "8-bit"}})
        facts["samples"][told["analyzer"]] |= {"each8": "s" * N, "states8": {"standing": N}}
    alike = shown(judged(old, "float32"), judged(new, "float32"))
    assert "worse" in row_of("wc", alike)
    assert " pt" not in row_of("wc", shown(judged(old, "float32"), judged(new, "8-bit")))


def judged(one: Audit, depth: str) -> Audit:
    """The same audit, judged at a depth."""
    return replace(one, verdict={**one.verdict, "depth": depth})


def row_of(name: str, page: str) -> str:
    """One row of the requirements."""
    return page[page.index(f'<tr><th scope="row">{name}') :].partition("</tr>")[0]


def test_one_name_for_two_questions_is_two_rows() -> None:
    """A figure of another threat is no figure of before."""
    old, new = audit(0.3), audit(0.6)
    line = next(one for one in old.verdict["requirements"] if one["id"] == "wc")
    line["threat"] = line["threat"].replace("8/255", "1/255")
    page = shown(old, new)
    rows = page.split('<tr><th scope="row">wc')[1:3]
    assert ["1/255" in one for one in rows] == [True, False]
    for one in rows:
        assert "not required" in one[: one.index("</tr>")]
        assert " pt" not in one[: one.index("</tr>")]
