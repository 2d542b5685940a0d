"""What the page of the pipeline says of files that can't be read to their end."""

import pytest

from connectors.state.commit import FileStatus
from connectors.state.file_accounts import FileAccount
from dashboards.console.pipeline_view import file_count_rows, file_rows


def test_what_became_of_files_is_said_as_the_guide_says_it() -> None:
    counts = {"accepted": 1, "rejected": 2, "replaced": 3, "skipped": 4, "ignored": 5}
    rows = {row.name: row for row in file_count_rows({"files": counts})}
    assert rows["skipped"].meaning == "came again with the same content"
    assert rows["ignored"].meaning.startswith("no snapshots")


def _account(*, read: int, void: bool = False) -> FileAccount:
    return FileAccount(
        id=1,
        path="10Hz/a.h5",
        root="/",
        sha256="ab",
        size_bytes=200_000,
        status=FileStatus.REJECTED,
        reason="truncated",
        first_ns=None,
        last_ns=None,
        read=read,
        outcomes={"triplet": read} if read else {},
        dead_letters={},
        pending=0,
        thinned=0,
        latest=True,
        void=void,
    )


@pytest.mark.parametrize(
    ("account", "note"),
    [
        (_account(read=0), "truncated; nothing in it could be read"),
        (_account(read=600), "truncated; what could be read of it counts"),
        (_account(read=600, void=True), "truncated; replaced by another version"),
    ],
)
def test_a_file_that_was_cut_off_says_what_is_left_of_it(account: FileAccount, note: str) -> None:
    [row] = file_rows([account])
    assert row.note == note
