"""Brings archived files back into a folder, each from its nearest good copy."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from connectors.clock import Clock, SystemClock
from models.archive.archived_file import ArchivedFile
from models.archive.copies import Damage, StoreCopy
from models.archive.restore_order import TapePlace
from models.errors import FatalError, RecordError, RetryableError
from streams.archive.restoring.restore_report import RestoreReport
from streams.archive.restoring.restore_sources import FileCopies, NearCopy, RestoreSources, copies_of
from streams.archive.restoring.restore_tape import OF_THE_FOLDER, TapeRestore, Wanted
from streams.archive.restoring.restore_target import Fill, Found, RestoreTarget
from streams.archive.stored_contents import damage_told_by, note_damage


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOptions:
    """How files are restored.

    Attributes
    ----------
    replace
        Whether a file with another content is replaced.
    wait_s
        A cartridge that is wanted is waited for so long.
    """

    replace: bool = False
    wait_s: float = 0.0


def restore_files(
    files: Iterable[ArchivedFile],
    into: Path,
    sources: RestoreSources,
    options: RestoreOptions | None = None,
    *,
    advance: Callable[[int], None] = lambda _done: None,
    wanted: Wanted = lambda _: None,
    clock: Clock | None = None,
) -> RestoreReport:
    """Put files under their keys below a folder, each compared with its SHA-256, with the time of its last change.

    What is there already with the right content is counted, not copied again. So a restore that was ended, however,
    is begun again and goes on. Nothing with another content is replaced unless that is wanted.

    Parameters
    ----------
    advance
        Told how many files are done.
    wanted
        Told which cartridges are wanted.

    Raises
    ------
    RetryableError
        ``disk_full``, ``disk_failed``: of the folder; and what the catalog raises.
    """
    restore = _Restore(RestoreTarget(into), sources, options or RestoreOptions())
    on_tape: dict[str, tuple[TapePlace, ...]] = {}
    for copies in copies_of(files, sources):
        if not restore.from_near(copies):
            on_tape[copies.file.id] = copies.on_tape
        advance(restore.report.done)

    def put(file: ArchivedFile, fill: Fill) -> bool:
        same = restore.put(file, fill, "tape")
        advance(restore.report.done)
        return same

    tape = TapeRestore(
        sources, put, restore.report, clock or SystemClock(), wait_s=restore.options.wait_s, wanted=wanted
    )
    tape.run(on_tape)
    advance(restore.report.done)
    return restore.report


class _Restore:
    """One restore under way."""

    def __init__(self, target: RestoreTarget, sources: RestoreSources, options: RestoreOptions) -> None:
        self.options = options
        self.report = RestoreReport()
        self._target = target
        self._sources = sources
        self._placed: set[str] = set()
        self._away: set[str] = set()

    def from_near(self, copies: FileCopies) -> bool:
        """Restore a file from what can be read at once; False when only cartridges are left."""
        file = copies.file
        try:
            if self._is_there(file) or any(self._try(file, copy) for copy in copies.near):
                return True
        except RecordError as error:
            self.report.refuse(file, error)
            return True
        if not copies.on_tape:
            self.report.refuse_without_copy(file)
        return not copies.on_tape

    def put(self, file: ArchivedFile, fill: Fill, source: str) -> bool:
        """Write a file; whether what came was its content."""
        # One version of a file does not replace another one of the same restore.
        replace = self.options.replace and file.key not in self._placed
        same = self._target.put(file, fill, replace=replace)
        if same:
            self._placed.add(file.key)
            self.report.came(file, self._target.place(file), source)
        return same

    def _is_there(self, file: ArchivedFile) -> bool:
        found = self._target.look(file)
        if found is Found.CONTENT:
            self._placed.add(file.key)
            self.report.found_there(file, self._target.place(file))
        elif found is Found.ANOTHER and (not self.options.replace or file.key in self._placed):
            raise self._target.exists(file)
        return found is Found.CONTENT

    def _try(self, file: ArchivedFile, copy: NearCopy) -> bool:
        if copy.copy is not None and copy.copy.store in self._away:
            self.report.unreachable[file.id] = copy.copy.store
            return False
        damage: Damage | None = None
        try:
            if self.put(file, copy.fill, copy.source):
                return True
            damage = Damage.OTHER_CONTENT
        except RecordError as error:
            if error.reason in OF_THE_FOLDER:
                raise
            damage = damage_told_by(error)
        except (RetryableError, FatalError) as error:
            if copy.copy is None or error.reason in OF_THE_FOLDER:
                raise
            # It would be asked in vain for each of many files.
            self._away.add(copy.copy.store)
            self.report.unreachable[file.id] = copy.copy.store
            self.report.problem(str(error))
        if damage and copy.copy is not None:  # the recorders' own file may be another one by now
            self._damaged(file, copy.copy, damage)
        return False

    def _damaged(self, file: ArchivedFile, copy: StoreCopy, damage: Damage) -> None:
        word = "missing" if damage is Damage.MISSING else "damaged"
        self.report.problem(f"{file.key} is {word} in {copy.store}; verify it with petawatch archive verify")
        if not copy.damaged:
            note_damage(self._sources.catalog, copy, damage)
