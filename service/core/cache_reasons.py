"""Why a unit was not known: what differs from what is kept."""

from collections.abc import Mapping, Sequence
from typing import Final

from analyzers.contract import Json, Shard

NEVER: Final = "never measured in this project"
NOT_REACHED: Final = "other images, another pass or another start: not measured before"
LOST: Final = "it was measured, but its files are gone from the store"
LEFT_OUT: Final = "the cache was left out as asked"

_PART_OF_THE_WORK = ("rows", "params", "inputs")
_OF_THE_MODEL = ("batch", "gradient")
"""What the engine's name says about the model: beside another model it is no change of its own."""
_UNSET = "unset"
_MOST_TOLD = 4
_LONGEST = 40

Circumstances = Mapping[str, Json]
"""A shard without its part of the work: all units of one attack in one audit share them."""


def circumstances(shard: Shard) -> Circumstances:
    """What a result is kept under, besides the part of the work that it answers."""
    body = shard.as_json()
    return {name: body[name] for name in body if name not in _PART_OF_THE_WORK}


def reason(wanted: Circumstances, kept: Sequence[Circumstances]) -> str:
    """Why nothing answered, held against what is kept of the same analyzer, newest first."""
    if not kept:
        return NEVER
    near = min((_differences(one, wanted) for one in kept), key=_distance)
    return " and ".join(_told(name, changed) for name, changed in near.items()) or NOT_REACHED


Changes = Mapping[str, tuple[str, str]]
"""What differs within a field, before and now."""


def _differences(old: Circumstances, new: Circumstances) -> dict[str, Changes]:
    """Field by field; those that make more of a difference come first."""
    found = {
        "subject": _changed({"": old["subject"]}, {"": new["subject"]}),
        "data": _changed({"": old["data"]}, {"": new["data"]}),
        "config": _changed(old["config"], new["config"]),
        "version": _changed({"": old["version"]}, {"": new["version"]}),
        "engine": _changed(_parts(old["engine"]), _parts(new["engine"])),
        "seed": _changed({"": old["seed"]}, {"": new["seed"]}),
    }
    if found["subject"]:
        engine = found["engine"].items()
        found["engine"] = {name: one for name, one in engine if name not in _OF_THE_MODEL}
    return {name: changes for name, changes in found.items() if changes}


def _distance(found: Mapping[str, Changes]) -> tuple[int, list[bool]]:
    """Fewer changes are nearer, each setting for itself; of as many, the same model comes first."""
    count = sum(len(one) if name == "config" else 1 for name, one in found.items())
    return count, [name in found for name in ("subject", "data", "config", "version", "engine")]


def _changed(old: Mapping[str, Json], new: Mapping[str, Json]) -> Changes:
    pairs = {name: (old.get(name, _UNSET), new.get(name, _UNSET)) for name in sorted({*old, *new})}
    return {name: (_short(was), _short(now)) for name, (was, now) in pairs.items() if was != now}


def _parts(engine: str) -> dict[str, str]:
    """``batch=free/torch=2.13`` by name."""
    return {name: value for name, _, value in (one.partition("=") for one in engine.split("/"))}


def _short(value: Json) -> str:
    return str(value)[:_LONGEST]


def _told(field: str, changes: Changes) -> str:
    listed = [f"{name} {was} -> {now}".strip() for name, (was, now) in changes.items()]
    more = ["..."] if len(listed) > _MOST_TOLD else []
    what = ", ".join(listed[:_MOST_TOLD] + more)
    return {
        "subject": "the model or its preprocessing changed",
        "data": "the images or labels changed",
        "config": f"other settings ({what})",
        "version": f"another version of the analyzer ({what})",
        "engine": f"another engine ({what})",
        "seed": f"another seed ({what})",
    }[field]
