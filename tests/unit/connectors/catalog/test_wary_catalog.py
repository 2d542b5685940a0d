"""What has lost its trust stays so, whatever an older catalog says."""

import errno
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pytest

from connectors.catalog.catalog import Catalog
from connectors.catalog.losses_file import LOSSES_NAME
from connectors.catalog.opening import open_catalog
from connectors.catalog.settings import CatalogSettings
from models.archive.copies import BundleCopy, CopyState, Damage, StoreCopy
from models.archive.volume_steps import cleared, retired, suspected, verified
from models.archive.volumes import Volume, VolumeState
from models.errors import RetryableError
from tests.support.catalog_examples import archived, bundle_copy, store_copy
from tests.support.crashes import Crash, crash_at

T = TypeVar("T")

FILE = archived(0)
STORED = store_copy(FILE, checked_ns=10, read_back_ns=20)
TAPED = bundle_copy("b", state=CopyState.SAFE, read_back_ns=20)
CARTRIDGE = Volume(uuid="V1", state=VolumeState.FULL, last_verified_ns=20)


@dataclass
class Two:
    """One catalog, for two computers; what the other one writes is what an older catalog says, and is remembered there.

    Attributes
    ----------
    reopened
        The catalog as another process on this computer opens it.
    """

    here: Catalog
    elsewhere: Catalog
    reopened: Callable[[], Catalog]
    losses: Path

    def stored(self, *copies: StoreCopy) -> StoreCopy:
        """The copy that is found here after these were written from elsewhere."""
        self.elsewhere.add_store_copies(copies)
        return self._same(lambda catalog: catalog.store_copies([FILE.id])[FILE.id][0])

    def taped(self, copy: BundleCopy) -> BundleCopy:
        self.elsewhere.put_bundle_copy(copy)
        return self._same(lambda catalog: catalog.bundle_copies()[0])

    def cartridge(self, volume: Volume) -> Volume:
        self.elsewhere.put_volume(volume)
        return self._same(lambda catalog: catalog.volumes()[0])

    def _same(self, ask: Callable[[Catalog], T]) -> T:
        with closing(self.reopened()) as reopened:
            found = ask(reopened)
        assert ask(self.here) == found
        assert ask(self.elsewhere) == found, "the catalog itself is put right"
        return found


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    settings = CatalogSettings(address=str(tmp_path / "catalog.sqlite"))
    here = tmp_path / "here"
    with (
        closing(open_catalog(settings, here)) as catalog,
        closing(open_catalog(settings, tmp_path / "elsewhere")) as elsewhere,
    ):
        catalog.add_files([FILE])
        catalog.add_store_copies([STORED])
        catalog.put_bundle_copy(TAPED)
        catalog.put_volume(CARTRIDGE)
        yield Two(catalog, elsewhere, lambda: open_catalog(settings, here), here / LOSSES_NAME)


def damaged(copy: StoreCopy) -> StoreCopy:
    return replace(copy, damaged=Damage.UNREADABLE, checked_ns=None, read_back_ns=None)


def test_what_never_lost_its_trust_needs_no_file(two: Two) -> None:
    assert two.stored(STORED) == STORED
    assert two.taped(TAPED) == TAPED
    assert two.cartridge(CARTRIDGE) == CARTRIDGE
    assert not two.losses.exists()


def test_a_damaged_version_counts_again_when_it_was_read_back_since(two: Two) -> None:
    two.here.add_store_copies([damaged(STORED)])
    assert two.stored(STORED) == damaged(STORED)
    assert two.stored(replace(STORED, checked_ns=99)) == damaged(STORED), "what the store says of itself proves nothing"
    whole = replace(STORED, read_back_ns=21)
    assert two.stored(whole) == whole
    another = replace(STORED, version="v2", read_back_ns=None)
    assert two.stored(another) == another
    assert two.stored(STORED) == damaged(STORED)


def test_a_damaged_bundle_counts_again_when_it_was_read_back_since(two: Two) -> None:
    bad = replace(TAPED, state=CopyState.DAMAGED, damaged=Damage.OTHER_CONTENT, read_back_ns=30)
    two.here.put_bundle_copy(bad)
    assert two.taped(TAPED) == replace(bad, read_back_ns=None)
    written_anew = replace(TAPED, state=CopyState.WRITTEN, mount_id="m2", read_back_ns=None)
    assert two.taped(written_anew) == written_anew
    assert two.taped(replace(TAPED, read_back_ns=31)).state is CopyState.SAFE


