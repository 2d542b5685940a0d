"""The console's pages of what lies in snapshots and in the archive, of a watch of simulated minutes."""

import base64
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connectors.clock import SystemClock
from models.records import IMAGE_SHAPE
from streams.archive.uploading.archive_status import archive_status
from streams.archive.uploading.archiver import Archiver
from streams.settings import Settings, load_settings
from tests.support.consoles import HTML, closed_console, console_client
from tests.support.watch_results import WatchResults


def test_the_shots_around_one_come_from_its_snapshot(undisturbed: WatchResults, session_folder: Path) -> None:
    with closed_console(session_folder / "undisturbed") as client:
        alert = undisturbed.alerts_of("image_anomaly")[0]
        page = client.get(f"/incidents/alert/{alert['id']}", headers=HTML)
        while page.status_code == 303:
            page = client.get(page.headers["location"], headers=HTML)
        at = page.text.split('data-around="')[1].split('"')[0]
        found = client.get(at).json()
        assert found["trouble"] == ""
        [camera] = found["cameras"]
        assert [shot["when"] for shot in camera["shots"]].count("this shot") == 1
        assert len(camera["shots"]) == 5
        for shot in camera["shots"]:
            counts = np.frombuffer(base64.b64decode(shot["counts"]), "<u2")
            assert (shot["rows"], shot["columns"]) == IMAGE_SHAPE
            assert counts.max() == shot["peak"]
        [meter], [spectrometer] = found["meters"], found["spectrometers"]
        assert 0.0 in [round(second, 1) for second in meter["seconds"]]
        assert len(spectrometer["curves"]) == 3
        # The middle one is what the watch has kept of it.
        kept = client.get(f"/incidents/alert/{alert['id']}/evidence/worst").content
        this = next(shot for shot in camera["shots"] if shot["when"] == "this shot")
        assert kept.startswith(base64.b64decode(this["counts"]))
        assert client.get("/incidents/alert/0123456789abcdef/around?at=0").status_code == 404


def one_waits_for_the_catalog(state: Path, settings: Settings, now_ns: int) -> dict[str, Any]:
    status = archive_status(state, settings, now_ns)
    return status | {"waiting": status["waiting"] | {"catalog": status["waiting"]["catalog"] | {"files": 1}}}


def test_the_archive_says_what_is_safe_where(
    undisturbed: WatchResults, session_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert undisturbed.alerts
    shutil.copytree(session_folder / "undisturbed", tmp_path / "state")
    (tmp_path / "store").mkdir()
    options: dict[str, Any] = {"archive": {"store": str(tmp_path / "store")}, "tape": {"copies": 0}}
    archiver = Archiver(tmp_path / "state", load_settings(None, **options), SystemClock(), tell=lambda _: None)
    archiver.run_once()
    archiver.close()
    client = console_client(tmp_path / "state", **options)
    page = client.get("/archive", headers=HTML).text
    files = page.count('<span class="chip normal">safe</span>')
    assert files >= 2
    assert f"{files} of {files} are safe" in page
    assert "not among them" not in page
    with monkeypatch.context() as patch:
        patch.setattr("streams.console.pages.archive.archive_status", one_waits_for_the_catalog)
        assert "What waits is not among them yet." in client.get("/archive", headers=HTML).text
    assert "file://" in page
    assert "No archived file" in client.get("/archive?hide=safe", headers=HTML).text
    # With two copies on tape wanted none is, and each says what it lacks.
    wanting = console_client(
        tmp_path / "state", archive={**options["archive"], "installation": "here"}, tape={"copies": 2}
    )
    page = wanting.get("/archive", headers=HTML).text
    assert page.count('<span class="chip stale">not yet</span>') == files
    assert "bundle" in page
    assert "archived</th>" in client.get("/replay", headers=HTML).text
