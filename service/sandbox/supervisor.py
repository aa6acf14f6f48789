"""The process between the service and its children: it forks, feeds, limits, checks and kills.

Started by exec with an empty environment and without torch. It opens blobs read-only and hands
over descriptors, checks every answer against a schema, streams tensors into the spool while it
hashes them, and confirms claimed breaks with a second child before anyone hears of them.
"""

import signal
import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from service.sandbox.children import Nursery
from service.sandbox.frames import Broken, Channel, Overflow
from service.sandbox.sessions import Job, Session, too_much


class Supervisor:
    """Jobs in, events out; one thread for every open session."""

    def __init__(
        self, channel: Channel, spool: Path, device: str = "cpu", libraries: Sequence[str] = ()
    ) -> None:
        """Take over the channel to the service and the folder for results."""
        self._channel = channel
        self._speaking = threading.Lock()
        self._nursery = Nursery(device, libraries)
        self._spool = spool
        self._sessions: dict[str, Session] = {}
        self._jobs: dict[str, tuple[Session, Job]] = {}

    def run(self) -> None:
        """Serve the service until it is gone, then take every child along."""
        nursery = self._nursery
        told = {"engine": nursery.engine(), "placement": nursery.placement()}
        self.say({"event": "hello", **told, "level": nursery.level(), "gap": nursery.gap()})
        try:
            while True:
                self._heed(self._channel.receive().body)
        except Broken:
            pass
        finally:
            for session in list(self._sessions.values()):
                session.end()
            self._nursery.end()

    def say(self, body: Mapping[str, Any]) -> None:
        """Send one event; a service that is gone hears nothing."""
        with self._speaking:
            try:
                self._channel.send(body)
            except (Overflow, ValueError):  # too much, or nothing that JSON can say
                # Whoever waits for the job must hear of its end, if not of its result.
                error = too_much().as_json()
                self._channel.send({"job": body["job"], "event": "failed", "error": error})
            except Broken:
                return

    def _heed(self, asked: Mapping[str, Any]) -> None:
        if asked["op"] == "submit":
            job = Job.from_json(asked)
            session = self._session(job, asked.get("opening"))
            self._jobs[job.id] = (session, job)
            session.add(job)
        elif asked["op"] == "cancel":
            found = self._jobs.get(str(asked["job"]))
            if found is not None:
                found[0].cancel(found[1])
        elif asked["op"] == "close":
            session = self._sessions.pop(str(asked["session"]), None)
            if session is not None:
                session.end()

    def _session(self, job: Job, opening: Mapping[str, Any] | None) -> Session:
        found = self._sessions.get(job.session)
        if found is None or not found.alive:
            found = Session(opening, self._nursery, self._spool, self._finished, self.say)
            self._sessions[job.session] = found
        return found

    def _finished(self, job: Job, event: Mapping[str, Any]) -> None:
        self._jobs.pop(job.id, None)
        if job.session == job.id:
            self._sessions.pop(job.session, None)
        self.say({"job": job.id, **event})


def main(descriptor: int, spool: str, device: str = "cpu", *libraries: str) -> None:
    """Run on an inherited socket until the service closes its end."""
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    channel = Channel(socket.socket(fileno=descriptor))
    Supervisor(channel, Path(spool), device, libraries).run()
