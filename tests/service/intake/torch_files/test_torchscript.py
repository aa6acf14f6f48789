"""TorchScript: scripts of plain networks are converted, those that reach for files never load."""

import io
import warnings
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from analyzers.contract import Refusal
from service.intake.torch_files.torchscript_child import converted
from service.intake.torch_files.torchscript_source_child import checked
from support.exports import (
    SHAPE,
    Change,
    Tiny,
    changed,
    converted_under_the_lock,
    images,
    loaded_unguarded,
    logits,
    tiny,
)

jit: Any = torch.jit
"""It carries no types."""


def saved(made: object) -> bytes:
    """What torch.jit writes."""
    buffer = io.BytesIO()
    jit.save(made, buffer)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def _old() -> Generator[None]:
    """The format is going away, and torch says so at every turn."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*torch.jit.*", DeprecationWarning)
        warnings.simplefilter("ignore", jit.TracerWarning)  # layers check their sizes with if
        yield


def traced(net: nn.Module) -> bytes:
    """A network by what it did with one image."""
    return saved(jit.trace(net, images(1)))


def scripted(net: nn.Module) -> bytes:
    """A network by its source."""
    return saved(jit.script(net))


@pytest.fixture
def honest() -> bytes:
    """A traced network."""
    return traced(tiny())


def refusal(raw: bytes, shape: tuple[int, ...] | None = SHAPE) -> Refusal:
    """The refusal that an archive earns."""
    with pytest.raises(Refusal) as caught:
        converted(raw, shape)
    assert 0 < len(caught.value.sentence) <= 500
    assert caught.value.remedy
    return caught.value


def same_as(net: Tiny, raw: bytes, shape: tuple[int, ...] | None) -> None:
    """Its ONNX answers as the module does at any batch, and its weights are the module's own."""
    made = converted(raw, shape)
    for count in (1, 2, 7):
        given = images(count)
        assert np.abs(logits(made.onnx, given) - net(given).detach().numpy()).max() < 1e-5
    right = net.state_dict()
    assert sorted(made.weights) == sorted(right)
    assert all(torch.equal(made.weights[name], right[name]) for name in right)


def test_traced_network_knows_its_images(honest: bytes) -> None:
    """The shape comes from the trace; batch norm stays in the weights."""
    same_as(tiny(), honest, None)


def test_scripted_network() -> None:
    """With the shape declared; branches and loops of torch's own layers pass."""
    same_as(tiny(), scripted(tiny()), SHAPE)


@pytest.mark.deep
def test_script_under_the_lock(honest: bytes) -> None:
    """Loading and exporting need no file that can be written and no other process."""
    raw = converted_under_the_lock("service.intake.torch_files.torchscript_child", honest, None)
    given = images(4)
    assert np.abs(logits(raw, given) - tiny()(given).detach().numpy()).max() < 1e-5


def test_scripted_lists_of_modules() -> None:
    """A network in a list of layers, whose length the script defines."""
    net = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(192, 5)).eval()
    made = converted(scripted(net), SHAPE)
    given = images(3)
    assert np.abs(logits(made.onnx, given) - net(given).detach().numpy()).max() < 1e-5


@pytest.mark.parametrize("write", [scripted, traced])
def test_instance_norm(write: Callable[[nn.Module], bytes]) -> None:
    """It takes each picture's own statistics at rest too; its script walks a range of axes."""
    net = nn.Sequential(nn.InstanceNorm2d(3, affine=True), nn.Flatten(), nn.Linear(192, 5)).eval()
    made = converted(write(net), SHAPE)
    given = images(3)
    assert np.abs(logits(made.onnx, given) - net(given).detach().numpy()).max() < 1e-5


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm2d(3),
        nn.Dropout(),
        nn.Dropout2d(),
        nn.Dropout(inplace=True),
        nn.AlphaDropout(),
    ],
)
def test_a_trace_keeps_the_mode_that_it_was_made_in(layer: nn.Module) -> None:
    """A network traced in training is told what to do; traced at rest, it is taken."""
    net = nn.Sequential(nn.Conv2d(3, 3, 1), layer, nn.Flatten(), nn.Linear(192, 5))
    found = refusal(saved(jit.trace(net.train(), images(2), check_trace=False)))
    assert found.code == "MODEL_UNSTABLE"
    assert "model.eval() before torch.jit.trace" in found.remedy
    assert converted(traced(net.eval()), None).drift < 1e-5


