import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.archive.archived_file import ArchivedFile
from models.archive.bundle_decoding import decode_manifest
from models.archive.bundle_manifest import (
    MAX_MANIFEST_BYTES,
    BundleManifest,
    ManifestMember,
    bundle_id,
    encode_manifest,
    manifest_line_bytes,
)
from models.archive.bundle_names import is_member_name, member_names, sums_text
from models.errors import RecordError

FILES = (
    ArchivedFile(
        key="10Hz/2022-07-01/a.h5",
        path="10Hz/a.h5",
        root="/data",
        sha256="a" * 64,
        size_bytes=1000,
        mtime_ns=1_656_668_040_123_456_789,
        interval="10Hz",
        date="2022-07-01",
        front_end="LA",
        recorder="R1",
        first_ns=1,
        last_ns=2,
        devices=("LA.A1.CAM", "LA.A1.EM"),
        stages=("LA A1",),
        states=("ON",),
        records=3,
    ),
    ArchivedFile(
        key="1Hz/2022-07-01/ä.h5",
        path="1Hz/ä.h5",
        root="/data",
        sha256="b" * 64,
        size_bytes=0,
        mtime_ns=-5,
        refused="empty",
    ),
)


def manifest(files: tuple[ArchivedFile, ...] = FILES, offsets: tuple[int, ...] = (2048, 4096)) -> BundleManifest:
    members = tuple(
        ManifestMember(file=file, name=file.key, offset=offset) for file, offset in zip(files, offsets, strict=True)
    )
    return BundleManifest(
        bundle_id=bundle_id("hpls", [file.id for file in files]), installation="hpls", members=members
    )


def document() -> Any:
    return json.loads(encode_manifest(manifest()))


def test_a_manifest_comes_back_as_it_was() -> None:
    assert decode_manifest(encode_manifest(manifest()), "B.tar") == manifest()


def test_manifests_of_before_are_read_and_written_as_ever() -> None:
    """Tapes live for decades: another meaning or entry of a file needs another ``FORMAT``, and both readers."""
    data = (Path(__file__).parents[3] / "golden/tape/bundle-manifest-1.json").read_bytes()
    assert decode_manifest(data, "B.tar") == manifest()
    assert encode_manifest(manifest()) == data


def test_its_length_does_not_depend_on_the_offsets() -> None:
    near, far = encode_manifest(manifest()), encode_manifest(manifest(offsets=(1 << 40, 1 << 41)))
    assert len(near) == len(far)
    assert len(near) % 512 == 0
    assert decode_manifest(far, "B.tar").members[0].offset == 1 << 40


def test_a_line_tells_beforehand_how_long_it_will_be() -> None:
    lines = encode_manifest(manifest()).decode().splitlines(keepends=True)[1:3]
    assert [len(line.rstrip(",\n")) + 2 for line in lines] == [manifest_line_bytes(file, file.key) for file in FILES]


def test_the_id_depends_on_installation_files_and_order_alone() -> None:
    ids = [file.id for file in FILES]
    assert bundle_id("hpls", ids) == bundle_id("hpls", ids)
    others = {bundle_id("other", ids), bundle_id("hpls", ids[::-1]), bundle_id("hpls", ids[:1])}
    assert len(others | {bundle_id("hpls", ids)}) == 4


def damaged(change: Any) -> bytes:
    wrong = document()
    change(wrong)
    return json.dumps(wrong).encode()


def member(**values: Any) -> Any:
    return lambda wrong: wrong["members"][0].update(values)


