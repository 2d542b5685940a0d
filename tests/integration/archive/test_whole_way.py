"""From the recorders' folder through the object store to two cartridges; and back when only these are left."""

import json
import shutil
from pathlib import Path

import pytest

from servers.minio_server import MinioServer
from tests.support.commands import Run
from tests.support.ltfs.drive import Drive, TapeShelf
from tests.support.minio import empty_bucket
from tests.support.watch_results import WatchResults, assert_same_results, read_results
from tests.support.watching import watch_once

_BUCKET = "whole-way"
# One more than the last minute of the day.
_STRETCH = ("--from", "2022-07-01T09:30", "--to", "2022-07-01T09:33")


@pytest.fixture
def config(tmp_path: Path, minio: MinioServer, drives: list[Drive], ltfs: TapeShelf) -> Path:
    """Of an installation with a store, two drives, and bundles that hold half of the day."""
    file = tmp_path / "petawatch.toml"
    sections = {
        "archive": {"store": f"s3://{_BUCKET}", "installation": "lab-2", "state_every_s": 60.0, "read_back_share": 1.0},
        "tape": {
            "mounts": [str(drive.mount) for drive in drives],
            "bundle_bytes": 30 << 20,
            "headroom_bytes": 0,
            "remount": list(ltfs.remount_command),
        },
        "object_store": {
            "endpoint": minio.endpoint,
            "access_key": minio.access_key,
            "secret_key": minio.secret_key,
            "secure": False,
        },
    }
    lines = []
    for section, options in sections.items():
        lines += [f"[{section}]", *(f"{name} = {json.dumps(value)}" for name, value in options.items())]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


@pytest.fixture
def drives(ltfs: TapeShelf) -> list[Drive]:
    return [ltfs.drive(ltfs.cartridge(capacity_bytes=200 << 20)) for _ in range(2)]


def test_only_the_tapes_are_left(
    day: Path, undisturbed: WatchResults, config: Path, minio: MinioServer, command: Run, tmp_path: Path
) -> None:
    data, state = tmp_path / "data", tmp_path / "state"
    shutil.copytree(day, data)
    place = ("--state", state, "--config", config)

    def run(*arguments: str | Path) -> str:
        code, said, errors = command(*arguments, *place)
        assert code == 0, errors
        return said

    assert_same_results(watch_once(data, state), undisturbed)
    run("archive", "run", "--once")
    run("archive", "tape", "--once")
    waiting = json.loads(run("archive", "status", "--json"))["waiting"]
    assert {sink: lag["files"] for sink, lag in waiting.items()} == {"store": 0, "catalog": 0}
    command("archive", "free", "--to", "0", *place)  # the disk is never so empty: others' files lie there, too
    assert not list(data.rglob("*.h5")), "all of them are safe on two cartridges"

    shutil.rmtree(data)
    shutil.rmtree(state)
    empty_bucket(minio, _BUCKET)

    run("archive", "rebuild-catalog")
    restored = tmp_path / "restored"
    run("archive", "restore", *_STRETCH, "--into", restored)
    assert contents(restored) == contents(day)
    assert_same_results(watch_once(restored, tmp_path / "again"), undisturbed)

    replayed = tmp_path / "replayed"
    run("replay", *_STRETCH, "--into", replayed)
    found = read_results(next(replayed.rglob("petawatch.sqlite")).parent)
    assert found.alerts == undisturbed.alerts


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.h5")}
