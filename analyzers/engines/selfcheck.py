"""Whether a canonical model answers alike alone and in a batch, twice, and in both engines."""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from analyzers.contract import Array, FloatArray, Refusal
from analyzers.engines.forward import ForwardEngine
from analyzers.engines.gaps import TWIN_TOLERANCE, relative_gap
from analyzers.engines.gradient import GradientEngine
from analyzers.engines.uploaded import Upload, UploadedModel, after_tail
from analyzers.graph.canonical import CanonicalModel

TOLERANCE: Final = 1e-4
"""Relative to the largest logit: what float32 and another order of sums may cost."""
HALF_TOLERANCE: Final = 5e-3
"""What half precision may cost: ten of its last places."""
REPEAT_TOLERANCE: Final = 1e-6
"""The same session on the same values; only a random operator moves further."""
_NOISES = 3


@dataclass(frozen=True)
class SelfCheck:
    """What running the model showed."""

    batch: Literal["free", "one"]
    gradient_gap: str
    """Empty when gradients exist, else why not."""
    twin: str
    """Empty when gradients are the file's own, else why a twin lends its."""
    parity: float | None
    """Largest difference of the two engines over the largest logit; None without gradients."""
    upload_gap: float | None
    """The same for the canonical file and the uploaded one; None when nothing was uploaded."""
    replay_batch: Literal["free", "one"]
    """How the uploaded file itself can be run."""


def self_check(model: CanonicalModel, upload: bytes | None = None, threads: int = 1) -> SelfCheck:
    """Run a few fixed pictures; a model that contradicts itself or its upload is refused."""
    images = probe_images(model.shape)
    values = model.input_spec.apply(images)
    alone = _alone(model, values, threads)
    upload_gap, replay_batch = None, model.upload_batch
    if upload is not None:
        upload_gap, replay_batch = _upload_gap(model, upload, images, alone=alone)
    batch = _batch_mode(model, values, alone=alone, threads=threads)
    gap, twin, parity = _parity(model, images, alone, batch=batch, threads=threads)
    return SelfCheck(batch, gap, twin, parity, upload_gap, replay_batch)


def probe_images(shape: tuple[int, int, int]) -> FloatArray:
    """Black, white, grey and noise that is the same everywhere."""
    flat = [np.full(shape, value, np.float32) for value in (0.0, 1.0, 0.5)]
    raw = np.random.Philox(key=0).random_raw(_NOISES * int(np.prod(shape)))
    noise = ((raw >> np.uint64(40)) * 2.0**-24).astype(np.float32)
    return np.concatenate([np.stack(flat), noise.reshape(_NOISES, *shape)])


def _alone(model: CanonicalModel, values: Array, threads: int) -> FloatArray:
    engine = ForwardEngine(model.raw, threads, "one")
    try:
        first, again = engine.run(values), engine.run(values)
    except Exception as error:  # the runtime's own exceptions share no narrower parent
        raise Refusal(
            "MODEL_BROKEN",
            "The runtime fails when it runs the model on a picture of the declared size.",
            "Run the file with onnxruntime yourself to see its complaint, and export it again.",
        ) from error
    if first.shape != (len(values), model.classes):
        raise Refusal(
            "MODEL_OUTPUT_UNSUPPORTED",
            f"The model declares {model.classes} outputs an image and answers one image with the "
            f"shape {list(first.shape[1:])}.",
            "Export the model with one output [batch, classes].",
        )
    if not (np.isfinite(first).all() and np.isfinite(again).all()):
        raise Refusal(
            "MODEL_LOGITS_NOT_FINITE",
            "The model answers a plain picture with logits that are not finite numbers.",
            "Check the weights for overflow.",
        )
    if relative_gap(first, again) > REPEAT_TOLERANCE:
        raise Refusal(
            "MODEL_UNSTABLE",
            "The model answers the same picture differently each time.",
            "Export it in evaluation mode, without dropout or other random operators.",
        )
    return first


def _upload_gap(
    model: CanonicalModel, upload: bytes, images: FloatArray, *, alone: FloatArray
) -> tuple[float, Literal["free", "one"]]:
    """How far the canonical file's answers are from those of the uploaded bytes."""
    file = Upload(upload, model.upload_output, "one")
    uploaded = UploadedModel(file, model.input_spec, threads=1)
    own = uploaded.predict(images)
    gap = relative_gap(after_tail(alone, model.tail), own) if own.shape == alone.shape else math.inf
    if not gap <= (HALF_TOLERANCE if model.half else TOLERANCE):
        raise Refusal(
            "MODEL_CANONICAL_DIFFERS",
            "The model's canonical form answers plain pictures differently from the uploaded file.",
            "Export the model again for a newer version of the operators (opset 18 or later).",
        )
    return float(f"{gap:.1e}"), _replay_batch(model, uploaded, images, own)


def _replay_batch(
    model: CanonicalModel, uploaded: UploadedModel, images: FloatArray, own: FloatArray
) -> Literal["free", "one"]:
    """An open batch axis is a promise that the inside of a file may break."""
    if model.upload_batch == "one":
        return "one"
    try:
        together = uploaded.predict(images, "free")
    except Exception:  # noqa: BLE001 - each operator complains in its own way
        return "one"
    same = together.shape == own.shape and relative_gap(together, own) <= TOLERANCE
    return "free" if same else "one"


def _batch_mode(
    model: CanonicalModel, values: Array, *, alone: FloatArray, threads: int
) -> Literal["free", "one"]:
    """``free`` only if pictures that run together answer as they do alone."""
    if model.batch == "one":
        return "one"
    try:
        together = ForwardEngine(model.raw, threads, "free").run(values)
    except Exception:  # noqa: BLE001 - a graph whose inside fixes the batch fails in many ways
        return "one"
    tolerance = HALF_TOLERANCE if model.half else TOLERANCE
    same = together.shape == alone.shape and relative_gap(together, alone) <= tolerance
    return "free" if same else "one"  # NaN compares as not the same


def _parity(
    model: CanonicalModel,
    images: FloatArray,
    alone: FloatArray,
    *,
    batch: Literal["free", "one"],
    threads: int,
) -> tuple[str, str, float | None]:
    try:
        engine = GradientEngine(model.raw, model.input_spec, threads=threads, batch=batch)
        found = engine.logits(images)
    except Refusal as refusal:
        return refusal.sentence, "", None
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        return f"the graph does not run in torch: {type(error).__name__}", "", None
    if found.shape != alone.shape or not np.isfinite(found).all():
        return "the graph answers differently in torch", "", None
    parity = relative_gap(found, alone)
    if parity > (TWIN_TOLERANCE if engine.twin else TOLERANCE):
        return "the graph answers differently in torch", "", None
    return "", engine.twin, float(f"{parity:.1e}")
