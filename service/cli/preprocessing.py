"""``--normalize`` and ``--layout``: the map from [0,1] pixels to the model's input."""

from math import isfinite

from analyzers.behaviour.preprocessing import NAMES, named
from analyzers.contract import InputSpec, Layout
from service.errors import AssayError, Code

_CHANNELS = (3, 1)
"""Numbers of channels for which preprocessings have names."""


def input_spec(normalize: str | None, layout: Layout) -> InputSpec:
    """The preprocessing that a command declares; whether it fits the model shows later."""
    if normalize is None:
        return InputSpec(layout)
    name = normalize.strip().lower()
    for channels in _CHANNELS:
        found = named(channels).get(name)
        if found is not None:
            return InputSpec(layout, found.scale, found.mean, found.std)
    mean, slash, std = name.partition("/")
    if not slash:
        raise _invalid(normalize, "is no known name")
    return InputSpec(layout, mean=_numbers(mean, normalize), std=_deviations(std, normalize))


def _numbers(written: str, normalize: str) -> tuple[float, ...]:
    try:
        found = tuple(float(part) for part in written.split(","))
    except ValueError as error:
        raise _invalid(normalize, "holds something that is no number") from error
    if not all(isfinite(value) for value in found):
        raise _invalid(normalize, "holds a number that is not finite")
    return found


def _deviations(written: str, normalize: str) -> tuple[float, ...]:
    found = _numbers(written, normalize)
    if min(found) <= 0:
        raise _invalid(normalize, "has a deviation that is not positive")
    return found


def _invalid(normalize: str, what: str) -> AssayError:
    return AssayError(
        Code.PREPROCESSING_INVALID,
        f"The normalisation '{normalize}' {what}.",
        f"Use one of {', '.join(NAMES)}, or means/deviations, one a channel: --normalize "
        "0.5,0.5,0.5/0.25,0.25,0.25.",
    )
