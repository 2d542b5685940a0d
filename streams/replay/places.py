"""Brings the files of a replay to this computer: those that lie here are read in place, the others are restored."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dashboards.words import counted
from models.archive.archived_file import ArchivedFile
from models.archive.restore_order import wanted_volumes
from models.errors import FatalError
from models.snapshot_names import is_rate
from streams.archive.own_files import own_content, own_file
from streams.archive.restoring.restore import RestoreOptions, restore_files
from streams.archive.restoring.restore_sources import RestoreSources, copies_of
from streams.archive.restoring.restore_tape import volume_labels
from streams.archive.states.stage_states import is_state_key

# A watched folder of which nothing is known but that.
_ROOT = "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayFiles:
    """Knows where files are, and brings them.

    Attributes
    ----------
    copies
        Of the archive; None when there is only a folder.
    wait_s
        A cartridge that is wanted is waited for so long.
    tell
        Called with a sentence about a cartridge that is wanted, or a copy that could not be used.
    """

    copies: RestoreSources | None
    wait_s: float
    tell: Callable[[str], None]

    def fetch(self, files: Sequence[ArchivedFile], into: Path) -> dict[str, Path]:
        """The places of files, by their ids; each ends with the file's path below its watched root.

        Raises
        ------
        FatalError
            ``replay_missing``: one of them can't be had now.
        RetryableError
            The disk is full, or the catalog is away.
        """
        places = local_places(files)
        missing = [file for file in files if file.id not in places]
        by_root: dict[Path, list[ArchivedFile]] = {}
        for file in missing:
            by_root.setdefault(restored_root(into, file), []).append(file)
        for root, of_root in by_root.items():
            places |= self._restored(of_root, root)
        return places

    def wanted(self, files: Sequence[ArchivedFile]) -> list[str]:
        """Where the files come from, and the cartridges that it takes, as sentences."""
        places = local_places(files)
        missing = [file for file in files if file.id not in places]
        if self.copies is None:
            return [f"{len(missing)} of {len(files)} snapshots are not on this computer"] if missing else []
        far = [copies for copies in copies_of(missing, self.copies) if not copies.near]
        on_tape = {copies.file.id: copies.on_tape for copies in far if copies.on_tape}
        labels = volume_labels(self.copies)
        elsewhere = f"{len(missing) - len(far)} from the store, {len(on_tape)} from cartridges"
        sentences = [f"of {counted(len(files), 'snapshot')} {len(places)} come from the recorders' files, {elsewhere}"]
        if len(far) > len(on_tape):
            sentences.append(f"{counted(len(far) - len(on_tape), 'snapshot')} without a copy that is known")
        for volume in wanted_volumes(on_tape):
            label, size = labels.get(volume.volume, volume.volume), volume.size_bytes / 2**20
            sentences.append(f"cartridge {label}: {volume.files} snapshots, {size:,.1f} MiB")
        return sentences

    def _restored(self, files: list[ArchivedFile], root: Path) -> dict[str, Path]:
        if self.copies is None:
            raise _missing(files, f"{files[0].path} is not in the folder any more")
        report = restore_files(
            files,
            root,
            self.copies,
            RestoreOptions(wait_s=self.wait_s),
            wanted=lambda volumes: self.tell(_wanted_sentence(label for label, _ in volumes)),
        )
        for problem in report.problems:
            self.tell(problem)
        if report.refused:
            raise _missing([refused.file for refused in report.refused], report.refused[0].sentence)
        return {file.id: _by_path(root, file, report.places[file.id]) for file in files}


def local_places(files: Iterable[ArchivedFile]) -> dict[str, Path]:
    """Where files lie, by their ids; without those that are gone or changed since.

    A snapshot whose size is that of the archived one is taken for it: its content is compared when it has been read.
    """
    places = ((file, own_content(file) if is_state_key(file.key) else own_file(file)) for file in files)
    return {file.id: place for file, place in places if place is not None}


def restored_root(folder: Path, file: ArchivedFile) -> Path:
    """The folder that stands for a file's watched root.

    The rate of a recorder whose own folder was watched stands in the name of that folder, and is not lost.
    """
    rates = [part for part in PurePosixPath(file.root).parts if is_rate(part)]
    return folder / (rates[-1] if rates else _ROOT)


def _by_path(root: Path, file: ArchivedFile, restored: Path) -> Path:
    """A restored file under its path below the watched root, which is what rows and alerts name it by."""
    place = root / file.path
    if place != restored:
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = place.with_name(f".{place.name}.link")
        aside.unlink(missing_ok=True)
        os.link(restored, aside)
        aside.replace(place)
    return place


def _wanted_sentence(labels: Iterable[str]) -> str:
    return f"the replay waits for the cartridges {', '.join(labels)}; put them in"


def _missing(files: Sequence[ArchivedFile], why: str) -> FatalError:
    others = f", and {len(files) - 1} more files can't be had" if len(files) > 1 else ""
    return FatalError(f"the replay lacks files: {why}{others}", reason="replay_missing")
