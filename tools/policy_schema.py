"""Write ``docs/policy.schema.json``: what a policy may say, for editors and other programs.

``python tools/policy_schema.py`` writes it; ``--check`` exits 1 where it is stale.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a script, the checkout it lies in comes first

from pydantic.json_schema import GenerateJsonSchema  # noqa: E402 - after the path

from analyzers.catalog import ALL  # noqa: E402 - after the path
from service.core.policy import Policy  # noqa: E402 - after the path

FILE = ROOT / "docs" / "policy.schema.json"


class _Untitled(GenerateJsonSchema):
    """Without a title for every key, which would repeat the key."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401 - its signature
        return False


def schema() -> dict[str, Any]:
    """The JSON Schema of a policy, as YAML or JSON reads it."""
    body = Policy.model_json_schema(schema_generator=_Untitled)
    body["$defs"]["Requirement"]["properties"]["metric"]["enum"] = judged()
    body.update(title="A policy of Assay", description="What a model must meet to be released.")
    return {"$schema": GenerateJsonSchema.schema_dialect, **body}


def judged() -> list[str]:
    """The metrics that a policy may require."""
    return [spec.name for one in ALL for spec in one.description.metrics if spec.judged]


def text() -> str:
    """The whole file."""
    written = json.dumps(schema(), indent=2, ensure_ascii=False)
    return written.replace("``", "`") + "\n"  # docstrings quote twice


def main(arguments: list[str] | None = None) -> int:
    """Write the file, or say whether it is fresh."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare")
    fresh = text()
    if parser.parse_args(arguments).check:
        if FILE.exists() and FILE.read_text("utf-8") == fresh:
            return 0
        print(f"{FILE} is stale; run: python tools/policy_schema.py", file=sys.stderr)
        return 1
    FILE.write_text(fresh, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
