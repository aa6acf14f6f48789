"""The exported file beside the module that it came from, and before our own intake."""

from collections.abc import Sequence

import torch

from analyzers.contract import Refusal
from analyzers.engines.agreement import agreed
from analyzers.engines.forward import Session, session
from service.errors import AssayError, Code
from service.export import Comparison
from service.exporting.examining_child import TOLERANCE, Asked, gap
from service.exporting.tracing_child import IMAGE
from service.exporting.wording import failed


def compared(raw: bytes, answers: Sequence[Asked], *, together: bool) -> Comparison:
    """How far the file's answers are from the module's; beyond rounding the export is refused."""
    try:
        engine = session(raw, torch.get_num_threads())
        found = [_run(engine, one, together=together) for one in answers]
    except Refusal as refusal:
        raise _refused(refusal) from refusal
    except Exception as error:  # the runtime's own exceptions share no narrower parent
        raise failed(
            "The exported file does not run for one image and for three.",
            "Let the module work for any number of images, without sizes kept as plain numbers.",
        ) from error
    own = torch.cat([one.scores for one in answers])
    file = torch.cat(found)
    same = int((file.argmax(1) == own.argmax(1)).sum()) if file.shape == own.shape else 0
    if not gap(file, own) <= TOLERANCE:  # NaN compares as too far
        raise failed(
            f"The exported file answers differently from the module: {_apart(file, own)}.",
            "Look in its forward for branches on values or on export, and for plain Python numbers "
            "made of tensors; another --opset may help too.",
        )
    largest = float((file - own).abs().max())
    return Comparison(largest, float(own.abs().max()), len(own), same)


def gradient_gap(raw: bytes) -> str:
    """What intake will say of the file: refused as it will be, or why gradients will be missing."""
    try:
        return agreed(raw)[1].gradient_gap
    except Refusal as refusal:
        raise _refused(refusal) from refusal


def _run(engine: Session, one: Asked, *, together: bool) -> torch.Tensor:
    batches = [one.images] if together else [*one.images[:, None]]
    return torch.cat([_scores(engine, batch) for batch in batches])


def _scores(engine: Session, images: torch.Tensor) -> torch.Tensor:
    return torch.tensor(engine.run(None, {IMAGE: images.numpy()})[0])


def _apart(file: torch.Tensor, own: torch.Tensor) -> str:
    if file.shape != own.shape:
        return f"with the shape {list(file.shape)} instead of {list(own.shape)}"
    largest, difference = float(own.abs().max()), float((file - own).abs().max())
    return f"by up to {difference:.3g} where the largest score is {largest:.3g}"


def _refused(refusal: Refusal) -> AssayError:
    sentence = f"The exported file cannot be audited: {refusal.sentence}"
    return AssayError(Code(refusal.code), sentence, refusal.remedy)
