"""Bundles on the disk: built, checked, and read; reading works as well on a cartridge."""

import errno
import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from connectors.disk_failures import DISK_FULL
from connectors.durable_files import file_aside, put_in_place
from connectors.tape.bounded_wait import Step
from connectors.tape.bundle_layout import front, member_header, plan_manifest
from connectors.tape.bundle_reading import BundleReading, read_through
from connectors.tape.failures import tape_failures
from connectors.tape.side_hash import BLOCK_BYTES, SideHash
from models.archive.archived_file import ArchivedFile
from models.archive.bundle_decoding import bundle_damaged, decode_manifest
from models.archive.bundle_manifest import (
    MAX_MANIFEST_BYTES,
    MAX_MEMBERS,
    TAR_BLOCK_BYTES,
    BundleManifest,
    manifest_line_bytes,
)
from models.archive.bundle_names import MANIFEST_NAME, SUMS_NAME, member_names
from models.archive.copies import Bundle, BundleMember
from models.errors import RecordError, RetryableError

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})
_PARTIAL = ".partial"
_HEAD_BYTES = 4096  # more than what a manifest has beside the lines of its files
_LONGEST_SUMS = MAX_MANIFEST_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltBundle:
    """A bundle on the disk, ready to be written to cartridges.

    Attributes
    ----------
    path
        ``BUNDLEID.tar``.
    sha256, size_bytes
        Of the whole tar.
    refused
        Files that are not in it, and why: changed, gone or unreadable meanwhile.
    """

    path: Path
    manifest: BundleManifest
    sha256: str
    size_bytes: int
    refused: tuple[tuple[ArchivedFile, RecordError], ...] = ()

    @property
    def bundle(self) -> Bundle:
        """What the catalog keeps of it."""
        return self.manifest.bundle(self.sha256, self.size_bytes)


class NothingToBundleError(RecordError):
    """All files were refused; there is no bundle.

    Attributes
    ----------
    refused
        As in ``BuiltBundle``.
    """

    def __init__(self, refused: Sequence[tuple[ArchivedFile, RecordError]]) -> None:
        first = f"; the first: {refused[0][1]}" if refused else ""
        super().__init__(f"none of {len(refused)} files can be bundled{first}", reason="nothing_to_bundle")
        self.refused = tuple(refused)


def build_bundle(
    folder: Path,
    installation: str,
    files: Sequence[tuple[ArchivedFile, Path]],
    before: Callable[[ArchivedFile], None] = lambda _: None,
) -> BuiltBundle:
    """Build the bundle of these files, in their order; the same files give the same bytes.

    An uncompressed POSIX tar: ``MANIFEST.json``, ``SHA256SUMS``, the files. It is there under its name only when it is
    whole, and every content has been compared with its SHA-256 while it was copied. Files beyond what one manifest
    holds are left for the next bundle.

    Parameters
    ----------
    folder
        Where ``BUNDLEID.tar`` is put; it exists.
    files
        Each with the place that its content is read from.
    before
        Called with each file before it is written; what it raises ends the building, and nothing is left.

    Raises
    ------
    NothingToBundleError
        No file is left.
    RetryableError
        ``disk_full``, ``disk_failed``.
    """
    refused: list[tuple[ArchivedFile, RecordError]] = []
    left = _fitting(files)
    while left:
        outcome = _attempt(folder, installation, left, before)
        if isinstance(outcome, BuiltBundle):
            return replace(outcome, refused=tuple(refused))
        refused += outcome
        ids = {file.id for file, _ in outcome}
        left = [(file, source) for file, source in left if file.id not in ids]
    raise NothingToBundleError(refused)


def read_manifest(bundle: Path | BinaryIO) -> BundleManifest:
    """The manifest of a bundle, compared with its SHA-256, which stands right behind it.

    Raises
    ------
    RecordError
        ``bundle_damaged``, ``bundle_too_new``.
    RetryableError
        The cartridge can't be read; see ``connectors.tape.failures``.
    """
    if not isinstance(bundle, Path):
        return _read_manifest(bundle, str(getattr(bundle, "name", "that was given")))
    with tape_failures(bundle, "reading its manifest"), bundle.open("rb") as stream:
        return _read_manifest(stream, str(bundle))


