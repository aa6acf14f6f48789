"""Third-party nets: clean accuracy as measured elsewhere, and no flattery beside AutoAttack."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from analyzers.contract import InputSpec
from service.core.threats import exact_eps
from support.running import policy, running

pytestmark = [pytest.mark.deep, pytest.mark.reference]

A_POINT = 0.01
"""No row may lie further above the record."""
FLATTERY = 0.2
"""So far above the record that PGD-20 was misled, which an audit is right to doubt."""


@dataclass(frozen=True)
class Row:
    """One row of reference figures."""

    model: Path
    data: Path
    spec: InputSpec
    eps: str
    n: int
    clean: float
    pgd20: float
    autoattack: float

    @property
    def misleads(self) -> bool:
        """Whether slopes are known to flatter this net at this size."""
        return self.pgd20 - self.autoattack > FLATTERY


def rows(folder: Path) -> list[Row]:
    """Every row of the manifest for which the strong attack was run."""
    manifest: list[Mapping[str, Any]] = json.loads((folder / "manifest.json").read_text())
    return [
        Row(
            folder / net["onnx"],
            folder / net["dataset"],
            _spec(net["normalize"]),
            exact_eps(eps),
            told["n"],
            told["clean"],
            told["pgd20"],
            told["acc"],
        )
        for net in manifest
        for eps, told in net["autoattack"].items()
    ]


def _spec(told: Mapping[str, list[float]]) -> InputSpec:
    if not any(told["mean"]) and all(value == 1 for value in told["std"]):
        return InputSpec()
    return InputSpec(mean=tuple(told["mean"]), std=tuple(told["std"]))


def shares(facts: Mapping[str, Any]) -> dict[str, float]:
    """The two accuracies of an audit."""
    wanted = ("accuracy", "robust_accuracy")
    return {one["metric"]: one["value"] for one in facts["measurements"] if one["metric"] in wanted}


def test_reference_rows(tmp_path: Path, reference_models: Path) -> None:
    """Clean accuracy is the row's, robust accuracy within a point; nothing honest is doubted."""
    with running(tmp_path / "home") as service:
        for row in rows(reference_models):
            rules = policy(0.01, row.eps, 0.01)
            view = service.audit(row.model, row.data, rules, rows=(0, row.n), spec=row.spec)
            facts = service.evidence(view.name)["facts"]
            got = shares(facts)
            line = (
                f"{row.model.stem} {row.eps} n={row.n}: clean {got['accuracy']:.3f} "
                f"({row.clean:.3f}), robust {got['robust_accuracy']:.3f} "
                f"({row.autoattack:.3f}) "
                f"passes {facts['passes']}"
            )
            print(line)
            assert got["accuracy"] == pytest.approx(row.clean, abs=1e-6), line
            assert got["robust_accuracy"] <= row.autoattack + A_POINT + 1e-9, line
            red = "red" in indicator_states(service.file(view.name, "verdict.json"))
            assert red <= row.misleads, line


def indicator_states(raw: bytes) -> set[str]:
    """The states of the indicators of a verdict file."""
    return {one["state"] for one in json.loads(raw)["indicators"]}
