"""How far the states of a facility have come, and what was found when its results were compared."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from connectors.durable_files import replace_file
from connectors.state.file_changes import ChangedVersion, ChangesEnd
from models.errors import FatalError
from models.event_time import DAY_NS, format_iso

#: The folder of all of it, below the archive's.
FOLLOWING = "following"

_NAME = "progress.json"
_MOST_NAMED = 24


@dataclass(slots=True, kw_only=True)
class FollowingProgress:
    """Written down whenever it changes.

    Attributes
    ----------
    from_ns
        Where it began: snapshots that end before are left out.
    identity, number
        Of the recorder's changes, up to which its snapshots were gone through.
    until_ns
        Event time of the last record of the latest of these.
    longest_ns
        Event time from the first to the last record of the longest snapshot; a day at most, whatever the clocks say.
    compared_ns
        What lies before was compared.
    same, different
        Stretches that gave what the recorder has, and those that did not.
    differing
        The latest of these: begin, end, what differed.
    """

    folder: Path
    from_ns: int = 0
    identity: str = ""
    number: int = 0
    until_ns: int = 0
    longest_ns: int = 0
    compared_ns: int = 0
    same: int = 0
    different: int = 0
    differing: list[dict[str, object]] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path, from_ns: int = 0) -> Self:
        """As it was written last; else a beginning.

        Parameters
        ----------
        from_ns
            Of a beginning; 0 of one with the first snapshot.

        Raises
        ------
        FatalError
            ``state_damaged``; ``configuration``: it has begun somewhere else.
        """
        file = folder / _NAME
        try:
            begun = cls(folder=folder, **json.loads(file.read_bytes()))
        except FileNotFoundError:
            return cls(folder=folder, from_ns=from_ns, compared_ns=from_ns)
        except (OSError, ValueError, TypeError) as error:
            raise FatalError(
                f"{file} can't be read ({error}); remove it: it is made anew", reason="state_damaged"
            ) from error
        if from_ns not in {0, begun.from_ns}:
            where = f"at {format_iso(begun.from_ns)}" if begun.from_ns else "with the first snapshot"
            raise FatalError(
                f"the states have begun {where}, not at {format_iso(from_ns)}; leave --from out, or remove {folder} "
                "to begin anew",
                reason="configuration",
            )
        return begun

    def follow(self, end: ChangesEnd) -> None:
        """These are the recorder's changes now; with other ones, or earlier ones, all of them are looked at anew."""
        if end.identity != self.identity or end.number < self.number:
            self.identity, self.number = end.identity, 0

    def went_to(self, number: int, versions: Sequence[ChangedVersion]) -> bool:
        """All up to this change was gone through, these versions among it; whether that is further than before."""
        lengths = [min((version.last_ns or 0) - (version.first_ns or 0), DAY_NS) for version in versions]
        moved = number != self.number
        self.until_ns = next((each.last_ns for each in reversed(versions) if each.last_ns is not None), self.until_ns)
        self.number, self.longest_ns = number, max([self.longest_ns, *lengths])
        if moved:
            self._write()
        return moved

    def compared(self, from_ns: int, to_ns: int, differences: Sequence[str]) -> None:
        """A stretch was compared."""
        self.compared_ns = to_ns
        if differences:
            self.different += 1
            found: dict[str, object] = {
                "from": format_iso(from_ns),
                "to": format_iso(to_ns),
                "differences": list(differences),
            }
            self.differing = [*self.differing, found][-_MOST_NAMED:]
        else:
            self.same += 1
        self._write()

    def _write(self) -> None:
        values = asdict(self)
        del values["folder"]
        self.folder.mkdir(parents=True, exist_ok=True)
        replace_file(self.folder / _NAME, json.dumps(values).encode())
