"""Counterexamples: which are shown, how large, and what their pictures hold."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from service.report.gallery import SIDES, GalleryImages, Shown, shown
from support.evidence import counterexamples

LARGE = 1_000_000


def made(images: GalleryImages, most: int = 12, budget: int = LARGE) -> Shown:
    """A gallery that is there."""
    found = shown("key", images, most=most, budget=budget)
    assert found is not None
    return found


def pixels(address: str) -> np.ndarray:
    """The picture behind a data address, as somebody else's reader sees it."""
    return np.asarray(Image.open(BytesIO(base64.b64decode(address.partition(",")[2]))))


def one(clean: float, moved: float, channels: int = 3, side: int = 4) -> GalleryImages:
    """One counterexample of two flat pictures."""
    shape = (1, channels, side, side)
    return GalleryImages(
        np.full(shape, clean, np.float32), np.full(shape, moved, np.float32), [3], [5], "8/255"
    )


def test_four_pictures_an_example() -> None:
    """Clean, adversarial, difference and spectrum, in this order, under keys of their own."""
    found = made(one(100 / 255, 108 / 255))
    item = found.view["data"]["items"][0]
    names = ["clean", "adversarial", "difference", "spectrum"]
    assert item["images"] == [f"key/0/{name}" for name in names]
    assert item["roles"] == ["clean", "adversarial", "difference ×15", "spectrum"]
    assert item["caption"] == "class 3 → class 5"
    assert item["detail"] == "Linf distance 8/255 · example 1"
    assert pixels(found.pictures["key/0/clean"])[0, 0].tolist() == [100, 100, 100]
    assert pixels(found.pictures["key/0/adversarial"])[0, 0].tolist() == [108, 108, 108]


def test_differences_are_amplified_around_grey() -> None:
    """8/255 fits 15 times between grey and white; the legend says so."""
    found = made(one(100 / 255, 108 / 255))
    # Mid-grey is 127.5, so the sum lies between two whole numbers.
    assert set(pixels(found.pictures["key/0/difference"]).ravel()) <= {247, 248}
    assert "amplified 15 times" in found.view["caption"]
    assert "ε = 8/255" in found.view["caption"]


def test_no_difference_is_grey() -> None:
    """Two equal pictures differ by nothing, amplified or not."""
    found = made(one(0.25, 0.25))
    assert set(pixels(found.pictures["key/0/difference"]).ravel()) == {128}


def test_eight_bit_and_float_pictures_agree() -> None:
    """The same clean pixels give the same picture, whichever way they come."""
    images = counterexamples(1)
    floats = GalleryImages(
        (images.clean / 255.0).astype(np.float32), images.adversarial, images.labels
    )
    assert made(images).pictures["key/0/clean"] == made(floats).pictures["key/0/clean"]


@pytest.mark.parametrize(
    ("channels", "shape"), [(1, (4, 4)), (2, (4, 4)), (3, (4, 4, 3)), (5, (4, 4, 3))]
)
def test_other_numbers_of_channels(channels: int, shape: tuple[int, ...]) -> None:
    """One or two channels show as grey, more than three show the first three."""
    assert pixels(made(one(0.1, 0.2, channels)).pictures["key/0/clean"]).shape == shape


def test_large_pictures_are_thinned() -> None:
    """A side beyond the limit shows every k-th pixel and says so."""
    found = made(one(0.1, 0.2, side=300))
    assert max(pixels(found.pictures["key/0/clean"]).shape) <= SIDES[0]
    assert "one in 3 is shown" in found.view["caption"]
    assert "is shown" not in made(one(0.1, 0.2)).view["caption"]


def test_classes_take_turns() -> None:
    """Each class is shown once before any is shown twice; equal distances keep their order."""
    shape = (5, 1, 2, 2)
    images = GalleryImages(
        np.zeros(shape, np.uint8), np.ones(shape, np.float32), [7, 7, 7, 2, 2], [0] * 5
    )
    items = made(images).view["data"]["items"]
    assert [item["images"][0] for item in items] == [f"key/{row}/clean" for row in (0, 3, 1, 4, 2)]


def test_images_that_kept_their_label_are_no_counterexamples() -> None:
    """An image whose answer did not change is left out; alone, it leaves nothing to show."""
    images = one(0.1, 0.2)
    kept = GalleryImages(images.clean, images.adversarial, [5], [5])
    assert shown("key", kept, most=12, budget=LARGE) is None


def test_most_and_budget_hold() -> None:
    """No more examples than asked for, and no more bytes than allowed."""
    images = counterexamples(14)
    assert len(made(images, most=3).pictures) == 12
    one_size = made(images, most=1).size
    squeezed = made(images, budget=int(2.5 * one_size))
    assert squeezed.size <= 2.5 * one_size
    assert 1 <= len(squeezed.view["data"]["items"]) <= 2
    assert squeezed.examples == len(squeezed.view["data"]["items"])
    assert shown("key", images, most=12, budget=10) is None
    assert shown("key", images, most=0, budget=LARGE) is None


