"""What a child claims and what becomes of it: over a real child, and piece by piece."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzers.contract import Array
from analyzers.pictures import seen
from service.errors import Code
from service.sandbox.children import Nursery
from service.sandbox.claims import Claim, Settled, Stored, claims_of, judged, settled
from service.sandbox.frames import Overflow
from service.sandbox.messages import PartialAnswer
from service.sandbox.sessions import Job
from service.sandbox.witness import Opinion
from support.claiming import TRICKS
from support.jobs import TEST_CODE
from support.nurseries import ROWS, Watched, job

EVERY = list(range(ROWS))


# -------------------------------------------------------------------------------- a real child


@pytest.fixture(scope="module")
def nursery() -> Generator[Nursery]:
    """One zygote for these tests."""
    one = Nursery(libraries=TEST_CODE)
    yield one
    one.end()


@pytest.fixture
def watched(nursery: Nursery, tmp_path: Path) -> Generator[Watched]:
    """A session of its own for each test."""
    (tmp_path / "spool").mkdir()
    one = Watched(nursery, tmp_path, tmp_path / "spool")
    yield one
    one.end()


def claiming(trick: str, *, eight_bit: bool = True, **params: Sequence[int]) -> Job:
    """A job that claims every picture, in one way or another."""
    told: dict[str, Any] = {"eight_bit": eight_bit, **params}
    asked = job(trick, trick, **told)
    return replace(asked, body={**asked.body, "measure": "tests.support.claiming:measure"})


def code(event: Mapping[str, Any]) -> str:
    """The code of a failed job; empty for one that is done."""
    return "" if event["event"] == "done" else str(event["error"]["code"])


def said(event: Mapping[str, Any]) -> Mapping[str, list[Any]]:
    """The columns of a job that ended well."""
    return event["facts"]["samples"]


def test_control_honest_claims_are_settled_at_both_depths(watched: Watched) -> None:
    """Broken where the second child is fooled, with the class that it names; else pending."""
    (event,) = watched.run(claiming("honest"))
    assert code(event) == ""
    columns = said(event)
    assert columns["row"] == EVERY
    assert columns["state"] == columns["state8"]
    assert set(columns["state"]) <= {"broken", "pending"}
    assert columns["state"].count("broken") > 1, "this needs pictures that are not of class 0"
    for state, became in zip(columns["state8"], columns["became8"], strict=True):
        assert (became not in {None, 0}) == (state == "broken")
    assert set(event["blobs"]) == {"w", "w8"}


REFUSED = (
    "settle",
    "settle8",
    "open8",
    "certify8",
    "leave_out",
    "name_twice",
    "turn_round",
    "elsewhere",
    "no_rows",
    "no_states",
    "no_states8",
    "no_witness",
    "no_witness8",
    "fewer_witnesses8",
    "floats_for_codes",
    "codes_for_floats",
    "flat_codes",
)
PENDING = {"beyond8": "state8", "beyond": "state", "holes": "state", "swap8": "state8"}


@pytest.mark.parametrize("trick", REFUSED)
def test_a_child_that_claims_otherwise_than_agreed_is_ended(
    watched: Watched, tmp_path: Path, trick: str
) -> None:
    """Nothing of what it said is kept; the next job has a fresh child."""
    tricked, after = watched.run(claiming(trick), claiming("honest"))
    assert code(tricked) == Code.CHILD_OVERFLOW
    assert code(after) == ""
    kept = {Path(one["path"]) for one in after["blobs"].values()}
    assert set((tmp_path / "spool").iterdir()) == kept


@pytest.mark.parametrize(("trick", "column"), PENDING.items())
def test_a_picture_that_is_no_witness_leaves_its_claim_open(
    watched: Watched, trick: str, column: str
) -> None:
    """Pending at its depth alone, where an honest one was broken; the others are settled."""
    (control,) = watched.run(claiming("honest"))
    (event,) = watched.run(claiming(trick))
    fine, bad = said(control), said(event)
    other = {"state": "state8", "state8": "state"}[column]
    assert bad[other] == fine[other]
    touched = 2 if trick in {"holes", "swap8"} else 1
    assert bad[column] == ["pending"] * touched + fine[column][touched:]
    assert "broken" in fine[column][:touched], "this needs pictures that are not of class 0"


def test_a_depth_that_nobody_asked_for_is_refused(watched: Watched) -> None:
    """States of 8 bits belong to pictures of 8 bits; without them the same child is fine."""
    more, fine = watched.run(
        claiming("more_states8", eight_bit=False), claiming("honest", eight_bit=False)
    )
    assert code(more) == Code.CHILD_OVERFLOW
    assert code(fine) == ""
    assert "state8" not in said(fine)


def test_a_unit_over_some_pictures_speaks_of_these_alone(watched: Watched) -> None:
    """Their witnesses are held against their own stored pictures, not against their neighbours."""
    (whole,) = watched.run(claiming("honest"))
    (some,) = watched.run(claiming("honest", of=[1, 3]))
    assert said(some)["row"] == [1, 3]
    for column in ("state", "state8", "became", "became8"):
        assert said(some)[column] == [said(whole)[column][at] for at in (1, 3)]
    for trick in ("leave_out", "name_twice", "turn_round", "elsewhere"):
        (event,) = watched.run(claiming(trick, of=[1, 3]))
        assert code(event) == Code.CHILD_OVERFLOW


def test_every_trick_is_tried() -> None:
    """None of them is forgotten here."""
    assert {*REFUSED, *PENDING, "honest", "more_states8"} == set(TRICKS)


# ------------------------------------------------------------------------------ piece by piece


def shard(rows: tuple[int, int] = (0, 3), **params: object) -> dict[str, Any]:
    """What is asked of a child."""
    config = {"norm": "Linf", "eps": "8/255", "knowledge": "white"}
    return {"rows": list(rows), "params": params, "config": config}


def answer(**columns: Sequence[object]) -> PartialAnswer:
    """What it says."""
    told: dict[str, Any] = {name: list(values) for name, values in columns.items()}
    head: Any = {"name": "w", "dtype": "float32", "shape": [1]}
    return PartialAnswer.model_validate(
        {
            "type": "partial",
            "outcome": "measured",
            "numbers": {},
            "samples": told,
            "passes": {},
            "claims": "w",
            "blobs": [head],
        }
    )


CLAIMED = ["standing", "claimed", "claimed"]


def test_claims_are_collected_by_depth() -> None:
    """With the names of their pictures, their places in the table, and their rows."""
    said = answer(row=[20, 21, 22], state=CLAIMED, state8=["standing", "standing", "claimed"])
    found = claims_of(said, shard((20, 23), eight_bit=True))
    assert found == [
        Claim("", "w", "float32", [1, 2], [21, 22]),
        Claim("8", "w8", "uint8", [2], [22]),
    ]


def test_rows_are_those_of_a_unit_that_names_its_own() -> None:
    """Not places in its range."""
    said = answer(row=[21, 27, 40], state=CLAIMED)
    (found,) = claims_of(said, shard((21, 41), of=[21, 27, 40]))
    assert (found.places, found.rows) == ([1, 2], [27, 40])
    with pytest.raises(Overflow):
        claims_of(said, shard((20, 23)))


def test_a_measurement_without_states_claims_nothing() -> None:
    """Whatever other columns it has."""
    assert claims_of(answer(score=[1.0, 2.0]), shard()) == []
    assert claims_of(answer(row=[0, 1, 2], state=["standing"] * 3), shard()) == []


@pytest.mark.parametrize("word", ["broken", "pending", "certified"])
@pytest.mark.parametrize("column", ["state", "state8"])
def test_settling_is_not_for_children(word: str, column: str) -> None:
    """At either depth, in any row."""
    columns = {"state": ["standing"] * 3, "state8": ["standing"] * 3}
    columns[column] = ["standing", "standing", word]
    with pytest.raises(Overflow, match="never settle"):
        claims_of(answer(row=[0, 1, 2], **columns), shard(eight_bit=True))


CODES = np.full((2, 1, 2, 2), 90, np.uint8)
KNOWN = Stored(CODES, np.zeros(2, np.int64))
FOOLED = {"logits": np.array([[0, 1], [0, 1]], np.float32)}
FLOATS = Claim("", "w", "float32", [0, 2], [0, 2])
EIGHT = Claim("8", "w8", "uint8", [0, 2], [0, 2])


def moved(codes: int) -> Array:
    """The first picture by so many codes, the second not at all."""
    found = CODES.copy()
    found[0] += np.uint8(codes)
    return found


@pytest.mark.parametrize(("by", "held"), [(8, 1), (9, None)])
def test_pictures_of_codes_are_held_against_stored_codes(by: int, held: int | None) -> None:
    """In whole steps; one more is outside."""
    found = judged(EIGHT, shard(), moved(by), FOOLED, KNOWN)
    assert found == Opinion([held, 1], 0, 0)


@pytest.mark.parametrize(("by", "held"), [(7, 1), (9, None)])
def test_float_pictures_are_held_against_what_the_model_sees(by: int, held: int | None) -> None:
    """In the exact ball around the stored picture, whatever it is stored as."""
    found = judged(FLOATS, shard(), seen(moved(by)), FOOLED, KNOWN)
    assert found == Opinion([held, 1], 0, 0)
    floats = replace_images(KNOWN, seen(CODES))
    assert judged(FLOATS, shard(), seen(moved(by)), FOOLED, floats) == found


def replace_images(known: Stored, images: Array) -> Stored:
    """The same labels on other pictures."""
    return known._replace(images=images)


def test_codes_of_pictures_that_are_not_stored_so_are_never_confirmed() -> None:
    """A set of floats has no grid."""
    known = replace_images(KNOWN, seen(CODES))
    assert judged(EIGHT, shard(), CODES, FOOLED, known) == Opinion([None, None], 0, 0)


def test_claims_become_what_was_found_of_them() -> None:
    """At their places and depth; what was not claimed stays as it was, with no class."""
    said = answer(
        row=[0, 1, 2],
        state=["claimed", "wrong", "claimed"],
        state8=["claimed", "standing", "standing"],
    )
    deep = Claim("8", "w8", "uint8", [0], [0])
    found = settled(said, [(FLOATS, Opinion([3, None], 2, 1)), (deep, Opinion([4], 1, 0))])
    assert found.columns == {
        "state": ["broken", "wrong", "pending"],
        "became": [3, None, None],
        "state8": ["broken", "standing", "standing"],
        "became8": [4, None, None],
    }
    assert (found.replayed, found.differing) == (3, 1)


def test_replays_of_claims_are_added_to_those_of_the_child() -> None:
    """Where there were any; without an upload nothing is counted."""
    numbers = {"replayed": 10, "replay_differs": 2, "forward:clean": 5}
    assert Settled({}, 3, 1).counted(numbers) == {"replayed": 13, "replay_differs": 3}
    assert Settled().counted(numbers) == {}


def test_pixels_are_what_a_model_sees_of_a_picture() -> None:
    """Codes over 255 in float32, as files are read; floats as they are."""
    codes = np.arange(256, dtype=np.uint8)
    found = seen(codes)
    assert found.dtype == np.float32
    assert np.array_equal(found, codes.astype(np.float32) / np.float32(255))
    floats = np.array([0.1, 0.9], np.float32)
    assert np.array_equal(seen(floats), floats)
