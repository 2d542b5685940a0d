"""Runs verifications, and remembers when one began, so that one that was killed goes on and reads nothing twice."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from connectors.clock import Clock
from connectors.disk_failures import disk_failures
from connectors.durable_files import replace_file
from models.errors import FatalError
from streams.archive.opened_archive import OpenedArchive
from streams.archive.safekeeping.verification import DamagedCopy, Scope, Verification, Verified

_NAME = "verification.json"


class VerificationRun:
    """The run under way in an archive's folder."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._file = folder / _NAME
        self._clock = clock

    def begin(self, scope: Scope) -> Scope:
        """The scope with the time at which its run began: the one before goes on if it was the same and was broken off.

        Raises
        ------
        RetryableError
            ``disk_full``, ``disk_failed``.
        """
        wanted = {name: value for name, value in asdict(scope).items() if name != "started_ns"}
        started_ns = self._clock.now_ns()
        with disk_failures(self._file.parent):
            try:
                known = json.loads(self._file.read_bytes())
            except (FileNotFoundError, ValueError):
                known = None
            # A clock that was set back since would read nothing: then it begins anew.
            if isinstance(known, dict) and known.get("scope") == wanted and known.get("started_ns", 0) <= started_ns:
                started_ns = int(known["started_ns"])
            else:
                replace_file(self._file, json.dumps({"scope": wanted, "started_ns": started_ns}).encode())
        return replace(scope, started_ns=started_ns)

    def end(self) -> None:
        """It was done to its end."""
        with disk_failures(self._file.parent):
            self._file.unlink(missing_ok=True)


def verify_copies(
    archive: OpenedArchive,
    scope: Scope,
    clock: Clock,
    damaged: Callable[[DamagedCopy], None],
    advance: Callable[[int, int], None],
) -> Verified:
    """Begin a verification, or go on with the one that was broken off, and bring it as far as it goes.

    Parameters
    ----------
    damaged, advance
        As for ``Verification.run``.

    Raises
    ------
    FatalError
        ``configuration``: there are no copies to read; and as ``Verification.run``.
    RetryableError
        As ``Verification.run``; ``disk_full``, ``disk_failed``.
    """
    if archive.store is None and not archive.settings.tape.mounts:
        raise FatalError(
            "the settings name no copies to read back; give archive.store, or tape.mounts", reason="configuration"
        )
    run = VerificationRun(archive.folder, clock)
    found = Verification(archive, run.begin(scope), clock).run(damaged, advance)
    if not found.broken_off:
        run.end()
    return found
