"""The versions of one key in a folder: which there are, and where the content of each lies."""

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from connectors.archive.store import StoredVersion
from connectors.durable_files import put_in_place, replace_file, sync_folder

_NOTE = re.compile(r"(?P<number>\d{8})-(?P<sha256>[0-9a-f]{64})\.json")


@dataclass(frozen=True, slots=True, order=True)
class _Note:
    """That a version was written wholly and compared; a later one has a higher number."""

    number: int
    sha256: str

    @property
    def stem(self) -> str:
        return f"{self.number:08d}-{self.sha256}"


class KeyFolder:
    """A key's versions. The latest one's content lies under the key itself, those of others beside their notes.

    A version counts from the moment when its note is there, which is written last. Its content is what lies beside the
    note, else, of the latest note, what lies under the key. So each step of a change leaves every version whole.
    Whoever uses it holds the key's lock.

    Parameters
    ----------
    content
        The file under the key.
    notes
        The key's own folder below ``.versions``.
    """

    def __init__(self, key: str, content: Path, notes: Path) -> None:
        self._key = key
        self._content = content
        self._folder = notes
        self._notes = self._read_notes()

    @property
    def fresh(self) -> Path:
        """Where a content is written before it counts."""
        return self._folder / "new"

    def versions(self) -> list[StoredVersion]:
        """Those whose content is there, the latest first."""
        found: list[StoredVersion] = []
        for note in reversed(self._notes):
            with suppress(FileNotFoundError):
                size = self._place(note).stat().st_size
                metadata = self._metadata(note)
                found.append(
                    StoredVersion(
                        key=self._key,
                        version=note.sha256,
                        size_bytes=size,
                        sha256=note.sha256,
                        checked=True,
                        latest=not found,
                        metadata=metadata,
                    )
                )
        return found

    def content_of(self, version: str) -> Path | None:
        """Where the content of a version lies, or would; None when there is no such version."""
        note = next((note for note in self._notes if note.sha256 == version), None)
        return None if note is None else self._place(note)

    def make(self, root: Path) -> None:
        """Make the folders of the key, durably."""
        # First what a file may be in the way of: nothing is left then.
        _make_folders(self._content.parent, root)
        _make_folders(self._folder, root)

    def add(self, sha256: str, metadata: Mapping[str, str]) -> None:
        """Make what lies in ``fresh`` the latest version."""
        if self._notes:
            # Also one whose content is gone: else what is now put under the key would be taken for it.
            self._move_aside(self._notes[-1])
        put_in_place(self.fresh, self._content)
        note = _Note(self._notes[-1].number + 1 if self._notes else 1, sha256)
        replace_file(self._folder / f"{note.stem}.json", json.dumps(dict(metadata)).encode())
        sync_folder(self._folder)
        self._notes.append(note)

    def mend(self, version: str) -> None:
        """Put what lies in ``fresh`` into the place of a version's content."""
        place = self.content_of(version)
        if place is not None:
            put_in_place(self.fresh, place)

    def remove(self, version: str) -> None:
        """Remove a version; the one before takes its place under the key."""
        note = next((note for note in self._notes if note.sha256 == version), None)
        if note is None:
            return
        place = self._place(note)
        place.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            sync_folder(place.parent)
        (self._folder / f"{note.stem}.json").unlink(missing_ok=True)
        sync_folder(self._folder)
        self._notes.remove(note)
        if self._notes:
            self._move_back(self._notes[-1])
        else:
            self._clear()

    def _place(self, note: _Note) -> Path:
        aside = self._folder / note.stem
        return self._content if note == self._notes[-1] and not aside.exists() else aside

    def _move_aside(self, note: _Note) -> None:
        aside = self._folder / note.stem
        if not aside.exists():
            with suppress(FileNotFoundError):
                self._content.rename(aside)
            sync_folder(self._folder)

    def _move_back(self, note: _Note) -> None:
        with suppress(FileNotFoundError):
            (self._folder / note.stem).rename(self._content)
            sync_folder(self._content.parent)

    def _clear(self) -> None:
        # What an interrupted attempt left; the folders of the day stay, others may be writing there.
        for file in self._folder.iterdir():
            file.unlink()
        self._folder.rmdir()

    def _metadata(self, note: _Note) -> Mapping[str, str]:
        # Nothing depends on it: what a version is stands in the note's name.
        with suppress(OSError, ValueError):
            noted = json.loads((self._folder / f"{note.stem}.json").read_bytes())
            if isinstance(noted, dict):
                return {str(name): str(value) for name, value in noted.items()}
        return {}

    def _read_notes(self) -> list[_Note]:
        try:
            names = os.listdir(self._folder)  # noqa: PTH208 - names are all that is wanted
        except FileNotFoundError:
            return []
        matches = filter(None, map(_NOTE.fullmatch, names))
        return sorted(_Note(int(match["number"]), match["sha256"]) for match in matches)


def _make_folders(folder: Path, root: Path) -> None:
    """Make a folder below one that is there; that one is never made."""
    if folder == root or folder.is_dir():
        return
    _make_folders(folder.parent, root)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)
