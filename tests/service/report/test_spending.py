"""What each part of a plan cost: the dearest first, and nothing where nothing can be compared."""

from analyzers.contract import Json
from service.report.spending import spending
from service.report.views import Figure


def facts(*planned: Json, n: int = 200) -> dict[str, Json]:
    """Facts with this plan."""
    return {"plan": {"analyzers": list(planned)}, "data": {"n": n}}


def one(title: str, forward: int, backward: int = 0, **config: Json) -> Json:
    """An analyzer that asked the model so often."""
    passes = {"forward": forward, "backward": backward}
    return {"key": title, "title": title, "config": config, "passes": passes}


ATTACK = one("Attack", 600, 300, norm="Linf", eps="8/255")
PREFLIGHT = one("Preflight", 100)


def rows(figure: Figure) -> list[tuple[str, ...]]:
    """The numbers beneath the bars."""
    assert figure.drawing is not None
    return [tuple(row) for row in figure.drawing.rows]


def test_the_dearest_comes_first_and_the_sum_is_told() -> None:
    """Forward and backward count alike, and the caption says how many of them were backward."""
    [figure] = spending(facts(PREFLIGHT, ATTACK))
    assert rows(figure) == [("Attack", "900"), ("Preflight", "100")]
    assert "1,000 passes, 5 for each of 200 images; 30.0% of them backward" in figure.caption


def test_sizes_are_told_apart() -> None:
    """An attack that ran for two threats has a bar for each."""
    [figure] = spending(facts(ATTACK, one("Attack", 40, norm="Linf", eps="2/255")))
    assert [name for name, _ in rows(figure)] == ["Attack 8/255", "Attack 2/255"]


def test_parts_that_asked_nothing_are_left_out() -> None:
    """What reads weights alone has no bar, and one bar alone is no comparison."""
    [figure] = spending(facts(PREFLIGHT, one("Filters", 0), ATTACK))
    assert len(rows(figure)) == 2
    assert spending(facts(ATTACK, one("Filters", 0))) == []


def test_evidence_of_anybody_draws_nothing_wrong() -> None:
    """Negative, missing and foreign counts are none."""
    strange: list[Json] = [{"passes": {"forward": -5}}, {"passes": "many"}, {}, None]
    assert spending(facts(*strange, ATTACK)) == []
    assert spending({"plan": []}) == []
    [figure] = spending(facts(one("Endless", 10**300, 10**300), ATTACK, n=-3))
    assert "for each" not in figure.caption
    assert len(figure.caption) < 300
