"""Models that hear known frequencies: the lens names them, through its whole course."""

import numpy as np
import pytest

from analyzers.attacks.losses import cross_entropy
from analyzers.behaviour.frequency.answers import answers
from analyzers.behaviour.frequency.columns import table
from analyzers.behaviour.frequency.course import CELLS
from analyzers.behaviour.frequency.frequency_child import measure
from analyzers.behaviour.frequency.maps_child import Wave, seen_with
from analyzers.behaviour.frequency.spectra import power, radii
from analyzers.behaviour.frequency.waves import cells, half_plane, norm_of
from analyzers.contract import FloatArray, Subject, Unit
from support.frequencies import (
    THREAT,
    Answering,
    Audit,
    Through,
    block,
    coarse,
    fine,
    mild,
    one_wave,
    shard,
    stripes,
)
from support.graphs import noise
from support.subjects import silent

SHAPE = (3, 32, 32)
BANDS = ("0-3", "3-6", "6-9", "9-12", "12-16", "16-22.6")


def whole(images: FloatArray) -> FloatArray:
    """All of the pictures."""
    return images


def changes_under(subject: Subject, images: FloatArray, *, late: bool) -> FloatArray:
    """The change of the logits under every wave of the half plane, all signs being +1."""
    batch = block(images, np.zeros(len(images), np.int64))
    clean = answers(subject.predict(images), batch.labels)
    signs = np.ones(images.shape[:2], np.float32)
    found: list[float] = []
    for place in half_plane(*images.shape[2:]):
        places = np.repeat(place[None], len(images), axis=0)
        wave = Wave(places, np.full(len(images), late), signs)
        found.append(float(seen_with(subject, batch, clean, wave).change.mean()))
    return np.array(found, np.float32)


def test_a_model_of_one_wave_hears_that_wave_alone() -> None:
    """F = [<b, x>, -<b, x>] with b = U(5, 3): eps sqrt 2 at (5, 3), nothing elsewhere."""
    found = changes_under(one_wave((5, 3)), mild(1, SHAPE), late=False)
    places = half_plane(32, 32).tolist()
    at = places.index([5, 3])
    assert found[at] == pytest.approx(4 * 2**0.5, abs=1e-5)
    assert np.delete(found, at) == pytest.approx(0, abs=1e-5)


def test_one_phase_would_miss_the_other() -> None:
    """The trap: a model of the wave a quarter later answers nothing to phase 0."""
    subject, at = one_wave((5, 3), phase=np.pi / 2), half_plane(32, 32).tolist().index([5, 3])
    assert changes_under(subject, mild(1, SHAPE), late=False)[at] == pytest.approx(0, abs=1e-5)
    found = changes_under(subject, mild(1, SHAPE), late=True)
    assert found[at] == pytest.approx(4 * 2**0.5, abs=1e-5)


@pytest.mark.parametrize("phase", [0.0, np.pi / 2])
def test_the_polar_map_hears_both_phases(phase: float) -> None:
    """A model of one wave in either phase answers in the ring of its radius and in no other."""
    audit = Audit(one_wave((1, 0), phase=phase), mild(40, SHAPE)).run()
    change = [audit.value("logit_change", band=band) for band in BANDS]
    assert change[0] > 0.05
    assert change[1:] == pytest.approx(np.zeros(5), abs=1e-4)


def test_the_slope_of_one_wave_lies_at_its_place() -> None:
    """The slope's spectrum has power at (5, 3) and (27, 29) only, so its centroid is sqrt 34."""
    subject, images = one_wave((5, 3)), mild(20, SHAPE)
    gradient = subject.gradient
    assert gradient is not None
    slope = gradient.step(images[:1], np.zeros(1, np.int64), cross_entropy).slope
    spectrum = power(slope)[0]
    held = np.argwhere(spectrum > 1e-9 * spectrum.max()).tolist()
    assert held == [[5, 3], [27, 29]]
    audit = Audit(subject, images).run()
    assert audit.value("gradient_centroid") == pytest.approx(34**0.5, rel=1e-4)


def test_a_model_behind_a_coarse_cut_hears_nothing_finer() -> None:
    """g(x) = f(LP(x)) below 6 cycles: no finer wave moves a logit, no finer cut an answer."""
    audit = Audit(Through(coarse(5.9 / 16), SHAPE), mild(60, SHAPE)).run()
    assert [audit.value("excess_error", band=band) for band in BANDS[2:]] == [0, 0, 0, 0]
    moved = [audit.value("logit_change", band=band) for band in BANDS]
    assert moved[2:] == pytest.approx([0] * 4, abs=1e-5)
    assert min(moved[:2]) > 0.1
    assert audit.value("excess_error", band="0-3") > 0.1
    for radius in ("6", "8", "12", "16"):
        assert audit.value("lowpass_retention", radius=radius) == 1
    assert audit.value("lowpass_retention", radius="2") < 1
    assert audit.value("clip_share", of="map") == 0


