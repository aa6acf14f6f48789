"""How long the engines take for an image here and now. Runs in a child."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from analyzers.attacks.losses import margin
from analyzers.contract import Array, InputSpec, SubjectFacts
from analyzers.engines.subject import OnnxSubject
from service.intake.content_child import content

_IMAGES: Final = 32
_ENOUGH: Final = 0.5
"""Seconds after which a first run, which also sets things up, is taken as it is."""


def pace(
    body: Mapping[str, Any], files: Mapping[str, int]
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Seconds an image, forward and there and back; 0 where a model has no slopes."""
    facts = SubjectFacts.from_json(body["subject"])
    subject = OnnxSubject(
        content(files["file"]),
        facts,
        InputSpec.from_json(body["input_spec"]),
        threads=int(body["threads"]),
        device=body["device"],
    )
    images = np.random.default_rng(0).random((_IMAGES, *facts.shape), np.float32)
    labels = np.zeros(_IMAGES, np.int64)
    gradient = subject.gradient
    backward = 0.0
    if gradient is not None:
        backward = _seconds(lambda: gradient.step(images, labels, margin))
    return {"forward": _seconds(lambda: subject.predict(images)), "backward": backward}, {}


def _seconds(run: Callable[[], object]) -> float:
    first = _timed(run)
    return (first if first > _ENOUGH else _timed(run)) / _IMAGES


def _timed(run: Callable[[], object]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun
