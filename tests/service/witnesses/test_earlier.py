"""Which pictures are handed to the next model: the first of each image, and no more."""

from analyzers.contract import Case, DataFacts, Done, SubjectFacts, Unit
from service.witnesses.earlier import by_threat, listed, tensors
from support.witnesses import ended

CASE = Case(SubjectFacts("5" * 64, 10, (3, 4, 4)), DataFacts("d" * 64, 9, 10, False))


def unit(blob: str, **states: str) -> Done:
    """A unit that tells of some rows (row_3="broken") and keeps its pictures under a digest."""
    rows = [int(name.removeprefix("row_")) for name in states]
    samples = {"row": rows, "state": [*states.values()]}
    return Done(Unit((0, 9), {}), "measured", {}, samples, {"witness": blob}, {})


def blobs(*done: Done) -> list[str]:
    """The blobs that are listed, in order."""
    return [
        one["float32"]["blob"] for units in listed(ended(CASE, *done)).values() for one in units
    ]


def test_a_later_picture_of_a_known_image_is_not_listed() -> None:
    """Or the list would grow with every release; one new image is enough to list a unit."""
    first = unit("a", row_1="broken", row_2="standing")
    assert blobs(first, unit("b", row_1="broken")) == ["a"]
    assert blobs(first, unit("b", row_1="broken", row_2="broken")) == ["a", "b"]


def test_a_picture_that_nobody_confirmed_stands_for_none() -> None:
    """The confirmed one that comes after it is listed; alone it is not."""
    open_one = unit("a", row_1="pending")
    assert blobs(open_one) == []
    assert blobs(open_one, unit("b", row_1="broken")) == ["b"]


def test_rows_lie_as_the_pictures_do() -> None:
    """Claims that were not confirmed have a picture too; the others have none."""
    one = unit("a", row_4="broken", row_2="wrong", row_7="pending", row_1="broken")
    told = listed(ended(CASE, one))
    ((again,),) = by_threat(told).values()
    assert (again.rows, again.pictures) == ({"float32": [4, 7, 1]}, {"float32": "a"})
    assert tensors(told, (3, 4, 4)) == {"a": ("float32", [3, 3, 4, 4])}
    assert [key.partition("@")[2] for key in told] == [*by_threat(told)]
