"""The malformed corpus repeats, is malformed, and its runner sees a service that misbehaves."""

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from analyzers.engines.agreement import agreed
from service.errors import Code
from service.intake.convert_child import convert
from support.careless import READERS, parquet_refused, turned_down
from support.pictures import parquet_set
from tools.fuzz import onnx_seeds, outcomes, pictures, thrift, torch_seeds
from tools.fuzz.corpus import FORMATS, Input, inputs
from tools.fuzz.draws import Draw
from tools.fuzz.house import House, open_house
from tools.fuzz.outcomes import TAKEN, UNTOLD, Found, Outcome, percentile, table, verdict
from tools.fuzz.running import Wish, run
from tools.fuzz.wire import Field, fields, varint, written

MANY = 40


# --------------------------------------------------------------------------------- the corpus


@pytest.mark.parametrize("name", FORMATS)
def test_an_input_is_made_again_from_its_name(name: str) -> None:
    """Format, seed and number decide every byte; other seeds and numbers give other files."""
    one = FORMATS[name]
    held = [Input(one, 3, number).raw() for number in range(8)]
    assert held == [Input(one, 3, number).raw() for number in range(8)]
    others = [Input(one, 4, number).raw() for number in range(8)]
    assert len({*held, *others}) >= 14


@pytest.mark.parametrize("raw", onnx_seeds.models()[:-1])
def test_the_models_before_any_change_are_taken(raw: bytes) -> None:
    """Control: what is refused later is refused for its change."""
    model, check = agreed(raw)
    assert (model.classes, check.batch, check.gradient_gap) == (onnx_seeds.CLASSES, "free", "")


@pytest.mark.deep
@pytest.mark.parametrize(
    ("form", "write", "architecture"),
    [
        ("state-dict", partial(torch_seeds.state_dict, legacy=False), torch_seeds.ARCHITECTURE),
        ("state-dict", partial(torch_seeds.state_dict, legacy=True), torch_seeds.ARCHITECTURE),
        ("pt2", torch_seeds.exported, ""),
        ("torchscript", partial(torch_seeds.scripted, traced=True), ""),
    ],
)
def test_torch_files_before_any_change_are_taken(
    tmp_path: Path, form: str, write: Callable[[], bytes], architecture: str
) -> None:
    """Control: the same for what torch wrote."""
    path = tmp_path / "file"
    path.write_bytes(write())
    with path.open("rb") as file:
        body = {"format": form, "architecture": architecture}
        facts, made = convert(body, {"file": file.fileno()})
    assert set(made) == {"onnx", "weights"}
    assert facts["largest_drift"] < 1e-4


@pytest.mark.parametrize("name", READERS)
def test_inputs_are_malformed(name: str) -> None:
    """The stated share is turned down by a reader that knows the format and nothing of models."""
    found = [turned_down(READERS[name], Input(FORMATS[name], 0, at).raw()) for at in range(MANY)]
    assert sum(found) >= FORMATS[name].broken * MANY


def test_parquet_inputs_are_malformed(tmp_path: Path) -> None:
    """The same, in another process: some of these files end the library and not only the call."""
    one = FORMATS["parquet"]
    paths = [tmp_path / str(number) for number in range(MANY)]
    for number, path in enumerate(paths):
        path.write_bytes(Input(one, 0, number).raw())
    assert parquet_refused([str(path) for path in paths]) >= one.broken * MANY


def test_every_reader_has_its_format() -> None:
    """No format is left out of the two tests above."""
    assert {*READERS, "parquet"} == set(FORMATS)


def test_formats_come_by_turns_and_are_numbered() -> None:
    """Any hundred inputs hold every format, and no input comes twice."""
    found = inputs(list(FORMATS.values()), 100, seed=0)
    assert {one.format.name for one in found} == set(FORMATS)
    assert len({one.name for one in found}) == 100
    later = inputs([FORMATS["npz"]], 2, seed=0, first=7)
    assert [one.name for one in later] == ["npz-0-7", "npz-0-8"]


