"""Archived files on a terminal, in a pipe, and as JSON."""

import io
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from rich.console import Console

from dashboards.catalog_table import TERMINAL_LIMIT, file_document, print_files
from models.archive.archived_file import ArchivedFile
from models.archive.copies import BundleCopy, CopyState, KnownCopies, StoreCopy
from models.archive.found_file import FoundFile
from models.archive.volumes import Volume, VolumeState
from models.event_time import parse_iso

NAME = "LA_CameraComputer01-Recorder_60s_snapshot_2022-07-01_09-34-00-000.h5"
FILE = ArchivedFile(
    key=f"10Hz/2022-07-01/{NAME}",
    path=f"10Hz/2022-07-01/{NAME}",
    root="/data/recorders",
    sha256="ab" * 32,
    size_bytes=15_700_000,
    mtime_ns=parse_iso("2022-07-01T09:35:01"),
    interval="10Hz",
    date="2022-07-01",
    front_end="LA",
    recorder="CameraComputer01-Recorder",
    first_ns=parse_iso("2022-07-01T09:34:00"),
    last_ns=parse_iso("2022-07-01T09:34:59.9"),
    devices=("LA_A3_32-Camera_1-Camera-1",),
    stages=("LA-A3-32",),
    states=("ON", "FAULT"),
    records=1800,
)
STORED = StoreCopy(file_id=FILE.id, store="s3://snapshots", version="v1", checked_ns=FILE.mtime_ns)
TAPE = BundleCopy(
    bundle_id="b1",
    volume="uuid-1",
    path="bundles/b1.tar",
    state=CopyState.SAFE,
    mount_id="m",
    written_ns=FILE.mtime_ns,
    read_back_ns=FILE.mtime_ns,
)
VOLUME = Volume(uuid="uuid-1", barcode="HPL001L8", state=VolumeState.FULL)
COPIES = KnownCopies(file_id=FILE.id, cataloged=True)
FOUND = FoundFile(
    FILE,
    replace(COPIES, store_copies=(STORED,), bundles=("b1",), bundle_copies=(TAPE,), volumes={VOLUME.uuid: VOLUME}),
)


def shown(files: Sequence[FoundFile], *, terminal: bool, width: int = 80, limit: int = 0) -> str:
    out = io.StringIO()
    print_files(files, Console(file=out, force_terminal=terminal, width=width, color_system=None), limit)
    return out.getvalue()


def test_a_file_is_a_block_in_which_nothing_is_broken_on_a_narrow_terminal() -> None:
    text = shown([FOUND], terminal=True)
    name, *lines = text.splitlines()
    assert name == FILE.key
    assert all(len(line) <= 80 for line in lines)
    assert "  first shot  2022-07-01T09:34:00.000Z" in text
    assert "15.7" in text
    assert "s3://snapshots; tape HPL001L8 safe" in text


def test_files_are_a_table_on_a_wide_terminal() -> None:
    text = shown([FOUND], terminal=True, width=250)
    assert "┃ first shot" in text
    assert "1,800" in text


def test_a_pipe_gets_one_line_a_file() -> None:
    assert shown([FOUND, FOUND], terminal=False).splitlines() == 2 * [
        f"2022-07-01T09:34:00.000Z\t{FILE.key}\t15.7\t1,800\tON, FAULT\t\ts3://snapshots; tape HPL001L8 safe"
    ]


@pytest.mark.parametrize(("terminal", "expected"), [(True, TERMINAL_LIMIT), (False, TERMINAL_LIMIT + 5)])
def test_a_terminal_gets_only_so_many(terminal: bool, expected: int) -> None:
    text = shown([FOUND] * (TERMINAL_LIMIT + 5), terminal=terminal)
    assert text.count(FILE.key) == expected
    assert (f"only the first {TERMINAL_LIMIT} files" in text) == terminal


def test_a_limit_says_that_there_is_more() -> None:
    assert "only the first 2 files; --limit shows more" in shown([FOUND] * 3, terminal=False, limit=2)
    assert "only" not in shown([FOUND] * 2, terminal=False, limit=2)


def test_what_a_name_holds_never_steers_the_terminal() -> None:
    hostile = ArchivedFile(key="\x1b[2J", path="", root="", sha256="", size_bytes=0, mtime_ns=0)
    assert "\x1b" not in shown([FoundFile(hostile, COPIES)], terminal=False)


def test_copies_that_prove_nothing_say_so() -> None:
    unchecked = StoreCopy(file_id=FILE.id, store="file:///a", version="v")
    damaged = StoreCopy(file_id=FILE.id, store="file:///b", version="v", damaged="copy_damaged")
    copies = replace(COPIES, store_copies=(unchecked, damaged), bundle_copies=(TAPE,))
    text = shown([FoundFile(FILE, copies)], terminal=False)
    assert "file:///a unchecked; file:///b damaged (copy_damaged); tape uuid-1 safe" in text
    assert "local: /data/recorders" in shown([FoundFile(FILE, COPIES)], terminal=False)


def test_a_document_says_all_of_it() -> None:
    document = json.loads(json.dumps(file_document(FOUND)))
    assert document["id"] == FILE.id
    assert document["first_shot"] == "2022-07-01T09:34:00.000Z"
    assert document["store"][0]["checked"] == "2022-07-01T09:35:01.000Z"
    assert document["tape"][0]["barcode"] == "HPL001L8"
    assert (document["tape"][0]["state"], document["tape"][0]["volume_state"]) == ("safe", "full")
    assert document["bundles"] == ["b1"]
