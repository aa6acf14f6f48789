"""Every counted break replays from its files in a process of its own, and nothing else does."""

import io
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from analyzers.contract import Array, Depth
from service.witnesses.index import Entry, Index, read_index
from service.witnesses.pictures import NPY, packed, pixels_digest, unpacked
from support.command_line import COMMAND, IMPORTS, NETS, NORMAL, ROBUST, on, read, save

COUNT = 20
SHAPE = (3, 32, 32)


def assay(*words: str) -> subprocess.CompletedProcess[str]:
    """A verb in a process of its own, which joins nothing and knows no service."""
    environment = {**os.environ, "PYTHONPATH": IMPORTS, "ASSAY_HOME": "/nonexistent/home"}
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, check=False, env=environment
    )


def audited(folder: Path, model: str, out: Path, *words: str) -> Path:
    """The witnesses of a finished audit of the first pictures of a folder."""
    ran = subprocess.run(
        [*COMMAND, *on(folder, "audit", model, f"[0:{COUNT}]"), *words, "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return out / "witnesses"


@pytest.fixture(scope="module")
def witnesses(home: Path, folder: Path) -> Path:
    """Those of the demo's normal net, which almost every picture breaks."""
    return audited(folder, NORMAL, home / "replayed")


@pytest.fixture
def own(witnesses: Path, tmp_path: Path) -> Path:
    """A copy of them that a test may change."""
    return Path(shutil.copytree(witnesses, tmp_path / "witnesses"))


def index_of(folder: Path) -> Index:
    """The index of a folder."""
    return read_index((folder / "index.json").read_bytes())


def forge(folder: Path, entry: Entry, picture: Array, *, told: bool) -> None:
    """Put another picture of 8 bits in a witness's place; ``told``: into the index as well."""
    file = entry.files["8-bit"]
    (folder / file.name).write_bytes(packed(picture)[1])
    if told:
        path = folder / "index.json"
        path.write_text(path.read_text().replace(file.pixels, pixels_digest(picture)))


def codes(folder: Path, name: str) -> Array:
    """A picture of 8 bits."""
    return unpacked(name, (folder / name).read_bytes(), SHAPE, "uint8")


def lossy(picture: Array) -> Array:
    """What a JPEG keeps of a picture."""
    whole = io.BytesIO()
    Image.fromarray(picture.transpose(1, 2, 0)).save(whole, "JPEG", quality=90)
    return np.asarray(Image.open(whole)).transpose(2, 0, 1).copy()


def table(printed: str) -> list[dict[str, str]]:
    """The rows of the table that was printed."""
    lines = [line.split() for line in printed.splitlines()]
    head = next(line for line in lines if line[:2] == ["ROW", "DEPTH"])
    return [dict(zip(head, line, strict=True)) for line in lines if len(line) == len(head)][1:]


def measured(report: Path, metric: str) -> list[dict[str, Any]]:
    """The measurements of a metric."""
    found = read(report / "evidence.json")["facts"]["measurements"]
    return [one for one in found if one["metric"] == metric]


def broken(report: Path) -> dict[str, int]:
    """How many images an attack broke, by depth: those that fell but were right before."""
    [clean] = measured(report, "accuracy")
    wrong = round((1 - clean["value"]) * COUNT)
    tallies = {one["scope"]["depth"]: one["counts"] for one in measured(report, "robust_accuracy")}
    return {
        depth: told["prefix"] - told["standing"] - told["pending"] - wrong
        for depth, told in tallies.items()
    }


def test_every_counted_break_replays_from_its_files(witnesses: Path) -> None:
    """All breaks of the audit are there at both depths, and a fresh process finds each again."""
    index = index_of(witnesses)
    [threat] = index.counted
    assert threat.broken == threat.here == len(index.witnesses) > COUNT // 2
    assert broken(witnesses.parent) == {
        depth: sum(depth in one.files for one in index.witnesses) for depth in ("float32", "8-bit")
    }
    found = assay("replay", str(witnesses), "--model", NORMAL)
    assert found.returncode == 0, found.stdout + found.stderr
    assert found.stdout.startswith("This is the audited model")
    rows = table(found.stdout)
    files: list[tuple[Entry, Depth]] = [
        (one, depth) for one in index.witnesses for depth in one.files
    ]
    assert {depth for _, depth in files} == {"float32", "8-bit"}
    assert [(row["ROW"], row["DEPTH"]) for row in rows] == [
        (str(one.row), depth) for one, depth in files
    ]
    for row, (one, depth) in zip(rows, files, strict=True):
        assert row["LABEL"] == row["CLEAN"] == str(one.label)
        assert row["WITNESS"] == str(one.became[depth]) != row["LABEL"]
        assert (row["INSIDE"], row["BROKEN"]) == ("yes", "yes")
    assert found.stdout.splitlines()[-1] == f"{len(files)} of {len(files)} pictures replay."


def test_what_is_no_witness_does_not_replay(own: Path) -> None:
    """A pixel out of the ball, a clean picture, a lossy copy, other floats: each is told, exit 6.

    The index is changed along where that is possible, so that each check bites by itself; the
    rows that nobody touched replay beside them.
    """
    index = index_of(own)
    out, clean, jpeg, exact, jpeg_told, *untouched = index.witnesses
    moved = codes(own, out.files["8-bit"].name)
    centre = int(codes(own, out.clean.name)[0, 0, 0])
    moved[0, 0, 0] = centre + 9 if centre < 200 else centre - 9
    forge(own, out, moved, told=True)
    forge(own, clean, codes(own, clean.clean.name), told=True)
    forge(own, jpeg, lossy(codes(own, jpeg.files["8-bit"].name)), told=False)
    forge(own, jpeg_told, lossy(codes(own, jpeg_told.files["8-bit"].name)), told=True)
    floats = own / exact.files["float32"].name
    assert floats.suffix == NPY
    floats.write_bytes(floats.read_bytes()[:-4] + np.float32(0.5).tobytes())
    found = assay("replay", str(own), "--model", NORMAL)
    assert found.returncode == 6
    said = [line for line in found.stdout.splitlines() if line.startswith("Row ")]
    told = {line.split(":")[0]: line for line in said}
    assert "outside 8/255" in told[f"Row {out.row}, 8-bit"]
    assert "names the right class" in told[f"Row {clean.row}, 8-bit"]
    assert "was changed" in told[f"Row {jpeg.row}, 8-bit"]
    assert "outside 8/255" in told[f"Row {jpeg_told.row}, 8-bit"]
    assert "was changed" in told[f"Row {exact.row}, float32"]
    assert len(told) == 5
    assert untouched


@pytest.mark.deep
def test_another_model_may_be_asked_and_is_called_that(witnesses: Path, folder: Path) -> None:
    """An old witness on a new release: said plainly, with the clean picture out of the data."""
    row = index_of(witnesses).witnesses[3].row
    data = ["--data", str(folder / "shapes.npz")]
    found = assay("replay", f"{witnesses}#{row}", "--model", ROBUST, *data)
    assert found.stdout.startswith("This is another model")
    assert [one["ROW"] for one in table(found.stdout)] == [str(row)] * 2
    assert found.returncode == (0 if all(x["BROKEN"] == "yes" for x in table(found.stdout)) else 6)
    other = assay(
        "replay",
        f"{witnesses}#{row}",
        "--model",
        NORMAL,
        "--data",
        f"{folder / 'shapes.npz'}[90:99]",
    )
    assert other.returncode == 6
    assert "hold no such picture" in other.stdout


@pytest.mark.deep
@pytest.mark.usefixtures("home")
def test_weights_under_a_normalisation_replay_as_they_were_audited(
    folder: Path, tmp_path: Path
) -> None:
    """Architecture and preprocessing come from the index, which needs no service."""
    model = str(NETS / "normal.safetensors")
    architecture = json.loads((NETS / "nets.json").read_text())["architecture"]
    spec = ["--arch", architecture, "--normalize", "0.02,0.02,0.02/0.98,0.98,0.98"]
    place = audited(folder, model, tmp_path / "out", *spec)
    found = assay(
        "replay", str(place), "--model", model, "--row", str(index_of(place).witnesses[0].row)
    )
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.deep
@pytest.mark.usefixtures("home")
def test_pictures_that_are_no_codes_replay_from_exact_numbers(folder: Path, tmp_path: Path) -> None:
    """Float data off the grid of 8 bits: no PNG at all, and the arrays alone suffice."""
    with np.load(folder / "shapes.npz") as held:
        images = np.clip(held["images"] / np.float32(255) * np.float32(0.99), 0, 1)
        save(tmp_path / "shapes.npz", images=images.astype(np.float32), labels=held["labels"])
    (tmp_path / "policy.yaml").write_text((folder / "policy.yaml").read_text())
    place = audited(tmp_path, NORMAL, tmp_path / "out")
    assert not list(place.glob("*.png"))
    found = assay("replay", str(place), "--model", NORMAL)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.deep
def test_a_hostile_file_is_no_model(witnesses: Path, tmp_path: Path) -> None:
    """What cannot be a model is refused with its code, as in an audit."""
    (tmp_path / "model.onnx").write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")
    found = assay("replay", str(witnesses), "--model", str(tmp_path / "model.onnx"))
    assert found.returncode == 5
    assert "Traceback" not in found.stderr
