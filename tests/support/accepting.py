"""A facility's directory in which baselines are accepted, agents that hear of them, and commands that are killed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.control_room.decisions import OperatorDecisions
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from connectors.wire.codec import decode
from connectors.wire.message import Incoming, Outgoing
from models.alerts.alert import AlertChange, AlertEvent
from models.baseline import AcceptedBaseline
from models.state import encode_state
from streams.agents.recorder import RECORDER_KEY
from streams.deciding import accept_baseline
from tests.support.alarms import CAMERA, START, START_NS, alert
from tests.support.killed_processes import KilledProcesses, Steps, count_transactions, serve
from tests.support.manual_clock import ManualClock

_HEARD = "heard"


def facility_state(state: Path) -> None:
    """The directory of a facility's recorder that knows the camera ``CAMERA``."""
    with StateDirectory.open(state) as directory:
        event = AlertEvent(change=AlertChange.OPENED, alert=alert())
        directory.commit(Commit(alerts=[event], stage_states={RECORDER_KEY: encode_state({})}))


class FileAgents:
    """Agents that hear of what is in a file; sent is what was flushed."""

    def __init__(self, state: Path) -> None:
        self._file = state / _HEARD
        self._queued: list[Outgoing] = []

    def send(self, message: Outgoing, partition: int | None = None) -> None:
        self._queued.append(message)

    def flush(self) -> None:
        with self._file.open("ab") as file:
            for message in self._queued:
                baseline = _baseline(message)
                file.write(f"{baseline.device.name} {baseline.id}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        self._queued = []


def taken(state: Path) -> list[int]:
    """The ids of the baselines that the device's agent has taken: none that is not larger than all before."""
    found: list[int] = []
    file = state / _HEARD
    for line in file.read_text().splitlines() if file.exists() else []:
        id_ = int(line.split()[1])
        if id_ > max(found, default=0):
            found.append(id_)
    return found


@contextmanager
def agents(state: Path) -> Iterator[FileAgents]:
    """Connect to them."""
    yield FileAgents(state)


def accept(state: Path) -> None:
    """What the command does."""
    accept_baseline(state, CAMERA, START_NS, "realigned", ManualClock(START), lambda: agents(state), by="ana")


class KilledAcceptors(KilledProcesses):
    """Runs commands that accept, each in a process of its own."""

    def __init__(self) -> None:
        super().__init__("tests.support.accepting")


def accept_until(state: Path, step: int) -> None:
    """Accept a baseline; this process is killed if it comes to so many steps."""
    steps = Steps(step)
    for thing, name in (
        (OperatorDecisions, "accept_baseline"),
        (OperatorDecisions, "untold_baselines"),
        (OperatorDecisions, "note_told"),
        (FileAgents, "send"),
        (FileAgents, "flush"),
    ):
        setattr(thing, name, steps.counted(getattr(thing, name)))
    count_transactions(steps)
    accept(state)


def _baseline(message: Outgoing) -> AcceptedBaseline:
    content = decode(
        Incoming(
            topic=message.topic, partition=0, offset=0, key=message.key, value=message.value, headers=message.headers
        )
    )
    assert isinstance(content, AcceptedBaseline)
    return content


if __name__ == "__main__":
    serve(accept_until)