def check_bundle(path: Path, step: Step = lambda: None) -> tuple[BuiltBundle, BundleReading]:
    """Read all of a bundle; what it is, and which contents are not what its manifest says.

    Parameters
    ----------
    step
        Called after each block.

    Raises
    ------
    RecordError, RetryableError
        As ``read_manifest``.
    """
    manifest = read_manifest(path)
    members = [member.bundle_member() for member in manifest.members]
    with tape_failures(path, "reading"), path.open("rb", buffering=0) as stream:
        reading = read_through(stream, members, step)
    return BuiltBundle(path=path, manifest=manifest, sha256=reading.sha256, size_bytes=reading.size_bytes), reading


def copy_bundle(path: Path, into: BinaryIO, step: Step = lambda: None) -> str:
    """Copy all of a bundle; the SHA-256 (hex) of what came. It is the caller who compares.

    Parameters
    ----------
    step
        Called after each block was read, before it is written.

    Raises
    ------
    RetryableError
        The cartridge can't be read; see ``connectors.tape.failures``.
    """
    digest = hashlib.sha256()
    with _opened(path) as stream:
        while block := _read(stream, BLOCK_BYTES, path):
            step()
            digest.update(block)
            into.write(block)
    return digest.hexdigest()


def copy_member(path: Path, member: BundleMember, into: BinaryIO, step: Step = lambda: None) -> str:
    """Copy the content of a file out of a bundle; the SHA-256 (hex) of what came. It is the caller who compares.

    Parameters
    ----------
    step
        Called after each block was read, before it is written.

    Raises
    ------
    RecordError
        ``bundle_damaged``: it ends before.
    RetryableError
        The cartridge can't be read; see ``connectors.tape.failures``.
    """
    digest, left = hashlib.sha256(), member.size_bytes
    with _opened(path) as stream:
        with tape_failures(path, "reading"):
            stream.seek(member.offset)
        while left:
            block = _read(stream, min(left, BLOCK_BYTES), path)
            if not block:
                raise bundle_damaged(str(path), f"it ends within {member.name}")
            step()
            digest.update(block)
            into.write(block)
            left -= len(block)
    return digest.hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[io.FileIO]:
    """A bundle open for reading from the medium, not from what the system remembers of it."""
    with tape_failures(path, "opening"):
        stream = io.FileIO(path)
    with stream:
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        yield stream


def _read(stream: io.FileIO, size: int, path: Path) -> bytes:
    with tape_failures(path, "reading"):
        return stream.read(size)


def _read_manifest(stream: BinaryIO, where: str) -> BundleManifest:
    content = _front_member(stream, MANIFEST_NAME, MAX_MANIFEST_BYTES, where)
    sums = _front_member(stream, SUMS_NAME, _LONGEST_SUMS, where)
    if not sums.startswith(f"{hashlib.sha256(content).hexdigest()}  {MANIFEST_NAME}\n".encode()):
        raise bundle_damaged(where, "its manifest is not the one of its SHA256SUMS")
    return decode_manifest(content, where)


