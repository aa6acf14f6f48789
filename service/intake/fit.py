"""Whether a model and an evaluation set belong together, before anything runs."""

from collections.abc import Sequence

from analyzers.contract import DataFacts, InputSpec, SubjectFacts
from service.errors import AssayError, Code


def check_fit(
    subject: SubjectFacts, data: DataFacts, shape: Sequence[int], *, of: str = ""
) -> None:
    """Refuse pictures of another shape, and labels that the model has no output for.

    ``of`` says which set is meant, where an audit has several.
    """
    if tuple(shape) != subject.shape:
        raise AssayError(
            Code.IMAGE_SHAPE_MISMATCH,
            f"The images{of} are {_size(shape)} and the model expects {_size(subject.shape)}.",
            "Give images as the model was trained on, with the same channels and size.",
        )
    if data.classes > subject.classes:
        raise AssayError(
            Code.LABELS_OUT_OF_RANGE,
            f"The labels{of} run up to {data.classes - 1}, but the model has only "
            f"{subject.classes} outputs.",
            "Check that labels and model count their classes from 0 in the same way.",
        )


def check_input_spec(spec: InputSpec, channels: int) -> None:
    """Refuse a normalisation that does not match the channels or divides by zero."""
    sizes = {len(values) for values in (spec.mean, spec.std) if values}
    if sizes - {channels}:
        raise AssayError(
            Code.PREPROCESSING_INVALID,
            f"The normalisation names {max(sizes)} channels; the model has {channels}.",
            "Give one mean and one deviation a channel: --normalize M,M,M/S,S,S.",
        )
    if any(value <= 0 for value in spec.std) or spec.scale <= 0:
        raise AssayError(
            Code.PREPROCESSING_INVALID,
            "A deviation or scale of the normalisation is not positive.",
            "Give positive deviations: --normalize M,M,M/S,S,S.",
        )


def _size(shape: Sequence[int]) -> str:
    channels, height, width = shape
    return f"{height}x{width} with {channels} channel{'s' if channels > 1 else ''}"
