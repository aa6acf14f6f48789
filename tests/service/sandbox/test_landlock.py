"""What is asked of Landlock, for each version of it."""

import pytest

from service.sandbox.lock import landlock


@pytest.mark.parametrize(
    ("version", "attributes"),
    [
        (1, [0x1FFF]),
        (2, [0x3FFF]),
        (3, [0x7FFF]),
        (4, [0x7FFF, 3]),
        (5, [0xFFFF, 3]),
        (6, [0xFFFF, 3, 3]),
        (7, [0xFFFF, 3, 3]),
        (12, [0xFFFF, 3, 3]),
    ],
)
def test_all_that_a_version_knows_is_held(version: int, attributes: list[int]) -> None:
    """The masks are those of the kernel's header, version by version; later ones change nothing."""
    assert landlock.handled(version) == attributes


def test_reading_is_all_that_is_granted() -> None:
    """The two rights over readable places are none that writes, makes, moves or executes."""
    assert (landlock.READ_FILE, landlock.READ_DIR) == (1 << 2, 1 << 3)
    assert not (landlock.READ_FILE | landlock.READ_DIR) & (landlock.handled(3)[0] & ~0b1100)
