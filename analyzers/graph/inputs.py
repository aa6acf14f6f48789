"""How a model takes one image: which axis holds what, and in which numbers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import onnx

from analyzers.contract import InputSpec, InputType, Layout, Refusal

CHANNELS: Final = (1, 3, 4)
_FLAT_CHANNELS = (1, 3)
_MOST_VALUES = 1 << 26
"""Values of one image: 4,700 x 4,700 pixels in colour are more than any classifier takes."""
_IMAGE_AXES = 3
_THIN = 4
"""An axis this short is no side of a picture."""
_FULL_RANGE = 255.0
_FIX_INPUT = "Export the model with one float32 input [batch, channels, height, width]."
_TYPES: Mapping[int, InputType] = {
    onnx.TensorProto.FLOAT: "float32",
    onnx.TensorProto.FLOAT16: "float16",
    onnx.TensorProto.UINT8: "uint8",
    onnx.TensorProto.INT8: "int8",
    onnx.TensorProto.INT32: "int32",
    onnx.TensorProto.INT64: "int64",
}


@dataclass(frozen=True)
class ImageInput:
    """The one input of a classifier."""

    name: str
    type: int
    """The element type, as onnx numbers them."""
    batch: int
    """1 where the file takes one image at a time, 0 where the axis is open."""
    axes: tuple[int, ...]
    """Of one image, as the file has them."""
    layout: Layout
    shape: tuple[int, int, int]
    """Channels, height and width, whatever the layout."""
    either_layout: bool = False
    """A flat row of coloured pixels does not say whether channels come first."""

    @property
    def spec(self) -> InputSpec:
        """The map from [0,1] pixels that the file itself tells of."""
        dtype = _TYPES[self.type]
        channels, height, width = self.shape
        usual = (channels, height, width) if self.layout == "nchw" else (height, width, channels)
        scale = 1.0 if dtype.startswith("float") else _FULL_RANGE
        axes = () if self.axes == usual else self.axes
        signed = dtype == "int8"  # whose middle is zero
        mean, std = ((128.0,) * channels, (1.0,) * channels) if signed else ((), ())
        return InputSpec(self.layout, scale, mean, std, dtype=dtype, axes=axes)


def image_input(model: onnx.ModelProto) -> ImageInput:
    """The image that a model takes; anything but one image is refused."""
    source = _only_input(model)
    axes = [axis.dim_value for axis in source.type.tensor_type.shape.dim]
    if len(axes) < 2:  # noqa: PLR2004 - a batch, and pixels
        raise _refused(f"The model's input has {len(axes)} axes; a batch of images has more.")
    if axes[0] > 1 or (axes[0] == 0 and source.type.tensor_type.shape.dim[0].HasField("dim_value")):
        raise _refused(f"The model takes exactly {axes[0]} images at once.")
    if 0 in axes[1:]:
        raise _refused("The model leaves the image size or the channels open.")
    if min(axes[1:]) < 0 or math.prod(axes[1:]) > _MOST_VALUES:
        raise _refused(f"No image has the size {axes[1:]}.")
    batch, kind = axes[0], source.type.tensor_type.elem_type
    own = tuple(axes[1:])
    found = _picture(own) or _flat(own)
    if found is None:
        raise _refused(
            f"No axis of the input [batch, {', '.join(map(str, own))}] holds 1, 3 or 4 channels."
        )
    layout, shape, either = found
    return ImageInput(source.name, kind, batch, own, layout, shape, either_layout=either)


def _only_input(model: onnx.ModelProto) -> onnx.ValueInfoProto:
    stored = {tensor.name for tensor in model.graph.initializer}
    given = [one for one in model.graph.input if one.name not in stored]
    if len(given) != 1:
        raise _refused(f"The model has {len(given)} inputs; exactly one image is taken.")
    if given[0].type.tensor_type.elem_type not in _TYPES:
        raise _refused("The model's input is neither float32, float16 nor whole numbers.")
    return given[0]


def _refused(sentence: str) -> Refusal:
    return Refusal("MODEL_INPUT_UNSUPPORTED", sentence, _FIX_INPUT)


_Form = tuple[Layout, tuple[int, int, int], bool]


def _picture(axes: Sequence[int]) -> _Form | None:
    """Three axes with the channels first or last, or two sides of a grey picture."""
    if len(axes) == 2 and min(axes) > _THIN:  # noqa: PLR2004 - height and width
        return "nchw", (1, axes[0], axes[1]), False
    if len(axes) != _IMAGE_AXES:
        return None
    if axes[0] in CHANNELS and min(axes[1:]) > 1:
        return "nchw", (axes[0], axes[1], axes[2]), False
    if axes[2] in CHANNELS and min(axes[:2]) > 1:
        return "nhwc", (axes[2], axes[0], axes[1]), False
    return _tiny(axes)


def _tiny(axes: Sequence[int]) -> _Form | None:
    """Pictures one pixel wide or high, unless their pixels fill a square: then they are a row."""
    if _flat(axes) is not None:
        return None
    if axes[0] in CHANNELS:
        return "nchw", (axes[0], axes[1], axes[2]), False
    return ("nhwc", (axes[2], axes[0], axes[1]), False) if axes[2] in CHANNELS else None


def _flat(axes: Sequence[int]) -> _Form | None:
    """A square picture's pixels in one row."""
    total, long = math.prod(axes), [size for size in axes if size != 1]
    for channels in _FLAT_CHANNELS:
        side = math.isqrt(total // channels)
        if side > 1 and channels * side * side == total and long and max(long) >= side * side:
            last = len(long) > 1 and long[-1] == channels
            layout: Layout = "nhwc" if last else "nchw"
            return layout, (channels, side, side), channels > 1 and len(long) == 1
    return None
