"""Looks into a model at clean pictures beside attacked or noisy ones, block by block."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np

from analyzers.attacks.draws import gaussian
from analyzers.behaviour.channels import columns, numbers
from analyzers.behaviour.channels.columns import NOISE_STEP, plain
from analyzers.behaviour.channels.numbers import Floats
from analyzers.behaviour.channels.places_child import Sight, sight_of
from analyzers.behaviour.channels.relevance_child import Relevance, relevance_of
from analyzers.behaviour.channels.summary_child import summarised
from analyzers.contract import (
    Array,
    Batch,
    FloatArray,
    Partial,
    Refusal,
    Shard,
    Subject,
    Tell,
)

ROWS: Final = 16
"""Images whose maps are held at one time, where they are small."""
MOST_BYTES: Final = 1 << 27
"""Of the maps of those images, for clean ones and for the others."""


def measure(
    shard: Shard, subject: Subject, batch: Batch, inputs: Mapping[str, Array], tell: Tell
) -> Partial:
    """One block of images, or what all blocks come to."""
    sight = sight_of(subject.places(), subject.facts)
    if isinstance(sight, str):
        return Partial("not_applicable", note=sight)
    if shard.params["do"] == columns.SUM:
        return summarised(shard, sight, inputs, tell)
    try:
        return _looked(shard, subject, batch, sight, inputs.get(columns.PROBE), tell)
    except Refusal as refusal:  # a model that cannot be looked into can still be audited
        return Partial("not_available", note=refusal.sentence)


class _Seen(NamedTuple):
    """What some images look like inside."""

    clean: Floats
    attacked: Floats | None
    gains: Mapping[str, Floats]


def _looked(
    shard: Shard,
    subject: Subject,
    batch: Batch,
    sight: Sight,
    probe: FloatArray | None,
    tell: Tell,
) -> Partial:
    noisy = _noisy(shard, batch, probe)
    seen: list[_Seen] = []
    for low, high in _pieces(subject, batch, sight):
        tell(low, len(batch.rows), "channels")
        others = {columns.GAUSSIAN: noisy[low:high]}
        if probe is not None:
            others[columns.ATTACK] = probe[low:high]
        seen.append(_pair(subject, sight, batch.images[low:high], others))
    clean = np.concatenate([one.clean for one in seen])
    attacked = [one.attacked for one in seen if one.attacked is not None]
    after = np.concatenate(attacked) if attacked else None
    gains = {name: np.concatenate([one.gains[name] for one in seen]) for name in seen[0].gains}
    relevance = relevance_of(subject, sight, batch, clean)
    found = {**_of_images(relevance, clean, after), **gains}
    pair = np.stack([clean] if after is None else [clean, after], axis=1)
    name = str(shard.params[columns.THREAT])
    return Partial(
        "measured",
        numbers={
            "channels": clean.shape[1],
            "head": int(sight.relevance == "head"),
            "slope": int(sight.relevance == "slope"),
        },
        samples={
            "row": list(batch.rows),
            "label": batch.labels.tolist(),
            **{key: plain(values) for key, values in found.items()},
        },
        blobs={
            columns.blob(columns.CHANNELS, name): pair.astype(np.float32),
            columns.blob(columns.LABELS, name): np.asarray(batch.labels, np.int64),
            **_kept(sight, relevance, name),
        },
        passes=_passes(sight, len(clean), attacked=probe is not None),
        note=sight.told,
    )


def _kept(sight: Sight, relevance: Relevance | None, threat: str) -> dict[str, Array]:
    """Slopes go on to the sums; weights are found again in the file."""
    if relevance is None or sight.head is not None:
        return {}
    return {columns.blob(columns.RELEVANCE, threat): relevance.values.astype(np.float32)}


def _passes(sight: Sight, images: int, *, attacked: bool) -> dict[str, int]:
    slopes = images if sight.relevance == "slope" else 0
    return {"forward": (3 if attacked else 2) * images + 1 + slopes, "backward": slopes}


def _pieces(subject: Subject, batch: Batch, sight: Sight) -> Iterator[tuple[int, int]]:
    """Rows whose maps fit, judged by the maps of the first image."""
    size = 0

    def weigh(name: str, values: FloatArray) -> Array:
        nonlocal size
        del name
        size += values[:1].nbytes
        return np.zeros(len(values))

    subject.activations(batch.images[:1], sight.names, weigh)
    step = max(1, min(ROWS, MOST_BYTES // max(1, size)))
    for low in range(0, len(batch.rows), step):
        yield low, min(low + step, len(batch.rows))


def _pair(
    subject: Subject, sight: Sight, images: FloatArray, others: Mapping[str, FloatArray]
) -> _Seen:
    """Clean maps are held while each of the others is looked at."""
    before = subject.activations(images, sight.names, _whole)
    attacked: Floats | None = None
    gains: dict[str, Floats] = {}
    for noise, shown in others.items():
        after = subject.activations(shown, sight.names, _whole)
        for at, layer in enumerate(sight.layers):
            tensor = layer.tensor
            gains[columns.gain(noise, at)] = numbers.gain(before[tensor], after[tensor])
        if noise == columns.ATTACK:
            attacked = sight.activation(after[sight.tensor])
    return _Seen(sight.activation(before[sight.tensor]), attacked, gains)


def _whole(name: str, values: FloatArray) -> FloatArray:
    del name
    return values


def _of_images(
    relevance: Relevance | None, clean: Floats, attacked: Floats | None
) -> dict[str, Floats]:
    """Every number of an image; none for one whose activation is not finite."""
    after = clean if attacked is None else attacked
    good = numbers.finite(clean) & numbers.finite(after)
    before, after = (np.where(good[:, None], one, 0.0) for one in (clean, after))
    found: dict[str, Floats] = {} if attacked is None else _moved(before, after)
    if relevance is not None:
        told = _told(relevance, before, after)
        if attacked is None:
            told = {name: told[name] for name in _CLEAN}
        found.update(told)
    return {name: np.where(good, one, np.nan) for name, one in found.items()}


_CLEAN: Final = ("right", "clean_share", "clean_against", "clean_favour")


def _told(relevance: Relevance, before: Floats, after: Floats) -> dict[str, Floats]:
    """What the activation says for and against the true class; nothing where no channel counts."""
    counts = relevance.counts
    values = np.where(counts[:, None], relevance.values, 0.0)
    one, other = (numbers.sides(shown, values) for shown in (before, after))
    told = {
        **_against("clean", one),
        **_against("attacked", other),
        "nr_over": numbers.quotient(other.size_against, one.size_against),
        "pr_keep": numbers.quotient(other.size_favour, one.size_favour),
    }
    held = {name: np.where(counts, values, np.nan) for name, values in told.items()}
    return {"right": relevance.right, **held}


def _against(name: str, told: numbers.Sides) -> dict[str, Floats]:
    return {
        f"{name}_share": numbers.quotient(told.size_against, told.size),
        f"{name}_against": told.against,
        f"{name}_favour": told.favour,
    }


def _moved(clean: Floats, attacked: Floats) -> dict[str, Floats]:
    size, after = (np.abs(one).sum(axis=1) for one in (clean, attacked))
    return {
        "relative_change": numbers.relative_change(clean, attacked),
        "cosine": numbers.cosine(clean, attacked),
        "magnitude_ratio": numbers.quotient(after, size),
        "uniformity": numbers.evenness(attacked) - numbers.evenness(clean),
    }


def _noisy(shard: Shard, batch: Batch, probe: FloatArray | None) -> FloatArray:
    """Each image under Gaussian noise as long as its attack, or of a fixed size without one."""
    shown = np.empty(batch.images.shape, np.float32)
    wanted = None if probe is None else numbers.lengths(probe, batch.images)
    for at, (image, sample) in enumerate(zip(batch.images, batch.ids, strict=True)):
        noise = gaussian(
            image.shape, seed=shard.seed, sample=sample, stage="channels", iteration=0, draw=0
        )
        size = NOISE_STEP if wanted is None else wanted[at] / np.sqrt(np.square(noise).sum())
        shown[at] = np.clip(image + size * noise, 0.0, 1.0)
    return shown
