"""The peers in their own environment: the same torch, honest outputs, a recipe in full length."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import nn

from analyzers.contract import InputSpec
from tools.bench import peers
from tools.bench.attack_nets import Plan, Task, demo_task, module_of
from tools.bench.judging import judged

pytestmark = pytest.mark.deep


@pytest.fixture(scope="module")
def others() -> Iterator[peers.Peers]:
    """The waiting process; making its environment checks that torch is the same."""
    with peers.peers() as found:
        yield found


@pytest.mark.parametrize("name", [one for one in peers.NAMES if "pgd" in one])
def test_a_peer_answers_within_the_ball(others: peers.Peers, name: str) -> None:
    """Each library breaks the weak demo net with pictures that our judge accepts."""
    task = demo_task("normal", "8/255", 6)
    answer = others.run(name, task)
    verdict = judged(
        module_of(task.plan), task.images, task.labels, moved=answer.moved, eps=task.size
    )
    assert verdict.outside == 0
    assert verdict.fooled.sum() >= 5
    assert answer.cpu_seconds > 0


def test_plain_climbs_take_the_steps_they_are_told(others: peers.Peers) -> None:
    """Forty forward and forty back an image."""
    answer = others.run("torchattacks-pgd", demo_task("normal", "8/255", 3))
    assert (answer.forwards, answer.backwards) == (120, 120)


def test_the_recipe_runs_in_full_where_nothing_breaks(others: peers.Peers, tmp_path: Path) -> None:
    """On what nothing breaks: 1,910 slopes an image and the 5,000 queries of the search.

    101 of APGD on cross-entropy, 9 targets of 101, 9 of 100 of FAB: what the original spends too.
    """
    weights = {"1.weight": torch.zeros(10, 12), "1.bias": 10.0 - torch.arange(10.0)}
    weights["1.weight"][:, 0] = 1e-3 * torch.arange(10.0)
    path = tmp_path / "net.safetensors"
    path.write_bytes(save(weights))
    images = np.full((2, 3, 2, 2), 0.5, np.float32)
    plan = Plan(str(path), "F fc10", (3, 2, 2))
    task = Task("linear", "1/100", b"", InputSpec(), plan, images, np.zeros(2, np.int64))
    assert isinstance(module_of(plan), nn.Module)
    answer = others.run("recipe", task)
    assert answer.backwards == 2 * 1910
    assert 7800 <= answer.forwards / 2 <= 7900
    assert set(answer.stages.values()) == {1.0}
