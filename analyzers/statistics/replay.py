"""Whether the canonical file speaks for the uploaded bytes: labels of both, held side by side."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from analyzers.contract import Case, Done, FloatArray, Measurement, MetricSpec, Subject

CLEAN: Final = "replay_disagreement"
ATTACKED: Final = "attack_replay_disagreement"
LIMIT: Final = 0.001
"""Beyond it the numbers of the canonical file are not those of the upload."""
REPLAYED: Final = "replayed"
DIFFERS: Final = "replay_differs"
"""Counts of a unit; whoever confirms claims adds those of the claims."""


def replay_spec(metric: str, of: str) -> MetricSpec:
    """What the indicator means, over labels of these images."""
    return MetricSpec(
        metric,
        f"Share of labels, of {of}, that the uploaded file gives differently from the canonical "
        "file that is attacked.",
        grade="D",
        range=(0.0, 1.0),
    )


def replayed(subject: Subject, images: FloatArray, logits: FloatArray) -> dict[str, int]:
    """Ask the uploaded bytes about the same images; nothing where there are none to ask."""
    if subject.uploaded is None:
        return {}
    answers = subject.uploaded.predict(images)
    if answers.shape != logits.shape:
        return {REPLAYED: len(images), DIFFERS: len(images)}
    differing = answers.argmax(axis=1) != logits.argmax(axis=1)
    differing |= ~np.isfinite(answers).all(axis=1)
    return {REPLAYED: len(images), DIFFERS: int(differing.sum())}


def disagreement(
    metric: str, case: Case, scope: Mapping[str, str], done: Sequence[Done]
) -> Measurement:
    """The indicator over all that was replayed; red, or missing, it holds a PASS back."""
    of = sum(int(one.numbers.get(REPLAYED, 0)) for one in done)
    whole = all(one.numbers.get(REPLAYED, 0) >= len(one.samples["row"]) for one in done)
    flagged = sum(int(one.numbers.get(DIFFERS, 0)) for one in done)
    outcome, note = "measured", "Labels that the uploaded file gives differently."
    if done and not case.subject.uploaded:
        outcome, note = "not_applicable", "What was uploaded was no ONNX file that could be run."
    elif not of or not whole:
        outcome, note = "out_of_budget", "Not every image was replayed on the uploaded file."
    return Measurement(
        metric,
        outcome,
        scope,
        flagged / of if outcome == "measured" else None,
        {"numerator": flagged, "denominator": of},
        "indicator",
        "D",
        limit=LIMIT,
        note=note,
    )
