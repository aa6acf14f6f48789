"""--normalize and --layout become the map that the analyzers know under the same name."""

import pytest

from analyzers.behaviour.preprocessing import flag, known, named
from analyzers.contract import InputSpec
from service.cli.preprocessing import input_spec
from service.errors import AssayError, Code


@pytest.mark.parametrize("channels", [1, 3])
def test_names_mean_what_the_analyzers_mean(channels: int) -> None:
    """There is one table of named preprocessings, and the option reads it."""
    for name, spec in named(channels).items():
        assert input_spec(name, "nchw") == spec


def test_nothing_declared_is_the_identity() -> None:
    """Without the option pixels reach the model as they are, in the layout declared."""
    assert input_spec(None, "nhwc") == InputSpec("nhwc")


def test_numbers_are_taken_channel_by_channel() -> None:
    """Means and deviations stand as they were written, beside the layout."""
    spec = input_spec("0.5,0.4,0.3/0.25,0.2,0.1", "nhwc")
    assert spec == InputSpec("nhwc", mean=(0.5, 0.4, 0.3), std=(0.25, 0.2, 0.1))


@pytest.mark.parametrize("channels", [1, 3])
def test_what_preflight_proposes_can_be_typed(channels: int) -> None:
    """Every option that preflight names is one that this option takes."""
    for name, spec in known(channels).items():
        option, value = flag(name, spec, channels).split(" ")
        assert option == "--normalize"
        input_spec(value, "nchw")


@pytest.mark.parametrize(
    "written", ["cifar", "0.5", "0.5/", "/0.5", "a/b", "0.5/0", "0.5/-1", "nan/1", "0/inf", ""]
)
def test_bad_normalisations_are_refused(written: str) -> None:
    """Unknown names, half a pair, and numbers that cannot be divided by are usage errors."""
    with pytest.raises(AssayError) as caught:
        input_spec(written, "nchw")
    assert caught.value.code is Code.PREPROCESSING_INVALID
    assert "imagenet" in caught.value.remedy
