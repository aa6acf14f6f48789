"""What the cascade's committed units add up to: robust accuracy from above, and indicators."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from analyzers.attacks.history import Fate, History, Row
from analyzers.attacks.passes import EARLIER, SQUARE
from analyzers.attacks.remembering import HISTORIES
from analyzers.attacks.schedule import STILL_RISING, Schedule
from analyzers.attacks.stages import DEEP, FIRST, threat_of
from analyzers.contract import Case, Depth, Done, Json, Measurement, View
from analyzers.statistics.replay import ATTACKED, disagreement

MASKED: Final = 0.01
STILL: Final = 0.01
BLACK_BOX: Final = 0.05
REFUTED: Final = 0.001
_NOTHING: Final = "No image was attacked."
_SPENT: Final = ("forward:", "backward:")


def merge(case: Case, config: Mapping[str, Json], done: Sequence[Done]) -> Sequence[Measurement]:
    """Robust accuracy at each depth, where images fell and what that cost, and the indicators."""
    with HISTORIES.of(done) as history:
        return _summed(case, config, done, Schedule(case, config, done, history))


def _summed(
    case: Case, config: Mapping[str, Json], done: Sequence[Done], schedule: Schedule
) -> Sequence[Measurement]:
    scope = {"threat": threat_of(config)}
    depths: list[Depth] = ["8-bit", "float32"] if case.data.eight_bit else ["float32"]
    found = [_robust_accuracy(case, scope, schedule, depth) for depth in depths]
    found += [_breaks(scope, schedule), *_passes(scope, done), _survived(case, scope, schedule)]
    found.append(_earlier(scope, schedule, done))
    indicators = _indicators(case, scope, schedule, begun=bool(done))
    return [*found, *indicators, disagreement(ATTACKED, case, scope, done)]


def _robust_accuracy(
    case: Case, scope: Mapping[str, str], schedule: Schedule, depth: Depth
) -> Measurement:
    counts = schedule.tally(depth)
    told = {**scope, "depth": depth}
    if not counts.prefix:
        return Measurement(
            "robust_accuracy",
            "out_of_budget",
            told,
            None,
            counts._asdict(),
            "upper",
            "A",
            note=_NOTHING,
        )
    gap = "" if case.subject.gradient else f" {_no_gradient(case)} Only scores were searched."
    caption = (
        f"{counts.standing} of {counts.prefix} images stand; {counts.fallen} fell, each with a "
        f"picture that replays or without any attack; {counts.pending} are not confirmed.{gap}"
    )
    view = View(
        "bracket", f"Right under attack ({depth})", {**counts._asdict(), "certified": 0}, caption
    )
    return Measurement(
        "robust_accuracy",
        "measured",
        told,
        counts.standing / counts.prefix,
        counts._asdict(),
        "upper",
        "A",
        view=view,
        note=gap.strip(),
    )


def _no_gradient(case: Case) -> str:
    return f"Gradients are not available: {case.subject.gradient_gap}."


def _breaks(scope: Mapping[str, str], schedule: Schedule) -> Measurement:
    rows = schedule.history.rows
    if not rows:
        return Measurement("breaks", "out_of_budget", scope, note=_NOTHING)
    broken = schedule.history.among("broken", depth=schedule.depth)
    stages = Counter(rows[row].at(schedule.depth).stage for row in broken)
    named = [stage.name for stage in (*FIRST, *DEEP)]
    named[len(FIRST) : len(FIRST)] = [f"round-{number}" for number in (1, 2, 3, 4)] + [SQUARE]
    named += [EARLIER] if stages[EARLIER] else []
    wrong = len(schedule.history.among("wrong", "error", depth=schedule.depth))
    data = {
        "labels": ["without attack", *named],
        "values": [wrong, *[stages[name] for name in named]],
        "unit": "images",
    }
    view = View("bars", "Where images fell", data)
    return Measurement("breaks", "measured", scope, float(len(broken)), view=view)


def _passes(scope: Mapping[str, str], done: Sequence[Done]) -> list[Measurement]:
    """How many images went through the model, by stage: the ledger of the attack."""
    spent: Counter[str] = Counter()
    for one in done:
        spent.update({n: int(c) for n, c in one.numbers.items() if n.startswith(_SPENT)})
    if not spent:
        return [Measurement("attack_passes", "out_of_budget", scope, note=_NOTHING)]
    names = list(dict.fromkeys(name.split(":", 1)[1] for name in spent))
    data = {
        "labels": names,
        "values": [spent[f"forward:{name}"] + spent[f"backward:{name}"] for name in names],
        "unit": "passes",
    }
    view = View("bars", "What each stage cost", data, "Forward and backward passes of one image.")
    total = float(sum(spent.values()))
    return [Measurement("attack_passes", "measured", scope, total, dict(spent), view=view)]


def _earlier(scope: Mapping[str, str], schedule: Schedule, done: Sequence[Done]) -> Measurement:
    """How many of the images that the last release lost, and this model gets right, fall alike."""
    metric, asked, again = "earlier_breaks", set[int](), set[int]()
    column = "state8" if schedule.depth == "8-bit" else "state"
    for one in done:
        if one.unit.params["pass"] == EARLIER:
            asked.update(one.unit.params["of"])
            told = zip(one.samples["row"], one.samples[column], strict=True)
            again.update(int(row) for row, state in told if state == "broken")
    asked -= set(schedule.history.among("wrong", "error", depth=schedule.depth))
    if not done:
        return Measurement(metric, "out_of_budget", scope, grade="D", note=_NOTHING)
    if not asked:
        why = "No pictures of an earlier model were shown."
        return Measurement(metric, "not_applicable", scope, grade="D", note=why)
    counts = {"numerator": len(again & asked), "denominator": len(asked)}
    share = len(again & asked) / len(asked)
    return Measurement(metric, "measured", scope, share, counts, grade="D")


def _survived(case: Case, scope: Mapping[str, str], schedule: Schedule) -> Measurement:
    """How many breaks a file of 8 bits can hold."""
    broken = schedule.history.among("broken", depth="float32")
    held = sum(schedule.history.rows[row].at("8-bit").state == "broken" for row in broken)
    metric = "breaks_in_8_bits"
    if not schedule.history.rows:
        return Measurement(metric, "out_of_budget", scope, note=_NOTHING)
    if not case.data.eight_bit or not broken:
        why = "No image broke." if case.data.eight_bit else "The images are not stored in 8 bits."
        return Measurement(metric, "not_applicable", scope, note=why)
    counts = {"numerator": held, "denominator": len(broken)}
    return Measurement(metric, "measured", scope, held / len(broken), counts)


class _Indicator(NamedTuple):
    metric: str
    limit: float
    flagged: int
    of: int
    note: str
    slopes: bool = True
    """Whether it speaks of slopes, so that it is missing where there are none."""
    silent: str = ""
    """Why it says nothing of what it counted."""


def _indicators(
    case: Case, scope: Mapping[str, str], schedule: Schedule, *, begun: bool
) -> list[Measurement]:
    rows = schedule.history.rows
    standing = [rows[row] for row in schedule.history.among("standing", depth=schedule.depth)]
    attacked = [row for row in rows.values() if "attacked" in row.flags]
    found = (
        *_of_slopes(case, standing, attacked),
        *_of_results(schedule.history, schedule.depth, attacked),
    )
    return [_indicator(case, scope, one, begun=begun) for one in found]


def _of_slopes(case: Case, standing: list[Row], attacked: list[Row]) -> list[_Indicator]:
    stands = len(standing)
    return [
        _Indicator(
            "zero_gradient",
            MASKED,
            _marked(standing, "flat"),
            stands,
            "Standing images on which the margin had no slope at all at some step.",
        ),
        _Indicator(
            "engines_disagree",
            0.0,
            _marked(attacked, "disagree"),
            len(attacked),
            "Attacked images on which the two engines named different classes or other logits.",
        ),
        _Indicator(
            "loss_never_rose",
            STILL,
            sum("rose" not in row.flags for row in standing),
            stands,
            "Standing images on which no step of any stage raised the loss.",
        ),
        _Indicator(
            "still_rising",
            STILL_RISING,
            sum(row.rising for row in standing),
            stands,
            "Standing images whose last climb still gained notably when it ended.",
        ),
        _Indicator(
            "slopes_lent",
            0.0,
            stands if case.subject.twin else 0,
            stands,
            f"Standing images attacked only with a twin's slopes ({case.subject.twin or 'none'}).",
        ),
    ]


def _of_results(history: History, depth: Depth, attacked: list[Row]) -> list[_Indicator]:
    rows = history.rows.values()
    searched = [row for row in rows if any(tag.startswith(f"{SQUARE}-") for tag in row.had)]
    return [
        _black_box(sum(_fell_to(row.at(depth), SQUARE) for row in searched), len(searched)),
        _Indicator(
            "claims_refuted",
            REFUTED,
            sum(row.refuted for row in attacked),
            len(attacked),
            "Attacked images with a claimed break that a second look did not confirm.",
            slopes=False,
        ),
    ]


def _black_box(fell: int, searched: int) -> _Indicator:
    """One image is no share of fewer than the limit speaks of: it counts as broken, no more."""
    alone = fell == 1 and searched * BLACK_BOX < 1
    return _Indicator(
        "black_box_beats_white_box",
        BLACK_BOX,
        fell,
        searched,
        "Images that stood against slopes and fell to a search by scores.",
        silent="A single image fell, among too few for a share." if alone else "",
    )


def _fell_to(fate: Fate, stage: str) -> bool:
    return fate.state == "broken" and fate.stage == stage


def _marked(rows: Sequence[Row], flag: str) -> int:
    return sum(flag in row.flags for row in rows)


def _indicator(
    case: Case, scope: Mapping[str, str], one: _Indicator, *, begun: bool
) -> Measurement:
    outcome, note = "measured", one.note
    if one.slopes and not case.subject.gradient:
        outcome, note = "not_available", _no_gradient(case)
    elif not begun:
        outcome, note = "out_of_budget", _NOTHING
    elif not one.of or one.silent:
        outcome = "not_applicable"
        note = one.silent or "No image is left that it could speak of."
    return Measurement(
        one.metric,
        outcome,
        scope,
        one.flagged / one.of if outcome == "measured" else None,
        {"numerator": one.flagged, "denominator": one.of},
        "indicator",
        "D",
        limit=one.limit,
        note=note,
    )
