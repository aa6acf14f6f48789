"""How one image lies in a model's input is read off its shape and type, or refused."""

import numpy as np
import onnx
import pytest

from analyzers.contract import FloatArray, Refusal
from analyzers.graph.inputs import ImageInput, image_input
from support.graphs import model, node


def read(axes: tuple[int, ...], kind: int = onnx.TensorProto.FLOAT) -> ImageInput:
    """What is read off an input of this shape."""
    body = model([node("Flatten", "image", "logits")], shape=("n", *axes), input_type=kind)
    return image_input(body)


def picture(channels: int, height: int, width: int) -> FloatArray:
    """One image whose pixels are all different, as a batch of one."""
    count = channels * height * width
    values = np.arange(count, dtype=np.float32) / np.float32(count)
    return values.reshape(1, channels, height, width)


@pytest.mark.parametrize(
    ("axes", "layout", "shape", "told"),
    [
        ((3, 6, 8), "nchw", (3, 6, 8), ()),
        ((6, 8, 3), "nhwc", (3, 6, 8), ()),
        ((6, 8, 1), "nhwc", (1, 6, 8), ()),
        ((3, 6, 3), "nchw", (3, 6, 3), ()),
        ((28, 28), "nchw", (1, 28, 28), (28, 28)),
        ((784,), "nchw", (1, 28, 28), (784,)),
        ((784, 1), "nchw", (1, 28, 28), (784, 1)),
        ((1, 784), "nchw", (1, 28, 28), (1, 784)),
        ((784, 1, 1), "nchw", (1, 28, 28), (784, 1, 1)),
        ((3072,), "nchw", (3, 32, 32), (3072,)),
        ((3, 1024), "nchw", (3, 32, 32), (3, 1024)),
        ((1024, 3), "nhwc", (3, 32, 32), (1024, 3)),
        ((1, 1, 7), "nchw", (1, 1, 7), ()),
    ],
)
def test_the_shape_tells_how_pixels_lie(
    axes: tuple[int, ...], layout: str, shape: tuple[int, int, int], told: tuple[int, ...]
) -> None:
    """Pictures, grey pictures without a channel axis, and rows of pixels."""
    found = read(axes)
    assert (found.layout, found.shape, found.spec.axes) == (layout, shape, told)
    assert found.spec.apply(picture(*shape)).shape == (1, *axes)


def test_rows_of_pixels_keep_their_order() -> None:
    """A flat input gets the pixels as the layout lists them."""
    image = picture(3, 32, 32)
    assert np.array_equal(read((3072,)).spec.apply(image)[0], image.ravel())
    last = read((1024, 3)).spec.apply(image)[0]
    assert np.array_equal(last[:, 0], image[0, 0].ravel())


@pytest.mark.parametrize(("axes", "either"), [((3072,), True), ((784,), False), ((3, 6, 8), False)])
def test_only_a_coloured_row_leaves_the_layout_open(axes: tuple[int, ...], either: bool) -> None:
    """There the user may say that channels come last."""
    assert read(axes).either_layout is either


@pytest.mark.parametrize("axes", [(12, 3, 12), (5, 7, 9), (50,), (2, 2), (7, 11), (3,)])
def test_other_shapes_are_no_pictures(axes: tuple[int, ...]) -> None:
    """No guess is made where neither channels nor a square are to be seen."""
    if axes == (7, 11):
        assert read(axes).shape == (1, 7, 11)
        return
    with pytest.raises(Refusal) as caught:
        read(axes)
    assert caught.value.code == "MODEL_INPUT_UNSUPPORTED"


@pytest.mark.parametrize(
    ("kind", "dtype", "scale"),
    [
        (onnx.TensorProto.FLOAT16, "float16", 1.0),
        (onnx.TensorProto.UINT8, "uint8", 255.0),
        (onnx.TensorProto.INT32, "int32", 255.0),
        (onnx.TensorProto.INT64, "int64", 255.0),
    ],
)
def test_the_type_tells_the_numbers(kind: int, dtype: str, scale: float) -> None:
    """Whole numbers cannot hold pixels from 0 to 1, so they mean 0 to 255."""
    spec = read((3, 6, 6), kind).spec
    assert (spec.dtype, spec.scale) == (dtype, scale)
    assert spec.apply(picture(3, 6, 6)).dtype == np.dtype(dtype)


def test_whole_numbers_are_rounded_and_kept_in_range() -> None:
    """128.4 of 255 is 128; nothing wraps around."""
    spec = read((1, 2, 2), onnx.TensorProto.UINT8).spec
    image = np.array([[[[0.0, 1.0], [128.4 / 255, 1.001]]]], np.float32)
    assert spec.apply(image).ravel().tolist() == [0, 255, 128, 255]


@pytest.mark.parametrize("kind", [onnx.TensorProto.DOUBLE, onnx.TensorProto.STRING])
def test_other_types_are_refused(kind: int) -> None:
    """Doubles and texts are said to be what they are not."""
    with pytest.raises(Refusal) as caught:
        read((3, 6, 6), kind)
    assert caught.value.code == "MODEL_INPUT_UNSUPPORTED"


def test_signed_bytes_have_their_middle_at_zero() -> None:
    """Black is -128 and white 127, with nothing cut off in between."""
    spec = read((1, 2, 2), onnx.TensorProto.INT8).spec
    image = np.array([[[[0.0, 1.0], [128 / 255, 64 / 255]]]], np.float32)
    assert spec.apply(image).ravel().tolist() == [-128, 127, 0, -64]


@pytest.mark.parametrize("size", [0, 2, 64])
def test_a_batch_of_one_size_is_refused(size: int) -> None:
    """One image or any number; two are not one, and none is not any."""
    body = model([node("Flatten", "image", "logits")], shape=("n", 3, 6, 8))
    body.graph.input[0].type.tensor_type.shape.dim[0].dim_value = size
    with pytest.raises(Refusal, match=f"exactly {size} images") as caught:
        image_input(body)
    assert caught.value.code == "MODEL_INPUT_UNSUPPORTED"
