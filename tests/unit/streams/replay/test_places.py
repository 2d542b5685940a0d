"""Files of a replay: in place where they lie here, else restored to where their names say the same."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.archive.directory_store import DirectoryStore
from connectors.catalog.sqlite_catalog import SqliteCatalog
from connectors.tape.library import MountedCartridges
from models.archive.archived_file import ArchivedFile
from models.archive.copies import StoreCopy
from models.errors import FatalError
from streams.archive.restoring.restore_sources import RestoreSources
from streams.replay.places import ReplayFiles, local_places, restored_root
from tests.support.catalog_examples import archived

CONTENT = b"what a recorder wrote"


@pytest.fixture
def file(tmp_path: Path) -> ArchivedFile:
    """A snapshot whose key is not its path."""
    root = tmp_path / "10Hz"
    file = archived(
        0, root=str(root), size_bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest(), path="below/name.h5"
    )
    (root / "below").mkdir(parents=True)
    Path(root, file.path).write_bytes(CONTENT)
    return file


@pytest.fixture
def sources(tmp_path: Path, file: ArchivedFile) -> RestoreSources:
    """The store has the file."""
    store = DirectoryStore(tmp_path / "store")
    store.prepare()
    version = store.put(file.key, Path(file.root, file.path), file.sha256, file.size_bytes, {})
    catalog = SqliteCatalog(tmp_path / "catalog.sqlite")
    catalog.add_files([file])
    catalog.add_store_copies([StoreCopy(file_id=file.id, store=store.address, version=version.version)])
    return RestoreSources(
        catalog=catalog, store=store, cartridges=lambda: MountedCartridges(cartridges=(), problems=())
    )


def test_a_file_is_read_where_it_lies(file: ArchivedFile, sources: RestoreSources, tmp_path: Path) -> None:
    files = ReplayFiles(copies=sources, wait_s=0, tell=print)
    sentence = "of 1 snapshot 1 come from the recorders' files, 0 from the store, 0 from cartridges"
    assert files.wanted([file]) == [sentence]
    unknown = replace(file, key="10Hz/below/other.h5", path="other.h5")
    assert files.wanted([unknown]) == [sentence.replace("1 come", "0 come"), "1 snapshot without a copy that is known"]
    assert files.fetch([file], tmp_path / "into") == {file.id: Path(file.root, file.path)}
    assert not (tmp_path / "into").exists()


def test_a_file_that_is_gone_is_restored_under_its_path_and_rate(
    file: ArchivedFile, sources: RestoreSources, tmp_path: Path
) -> None:
    Path(file.root, file.path).unlink()
    files = ReplayFiles(copies=sources, wait_s=0, tell=print)
    assert files.wanted([file]) == [
        "of 1 snapshot 0 come from the recorders' files, 1 from the store, 0 from cartridges"
    ]
    for _ in range(2):
        place = files.fetch([file], tmp_path / "into")[file.id]
        assert place == tmp_path / "into" / "10Hz" / "below" / "name.h5"
        assert place.read_bytes() == CONTENT


def test_a_file_of_another_size_is_another_one(file: ArchivedFile) -> None:
    assert local_places([replace(file, size_bytes=1)]) == {}
    assert local_places([replace(file, root="")]) == {}


def test_a_state_is_compared_at_once(file: ArchivedFile) -> None:
    state = replace(file, key="states/2022-07-01/09-59-59_0.petawatch-state")
    assert state.id in local_places([state])
    Path(file.root, file.path).write_bytes(CONTENT[::-1])
    assert local_places([state]) == {}
    assert file.id in local_places([file])  # it is compared when it has been read


def test_what_can_not_be_had_is_one_sentence(file: ArchivedFile, sources: RestoreSources, tmp_path: Path) -> None:
    lost = archived(1)
    with pytest.raises(FatalError, match="has no good copy that is known") as failure:
        ReplayFiles(copies=sources, wait_s=0, tell=print).fetch([file, lost], tmp_path / "into")
    assert failure.value.reason == "replay_missing"
    with pytest.raises(FatalError, match="not in the folder any more"):
        ReplayFiles(copies=None, wait_s=0, tell=print).fetch([lost], tmp_path / "into")


def test_a_root_without_a_rate_needs_none() -> None:
    assert restored_root(Path("/into"), archived(0, root="/data/recorders")) == Path("/into/data")
    assert restored_root(Path("/into"), archived(0, root="")) == Path("/into/data")
