"""Where a committed unit keeps the pictures that it claimed, depth by depth."""

from collections.abc import Sequence
from typing import Final

from analyzers.contract import Depth

DEPTHS: Final[Sequence[tuple[Depth, str, str]]] = (
    ("float32", "", "float32"),
    ("8-bit", "8", "uint8"),
)
"""Each depth, what its columns and its blob end with, and the type of its pictures."""
CLAIMED: Final = ("broken", "pending")
"""States of the images for which a unit holds a picture, in the order of its table."""
