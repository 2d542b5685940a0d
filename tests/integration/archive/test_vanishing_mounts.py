"""A mount goes between any two calls to it: that is waited for, and nothing lands under it or counts falsely."""

import random
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from models.archive.volumes import VolumeState
from models.errors import RetryableError
from tests.support.ltfs.drive import Drive, TapeShelf
from tests.support.ltfs.vanishing import BetweenCalls
from tests.support.tape_archive import TapeArchive


def process_ends(drive: Drive) -> None:
    drive.kill()


def is_unmounted(drive: Drive) -> None:
    """By somebody who does not ask whether it is in use."""
    subprocess.run(["umount", "-l", str(drive.mount)], check=True, capture_output=True)


class Vanishing:
    """An archive with one drive, whose mount goes while it is used."""

    def __init__(self, tmp_path: Path, ltfs: TapeShelf, patch: pytest.MonkeyPatch) -> None:
        self.shelf = ltfs
        self.drive = ltfs.drive(ltfs.cartridge())
        self.archive = TapeArchive(tmp_path / "site", [self.drive.mount], copies=1, remount=ltfs.remount_command)
        self.between = BetweenCalls(patch, self.drive.mount)
        self.files = 0

    def calls(self) -> int:
        """How many there are where nothing happens: a bundle is written, and read back after a remount."""
        self.between.happen(lambda: None, 0)
        self._keep()
        return self.between.calls

    def vanish(self, how: Callable[[Drive], None], at: int) -> None:
        """Let the mount go before that call, look at what is left, and put all right."""
        self.between.happen(lambda: how(self.drive), at)
        with suppress(RetryableError):
            self._keep()
        self.between.happen(lambda: None, 0)
        subprocess.run(["umount", "-l", str(self.drive.mount)], check=False, capture_output=True)
        self.drive.wait()
        assert not list(self.drive.mount.iterdir()), at
        self.drive.recover()
        states = {volume.uuid: volume.state for volume in self.archive.volumes()}
        if states.get(self.drive.medium.label.uuid) is VolumeState.SUSPECT:
            self.drive.unmount()
            self.drive.load(self.shelf.cartridge())
        self._keep(new=0)
        self._check(at)

    def _keep(self, new: int = 1) -> None:
        for _ in range(new):
            self.archive.add(f"LA_R_60s_snapshot_2022-07-01_{self.files:05d}.h5", 1000)
            self.files += 1
        self.archive.keep()

    def _check(self, at: int) -> None:
        """All is safe, on the cartridges themselves."""
        media = {medium.label.uuid: medium for medium in self.shelf.cartridges}
        with self.archive.catalog() as catalog:
            for id_ in catalog.bundle_ids():
                bundle = catalog.bundle(id_)
                assert bundle is not None
                contents = [media[copy.volume].content_of(copy.path) for copy in catalog.bundle_copies([id_])]
                assert any(content and len(content) == bundle.size_bytes for content in contents), at
            assert len(catalog.bundle_ids()) == self.files
        assert self.archive.bundles == [], at


@pytest.mark.parametrize("how", [process_ends, is_unmounted])
def test_a_mount_goes_between_two_calls(
    how: Callable[[Drive], None], tmp_path: Path, ltfs: TapeShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    vanishing = Vanishing(tmp_path, ltfs, monkeypatch)
    calls = range(1, vanishing.calls() + 1)
    for at in random.Random(how.__name__).sample(calls, 3):  # noqa: S311 - no secret
        vanishing.vanish(how, at)


@pytest.mark.long
@pytest.mark.parametrize("how", [process_ends, is_unmounted])
def test_a_mount_goes_at_each_third_call(
    how: Callable[[Drive], None], tmp_path: Path, ltfs: TapeShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    vanishing = Vanishing(tmp_path, ltfs, monkeypatch)
    for at in range(1, vanishing.calls() + 1, 3):
        vanishing.vanish(how, at)
