"""Pictures that broke the last release, shown to the next model: they may break, never mend."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from analyzers.attacks.cascade import ANALYZER
from analyzers.attacks.cascade_child import measure
from analyzers.attacks.history import FLAGS, History
from analyzers.attacks.passes import DEEPER, EARLIER, ONE, RETRY, ROUNDS, SQUARE
from analyzers.attacks.stages import threat_of
from analyzers.contract import (
    Array,
    Case,
    DataFacts,
    Done,
    Earlier,
    FloatArray,
    InputSpec,
    Json,
    Stop,
    Subject,
    SubjectFacts,
    Unit,
)
from analyzers.engines.subject import OnnxSubject
from service.core.evidence import sample_table
from support.attacking import block, config, shard_of
from support.graphs import curved_net, noise, subject_of
from support.subjects import silent

SHAPE = (3, 8, 8)
COUNT = 6
EPS = "1"
"""Every picture lies inside."""
CODES = np.rint(noise(COUNT, SHAPE) * np.float32(255)).astype(np.uint8)
IMAGES = CODES.astype(np.float32) / np.float32(255)
NET = subject_of(curved_net())
RIGHT = NET.predict(IMAGES).argmax(1).astype(np.int64)


def shown(
    pictures: Mapping[str, Array],
    rows: Mapping[str, Sequence[int]],
    labels: Array = RIGHT,
    *,
    eight_bit: bool = True,
    net: Subject = NET,
) -> dict[str, Any]:
    """The samples of a pass that shows pictures of some rows, by row."""
    of = sorted({row for told in rows.values() for row in told})
    asked = {depth: list(told) for depth, told in rows.items()}
    params: dict[str, Json] = {"pass": EARLIER, "of": of, "asked": asked, "eight_bit": eight_bit}
    span = (of[0], of[-1] + 1)
    shard = shard_of(span, params, config(EPS))
    partial = measure(shard, net, block(IMAGES, labels, span), pictures, silent)
    assert partial.passes["backward"] == 0
    assert partial.samples["row"] == of
    return {"partial": partial, **partial.samples}


def of_another(row: int) -> int:
    """An image that the net takes for another class."""
    return next(at for at in range(COUNT) if RIGHT[at] != RIGHT[row])


def test_what_breaks_is_claimed_and_nothing_else_is_said() -> None:
    """Row 1 is shown one of another class, row 3 such a one in 8 bits, row 4 its own."""
    floats = np.stack([IMAGES[4], IMAGES[of_another(1)]])
    codes = CODES[[of_another(3)]]
    found = shown({"float32": floats, "8-bit": codes}, {"float32": [4, 1], "8-bit": [3]})
    assert found["state"] == found["state8"] == ["claimed", "claimed", ""]
    assert found["stage"] == [EARLIER, EARLIER, ""]
    assert np.array_equal(found["partial"].blobs["witness"][0], floats[1])
    assert np.array_equal(found["partial"].blobs["witness8"][1], codes[0])


def test_a_model_that_mends_all_of_it_hears_nothing() -> None:
    """The control: its own pictures break nothing, and no state is told."""
    found = shown({"float32": IMAGES[[0, 2]]}, {"float32": [0, 2]})
    assert found["state"] == found["state8"] == ["", ""]
    assert found["partial"].blobs == {}


def test_an_image_that_is_wrong_by_itself_is_not_asked_about() -> None:
    """It fell without any picture; what is said of it stays."""
    labels = RIGHT.copy()
    labels[2] = RIGHT[of_another(2)]
    found = shown({"float32": IMAGES[[2]]}, {"float32": [2]}, labels, eight_bit=False)
    assert found["state"] == [""]
    assert "state8" not in found


def test_the_upload_is_asked_about_every_picture_that_is_shown() -> None:
    """Those that break nothing too, and of wrong images: else not all would count as replayed."""
    labels = RIGHT.copy()
    labels[2] = RIGHT[of_another(2)]
    replaying = subject_of(curved_net(), replay=True)
    found = shown({"float32": IMAGES[[0, 2, 5]]}, {"float32": [0, 2, 5]}, labels, net=replaying)
    counts = found["partial"].numbers
    assert (counts["replayed"], counts["replay_differs"]) == (3, 0)


class Silent(OnnxSubject):
    """Answers the picture of row 5 with something that is no number."""

    def predict(self, images: FloatArray, input_spec: InputSpec | None = None) -> FloatArray:
        """The net's own answers with a hole."""
        found = super().predict(images, input_spec)
        found[(images == IMAGES[5]).all(axis=(1, 2, 3))] = np.nan
        return found


def test_a_model_that_falls_silent_on_a_picture_has_fallen() -> None:
    """As in every other pass; the control is the net that answers it."""
    silenced = Silent.__new__(Silent)
    silenced.__dict__.update(NET.__dict__)
    told = [
        shown({"float32": IMAGES[[5]]}, {"float32": [0]}, eight_bit=False, net=net)["state"]
        for net in (silenced, NET)
    ]
    assert told[0] == ["error"]
    assert told[1] in (["claimed"], [""])


def case(*earlier: Earlier) -> Case:
    """Images after which the last release's pictures are listed."""
    subject = SubjectFacts("5" * 64, 5, SHAPE)
    told = {threat_of(config(EPS)): earlier}
    return Case(subject, DataFacts("d" * 64, COUNT, 5, False), earlier=told)


