"""What a connector remembers of the files that it sent: durable, one step a unit, only after Kafka has acknowledged."""

import socket
from collections.abc import Callable

from connectors.clock import Clock
from connectors.spool_listing import SpoolFile
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.errors import RetryableError
from models.records import SourceReference
from models.snapshot_sequence import SnapshotSequence
from models.state import State, decode_state, encode_state
from streams.connector.behind_alert import behind_alert
from streams.connector.message_blocks import Positions, read_positions, written_positions
from streams.file_accounts import FileAccounts
from streams.series_progress import SeriesProgress
from streams.settings import Settings
from streams.work_units import WorkUnit

_KEY = "connector"
_RETRY_PAUSE_S = 2.0


def connector_name(settings: Settings) -> str:
    """The name of this connector in the installation."""
    return settings.connect.name or socket.gethostname()


class SendingJournal:
    """The journal of files in a state directory, and all that later messages depend on.

    Parameters
    ----------
    sequence
        The order of the files, which the loop keeps.
    tell
        Called with a sentence when the disk of the journal is full.
    stalled
        Called with a bounded reason while the journal can't be written, and with an empty one afterwards.
    stopping
        Whether the connector is to end: then nothing is waited for.

    Attributes
    ----------
    accounts, progress
        The files, and the devices of the recorders' series.
    newest_ns
        Start of the latest snapshot that was sent, by the names; None before the first.
    behind
        The alert about files that are not sent.
    """

    def __init__(
        self,
        state: StateDirectory,
        settings: Settings,
        sequence: SnapshotSequence[SpoolFile],
        clock: Clock,
        *,
        tell: Callable[[str], None],
        stalled: Callable[[str], None],
        stopping: Callable[[], bool],
    ) -> None:
        self._state = state
        self._sequence = sequence
        self._clock = clock
        self._tell = tell
        self._stalled = stalled
        self._stopping = stopping
        self.progress = SeriesProgress(settings.zone)
        self.accounts = FileAccounts(state, self.progress)
        self.newest_ns: int | None = None
        self.behind = behind_alert(connector_name(settings), settings.connect.behind_alert_s)
        self._positions: dict[str, tuple[str, Positions]] = {}
        states = state.load_states()
        if _KEY in states:
            self._restore(decode_state(states[_KEY]))

    def is_known(self, relative: str) -> bool:
        """Whether anything is remembered of this path."""
        return self._state.known_file(relative) is not None

    def positions(self, source: SourceReference) -> Positions:
        """What was sent of a file in the middle of which the journal stands, by the devices' names."""
        sha256, positions = self._positions.get(source.file, ("", {}))
        return positions if sha256 == source.sha256 else {}

    def sent(self, unit: WorkUnit, positions: Positions, newest_ns: int | None) -> None:
        """A unit of a file was sent; to be made durable by the next commit."""
        self.accounts.note(unit)
        self.newest_ns = self.newest_ns if newest_ns is None else newest_ns
        if isinstance(unit.refused, RetryableError):
            return
        if unit.last or unit.refused is not None or unit.manifest is None:
            self._positions.pop(unit.file.relative, None)
        else:
            self._positions[unit.file.relative] = (unit.manifest.source.sha256, dict(positions))

    def commit(self, commit: Commit) -> None:
        """Make a step durable; waits as long as the disk is full.

        Raises
        ------
        RetryableError
            The disk is full and the connector is to end.
        """
        commit.stage_states[_KEY] = encode_state(self._memory())
        waiting = False
        while True:
            try:
                self._state.commit(commit)
            except RetryableError as error:
                if self._stopping():
                    raise
                if not waiting:
                    self._tell(f"{error}; the connector waits and tries again")
                waiting = True
                self._stalled(error.reason)
                self._clock.sleep(_RETRY_PAUSE_S)
            else:
                if waiting:
                    self._tell("the connector goes on")
                    self._stalled("")
                return

    def _memory(self) -> State:
        return {
            "files": self.accounts.state(),
            "series": self.progress.state(),
            "positions": {
                name: [sha256, written_positions(positions)]
                for name, (sha256, positions) in sorted(self._positions.items())
            },
            "newest_ns": self.newest_ns,
            "behind": self.behind.state(),
            "sequence": self._sequence.state(),
        }

    def _restore(self, state: State) -> None:
        self.accounts.restore(state["files"])
        self.progress.restore(state["series"])
        self._positions = {
            name: (sha256, read_positions(positions)) for name, (sha256, positions) in state["positions"].items()
        }
        self.newest_ns = state["newest_ns"]
        self.behind.restore(state["behind"])
        self._sequence.restore(state["sequence"])
