"""Ways of feeding: their spelling, the map each makes, and the options that ask for it."""

import numpy as np
import pytest

from analyzers.behaviour.preprocessing import known, named
from analyzers.behaviour.variants import Variant, first_tried, variant_of, with_flips
from analyzers.contract import InputSpec

EVERY = [
    Variant(name, layout, flipped)
    for name in ("declared", "cifar10", "none-255")
    for layout in (None, "nhwc", "nchw")
    for flipped in (False, True)
]


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.name)
def test_a_name_means_one_variant(one: Variant) -> None:
    """Its spelling among numbers reads back as the same variant."""
    assert variant_of(one.name) == one


def test_names_are_taken_by_frames() -> None:
    """What a child answers may be called so: letters, digits and colons."""
    assert {char for one in EVERY for char in one.name if not char.isalnum()} == {":", "-"}
    assert len({one.name for one in EVERY}) == len(EVERY)


def test_only_what_can_be_wrong_is_tried() -> None:
    """Colours are reversed in threes; another layout is for rows of coloured pixels."""
    others = [name for name in known(3) if name != "none"]
    colour = [one.name for one in first_tried(InputSpec(), 3)]
    assert colour == ["declared", *others, "declared:reversed"]
    assert not any(one.flipped for one in first_tried(InputSpec(), 1))
    assert not any(one.flipped for one in first_tried(InputSpec(), 4))
    row = first_tried(InputSpec("nhwc", axes=(3072,)), 3)
    assert {one.layout for one in row} == {None, "nchw"}
    for told in (InputSpec(axes=(1024, 3)), InputSpec("nhwc")):
        assert {one.layout for one in first_tried(told, 3)} == {None}
    assert {one.layout for one in first_tried(InputSpec(axes=(784,)), 1)} == {None}


def test_a_variant_changes_what_it_says_and_no_more() -> None:
    """Map, layout and colours are those of its name; type and axes stay those of the file."""
    declared = InputSpec(dtype="float16", axes=(3072,))
    spec = Variant("cifar10", "nhwc", flipped=True).spec(declared, 3)
    wanted = InputSpec("nhwc", 1.0, named(3)["cifar10"].mean, named(3)["cifar10"].std)
    assert spec == InputSpec(wanted.layout, 1.0, wanted.mean, wanted.std, "float16", (3072,))
    assert Variant().spec(declared, 3) == declared
    images = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
    np.testing.assert_array_equal(Variant(flipped=True).fed(images)[:, 0], images[:, 2])
    assert Variant("cifar10").fed(images) is images


def test_options_stand_side_by_side() -> None:
    """One option for each thing that is changed, none for what is as declared."""
    assert Variant().option(3) == "as declared"
    every = Variant("imagenet", "nhwc", flipped=True)
    assert every.option(3) == (
        "--normalize imagenet --layout nhwc --channels bgr (rgb if you gave bgr)"
    )
    assert [one.changes for one in (Variant(), Variant("none"), every)] == [0, 1, 3]


def test_flips_double_what_may_be_named() -> None:
    """Every variant may be flipped, the declared one too; without colours none can be."""
    assert with_flips(first_tried(InputSpec(), 3)) == 2 * len(known(3)) - 1
    assert with_flips(first_tried(InputSpec(), 1)) == len(known(1)) - 1
