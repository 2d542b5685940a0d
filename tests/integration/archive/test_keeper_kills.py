"""The keeper of the tapes is killed anywhere: nothing is lost, nothing is twice, nothing counts that is not on tape."""

import hashlib
import random
from collections import Counter
from pathlib import Path

import pytest

from models.archive.archived_file import ArchivedFile
from models.archive.copies import CopyState
from tests.support.killed_keeper import KilledKeepers
from tests.support.ltfs.drive import TapeShelf
from tests.support.tape_archive import TapeArchive

#: To keep one more bundle takes about 400 steps.
_MOST_STEPS = 400


def check(archive: TapeArchive, shelf: TapeShelf, files: list[ArchivedFile]) -> None:
    """What counts is on the tapes, no file is in two bundles, and no bundle is without copies and nowhere on disk."""
    media = {medium.label.barcode: medium for medium in shelf.cartridges}
    with archive.catalog() as catalog:
        barcodes = {volume.uuid: volume.barcode for volume in catalog.volumes()}
        holding = Counter(len(bundles) for bundles in catalog.bundles_of([file.id for file in files]).values())
        assert set(holding) <= {1}
        local = {path.stem for path in archive.bundles if not path.name.startswith(".")}
        for id_ in catalog.bundle_ids():
            bundle = catalog.bundle(id_)
            assert bundle is not None
            copies = [copy for copy in catalog.bundle_copies([id_]) if copy.state is CopyState.SAFE]
            assert len({copy.volume for copy in copies}) == len(copies)
            for copy in copies:
                content = media[barcodes[copy.volume]].content_of(copy.path)
                assert content is not None
                assert hashlib.sha256(content).hexdigest() == bundle.sha256
            assert len(copies) >= archive.copies or id_ in local


def kill_and_go_on(tmp_path: Path, ltfs: TapeShelf, seed: int, kills: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - steps, no secrets
    drives = [ltfs.drive(ltfs.cartridge()) for _ in range(2)]
    archive = TapeArchive(tmp_path / "site", [drive.mount for drive in drives], remount=ltfs.remount_command)
    files: list[ArchivedFile] = []
    done = 0
    with KilledKeepers() as keepers:
        while done < kills:
            files.append(archive.add(f"LA_R_60s_snapshot_2022-07-01_09-{len(files):02d}.h5"))
            done += keepers.run(archive.config, chance.randrange(1, _MOST_STEPS))
            check(archive, ltfs, files)
    archive.keep()
    check(archive, ltfs, files)
    assert set(archive.copies_by_state()) == {CopyState.SAFE}
    assert archive.bundles == []
    with archive.catalog() as catalog:
        assert len(catalog.bundles_of([file.id for file in files])) == len(files)
        assert len(catalog.bundle_copies()) == 2 * len(catalog.bundle_ids())
    on_tape = [sorted(path.name for path in drive.mount.rglob("*.tar")) for drive in drives]
    assert on_tape[0] == on_tape[1]
    assert len(set(on_tape[0])) == len(on_tape[0])


def test_three_kills(tmp_path: Path, ltfs: TapeShelf) -> None:
    kill_and_go_on(tmp_path, ltfs, seed=1, kills=3)


@pytest.mark.long
def test_twenty_kills(tmp_path: Path, ltfs: TapeShelf) -> None:
    kill_and_go_on(tmp_path, ltfs, seed=2, kills=20)
