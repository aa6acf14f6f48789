"""How a data file is read: what must be said, and what goes without saying."""

from service.intake.reading import AS_USUAL, Reading


def test_only_what_is_unusual_is_told() -> None:
    """Ids and evidence speak of departures alone, so that those of before stay as they are."""
    assert AS_USUAL.unusual == {}
    assert Reading(channels="bgr").unusual == {"channels": "bgr"}
    every = Reading("nhwc", "bgr", "0-255", cues=True)
    assert every.unusual == every.as_json()


def test_records_come_back() -> None:
    """What was written is read again; records of before say nothing, or only the departures."""
    every = Reading("nchw", "bgr", "0-1", cues=True)
    assert Reading.from_json(every.as_json()) == every
    assert Reading.from_json(None) == Reading.from_json({}) == AS_USUAL
    assert Reading.from_json({"channels": "bgr"}) == Reading(channels="bgr")
