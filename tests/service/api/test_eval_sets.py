"""Evaluation sets: which wishes are one set, and what the reader is told."""

from pathlib import Path

import pytest

from service.core.canonical import digest
from service.intake.reading import AS_USUAL, Reading
from service.rpc import ports
from service.version import CANONICALISER
from support.api_parts import desk

FILE = b"PK\x03\x04" + bytes(60)
READINGS = (AS_USUAL, Reading("nhwc"), Reading(channels="bgr"), Reading(pixels="0-255"))


async def test_each_reading_is_a_set_of_its_own(tmp_path: Path) -> None:
    """The same bytes read otherwise are another set; read alike they are the same one."""
    async with desk(tmp_path) as at:
        file = ports.FileRef(await at.parts.keep("local", FILE), len(FILE))
        made = [
            await at.api.create_eval_set(ports.NewEvalSet(file, reading=reading))
            for reading in (*READINGS, *READINGS)
        ]
        names = [one.name for one in made]
        assert [one.reading for one in made] == [*READINGS, *READINGS]
        assert len(set(names)) == len(READINGS)
        assert names[: len(READINGS)] == names[len(READINGS) :]
        assert (await at.api.eval_set(names[1])).reading == READINGS[1]


async def test_the_usual_reading_keeps_the_ids_of_before(tmp_path: Path) -> None:
    """A set that was taken in before there was a choice is found again."""
    async with desk(tmp_path) as at:
        file = ports.FileRef(await at.parts.keep("local", FILE), len(FILE))
        made = await at.api.create_eval_set(ports.NewEvalSet(file, rows=(0, 20)))
    before = {"file": file.digest, "rows": "0:20", "reader": CANONICALISER}
    assert made.name == f"projects/local/evalSets/{digest(before)[:32]}"


async def test_what_is_withheld_is_a_set_of_its_own(tmp_path: Path) -> None:
    """Nobody who asks for the same file openly gets the withheld set, nor the other way round."""
    async with desk(tmp_path) as at:
        file = ports.FileRef(await at.parts.keep("local", FILE), len(FILE))
        wishes = [ports.NewEvalSet(file), ports.NewEvalSet(file, withheld=True)] * 2
        made = [await at.api.create_eval_set(one) for one in wishes]
        assert [one.withheld for one in made] == [False, True] * 2
        assert [one.name for one in made[:2]] == [one.name for one in made[2:]]
        assert made[0].name != made[1].name
        assert (await at.api.eval_set(made[1].name)).withheld


@pytest.mark.parametrize("reading", [AS_USUAL, Reading("nhwc", "bgr", "0-255")])
async def test_the_reader_is_told_how(tmp_path: Path, reading: Reading) -> None:
    """Layout, channels and pixels reach the child beside the rows."""
    async with desk(tmp_path) as at:
        file = ports.FileRef(await at.parts.keep("local", FILE), len(FILE))
        wish = ports.NewEvalSet(file, rows=(2, 9), reading=reading)
        made = await at.api.create_eval_set(wish)
        await at.parts.taking_in.settled("evalSets", "local", made.name.rpartition("/")[2], 5.0)
        [asked] = at.executor.asked
    assert asked.stage == "dataset"
    assert asked.body == {"rows": [2, 9], **reading.as_json()}