def done(unit: Unit, **states: str) -> Done:
    """A unit after which every row stands, but for these (row_3="broken")."""
    rows = list(unit.params.get("of", range(*unit.rows)))
    usual = "" if unit.params["pass"] == EARLIER else "standing"
    said = [states.get(f"row_{row}", usual) for row in rows]
    samples: dict[str, Any] = {
        "row": rows,
        "state": said,
        "stage": [EARLIER if state == "broken" else "" for state in said],
        "iterations": [0] * len(rows),
        "queries": [0] * len(rows),
        **{name: [False] * len(rows) for name in (*FLAGS, "rising")},
    }
    return Done(unit, "measured", {}, samples, {}, {"forward": 1, "backward": 0})


LISTED = Earlier({"float32": [4, 1]}, {"float32": "a" * 64})


def before(at: Case, **states: str) -> tuple[list[Done], Unit]:
    """All that is done when the last release's pictures are shown, and the unit that shows them."""
    committed: list[Done] = []
    while True:
        unit = ANALYZER.plan(at, config(EPS), committed, ())[0]
        if unit.params["pass"] in {EARLIER, DEEPER}:
            return committed, unit
        committed.append(done(unit, **(states if unit.params["pass"] == ONE else {})))


def test_pictures_are_shown_once_when_attacks_and_search_had_their_say() -> None:
    """Before that, what they break would speak neither for the attacks nor against them."""
    told, at = config(EPS), case(LISTED)
    looked, unit = before(at)
    assert {str(one.unit.params["pass"]) for one in looked} == {ONE, ROUNDS, SQUARE}
    assert (unit.rows, unit.params["of"], unit.inputs) == ((1, 5), [1, 4], {"float32": "a" * 64})
    assert unit.params["asked"] == {"float32": [4, 1]}
    (after, *_) = ANALYZER.plan(at, told, [*looked, done(unit)], ())
    plain, without = before(case())
    assert ([one.unit for one in plain], after) == ([one.unit for one in looked], without)
    (fewer, *_) = ANALYZER.plan(at, told, [*looked, done(unit, row_4="broken")], ())
    assert (fewer.params["pass"], 4 in fewer.params["of"]) == (DEEPER, False)
    (again, *_) = ANALYZER.plan(at, told, [*looked, done(unit, row_4="pending")], ())
    assert (again.params["pass"], again.params["of"]) == (RETRY, [4])


def test_at_another_size_nothing_is_shown() -> None:
    """A picture may lie outside of a smaller ball, and says nothing of a larger one's attacks."""
    told = {**config(EPS), "eps": "1/2"}
    committed = [done(one) for one in ANALYZER.plan(case(), told, (), ())]
    assert ANALYZER.plan(case(LISTED), told, committed, ()) == ANALYZER.plan(
        case(), told, committed, ()
    )


def test_the_same_picture_of_other_images_is_shown_as_well() -> None:
    """Two units may have made equal pictures; each is asked of its own images."""
    other = Earlier({"float32": [0, 2]}, LISTED.pictures)
    looked, first = before(case(LISTED, other))
    (second, *_) = ANALYZER.plan(case(LISTED, other), config(EPS), [*looked, done(first)], ())
    assert (first.params["of"], second.params["of"]) == ([1, 4], [0, 2])


def test_no_early_pass_leaves_them_out() -> None:
    """A stop that would be content ends the plan only after they were shown."""
    told, at = config(EPS), case(LISTED)
    looked, unit = before(at)
    content = Stop("robust_accuracy", fails=lambda _: False, passes=lambda _: True)
    assert ANALYZER.plan(at, told, looked, [content]) == [unit]
    assert ANALYZER.plan(at, told, [*looked, done(unit)], [content]) == ()


@pytest.mark.parametrize("known", ["pending", "wrong", "broken", "error"])
def test_silence_changes_no_state(known: str) -> None:
    """A claim that nobody confirmed stays one: else a foreign picture would lift a doubt."""
    (first,) = ANALYZER.plan(case(), config(EPS), (), ())
    looked = [done(first, row_4=known)]
    _, unit = before(case(LISTED))
    for units in (looked, [*looked, done(unit)]):
        assert History(units).among(known, depth="float32") == [4]
        assert sample_table(units)["state"][4] == known
    # The control: a pass that does speak lifts it, unless the image is broken.
    spoke = [*looked, done(Unit((4, 5), {"pass": ONE}))]
    assert (sample_table(spoke)["state"][4] == known) == (known == "broken")


def test_the_share_that_breaks_again_is_told() -> None:
    """Of the images that are right: one was wrong anyhow, one falls, one is only claimed to."""
    at = case(Earlier({"float32": [4, 1, 2, 3]}, {"float32": "a" * 64}))
    looked, unit = before(at, row_1="wrong")
    committed = [*looked, done(unit, row_4="broken", row_2="pending")]
    found = {one.metric: one for one in ANALYZER.merge(at, config(EPS), committed)}
    assert found["earlier_breaks"].counts == {"numerator": 1, "denominator": 3}
    view = found["breaks"].view
    assert view is not None
    assert dict(zip(view.data["labels"], view.data["values"], strict=True))[EARLIER] == 1
    assert found["robust_accuracy"].counts["fallen"] == 2
    assert found["robust_accuracy"].counts["pending"] == 1
