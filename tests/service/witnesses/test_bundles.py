"""Bundles of witnesses: packed once for audits that broke the same images in the same way."""

import io
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import service.witnesses.bundles as module
from analyzers.contract import Case, DataFacts, Done, InputSpec, SubjectFacts, Unit
from analyzers.pictures import sample_id
from service.audit_case import AuditCase
from service.audit_run import Material
from service.core.driver import Course, instances_for
from service.core.policy import parse_policy
from service.store.records import AuditRow, EvalSetRow, ModelRow
from service.witnesses.bundles import Bundle, Bundles
from service.witnesses.index import INDEX, read_index
from support.running import policy
from support.toys import ATTACK, CATALOGUE

N, SHAPE = 4, (3, 4, 4)
NOW = datetime(2026, 1, 2, tzinfo=UTC)
SHA = "a" * 64
CLEAN = np.full((N, *SHAPE), 100, np.uint8)
CLEAN[:, 0, 0, 0] += np.arange(N, dtype=np.uint8)


class Shelf:
    """Blobs as files of a folder."""

    def __init__(self, root: Path) -> None:
        """Keep them in ``root``."""
        self._root = root

    def local_path(self, digest: str) -> Path:
        """The file of a blob."""
        return self._root / digest

    def keep(self, name: str, values: Any) -> str:  # noqa: ANN401 - an array of any kind
        """Write a blob."""
        (self._root / name).write_bytes(np.ascontiguousarray(values).tobytes())
        return str(self._root / name)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """A clean set, and witnesses that are brighter by 1 and by 2."""
    kept = Shelf(tmp_path)
    kept.keep("images", CLEAN)
    kept.keep("labels", np.zeros(N, "<i8"))
    for brighter in (1, 2):
        kept.keep(f"by{brighter}", np.full((1, *SHAPE), 100 + brighter, np.uint8))
    return kept


def ended(shelf: Shelf, blob: str = "by1", *, state: str = "broken") -> AuditCase:
    """An audit that broke its first row with this picture."""
    rules = parse_policy(policy(), CATALOGUE)
    held = DataFacts("d" * 64, N, 10, eight_bit=True)
    case = Case(SubjectFacts(SHA, 10, SHAPE), held)
    course = Course(case, instances_for(CATALOGUE, rules), seed=0, engine="e", stops={})
    (attack,) = [one for one in course.instances if one.analyzer is ATTACK]
    samples = {"row": [0], "state8": [state], "became8": [3], "stage": ["margin"]}
    done = Done(Unit((0, N), {}), "measured", {}, samples, {"witness8": blob}, {})
    course._done[attack.key] = [done]  # pyright: ignore[reportPrivateUsage] - what was measured
    told: dict[str, Any] = {"subject": "m.onnx"}
    row = AuditRow(
        "local", "a1", "LEASED", "m1", "d1", "", "", told, 1, "", None, False, None, None,
        "", None, None, NOW, NOW,
    )  # fmt: skip
    spec = InputSpec()
    model = ModelRow(
        "local", "m1", SHA, input_spec=spec.as_json(), canonical_digest=SHA, format="onnx",
        create_time=NOW, update_time=NOW,
    )  # fmt: skip
    facts: dict[str, Any] = {
        "data": held.as_json(), "details": {"shape": list(SHAPE), "dtype": "|u1"},
    }  # fmt: skip
    data = EvalSetRow("local", "d1", SHA, facts=facts, create_time=NOW, update_time=NOW)
    material = Material(
        "", str(shelf.local_path("images")), str(shelf.local_path("labels")),
        [sample_id(one, 0) for one in CLEAN], "|u1", (N, *SHAPE), spec,
    )  # fmt: skip
    return AuditCase(row, model, data, rules, course, material, {})


def picture(bundle: Bundle) -> bytes:
    """The witness in an archive, as its file holds it."""
    with zipfile.ZipFile(io.BytesIO(bundle.archive)) as opened:
        index = read_index(opened.read(INDEX))
        return opened.read(index.witnesses[0].files["8-bit"].name)


