"""The preprocessings that have names, and those worth trying when the accuracy is too low."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from analyzers.contract import InputSpec

_COLOUR: Final = 3
_GREY: Final = 1
_FULL_RANGE: Final = 255.0

# The constants that the usual training recipes for these data sets carry.
_NAMED: Final[Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]]] = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "mnist": ((0.1307,), (0.3081,)),
}
_CHANNELS: Final = {"cifar10": _COLOUR, "imagenet": _COLOUR, "mnist": _GREY}
NAMES: Final = ("none", *_NAMED)


def named(channels: int) -> dict[str, InputSpec]:
    """Every named preprocessing that fits images of so many channels."""
    found = {"none": InputSpec()}
    for name, (mean, std) in _NAMED.items():
        if _CHANNELS[name] == channels:
            found[name] = InputSpec(mean=mean, std=std)
    return found


def known(channels: int) -> dict[str, InputSpec]:
    """Named preprocessings of pixels to 1 and, marked ``-255``, of pixels to 255."""
    found: dict[str, InputSpec] = {}
    for name, spec in named(channels).items():
        found[name] = spec
        found[f"{name}-255"] = replace(spec, scale=_FULL_RANGE)
    return found


def candidates(declared: InputSpec, channels: int) -> dict[str, InputSpec]:
    """What else the model may have been trained with.

    Layout, type and axes are given by the input, so they stay. A map that equals the declared
    one is no candidate, and a model that takes bytes was fed with bytes.
    """
    if declared.whole:
        return {}
    own = _affine(declared, channels)
    return {
        name: replace(spec, layout=declared.layout, dtype=declared.dtype, axes=declared.axes)
        for name, spec in known(channels).items()
        if not _close(_affine(spec, channels), own)
    }


def flag(name: str, spec: InputSpec, channels: int) -> str:
    """The command-line option that asks for a known preprocessing.

    Options know no scale: 255 x - m over s is x - m/255 over s/255.
    """
    if spec.scale == 1.0:
        return f"--normalize {name}"
    mean = [value / spec.scale for value in spec.mean or (0.0,) * channels]
    std = [value / spec.scale for value in spec.std or (1.0,) * channels]
    return f"--normalize {_listed(mean)}/{_listed(std)}"


def _listed(values: list[float]) -> str:
    return ",".join(f"{value:.7g}" for value in values)


def _affine(spec: InputSpec, channels: int) -> list[float]:
    """Gain and offset of each channel: the map that a spec is, however it is written."""
    mean, std = _each(spec.mean or (0.0,), channels), _each(spec.std or (1.0,), channels)
    pairs = list(zip(mean, std, strict=True))
    return [spec.scale / one for _, one in pairs] + [-shift / one for shift, one in pairs]


def _each(values: Sequence[float], channels: int) -> Sequence[float]:
    return list(values) * channels if len(values) == 1 else values


def _close(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = zip(one, other, strict=True)
    return all(math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9) for a, b in pairs)
