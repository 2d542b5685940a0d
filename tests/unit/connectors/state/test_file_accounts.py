from pathlib import Path

from connectors.state.commit import Commit, FileStatus
from connectors.state.directory import StateDirectory
from connectors.state.file_accounts import FileFilter
from models.results import Outcome
from tests.unit.connectors.state.examples import CAMERA, METER, decided, file_record, source


def test_files_come_in_pages_the_latest_first_each_with_its_own_account(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        for number in range(7):
            of = source(f"f{number}")
            blocks = [decided(CAMERA, 6, of=of), decided(METER, 4, of=of, outcome=Outcome.IDLE)]
            state.commit(Commit(decided=blocks, files=[file_record(of, 10)]))
        first = state.file_accounts(FileFilter(), limit=3)
        second = state.file_accounts(FileFilter(), before_id=first[-1].id, limit=30)
        assert [account.path[-5:-3] for account in first + second] == [f"f{number}" for number in range(6, -1, -1)]
        assert all(account.outcomes == {"triplet": 6, "idle": 4} and account.balanced for account in first + second)


def test_what_is_refused_lost_pending_or_replaced_is_told(tmp_path: Path) -> None:
    torn, waiting, old, new = source("torn"), source("waiting"), source("twice", 1), source("twice", 2)
    with StateDirectory.open(tmp_path) as state:
        state.commit(
            Commit(
                files=[
                    file_record(torn, 3, reason="truncated", dead_letters={"bad_payload": 3}),
                    file_record(waiting, 10),
                    file_record(old, 10),
                    file_record(source("empty"), 0, status=FileStatus.REJECTED, reason="empty"),
                ],
                decided=[decided(CAMERA, 6, of=waiting), decided(CAMERA, 10, of=old)],
                pending={waiting: 4},
            )
        )
        state.commit(Commit(files=[file_record(new, 2, replaced_sha256=old.sha256)], pending={waiting: 4}))

        by_path = {(account.path, account.sha256): account for account in state.file_accounts(FileFilter())}
        assert by_path[torn.file, torn.sha256].outcomes == {"dead_letter": 3}
        assert by_path[torn.file, torn.sha256].dead_letters == {"bad_payload": 3}
        pending = by_path[waiting.file, waiting.sha256]
        assert (pending.pending, pending.balanced) == (4, True)
        earlier, later = by_path[old.file, old.sha256], by_path[new.file, new.sha256]
        assert (earlier.void, earlier.latest, earlier.balanced) == (True, False, True)
        assert (later.void, later.latest, later.balanced) == (False, True, False)

        def paths(wanted: FileFilter) -> list[str]:
            return [account.path for account in state.file_accounts(wanted)]

        assert paths(FileFilter(only_dead_letters=True)) == [torn.file]
        assert paths(FileFilter(status=FileStatus.REJECTED)) == [source("empty").file]
        assert paths(FileFilter(contains="aiting")) == [waiting.file]
        assert paths(FileFilter(contains="%")) == []
        assert paths(FileFilter(only_unbalanced=True)) == [new.file, waiting.file]
