"""What a restore has done."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from models.archive.archived_file import ArchivedFile
from models.errors import PetawatchError, RecordError


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedFile:
    """A file that is not there after a restore, and why."""

    file: ArchivedFile
    reason: str
    sentence: str


@dataclass(slots=True)
class RestoreReport:
    """Counts, and what was left out.

    Attributes
    ----------
    places
        Where each file is that was asked for, by its id: with its content, compared.
    restored
        How many came from ``local``, ``store`` and ``tape``.
    there
        How many were there already.
    size_bytes
        Of those that were restored.
    problems
        Copies and sources that could not be used, a sentence each.
    failed_cartridges
        The uuids of those that failed while they were read.
    unreachable
        The store with a copy that could not be asked, by the file's id.
    """

    places: dict[str, Path] = field(default_factory=dict)
    restored: Counter[str] = field(default_factory=Counter)
    there: int = 0
    size_bytes: int = 0
    refused: list[RefusedFile] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    failed_cartridges: set[str] = field(default_factory=set)
    unreachable: dict[str, str] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """Files about which all is said."""
        return len(self.places) + len(self.refused)

    def found_there(self, file: ArchivedFile, place: Path) -> None:
        """It was there."""
        self.places[file.id] = place
        self.there += 1

    def came(self, file: ArchivedFile, place: Path, source: str) -> None:
        """It was restored."""
        self.places[file.id] = place
        self.restored[source] += 1
        self.size_bytes += file.size_bytes

    def refuse(self, file: ArchivedFile, error: PetawatchError) -> None:
        """It is left out."""
        self.refused.append(RefusedFile(file=file, reason=error.reason, sentence=str(error)))

    def refuse_without_copy(self, file: ArchivedFile) -> None:
        """Every copy that is known was tried; one in a store that can't be reached may be good all the same."""
        if store := self.unreachable.get(file.id):
            sentence = f"{file.key} is in {store}, which can't be reached now; try again when it is back"
            self.refuse(file, RecordError(sentence, reason="store_unreachable"))
        else:
            sentence = f"{file.key} has no good copy that is known; look for it with petawatch catalog find"
            self.refuse(file, RecordError(sentence, reason="no_good_copy"))

    def problem(self, sentence: str) -> None:
        """Something could not be used; said once."""
        if sentence not in self.problems:
            self.problems.append(sentence)