def test_a_copy_that_is_to_be_read_anew_is_so_in_an_older_catalog_and_in_another_mount(two: Two) -> None:
    waits = replace(TAPED, state=CopyState.WRITTEN, mount_id="failed", read_back_ns=None)
    two.here.put_bundle_copy(waits)
    assert two.taped(TAPED) == waits
    two.here.remove_bundle_copy(TAPED.id)
    assert two.taped(TAPED) == waits


def test_a_suspect_cartridge_is_trusted_when_it_was_verified_since(two: Two) -> None:
    two.here.put_volume(suspected(CARTRIDGE))
    found = two.cartridge(CARTRIDGE)
    assert (found.state, found.last_verified_ns) == (VolumeState.SUSPECT, None)
    proven = verified(found, 40)
    assert two.cartridge(proven) == proven
    assert two.cartridge(cleared(proven)) == cleared(proven)
    two.here.put_volume(suspected(two.here.volumes()[0]))
    assert two.cartridge(cleared(proven)).last_verified_ns is None
    assert two.cartridge(cleared(verified(proven, 41))).state is VolumeState.FILLING


def test_a_retired_cartridge_is_so_for_good(two: Two) -> None:
    two.here.put_volume(retired(CARTRIDGE))
    assert two.cartridge(replace(CARTRIDGE, last_verified_ns=99)).state is VolumeState.RETIRED


def test_what_is_retired_stays_so_when_the_catalog_was_not_told_any_more(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = ("connectors.catalog.sqlite_catalog", "SqliteCatalog.put_volume")
    with crash_at(monkeypatch, *put, 1), pytest.raises(Crash):
        two.here.put_volume(retired(CARTRIDGE))
    assert two.cartridge(CARTRIDGE).state is VolumeState.RETIRED


def test_what_is_found_once_more_is_not_remembered_twice(two: Two) -> None:
    bad = replace(TAPED, state=CopyState.DAMAGED, damaged=Damage.MISSING, read_back_ns=30)
    for now_ns in range(30, 33):
        two.here.add_store_copies([damaged(STORED)])
        two.here.put_bundle_copy(replace(bad, read_back_ns=now_ns))
        two.here.put_volume(suspected(two.here.volumes()[0]))
    assert two.losses.read_text().count("subject") == 3


def test_a_line_that_was_never_finished_takes_none_with_it(two: Two) -> None:
    two.here.add_store_copies([damaged(STORED)])
    with two.losses.open("ab") as stream:
        stream.write(b'{"subject": "cartri')
    two.here.put_volume(retired(CARTRIDGE))
    assert two.stored(STORED) == damaged(STORED)
    assert two.cartridge(CARTRIDGE).state is VolumeState.RETIRED


def test_a_full_disk_keeps_nothing_bad_from_the_catalog(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_stream: object) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr("connectors.catalog.losses_file.sync_stream", full)
    with pytest.raises(RetryableError, match="full"):
        two.here.add_store_copies([damaged(STORED)])
    with pytest.raises(RetryableError, match="full"):
        two.here.put_bundle_copy(replace(TAPED, state=CopyState.DAMAGED))
    with pytest.raises(RetryableError, match="full"):
        two.here.put_volume(retired(CARTRIDGE))
    assert two.elsewhere.store_copies([FILE.id])[FILE.id] == [damaged(STORED)]
    assert two.elsewhere.bundle_copies()[0].state is CopyState.DAMAGED
    assert two.elsewhere.volumes()[0].state is VolumeState.RETIRED


def test_where_it_can_not_be_read_what_was_lost_nothing_is_judged(two: Two) -> None:
    two.losses.mkdir(parents=True)
    with pytest.raises(RetryableError, match=r"losses\.known"):
        two.here.store_copies([FILE.id])
    with pytest.raises(RetryableError, match=r"losses\.known"):
        two.here.bundle_copies()
    with pytest.raises(RetryableError, match=r"losses\.known"):
        two.here.volumes()
