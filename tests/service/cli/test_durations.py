"""``--deadline``: lengths of time as people write them."""

import pytest

from service.cli.durations import seconds_of
from service.errors import AssayError, Code


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90", 90.0), ("90s", 90.0), ("10m", 600.0), (" 1.5H ", 5400.0), ("0.5", 0.5), (None, None)],
)
def test_lengths_of_time_are_read(written: str | None, seconds: float | None) -> None:
    """Seconds unless a letter says otherwise; nothing written is no deadline."""
    assert seconds_of(written) == seconds


@pytest.mark.parametrize("written", ["", "0", "-5", "10d", "ten", "1e3", "inf", "nan", "5 m m"])
def test_what_is_no_length_of_time_is_refused(written: str) -> None:
    """A usage error that shows how to write one."""
    with pytest.raises(AssayError) as caught:
        seconds_of(written)
    assert caught.value.code is Code.DEADLINE_INVALID
    assert "10m" in caught.value.remedy
