"""What a shift report says of the archive: what waits, and how much of the stretch is safe."""

import shutil
from pathlib import Path

import pytest

from dashboards.report_page import report_page
from dashboards.shift_report import ArchiveStanding
from models.event_time import HOUR_NS, MINUTE_NS, parse_iso
from streams.report.archive_standing import archive_standing
from streams.report.gathering import gather_report
from streams.report.reported_stretch import ReportedStretch
from streams.settings import Settings, load_settings
from tests.support.archiving import archive_once
from tests.support.watch_results import WatchResults

NOW_NS = parse_iso("2022-07-02T00:00:00Z")
DAY = ReportedStretch(from_ns=parse_iso("2022-07-01T00:00:00Z"), to_ns=NOW_NS)


@pytest.fixture(scope="module")
def archived(undisturbed: WatchResults, session_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory of which all files are in a store, beside it."""
    folder = tmp_path_factory.mktemp("reported")
    shutil.copytree(session_folder / "undisturbed", folder / "state")
    archive_once(folder / "state", folder / "store")
    return folder


def settings(archived: Path, store: str = "store", tape_copies: int = 0) -> Settings:
    return load_settings(None, archive={"store": str(archived / store)}, tape={"copies": tape_copies})


def test_all_files_are_safe_and_nothing_waits(archived: Path) -> None:
    standing = archive_standing(archived / "state", settings(archived), DAY, NOW_NS)
    assert (standing.files, standing.safe, standing.limited, standing.sentences) == (6, 6, False, [])
    assert standing.status is not None
    assert {sink: lag["files"] for sink, lag in standing.status["waiting"].items()} == {"store": 0, "catalog": 0}
    page = report_page(gather_report(archived / "state", settings(archived), DAY, NOW_NS))
    assert "Of 6 files of this time in the catalog 6 have all the copies that are wanted." in page
    assert "<dt>files safe in the archive</dt><dd>6 of 6</dd>" in page


def test_only_the_files_of_the_stretch_count(archived: Path) -> None:
    first = parse_iso("2022-07-01T09:30:00Z")
    minute = ReportedStretch(from_ns=first, to_ns=first + MINUTE_NS)
    assert archive_standing(archived / "state", settings(archived), minute, NOW_NS).files == 2
    later = ReportedStretch(from_ns=DAY.to_ns, to_ns=DAY.to_ns + HOUR_NS)
    assert archive_standing(archived / "state", settings(archived), later, NOW_NS).files == 0


def test_what_is_not_safe_is_counted_by_why(archived: Path) -> None:
    """In another store, as the settings have it now, there is nothing yet, and nothing on tape."""
    other = settings(archived, "other", 2)
    standing = archive_standing(archived / "state", other, DAY, NOW_NS)
    why = ["6 not safe: no store copy", "6 not safe: unbundled"]
    assert (standing.files, standing.safe, standing.sentences) == (6, 0, why)


def test_a_catalog_that_is_damaged_is_told_and_the_rest_of_the_report_is_there(archived: Path, tmp_path: Path) -> None:
    copy = tmp_path / "state"
    shutil.copytree(archived / "state", copy)
    (copy / "archive" / "catalog.sqlite").write_bytes(b"no database" * 1_000)
    report = gather_report(copy, settings(archived), DAY, NOW_NS)
    assert (report.archive.files, len(report.archive.sentences)) == (0, 1)
    assert "catalog" in report_page(report)
    assert report.outcomes


def test_without_an_archive_there_is_nothing_to_tell(session_folder: Path, undisturbed: WatchResults) -> None:
    assert archive_standing(session_folder / "undisturbed", load_settings(None), DAY, NOW_NS) == ArchiveStanding()
