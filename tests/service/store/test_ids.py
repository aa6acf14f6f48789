"""Ids of audits."""

import time
from uuid import UUID

from service.store.ids import time_ordered_id


def test_ids_sort_by_the_time_they_were_made() -> None:
    """A later id is a larger text, also within one millisecond."""
    made: list[str] = []
    for _ in range(500):
        made.append(time_ordered_id())
        until = time.perf_counter_ns() + 1_000
        while time.perf_counter_ns() < until:
            pass
    assert made == sorted(made)
    assert len(set(made)) == 500


def test_ids_are_uuids_of_version_7_with_the_time_in_front() -> None:
    """Version, variant and the 48 bits of time are where RFC 9562 puts them."""
    before = time.time_ns() // 1_000_000
    found = UUID(time_ordered_id())
    after = time.time_ns() // 1_000_000
    assert found.version == 7
    assert found.variant == "specified in RFC 4122"
    assert before <= found.int >> 80 <= after
