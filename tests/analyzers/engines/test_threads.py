"""Both engines keep to one budget of threads, and what is idle sleeps."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from analyzers.engines.forward import ForwardEngine, session_options
from analyzers.engines.threads import budget, torch_threads
from support.graphs import noise, small_net

ROOT = Path(__file__).parents[3]
SPIN = "session.intra_op.allow_spinning"

IDLE = """
import time
from analyzers.engines.forward import ForwardEngine
from support.graphs import noise, small_net
engine = ForwardEngine(small_net(shape=(3, 32, 32)), 2, "free")
engine.run(noise(64, (3, 32, 32)))
begun, spent = time.monotonic(), time.process_time()
{after}
print(time.process_time() - spent, time.monotonic() - begun)
"""


def processor_seconds(after: str) -> tuple[float, float]:
    """Processor and wall seconds that a fresh process takes after a run of two threads."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    done = subprocess.run(
        [sys.executable, "-c", IDLE.replace("{after}", after)],
        env=environment,
        capture_output=True,
        check=True,
        text=True,
        timeout=120,
    )
    spent, took = (float(word) for word in done.stdout.split())
    return spent, took


def test_an_idle_engine_takes_no_processor_time() -> None:
    """After a run the pools of both libraries sleep."""
    spent, took = processor_seconds("time.sleep(0.6)")
    assert spent < 0.1 * took


def test_control_a_busy_process_is_seen() -> None:
    """The same clock sees a thread that spins."""
    spent, took = processor_seconds(
        "limit = time.monotonic() + 0.6\nwhile time.monotonic() < limit: pass"
    )
    assert spent > 0.25 * took


def test_spinning_is_off_in_the_session_itself() -> None:
    """The options that a session is built with say so, for both pools."""
    options = session_options(2)
    for pool in ("intra_op", "inter_op"):
        assert options.get_session_config_entry(f"session.{pool}.allow_spinning") == "0"
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)


def test_control_a_default_session_says_nothing_of_spinning() -> None:
    """Without the budget the entry is absent, and the runtime's own default is to spin."""
    options = type(session_options(1))()
    with pytest.raises(RuntimeError):
        options.get_session_config_entry(SPIN)


def test_every_optimisation_is_asked_for() -> None:
    """The last level brings the blocked layout, which is where most of the speed is."""
    assert session_options(1).graph_optimization_level.name == "ORT_ENABLE_ALL"


def test_one_budget_speaks_to_both() -> None:
    """The number given is the number of threads that work on one operator."""
    assert budget(3)[:2] == (3, 1)


def test_torch_has_its_threads_back_after_an_error() -> None:
    """A failure inside leaves the caller's number of threads as it was."""
    before = torch.get_num_threads()
    with pytest.raises(KeyError), torch_threads(before + 1):
        raise KeyError(torch.get_num_threads())
    assert torch.get_num_threads() == before


def test_a_forward_run_leaves_torch_alone() -> None:
    """The runtime's threads are its own."""
    before = torch.get_num_threads()
    ForwardEngine(small_net(), 2, "free").run(noise(3, (3, 8, 8)))
    assert torch.get_num_threads() == before
