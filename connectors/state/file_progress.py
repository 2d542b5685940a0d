"""Which files a watch or a connector has finished with, as its state directory says."""

from collections.abc import Iterable

from connectors.state.failures import clear_failures
from connectors.state.file_changes import ChangedFiles, ChangedVersion
from connectors.state.stage_moment import RUNNER_KEY
from models.records import SourceReference
from models.state import decode_state

# The key under which a connector keeps the files that it is in the middle of.
_CONNECTOR = "connector"


class FileProgress(ChangedFiles):
    """Reads how far files have come, also while they are worked on."""

    def unfinished(self, versions: Iterable[ChangedVersion]) -> set[str]:
        """The paths of those that are not read to their end, or of which records have no outcome yet."""
        states = {key: state for key in (RUNNER_KEY, _CONNECTOR) if (state := self._state_of(key)) is not None}
        begun = {path for state in states.values() for path in decode_state(state)["files"]}
        found = set()
        for version in versions:
            # Without a time it is to be read again: the storage did not give it.
            waits = version.path in begun or not version.mtime_ns
            # What a connector has sent is decided elsewhere.
            if waits or (_CONNECTOR not in states and not self._is_decided(version)):
                found.add(version.path)
        return found

    def _is_decided(self, version: ChangedVersion) -> bool:
        account = self.account(SourceReference(file=version.path, sha256=version.sha256))
        return account is not None and (account.void or account.ended >= account.read)

    def _state_of(self, key: str) -> bytes | None:
        with clear_failures(self.path):
            row = self._connection.execute("SELECT value FROM states WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])
