"""What files are called inside a bundle: names that every system can unpack, each of them once."""

import hashlib
import re
from collections.abc import Iterable, Sequence

from models.archive.archived_file import ArchivedFile

#: What stands before the files: what they are, and their sums as ``sha256sum -c`` reads them.
MANIFEST_NAME = "MANIFEST.json"
SUMS_NAME = "SHA256SUMS"

_LONGEST_PART = 255  # bytes, of every usual file system
# Control characters, halves of surrogate pairs, and what other systems can't hold in a name; % as it stands for these.
_UNFIT = re.compile(r'[\x00-\x1f\x7f-\x9f\ud800-\udfff\\:*?"<>|%]')
_SHORT_SHA256 = 16  # digits


def member_names(files: Sequence[ArchivedFile]) -> list[str]:
    """A name for each file, in their order: its key where that can be.

    An earlier or later content under the same key goes to ``versions/SHA256/KEY``, a key that no system could hold to
    ``others/SHA256 OF ITS ID``. No name is the folder of another one.
    """
    names: list[str] = []
    taken, folders = {MANIFEST_NAME, SUMS_NAME}, {""}
    for file in files:
        escaped = _UNFIT.sub(lambda found: f"%{ord(found[0]):02X}", file.key)
        digest = hashlib.sha256(file.id.encode("utf-8", "surrogatepass")).hexdigest()
        choices = (escaped, f"versions/{file.sha256[:_SHORT_SHA256]}/{escaped}", f"others/{digest}")
        name = next(choice for choice in choices if is_member_name(choice) and _is_free(choice, taken, folders))
        names.append(name)
        taken.add(name)
        folders.update(_folders(name))
    return names


def is_member_name(name: str) -> bool:
    """Whether a name stays inside the folder that a bundle is unpacked in, and every system can hold it."""
    parts = name.split("/")
    return not _UNFIT.search(re.sub("%[0-9A-F]{2,4}", "", name)) and all(
        part not in {"", ".", ".."} and len(part.encode()) <= _LONGEST_PART for part in parts
    )


def sums_text(sums: Iterable[tuple[str, str]]) -> bytes:
    """Pairs of SHA-256 (hex) and name as ``sha256sum -c`` reads them; fit names need no escapes there."""
    return "".join(f"{sha256}  {name}\n" for sha256, name in sums).encode()


def _is_free(name: str, taken: set[str], folders: set[str]) -> bool:
    return name not in taken and name not in folders and taken.isdisjoint(_folders(name))


def _folders(name: str) -> list[str]:
    """All folders above a member."""
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
