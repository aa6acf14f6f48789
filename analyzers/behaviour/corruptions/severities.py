"""Which corruptions there are, and how strong each is: one table, two conventions.

The numbers are those of Hendrycks and Dietterich (ICLR 2019, arXiv:1903.12261) as their public
generators give them: the CIFAR-10-C convention for pictures of up to 64 pixels, that of ImageNet-C
(made for 224 pixels) for larger ones. What each number means stands beside the function it is for.
Two are not theirs: translation and rotation, which have one scale for every size.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

LEVELS: Final = (1, 2, 3, 4, 5)
SMALL_UP_TO: Final = 64
"""The longer side, in pixels, of the last picture that is small."""
_OVER: Final = 244 / 224
"""ImageNet-C states elastic lengths for 244 pixels and applies them to 224."""

Strength = tuple[float, ...]
Five = tuple[Strength, Strength, Strength, Strength, Strength]


class Kind(NamedTuple):
    """A corruption with its five strengths in either convention."""

    name: str
    small: Five
    large: Five

    @property
    def label(self) -> str:
        """The name as people write it."""
        return self.name.replace("_", " ")


def _one(*values: float) -> Five:
    """Five strengths of one number each."""
    first, second, third, fourth, fifth = values
    return ((first,), (second,), (third,), (fourth,), (fifth,))


def _over(*values: Strength) -> Five:
    """Lengths for 244 pixels as shares of a side of 224."""
    first, second, third, fourth, fifth = (tuple(_OVER * one for one in few) for few in values)
    return (first, second, third, fourth, fifth)


COMMON: Final[Sequence[Kind]] = (
    Kind("gaussian_noise", _one(0.04, 0.06, 0.08, 0.09, 0.10), _one(0.08, 0.12, 0.18, 0.26, 0.38)),
    Kind("shot_noise", _one(500, 250, 100, 75, 50), _one(60, 25, 12, 5, 3)),
    Kind("impulse_noise", _one(0.01, 0.02, 0.03, 0.05, 0.07), _one(0.03, 0.06, 0.09, 0.17, 0.27)),
    Kind(
        "defocus_blur",
        ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
        ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
    ),
    Kind(
        "glass_blur",
        ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
        ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
    ),
    Kind(
        "motion_blur",
        ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
        ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
    ),
    Kind(
        "zoom_blur",
        ((7, 0.01), (12, 0.01), (16, 0.01), (21, 0.01), (26, 0.01)),
        ((12, 0.01), (16, 0.01), (11, 0.02), (13, 0.02), (11, 0.03)),
    ),
    Kind(
        "snow",
        (
            (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ),
        (
            (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
            (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
            (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ),
    ),
    Kind(
        "frost",
        ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)),
        ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),
    ),
    Kind(
        "fog",
        ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
        ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
    ),
    Kind("brightness", _one(0.05, 0.1, 0.15, 0.2, 0.3), _one(0.1, 0.2, 0.3, 0.4, 0.5)),
    Kind("contrast", _one(0.75, 0.5, 0.4, 0.3, 0.15), _one(0.4, 0.3, 0.2, 0.1, 0.05)),
    Kind(
        "elastic_transform",
        ((0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)),
        _over(
            (2, 0.7, 0.1),
            (2, 0.08, 0.2),
            (0.05, 0.01, 0.02),
            (0.07, 0.01, 0.02),
            (0.12, 0.01, 0.02),
        ),
    ),
    Kind("pixelate", _one(0.95, 0.9, 0.85, 0.75, 0.65), _one(0.6, 0.5, 0.4, 0.3, 0.25)),
    Kind("jpeg_compression", _one(80, 65, 58, 50, 40), _one(25, 18, 15, 10, 7)),
)
"""The fifteen of the paper, in its order."""

_SHIFTS: Final = _one(0.03, 0.06, 0.09, 0.125, 0.19)
_TURNS: Final = _one(5, 10, 15, 20, 30)
GEOMETRY: Final[Sequence[Kind]] = (
    Kind("translation", _SHIFTS, _SHIFTS),
    Kind("rotation", _TURNS, _TURNS),
)
"""Two more, with strengths of our own; they count into no mean."""

_BY_NAME: Final = {one.name: one for one in (*COMMON, *GEOMETRY)}


def label(name: str) -> str:
    """A kind's name as people write it."""
    return _BY_NAME[name].label


def strength(name: str, severity: int, height: int, width: int) -> Strength:
    """What a severity means for pictures of a size."""
    kind = _BY_NAME[name]
    small = max(height, width) <= SMALL_UP_TO
    return (kind.small if small else kind.large)[severity - 1]