def test_shapes_that_do_not_fit_show_nothing() -> None:
    """Pictures of unequal shape, or without four axes, are no gallery and no error."""
    good = one(0.1, 0.2)
    other = np.zeros((1, 3, 5, 5), np.float32)
    assert shown("k", GalleryImages(good.clean, other, [1]), most=12, budget=LARGE) is None
    flat = np.zeros((1, 3), np.float32)
    assert shown("k", GalleryImages(flat, flat, [1]), most=12, budget=LARGE) is None


def test_pixels_that_are_no_numbers_do_not_stop_a_page() -> None:
    """NaN and infinities in an adversarial image are drawn as black and white."""
    images = one(0.5, float("nan"))
    assert set(pixels(made(images).pictures["key/0/adversarial"]).ravel()) == {0}


def test_the_nearest_come_first() -> None:
    """Within a turn of the classes the smallest change leads, whatever order they come in."""
    clean = np.zeros((4, 1, 2, 2), np.uint8)
    steps = np.array([8, 2, 4, 6])[:, None, None, None]
    moved = np.broadcast_to(steps / 255, clean.shape).astype(np.float32)
    images = GalleryImages(clean, moved, [1, 1, 1, 2], [0] * 4)
    items = made(images).view["data"]["items"]
    assert [item["cells"][3] for item in items] == ["2/255", "6/255", "4/255", "8/255"]


@pytest.mark.parametrize(
    ("norm", "told"), [("Linf", "51/255"), ("L2", "0.8"), ("L1", "3.2"), ("L0", "51/255")]
)
def test_distances_are_those_of_the_norm(norm: str, told: str) -> None:
    """Sixteen pixels, each a fifth darker: the largest, the root of squares, the sum."""
    images = one(0.6, 0.4, channels=1)
    found = made(GalleryImages(images.clean, images.adversarial, [3], [5], norm=norm))
    assert found.view["data"]["items"][0]["cells"][3] == told


def test_a_wave_has_two_bright_places() -> None:
    """The spectrum of one wave is white at its frequency and its mirror, black elsewhere."""
    wave = np.cos(2 * np.pi * 3 * np.arange(16) / 16)
    clean = np.full((1, 1, 16, 16), 0.5, np.float32)
    moved = (clean + 0.1 * wave).astype(np.float32)
    seen = pixels(made(GalleryImages(clean, moved, [3], [5])).pictures["key/0/spectrum"])
    bright = [tuple(map(int, place)) for place in np.argwhere(seen > 200)]
    assert bright == [(8, 5), (8, 11)]
    assert np.count_nonzero(seen) == 2


def test_no_difference_has_no_spectrum() -> None:
    """Two equal pictures have a black spectrum."""
    assert not pixels(made(one(0.25, 0.25)).pictures["key/0/spectrum"]).any()


def test_a_large_spectrum_keeps_its_peaks() -> None:
    """Where pixels share a cell the largest is shown: a single wave does not fall through."""
    wave = np.cos(2 * np.pi * 5 * np.arange(300) / 300)
    clean = np.full((1, 1, 300, 300), 0.5, np.float32)
    moved = (clean + 0.1 * wave).astype(np.float32)
    seen = pixels(made(GalleryImages(clean, moved, [3], [5])).pictures["key/0/spectrum"])
    assert seen.shape == (100, 100)
    assert np.count_nonzero(seen > 200) == 2


def test_pictures_shrink_before_examples_go() -> None:
    """A tight budget first costs pixels, then examples."""
    images = counterexamples(6)
    large = GalleryImages(
        np.repeat(np.repeat(images.clean, 4, 2), 4, 3),
        np.repeat(np.repeat(images.adversarial, 4, 2), 4, 3),
        images.labels,
        images.predicted,
    )
    whole = made(large)
    small = made(large, budget=whole.size // 2)
    assert small.examples == whole.examples
    assert "is shown." in small.view["caption"]
    assert "is shown." not in whole.view["caption"]


def test_a_gallery_says_of_how_many() -> None:
    """The counted breaks, the rows, the stages and the files stand in its table."""
    images = one(0.25, 0.5)
    told = GalleryImages(
        images.clean,
        images.adversarial,
        [3],
        [5],
        rows=[17],
        stages=["margin"],
        files=["row00017.npy"],
        counted=879,
    )
    view = made(told).view
    assert "1 of 879 images broken at some depth" in view["caption"]
    cells = view["data"]["items"][0]["cells"]
    assert cells == ["row 17", "class 3", "class 5", "63.8/255", "margin", "row00017.npy"]
    assert len(cells) == len(view["data"]["columns"])
