"""Zips and pickles are known by what is in them; what is no model says what it is."""

import io
import json
import os
import pickle
import tempfile
from typing import Any

import numpy as np
import pytest
import torch

from analyzers.contract import Refusal
from service.errors import Code
from service.intake.recognise_child import recognise
from support.graphs import small_net
from support.torch_files import Bomb, bomb, mar, network, saved, scripted, stored, went_off


def look(raw: bytes) -> dict[str, Any]:
    """Facts about some bytes, read through an open descriptor as a child would."""
    with tempfile.TemporaryFile() as file:
        file.write(raw)
        file.flush()
        facts, blobs = recognise({}, {"file": file.fileno()})
    assert blobs == {}
    return facts


def refusal(raw: bytes) -> Refusal:
    """The refusal that some bytes earn."""
    with pytest.raises(Refusal) as caught:
        look(raw)
    assert caught.value.code in Code.__members__
    assert len(caught.value.sentence) <= 500
    assert caught.value.remedy
    return caught.value


def exported() -> bytes:
    """What torch.export.save writes."""
    file = io.BytesIO()
    program = torch.export.export(network().eval(), (torch.rand(2, 3, 8, 8),))
    torch.export.save(program, file)
    return file.getvalue()


def arrays(**held: np.ndarray[Any, Any]) -> bytes:
    """What numpy.savez writes."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **held)
    return file.getvalue()


STATE = network().state_dict()
ONNX = small_net()


def test_each_format_by_its_members() -> None:
    """Five formats, whatever the files are called, with the number of files in them."""
    assert look(saved(STATE))["format"] == "state-dict"
    assert look(saved(STATE, legacy=True)) == {"format": "state-dict", "members": 0}
    assert look(scripted())["format"] == "torchscript"
    program = {"net/archive_format": b"pt2", "net/models/model.json": b"{}"}
    assert look(stored(program)) == {"format": "pt2", "members": 2}
    assert look(mar(model_pt=b"x", handler_py=b"")) == {"format": "mar", "members": 3}
    packed = stored({"net/weights.bin": b"1234", "net/model.onnx": ONNX})
    assert look(packed) == {"format": "onnx-zip", "members": 2}


@pytest.mark.deep
def test_what_torch_exports() -> None:
    """The mark of an exported program is where this version of torch puts it."""
    assert look(exported())["format"] == "pt2"


def test_a_name_alone_is_no_format() -> None:
    """An ending decides nothing about what cannot be such a file."""
    assert refusal(stored({"model.onnx": b"\xff"})).code == "MODEL_NOT_RECOGNISED"
    assert refusal(stored({"model.onnx": b""})).code == "MODEL_NOT_RECOGNISED"


@pytest.mark.parametrize("legacy", [False, True])
def test_whole_models_and_bombs(legacy: bool) -> None:
    """torch.load would run them; they are known for what they are without being opened."""
    assert refusal(saved(network(), legacy=legacy)).code == "PICKLE_EXECUTABLE"
    hostile = saved({"a": torch.ones(1), "b": Bomb()}, legacy=legacy)
    torch.load(io.BytesIO(hostile), weights_only=False)  # pyright: ignore[reportUnknownMemberType]  # open types
    assert went_off()
    assert refusal(hostile).code == "PICKLE_EXECUTABLE"
    assert not went_off()


def test_bare_pickles() -> None:
    """Programs are named; the rest is refused because the next one could be a program."""
    pickle.loads(bomb())  # noqa: S301 - the control: it bites
    assert went_off()
    assert refusal(bomb()).code == "PICKLE_EXECUTABLE"
    assert not went_off()
    for protocol in range(6):
        plain = refusal(pickle.dumps({"a": [1, 2]}, protocol))
        assert plain.code == "FORMAT_EXECUTABLE"
    assert refusal(pickle.dumps({"a": np.ones(3)})).code == "FORMAT_EXECUTABLE"
    assert refusal(pickle.dumps(STATE)).code == "PICKLE_EXECUTABLE"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("sklearn.ensemble._forest", "RandomForestClassifier"),
        ("joblib.numpy_pickle", "NumpyArrayWrapper"),
        ("dill._dill", "_create_type"),
        ("xgboost.sklearn", "XGBClassifier"),
        ("keras.src.saving.keras_saveable", "KerasSaveable"),
    ],
)
def test_pickles_of_libraries(module: str, name: str) -> None:
    """Named by their library, also where raw arrays cut through the pickle as joblib has them."""
    raw = f"\x80\x04c{module}\n{name}\n)\x81}}b".encode("latin1") + b"\xff\xfe raw numbers"
    found = refusal(raw)
    assert found.code == "FORMAT_EXECUTABLE"
    assert module.partition(".")[0] in found.sentence


def test_archives_of_libraries() -> None:
    """Keras and skops archives can hold code and are refused as such."""
    keras = {"config.json": b"{}", "metadata.json": b"{}", "model.weights.h5": b"\x89HDF"}
    assert refusal(stored(keras)).code == "FORMAT_EXECUTABLE"
    assert refusal(stored({"schema.json": b"{}", "1.npy": b""})).code == "FORMAT_EXECUTABLE"
    assert refusal(b"\x89HDF\r\n\x1a\n" + bytes(99)).code == "FORMAT_EXECUTABLE"


def test_data_given_as_a_model() -> None:
    """An npz is data, and the refusal says where data goes."""
    found = refusal(arrays(images=np.ones(3), labels=np.ones(3)))
    assert found.code == "MODEL_NOT_RECOGNISED"
    assert "--data" in found.remedy


def test_other_containers() -> None:
    """A tar of TorchServe, an old exported program, a zip in a zip: each has its way out."""
    packed = refusal(b"\x1f\x8b\x08" + bytes(99))
    assert packed.code == "ARCHIVE_UNSAFE"
    assert "--archive-format default" in packed.remedy
    old = refusal(stored({"serialized_exported_program.json": b"{}", "version": b"5"}))
    assert "torch.export.save" in old.remedy
    assert refusal(stored({"a.zip": stored({"b": saved(STATE)})})).code == "MODEL_NOT_RECOGNISED"
    assert refusal(stored({"a/b": json.dumps({}).encode()})).code == "MODEL_NOT_RECOGNISED"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "MODEL_EMPTY"),
        (b"PK\x03\x04", "ARCHIVE_UNSAFE"),
        (b"PK\x03\x04" * 99, "ARCHIVE_UNSAFE"),
        (b"\x80\x02", "MODEL_NOT_RECOGNISED"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "MODEL_BROKEN"),
        (b"hello, world", "MODEL_NOT_RECOGNISED"),
        (b"\x00" * 999, "MODEL_NOT_RECOGNISED"),
        (bytes(range(256)) * 9, "MODEL_NOT_RECOGNISED"),
        (saved(STATE)[:-1], "ARCHIVE_UNSAFE"),
        (saved(STATE) + b"\n", "ARCHIVE_UNSAFE"),
    ],
)
def test_garbage(raw: bytes, code: str) -> None:
    """Nothing that is no model gets further than a sentence."""
    assert refusal(raw).code == code


def test_the_descriptor_stays_open() -> None:
    """Whoever opened the file closes it."""
    with tempfile.TemporaryFile() as file:
        file.write(saved(STATE))
        file.flush()
        recognise({}, {"file": file.fileno()})
        assert os.fstat(file.fileno()).st_size > 0
