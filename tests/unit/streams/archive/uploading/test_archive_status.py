"""How the archive stands: as a document, for eyes, and for Prometheus."""

import io
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from rich.console import Console

from connectors.archive.outbox import ArchiveOutbox
from connectors.archive.outbox_lines import LeftOut, NewLine, Position, Sink, SinkLag, Step
from connectors.catalog.opening import open_catalog
from dashboards.archive_table import print_archive
from models.archive.volumes import Volume, VolumeState
from models.errors import FatalError
from models.event_time import SECOND_NS
from streams.archive.uploading.archive_metrics import ArchiveMetrics
from streams.archive.uploading.archive_status import archive_status
from streams.settings import Settings, load_settings
from tests.support.manual_clock import ManualClock

NOW_NS = 10_000 * SECOND_NS


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "archive"
    with closing(ArchiveOutbox.open(folder)) as outbox:
        lines = [NewLine(name=name, document={}, size_bytes=1_500_000) for name in "ab"]
        outbox.follow("source", Position(number=2, version=2), lines, [], NOW_NS - 7_200 * SECOND_NS)
        outbox.failed([1], "archive_store_away", "the store is away", NOW_NS)
        gone = LeftOut(path="c.h5", reason="file_gone", sentence="c.h5 was gone", at_ns=0, line=lines[0])
        outbox.take(Step(left_out=[gone], counts={"file_gone": 1, "stored": 12}))
    return load_settings(None, archive={"folder": folder, "store": "s3://bucket"})


def printed(settings: Settings, *, terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=140, color_system=None)
    print_archive(archive_status(Path("unused"), settings, NOW_NS), console)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_what_waits_is_told_by_sink(settings: Settings) -> None:
    document = archive_status(Path("unused"), settings, NOW_NS)
    assert document["waiting"]["store"] == {
        "files": 2,
        "bytes": 3_000_000,
        "oldest_s": 7_200.0,
        "reason": "archive_store_away",
        "error": "the store is away",
    }
    assert document["waiting"]["catalog"]["oldest_s"] is None
    assert document["counts"] == {"file_gone": 1, "stored": 12}
    assert [each["path"] for each in document["left_out"]] == ["c.h5"]
    assert document["cartridges"] == {}


@pytest.mark.parametrize("terminal", [True, False])
def test_eyes_see_the_same(settings: Settings, terminal: bool) -> None:
    text = printed(settings, terminal=terminal)
    for words in ("the store is away", "2.0 h", "file gone 1", "stored 12", "c.h5 was gone"):
        assert words in text


def test_the_catalog_tells_of_cartridges_or_why_it_can_t(settings: Settings) -> None:
    folder = settings.archive.folder
    assert folder is not None
    with closing(open_catalog(settings.catalog, folder)) as catalog:
        for number, state in enumerate((VolumeState.FILLING, VolumeState.FULL, VolumeState.FULL)):
            catalog.put_volume(Volume(uuid=f"uuid-{number}", state=state))
    assert archive_status(Path("unused"), settings, NOW_NS)["cartridges"] == {"filling": 1, "full": 2}
    for path in folder.glob("catalog.sqlite*"):
        path.unlink()
    (folder / "catalog.sqlite").write_bytes(b"nonsense" * 1000)
    assert "catalog " in printed(settings, terminal=False)


def test_where_nothing_was_archived_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="nothing was archived") as error:
        archive_status(tmp_path, load_settings(None), NOW_NS)
    assert error.value.reason == "archive_missing"
    assert not (tmp_path / "archive").exists()


def test_prometheus_sees_all_series_from_the_start_and_ages_that_grow() -> None:
    registry, clock = CollectorRegistry(), ManualClock()
    metrics = ArchiveMetrics(registry, clock)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"petawatch_archive_{name}", labels)

    assert value("files_total", result="file_gone") == 0
    assert value("oldest_age_seconds", sink="catalog") == 0
    lag = SinkLag(files=3, size_bytes=70, oldest_ns=clock.now_ns() - 5 * SECOND_NS)
    metrics.show({Sink.STORE: lag}, {"stored": 9, "stored_bytes": 90})
    clock.advance(10)
    assert value("waiting_files", sink="store") == 3
    assert value("waiting_bytes", sink="store") == 70
    assert value("oldest_age_seconds", sink="store") == 15
    assert value("files_total", result="stored") == 9
    assert value("stored_bytes_total") == 90
