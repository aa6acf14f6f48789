"""The table of directions tells what holds, what does not, and what has no value."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from analyzers.catalog import ALL
from service.demo.shapes import draw, write_npz
from support.command_line import NORMAL, ROBUST, ROOT, TEST_SEED
from tools.directions import __main__ as command
from tools.directions.expected import EXPECTED, PREMISE, REPORTED, Direction
from tools.directions.looking import IMAGES, looked, rows
from tools.directions.nets import Net, Pair, family
from tools.directions.reading import Found, found
from tools.directions.table import Both, failures, holds, said, table

COSINE = Direction("Cosine", "channels.cosine", expected="higher")
SPARSITY = Direction("Sparsity", "filters.sparsity")
KEPT = Direction("Kept", "frequency.lowpass_retention", {"radius": "4"})
REFUSED = Found(None, "not applicable")


def numbers(*pairs: tuple[float | None, float | None]) -> dict[str, Both]:
    """Numbers of pairs that are called by their place; without a value they were refused."""

    def one(value: float | None) -> Found:
        return REFUSED if value is None else Found(value)

    return {f"seed {at}": Both(*map(one, pair)) for at, pair in enumerate(pairs)}


def measurement(metric: str, value: float | None, **scope: str) -> dict[str, Any]:
    """A measurement as evidence holds it."""
    outcome = "measured" if value is not None else "not_applicable"
    return {"metric": metric, "value": value, "scope": scope, "outcome": outcome}


def test_an_expectation_holds_only_in_every_pair() -> None:
    """Three of three hold; one that lies the other way, and the table says so in capitals."""
    assert holds(COSINE, numbers((0.5, 0.9), (0.4, 0.8)))
    assert said(COSINE, numbers((0.5, 0.9), (0.4, 0.8))) == "higher, as expected, in all 2"
    torn = numbers((0.5, 0.9), (0.4, 0.3), (0.5, 0.6))
    assert not holds(COSINE, torn)
    assert said(COSINE, torn) == "**DOES NOT HOLD**: expected higher, is lower in 1, higher in 2"


def test_what_is_written_alike_is_equal_and_confirms_nothing() -> None:
    """A difference beyond the three digits that the table shows is no direction."""
    tied = numbers((0.50001, 0.50002), (0.4, 0.8))
    assert not holds(COSINE, tied)
    assert said(COSINE, tied) == "**DOES NOT HOLD**: expected higher, is higher in 1, equal in 1"
    assert said(SPARSITY, numbers((0.0, 0.0), (0.0, 0.0))) == "equal in all 2"


def test_a_missing_number_leaves_an_expectation_open() -> None:
    """It neither holds nor fails, unless another pair speaks against it."""
    gap = numbers((0.5, 0.9), (None, 0.8))
    assert not holds(COSINE, gap)
    assert said(COSINE, gap) == "**OPEN**: expected higher, is higher in 1, no value in 1"
    both = numbers((0.9, 0.5), (0.5, None))
    assert said(COSINE, both) == "**DOES NOT HOLD**: expected higher, is lower in 1, no value in 1"


def test_what_is_only_reported_is_never_called_wrong() -> None:
    """Without an expectation the table says where the numbers lie, and whether pairs agree."""
    assert said(SPARSITY, numbers((0.2, 0.1), (0.4, 0.3))) == "lower in all 2"
    assert said(SPARSITY, numbers((0.2, 0.1), (0.3, 0.4))) == "mixed: lower in 1, higher in 1"
    assert said(SPARSITY, numbers((None, None), (None, 0.4))) == "no value in all 2"


def test_the_table_shows_every_pair() -> None:
    """A line a direction with its scope, before and after of each pair, and a refusal's reason."""
    told = table(
        [
            (KEPT, numbers((0.3249, 0.9031), (None, 0.8))),
            (COSINE, numbers((1, 2), (1, 3))),
            (SPARSITY, numbers((None, None), (0.2, 0.1))),
        ]
    )
    assert told.splitlines() == [
        "| What | Metric | seed 0 | seed 1 | Adversarial training |",
        "| --- | --- | --- | --- | --- |",
        "| Kept | `frequency.lowpass_retention`, 4 | 0.325 → 0.903 | (not applicable) → 0.8 "
        "| mixed: higher in 1, no value in 1 |",
        "| Cosine | `channels.cosine` | 1 → 2 | 1 → 3 | higher, as expected, in all 2 |",
        "| Sparsity | `filters.sparsity` | (not applicable) | 0.2 → 0.1 "
        "| mixed: lower in 1, no value in 1 |",
    ]