def test_an_instance_norm_whose_statistics_still_run() -> None:
    """Traced in training, it is told apart from one that has none."""
    net = nn.Sequential(nn.InstanceNorm2d(3, track_running_stats=True), nn.Flatten())
    found = refusal(saved(jit.trace(net.train(), images(2), check_trace=False)))
    assert "model.eval() before torch.jit.trace" in found.remedy


def test_a_script_in_training_is_put_to_rest() -> None:
    """It asks for its mode when it answers, so that eval() reaches it."""
    net = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(), nn.Flatten(), nn.Linear(192, 5))
    made = converted(scripted(net.train()), SHAPE)
    given = images(3)
    assert np.abs(logits(made.onnx, given) - net.eval()(given).detach().numpy()).max() < 1e-5


def test_a_script_without_a_shape_says_what_to_do() -> None:
    """Nothing in a script tells the size of its images."""
    found = refusal(scripted(tiny()), None)
    assert found.code == "MODEL_INPUT_UNSUPPORTED"
    assert "3x224x224" in found.remedy


def test_images_of_another_shape(honest: bytes) -> None:
    """A declared shape that the network cannot take is told apart from a broken file."""
    assert refusal(honest, (4, 8, 8)).code == "MODEL_INPUT_UNSUPPORTED"


class Reads(nn.Module):
    """Opens a file whenever it answers, and makes it when it is not there."""

    def __init__(self, path: Path) -> None:
        """Keep the path as text."""
        super().__init__()  # pyright: ignore[reportUnknownMemberType]  # torch leaves it open
        self.path: str = str(path)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """Logits that hold what the file says."""
        return given.flatten(1) + torch.from_file(self.path, True, 1).sum()


class ReadsAtLoading(nn.Module):
    """Opens a file as soon as it is loaded."""

    def __init__(self, path: Path) -> None:
        """Keep the path as text."""
        super().__init__()  # pyright: ignore[reportUnknownMemberType]  # torch leaves it open
        self.path: str = str(path)
        self.seen: float = 0.0

    @torch.jit.export
    def __getstate__(self) -> tuple[str, bool]:  # pyright: ignore[reportIncompatibleMethodOverride]  # as scripts have it
        """What is saved."""
        return self.path, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]) -> None:
        """What runs when it is loaded."""
        self.path = state[0]
        self.training = state[1]
        self.seen = float(torch.from_file(state[0], True, 1).sum())

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """Logits that hold what the file said."""
        return given.flatten(1) + self.seen


HOSTILE: dict[str, Callable[[Path], nn.Module]] = {"answer": Reads, "load": ReadsAtLoading}


def test_control_scripts_open_files_by_their_own_loader(tmp_path: Path) -> None:
    """Without the guard, one leaves its mark when it is loaded and the other when it answers."""
    files = {
        f"{name}.pt": scripted(make(tmp_path / f"{name}.ran")) for name, make in HOSTILE.items()
    }
    said = loaded_unguarded(tmp_path, files)
    assert {path.stem for path in tmp_path.glob("*.ran")} == set(HOSTILE), said


@pytest.mark.parametrize("name", HOSTILE)
def test_scripts_that_open_files_never_load(tmp_path: Path, name: str) -> None:
    """Refused for what they say, before anything of them runs."""
    raw = scripted(HOSTILE[name](tmp_path / "ran"))
    assert refusal(raw).code == "TORCHSCRIPT_OP_FORBIDDEN"
    assert not (tmp_path / "ran").exists()


