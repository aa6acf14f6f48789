"""What each ONNX operator is in torch. Forward rules only: autograd does the rest.

Semantics follow the operator's page in the ONNX specification for opset 7 and later; the test
cases that ship with onnx hold each one. A variant without a rule raises ``NoRule`` rather than
guess. A rule answers with one tensor, or with a tuple when the operator has several outputs.

Slopes are the file's own, with two exceptions that are named wherever they are used:

- ``ROUNDING`` operators pass the slope straight through where nothing is clipped;
- half precision is carried in float32, and the slope ignores what a cast to it rounds away.

Steps (Round, Floor, Sign, comparisons, casts to whole numbers) keep their true slope, zero.
"""

from collections.abc import Mapping

from analyzers.engines.operators import (
    activations,
    attention,
    casting,
    creating,
    elementwise,
    indexing,
    linear,
    normalising,
    padding,
    pooling,
    quantised,
    reducing,
    resizing,
    shapes,
    windows,
)
from analyzers.engines.operators.call import Answer, Call, NoRule, Rule, joined
from analyzers.engines.operators.quantised import ROUNDING
from analyzers.engines.operators.stored import HALVES, tensor_of

FAMILIES: Mapping[str, Mapping[str, Rule]] = {
    "windows": windows.RULES,
    "pooling": pooling.RULES,
    "linear": linear.RULES,
    "normalising": normalising.RULES,
    "activations": activations.RULES,
    "elementwise": elementwise.RULES,
    "casting": casting.RULES,
    "creating": creating.RULES,
    "shapes": shapes.RULES,
    "indexing": indexing.RULES,
    "padding": padding.RULES,
    "resizing": resizing.RULES,
    "reducing": reducing.RULES,
    "attention": attention.RULES,
    "quantised": quantised.RULES,
}
"""The rules by the file that holds them."""

RULES: Mapping[str, Rule] = joined(FAMILIES.values())

SUPPORTED = frozenset(RULES)
"""Operators with a gradient here."""

__all__ = [
    "FAMILIES",
    "HALVES",
    "ROUNDING",
    "RULES",
    "SUPPORTED",
    "Answer",
    "Call",
    "NoRule",
    "Rule",
    "tensor_of",
]
