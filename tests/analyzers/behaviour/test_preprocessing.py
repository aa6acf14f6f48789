"""Named preprocessings: their constants, who gets which, and the option that asks for one."""

import numpy as np
import pytest

from analyzers.behaviour.preprocessing import NAMES, candidates, flag, known, named
from analyzers.contract import InputSpec


def mapped(spec: InputSpec, channels: int) -> list[float]:
    """Where a spec sends black and white, channel by channel."""
    ends = np.stack([np.zeros((channels, 1, 1)), np.ones((channels, 1, 1))]).astype(np.float32)
    return spec.apply(ends).ravel().tolist()


def test_named_maps_by_channels() -> None:
    """Colour images have two named normalisations, grey ones have one, all have none."""
    assert list(named(3)) == ["none", "cifar10", "imagenet"]
    assert list(named(1)) == ["none", "mnist"]
    assert list(named(4)) == ["none"]
    assert set(NAMES) == {"none", "cifar10", "imagenet", "mnist"}


def test_named_constants_are_the_usual_ones() -> None:
    """Black under each normalisation is minus mean over deviation."""
    imagenet = [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225]
    assert mapped(named(3)["imagenet"], 3)[:3] == pytest.approx(imagenet, rel=1e-6)
    assert mapped(named(1)["mnist"], 1) == pytest.approx([-0.1307 / 0.3081, 0.8693 / 0.3081])
    assert named(3)["cifar10"].mean == (0.4914, 0.4822, 0.4465)
    assert named(3)["cifar10"].std == (0.2470, 0.2435, 0.2616)


def test_candidates_are_every_other_map() -> None:
    """A map that equals the declared one, however written, is not tried again."""
    assert set(candidates(InputSpec(), 3)) == set(known(3)) - {"none"}
    written = InputSpec(mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616))
    assert set(candidates(written, 3)) == set(known(3)) - {"cifar10"}
    full = InputSpec(mean=(0.0,), std=(1 / 255,))
    assert set(candidates(full, 1)) == set(known(1)) - {"none-255"}


def test_candidates_keep_the_layout() -> None:
    """The layout follows from the shape of the input and is never guessed."""
    assert {one.layout for one in candidates(InputSpec("nhwc"), 3).values()} == {"nhwc"}


@pytest.mark.parametrize("channels", [1, 3])
def test_option_means_the_candidate(channels: int) -> None:
    """The means and deviations in an option are the same map as the candidate."""
    for name, spec in known(channels).items():
        option = flag(name, spec, channels)
        if spec.scale == 1:
            assert option == f"--normalize {name}"
            continue
        mean, std = (
            tuple(float(one) for one in part.split(","))
            for part in option.removeprefix("--normalize ").split("/")
        )
        assert mapped(InputSpec(mean=mean, std=std), channels) == pytest.approx(
            mapped(spec, channels), rel=1e-5, abs=1e-4
        )


def test_what_the_input_tells_is_kept() -> None:
    """Type and axes of the file stay under every candidate; bytes have none."""
    half = candidates(InputSpec(dtype="float16", axes=(784,)), 1)
    assert half
    assert {(one.dtype, one.axes) for one in half.values()} == {("float16", (784,))}
    assert candidates(InputSpec(scale=255.0, dtype="uint8"), 3) == {}
