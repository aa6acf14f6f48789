"""Files of a folder against their index: missing, changed and exchanged ones are doubts."""

from pathlib import Path

import numpy as np
import pytest

from analyzers.pictures import sample_id
from service.witnesses.exhibits import Exhibit, exhibit, found_in, kept_beside
from service.witnesses.index import Entry
from service.witnesses.pictures import packed
from support.witnesses import data_card, picture, written

CLEAN = picture(0)
MOVED = CLEAN + np.uint8(8)


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    """A witness whose files lie in the folder."""
    return written(tmp_path, CLEAN, MOVED)


def shown(folder: Path, entry: Entry) -> Exhibit:
    """The witness with the clean picture from beside it."""
    return exhibit(folder, data_card(), entry, "8-bit", kept_beside(folder, data_card()))


def test_untouched_files_raise_no_doubt(tmp_path: Path, entry: Entry) -> None:
    """Both pictures come back, and the model sees them as the service would show them."""
    found = shown(tmp_path, entry)
    assert not found.doubts
    assert np.array_equal(found.picture, MOVED)
    assert np.array_equal(found.seen, MOVED.astype(np.float32) / np.float32(255))
    assert np.array_equal(found.clean, CLEAN)


def test_one_step_of_one_pixel_is_seen(tmp_path: Path, entry: Entry) -> None:
    """A witness with other numbers is not the audit's, though it still may break the model."""
    lossy = MOVED.copy()
    lossy[0, 0, 0] -= 1
    (tmp_path / entry.files["8-bit"].name).write_bytes(packed(lossy)[1])
    assert shown(tmp_path, entry).doubts == ["the witness was changed since the audit counted it"]


@pytest.mark.parametrize("what", ["clean", "label"])
def test_another_clean_picture_or_label_is_seen(tmp_path: Path, entry: Entry, what: str) -> None:
    """Moving the centre of the ball, or the label, would make a break of anything."""
    if what == "clean":
        (tmp_path / entry.clean.name).write_bytes(packed(MOVED)[1])
    else:
        entry = entry.model_copy(update={"label": 2})
    [doubt] = shown(tmp_path, entry).doubts
    assert "not the one that was audited" in doubt


@pytest.mark.parametrize("damage", ["missing", "cut", "large", "folder"])
def test_unreadable_files_are_told_and_replay_nothing(
    tmp_path: Path, entry: Entry, damage: str
) -> None:
    """Each way to have no witness ends in a doubt that names it, never in an error."""
    path = tmp_path / entry.files["8-bit"].name
    raw = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(raw[:50])
    elif damage == "large":
        path.write_bytes(raw + bytes(1 << 20))
    elif damage == "folder":
        path.mkdir()
    found = shown(tmp_path, entry)
    assert "the witness cannot be read" in found.doubts[0]
    assert np.array_equal(found.picture, CLEAN)


def test_clean_pictures_are_looked_up_in_data_by_what_they_are(tmp_path: Path) -> None:
    """Order and slice of the data do not matter; a picture that is not there is a doubt."""
    entry = written(tmp_path, CLEAN, MOVED)
    (tmp_path / entry.clean.name).unlink()
    images = np.stack([picture(1), CLEAN])
    names = [sample_id(images[0], 1), sample_id(images[1], 1)]
    there = exhibit(tmp_path, data_card(), entry, "8-bit", found_in(images, names))
    absent = exhibit(tmp_path, data_card(), entry, "8-bit", found_in(images[:1], names[:1]))
    assert not there.doubts
    assert "hold no such picture" in absent.doubts[0]
