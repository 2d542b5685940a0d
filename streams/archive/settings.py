"""What is archived, and where to."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from connectors.tape.settings import TapeSettings
from models.errors import FatalError


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSettings:
    """The archive of an installation; the object store's own options are ``[object_store]``.

    Attributes
    ----------
    store
        ``s3://BUCKET``, or the whole path of a folder, apart from the watched ones; empty archives nothing.
    installation
        Names the installation on its cartridges: those of others are never written to. It must be given where there
        are any.
    folder
        Of the archive's own files (outbox, bundles under construction); empty takes ``archive`` in the state directory.
    uploads
        Files that are copied into the store at once.
    read_back_share
        Of the copies in the store this part is read back and compared at once, chosen by the files' SHA-256.
    retention_days
        With it, a version can't be removed from the object store before (object lock); 0 locks nothing.
    oldest_waiting_s
        A file that waits for so long raises the alert ``archive_late``.
    state_every_s
        Event time from one archived state of the stages to the next; 0 archives none.
    free_store
        Whether ``archive free`` may remove versions from the object store, too; a copy in a store need not exist then.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    store: str = ""
    installation: str = ""
    folder: Path | None = None
    uploads: int = 4
    read_back_share: float = 0.01
    retention_days: int = 0
    oldest_waiting_s: float = 3600.0
    state_every_s: float = 3600.0
    free_store: bool = False

    def __post_init__(self) -> None:
        letters = self.installation.replace("-", "")
        if self.installation and not (self.installation.isascii() and letters.isalnum()):
            raise ValueError("installation must be made of ASCII letters, digits and hyphens")
        if not 1 <= self.uploads <= 64:
            raise ValueError("uploads must lie between 1 and 64")
        if not 0.0 <= self.read_back_share <= 1.0:
            raise ValueError("read_back_share must lie between 0 and 1")
        if not 0 <= self.retention_days <= 36_500:
            raise ValueError("retention_days must lie between 0 and 36500")
        if self.oldest_waiting_s <= 0 or self.state_every_s < 0:
            raise ValueError("oldest_waiting_s must be above 0, and state_every_s not below")


def require_installation(archive: ArchiveSettings, tape: TapeSettings) -> None:
    """Two installations of one name would write to each other's cartridges: whoever has any gives its name.

    Raises
    ------
    FatalError
        ``configuration``.
    """
    if tape.mounts and not archive.installation:
        raise FatalError(
            "archive.installation is not given, and tape.mounts is: name this installation as no other one is called, "
            "in ASCII letters, digits and hyphens (where it was not given before, its cartridges are those of hpls)",
            reason="configuration",
        )
