"""Single channels, classes, and the experiment with a clamp, as measurements."""

from dataclasses import replace
from typing import Final

import numpy as np

from analyzers.behaviour.channels import columns, words
from analyzers.behaviour.channels.looked import (
    FEWEST,
    Absence,
    Looked,
    Row,
    refused,
)
from analyzers.contract import Measurement, View
from analyzers.lens import mean, without
from analyzers.statistics.bootstrap import mean_spread

UNSTABLE: Final = 0.5
"""Overlap of two halves below which a list of channels is called unstable."""
_FEW_CHANNELS: Final = 4
_CLASSES_TOLD: Final = 100
_NOT_ASKED: Final = Absence("out_of_budget", "Only the full plan looks at it: --lenses full.")
_EXPERIMENT: Final = (
    "Experiment: every channel is cut at the 99th percentile of its clean activation, learnt on "
    "the other half of the images. The attack was not adaptive: it did not know of the cut, so "
    "what it wins is no defence."
)


def channel_measurements(looked: Looked) -> list[Measurement]:
    """Which channels come to argue against the true class, and whether that list holds."""
    both = (words.CONCENTRATION, words.STABILITY)
    why = looked.no_attack() or looked.no_relevance() or looked.not_yet()
    if why is not None:
        return [refused(metric, why, looked.scope) for metric in both]
    rises = looked.number("rise_all")
    if not rises:
        why = Absence("not_available", "No channel argues more against the true class than before.")
        return [refused(metric, why, looked.scope) for metric in both]
    return [_concentration(looked, rises), _stability(looked)]


def _concentration(looked: Looked, rises: float) -> Measurement:
    rows = looked.rows(columns.CHANNEL)
    channels, live = int(looked.blocks[0].numbers["channels"]), looked.count("live")
    silent = f" {channels - live} are zero on every picture." if live < channels else ""
    return Measurement(
        words.CONCENTRATION,
        "measured",
        looked.scope,
        min(1.0, float(looked.number("rise_top") or 0.0) / rises),
        {"listed": len(rows), "channels": channels, "images": looked.count("images")},
        view=_channel_view(looked, rows, channels),
        note=f"{len(rows)} of {channels} channels, over {looked.count('images')} images.{silent} "
        f"{_told_stable(looked)} {looked.where}",
    )


def _channel_view(looked: Looked, rows: list[Row], channels: int) -> View:
    return View(
        "dumbbell",
        f"The {len(rows)} of {channels} channels that come to argue most against the true class"
        f"{looked.way}",
        {
            "labels": [str(row["name"]) for row in rows],
            "before": [row["before"] for row in rows],
            "after": [row["after"] for row in rows],
            "before_label": "clean",
            "after_label": "attacked",
        },
        "What each channel takes from the logit of the true class, mean over images; in brackets "
        f"the classes that lose most by it. {_told_stable(looked)}",
    )


def _told_stable(looked: Looked) -> str:
    overlap = looked.number("overlap")
    if overlap is None:
        return "Too few images to say whether the list is stable."
    word = "unstable" if overlap < UNSTABLE else "stable"
    return f"The list is {word}: two halves of the images share {100 * overlap:.0f} % of it."


def _stability(looked: Looked) -> Measurement:
    live, overlap = looked.count("live"), looked.number("overlap")
    if live < _FEW_CHANNELS:
        why = f"With {live} channels that are ever active any two lists are alike."
        return without(words.STABILITY, "not_applicable", why, scope=looked.scope)
    if overlap is None:
        why = "Neither half of the images has a channel that rises."
        return without(words.STABILITY, "not_available", why, scope=looked.scope)
    listed = looked.count("listed")
    return Measurement(
        words.STABILITY,
        "measured",
        looked.scope,
        overlap,
        {"images": looked.count("images"), "listed": listed},
        view=View("number", "Overlap of the lists of two halves", {"value": overlap, "unit": ""}),
        note=f"{_told_stable(looked)} Lists drawn blindly from the channels that are ever active "
        f"would share about {100 * listed / (2 * live - listed):.0f} %.",
    )


