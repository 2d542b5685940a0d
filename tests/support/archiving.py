"""What tests of the archive need: files that a watch has read, a store that fails, and what came of it all."""

import hashlib
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from connectors.archive.directory_store import DirectoryStore
from connectors.archive.opening import open_store
from connectors.archive.store import ArchiveStore, StoredVersion
from connectors.catalog.opening import open_catalog
from connectors.clock import SystemClock
from connectors.state.commit import Commit, FileRecord, FileStatus
from connectors.state.directory import StateDirectory
from models.archive.archived_file import ArchivedFile
from models.archive.copies import StoreCopy
from models.archive.file_query import FileQuery
from models.errors import PetawatchError
from streams.archive.places import archive_folder
from streams.archive.uploading.archiver import Archiver
from streams.settings import Settings, load_settings


def snapshot(root: Path, name: str, content: bytes) -> FileRecord:
    """A file in a watched folder, as the watch records it after it has read it."""
    path = root / "10Hz" / "2022-07-01" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    status = path.stat()
    return FileRecord(
        path=path.relative_to(root).as_posix(),
        root=str(root),
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        status=FileStatus.ACCEPTED,
    )


def file_record(file: ArchivedFile) -> FileRecord:
    """What a watch notes of an archived file that it has read wholly; without its count of records."""
    return FileRecord(
        path=file.path,
        root=file.root,
        sha256=file.sha256,
        size_bytes=file.size_bytes,
        mtime_ns=file.mtime_ns,
        status=FileStatus.ACCEPTED,
        first_ns=file.first_ns,
        last_ns=file.last_ns,
    )


def record(state: Path, *files: FileRecord) -> None:
    """A watch notes files in one commit."""
    with StateDirectory.open(state) as directory:
        directory.commit(Commit(files=list(files)))


class FlakyStore(DirectoryStore):
    """A folder that fails as often as the test wants, and remembers what it was asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.failure: PetawatchError | None = None
        self.garbles_reading = False
        self.puts: list[str] = []

    def put(
        self,
        key: str,
        source: Path,
        sha256: str,
        size_bytes: int,
        metadata: Mapping[str, str],
        besides: Collection[str] = (),
    ) -> StoredVersion:
        self.puts.append(key)
        if self.failure is not None:
            raise self.failure
        return super().put(key, source, sha256, size_bytes, metadata, besides)

    def read(self, key: str, version: str, into: BinaryIO) -> str:
        return "0" * 64 if self.garbles_reading else super().read(key, version, into)


def archive_once(state: Path, store: Path) -> None:
    """``petawatch archive run --once`` into a folder, in this process."""
    settings = load_settings(None, archive={"store": str(store), "read_back_share": 0.3})
    with closing(Archiver(state, settings, SystemClock(), tell=lambda _: None)) as archiver:
        archiver.run_once()


@dataclass(frozen=True, slots=True)
class Archived:
    """What an archive holds: of each file all copies that the catalog knows, and all versions in the store."""

    files: list[ArchivedFile]
    copies: dict[str, list[StoreCopy]]
    versions: dict[str, list[StoredVersion]]
    contents: dict[str, str] = field(default_factory=dict)


def read_archive(settings: Settings, state: Path, store: ArchiveStore | None = None) -> Archived:
    """Look into catalog and store, and read each version of the latter."""
    store = store or open_store(settings.archive.store, settings.object_store)
    with closing(open_catalog(settings.catalog, archive_folder(settings.archive, state))) as catalog:
        files = list(catalog.find_files(FileQuery()))
        copies = catalog.store_copies([file.id for file in files])
    versions = {key: store.versions(key) for key in list(store.keys())}
    with Path("/dev/null").open("r+b") as nowhere:
        contents = {
            f"{key}@{version.version}": store.read(key, version.version, nowhere)
            for key, stored in versions.items()
            for version in stored
        }
    return Archived(files, copies, versions, contents)


def assert_archived_once(found: Archived, expected: Mapping[str, Any]) -> None:
    """The store holds exactly these contents (SHA-256 by key, or several), each once; the catalog says just that."""
    wanted = {(key, digest) for key, digests in expected.items() for digest in _several(digests)}
    assert sorted((file.key, file.sha256) for file in found.files) == sorted(wanted)
    stored = [(key, version.sha256) for key, versions in found.versions.items() for version in versions]
    assert sorted(stored) == sorted(wanted), "the store holds other versions, or one twice"
    for key, versions in found.versions.items():
        for version in versions:
            assert found.contents[f"{key}@{version.version}"] == version.sha256, f"{key} is damaged"
    for file in found.files:
        [copy] = found.copies[file.id]
        assert copy.version in {version.version for version in found.versions[file.key]}
        assert copy.checked_ns is not None
        assert not copy.damaged


def _several(digests: Any) -> list[str]:
    return [digests] if isinstance(digests, str) else list(digests)
