"""``assay export`` from a folder with a network in it: what is told, and what follows."""

import re
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn
from typer.testing import Result

from service.exporting.folder import current_folder_first
from support.command_line import assay, read, save

NAME = "nets_of_the_export_tests"
SOURCE = """
import torch
from torch import nn

print("said while importing")


class Small(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.head = nn.Linear(6, classes)

    def forward(self, image):
        return self.head(torch.relu(self.norm(self.conv(image))).mean((2, 3)))


def build():
    print("said while building")
    torch.manual_seed(0)
    return Small()


def sized(classes, *, width):
    return Small(classes)


def weights():
    return Small().state_dict()


def failing():
    raise ValueError("no such checkpoint\\nlook elsewhere")


instance = Small()
number = 3
"""
BAD = {
    "needs_what_is_missing.py": "import a_library_that_nobody_has\n",
    "ends_itself.py": "raise SystemExit(0)\n",
    "does_not_parse.py": "def build(:\n",
}
"""Files that cannot be imported."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the command is typed."""
    found = tmp_path_factory.mktemp("place")
    for name, text in {f"{NAME}.py": SOURCE, **BAD}.items():
        (found / name).write_text(text)
    return found


@pytest.fixture
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Being in it."""
    monkeypatch.chdir(place)
    return place


@pytest.fixture(scope="module")
def done(place: Path) -> Result:
    """One export that works, to a name with a space."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        return assay("export", f"{NAME}:build", "--input", "1x3x8x8", "-o", "my model.onnx")


def refused(found: Result, code: str, words: str, exit_code: int) -> None:
    """Two lines on the way, and nothing as a result."""
    assert found.exit_code == exit_code
    assert found.stdout == ""
    assert f"{code}: " in found.stderr
    assert words in found.stderr
    assert "\nWhat to do: " in found.stderr
    assert "Traceback" not in found.stderr


def test_it_tells_what_was_written_and_what_comes_next(done: Result, place: Path) -> None:
    """The result is on standard output, with a command that can be copied; all else is not."""
    assert done.exit_code == 0, done.stderr
    assert (place / "my model.onnx").is_file()
    lines = done.stdout.splitlines()
    told = r"Wrote my model\.onnx \(\d+\.\d kB, 4 classes, opset 20, 1 batch norms kept\)\."
    assert re.fullmatch(told, lines[0])
    assert "same in 5 of 5 answers" in lines[1]
    assert "  assay check 'my model.onnx' --data data.npz" in lines
    assert "Checking the file." in done.stderr
    assert "said while" not in done.stdout
    assert "said while building" in done.stderr


@pytest.mark.usefixtures("done")
def test_what_was_exported_can_be_audited(done: Result, home: Path, here: Path) -> None:
    """By the real service: its accuracy is looked at and its batch norm is seen."""
    assert home.exists()
    assert done.exit_code == 0
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (24, 8, 8, 3), dtype=np.uint8)
    save(here / "data.npz", images=images, labels=np.arange(24) % 4)
    (here / "policy.yaml").write_text(
        "apiVersion: assay/v1\nthreats:\n  near: {norm: Linf, eps: 1/255}\nrequire:\n"
        "  - {id: wc, metric: robust_accuracy, threat: near, gte: 0.99}\n"
    )
    words = ["my model.onnx", "--data", "data.npz", "--policy", "policy.yaml", "--out", "report"]
    found = assay("check", *words)
    assert found.exit_code == 1, found.stderr
    subject = read(here / "report" / "evidence.json")["facts"]["subject"]
    assert subject["bn_folded"] == "no"
    assert subject["classes"] == 4


