"""The largest report that is promised to stay small: a thousand classes, 24 pictures of noise."""

from __future__ import annotations

import numpy as np

from analyzers.contract import Json
from service.report.gallery import GalleryImages
from service.report.html import render_html
from support import evidence as sample

CLASSES, PICTURES, SIDE = 1000, 24, 224


def large_report() -> bytes:
    """Wide views, a measurement a class, and two galleries that compete for their room."""
    rng = np.random.default_rng(0)
    clean = rng.integers(0, 256, (PICTURES, 3, SIDE, SIDE), dtype=np.uint8)
    moved = (clean / 255.0 + rng.uniform(-8 / 255, 8 / 255, clean.shape)).clip(0, 1)
    labels = list(range(PICTURES))
    pictures = GalleryImages(clean, moved.astype(np.float32), labels, None, "8/255")
    names = [f"class number {label}" for label in range(CLASSES)]
    flips: Json = rng.integers(0, 9, (CLASSES, CLASSES)).tolist()
    wide = [
        sample.view("bars", "By class", "", labels=names, values=rng.random(CLASSES).tolist()),
        sample.view("matrix", "Flips", "", labels=names, values=flips),
    ]
    evidence = sample.evidence()
    found = evidence["facts"]["measurements"]
    found += [sample.measurement(sample.FILTERS, "m", 1.0, view=one) for one in wide]
    found += [sample.measurement(sample.FILTERS, "c", 1.0, scope={"class": name}) for name in names]
    return render_html(evidence, sample.verdict(), {sample.ATTACK: pictures, "another": pictures})
