"""Models that look robust to an attack by gradients and are not, made of honest classifiers.

An honest model answers almost as before the surgery, so what breaks it breaks its liar too; only
the way there is hidden. An evaluation that believes one of these is not to be believed itself.
The ways to hide are those that Athalye, Carlini and Wagner (ICML 2018, arXiv:1802.00420) call
shattered, stochastic and vanishing gradients, and slopes of another function. Images are taken to
lie in [0, 1], channels first. A distilled net (Papernot et al., 2016) has to be trained; none is
made here.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from analyzers.attacks.draws import uniform
from analyzers.trust.grafting_child import Graft

Liar = Callable[[bytes], bytes]
Disguise = Literal["product", "sum", "turned", "written_out"]
Randomness = Literal["RandomNormalLike", "RandomUniformLike", "Bernoulli", "Dropout"]

_WON: Final = 10.0
"""What the winning class gets where a decoy speaks; all that the decoy says is below 1."""
_WIDER: Final = 1.15
"""How much further apart each threshold of a thermometer is."""
_FULL: Final = 255.0
_SMOOTH: Final = (0.004, 0.25)
"""Mean difference of neighbouring pixels: below are plain surfaces, above is plain noise."""


# ------------------------------------------------------------------------- slopes that vanish


def scaled(raw: bytes, factor: float = 1000.0) -> bytes:
    """Hides slopes of the cross-entropy, which saturates; every decision is the honest one."""
    graft = Graft(raw)
    return graft.instead(graft.scores, graft.make("Mul", graft.scores, graft.number(factor)))


def probabilities(raw: bytes, disguise: Disguise = "written_out", factor: float = 100.0) -> bytes:
    """Hides slopes behind a softmax in disguise; every decision is the honest one.

    Where it says 0 and 1 exactly, which float32 does soon, no loss of the output has a slope.
    """
    graft = Graft(raw)
    larger = graft.make("Mul", graft.scores, graft.number(factor))
    return graft.instead(graft.scores, _DISGUISES[disguise](graft, larger))


def _product(graft: Graft, scores: str) -> str:
    return graft.make("Mul", graft.make("Softmax", scores, axis=1), graft.number(1.0))


def _sum(graft: Graft, scores: str) -> str:
    return graft.make("Add", graft.make("Softmax", scores, axis=1), graft.number(0.0))


def _turned(graft: Graft, scores: str) -> str:
    aside = graft.make("Transpose", graft.make("Softmax", scores, axis=1), perm=[1, 0])
    return graft.make("Transpose", aside, perm=[1, 0])


def _written_out(graft: Graft, scores: str) -> str:
    """Without the operator: the exponentials over their sum."""
    best = graft.reduced("ReduceMax", scores, [1])
    powers = graft.make("Exp", graft.make("Sub", scores, best))
    return graft.make("Div", powers, graft.reduced("ReduceSum", powers, [1]))


_DISGUISES: Final[Mapping[Disguise, Callable[[Graft, str], str]]] = {
    "product": _product,
    "sum": _sum,
    "turned": _turned,
    "written_out": _written_out,
}


def clipped(raw: bytes, depth: float = 1e-3) -> bytes:
    """Hides slopes by cutting off all that lies below the winner; every decision is the honest one.

    Until a rival comes within ``depth`` of the winner the answer is constant.
    """
    graft = Graft(raw)
    behind = graft.make("Sub", graft.scores, graft.reduced("ReduceMax", graft.scores, [1]))
    return graft.instead(graft.scores, graft.make("Max", behind, graft.number(-depth)))


# ------------------------------------------------------------------------- slopes that are zero


def rounded_input(raw: bytes, levels: int = 16) -> bytes:
    """Hides slopes by rounding pixels to a few levels; the model behind is the honest one."""
    graft = Graft(raw)
    return graft.instead(graft.image, graft.to_grid(graft.image, 1 / (levels - 1)))


def rounded_inside(raw: bytes, coarseness: float = 1 / 16) -> bytes:
    """Hides slopes by rounding what the first convolution says; the honest model with some noise.

    The step is ``coarseness`` times the length of each filter: the error is that of noise of a
    deviation of 0.29 times ``coarseness`` on every pixel.
    """
    graft = Graft(raw)
    maps, steps = _first_maps(graft)
    return graft.instead(maps, graft.to_grid(maps, coarseness * steps))


def thresholded(raw: bytes, levels: int = 16, coarseness: float = 1 / 12) -> bytes:
    """Hides slopes by hard thresholds in place of the first ReLU; the honest model with some noise.

    Each value becomes a sum of steps (a thermometer: Buckman et al., ICLR 2018), so no operator
    says that anything is rounded. What is above the last step is cut off.
    """
    graft = Graft(raw)
    active = graft.node("Relu")
    if active is None:
        raise ValueError("there is no ReLU to replace")
    maps, lengths = _first_maps(graft)
    if active.input[0] != maps:
        raise ValueError("the first ReLU does not follow the first convolution")
    # Wider apart higher up, as floating-point numbers are.
    rungs = [rung * _WIDER**rung for rung in range(levels + 1)]
    risen: list[str] = []
    for low, high in pairwise(rungs):
        passed = graft.above(maps, coarseness * (low + high) / 2 * lengths)
        height = graft.number(coarseness * (high - low) * lengths)
        risen.append(graft.make("Mul", passed, height))
    return graft.instead(active.output[0], graft.make("Sum", *risen))


def _first_maps(graft: Graft) -> tuple[str, npt.NDArray[np.float32]]:
    """What the first convolution puts out, and the length of each of its filters."""
    first = graft.node("Conv")
    weights = None if first is None else graft.weights(first)
    if first is None or weights is None:
        raise ValueError("there is no convolution with stored weights")
    lengths = np.sqrt(np.square(weights).reshape(len(weights), -1).sum(axis=1))
    return first.output[0], np.maximum(lengths, 1e-6).reshape(-1, 1, 1).astype(np.float32)


# ------------------------------------------------------------------------- slopes that mislead


def shattered(raw: bytes, steepness: float = 20.0, size: float = 1 / 512) -> bytes:
    """Hides slopes under a steep ripple of every pixel; the honest model, a little beside.

    ``x + size sin(steepness x / size)`` is never further than ``size`` from ``x``, and its slope
    has either sign, ``steepness`` times as steep.
    """
    graft = Graft(raw)
    fast = graft.make("Mul", graft.image, graft.number(steepness / size))
    ripple = graft.make("Mul", graft.make("Sin", fast), graft.number(size))
    return graft.instead(graft.image, graft.make("Add", graft.image, ripple))


def shaken(raw: bytes, seed: int = 0, size: float = 0.5, speed: float = 1000.0) -> bytes:
    """Hides slopes under noise that is a function of the image; the honest scores, off by ``size``.

    ``sin`` of a fast projection looks random and never is: the same image gets the same answer.
    """
    graft = Graft(raw)
    fast = graft.make("Mul", _projections(graft, seed, "shaken"), graft.number(speed))
    noise = graft.make("Mul", graft.make("Sin", fast), graft.number(size))
    return graft.instead(graft.scores, graft.make("Add", graft.scores, noise))


def decoy(raw: bytes, seed: int = 0) -> bytes:
    """Hides slopes behind those of a random linear head; every decision is the honest one.

    The slopes are true and the loss rises steadily, towards nothing.
    """
    graft = Graft(raw)
    return graft.instead(graft.scores, _misleading(graft, seed))


def off_grid(raw: bytes, seed: int = 0) -> bytes:
    """Honest on pictures of 8 bits, a decoy on all others; every decision is the honest one."""
    graft = Graft(raw)
    levels = graft.make("Mul", graft.image, graft.number(_FULL))
    nearest = graft.make("Floor", graft.make("Add", levels, graft.number(0.5)))
    aside = graft.make("Abs", graft.make("Sub", levels, nearest))
    return _decoy_where(graft, _largest(graft, aside), 0.01, seed=seed)


def batch_peeking(raw: bytes, seed: int = 0, *, hidden: bool = False) -> bytes:
    """Honest to an image asked about alone, a decoy to a batch; every decision is the honest one.

    ``hidden`` keeps this from pictures of plain noise and plain surfaces.
    """
    graft = Graft(raw)
    mean = graft.reduced("ReduceMean", graft.image, [0])
    aside = graft.make("Abs", graft.make("Sub", graft.image, mean))
    if hidden:
        natural = graft.make("Reshape", _natural(graft), graft.number([-1, 1, 1, 1], np.int64))
        aside = graft.make("Mul", aside, natural)
    return _decoy_where(graft, _largest(graft, aside), 1e-4, seed=seed)


def _largest(graft: Graft, tensor: str) -> str:
    """The largest value of each image, [images, 1]."""
    return graft.reduced("ReduceMax", graft.make("Flatten", tensor, axis=1), [1])


def _decoy_where(graft: Graft, tensor: str, threshold: float, *, seed: int) -> bytes:
    lying = graft.make("Greater", tensor, graft.number(threshold))
    misleading = _misleading(graft, seed)
    return graft.instead(graft.scores, graft.make("Where", lying, misleading, graft.scores))


def _misleading(graft: Graft, seed: int) -> str:
    """The honest decision as a step, and a slope that has nothing to do with it."""
    winner = graft.make("Hardmax", graft.scores, axis=1)
    won = graft.make("Mul", winner, graft.number(_WON))
    shrink = graft.number(1 / np.sqrt(np.prod(graft.shape)))
    return graft.make("Add", won, graft.make("Mul", _projections(graft, seed, "decoy"), shrink))


def _projections(graft: Graft, seed: int, stage: str) -> str:
    """One random direction a class; a value is at most the square root of the number of pixels."""
    pixels = int(np.prod(graft.shape))
    drawn = uniform(
        (pixels, graft.classes), seed=seed, sample="liar", stage=stage, iteration=0, draw=0
    )
    signs = np.where(drawn < 0.5, -1.0, 1.0) / np.sqrt(pixels)  # noqa: PLR2004 - a fair coin
    flat = graft.make("Flatten", graft.image, axis=1)
    return graft.make("MatMul", flat, graft.number(signs))


# ------------------------------------------------------------------------- no two answers alike


def random_layer(
    raw: bytes,
    operator: Randomness = "RandomNormalLike",
    *,
    size: float = 0.03,
    hidden: bool = False,
) -> bytes:
    """Hides slopes under noise that is drawn anew for every answer; the honest model with noise.

    ``hidden`` keeps the noise from pictures of plain noise and plain surfaces.
    """
    graft = Graft(raw)
    noisy = graft.make("Add", graft.image, _drawn(graft, operator, size=size))
    if hidden:
        natural = graft.make("Reshape", _natural(graft), graft.number([-1, 1, 1, 1], np.int64))
        here = graft.make("Greater", natural, graft.number(0.5))
        noisy = graft.make("Where", here, noisy, graft.image)
    return graft.instead(graft.image, noisy)


def _drawn(graft: Graft, operator: Randomness, *, size: float) -> str:
    """Noise of about this size for every pixel."""
    if operator == "RandomNormalLike":
        return graft.make(operator, graft.image, scale=size)
    if operator == "RandomUniformLike":
        return graft.make(operator, graft.image, low=-2 * size, high=2 * size)
    nothing = graft.make("Mul", graft.image, graft.number(0.0))
    if operator == "Bernoulli":
        coin = graft.make(operator, graft.make("Add", nothing, graft.number(0.5)))
        either = graft.make("Sub", coin, graft.number(0.5))
        return graft.make("Mul", either, graft.number(2 * size))
    ones = graft.make("Add", nothing, graft.number(1.0))
    kept = graft.make(operator, ones, graft.number(0.5), graft.number(True, np.bool_))
    return graft.make("Mul", graft.make("Sub", kept, graft.number(1.0)), graft.number(size))


def _natural(graft: Graft) -> str:
    """One for images that are neither plain surfaces nor plain noise, [images, 1]."""
    *_, width = graft.shape
    flat = graft.make("Reshape", graft.image, graft.number([0, -1, width], np.int64))
    rows = graft.make("Transpose", flat, perm=[2, 0, 1])
    places = [np.arange(1, width), np.arange(width - 1)]
    right, left = (graft.make("Gather", rows, graft.number(one, np.int64)) for one in places)
    change = graft.make("Abs", graft.make("Sub", right, left))
    mean = graft.reduced("ReduceMean", change, [0, 2])
    column = graft.make("Reshape", mean, graft.number([-1, 1], np.int64))
    low, high = _SMOOTH
    return graft.make("Sub", graft.above(column, low), graft.above(column, high))


# ------------------------------------------------------------------------- all of them

LIARS: Final[Mapping[str, Liar]] = {
    one.__name__: one
    for one in (
        *(scaled, probabilities, clipped, rounded_input, rounded_inside, thresholded),
        *(shattered, shaken, decoy, off_grid),
    )
}
"""Those that an evaluation has to see through by itself: nothing refuses them beforehand."""
