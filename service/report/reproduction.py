"""What somebody else needs to run the audit again and to check that it is the same."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analyzers.contract import Json
from service.report import wording
from service.report.lenses import citations
from service.report.reading import finite, items, mapping, mappings, number, text, whole

Pair = tuple[str, str]


@dataclass(frozen=True)
class Chapter:
    """Facts under one heading."""

    title: str
    pairs: Sequence[Pair]


def commands(facts: Mapping[str, Json]) -> list[str]:
    """What to type."""
    subject, data = mapping(facts, "subject"), mapping(facts, "data")
    cut = text(data, "slice")
    words = ["assay", "check", text(subject, "file_name") or text(subject, "name", "MODEL")]
    words += ["--data", text(data, "name", "DATA") + (f"[{cut.strip('[]')}]" if cut else "")]
    words += _reading(mapping(data, "reading"))
    words += _cues(mapping(data, "cues"))
    words += ["--withhold"] if data.get("withheld") else []
    words += ["--policy", "POLICY", *_preprocessing(mapping(subject, "input_spec"))]
    words += _choices(subject)
    seed = whole(mapping(facts, "plan"), "seed")
    if seed:
        words += ["--seed", str(seed)]
    words += _look(mapping(facts, "plan"))
    return [" ".join(shlex.quote(wording.plain(word, 200)) for word in words)]


def _look(plan: Mapping[str, Json]) -> list[str]:
    """How far inside the model was looked, where that was asked of an analyzer."""
    looks = (text(mapping(one, "config"), "plan") for one in mappings(plan, "analyzers"))
    found = next((look for look in looks if look), "")
    return ["--lenses", found] if found else []


def _cues(told: Mapping[str, Json]) -> list[str]:
    """The flag that names pictures with cues in conflict, where there were some."""
    cut = text(told, "slice")
    return ["--cues", "CUES" + (f"[{cut}]" if cut else "")] if told else []


def _reading(told: Mapping[str, Json]) -> list[str]:
    """The flags that say how the data file is to be read."""
    options = {"layout": "--data-layout", "channels": "--channels", "pixels": "--pixels"}
    return [word for key in options if (said := text(told, key)) for word in (options[key], said)]


def _preprocessing(spec: Mapping[str, Json]) -> list[str]:
    """The flags that declare this preprocessing, as far as flags can."""
    found: list[str] = []
    mean, std = (
        ",".join(repr(float(one)) for one in items(spec, key) if isinstance(one, int | float))
        for key in ("mean", "std")
    )
    if mean and std:
        found += ["--normalize", f"{mean}/{std}"]
    if text(spec, "layout") == "nhwc":
        found += ["--layout", "nhwc"]
    return found


def _choices(subject: Mapping[str, Json]) -> list[str]:
    """The flags that say what in the file is meant."""
    found: list[str] = []
    if architecture := text(mapping(subject, "conversion"), "architecture"):
        found += ["--arch", architecture]
    if output := text(subject, "output"):
        found += ["--output", output]
    return found


def method(facts: Mapping[str, Json]) -> list[Chapter]:
    """What was audited, on what, with what, and by whose methods."""
    return _filled(
        Chapter("Model", _model(mapping(facts, "subject"))),
        Chapter("Images", _images(mapping(facts, "data"))),
        Chapter("Engine class", _all(mapping(facts, "engine"))),
        Chapter("Versions", _all(mapping(facts, "versions"))),
        Chapter("Methods", [(name, ref or "no reference") for name, ref in citations(facts)]),
    )


def costs(evidence: Mapping[str, Json]) -> list[Chapter]:
    """What it cost, and how this run of it went."""
    facts, run = mapping(evidence, "facts"), mapping(evidence, "run")
    return _filled(Chapter("Passes", _passes(facts)), Chapter("This run", _run(run)))


def identity(
    evidence: Mapping[str, Json], verdict: Mapping[str, Json], known: str
) -> list[Chapter]:
    """Everything that identifies this audit and its files."""
    facts, run = mapping(evidence, "facts"), mapping(evidence, "run")
    return _filled(
        Chapter("Identity", _identity(mapping(facts, "plan"), verdict, known)),
        Chapter("Files", _files(run)),
    )


def _filled(*found: Chapter) -> list[Chapter]:
    return [one for one in found if one.pairs]


def _passes(facts: Mapping[str, Json]) -> list[Pair]:
    """Passes of single images through the model, in all and for each image of the set."""
    passes, n = mapping(facts, "passes"), whole(mapping(facts, "data"), "n")
    each = [
        (f"{wording.words(name)} for each image", wording.figure(many / n))
        for name in passes
        if n and (many := whole(passes, name))
    ]
    return [*_all(passes), *each]


def _identity(plan: Mapping[str, Json], verdict: Mapping[str, Json], known: str) -> list[Pair]:
    return _present(
        ("evidence", _sha(known)),
        ("policy", _sha(text(verdict, "policy_digest"))),
        ("seed", text(plan, "seed")),
        ("order of images", text(plan, "permutation")),
        ("judged at", wording.when(text(verdict, "evaluated_at"))),
    )


def _model(subject: Mapping[str, Json]) -> list[Pair]:
    shape = "×".join(str(one) for one in items(subject, "shape"))
    spec = mapping(subject, "input_spec")
    flat = [(key, _flat(value)) for key, value in spec.items()]
    told = ", ".join(f"{key} {value}" for key, value in flat if value)
    pairs = (
        ("subject", _sha(text(subject, "digest"))),
        ("canonical file", _sha(text(subject, "canonical_digest"))),
        ("uploaded file", _sha(text(subject, "file_digest"))),
        ("format", text(subject, "format")),
        ("conversion trust", text(subject, "conversion_trust")),
        ("input", shape),
        ("preprocessing", told),
        ("classes", _count(subject, "classes")),
        ("parameters", _count(subject, "parameters")),
        ("batch axis", _batch(subject)),
        ("operators", _operators(mapping(subject, "canonical"))),
        ("cut off after the scores", text(mapping(subject, "canonical"), "tail")),
        ("batch norm folded", text(subject, "bn_folded")),
        ("no gradient", text(subject, "gradient_gap")),
        ("gradients of a twin", text(subject, "twin")),
    )
    converted = mapping(subject, "conversion")
    return _present(*pairs) + [(f"conversion {key}", value) for key, value in _all(converted)]


def _batch(subject: Mapping[str, Json]) -> str:
    opened = ", fixed at 1 in the upload" if subject.get("freed") else ""
    return f"{text(subject, 'batch')}{opened}"


def _operators(canonical: Mapping[str, Json]) -> str:
    """The version of the standard operators, before and after."""
    came, went = text(canonical, "upload_opset"), text(canonical, "opset")
    same = came in ("", went)
    return "" if not went else f"opset {went}" + ("" if same else f", {came} in the upload")


def _images(data: Mapping[str, Json]) -> list[Pair]:
    return _present(
        ("set", _sha(text(data, "digest"))),
        ("images", _count(data, "n")),
        ("slice", text(data, "slice")),
        ("read as", _flat(mapping(data, "reading"))),
        ("pictures", "withheld" if data.get("withheld") else ""),
        ("classes", _count(data, "classes")),
        ("eight bit", _yes(data.get("eight_bit"))),
        ("pictures with cues in conflict", _flat(mapping(data, "cues"))),
    )


def _yes(value: Json) -> str:
    if value is None:
        return ""
    return "yes" if value else "no"


def _run(run: Mapping[str, Json]) -> list[Pair]:
    seconds = number(run, "seconds")
    return _present(
        ("audit", text(run, "audit")),
        ("created", wording.when(text(run, "created"))),
        ("finished", wording.when(text(run, "finished"))),
        ("took", "" if seconds is None else wording.duration(seconds)),
        ("host", _flat(run.get("host", ""))),
        ("children locked", _lock(mapping(run, "sandbox"))),
        ("attempts", _flat(run.get("attempts", ""))),
        ("cache", _cache(mapping(run, "cache"))),
        ("witnesses", _witnesses(mapping(run, "witnesses"))),
        *(("note", str(note)) for note in items(run, "notes")),
    )


def _witnesses(packed: Mapping[str, Json]) -> str:
    """The archive of the pictures that broke the model."""
    digest = text(packed, "digest")
    return f"{_sha(digest)}{_size(packed)}" if digest else ""


def _lock(sandbox: Mapping[str, Json]) -> str:
    level, gap = text(sandbox, "level"), text(sandbox, "gap")
    return f"{level}: {gap}" if gap else level


def _cache(cache: Mapping[str, Json]) -> str:
    hits, misses = whole(cache, "hits"), whole(cache, "misses")
    if hits is None or misses is None:
        return ""
    return f"{hits:,} of {hits + misses:,} units answered from it"


def _files(run: Mapping[str, Json]) -> list[Pair]:
    return [
        (text(one, "name", "file"), f"{_sha(text(one, 'digest'))}{_size(one)}")
        for one in mappings(run, "artifacts")[:40]
    ]


def _size(one: Mapping[str, Json]) -> str:
    size = _count(one, "size")
    return f" {size} bytes" if size else ""


def _all(body: Mapping[str, Json]) -> list[Pair]:
    return _present(*((wording.words(key), _flat(value)) for key, value in body.items()))


def _present(*pairs: Pair) -> list[Pair]:
    return [(name, value) for name, value in pairs if value]


def _flat(value: Json, depth: int = 4) -> str:
    """Any value on one line, nested ones as far as a line can follow."""
    if not depth:
        return "…"
    if isinstance(value, list | tuple):
        return ", ".join(_flat(one, depth - 1) for one in items({"it": value}, "it"))
    if isinstance(value, dict):
        told = mapping(value).items()
        return ", ".join(f"{key} {_flat(one, depth - 1)}" for key, one in told)
    known = finite(value)
    if known is not None:
        return wording.figure(known)
    return "" if value is None else str(value)


def _count(body: Mapping[str, Json], key: str) -> str:
    value = whole(body, key)
    return "" if value is None else f"{value:,}"


def _sha(digest: str) -> str:
    return f"sha256:{digest.removeprefix('sha256:')}" if digest else ""
