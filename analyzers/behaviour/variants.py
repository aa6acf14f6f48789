"""The ways in which a model may have been meant to be fed, each a change of what was declared."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from analyzers.behaviour.preprocessing import candidates, flag, known
from analyzers.contract import FloatArray, InputSpec, Layout

DECLARED: Final = "declared"
_REVERSED: Final = "reversed"
_COLOUR: Final = 3
# Which of the two was asked for is not known where pictures have been read already.
_FLIP: Final = "--channels bgr (rgb if you gave bgr)"


class Variant(NamedTuple):
    """Another normalisation, another layout, reversed colours, or several of these."""

    normalisation: str = DECLARED
    layout: Layout | None = None
    """None is the declared one."""
    flipped: bool = False
    """Whether the three channels of each picture are reversed before anything else."""

    @property
    def name(self) -> str:
        """Its spelling among the numbers of a unit."""
        parts = (self.normalisation, self.layout, _REVERSED if self.flipped else None)
        return ":".join(part for part in parts if part)

    @property
    def plain(self) -> bool:
        """Whether nothing but the normalisation differs."""
        return self.layout is None and not self.flipped

    @property
    def changes(self) -> int:
        """How many things it changes."""
        return (self.normalisation != DECLARED) + (self.layout is not None) + self.flipped

    def fed(self, images: FloatArray) -> FloatArray:
        """Pictures as this variant shows them."""
        return images[:, ::-1] if self.flipped else images

    def spec(self, declared: InputSpec, channels: int) -> InputSpec:
        """The map that this variant makes of the declared one."""
        others = {DECLARED: declared, **candidates(declared, channels)}
        return replace(others[self.normalisation], layout=self.layout or declared.layout)

    def option(self, channels: int) -> str:
        """The command-line options that ask for it."""
        words: list[str] = []
        if self.normalisation != DECLARED:
            words.append(flag(self.normalisation, known(channels)[self.normalisation], channels))
        if self.layout is not None:
            words.append(f"--layout {self.layout}")
        if self.flipped:
            words.append(_FLIP)
        return " ".join(words) or "as declared"

    @property
    def short(self) -> str:
        """The same where there is little room: a name, 255 where pixels end there."""
        name = self.normalisation.removesuffix("-255")
        to_255 = name != self.normalisation
        words = [] if self.normalisation == DECLARED else [f"{name}, 255" if to_255 else name]
        words += [self.layout.upper()] if self.layout else []
        return ", ".join([*words, "BGR"] if self.flipped else words) or "as declared"


def variant_of(name: str) -> Variant:
    """The variant of that spelling."""
    first, *rest = name.split(":")
    return Variant(first, _layout(rest), _REVERSED in rest)


def _layout(words: Sequence[str]) -> Layout | None:
    if "nhwc" in words:
        return "nhwc"
    return "nchw" if "nchw" in words else None


def first_tried(declared: InputSpec, channels: int) -> list[Variant]:
    """The declared way, every other normalisation, and what else a file leaves open."""
    names = (DECLARED, *candidates(declared, channels))
    other = _open_layout(declared, channels)
    layouts: list[Layout | None] = [None] if other is None else [None, other]
    found = [Variant(name, layout) for layout in layouts for name in names]
    return [*found, Variant(flipped=True)] if channels == _COLOUR else found


def with_flips(found: Sequence[Variant]) -> int:
    """How many there are besides the declared one when each may be flipped as well."""
    plain = sum(one.changes > 0 for one in found if not one.flipped)
    return 2 * plain + 1 if any(one.flipped for one in found) else plain


def _open_layout(declared: InputSpec, channels: int) -> Layout | None:
    """The other layout, where a row of coloured pixels does not say which it has.

    Any other input tells by its axes, and a declaration that contradicts them is refused.
    """
    row = len([size for size in declared.axes if size != 1]) == 1
    if channels == 1 or not row:
        return None
    return "nchw" if declared.layout == "nhwc" else "nhwc"
