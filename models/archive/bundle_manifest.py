"""What a bundle says of itself: the files in it, and where in it each content begins."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields

from models.archive.archived_file import ArchivedFile
from models.archive.copies import Bundle, BundleMember

#: Raised when the meaning of a manifest, or the order of what stands in a bundle, changes.
FORMAT = 1
#: Of a tar: headers and the ends of contents lie on whole blocks.
TAR_BLOCK_BYTES = 512
#: A bundle is closed with so many files, whatever their size, and a manifest has at most so many bytes: it is read
#: before anything else, and a damaged one fills no memory.
MAX_MEMBERS = 20_000
MAX_MANIFEST_BYTES = 64 << 20

_ID_DIGITS = 32
_LARGEST_OFFSET = (1 << 53) - 1  # whole in every reader of JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestMember:
    """A file in a bundle, all that the archive knows of it.

    Attributes
    ----------
    name
        Of the member in the tar.
    offset
        Of its content in the tar, bytes.
    """

    file: ArchivedFile
    name: str
    offset: int

    def bundle_member(self) -> BundleMember:
        """What the catalog keeps of it with the bundle."""
        return BundleMember(
            file_id=self.file.id,
            name=self.name,
            sha256=self.file.sha256,
            size_bytes=self.file.size_bytes,
            mtime_ns=self.file.mtime_ns,
            offset=self.offset,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleManifest:
    """The first member of every bundle: with it the catalog can be made anew from the cartridges alone.

    Attributes
    ----------
    bundle_id
        ``bundle_id`` of installation and members.
    installation
        Whose files these are.
    members
        In their order in the tar.
    """

    bundle_id: str
    installation: str
    members: tuple[ManifestMember, ...]
    format: int = FORMAT

    def bundle(self, sha256: str, size_bytes: int) -> Bundle:
        """What the catalog keeps of it.

        Parameters
        ----------
        sha256, size_bytes
            Of the whole tar.
        """
        members = tuple(member.bundle_member() for member in self.members)
        return Bundle(id=self.bundle_id, sha256=sha256, size_bytes=size_bytes, members=members)


def bundle_id(installation: str, file_ids: Iterable[str]) -> str:
    """The same for the same files of an installation in the same order, whenever and wherever they are bundled."""
    text = "\0".join((installation, *file_ids))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_ID_DIGITS]


def encode_manifest(manifest: BundleManifest) -> bytes:
    """The manifest as JSON, a line for each file, filled up with blanks to whole blocks of a tar.

    Its length does not depend on the offsets, which are known only once it is: they are filled up, too.
    """
    head = {"format": manifest.format, "bundle": manifest.bundle_id, "installation": manifest.installation}
    lines = ",\n".join(_member_line(member) for member in manifest.members)
    text = f'{json.dumps(head)[:-1]}, "members": [\n{lines}\n]}}\n'.encode("ascii")
    return text + b" " * (-(len(text) + 1) % TAR_BLOCK_BYTES) + b"\n"


def manifest_line_bytes(file: ArchivedFile, name: str) -> int:
    """How much a file adds to the manifest."""
    return len(_member_line(ManifestMember(file=file, name=name, offset=0))) + len(",\n")


def _member_line(member: ManifestMember) -> str:
    values: dict[str, object] = {"name": member.name}
    values |= {field.name: getattr(member.file, field.name) for field in fields(ArchivedFile)}
    text = json.dumps(values)[:-1]
    return f'{text}, "offset": {member.offset:>{len(str(_LARGEST_OFFSET))}d}}}'
