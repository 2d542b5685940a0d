"""Which store an address means."""

from pathlib import Path

import pytest

from connectors.archive.opening import open_store
from connectors.object_store.settings import ObjectStoreSettings
from models.errors import FatalError


@pytest.mark.parametrize(
    "address",
    ["{folder}/a b#c", "file://{folder}/a%20b%23c", "file://{folder}/a%20b#c", "file://localhost{folder}/a b#c"],
)
def test_a_folder_may_be_written_as_a_path_or_as_an_address(tmp_path: Path, address: str) -> None:
    store = open_store(address.format(folder=tmp_path), ObjectStoreSettings())
    store.prepare()
    assert (tmp_path / "a b#c").is_dir()
    assert store.address == f"file://{tmp_path}/a%20b%23c"


@pytest.mark.parametrize(
    "address",
    ["S3://archive", "s3:archive", "https://store/archive", "file://nas/archive", "nas:/a", "archive", "./a", "../a"],
)
def test_what_is_no_place_is_not_taken_for_a_folder(address: str) -> None:
    sentence = r"is no place for an archive; write s3://BUCKET, or the whole path of a folder: /srv/archive"
    with pytest.raises(FatalError, match=sentence) as error:
        open_store(address, ObjectStoreSettings())
    assert error.value.reason == "archive_store_refused"
