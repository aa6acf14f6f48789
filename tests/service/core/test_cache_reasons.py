"""Why a unit was not known, in the words that a user reads."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest

from analyzers.contract import Json, Shard
from service.core.cache_reasons import (
    LEFT_OUT,
    LOST,
    NEVER,
    NOT_REACHED,
    circumstances,
    reason,
)

CONFIG = {"norm": "Linf", "eps": "2/255", "knowledge": "white"}
WANTED = Shard(
    analyzer="attacks.toy",
    version="2",
    config=CONFIG,
    subject="5" * 64,
    data="d" * 64,
    rows=(20, 40),
    params={"pass": "first"},
    inputs={"state": "a" * 64},
    seed=1,
    engine="batch=free/device=cpu/gradient=yes/onnxruntime=1.32/torch=2.13",
)
OTHER: Mapping[str, tuple[Json, str]] = {
    "subject": ("6" * 64, "the model or its preprocessing changed"),
    "data": ("e" * 64, "the images or labels changed"),
    "config": ({**CONFIG, "eps": "8/255"}, "other settings (eps 8/255 -> 2/255)"),
    "version": ("1", "another version of the analyzer (1 -> 2)"),
    "engine": (
        "batch=free/device=cpu/gradient=yes/onnxruntime=1.31/torch=2.13",
        "another engine (onnxruntime 1.31 -> 1.32)",
    ),
    "seed": (0, "another seed (0 -> 1)"),
    "rows": ((0, 20), NOT_REACHED),
    "params": ({"pass": "second"}, NOT_REACHED),
    "inputs": ({}, NOT_REACHED),
}


def but(**changed: Any) -> Shard:  # noqa: ANN401 - the fields of a shard
    """The wanted shard with something else in it."""
    return replace(WANTED, **changed)


def told(*kept: Shard, wanted: Shard = WANTED) -> str:
    """The reason beside these, the newest of which comes first."""
    return reason(circumstances(wanted), [circumstances(one) for one in kept])


@pytest.mark.parametrize("field", OTHER)
def test_each_field_has_its_words(field: str) -> None:
    """What differs alone is named, with what it was and what it is where a reader can tell."""
    value, words = OTHER[field]
    assert told(but(**{field: value})) == words


def test_no_field_is_forgotten() -> None:
    """A field that the key will have one day must have words too."""
    assert {one.name for one in fields(Shard)} == {*OTHER, "analyzer"}


def test_without_anything_kept_it_was_never_measured() -> None:
    """The first audit of a project has nothing to differ from."""
    assert told() == NEVER


def test_the_same_circumstances_mean_another_part_of_the_work() -> None:
    """However much else is kept, and however new that is."""
    assert told(but(seed=0), but(rows=(0, 20)), but(subject="6" * 64)) == NOT_REACHED


def test_several_changes_are_all_named() -> None:
    """What weighs more comes first."""
    found = told(but(seed=0, subject="6" * 64))
    assert found == "the model or its preprocessing changed and another seed (0 -> 1)"


def test_the_nearest_is_the_one_with_the_fewest_changes() -> None:
    """Not the newest: an audit of another model under another seed explains less."""
    far, near = but(seed=0, subject="6" * 64), but(version="1")
    assert told(far, near) == told(near, far) == "another version of the analyzer (1 -> 2)"


def test_each_setting_counts() -> None:
    """Of two attacks of one audit, the one of the same norm is nearer."""
    far, near = but(config={"norm": "L2", "eps": "1/2"}), but(config={**CONFIG, "eps": "8/255"})
    assert told(far, near) == "other settings (eps 8/255 -> 2/255)"


@pytest.mark.parametrize("field", [one for one in OTHER if one not in ("rows", "params", "inputs")])
def test_of_equally_near_ones_that_of_the_same_model_is_told(field: str) -> None:
    """A user who changed a setting is not told of another model."""
    value, words = OTHER[field]
    other = but(subject="6" * 64)
    assert told(other, but(**{field: value})) == words
    assert told(but(**{field: value}), other) == words


def test_of_alike_ones_the_newest_is_told() -> None:
    """Two earlier seeds are equally near; the last one run is remembered best."""
    assert told(but(seed=7), but(seed=0)) == "another seed (7 -> 1)"


def test_a_setting_that_is_new_was_unset() -> None:
    """Settings that only one side has are named as well."""
    found = told(but(config={"norm": "Linf", "eps": "2/255", "domain": "float"}))
    assert found == "other settings (domain float -> unset, knowledge unset -> white)"


def test_what_the_engine_says_of_the_model_is_no_change_beside_another_model() -> None:
    """How another model can be run differs by itself; of the same model it is told."""
    engine = WANTED.engine.replace("batch=free", "batch=one")
    assert told(but(engine=engine)) == "another engine (batch one -> free)"
    both = but(engine=engine, subject="6" * 64)
    assert told(both) == "the model or its preprocessing changed"
    torch = but(engine=engine.replace("torch=2.13", "torch=2.12"), subject="6" * 64)
    assert told(torch).endswith("changed and another engine (torch 2.12 -> 2.13)")


def test_a_reason_stays_short() -> None:
    """Settings may be many and long: a few are told, each cut, and that there are more."""
    many = {f"s{number}": "x" * 5_000 for number in range(30)}
    found = told(but(config=many), wanted=but(config={}))
    assert found.endswith(", ...)")
    assert len(found) < 300


def test_every_reason_is_another_sentence() -> None:
    """Reasons are grouped by their words."""
    fixed = [NEVER, NOT_REACHED, LOST, LEFT_OUT]
    assert len({*fixed, *(words for _, words in OTHER.values())}) == len(fixed) + 6