def test_draws_are_known() -> None:
    """The stream of a key is fixed: a kept name means the same file on every machine."""
    draw = Draw(0, "npz", 1)
    assert [draw.below(1000) for _ in range(5)] == [699, 985, 620, 491, 430]


def test_the_wire_is_read_as_it_is_written() -> None:
    """Two fields of known bytes: 300 in field 1, a block of two bytes in field 2."""
    raw = b"\x08\xac\x02\x12\x02hi"
    assert fields(raw) == [Field(1, 0, b"\xac\x02"), Field(2, 2, b"hi")]
    assert b"".join(map(written, fields(raw) or [])) == raw
    assert varint(300) == b"\xac\x02"
    assert fields(raw[:-1]) is None


# -------------------------------------------------------------------------------- the verdict


def outcome(code: str = "MODEL_BROKEN", seconds: float = 0.1, sentence: str = "No.") -> Outcome:
    """An end like any other."""
    return Outcome("npz-0-1", "npz", code, sentence, seconds)


def test_a_run_of_proper_refusals_passes() -> None:
    """Codes of files, files that were taken, and even children that died."""
    ends = [outcome(), outcome(TAKEN), outcome(Code.CHILD_CRASHED.value)]
    found = Found(ends)
    assert found.good
    assert "1 children died" in verdict(found)
    assert table(found)[-1].split()[:5] == ["all", "3", "1", "1", "1"]


@pytest.mark.parametrize(
    "end",
    [
        outcome(Code.INTERNAL.value),
        outcome(Code.CHILD_OVERFLOW.value),
        outcome(Code.UNREACHABLE.value),
        outcome(UNTOLD),
        outcome("NO_SUCH_CODE"),
        outcome(sentence="x" * 501),
        outcome(sentence="\x1b[31m"),
    ],
    ids=lambda one: f"{one.code}-{one.sentence[:4]!a}",
)
def test_one_end_that_no_file_may_have_fails_a_run(end: Outcome) -> None:
    """A fault of the service among a thousand proper refusals is enough."""
    found = Found([*[outcome()] * 1000, end])
    assert not found.good
    assert verdict(found).startswith("FAIL")


def test_late_refusals_fail_a_run() -> None:
    """Two in a hundred that take three seconds are too many; what was taken may take its time."""
    late, slow = outcome(seconds=3.0), outcome(TAKEN, seconds=9.0)
    assert not Found([*[outcome()] * 98, late, late]).good
    assert Found([*[outcome()] * 99, late, *[slow] * 50]).good


def test_an_empty_run_is_no_success() -> None:
    """Nothing sent shows nothing."""
    assert not Found().good


def test_percentiles_are_known() -> None:
    """The least value that so many do not exceed."""
    values = [float(one) for one in range(1, 201)]
    assert [percentile(values, share) for share in (0.5, 0.99, 1.0)] == [100.0, 198.0, 200.0]
    assert percentile([], 0.99) == 0.0


# -------------------------------------------------------------------------------- the service


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One service in a process of its own; the last test here kills a part of it."""
    with open_house(tmp_path_factory.mktemp("fuzz") / "home") as one:
        yield one


def some(count: int, seed: int = 0) -> list[Input]:
    """Inputs of all formats but those whose honest conversion alone takes seconds."""
    quick = [one for one in FORMATS.values() if one.name not in {"pt2", "mar", "state-dict"}]
    return inputs(quick, count, seed=seed)


def test_a_few_files_of_all_formats(house: House, tmp_path: Path) -> None:
    """Each ends in a proper code or is taken; nothing dies and nothing is left behind."""
    found = run(house, some(60), Wish(tmp_path))
    assert found.faults == []
    assert len(found.outcomes) == 60
    assert {one.format for one in found.outcomes} >= {"onnx", "npz", "png", "parquet"}
    assert sum(one.code != TAKEN for one in found.outcomes) >= 40


@pytest.mark.deep
def test_a_thousand_files(house: House, tmp_path: Path) -> None:
    """The same for a thousand, and the refusals come in time."""
    found = run(house, inputs(list(FORMATS.values()), 1000, seed=5), Wish(tmp_path))
    assert found.faults == []
    assert found.good, verdict(found)


def test_what_is_worth_a_look_is_kept(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An input that took too long stays, with how it ended; one like all others does not."""
    keep = tmp_path / "kept"
    keep.mkdir()
    (one,) = some(1)
    assert run(house, [one], Wish(tmp_path, keep)).good
    assert list(keep.iterdir()) == []
    monkeypatch.setattr(outcomes, "AIM_SECONDS", 0.0)
    assert not run(house, [one], Wish(tmp_path, keep)).good
    assert (keep / one.name).read_bytes() == one.raw()
    assert (keep / f"{one.name}.json").is_file()


