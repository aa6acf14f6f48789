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
from analyzers.contract import Array, Case, DataFacts, Done, InputSpec, SubjectFacts, Unit
from analyzers.pictures import sample_id
from service.audit_case import AuditCase
from service.audit_run import Material
from service.store.records import AuditRow, EvalSetRow, ModelRow
from service.witnesses.bundles import Bundle, Bundles
from service.witnesses.index import INDEX, read_index
from support.in_process import Shelf
from support.witnesses import ended

N, SHAPE = 4, (3, 4, 4)
NOW = datetime(2026, 1, 2, tzinfo=UTC)
SHA = "a" * 64
CLEAN = np.full((N, *SHAPE), 100, np.uint8)
CLEAN[:, 0, 0, 0] += np.arange(N, dtype=np.uint8)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """A folder for pictures."""
    return Shelf(tmp_path)


def put(shelf: Shelf, values: Array) -> str:
    """The digest of an array that lies there now."""
    return shelf.put(np.ascontiguousarray(values).tobytes())


def audit(shelf: Shelf, *, brighter: int = 1, state: str = "broken", label: int = 0) -> AuditCase:
    """An audit that broke its first row with a picture that is brighter by so much."""
    held = DataFacts("d" * 64, N, 10, eight_bit=True)
    blob = put(shelf, np.full((1, *SHAPE), 100 + brighter, np.uint8))
    samples = {"row": [0], "state8": [state], "became8": [3], "stage": ["margin"]}
    done = Done(Unit((0, N), {}), "measured", {}, samples, {"witness8": blob}, {})
    course = ended(Case(SubjectFacts(SHA, 10, SHAPE), held), done)
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
    images, labels = (
        str(shelf.local_path(put(shelf, one))) for one in (CLEAN, np.full(N, label, "<i8"))
    )
    ids = [sample_id(one, 0) for one in CLEAN]
    material = Material("", images, labels, ids, "|u1", (N, *SHAPE), spec)
    return AuditCase(row, model, data, None, course, material, {})


def picture(bundle: Bundle) -> bytes:
    """The witness in an archive, as its file holds it."""
    with zipfile.ZipFile(io.BytesIO(bundle.archive)) as opened:
        index = read_index(opened.read(INDEX))
        return opened.read(index.witnesses[0].files["8-bit"].name)


def test_a_repeated_audit_packs_nothing(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another audit with the same breaks gets the same bundle, and nothing is read for it."""
    bundles = Bundles()
    first = bundles.of(audit(shelf), shelf)
    monkeypatch.setattr(module, "archived", None)
    again = audit(shelf)
    assert bundles.of(replace(again, row=replace(again.row, id="a2")), shelf) is first
    assert [one.rows for one in first.shown.values()] == [[0]]


def test_equal_breaks_make_equal_bytes(shelf: Shelf) -> None:
    """Whoever packs anew gets what was kept, so that a store holds one archive for all of them."""
    assert Bundles().of(audit(shelf), shelf).archive == Bundles().of(audit(shelf), shelf).archive


def changed(shelf: Shelf) -> dict[str, AuditCase]:
    """Audits that differ from the usual one in a thing that a bundle tells."""
    usual = audit(shelf)
    named = {**usual.data.facts["data"], "class_names": list("abcdefghij")}
    other_names = {**usual.data.facts, "data": named}
    return {
        "picture": audit(shelf, brighter=2),
        "state": audit(shelf, state="pending"),
        "model's name": replace(usual, row=replace(usual.row, options={"subject": "other.onnx"})),
        "model's file": replace(usual, model=replace(usual.model, file_digest="b" * 64)),
        "set's name": replace(usual, data=replace(usual.data, display_name="other.npz")),
        "class names": replace(usual, data=replace(usual.data, facts=other_names)),
        "ids": replace(
            usual, material=replace(usual.material, ids=["f" * 64, *usual.material.ids[1:]])
        ),
        "labels": audit(shelf, label=7),
    }


def test_whatever_it_tells_makes_another_bundle(shelf: Shelf) -> None:
    """Nothing of one audit is handed out as another's."""
    bundles = Bundles(most=99)
    usual = bundles.of(audit(shelf), shelf)
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
    bundles, usual = Bundles(), audit(shelf)
    assert bundles.of(usual, shelf).archive
    assert bundles.of(replace(usual, data=replace(usual.data, withheld=True)), shelf) == Bundle()


def test_the_oldest_goes_first(shelf: Shelf) -> None:
    """So many are kept, and one that was asked for again is not the oldest."""
    bundles = Bundles(most=2)
    cases = [audit(shelf), *changed(shelf).values()][:4]
    first, second = (bundles.of(one, shelf) for one in cases[:2])
    assert bundles.of(cases[0], shelf) is first
    bundles.of(cases[3], shelf)
    assert bundles.of(cases[0], shelf) is first
    assert bundles.of(cases[1], shelf) is not second


def test_a_large_one_is_not_kept(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service's memory is not for pictures, of which a small archive may hold large ones."""
    bundles = Bundles()
    size = bundles.of(audit(shelf), shelf).size
    for largest, kept in ((size, True), (size - 1, False)):
        monkeypatch.setattr(module, "LARGEST", largest)
        bundles = Bundles()
        one, two = (bundles.of(audit(shelf), shelf) for _ in range(2))
        assert (one is two) is kept
    assert size > len(one.archive)
