"""The model inside a TorchServe archive; its handler is named and never run. Runs in a child."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from analyzers.contract import Array
from service.intake.archives.archive_child import Archive
from service.intake.archives.mar_child import Inner, inner
from service.intake.content_child import content
from service.intake.notices import listed


def unpack(
    body: Mapping[str, Any], files: Mapping[str, int]
) -> tuple[dict[str, Any], dict[str, Array]]:
    """The serialized file, and what lay beside it."""
    del body
    found = inner(Archive(content(files["file"])))
    facts = {"member": found.name, "model_name": found.model_name, "notices": _notices(found)}
    return facts, {"inner": np.frombuffer(found.raw, np.uint8)}


def _notices(found: Inner) -> list[dict[str, str]]:
    code = {name for name in found.extra if name.endswith(".py")}
    code |= {name for name in (found.handler, found.model_file) if name}
    others = [name for name in found.extra if name not in code]
    notices = [{"id": "ART-HANDLER", "detail": f"{listed(sorted(code))}."}] if code else []
    if others:
        notices.append({"id": "ART-EXTRA", "detail": f"{listed(others)}."})
    return notices
