#!/usr/bin/env bash
# Debian packages that `make test-deep` needs; as root, after `apt-get update`.
set -euo pipefail
packages=(
    chromium                  # tests/browser and tools/screenshots look at pages in it
    fonts-dejavu-core         # what the pages are set in there
    libpango-1.0-0            # with the next two, weasyprint turns the report into a PDF
    libpangoft2-1.0-0
    libharfbuzz-subset0
)
command -v npm >/dev/null || packages+=(npm) # fetches axe-core, which tests/support/axe.py pins
apt-get install --yes --no-install-recommends "${packages[@]}"