def test_a_model_behind_a_fine_cut_hears_nothing_coarser() -> None:
    """g(x) = f(HP_9(x)): the other way round."""
    audit = Audit(Through(fine(9 / 16), SHAPE), mild(60, SHAPE)).run()
    moved = [audit.value("logit_change", band=band) for band in BANDS]
    assert moved[:3] == pytest.approx([0] * 3, abs=1e-5)
    assert min(moved[3:]) > 0.1
    assert [audit.value("excess_error", band=band) for band in BANDS[:3]] == [0, 0, 0]
    assert audit.value("excess_error", band="12-16") > 0.1
    assert audit.value("highpass_retention", radius="8") == 1
    assert audit.value("highpass_retention", radius="12") < 1
    assert audit.value("high_reliance") == 1
    assert audit.value("low_fragility") < 0


def test_a_change_is_the_mean_of_its_two_phases() -> None:
    """A grey picture that drew the wave itself answers eps sqrt 2 in one phase, 0 in the other."""
    shape = (1, 8, 8)
    every = cells(8, 8, 4)
    number = next(at for at, one in enumerate(every) if [2, 1] in one.members.tolist())
    unit = Unit((0, 40), {"look": CELLS, "turns": 4, "cells": [number]})
    batch = block(mild(40, shape), np.zeros(40, np.int64))
    part = measure(shard(unit, {}), one_wave((2, 1), shape), batch, {}, silent)
    heard = 0.5 * norm_of(8, 8) * 2**0.5
    found = np.array(part.samples[f"change:{number}"])
    drew = found > 0.5 * heard
    assert found[drew] == pytest.approx(heard, abs=1e-4)
    assert found[~drew] == pytest.approx(0, abs=1e-5)
    assert drew.any()


def test_a_constant_model_has_a_flat_map() -> None:
    """Its error is the same in every cell, so nothing comes on top; its logits do not move."""
    labels = np.arange(40, dtype=np.int64) % 4
    subject = Answering(lambda images: np.tile([2.0, 1.0, 0.0, 0.0], (len(images), 1)), SHAPE, 4)
    audit = Audit(subject, mild(40, SHAPE), labels).run()
    names = [f"wrong:{cell}" for cell in range(24)]
    shown = [one for one in audit.done if one.unit.params["look"] == CELLS]
    wrong = table(shown, names)
    assert (wrong == 2 * (labels != 0)[:, None]).all()
    assert audit.value("logit_change", band="0-3") == 0
    assert audit.one("peak_error").outcome == "not_applicable", "it is at chance"
    assert audit.one("gradient_centroid").outcome == "not_available"


def test_an_even_model_does_not_feel_the_sign() -> None:
    """One that looks at distances from grey answers alike to a wave and to its negative."""
    rng = np.random.default_rng(3)
    weight = rng.normal(size=(3 * 32 * 32, 3))
    subject = Answering(lambda x: np.square((x - 0.5).reshape(len(x), -1)) @ weight, SHAPE, 3)
    grey = np.full((2, *SHAPE), 0.5, np.float32)
    batch = block(grey, np.zeros(2, np.int64))
    clean = answers(subject.predict(grey), batch.labels)
    places, quarter = np.array([[5, 3], [2, 9]]), np.array([False, True])
    signs = np.array([[1, -1, 1], [1, 1, 1]], np.float32)
    one = seen_with(subject, batch, clean, Wave(places, quarter, signs))
    other = seen_with(subject, batch, clean, Wave(places, quarter, -signs))
    assert one.change == pytest.approx(other.change)
    assert one.change.min() > 0.1


def test_what_is_added_to_all_logits_is_no_change() -> None:
    """A shift of all classes with the brightness of the picture changes no answer."""

    def shifted(images: FloatArray) -> FloatArray:
        bright = images.std(axis=(1, 2, 3))[:, None]
        return (np.array([[2.0, 0.0, -1.0]]) + 100 * bright).astype(np.float32)

    audit = Audit(Answering(shifted, SHAPE, 3), mild(20, SHAPE)).run()
    assert audit.value("logit_change", band="3-6") == pytest.approx(0, abs=1e-4)


