"""Where everything stands in a bundle: the headers, which are the same for the same files, and what comes first."""

import hashlib
import tarfile
from collections.abc import Sequence
from dataclasses import replace

from models.archive.archived_file import ArchivedFile
from models.archive.bundle_manifest import TAR_BLOCK_BYTES, BundleManifest, ManifestMember, bundle_id, encode_manifest
from models.archive.bundle_names import MANIFEST_NAME, SUMS_NAME, member_names, sums_text

_NS = 1_000_000_000
_LATEST_S = 8**11 - 1  # what a plain header can hold: the year 2242


def plan_manifest(installation: str, files: Sequence[ArchivedFile]) -> BundleManifest:
    """The manifest of files in this order, with the places that their contents will have."""
    names = member_names(files)
    members = [ManifestMember(file=file, name=name, offset=0) for file, name in zip(files, names, strict=True)]
    id_ = bundle_id(installation, (file.id for file in files))
    manifest = BundleManifest(bundle_id=id_, installation=installation, members=tuple(members))
    offset = 0
    for header, content in front(manifest):
        offset += _header_bytes(header) + _padded(len(content))
    for number, member in enumerate(members):
        offset += _header_bytes(member_header(member))
        members[number] = replace(member, offset=offset)
        offset += _padded(member.file.size_bytes)
    return replace(manifest, members=tuple(members))


def front(manifest: BundleManifest) -> list[tuple[tarfile.TarInfo, bytes]]:
    """What stands before the files: the manifest, then the sums of all, its own included."""
    content = encode_manifest(manifest)
    sums = sums_text(
        [
            (hashlib.sha256(content).hexdigest(), MANIFEST_NAME),
            *((member.file.sha256, member.name) for member in manifest.members),
        ]
    )
    latest_s = max((member.file.mtime_ns for member in manifest.members), default=0) // _NS
    headers = []
    for name, data in ((MANIFEST_NAME, content), (SUMS_NAME, sums)):
        header = _header(name, len(data))
        header.mtime = min(max(latest_s, 0), _LATEST_S)
        headers.append((header, data))
    return headers


def member_header(member: ManifestMember) -> tarfile.TarInfo:
    """The header of a file: its time to the nanosecond, nobody's, readable for all."""
    header = _header(member.name, member.file.size_bytes)
    seconds, ns = divmod(abs(member.file.mtime_ns), _NS)
    header.pax_headers = {"mtime": f"{'-' if member.file.mtime_ns < 0 else ''}{seconds}.{ns:09d}"}
    return header


def _header(name: str, size_bytes: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size = size_bytes
    header.mode = 0o644
    return header


def _header_bytes(header: tarfile.TarInfo) -> int:
    return len(header.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))


def _padded(size_bytes: int) -> int:
    return size_bytes + -size_bytes % TAR_BLOCK_BYTES
