"""Files as torch and TorchServe write them, with archive, manifest or pickle changed."""

import itertools
import json
from typing import Final

from tools.fuzz import json_texts, onnx_graphs, onnx_seeds, pickles, safetensors_files
from tools.fuzz.damage import damaged
from tools.fuzz.draws import Draw
from tools.fuzz.torch_seeds import exported, scripted, state_dict
from tools.fuzz.zips import container, lied, members, written

_PICKLES: Final = 5
"""Of the old form: mark, version, machine, the object, the names of its storages."""


def state_dict_changed(draw: Draw) -> bytes:
    """A state dict whose pickle or archive lies, or one of the old form with other opcodes."""
    if draw.chance(0.3):
        return legacy_changed(draw)
    return _archive(state_dict(legacy=False), draw, "data.pkl")


def legacy_changed(draw: Draw) -> bytes:
    """The old form: pickles one after the other, and storages behind them."""
    raw = state_dict(legacy=True)
    if draw.chance(0.3):
        return damaged(raw[: 4096 + draw.below(len(raw))], draw)
    start, end = draw.pick(list(itertools.pairwise([0, *pickles.ends(raw, _PICKLES)])))
    return raw[:start] + pickles.changed(raw[start:end], draw) + raw[end:]


def pt2_changed(draw: Draw) -> bytes:
    """An exported program with its archive, its JSON or a pickle in it changed."""
    names = [name for name in members(exported()) if name.endswith((".json", ".pt"))]
    return _archive(exported(), draw, draw.pick(names))


def torchscript_changed(draw: Draw) -> bytes:
    """A script with its archive, its source or its pickle changed."""
    raw = scripted(traced=draw.chance(0.8))
    names = [name for name in members(raw) if name.endswith((".py", ".pkl"))]
    return _archive(raw, draw, draw.pick(names))


def mar_changed(draw: Draw) -> bytes:
    """A TorchServe archive whose manifest, container or model is changed."""
    manifest = {
        "runtime": "python",
        "model": {
            "modelName": "net",
            "serializedFile": "model.bin",
            "handler": "handler.py",
            "modelFile": "net.py",
            "modelVersion": "1.0",
        },
        "archiverVersion": "0.12.0",
    }
    held = {
        "MAR-INF/MANIFEST.json": json.dumps(manifest).encode(),
        "model.bin": _inner(draw),
        "handler.py": b"import os\n",
        "net.py": b"raise SystemExit\n",
    }
    if draw.chance(0.5):
        told = json_texts.changed(held["MAR-INF/MANIFEST.json"], draw)
        return written(container({**held, "MAR-INF/MANIFEST.json": told}))
    return lied(container(held, packed=draw.chance(0.4)), draw)


def _inner(draw: Draw) -> bytes:
    makers = (onnx_graphs.graph_changed, state_dict_changed, safetensors_files.weights_changed)
    return draw.pick(onnx_seeds.models()) if draw.chance(0.3) else draw.pick(makers)(draw)


def _archive(raw: bytes, draw: Draw, name: str) -> bytes:
    """The archive with a lie in the container, or with the named member changed."""
    held = members(raw)
    if draw.chance(0.4):
        return lied(container(held, packed=draw.chance(0.2)), draw)
    if draw.chance(0.1):
        return damaged(raw, draw)
    wanted = next(one for one in held if one.endswith(name))
    held[wanted] = _member(wanted, held[wanted], draw)
    return written(container(held))


def _member(name: str, body: bytes, draw: Draw) -> bytes:
    if name.endswith(".json"):
        return json_texts.changed(body, draw)
    if name.endswith(".pkl"):
        return pickles.changed(body, draw)
    if name.endswith(".pt"):
        inner = members(body)
        pickled = next(one for one in inner if one.endswith("data.pkl"))
        inner[pickled] = pickles.changed(inner[pickled], draw)
        return written(container(inner))
    return _source(body, draw)


def _source(body: bytes, draw: Draw) -> bytes:
    """A line of the script gone, doubled or replaced."""
    lines = body.splitlines(keepends=True)
    at = draw.below(len(lines))
    odd = (
        b"  x = torch.from_file('/etc/passwd', False, 10)\n",
        b"  while True:\n    pass\n",
        b"  return " + b"(" * 5000 + b"\n",
        b"class \xff:\n",
        b"  ops.own.evil(x)\n",
        b"\0",
    )
    lines[at : at + 1] = draw.pick(([], [lines[at]] * 2, [draw.pick(odd)], [lines[at][:-3]]))
    return b"".join(lines)
