"""The inventory of cartridges: what operators see and decide."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from connectors.catalog.catalog import Catalog
from connectors.catalog.opening import CATALOG_NAME, open_catalog
from connectors.catalog.settings import CatalogSettings
from models.archive.copies import BundleCopy, CopyState
from models.archive.volume_steps import filled, suspected, verified
from models.archive.volumes import Volume, VolumeState
from models.errors import FatalError
from streams.archive.tape.inventory import Inventory, list_volumes
from streams.archive.tape.tape_needs import Troubles
from tests.support.commands import Run, run_with


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    (tmp_path / "archive").mkdir()
    catalog = open_catalog(CatalogSettings(), tmp_path / "archive")
    yield catalog
    catalog.close()


@pytest.fixture
def inventory(catalog: Catalog, tmp_path: Path) -> Inventory:
    return Inventory(catalog, tmp_path / "archive")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Run:
    return run_with(capsys)


def a_copy(volume: str, state: CopyState = CopyState.SAFE, bundle: str = "bundle") -> BundleCopy:
    return BundleCopy(
        bundle_id=bundle,
        volume=volume,
        path=f"{bundle}.tar",
        state=state,
        mount_id="first",
        written_ns=1,
        read_back_ns=2 if state is CopyState.SAFE else None,
    )


def filling(number: int = 1, **more: object) -> Volume:
    values = {"uuid": f"uuid-{number}", "barcode": f"PW000{number}L8", "state": VolumeState.FILLING} | more
    return Volume(**values)  # type: ignore[arg-type]


def test_each_cartridge_is_listed_with_its_bundles(catalog: Catalog) -> None:
    catalog.put_volume(filling(2))
    catalog.put_volume(filling(1))
    for number, state in enumerate((CopyState.SAFE, CopyState.SAFE, CopyState.WRITTEN, CopyState.DAMAGED)):
        catalog.put_bundle_copy(a_copy("uuid-1", state, f"bundle-{number}"))
    lines = list_volumes(catalog)
    assert [line.volume.barcode for line in lines] == ["PW0001L8", "PW0002L8"]
    assert (lines[0].safe, lines[0].written, lines[0].damaged) == (2, 1, 1)
    assert (lines[1].safe, lines[1].written, lines[1].damaged) == (0, 0, 0)


def test_a_cartridge_without_barcode_is_named_by_its_uuid(catalog: Catalog, inventory: Inventory) -> None:
    catalog.put_volume(filling(barcode=""))
    assert inventory.close("uuid-1").state is VolumeState.FULL
    with pytest.raises(FatalError, match="no cartridge ''"):
        inventory.close("")


def test_one_without_barcode_is_found_by_the_name_that_sentences_say(catalog: Catalog, inventory: Inventory) -> None:
    catalog.put_volume(filling(1, barcode="", label="left shelf", state=VolumeState.SUSPECT))
    (need,) = Troubles([]).needs(catalog.volumes())
    assert inventory.retire(need.where).uuid == "uuid-1"
    catalog.put_volume(filling(2, label="left shelf"))
    with pytest.raises(FatalError, match="no cartridge 'right shelf'"):
        inventory.close("right shelf")
    assert inventory.close("PW0002L8").uuid == "uuid-2"
    assert inventory.retire("left shelf").uuid == "uuid-1", "one with a barcode is called by that"


def test_a_barcode_that_two_have_names_none(catalog: Catalog, inventory: Inventory) -> None:
    catalog.put_volume(filling(1))
    catalog.put_volume(filling(2, barcode="PW0001L8"))
    with pytest.raises(FatalError, match="uuid-1, uuid-2"):
        inventory.retire("PW0001L8")


def test_nothing_of_a_distrusted_cartridge_counts_until_read_anew(catalog: Catalog, inventory: Inventory) -> None:
    catalog.put_volume(filling(last_verified_ns=5))
    catalog.put_bundle_copy(a_copy("uuid-1"))
    inventory.distrust("uuid-1", "second")
    (volume,), (copy,) = catalog.volumes(), catalog.bundle_copies()
    assert (volume.state, volume.errors, volume.last_verified_ns) == (VolumeState.SUSPECT, 1, None)
    assert (copy.state, copy.mount_id, copy.read_back_ns) == (CopyState.WRITTEN, "second", None)
    with pytest.raises(FatalError, match="was not read back") as failure:
        inventory.clear("PW0001L8")
    assert failure.value.reason == "volume_unverified"


def test_a_suspect_cartridge_is_cleared_once_all_of_it_was_read(catalog: Catalog, inventory: Inventory) -> None:
    catalog.put_volume(verified(suspected(filling()), 9))
    catalog.put_bundle_copy(a_copy("uuid-1", CopyState.WRITTEN))
    with pytest.raises(FatalError, match="was not read back"):
        inventory.clear("PW0001L8")
    catalog.put_bundle_copy(a_copy("uuid-1"))
    assert inventory.clear("PW0001L8").state is VolumeState.FILLING
    assert catalog.volumes()[0].state is VolumeState.FILLING


def test_one_with_damaged_copies_is_not_cleared(catalog: Catalog, inventory: Inventory) -> None:
    catalog.put_volume(verified(suspected(filling()), 9))
    catalog.put_bundle_copy(a_copy("uuid-1", CopyState.DAMAGED))
    with pytest.raises(FatalError, match="damaged copies"):
        inventory.clear("PW0001L8")


@pytest.mark.parametrize("state", [VolumeState.SUSPECT, VolumeState.RETIRED])
def test_what_takes_nothing_anyway_is_not_closed(catalog: Catalog, inventory: Inventory, state: VolumeState) -> None:
    catalog.put_volume(filling(state=state))
    with pytest.raises(FatalError, match=state.value):
        inventory.close("PW0001L8")


def test_only_suspect_ones_are_cleared(catalog: Catalog, inventory: Inventory) -> None:
    catalog.put_volume(filling())
    with pytest.raises(FatalError, match="not suspect"):
        inventory.clear("PW0001L8")


def test_the_command_lists_and_decides(catalog: Catalog, tmp_path: Path, command: Run) -> None:
    catalog.put_volume(filling(1, label="one\x1b[31m", capacity_bytes=1000, used_bytes=420, last_verified_ns=0))
    code, out, _ = command("archive", "volumes", "--state", tmp_path)
    assert code == 0
    row = ["PW0001L8", "one?[31m", "filling", "42 %", "0", "0", "0", "0", "1970-01-01T00:00", "uuid-1"]
    assert out.splitlines() == ["\t".join(row)]
    code, out, _ = command("archive", "volumes", "--state", tmp_path, "--retire", "PW0001L8", "--json")
    assert (code, json.loads(out)["state"]) == (0, "retired")


def test_the_command_needs_to_know_where_the_archive_is(command: Run) -> None:
    code, _, err = command("archive", "volumes")
    assert (code, "give --state, or archive.folder" in err) == (1, True)


@pytest.mark.usefixtures("catalog")
def test_without_cartridges_the_command_says_so(tmp_path: Path, command: Run) -> None:
    code, out, _ = command("archive", "volumes", "--state", tmp_path)
    assert (code, "knows no cartridges yet" in out) == (0, True)


def test_what_was_decided_meanwhile_is_kept(catalog: Catalog, inventory: Inventory) -> None:
    catalog.put_volume(filling())
    inventory.retire("PW0001L8")
    assert inventory.change("uuid-1", filled).state is VolumeState.RETIRED
    assert inventory.distrust("uuid-1", "first").state is VolumeState.RETIRED


@pytest.mark.parametrize("state", [VolumeState.SUSPECT, VolumeState.RETIRED])
def test_a_cartridge_is_what_it_was_also_in_a_catalog_that_was_begun_anew(tmp_path: Path, state: VolumeState) -> None:
    folder = tmp_path / "archive"
    with closing(open_catalog(CatalogSettings(), folder)) as catalog:
        catalog.put_volume(filling(state=state))
    (folder / CATALOG_NAME).unlink()
    with closing(open_catalog(CatalogSettings(), folder)) as catalog:
        assert Inventory(catalog, folder).change("uuid-1", lambda _: filling()) == filling(state=state)
