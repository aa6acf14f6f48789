"""An unknown word is met with the one that was probably meant, or with none."""

import pytest

from analyzers.catalog import ALL
from service.core.policy import MINIMAL, Policy, parse_policy
from service.core.suggesting import did_you_mean, keys_at, nearest
from service.errors import AssayError


def test_the_nearest_come_first_whatever_their_case() -> None:
    """A known word is given back as it is spelt."""
    assert nearest("evl-mas", ["EVL-MASK", "ART-CODE"]) == ["EVL-MASK"]
    assert nearest("THREATS", ["threat", "threats"]) == ["threats", "threat"]


def test_a_far_word_suggests_nothing() -> None:
    """A wrong suggestion is worse than none."""
    assert did_you_mean("atleast", ["id", "metric", "threat", "gte"]) == ""


@pytest.mark.parametrize(
    ("place", "some"),
    [
        ((), {"apiVersion", "require", "threats"}),
        (("require", 0), {"id", "metric", "gte"}),
        (("threats", "eps"), {"norm", "eps"}),
        (("data",), {"ref", "min_n"}),
        (("regress",), {"on", "max_drop"}),
    ],
)
def test_keys_of_a_place(place: tuple[str | int, ...], some: set[str]) -> None:
    """Through lists, names, even one that reads as a key, and parts that may be left out."""
    assert some <= set(keys_at(Policy, place))
    assert "api_version" not in keys_at(Policy, place)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            ("gte: 0.90", "gt: 0.90"),
            "The policy has an unknown key: require.0.gt. Did you mean gte?",
        ),
        (("threats:", "treats:"), "The policy has an unknown key: treats. Did you mean threats?"),
        (
            ("eps: 8/255", "epz: 8/255"),
            "The policy has an unknown key: threats.linf8.epz. Did you mean eps?",
        ),
        (
            ("seed: 0", "data: {min: 3}"),
            "The policy has an unknown key: data.min. Did you mean min_n?",
        ),
        (
            ("seed: 0", "api_version: 1"),
            "The policy has an unknown key: api_version. Did you mean apiVersion?",
        ),
    ],
)
def test_an_unknown_key_of_a_policy(change: tuple[str, str], sentence: str) -> None:
    """It is told before the required key that is missing because of it."""
    with pytest.raises(AssayError) as caught:
        parse_policy(MINIMAL.replace(*change), ALL)
    assert caught.value.sentence == sentence


def test_a_key_like_none_lists_those_there_are() -> None:
    """Where nothing is near, the keys of that place are named, and the sentence stays short."""
    with pytest.raises(AssayError) as caught:
        parse_policy(MINIMAL.replace("eps:", f"{'q' * 999}:"), ALL)
    assert "Known here: norm, eps, knowledge, budget." in caught.value.sentence
    assert len(caught.value.sentence) < 500
