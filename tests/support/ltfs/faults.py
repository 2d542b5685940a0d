"""What a drive or a cartridge does wrong, and when."""

import json
from dataclasses import asdict, dataclass
from typing import Self

#: The tests' own door to a mounted double: set on a cartridge's root to the JSON of ``Faults``.
FAULTS_ATTRIBUTE = "user.double.faults"


@dataclass(frozen=True, kw_only=True)
class Faults:
    """All well by default.

    Attributes
    ----------
    full_at
        Where a full cartridge says so first: ``write``, ``fsync``, ``close`` or ``open``. What one call does not tell,
        a later one does; with ``open`` the file that fills it is still whole.
    full_after_bytes
        It is full once so much was written from now on, although it says that there is room; None: it says the truth.
    error_at
        One EIO comes from ``write``, ``fsync``, ``close`` or ``sync``, and EROFS from everything after it.
    error_after_bytes
        Only once so much was written from now on.
    dies_at
        The process is killed (SIGKILL) at the beginning of such a call: ``create``, ``write``, ``fsync``, ``close``,
        ``sync``, or ``end``: an unmount, before its index.
    dies_after_bytes
        As ``error_after_bytes``.
    sync_loses
        Pattern of names: the next index, and all later ones, miss those files although sync succeeds.
    sync_tears
        Pattern of names: their last bytes on the tape are other ones although sync succeeds.
    unreadable
        Pattern of names that answer EIO to whoever reads the tape.
    no_index_at_unmount
        The drive can't write the index at unmount, and says nothing.
    """

    full_at: str = "write"
    full_after_bytes: int | None = None
    error_at: str = ""
    error_after_bytes: int = 0
    dies_at: str = ""
    dies_after_bytes: int = 0
    sync_loses: str = ""
    sync_tears: str = ""
    unreadable: str = ""
    no_index_at_unmount: bool = False

    @property
    def told(self) -> str:
        """What is not as it should be, for people."""
        usual = asdict(type(self)())
        return ", ".join(f"{name}={value}" for name, value in asdict(self).items() if value != usual[name])

    def to_json(self) -> str:
        """As it travels."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What ``to_json`` made."""
        return cls(**json.loads(text))
