"""A watch loses nothing, whatever happens to its stream."""

import threading

import pytest

from assay.v1.audit_service_pb2 import AuditEvent
from service.client import Client
from service.errors import AssayError, Code
from service.rpc.ports import (
    Bracket,
    EventBody,
    EventView,
    Finished,
    LogLine,
    Progress,
    StateChanged,
)
from service.wire.events import event_from_pb
from support.rpc_server import Served, make_audit

BRACKET = Bracket("Linf:8/255:white:gate", 500, 20, 7, 13, low=0.0, high=0.98)
STORY: list[EventBody] = [
    StateChanged("running"),
    Progress("attacks.linf", 1, 20),
    LogLine("info", "A child was started."),
    BRACKET,
    Finished("succeeded", "FAIL", "9" * 64),
]


class Watching(threading.Thread):
    """Somebody who watches an audit to its end."""

    def __init__(self, client: Client, name: str) -> None:
        super().__init__(name="watching")
        self.seen: list[EventView] = []
        self.failure: AssayError | None = None
        self._client, self._audit = client, name
        self.start()

    def run(self) -> None:
        """Collect events until nothing follows."""
        try:
            for event in self._client.watch_audit(self._audit):
                self.seen.append(event)
        except AssayError as error:
            self.failure = error

    @property
    def logged(self) -> list[str]:
        """Texts of the log lines seen."""
        return [event.body.text for event in self.seen if isinstance(event.body, LogLine)]


@pytest.fixture
def audit(served: Served, client: Client) -> str:
    """A queued audit."""
    return make_audit(served, client)


def test_every_kind_of_event_arrives_in_order(served: Served, client: Client, audit: str) -> None:
    """Kept events count up; progress repeats the number before it; the end ends the stream."""
    for body in STORY:
        served.run(served.api.happen(audit, body))
    seen = list(client.watch_audit(audit))
    assert [event.body for event in seen] == STORY
    assert [event.sequence for event in seen] == [1, 1, 2, 3, 4]


def test_a_cursor_leads_behind_what_was_seen(served: Served, client: Client, audit: str) -> None:
    """``after`` skips exactly the events up to that number."""
    for body in STORY:
        served.run(served.api.happen(audit, body))
    assert [event.sequence for event in client.watch_audit(audit, after=2)] == [3, 4]


def test_events_come_while_they_happen(served: Served, client: Client, audit: str) -> None:
    """A watch that began before anything happened sees it happen."""
    watching = Watching(client, audit)
    served.wait_for(lambda: served.api.watchers == 1)
    served.run(served.api.tell(audit, "one"))
    served.wait_for(lambda: watching.logged == ["one"])
    served.run(served.api.happen(audit, Finished("succeeded", "PASS")))
    watching.join(timeout=10)
    assert watching.failure is None
    assert watching.seen[-1].body == Finished("succeeded", "PASS")


def test_a_watch_outlives_its_server(served: Served, client: Client, audit: str) -> None:
    """The server drains and another takes its place: each event arrives once, in order."""
    watching = Watching(client, audit)
    served.run(served.api.tell(audit, "before"))
    served.wait_for(lambda: watching.logged == ["before"])
    served.stop()
    served.run(served.api.tell(audit, "meanwhile"))
    served.restart()
    served.run(served.api.happen(audit, Finished("succeeded", "PASS")))
    watching.join(timeout=20)
    assert watching.failure is None
    assert watching.logged == ["before", "meanwhile"]
    cursors = [after for name, after in served.api.watched if name == audit]
    assert cursors[0] == 0
    assert set(cursors[1:]) == {1}


def test_draining_does_not_wait_for_watches(served: Served, client: Client, audit: str) -> None:
    """A watch may last for hours; a drain ends it at once instead of using up its grace."""
    watching = Watching(client, audit)
    served.wait_for(lambda: served.api.watchers == 1)
    stopped = threading.Thread(target=served.stop, kwargs={"grace_s": 60})
    stopped.start()
    stopped.join(timeout=10)
    assert not stopped.is_alive()
    assert served.api.watchers == 0
    served.restart()
    served.run(served.api.happen(audit, Finished("cancelled")))
    watching.join(timeout=20)
    assert watching.failure is None


def test_a_service_that_stays_away_is_given_up(
    served: Served, client: Client, audit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After several tries in vain the watcher hears that nobody answers."""
    monkeypatch.setattr("service.client.WATCH_PAUSE_S", 0.001)
    served.stop()
    watching = Watching(client, audit)
    watching.join(timeout=20)
    assert watching.failure is not None
    assert watching.failure.code is Code.UNREACHABLE
    served.restart()


def test_a_watch_of_nothing_is_not_tried_again(served: Served, client: Client) -> None:
    """An audit that does not exist is an answer, not a broken stream."""
    with pytest.raises(AssayError) as refused:
        list(client.watch_audit("projects/local/audits/none"))
    assert refused.value.code is Code.NOT_FOUND
    assert len(served.api.watched) == 1


def test_leaving_a_watch_cancels_nothing(served: Served, client: Client, audit: str) -> None:
    """Whoever stops looking does not stop the audit."""
    served.run(served.api.tell(audit, "one"))
    watch = client.watch_audit(audit)
    next(watch)
    watch.close()
    served.wait_for(lambda: served.api.watchers == 0)
    assert client.audit(audit).state == "queued"


def test_an_event_of_an_unknown_kind_is_passed_over(
    served: Served, client: Client, audit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer server tells of something that this client has no word for."""

    def without_logs(message: AuditEvent) -> EventView | None:
        return None if message.HasField("log") else event_from_pb(message)

    monkeypatch.setattr("service.client.event_from_pb", without_logs)
    for body in STORY:
        served.run(served.api.happen(audit, body))
    seen = [type(event.body).__name__ for event in client.watch_audit(audit)]
    assert seen == ["StateChanged", "Progress", "Bracket", "Finished"]
