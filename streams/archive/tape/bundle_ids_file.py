"""Ids of bundles in a file of the archive's folder, one a line: what a keeper of the tapes remembers."""

from contextlib import suppress
from pathlib import Path

from connectors.disk_failures import disk_failures
from connectors.durable_files import replace_file


class BundleIdsFile:
    """The file; one keeper alone writes it.

    Raises
    ------
    RetryableError
        By every method: ``disk_full``, ``disk_failed``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> set[str]:
        """The ids; none when there is no file.

        Raises
        ------
        ValueError
            It holds something else.
        """
        with disk_failures(self.path.parent), suppress(FileNotFoundError):
            return set(self.path.read_text("ascii").split())
        return set()

    def write(self, ids: set[str]) -> None:
        """Remember these and no others; durable on return."""
        with disk_failures(self.path.parent):
            replace_file(self.path, "".join(f"{id_}\n" for id_ in sorted(ids)).encode())