SPECS = {
    f"{NAME}:biuld": ("REQUEST_INVALID", "Did you mean build?", 2),
    f"{NAME}:Small.missing": ("REQUEST_INVALID", "has no 'Small.missing'", 2),
    "nets_of_the_export_test:build": ("REQUEST_INVALID", f"Did you mean {NAME}?", 2),
    f"{NAME}.py:build": ("REQUEST_INVALID", f"Write {NAME}:build instead", 2),
    NAME: ("REQUEST_INVALID", "does not name a module", 2),
    f"{NAME}:sized": ("EXPORT_FAILED", "needs arguments: classes, width", 5),
    f"{NAME}:weights": ("EXPORT_FAILED", "of the type OrderedDict", 5),
    f"{NAME}:number": ("EXPORT_FAILED", "of the type int", 5),
    f"{NAME}:failing": ("EXPORT_FAILED", "look elsewhere", 5),
    "needs_what_is_missing:build": ("EXPORT_FAILED", "a_library_that_nobody_has", 5),
    "ends_itself:build": ("EXPORT_FAILED", "SystemExit: 0", 5),
    "does_not_parse:build": ("EXPORT_FAILED", "SyntaxError", 5),
}
"""What may be written as MODULE:FACTORY, and how it ends."""


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("spec", SPECS)
def test_what_cannot_be_built_is_told(spec: str, tmp_path: Path) -> None:
    """Each mistake by its own words; a script that ends itself with 0 is no success."""
    code, words, exit_code = SPECS[spec]
    path = tmp_path / "model.onnx"
    refused(assay("export", spec, "--input", "1x3x8x8", "-o", str(path)), code, words, exit_code)
    assert not path.exists()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("options", "words", "exit_code"),
    [
        (["--input", "1,3,8,8"], "is not the shape of a batch", 2),
        (["--input", "3x8x8"], "no axis for the batch", 2),
        (["--input", "1x3x8x8", "--opset", "12"], "version 12", 2),
        (["--input", "1x3x8x8", "--weights", "none.pt"], "no weights file", 2),
        (["--input", "1x1x8x8"], "1x1x8x8", 5),
    ],
)
def test_options_that_do_not_fit_are_told(
    options: list[str], words: str, exit_code: int, tmp_path: Path
) -> None:
    """Before anything is exported; the module's own words about a shape that it does not take."""
    found = assay("export", f"{NAME}:build", *options, "-o", str(tmp_path / "model.onnx"))
    code = "FILE_NOT_FOUND" if "--weights" in options else "REQUEST_INVALID"
    refused(found, "EXPORT_FAILED" if exit_code == 5 else code, words, exit_code)


def test_a_file_that_is_there_is_kept(done: Result, here: Path) -> None:
    """Another export to the same name needs --force, which the remedy says."""
    assert done.exit_code == 0
    before = (here / "my model.onnx").read_bytes()
    found = assay("export", f"{NAME}:build", "--input", "1x3x8x8", "-o", "my model.onnx")
    refused(found, "REQUEST_INVALID", "--force", 2)
    assert (here / "my model.onnx").read_bytes() == before


# ------------------------------------------------------------------------------------- weights


class Holder(nn.Module):
    """The layers of the network above, by the same names."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.head = nn.Linear(6, classes)


@pytest.mark.usefixtures("here")
def test_weights_are_loaded_strictly(done: Result, tmp_path: Path) -> None:
    """Each kind of file gives one model; what does not fit, or would run code, is refused."""
    from service.exporting.locating_child import located  # noqa: PLC0415 - after torch is wanted
    from service.exporting.weights_child import load  # noqa: PLC0415 - as above

    assert done.exit_code == 0  # the folder's module is imported by it
    state = Holder().state_dict()
    torch.save(state, tmp_path / "plain.pt")
    wrapped = {f"module.{name}": value for name, value in state.items()}
    torch.save({"state_dict": wrapped, "epoch": 3}, tmp_path / "checkpoint.pt")
    (tmp_path / "plain.safetensors").write_bytes(safetensors.torch.save(state))
    for name in ("plain.pt", "checkpoint.pt", "plain.safetensors"):
        with current_folder_first():
            module = located(f"{NAME}:instance")
        nn.init.zeros_(module.get_parameter("head.weight"))
        load(module, tmp_path / name)
        assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        ("other", "ARCHITECTURE_MISMATCH", "head.weight has the shape [7, 6] where the module has"),
        ("missing", "ARCHITECTURE_MISMATCH", "head.bias is missing"),
        ("more", "ARCHITECTURE_MISMATCH", "extra is not part of it"),
        ("module", "PICKLE_GLOBAL_NOT_ALLOWED", "would run code"),
        ("text", "MODEL_BROKEN", "is damaged, or is none"),
        ("list", "MODEL_BROKEN", "does not hold a state dict"),
        ("cut", "MODEL_BROKEN", "is damaged"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    kind: str, code: str, words: str, tmp_path: Path
) -> None:
    """The first tensor that differs is named; a pickled module is not opened."""
    path, state = tmp_path / "weights.pt", Holder(7 if kind == "other" else 4).state_dict()
    if kind == "missing":
        del state["head.bias"]
    elif kind == "more":
        state["extra"] = torch.zeros(1)
    torch.save(Holder() if kind == "module" else [1] if kind == "list" else state, path)
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    elif kind == "text":
        path.write_text("no weights")
    words_of_it = ["export", f"{NAME}:build", "--input", "1x3x8x8", "--weights", str(path)]
    found = assay(*words_of_it, "-o", str(tmp_path / "model.onnx"))
    refused(found, code, words, 5)
