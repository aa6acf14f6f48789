"""Choices that depend on nothing but a key: any input can be made again by itself."""

import hashlib
import random
from collections.abc import Sequence
from typing import Final, TypeVar

Thing = TypeVar("Thing")

ODD_NUMBERS: Final = (
    *(0, 1, -1, 2, 3, 7, 127, 128, 255, 256, 32767, 32768, 65535, 65536),
    *(2**31 - 1, 2**31, -(2**31), 2**32 - 1, 2**32, 2**33, 2**53, 2**62, 2**63 - 1, -(2**63)),
)
"""Numbers that readers tend to take for others."""

ODD_NAMES: Final = (
    *("", " ", ".", "..", "/", "../../etc/passwd", "/dev/zero", "C:\\x"),
    *(
        "a\\b",
        "a/../b",
        "\x00",
        "line\nbreak",
        "\x1b[31mred",
        "\u202egpj.exe",
        "\ufeffbom",
        "\u0301",
        "\ud7ff",
        "é",
        "e\u0301",
    ),
    *("<script>alert(1)</script>", "'; DROP TABLE models; --", "{{7*7}}", "%s%n", "$(id)"),
    *("x" * 300, "x" * 5000, "\N{PILE OF POO}" * 40, "-", "None", "image", "logits", "data.pkl"),
)


class Draw:
    """A stream of choices, the same for the same key on every machine."""

    def __init__(self, *key: str | int) -> None:
        """Begin the stream that belongs to a key."""
        text = "/".join(map(str, key)).encode()
        seed = int.from_bytes(hashlib.sha256(text).digest())
        self._source = random.Random(seed)  # noqa: S311 - a corpus, no secret

    def below(self, end: int) -> int:
        """A whole number from 0 to before ``end``; 0 where there is none."""
        return int(self._source.random() * end) if end > 0 else 0

    def chance(self, share: float) -> bool:
        """Whether something happens that happens so often."""
        return self._source.random() < share

    def pick(self, things: Sequence[Thing]) -> Thing:
        """One of some things."""
        return things[self.below(len(things))]

    def number(self) -> int:
        """A number that is seldom meant."""
        if self.chance(0.2):
            return self.below(1000)
        return self.pick(ODD_NUMBERS) + self.pick((0, 0, 0, 1, -1))

    def unsigned(self, size: int) -> int:
        """The same, cut to so many bytes."""
        return self.number() & ((1 << 8 * size) - 1)

    def name(self) -> str:
        """A name that is seldom meant."""
        return self.pick(ODD_NAMES)

    def bytes(self, size: int) -> bytes:
        """Noise."""
        return self._source.randbytes(size)
