import errno
import hashlib
import io
import os
import random
import subprocess
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from connectors.tape import bundle_file
from connectors.tape.bundle_file import (
    NothingToBundleError,
    build_bundle,
    check_bundle,
    copy_member,
    read_manifest,
)
from connectors.tape.sequential_copy import copy_sequentially
from connectors.tape.side_hash import BLOCK_BYTES
from models.archive.archived_file import ArchivedFile
from models.errors import RecordError, RetryableError
from tests.support.archived_contents import MTIME_NS, write_content

Contents = list[tuple[ArchivedFile, Path]]


@pytest.fixture
def contents(tmp_path: Path) -> Contents:
    """Sizes around the blocks of tar and of copying; names that need a longer header; one name twice."""
    folder = tmp_path / "contents"
    folder.mkdir()
    return [
        write_content(folder, "10Hz/2022-07-01/a.h5", BLOCK_BYTES + 1, first_ns=5, devices=("LA.A1.CAM",)),
        write_content(folder, "10Hz/2022-07-01/a.h5", b"another version"),
        write_content(folder, "1Hz/2022-07-01/ä:?.h5", 512),
        write_content(folder, f"1Hz/2022-07-01/{'long' * 40}.h5", 511, mtime_ns=-1_500_000_000),
        write_content(folder, "undated/empty.h5", b""),
        write_content(folder, "undated/late.h5", 3, mtime_ns=9_000_000_000_000_000_000),
    ]


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    (tmp_path / "bundles").mkdir()
    return tmp_path / "bundles"


def test_plain_tar_and_sha256sum_read_it(contents: Contents, bundles: Path, tmp_path: Path) -> None:
    built = build_bundle(bundles, "hpls", contents)
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    names = subprocess.run(
        ["tar", "tf", built.path], check=True, capture_output=True, text=True, env={"LC_ALL": "C.UTF-8"}
    )
    subprocess.run(["tar", "xf", built.path], check=True, cwd=unpacked)
    checked = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"], check=True, cwd=unpacked, capture_output=True, text=True
    )
    members = built.manifest.members
    assert len(names.stdout.splitlines()) == 2 + len(members)
    assert names.stdout.splitlines()[:3] == ["MANIFEST.json", "SHA256SUMS", "10Hz/2022-07-01/a.h5"]
    assert checked.stdout.count(": OK") == 1 + len(members)
    for member, (_, source) in zip(members, contents, strict=True):
        assert (unpacked / member.name).read_bytes() == source.read_bytes()
    assert (unpacked / "10Hz/2022-07-01/a.h5").stat().st_mtime_ns == MTIME_NS


def test_the_manifest_says_where_each_content_begins(contents: Contents, bundles: Path) -> None:
    built = build_bundle(bundles, "hpls", contents)
    data = built.path.read_bytes()
    for member, (file, source) in zip(built.manifest.members, contents, strict=True):
        assert member.file == file
        assert data[member.offset : member.offset + file.size_bytes] == source.read_bytes()
    assert read_manifest(built.path) == built.manifest
    assert (built.sha256, built.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    assert built.bundle.members[0].file_id == contents[0][0].id
    assert [path.name for path in bundles.iterdir()] == [f"{built.manifest.bundle_id}.tar"]


def test_the_same_files_give_the_same_bytes(contents: Contents, bundles: Path, tmp_path: Path) -> None:
    first, again = build_bundle(bundles, "hpls", contents), build_bundle(tmp_path, "hpls", contents)
    assert first.bundle == again.bundle
    assert first.path.read_bytes() == again.path.read_bytes()


def test_what_a_killed_process_left_is_written_over(contents: Contents, bundles: Path) -> None:
    built = build_bundle(bundles, "hpls", contents)
    built.path.rename(bundles / f".{built.path.name}.partial")
    with (bundles / f".{built.path.name}.partial").open("ab") as stream:
        stream.write(b"more")
    assert build_bundle(bundles, "hpls", contents) == built
    assert check_bundle(built.path)[0] == built
    assert [path.name for path in bundles.iterdir()] == [built.path.name]


def test_a_file_twice_is_in_it_once(contents: Contents, bundles: Path) -> None:
    assert len(build_bundle(bundles, "hpls", [*contents, *contents]).manifest.members) == len(contents)


def changed_in_place(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def made_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (changed_in_place, "file_changed"),
        (cut, "file_changed"),
        (Path.unlink, "file_gone"),
        (made_a_folder, "file_unreadable"),
    ],
)
def test_the_bundle_is_built_without_what_changed(
    spoil: object, reason: str, contents: Contents, bundles: Path
) -> None:
    for number in (0, 2):
        spoil(contents[number][1])  # type: ignore[operator]
    built = build_bundle(bundles, "hpls", contents)
    assert [(file, error.reason) for file, error in built.refused] == [(contents[n][0], reason) for n in (0, 2)]
    assert [member.file for member in built.manifest.members] == [contents[n][0] for n in (1, 3, 4, 5)]
    assert check_bundle(built.path)[0] == replace(built, refused=())
    assert [path.name for path in bundles.iterdir()] == [built.path.name]


def test_a_file_that_only_grew_is_taken_as_it_was(contents: Contents, bundles: Path) -> None:
    with contents[0][1].open("ab") as stream:
        stream.write(b"more")
    assert not build_bundle(bundles, "hpls", contents).refused