def test_a_repeated_audit_packs_nothing(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another audit with the same breaks gets the same bundle, and nothing is read for it."""
    bundles = Bundles()
    first = bundles.of(ended(shelf), shelf)
    monkeypatch.setattr(module, "archived", None)
    again = ended(shelf)
    assert bundles.of(replace(again, row=replace(again.row, id="a2")), shelf) is first
    assert [one.rows for one in first.shown.values()] == [[0]]


def test_equal_breaks_make_equal_bytes(shelf: Shelf) -> None:
    """Whoever packs anew gets what was kept, so that a store holds one archive for all of them."""
    assert Bundles().of(ended(shelf), shelf).archive == Bundles().of(ended(shelf), shelf).archive


def changed(shelf: Shelf) -> dict[str, AuditCase]:
    """Audits that differ from the usual one in a thing that a bundle tells."""
    usual = ended(shelf)
    named = {**usual.data.facts["data"], "class_names": list("abcdefghij")}
    other_names = {**usual.data.facts, "data": named}
    return {
        "picture": ended(shelf, "by2"),
        "state": ended(shelf, state="pending"),
        "model's name": replace(usual, row=replace(usual.row, options={"subject": "other.onnx"})),
        "model's file": replace(usual, model=replace(usual.model, file_digest="b" * 64)),
        "set's name": replace(usual, data=replace(usual.data, display_name="other.npz")),
        "class names": replace(usual, data=replace(usual.data, facts=other_names)),
        "ids": replace(
            usual, material=replace(usual.material, ids=["f" * 64, *usual.material.ids[1:]])
        ),
        "labels": replace(
            usual,
            material=replace(usual.material, labels=shelf.keep("others", np.full(N, 7, "<i8"))),
        ),
    }


def test_whatever_it_tells_makes_another_bundle(shelf: Shelf) -> None:
    """Nothing of one audit is handed out as another's."""
    bundles = Bundles(most=99)
    usual = bundles.of(ended(shelf), shelf)
    cases = changed(shelf)
    for what, case in cases.items():
        found = bundles.of(case, shelf)
        assert found is not usual, what
        fresh = Bundles().of(case, shelf)
        assert (found.archive, found.shown.keys()) == (fresh.archive, fresh.shown.keys()), what
    assert picture(bundles.of(cases["picture"], shelf)) != picture(usual)
    assert bundles.of(cases["state"], shelf) == Bundle()


def test_of_a_withheld_set_nothing_is_packed(shelf: Shelf) -> None:
    """Even where the same breaks of the same pictures have been packed for an open one."""
    bundles, usual = Bundles(), ended(shelf)
    assert bundles.of(usual, shelf).archive
    assert bundles.of(replace(usual, data=replace(usual.data, withheld=True)), shelf) == Bundle()


def test_the_oldest_goes_first(shelf: Shelf) -> None:
    """So many are kept, and one that was asked for again is not the oldest."""
    bundles = Bundles(most=2)
    cases = [ended(shelf), *changed(shelf).values()][:4]
    first, second = (bundles.of(one, shelf) for one in cases[:2])
    assert bundles.of(cases[0], shelf) is first
    bundles.of(cases[3], shelf)
    assert bundles.of(cases[0], shelf) is first
    assert bundles.of(cases[1], shelf) is not second


def test_a_large_one_is_not_kept(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service's memory is not for pictures, of which a small archive may hold large ones."""
    bundles = Bundles()
    size = bundles.of(ended(shelf), shelf).size
    for largest, kept in ((size, True), (size - 1, False)):
        monkeypatch.setattr(module, "LARGEST", largest)
        bundles = Bundles()
        one, two = (bundles.of(ended(shelf), shelf) for _ in range(2))
        assert (one is two) is kept
    assert size > len(one.archive)
