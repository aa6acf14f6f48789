"""Variants of the specification that an operator with a rule does not cover, by operator.

The rules refuse in these words, and the table in ``docs/operators.md`` repeats them.
"""

from collections.abc import Mapping

_AXES = "a window over more than three axes"
_UNSIGNED = "bits of wide unsigned numbers"

REFUSED: Mapping[str, str] = {
    "AveragePool": _AXES,
    "BatchNormalization": "batch normalisation that is not per channel at inference",
    "BitShift": _UNSIGNED,
    "BitwiseNot": _UNSIGNED,
    "Constant": "a constant that is neither a dense tensor nor numbers",
    "Conv": _AXES,
    "ConvInteger": _AXES,
    "ConvTranspose": _AXES,
    "Dropout": "dropout in training mode",
    "GridSample": "cubic sampling of other than pictures",
    "LpPool": _AXES,
    "MaxPool": _AXES,
    "MaxUnpool": "an output shape of its own",
    "QLinearConv": _AXES,
}
"""Besides these, no operator takes text, complex numbers, 8-bit floats or numbers below 8 bits."""

WINDOW_AXES = _AXES
