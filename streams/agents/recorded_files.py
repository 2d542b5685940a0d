"""The files of which more is to come: who of their devices has ended, and what of them waits in the joins."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from connectors.state.reader import StateReader
from models.devices import Stage
from models.records import SourceReference
from models.state import State


@dataclass(slots=True)
class FileUnderWay:
    """One version of a file that is not wholly accounted for.

    Attributes
    ----------
    announced
        Its announcement has come: it is known how many records it holds, and which devices come to its end.
    ends
        Those devices.
    ended
        Those that have come to its end; some may before the announcement.
    replaces
        It replaces another version: nothing of it counts until all of it is there.
    """

    announced: bool = False
    ends: frozenset[str] = frozenset()
    ended: set[str] = field(default_factory=set)
    replaces: bool = False

    @property
    def awaited(self) -> bool:
        """Whether more of its records are to come from the joins, or it is not known."""
        return not self.announced or not self.ended >= self.ends


class RecordedFiles:
    """Follows every file from the first that is heard of it until each of its records has an outcome."""

    def __init__(self, state: StateReader) -> None:
        self._state = state
        self._under_way: dict[SourceReference, FileUnderWay] = {}
        self._pending: dict[Stage, dict[SourceReference, int]] = {}

    def is_settled(self, source: SourceReference) -> bool:
        """Whether all of this version of a file is accounted for: what comes of it now came before."""
        if source in self._under_way:
            return False
        account = self._state.account(source)
        return account is not None and not account.void

    def find(self, source: SourceReference) -> FileUnderWay | None:
        """A file under way; None when it is settled, or unknown."""
        return self._under_way.get(source)

    def follow(self, source: SourceReference) -> FileUnderWay:
        """A file under way, from now on if it was unknown."""
        return self._under_way.setdefault(source, FileUnderWay())

    def reopen(self, source: SourceReference) -> None:
        """Records of a file that were dead letters come again."""
        if self.is_settled(source):
            self._under_way[source] = FileUnderWay(announced=True)

    def set_pending(self, stage: Stage, pending: Mapping[SourceReference, int]) -> None:
        """What waits in the join of a stage now."""
        self._pending[stage] = {source: number for source, number in pending.items() if number}
        for source in pending:
            if not self.is_settled(source):
                self.follow(source)

    def pending(self) -> dict[SourceReference, int]:
        """What waits in the joins of the files that count."""
        total: Counter[SourceReference] = Counter()
        for of_stage in self._pending.values():
            total.update(of_stage)
        return {source: number for source, number in total.items() if not self._replaces(source)}

    def under_way(self) -> dict[SourceReference, bool]:
        """The files of which the joins still owe records, and whether it is known how many they hold."""
        return {
            source: file.announced for source, file in self._under_way.items() if file.awaited and not file.replaces
        }

    def close_settled(self, also: Iterable[SourceReference] = ()) -> None:
        """Follow no longer what is accounted for, or void; asks the state directory as of the latest commit."""
        ended = [source for source, file in self._under_way.items() if not file.awaited and not file.replaces]
        for source in {*ended, *also}:
            account = self._state.account(source)
            if account is not None and (account.void or account.read == account.ended):
                self._under_way.pop(source, None)

    def versions_of(self, path: str) -> list[SourceReference]:
        """The versions of a file that are under way and count."""
        return [source for source, file in self._under_way.items() if source.file == path and not file.replaces]

    def state(self) -> State:
        """All that is to be saved."""
        return {
            "under_way": [
                [source.file, source.sha256, file.announced, sorted(file.ends), sorted(file.ended), file.replaces]
                for source, file in self._under_way.items()
            ],
            "pending": [
                [[stage.front_end, stage.amp, stage.arm], _written(of_stage)]
                for stage, of_stage in sorted(self._pending.items())
                if of_stage
            ],
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._under_way = {
            SourceReference(file=file, sha256=sha256): FileUnderWay(
                announced=announced, ends=frozenset(ends), ended=set(ended), replaces=replaces
            )
            for file, sha256, announced, ends, ended, replaces in state["under_way"]
        }
        self._pending = {Stage(*stage): _read(of_stage) for stage, of_stage in state["pending"]}

    def _replaces(self, source: SourceReference) -> bool:
        file = self._under_way.get(source)
        return file is not None and file.replaces


def _written(counts: Mapping[SourceReference, int]) -> list[list[str | int]]:
    return [[source.file, source.sha256, number] for source, number in counts.items()]


def _read(saved: list[tuple[str, str, int]]) -> dict[SourceReference, int]:
    return {SourceReference(file=file, sha256=sha256): int(number) for file, sha256, number in saved}