HOSTILE = {
    "no JSON": b"{",
    "no text": b"\xff\xfe\x00",
    "deeply nested": b"[" * 100_000,
    "a number that does not end": b'{"format": ' + b"9" * 10_000 + b"}",
    "a list": b"[]",
    "another document": b'{"members": []}',
    "no files": damaged(lambda wrong: wrong.update(members=[])),
    "more in its head": damaged(lambda wrong: wrong.update(more=1)),
    "no installation": damaged(lambda wrong: wrong.update(installation="../x")),
    "format 0": damaged(lambda wrong: wrong.update(format=0)),
    "format as a truth": damaged(lambda wrong: wrong.update(format=True)),
    "another id": damaged(lambda wrong: wrong.update(bundle="0" * 32)),
    "another content": damaged(member(sha256="c" * 64)),
    "SHA-256 in capitals": damaged(member(sha256="A" * 64)),
    "a negative size": damaged(member(size_bytes=-1)),
    "a size as a text": damaged(member(size_bytes="1000")),
    "a size with a point": damaged(member(size_bytes=1000.0)),
    "a size as a truth": damaged(member(records=True)),
    "a time beyond all": damaged(member(mtime_ns=1 << 63)),
    "devices as a text": damaged(member(devices="LA")),
    "devices that are numbers": damaged(member(devices=[1])),
    "an endless text": damaged(member(root="x" * 5000)),
    "a missing entry": damaged(lambda wrong: wrong["members"][0].pop("records")),
    "an entry too much": damaged(member(more=1)),
    "an absolute name": damaged(member(name="/etc/passwd")),
    "a name above": damaged(member(name="../../etc/passwd")),
    "a name of control characters": damaged(member(name="a\nb")),
    "one name twice": damaged(lambda wrong: wrong["members"][1].update(name=wrong["members"][0]["name"])),
    "a file twice": damaged(lambda wrong: wrong["members"].append(wrong["members"][1] | {"name": "x", "offset": 8192})),
    "between blocks": damaged(member(offset=2049)),
    "nowhere": damaged(member(offset=0)),
    "inside of the file before": damaged(lambda wrong: wrong["members"][1].update(offset=3072)),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_manifest_is_one_clear_failure(data: bytes) -> None:
    with pytest.raises(RecordError, match=r"the bundle B\.tar is damaged: .*; take another copy") as failure:
        decode_manifest(data, "B.tar")
    assert failure.value.reason == "bundle_damaged"
    assert len(str(failure.value)) < 300


def test_too_much_is_not_even_looked_at() -> None:
    with pytest.raises(RecordError, match="more than any"):
        decode_manifest(b" " * (MAX_MANIFEST_BYTES + 1), "B.tar")


def test_a_later_format_is_told_from_damage() -> None:
    with pytest.raises(RecordError) as failure:
        decode_manifest(damaged(lambda wrong: wrong.update(format=2)), "B.tar")
    assert failure.value.reason == "bundle_too_new"


def file(key: str, sha256: str = "a" * 64) -> ArchivedFile:
    return replace(FILES[0], key=key, sha256=sha256)


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        (["10Hz/2022-07-01/a.h5"], ["10Hz/2022-07-01/a.h5"]),
        (["a:b\\c?.h5"], ["a%3Ab%5Cc%3F.h5"]),
        (["100%/a", "tab\there", "\udcff"], ["100%25/a", "tab%09here", "%DCFF"]),
        (["a", "a"], ["a", f"versions/{'1' * 16}/a"]),
        (["MANIFEST.json", "SHA256SUMS"], [f"versions/{'0' * 16}/MANIFEST.json", f"versions/{'1' * 16}/SHA256SUMS"]),
        (["a/b", "a"], ["a/b", f"versions/{'1' * 16}/a"]),
        (["a", "a/b"], ["a", f"versions/{'1' * 16}/a/b"]),
    ],
)
def test_every_file_has_a_name_of_its_own_that_can_be_unpacked(keys: list[str], names: list[str]) -> None:
    assert member_names([file(key, str(number) * 64) for number, key in enumerate(keys)]) == names


@pytest.mark.parametrize("key", ["../a", "/a", "a//b", "a/./b", "", "x" * 256, "ä" * 128])
def test_a_key_that_no_folder_could_hold_has_a_name_all_the_same(key: str) -> None:
    (name,) = member_names([file(key)])
    assert name.startswith("others/")
    assert is_member_name(name)


def test_sums_are_written_as_sha256sum_reads_them() -> None:
    assert sums_text([("a" * 64, "x y"), ("b" * 64, "z")]) == f"{'a' * 64}  x y\n{'b' * 64}  z\n".encode()