def holding(name: str, body: bytes) -> Change:
    """One more member."""

    def edit(held: dict[str, bytes]) -> None:
        held[name] = body

    return edit


def lacking(name: str) -> Change:
    """A member less."""

    def edit(held: dict[str, bytes]) -> None:
        del held[name]

    return edit


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (holding("data/lib.so", b"x"), "ARCHIVE_UNSAFE"),
        (holding("code/other.py", b""), "ARCHIVE_UNSAFE"),
        (holding("attributes.pkl", b"x"), "ARCHIVE_UNSAFE"),
        (holding("constants.pkl", b"cos\nsystem\n(S'x'\ntR."), "TORCHSCRIPT_OP_FORBIDDEN"),
        (holding("constants.pkl", b"c__torch__.torch.classes.x\nY\n."), "TORCHSCRIPT_OP_FORBIDDEN"),
        (holding("byteorder", b"big"), "MODEL_BROKEN"),
        (lacking("data.pkl"), "MODEL_BROKEN"),
        (lacking("version"), "MODEL_BROKEN"),
        (lacking("data/0"), "MODEL_BROKEN"),
    ],
)
def test_members_that_a_script_does_not_need(honest: bytes, change: Change, code: str) -> None:
    """Unknown members, imports by a pickle and lost parts are refused before loading."""
    assert refusal(changed(honest, change)).code == code


@pytest.mark.parametrize(
    "line",
    [
        "torch.from_file('x', False, 1)",
        "torch.save(x, 'y')",
        "f = torch.from_file",
        "x.save('y')",
        "x.anything()",
        "getattr(torch, 'from_file')('x', False, 1)",
        "getattr(self, 'save')",
        "ops.mine.op(x)",
        "ops.prim.rpc_sync('a', x)",
        "ops.profiler._record_function_enter('x')",
        "__torch__.torch.classes.mine.Thing()",
        "__torch__.somewhere.else_()",
        "fork(x)",
        "torch = x",
        "import os",
        "with x: pass",
        "y = lambda: 1",
        "y = [z for z in x]",
        "y = f'{x}'",
        "y = 'a\\x00'",
        "y = b'a'",
        "x.__class__",
        "async def f(): pass",
        "y = (",
    ],
)
def test_lines_of_source_that_are_refused(line: str) -> None:
    """Whatever is not syntax, an operator or a name of a plain network."""
    source = (
        f"class N(Module):\n  def forward(self, x: Tensor) -> Tensor:\n    {line}\n    return x\n"
    )
    with pytest.raises(Refusal) as caught:
        checked({"__torch__": source.encode()})
    assert caught.value.code == "TORCHSCRIPT_OP_FORBIDDEN"


@pytest.mark.parametrize(
    "source",
    [
        "class N(Module):\n  def __setstate__(self, x: Tensor) -> NoneType:\n    return None\n",
        "class N(Interface):\n  pass\n",
        "@torch.mul\ndef f(x: Tensor) -> Tensor:\n  return x\n",
        "torch.mul(1, 2)\n",
        "class N(Module):\n  save : Tensor\n",
        "def f(torch: Tensor) -> Tensor:\n  return torch\n",
    ],
)
def test_definitions_that_are_refused(source: str) -> None:
    """Methods that run by themselves, foreign bases, names that hide an operator."""
    with pytest.raises(Refusal):
        checked({"__torch__": source.encode()})


def test_source_is_written_anew() -> None:
    """The loader reads what was understood, without the comments that only it would heed."""
    source = b"def f(x: Tensor) -> Tensor:  # type: (int) -> int\n  return torch.mul(x, 2, )\n"
    texts, defined = checked({"__torch__": source})
    assert texts["__torch__"] == b"def f(x: Tensor) -> Tensor:\n    return torch.mul(x, 2)\n"
    assert defined == {"__torch__.f"}
