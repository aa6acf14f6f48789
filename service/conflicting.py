"""A user's own pictures with cues in conflict, as an audit keeps and uses them.

They are an evaluation set of their own, read with two labels a picture, and an input of whatever
looks at them: their digests belong to the shards, and the set's to the evidence.
"""

from collections.abc import Mapping, Sequence

from analyzers.contract import Cues, Digest, Json
from service.core.driver import Course
from service.errors import AssayError, Code
from service.store.records import EvalSetRow

_LABEL = "int64"


def cues_to_keep(row: EvalSetRow) -> dict[str, Json]:
    """All that an audit needs of the set, so that it stands whatever becomes of the set's row."""
    details = row.facts["details"]
    if "textures" not in details:
        raise AssayError(
            Code.REQUEST_INVALID,
            "The cue set was read as plain images and labels, so no texture is named.",
            "Take the file in again with reading.cues, or give it to the command as --cues FILE.",
        )
    return {
        "id": row.id,
        "digest": row.facts["data"]["digest"],
        "n": row.facts["data"]["n"],
        "slice": row.slice,
        "dtype": details["dtype"],
        "shape": list(details["shape"]),
        "pictures": row.images_digest,
        "labels": row.labels_digest,
        "textures": details["textures"],
    }


def check_plain(row: EvalSetRow) -> None:
    """Refuse to judge a model by pictures that have no one right answer."""
    if "textures" in row.facts["details"]:
        raise AssayError(
            Code.REQUEST_INVALID,
            "The evaluation set was read as pictures with cues in conflict, which have two labels "
            "each, so no accuracy on them means anything.",
            "Give it as the cue set, and plain images with one label each as the evaluation set.",
        )


def check_looked_at(course: Course) -> None:
    """Refuse pictures that nothing in the audit would look at."""
    if not any(one.analyzer.description.cues for one in course.instances):
        raise AssayError(
            Code.CONFIG_INVALID,
            "Pictures with cues in conflict were given, and nothing that runs looks at them.",
            "Ask for a look inside the model, --lenses quick or full, or leave --cues out.",
        )


def cues_of(options: Mapping[str, Json]) -> Cues | None:
    """The set as plans see it; older audits say nothing of one."""
    kept = options.get("cues")
    if not kept:
        return None
    return Cues(int(kept["n"]), kept["pictures"], kept["labels"], kept["textures"])


def cue_tensors(options: Mapping[str, Json]) -> dict[Digest, tuple[str, Sequence[int]]]:
    """Type and shape of its three blobs."""
    kept = options.get("cues")
    if not kept:
        return {}
    n = int(kept["n"])
    return {
        kept["pictures"]: (str(kept["dtype"]), [n, *kept["shape"]]),
        kept["labels"]: (_LABEL, [n]),
        kept["textures"]: (_LABEL, [n]),
    }


def told_of_cues(options: Mapping[str, Json]) -> dict[str, Json]:
    """What the evidence says of it; nothing where there is none."""
    kept = options.get("cues")
    names = ("digest", "n", "slice")
    return {"cues": {name: kept[name] for name in names}} if kept else {}