def test_nothing_is_left_of_a_bundle_without_files(contents: Contents, bundles: Path) -> None:
    for _, source in contents:
        source.unlink()
    with pytest.raises(NothingToBundleError, match="none of 6 files") as failure:
        build_bundle(bundles, "hpls", contents)
    assert len(failure.value.refused) == len(contents)
    assert not list(bundles.iterdir())


def test_a_full_disk_leaves_nothing_behind(contents: Contents, tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with patch("os.fsync", side_effect=full), pytest.raises(RetryableError, match="make room") as failure:
        build_bundle(tmp_path, "hpls", contents)
    assert failure.value.reason == "disk_full"
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_more_files_than_a_manifest_holds_are_left_for_the_next(contents: Contents, bundles: Path) -> None:
    with patch.object(bundle_file, "MAX_MEMBERS", 2):
        assert len(build_bundle(bundles, "hpls", contents).manifest.members) == 2
    with patch.object(bundle_file, "MAX_MANIFEST_BYTES", 4096 + 1000):
        assert len(build_bundle(bundles, "hpls", contents).manifest.members) == 2


def test_buffers_that_are_used_in_turns_mix_nothing_up(
    contents: Contents, bundles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build_bundle(bundles, "hpls", contents[1:])
    monkeypatch.setattr("connectors.tape.side_hash.BLOCK_BYTES", 100)
    found, reading = check_bundle(built.path)
    assert found == built
    assert reading.damaged == ()
    copy_sequentially(built, bundles / "copy", bundles.stat().st_dev, lambda: None)
    assert (bundles / "copy").read_bytes() == built.path.read_bytes()


def flip(path: Path, place: int) -> None:
    with path.open("r+b") as stream:
        stream.seek(place)
        byte = stream.read(1)[0]
        stream.seek(place)
        stream.write(bytes([byte ^ 1]))


def test_one_wrong_bit_names_its_file(contents: Contents, bundles: Path) -> None:
    built = build_bundle(bundles, "hpls", contents)
    flip(built.path, built.manifest.members[3].offset + 510)
    found, reading = check_bundle(built.path)
    assert [member.file_id for member in reading.damaged] == [contents[3][0].id]
    assert found.sha256 != built.sha256


def test_no_wrong_bit_goes_unseen(contents: Contents, bundles: Path) -> None:
    built = build_bundle(bundles, "hpls", contents[1:])
    chance = random.Random(0)  # noqa: S311 - places, no secrets
    # Half of them in what stands before the files.
    for place in chance.sample(range(5000), 20) + chance.sample(range(built.size_bytes), 20):
        flip(built.path, place)
        try:
            found, reading = check_bundle(built.path)
        except RecordError as error:
            seen = {error.reason}
        else:
            assert found.manifest == built.manifest
            assert len(reading.damaged) <= 1
            seen = {"bundle_damaged"} if found.sha256 != built.sha256 else set()
        assert seen == {"bundle_damaged"}, place
        flip(built.path, place)


def test_a_cut_bundle_lacks_its_last_files(contents: Contents, bundles: Path) -> None:
    built = build_bundle(bundles, "hpls", contents)
    os.truncate(built.path, built.manifest.members[3].offset + 1)
    _, reading = check_bundle(built.path)
    # An empty file lacks nothing, but it never came: the end of the tar is before it.
    assert [member.file_id for member in reading.damaged] == [file.id for file, _ in contents[3:]]


@pytest.mark.parametrize("place", [0, 156, 700, 1500])
def test_a_damaged_beginning_is_one_clear_failure(place: int, contents: Contents, bundles: Path) -> None:
    built = build_bundle(bundles, "hpls", contents)
    flip(built.path, place)
    with pytest.raises(RecordError, match="is damaged") as failure:
        read_manifest(built.path)
    assert failure.value.reason == "bundle_damaged"


@pytest.mark.parametrize("data", [b"", b"x" * 100, b"x" * 1024, b"\0" * 1024])
def test_what_is_no_bundle_is_one_clear_failure(data: bytes) -> None:
    with pytest.raises(RecordError, match="is damaged"):
        read_manifest(io.BytesIO(data))


def test_a_bundle_cut_within_its_manifest(contents: Contents, bundles: Path) -> None:
    built = build_bundle(bundles, "hpls", contents)
    with pytest.raises(RecordError, match="it ends within MANIFEST"):
        read_manifest(io.BytesIO(built.path.read_bytes()[:600]))


def test_a_member_is_copied_alone(contents: Contents, bundles: Path) -> None:
    built = build_bundle(bundles, "hpls", contents)
    for member, (file, source) in zip(built.bundle.members, contents, strict=True):
        into = io.BytesIO()
        assert copy_member(built.path, member, into) == file.sha256
        assert into.getvalue() == source.read_bytes()


def test_a_member_that_is_not_there_wholly(contents: Contents, bundles: Path) -> None:
    built = build_bundle(bundles, "hpls", contents)
    os.truncate(built.path, built.manifest.members[0].offset + 100)
    with pytest.raises(RecordError, match=r"it ends within 10Hz/2022-07-01/a\.h5"):
        copy_member(built.path, built.bundle.members[0], io.BytesIO())
    built.path.unlink()
    with pytest.raises(RetryableError) as failure:
        copy_member(built.path, built.bundle.members[0], io.BytesIO())
    assert failure.value.reason == "tape_vanished"
