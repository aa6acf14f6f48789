"""Stored tensors and element types as torch holds them.

Half precision is carried in float32. Whole numbers keep their own type; where torch can hardly
count with one, ``Call`` widens it.
"""

from collections.abc import Mapping

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper
from torch import Tensor

from analyzers.contract import Array
from analyzers.engines.operators.call import NoRule

TYPES: Mapping[int, torch.dtype] = {
    TensorProto.FLOAT: torch.float32,
    TensorProto.DOUBLE: torch.float64,
    TensorProto.INT8: torch.int8,
    TensorProto.INT16: torch.int16,
    TensorProto.INT32: torch.int32,
    TensorProto.INT64: torch.int64,
    TensorProto.UINT8: torch.uint8,
    TensorProto.UINT16: torch.uint16,
    TensorProto.UINT32: torch.uint32,
    TensorProto.UINT64: torch.uint64,
    TensorProto.BOOL: torch.bool,
}
HALVES: Mapping[int, torch.dtype] = {
    TensorProto.FLOAT16: torch.float16,
    TensorProto.BFLOAT16: torch.bfloat16,
}


def torch_type(element: int) -> torch.dtype:
    """How an element type is carried; some are not."""
    if element in HALVES:
        return torch.float32
    if element not in TYPES:
        message = f"values of type {type_name(element)}"
        raise NoRule(message)
    return TYPES[element]


def type_name(element: int) -> str:
    """What the specification calls an element type."""
    return TensorProto.DataType.Name(element)  # pyright: ignore[reportArgumentType]  # a plain int at run time


def tensor_of(stored: onnx.TensorProto) -> Tensor:
    """A stored tensor in torch."""
    dtype = torch_type(stored.data_type)
    values = numpy_helper.to_array(stored)
    if stored.data_type in HALVES:
        values = values.astype(np.float32)
    return torch_of(np.array(values)).to(dtype)


def torch_of(values: Array) -> Tensor:
    """The same numbers in the same memory."""
    return torch.from_numpy(values)  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