def alignment_measurements(looked: Looked, *, asked: bool) -> list[Measurement]:
    """Class by class, on clean pictures."""
    why = looked.no_relevance() or (None if asked else _NOT_ASKED) or looked.not_yet()
    if why is not None:
        return [refused(words.ALIGNMENT, why)]
    rows = {str(row["name"]): row for row in looked.rows(columns.CLASS)}
    good = [row for row in rows.values() if row["value"] is not None]
    every = looked.case.subject.classes
    classes = [str(label) for label in range(every)] if every <= _CLASSES_TOLD else list(rows)
    return [
        _over_classes(good, every, looked.way),
        *(_of_class(label, rows.get(label)) for label in classes),
    ]


def _over_classes(good: list[Row], every: int, way: str) -> Measurement:
    """The mean over classes; an interval would speak of classes that there are not."""
    if not good:
        why = f"No class has {FEWEST} images and channels whose ranks can be compared."
        return without(words.ALIGNMENT, "not_available", why)
    ordered = sorted(good, key=lambda row: float(row["value"]))
    view = View(
        "dots_over_band",
        "Whether channels that fire for a class are those that its logit relies on" + way,
        {
            "labels": [f"class {row['name']} ({row['n']})" for row in ordered],
            "values": [row["value"] for row in ordered],
            "low": [row["low"] for row in ordered],
            "high": [row["high"] for row in ordered],
        },
        "Rank correlation over channels, clean pictures; grey: 95 % interval over the images of "
        "the class, whose number stands in brackets. The lowest come first.",
    )
    return Measurement(
        words.ALIGNMENT,
        "measured",
        {},
        sum(float(row["value"]) for row in good) / len(good),
        {"classes": len(good), "images": sum(int(row["n"]) for row in good)},
        view=view,
        note=f"Mean over {len(good)} of {every} classes; {every - len(good)} have no value.",
    )


def _of_class(label: str, row: Row | None) -> Measurement:
    scope = {"class": label}
    count = 0 if row is None else int(row["n"])
    if row is None or row["value"] is None:
        why = f"{count} images of this class, {FEWEST} are needed."
        if count >= FEWEST:
            why = "Too few channels to rank, too many to rank again and again, or all are equal."
        return without(words.ALIGNMENT, "not_available", why, scope=scope)
    note = f"95 % interval {row['low']:.2f} to {row['high']:.2f}, {count} images."
    return Measurement(
        words.ALIGNMENT, "measured", scope, float(row["value"]), {"images": count}, note=note
    )


def clamp_measurements(looked: Looked, *, asked: bool) -> list[Measurement]:
    """What a cut would change, on clean and on attacked pictures; paired."""
    ends = ("clean", "attacked")
    why = (
        looked.no_attack()
        or looked.no_relevance()
        or looked.no_head()
        or (None if asked else _NOT_ASKED)
        or looked.not_yet()
    )
    if why is not None:
        return [refused(words.CLAMP, why, {**looked.scope, "on": on}) for on in ends]
    return [_clamped(looked, on) for on in ends]


def _clamped(looked: Looked, on: str) -> Measurement:
    scope = {**looked.scope, "on": on}
    counts = [looked.number(f"clamp_{on}_{name}") for name in ("plain", "won", "lost")]
    images = looked.count("images")
    if any(one is None for one in counts):
        why = "With fewer than two images no half is left to learn the cut from."
        return without(words.CLAMP, "not_available", why, scope=scope)
    plain, won, lost = (int(one or 0) for one in counts)
    changes = np.concatenate([np.ones(won), -np.ones(lost), np.zeros(images - won - lost)])
    found = mean(
        words.CLAMP,
        mean_spread(changes),
        title=f"Change of accuracy by the cut, {on}",
        unit="share",
        note=f"{plain} right without it, {won} won, {lost} lost. {_EXPERIMENT}",
        scope=scope,
    )
    counted = {"images": images, "right": plain, "won": won, "lost": lost}
    return replace(found, counts=counted)