def _front_member(stream: BinaryIO, name: str, longest: int, where: str) -> bytes:
    """The content of a member that stands before the files, whose header is one block."""
    try:
        header = tarfile.TarInfo.frombuf(stream.read(TAR_BLOCK_BYTES), "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise bundle_damaged(where, f"where {name} should stand is no member of a tar ({error})") from error
    if header.name != name or not header.isreg() or not 0 < header.size <= longest:
        raise bundle_damaged(where, f"where {name} should stand is something else")
    padded = header.size + -header.size % TAR_BLOCK_BYTES
    content = stream.read(padded)
    if len(content) < padded:
        raise bundle_damaged(where, f"it ends within {name}")
    return content[: header.size]


def _fitting(files: Sequence[tuple[ArchivedFile, Path]]) -> list[tuple[ArchivedFile, Path]]:
    """The first files, each once, as many as one manifest holds."""
    unique = list({file.id: (file, source) for file, source in files}.values())[:MAX_MEMBERS]
    room, fitting = MAX_MANIFEST_BYTES - _HEAD_BYTES, []
    for (file, source), name in zip(unique, member_names([file for file, _ in unique]), strict=True):
        room -= manifest_line_bytes(file, name)
        if room < 0:
            break
        fitting.append((file, source))
    return fitting


def _attempt(
    folder: Path,
    installation: str,
    files: Sequence[tuple[ArchivedFile, Path]],
    before: Callable[[ArchivedFile], None],
) -> BuiltBundle | list[tuple[ArchivedFile, RecordError]]:
    """The bundle, or the files that it can't have."""
    manifest = plan_manifest(installation, [file for file, _ in files])
    path = folder / f"{manifest.bundle_id}.tar"
    hidden = folder / f".{path.name}{_PARTIAL}"
    done = 0
    try:
        with file_aside(hidden) as stream, SideHash() as whole:
            target = _HashedTarget(stream, whole)
            with tarfile.open(
                fileobj=target,  # type: ignore[call-overload]
                mode="w|",
                format=tarfile.PAX_FORMAT,
                encoding="utf-8",
                bufsize=BLOCK_BYTES,
                copybufsize=BLOCK_BYTES,
            ) as tar:
                for header, text in front(manifest):
                    tar.addfile(header, io.BytesIO(text))
                for member, (file, source) in zip(manifest.members, files, strict=True):
                    before(file)
                    with _content_of(file, source) as content:
                        tar.addfile(member_header(member), content)
                    done += 1
            sha256, size_bytes = whole.hexdigest(), target.written
        put_in_place(hidden, path)
    except RecordError as error:
        return [(files[done][0], error), *_refused(files[done + 1 :])]
    except OSError as error:
        raise _disk_failure(error, folder) from error
    return BuiltBundle(path=path, manifest=manifest, sha256=sha256, size_bytes=size_bytes)


def _refused(files: Sequence[tuple[ArchivedFile, Path]]) -> list[tuple[ArchivedFile, RecordError]]:
    """Those that can't be had: found at once, so that a bundle is begun anew once and not once for each of them."""
    refused = []
    for file, source in files:
        try:
            with _content_of(file, source) as content:
                while content.read(BLOCK_BYTES):
                    pass
        except RecordError as error:
            refused.append((file, error))
    return refused


class _HashedTarget:
    """A file that is hashed while it is written."""

    def __init__(self, stream: BinaryIO, whole: SideHash) -> None:
        self._stream = stream
        self._whole = whole
        self.written = 0

    def write(self, data: bytes) -> int:
        """All of it."""
        self._whole.update(data)
        self._stream.write(data)
        self.written += len(data)
        return len(data)


class _HashedSource(io.RawIOBase):
    """A snapshot's content, as long as it was when it was first read, hashed while it is read again."""

    def __init__(self, stream: BinaryIO, file: ArchivedFile, source: Path) -> None:
        self._stream = stream
        self._source = source
        self._left = file.size_bytes
        self.hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Exactly so much as is asked for, up to its end."""
        size = self._left if size < 0 else min(size, self._left)
        try:
            data = self._stream.read(size)
        except OSError as error:
            raise _unreadable(self._source, error) from error
        if len(data) < size:
            raise _changed(self._source)
        self._left -= size
        self.hash.update(data)
        return data


@contextmanager
def _content_of(file: ArchivedFile, source: Path) -> Iterator[_HashedSource]:
    """A snapshot's content, which is compared with its SHA-256 once all of it was read."""
    try:
        stream = source.open("rb")
    except OSError as error:
        raise _unreadable(source, error) from error
    with stream:
        content = _HashedSource(stream, file, source)
        yield content
        if content.hash.hexdigest() != file.sha256:
            raise _changed(source)


def _changed(source: Path) -> RecordError:
    return RecordError(
        f"{source} is not the content any more that is to be archived; the new one is archived on its own, the earlier "
        "one is taken from the store",
        reason="file_changed",
    )


def _unreadable(source: Path, error: OSError) -> RecordError:
    if error.errno in _GONE:
        return RecordError(f"{source} is gone; its content is taken from the store", reason="file_gone")
    return RecordError(
        f"{source} can't be read ({error.strerror}); see its rights and its disk", reason="file_unreadable"
    )


def _disk_failure(error: OSError, folder: Path) -> RetryableError:
    if error.errno in DISK_FULL:
        return RetryableError(f"the disk under {folder} is full; make room for a bundle there", reason="disk_full")
    return RetryableError(
        f"a bundle can't be written in {folder} ({error.strerror}); see the folder's rights and its disk",
        reason="disk_failed",
    )
