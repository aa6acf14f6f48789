"""From blocks to measurements, in the order in which a report reads well."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from analyzers.behaviour.channels import columns, words
from analyzers.behaviour.channels.depth import depth_measurements
from analyzers.behaviour.channels.inside import (
    alignment_measurements,
    channel_measurements,
    clamp_measurements,
)
from analyzers.behaviour.channels.looked import (
    Looked,
    Words,
    class_means,
    median,
    refused,
    told,
)
from analyzers.contract import Case, Done, Json, Measurement, View
from analyzers.lens import ASSOCIATION, full, without

_CLASSES_SHOWN = 20
_OF_ACTIVATION = (words.RELATIVE_CHANGE, words.COSINE, words.MAGNITUDE, words.UNIFORMITY)
_AGAINST = "They argue against the true class as labelled."


def merge(case: Case, config: Mapping[str, Json], done: Sequence[Done]) -> Sequence[Measurement]:
    """What was seen of clean pictures once, and of attacked ones for every threat."""
    if not done:
        return [
            without(one.name, "out_of_budget", "No image was looked at.") for one in words.METRICS
        ]
    idle = next((one for one in done if one.outcome != "measured"), None)
    if idle is not None:
        return [without(one.name, idle.outcome, idle.note) for one in words.METRICS]
    every = _gathered(case, done)
    found = _clean(every[0])
    for looked in every:
        found += [
            *_moved(looked),
            *_against(looked),
            *channel_measurements(looked),
            *depth_measurements(looked),
            *clamp_measurements(looked, asked=full(config)),
        ]
    return [*found, *alignment_measurements(every[0], asked=full(config))]


def _gathered(case: Case, done: Sequence[Done]) -> list[Looked]:
    found: dict[str, Looked] = {}
    for one in done:
        threat = str(one.unit.params[columns.THREAT])
        if one.unit.params["do"] == columns.SUM:
            found[threat] = replace(found[threat], summary=one)
            continue
        known = found.get(threat) or Looked(case, threat, (), None)
        found[threat] = replace(known, blocks=(*known.blocks, one))
    return list(found.values())


def _clean(looked: Looked) -> list[Measurement]:
    """What argues against the true class without any attack."""
    scope = {"on": columns.CLEAN}
    why = looked.no_relevance()
    if why is not None:
        return [refused(metric, why, scope) for metric in (words.SHARE, words.CONTRIBUTION)]
    return [_share(looked, "clean", scope), _contribution(looked, "clean", scope)]


def _share(looked: Looked, on: str, scope: Mapping[str, str]) -> Measurement:
    title = f"Activation that argues against the true class, {on}{looked.way}"
    silent = "No channel is active on any image."
    wording = Words(title, "share", f"{looked.where} {_AGAINST}", silent)
    return told(words.SHARE, looked.column(f"{on}_share"), wording, scope)


def _contribution(looked: Looked, on: str, scope: Mapping[str, str]) -> Measurement:
    title = f"What channels take from the true class, {on}{looked.way}"
    values = looked.column(f"{on}_against")
    return told(words.CONTRIBUTION, values, Words(title, "logit", looked.where), scope)


def _moved(looked: Looked) -> list[Measurement]:
    """How the activation as a whole moves; no label and no head is needed for it."""
    why = looked.no_attack()
    if why is not None:
        return [refused(metric, why, looked.scope) for metric in _OF_ACTIVATION]
    still = "No channel is active on any clean image."
    change = Words("Change of the channels under attack", "times its length", looked.where, still)
    similar = Words("Cosine of clean and attacked channels", "", looked.where, still)
    size = Words("Sum of activation, attacked over clean", "times clean", looked.where, still)
    even = Words(
        "Change in evenness over channels",
        "",
        f"{looked.where} Either sign occurs in trained models.",
        "There is one channel, or none is active.",
    )
    return [
        told(metric, looked.column(name), wording, looked.scope)
        for metric, name, wording in (
            (words.RELATIVE_CHANGE, "relative_change", change),
            (words.COSINE, "cosine", similar),
            (words.MAGNITUDE, "magnitude_ratio", size),
            (words.UNIFORMITY, "uniformity", even),
        )
    ]


def _against(looked: Looked) -> list[Measurement]:
    """What comes to argue against the true class, and what still argues for it."""
    scopes = {
        words.SHARE: {**looked.scope, "on": "attacked"},
        words.RISE: looked.scope,
        words.CONTRIBUTION: {**looked.scope, "on": "attacked"},
        words.OVER: looked.scope,
        words.KEEP: looked.scope,
    }
    why = looked.no_attack() or looked.no_relevance()
    if why is not None:
        return [refused(metric, why, scope) for metric, scope in scopes.items()]
    over = Words(
        f"Channels against the true class, attacked over clean{looked.way}",
        "times clean",
        f"Median. {looked.where}",
        "No clean image has activation against its class; nothing to divide by.",
    )
    keep = Words(
        f"Channels for the true class, attacked over clean{looked.way}",
        "times clean",
        f"Median. {looked.where}",
        "No clean image has activation for its class; nothing to divide by.",
    )
    return [
        _share(looked, "attacked", scopes[words.SHARE]),
        _rise(looked),
        _sides(looked, scopes[words.CONTRIBUTION]),
        told(words.OVER, looked.column("nr_over"), over, looked.scope, median),
        told(words.KEEP, looked.column("pr_keep"), keep, looked.scope, median),
    ]


def _rise(looked: Looked) -> Measurement:
    """The headline: bounded, and with both ends in the figure."""
    before, after = looked.column("clean_share"), looked.column("attacked_share")
    both = np.isfinite(before) & np.isfinite(after)
    ends = "" if not both.any() else f"From {_percent(before[both])} to {_percent(after[both])}."
    note = f"{ends} {looked.where} {_AGAINST} {ASSOCIATION}".strip()
    wording = Words(
        f"Rise under attack{looked.way}", "share", note, "No channel is active on any image."
    )
    found = told(words.RISE, after - before, wording, looked.scope)
    return replace(found, view=_by_class(looked)) if found.value is not None else found


def _percent(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    return f"{100 * float(values.mean()):.1f} %"


def _by_class(looked: Looked) -> View:
    """All images, then the classes that it hits most."""
    labels = looked.column("label")
    before, after = looked.column("clean_share"), looked.column("attacked_share")
    both = np.where(np.isfinite(before + after), 1.0, np.nan)
    one, other = (class_means(values * both, labels) for values in (before, after))
    ordered = sorted(one, key=lambda label: one[label][0] - other[label][0])[:_CLASSES_SHOWN]
    known = np.isfinite(both)
    return View(
        "dumbbell",
        (
            "Under attack, activation moves to channels that argue against the true class"
            if float((after - before)[known].mean()) > words.RISES_FROM
            else "Activation on channels that argue against the true class"
        )
        + looked.way,
        {
            "labels": [
                f"all ({int(known.sum())})",
                *(f"class {label} ({one[label][1]})" for label in ordered),
            ],
            "before": [float(before[known].mean()), *(one[label][0] for label in ordered)],
            "after": [float(after[known].mean()), *(other[label][0] for label in ordered)],
            "before_label": "clean",
            "after_label": "attacked",
            "unit": "share",
        },
        "Share of the activation that speaks against the label of the picture; in "
        "brackets the number of images. The classes hit most come first.",
    )


def _sides(looked: Looked, scope: Mapping[str, str]) -> Measurement:
    """What is taken from the true class and what is given to it, in logits."""
    found = _contribution(looked, "attacked", scope)
    if found.value is None:
        return found
    ends = [
        [float(np.nanmean(looked.column(f"{on}_{side}"))) for side in ("against", "favour")]
        for on in ("clean", "attacked")
    ]
    view = View(
        "dumbbell",
        f"What the channels add to the logit of the true class{looked.way}",
        {
            "labels": ["channels against it", "channels for it"],
            "before": ends[0],
            "after": ends[1],
            "before_label": "clean",
            "after_label": "attacked",
            "unit": "logit",
        },
        f"Sums of activation times {looked.factor}, mean over images: what speaks against the "
        "label and what speaks for it, before and under attack.",
    )
    return replace(found, view=view)
