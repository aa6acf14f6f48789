"""Pictures of the demo's own reports for README: ``make screenshots`` (needs Chromium).

Takes the folder that the demo wrote, opens its reports on a desk and on a phone, in light and in
dark, and writes what a reader sees as PNG files.
"""

import argparse
import io
import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from support.browser import Browser

LARGEST = 400_000
"""Bytes of one picture."""
DESK, PHONE = 1440, 390


@dataclass(frozen=True)
class Shot:
    """One picture: of which network's report, how wide and tall, and from where on."""

    name: str
    net: str
    size: tuple[int, int]
    dark: bool = False
    start: str = ""
    """Title of what the picture begins with, unfolded; the top of the page without one."""


SHOTS = (
    Shot("report", "normal", (DESK, 1150)),
    Shot("report-phone", "robust", (PHONE, 844)),
    Shot("report-phone-dark", "normal", (PHONE, 844), dark=True),
    Shot("counterexamples", "normal", (DESK, 800), start="Counterexamples"),
    Shot("lens", "normal", (DESK, 900), start="Channels under attack"),
)
_SHOW = """(title => {
    const told = one => one.querySelector('h2, h3, summary')?.textContent.trim() ?? '';
    const found = [...document.querySelectorAll('section, .lens')]
        .find(one => told(one).startsWith(title));
    if (!found) throw new Error(`the report has no ${title}`);
    if (found.matches('details')) found.open = true;
    scrollTo(0, scrollY + found.getBoundingClientRect().top - 16);
})"""


def main() -> None:
    """Write all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, default=Path("assay-demo"), help="what the demo wrote")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="where the pictures go")
    asked = parser.parse_args()
    with Browser.launched() as browser:
        for shot in SHOTS:
            body = taken(browser, shot, asked.demo)
            (asked.out / f"{shot.name}.png").write_bytes(body)
            print(f"{asked.out}/{shot.name}.png: {len(body):,} bytes")


def taken(browser: Browser, shot: Shot, demo: Path) -> bytes:
    """One picture, packed; an error where the page complains or the picture is too large."""
    width, height = shot.size
    address = (demo / shot.net / "report.html").resolve().as_uri()
    with browser.page(width=width, height=height, dark=shot.dark) as page:
        page.open(address)
        if shot.start:
            page.value(f"{_SHOW}({json.dumps(shot.start)})")
            page.settle()
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        if page.seen.complaints:
            raise SystemExit(f"{address}: {page.seen.complaints}")
    packed = io.BytesIO()
    picture.save(packed, "PNG", optimize=True)
    if len(body := packed.getvalue()) > LARGEST:
        raise SystemExit(f"{shot.name}: {len(body):,} bytes, at most {LARGEST:,} are wanted")
    return body


if __name__ == "__main__":
    main()
