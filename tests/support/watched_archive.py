"""A watched folder whose files an archiver takes into a folder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connectors.catalog.catalog import Catalog
from connectors.state.commit import FileRecord
from streams.archive.uploading.archiver import Archiver
from streams.settings import load_settings
from tests.support.archiving import FlakyStore
from tests.support.manual_clock import ManualClock


class WatchedArchive:
    """The folders, the store, and what the archiver has told.

    Attributes
    ----------
    records
        Of the files that the watch has read, as the test has noted them.
    make_catalog
        Opens another catalog than that of the settings.
    """

    def __init__(self, folder: Path, **options: Any) -> None:
        self.root, self.state, self.store_folder = folder / "data", folder / "state", folder / "store"
        archive = {"store": str(self.store_folder), "read_back_share": 0.0, **options}
        self.settings = load_settings(None, archive=archive)
        self.clock = ManualClock()
        self.told: list[str] = []
        self.store_folder.mkdir(parents=True, exist_ok=True)
        self.store = FlakyStore(self.store_folder)
        self.records: list[FileRecord] = []
        self.make_catalog: Callable[[], Catalog] | None = None

    @contextmanager
    def archiver(self) -> Iterator[Archiver]:
        """An archiver in this process."""
        archiver = Archiver(
            self.state,
            self.settings,
            self.clock,
            tell=self.told.append,
            make_store=lambda: self.store,
            make_catalog=self.make_catalog,
        )
        try:
            yield archiver
        finally:
            archiver.close()
