"""Run the release train and print its table: ``python -m tools.release_train --out DIR``."""

import argparse
import sys
from pathlib import Path

from tools.release_train import page, rules, table, train


def main(arguments: list[str] | None = None) -> int:
    """Everything lies in DIR afterwards: the repository, the service's home, the reports."""
    parser = argparse.ArgumentParser("release_train", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    parser.add_argument("--page", type=Path, help="a page whose marked blocks are written anew")
    given = parser.parse_args(arguments)
    folder: Path = given.out.absolute()
    if folder.exists() and any(folder.iterdir()):
        parser.error(f"{folder} is not empty")
    stops = list(train.run(folder))
    told = "\n".join([table.header(), *map(table.row, stops)])
    sys.stdout.write(told + "\n")
    if given.page:
        blocks = {one.candidate.name: page.quoted(one.checked.comment) for one in stops}
        blocks |= {"policy": f"```yaml\n{rules.POLICY}```", "table": told}
        given.page.write_text(page.refreshed(given.page.read_text("utf-8"), blocks), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