def test_white_changes_are_spread_as_the_area() -> None:
    """Noise under attack: centroid 12.25 +- .1 and .192 low, which is once the area's share."""
    images = mild(60, SHAPE)
    drawn = np.random.default_rng(5).normal(size=images.shape) * 0.01
    audit = Audit(Through(whole, SHAPE), images, moved=(images + drawn).astype(np.float32))
    audit.run()
    assert audit.value("perturbation_centroid", threat=THREAT) == pytest.approx(12.25, abs=0.1)
    share = audit.one("perturbation_low_share", threat=THREAT)
    assert share.value == pytest.approx(0.192, rel=0.02)
    assert "197 of 1024 frequencies, a share of 0.192" in share.note
    assert audit.value("relative_centroid", threat=THREAT) == pytest.approx(12.25, abs=0.3)


def test_an_offset_under_attack_is_all_low() -> None:
    """The same added everywhere: share 1, centroid 0; images that did not move are left out."""
    images = mild(40, SHAPE)
    moved = images.copy()
    moved[:30] += np.float32(0.125)
    audit = Audit(Through(whole, SHAPE), images, moved=moved).run()
    centroid = audit.one("perturbation_centroid", threat=THREAT)
    assert centroid.value == pytest.approx(0, abs=1e-3)
    assert centroid.counts == {"images": 30}
    share = audit.one("perturbation_low_share", threat=THREAT)
    assert share.value == pytest.approx(1, abs=1e-6)
    assert "5.2 times that" in share.note, "1 / .192"


def test_power_held_against_the_picture_shows_what_the_plain_one_hides() -> None:
    """A change like a coarse picture plus little fine noise: low by itself, fine beside it."""
    pictures = 0.5 + 4 * (coarse(0.25)(noise(40, SHAPE)) - 0.5)
    images = (pictures + 0.002 * np.random.default_rng(1).normal(size=pictures.shape)).astype(
        np.float32
    )
    wave = stripes((2, 1), SHAPE) + 0.2 * stripes((10, 10), SHAPE)
    moved = (images + 0.5 * wave).astype(np.float32)
    audit = Audit(Through(whole, SHAPE), images, moved=moved).run()
    assert audit.value("perturbation_low_share", threat=THREAT) > 0.9
    assert audit.value("relative_low_share", threat=THREAT) < 0.2


def test_a_model_is_shown_pixels_only() -> None:
    """Cuts of sharp pictures swing beyond black and white: clipped before the model, and told."""
    ends = set[float]()

    def watched(images: FloatArray) -> FloatArray:
        ends.update((float(images.min()), float(images.max())))
        return np.tile(np.array([[1.0, 0.0]], np.float32), (len(images), 1))

    sharp = np.rint(noise(20, (1, 16, 16)))
    audit = Audit(Answering(watched, (1, 16, 16), 2), sharp, np.zeros(20, np.int64)).run()
    assert (min(ends), max(ends)) == (0, 1)
    assert audit.value("clip_share", of="low-pass") > 0.01
    assert audit.value("clip_share", of="high-pass") > 0.1
    assert audit.value("clip_share", of="map") > 0.4


def test_all_waves_one_by_one() -> None:
    """The full plan shows 34 waves of 8 by 8 pixels; only those that are heard add errors."""
    shape = (1, 8, 8)
    subject, images = Through(coarse(0.5), shape), mild(60, shape)
    labels = subject.predict(images).argmax(axis=1).astype(np.int64)
    labels[:9] = (labels[:9] + 1) % 4  # what is wrong without a wave is not the wave's doing
    audit = Audit(subject, images, labels, config={"plan": "full"}).run()
    found = audit.one("map_peak")
    assert found.counts == {"images": 60, "waves": 34}
    assert found.value is not None
    assert found.value > 0.1
    assert found.view is not None
    picture = np.fft.ifftshift(np.array(found.view.data["values"], np.float64))
    assert picture[radii(8, 8) > 2] == pytest.approx(0)
    assert picture.max() == found.value
    places = half_plane(8, 8)
    mirrored = picture[-places[:, 0] % 8, -places[:, 1] % 8]
    assert picture[places[:, 0], places[:, 1]] == pytest.approx(mirrored)


def test_orientations_are_kept_apart() -> None:
    """A model of one wave that varies down answers in that direction only."""
    subject = one_wave((4, 0))
    audit = Audit(subject, mild(40, SHAPE)).run()
    every = cells(32, 32, 4)
    columns = table(
        [one for one in audit.done if one.unit.params["look"] == CELLS],
        [f"change:{place}" for place in range(len(every))],
    ).mean(axis=0)
    heard = [(one.band, one.turn) for one, got in zip(every, columns, strict=True) if got > 1e-4]
    assert heard == [(1, 2)]