def misfit(draw: Draw) -> bytes:
    """A Parquet file with one count too many in the statistics of its pictures' column."""
    del draw
    raw = parquet_set(pictures.images(), pictures.labels(), struct=False)
    (length,) = struct.unpack("<L", raw[-8:-4])
    told, _ = thrift.read(raw, len(raw) - 8 - length)
    part: Any = told
    for number in (4, 1, 3, 16, 3):  # row groups, columns, their data, sizes, levels
        held = next(one.value for one in part if one.number == number)
        part = held.values[0] if isinstance(held, thrift.Items) and number != 3 else held
    part.values.append(1)
    footer = thrift.written(told)
    return raw[: -8 - length] + footer + struct.pack("<L", len(footer)) + b"PAR1"


def test_statistics_that_do_not_fit_end_no_child(house: House, tmp_path: Path) -> None:
    """The reader never asks for what Arrow ends its process over; the control asks for it."""
    planted = FORMATS["parquet"]._replace(make=misfit)
    found = run(house, [Input(planted, 0, 0)], Wish(tmp_path))
    assert found.outcomes[0].code != Code.CHILD_CRASHED.value
    (tmp_path / "misfit").write_bytes(misfit(Draw(0)))
    program = (
        "import sys, pyarrow.parquet as p; p.read_metadata(sys.argv[1]).row_group(0).column(0)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "misfit")]
    assert subprocess.run(command, check=False, capture_output=True).returncode < 0


def test_files_left_behind_are_seen(house: House) -> None:
    """Control: a file in the spool fails a run."""
    left = house.place.home / "spool" / "planted"
    left.write_bytes(b"x")
    assert any("planted" in one for one in house.leaks())
    left.unlink()
    assert house.leaks() == []


def test_a_process_that_swells_is_seen(house: House) -> None:
    """Control: memory or files far beyond the first measure fail a run."""
    swollen = replace(house, first={"API MiB": 0, "supervisor files": -100})
    assert len(swollen.leaks()) == 2


def test_a_zygote_that_dies_is_seen(house: House) -> None:
    """Control: one that is replaced before its share of forks is used up was lost."""
    assert house.zygotes_lost() == []
    early = replace(house, zygotes={1: 0, 2: 3})
    assert early.zygotes_lost() == ["the zygote was replaced early, at input 3"]
    assert replace(house, zygotes={1: 0, 2: 200}).zygotes_lost() == []


def test_a_dead_service_ends_a_run(house: House, tmp_path: Path) -> None:
    """Control: where there is no API process any more, nothing more is sent and the run fails."""
    gone = replace(house, api=2**22 + 1)
    found = run(gone, some(20), Wish(tmp_path))
    assert found.house[0] == "the API process died"
    assert len(found.outcomes) <= 2
    assert not found.good


def test_a_supervisor_that_dies_is_seen(house: House) -> None:
    """Control: the service starts another one by itself, and it counts as a crash all the same."""
    assert house.look(61) == []
    os.kill(house.supervisor, signal.SIGKILL)
    end = time.monotonic() + 10
    while not house.look(62) and time.monotonic() < end:
        time.sleep(0.01)
    assert house.look(62) == ["the supervisor died"]
