"""The policy of the train, how it is raised later, and the waiver that bridges the raise."""

from datetime import date, timedelta
from typing import Final

FLOOR: Final = "0.15"
RAISED: Final = "0.50"

POLICY: Final = f"""\
apiVersion: assay/v1
extends: profile:pr@1
subject: {{name: shapes}}
data: {{min_n: 40}}
threats:
  linf8: {{norm: Linf, eps: 8/255}}
require:
  - {{id: clean, metric: accuracy, gte: 0.90}}
  - {{id: worst-case, metric: robust_accuracy, threat: linf8, gte: {FLOOR}}}
regress: {{on: [worst-case], max_drop: 1pt}}
"""
RAISED_POLICY: Final = POLICY.replace(f"gte: {FLOOR}", f"gte: {RAISED}")

_WAIVERS: Final = """\
- id: W-1
  match: {{requirement: worst-case, subject: shapes}}
  reason: the network that meets the raised floor ships with the next train
  owner: owner@example.org
  approved_by: approver@example.org
  created: {created}
  expires: {expires}
  floor: {{gte: 0.35}}
"""


def waivers(today: date) -> str:
    """A waiver of sixty days from today on."""
    return _WAIVERS.format(created=today, expires=today + timedelta(days=60))