def test_what_fails_is_listed_and_nothing_else() -> None:
    """Expectations that do not hold stand in a list of their own; what is reported never does."""
    good, bad = numbers((0.5, 0.9)), numbers((0.9, 0.5))
    assert failures([(COSINE, good), (SPARSITY, bad)]) == "Every expectation holds in every pair."
    assert failures([(COSINE, bad), (SPARSITY, bad)]) == (
        "* Cosine: **DOES NOT HOLD**: expected higher, is lower in 1."
    )


def test_a_number_is_found_by_its_whole_scope() -> None:
    """A threat aside the scope must be the same; numbers of layers are not the model's."""
    told = [
        measurement("filters.sparsity", 0.1, layer="Conv_0"),
        measurement("filters.sparsity", 0.2),
        measurement("frequency.lowpass_retention", 0.3, radius="8"),
        measurement("frequency.lowpass_retention", 0.4, radius="4"),
        measurement("channels.cosine", 0.5, threat="Linf:8/255:white"),
    ]
    assert found(SPARSITY, told) == Found(0.2)
    assert found(KEPT, told) == Found(0.4)
    assert found(COSINE, told) == Found(0.5)


def test_a_refusal_is_told_with_its_outcome() -> None:
    """A refused metric may speak of less than the number would; one that is absent is not told."""
    assert found(KEPT, [measurement("frequency.lowpass_retention", None)]) == REFUSED
    assert found(KEPT, []) == Found(None, "not told")


def test_every_direction_is_a_metric_of_the_catalogue() -> None:
    """A metric that was renamed would else be missing in silence."""
    known = {metric.name for one in ALL for metric in one.description.metrics}
    assert {one.metric for one in (*PREMISE, *EXPECTED, *REPORTED)} <= known
    assert all(one.expected for one in EXPECTED)
    assert not any(one.expected for one in REPORTED)


def test_without_the_reference_models_their_tables_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Skipped aloud, on the error stream and in every block of the page."""
    monkeypatch.delenv(command.REFERENCE, raising=False)
    told = command.blocks("family", command.reference_pairs(), tmp_path)
    assert "SKIPPED" in capsys.readouterr().err
    assert len(told) == 4
    assert all(text.startswith("SKIPPED: ASSAY_REFERENCE") for text in told.values())


def test_the_family_is_read_from_its_manifest(tmp_path: Path) -> None:
    """Each net against the one trained without attacks, fed with its own normalisation."""
    names = ("cifar_small_sgd_oval", "cifar_small_adv_abcrown", "cifar_small_adv4_abcrown")
    manifest = [
        {
            "name": name,
            "onnx": f"{name}.onnx",
            "dataset": "cifar.npz",
            "normalize": {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.1 * at]},
        }
        for at, name in enumerate(names, 1)
    ]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    first, second = family(tmp_path)
    assert (first.name, second.name) == ("adv", "adv4")
    assert first.normal == second.normal
    assert second.adversarial.model == tmp_path / "cifar_small_adv4_abcrown.onnx"
    assert first.adversarial.options == ("--normalize", "0.5,0.4,0.3/0.2,0.2,0.2")


def test_the_page_has_a_place_for_every_block() -> None:
    """And for no other, so that nothing on it grows old unseen."""
    page = (ROOT / "docs" / "directions.md").read_text("utf-8")
    groups = ("premise", "expected", "reported", "failures")
    wanted = {f"{name}-{group}" for name in ("demo", "family") for group in groups} | {"setting"}
    marks = re.findall(r"<!-- directions: (\S+) -->", page)
    assert sorted(marks) == sorted(wanted)


@pytest.mark.deep
def test_expectations_hold_on_the_demo_nets(tmp_path: Path) -> None:
    """The nets that ship: every expectation and the premise, through a whole audit of each."""
    shapes = tmp_path / "shapes.npz"
    write_npz(shapes, draw(IMAGES, seed=TEST_SEED))
    nets = [Net(Path(path).stem, Path(path), shapes) for path in (NORMAL, ROBUST)]
    pairs = [Pair("demo", *nets)]
    known = looked(pairs, tmp_path / "out")
    assert failures(rows([*PREMISE, *EXPECTED], pairs, known)).startswith("Every expectation holds")
    for direction, values in rows(REPORTED, pairs, known):
        assert values["demo"].adversarial.value is not None, direction.title
