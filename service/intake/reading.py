"""How a data file is to be read, where its numbers alone do not say it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, Literal

from analyzers.contract import Json

DataLayout = Literal["auto", "nchw", "nhwc"]
Channels = Literal["rgb", "bgr"]
Pixels = Literal["auto", "0-1", "0-255"]


@dataclass(frozen=True)
class Reading:
    """Belongs to an evaluation set: the same bytes read otherwise are other pictures."""

    layout: DataLayout = "auto"
    """Order of the axes in the file; ``auto`` goes by which of them can hold channels."""
    channels: Channels = "rgb"
    """Order of the colours in the file; pictures are brought to red, green, blue."""
    pixels: Pixels = "auto"
    """Range of the numbers in the file; ``auto`` goes by their type."""
    cues: bool = False
    """Two labels a picture: the class that its shape names, and the class that its texture does."""

    def as_json(self) -> dict[str, Json]:
        """Plain data, under the names by which the reader knows them."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Json] | None) -> "Reading":
        """Read what ``as_json`` wrote; older records say nothing of it."""
        return cls(**(body or {}))

    @property
    def unusual(self) -> dict[str, Json]:
        """Only what had to be said; empty for the usual way, so that ids of before stay."""
        usual = AS_USUAL.as_json()
        return {name: value for name, value in self.as_json().items() if value != usual[name]}


AS_USUAL: Final = Reading()
