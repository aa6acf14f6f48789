"""Weights that an exporter wrote beside the model travel with it."""

import os
import zipfile
from pathlib import Path

from service.cli.packing import packed
from service.intake.sniff import CONTAINER, HEAD, model_head


def test_a_model_alone_is_sent_as_it_is(tmp_path: Path) -> None:
    """Nothing lies beside it, nothing is packed."""
    model = tmp_path / "net.onnx"
    model.write_bytes(b"model")
    with packed(model) as found:
        assert found == model


def test_both_files_become_one_that_is_always_the_same(tmp_path: Path) -> None:
    """The zip holds both, is recognised, and has one digest whenever it is made."""
    model, weights = tmp_path / "net.onnx", tmp_path / "net.onnx.data"
    model.write_bytes(b"model")
    weights.write_bytes(bytes(3 << 20))
    made: list[bytes] = []
    for moment in (1_000_000_000, 1_700_000_000):
        for path in (model, weights):
            os.utime(path, (moment, moment))
        with packed(model) as found:
            made.append(found.read_bytes())
            with zipfile.ZipFile(found) as archive:
                assert archive.namelist() == ["net.onnx", "net.onnx.data"]
                assert archive.read("net.onnx") == b"model"
        assert not found.exists()
    assert made[0] == made[1]
    assert model_head(made[0][:HEAD], len(made[0])) == CONTAINER
