"""Every page of the console besides the wall: with nothing, with something, with something broken."""

import re
from pathlib import Path

import pytest

from connectors.control_room.database import DECISIONS_NAME
from connectors.live_board import BOARD_NAME, LiveBoardWriter
from connectors.state.commit import Commit, FileStatus
from connectors.state.database import DATABASE_NAME
from connectors.state.directory import StateDirectory
from models.errors import FatalError
from models.event_time import MINUTE_NS, format_iso
from models.live_reading import LiveReading
from models.records import Refusal
from models.results import Scoring
from streams.console.server import serve_console
from streams.device_stages import device_key
from streams.settings import load_settings
from tests.support.alarms import alert, control_room, over
from tests.support.console_pages import text_of
from tests.support.console_state import write_state
from tests.support.consoles import HTML, console_client
from tests.support.manual_clock import ManualClock
from tests.unit.connectors.state.examples import CAMERA, STAGE, START_NS, file_record, source

STRETCH = f"from={format_iso(START_NS)}&to={format_iso(START_NS + 30 * MINUTE_NS)}"
EMPTY = {
    "/": "no state of a watch",
    "/incidents": "Nothing is known of incidents.",
    "/stages": "no state of a watch",
    "/cameras": "no state of a watch",
    f"/stages/{STAGE}": "no state of a watch",
    f"/cameras/{CAMERA.name}": "no state of a watch",
    "/replay": "No snapshot of this day is known.",
    "/archive": "No archive is set up",
    "/pipeline": "no state of a watch",
    "/settings": "Read only",
}
#: With it the page of the archive is that of one from which nothing was archived yet.
STORE = {"store": "/petawatch-store"}
FILLED = {
    "/incidents": "hot spot at",
    "/stages": str(STAGE),
    "/cameras": CAMERA.name,
    f"/stages/{STAGE}?{STRETCH}": "Complete shots",
    f"/cameras/{CAMERA.name}?{STRETCH}": "Usual residual",
    "/replay": "10Hz",
    "/archive": "No archive is set up",
    "/pipeline": "10Hz/2022-07-01/m1.h5",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("state")
    write_state(state)
    return state


@pytest.mark.parametrize("path", EMPTY)
def test_a_page_without_a_watch_says_so_in_a_sentence(tmp_path: Path, path: str) -> None:
    answer = console_client(tmp_path).get(path, headers=HTML)
    assert answer.status_code == 200
    assert EMPTY[path] in text_of(answer.text)
    bar = re.search(r'<p class="connection-lost" id="no-state" role="alert">(.*?)</p>', answer.text)
    assert bar is not None
    assert f"There is no state of a watch in {tmp_path}; give the --state" in bar[1]
    assert list(tmp_path.iterdir()) == []  # whoever only looks leaves nothing behind


def test_without_a_state_directory_no_console_is_started_and_with_one_there_is_no_bar(
    tmp_path: Path, written: Path
) -> None:
    nowhere = tmp_path / "nope"
    with pytest.raises(FatalError, match=f"^there is no state of a watch in {nowhere}; give the --state"):
        serve_console(nowhere, load_settings(None), "127.0.0.1:0", clock=ManualClock(), tell=pytest.fail)
    assert not nowhere.exists()
    page = console_client(written).get("/", headers=HTML).text
    assert '<p class="connection-lost" id="no-state" role="alert" hidden></p>' in page


def test_an_archive_from_which_nothing_was_archived_yet_says_so(written: Path) -> None:
    page = console_client(written, archive=STORE).get("/archive", headers=HTML).text
    assert "Nothing was archived into" in text_of(page)


@pytest.mark.parametrize("path", FILLED)
def test_a_page_of_a_watch(written: Path, path: str) -> None:
    answer = console_client(written).get(path, headers=HTML)
    assert answer.status_code == 200
    words = FILLED[path] if path != "/replay" else "2022-07-01 09:00 to 10:00"
    assert words in text_of(answer.text)
    assert "told bad" not in answer.text.replace('<noscript><p class="told bad">', "")


def test_every_page_of_a_damaged_state_says_what_is_wrong(tmp_path: Path) -> None:
    for name in (DATABASE_NAME, DECISIONS_NAME):
        (tmp_path / name).write_bytes(b"no database at all" * 100)
    client = console_client(tmp_path, archive=STORE)
    for path in [path for path in EMPTY if path not in {"/", "/settings"}]:
        answer = client.get(path, headers=HTML)
        assert answer.status_code == 200, path
        assert re.search(r'class="told bad"[^>]*>[^<]*(damaged|nothing was archived)', answer.text), path


def test_files_are_shown_by_the_fifty_and_found_by_what_became_of_them(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        files = [file_record(source(f"n{number:03d}"), 0, status=FileStatus.REJECTED) for number in range(60)]
        state.commit(Commit(files=[*files, file_record(source("good"), 5)]))
    client = console_client(tmp_path)
    page = client.get("/pipeline?show=rejected", headers=HTML).text
    assert page.count("rejected</td>") + page.count("<td>rejected") >= 50
    assert "good.h5" not in page
    older = re.search(r'href="(/pipeline\?[^"]*before=\d+)"', page)
    assert older is not None
    assert "n000.h5" not in page
    assert "n000.h5" in client.get(older[1].replace("&amp;", "&"), headers=HTML).text
    unbalanced = client.get("/pipeline?show=under_way", headers=HTML).text
    assert "good.h5" in unbalanced
    assert "NOT BALANCED" in unbalanced


def test_texts_from_files_are_never_markup(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(Commit(files=[file_record(source("<script>alert(1)</script>"), 0)]))
    page = console_client(tmp_path).get("/pipeline?contains=%3Cscript%3E", headers=HTML).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize(
    "path",
    [
        "/incidents?from=yesterday",
        "/stages/LA-A3-31?from=yesterday",
        "/stages/LA-A3-31?from=2022-07-02&to=2022-07-01",
        "/archive?to=now",
        "/replay?from=soon",
        "/incidents?from=9999-01-01",
        "/stages/LA-A3-31?from=9999-01-01&to=9999-01-02",
        "/cameras/LA_A3_31-Camera_1-Camera-1?from=0001-01-01",
        "/archive?from=9999-12-31",
        "/replay?to=9999-12-31",
    ],
)
def test_a_time_that_is_none_is_told(written: Path, path: str) -> None:
    page = console_client(written, archive=STORE).get(path, headers=HTML)
    assert page.status_code == 200
    assert re.search(r"is no ISO 8601 time|lies before its end|is no time between 1700 and 2200", page.text)


@pytest.mark.parametrize("stretch", ["from=1700-01-01", "to=2199-12-31T23:59:59", "from=1700-01-01&to=2199-12-31"])
@pytest.mark.parametrize(
    "path", ["/incidents", "/stages/LA-A3-31", "/cameras/LA_A3_31-Camera_1-Camera-1", "/archive", "/replay"]
)
def test_any_time_that_there_is_can_be_looked_at(written: Path, path: str, stretch: str) -> None:
    assert console_client(written).get(f"{path}?{stretch}", headers=HTML).status_code == 200


def test_a_filter_by_what_is_no_stage_is_told(written: Path) -> None:
    page = console_client(written).get("/incidents?stage=a-b-c", headers=HTML)
    assert "is no stage; they are named as LA-A3-31." in page.text


@pytest.mark.parametrize(
    "path", ["/stages/nothing", "/stages/a-b-c", "/stages/LA-A3-<b>", "/cameras/LA_A3_31-EM_1-EnergyMeter-1"]
)
def test_what_is_no_stage_and_no_camera_is_not_found(written: Path, path: str) -> None:
    assert console_client(written).get(path, headers=HTML).status_code == 404


def test_the_lists_of_stages_and_cameras_are_green_only_with_current_data_and_link_to_what_nobody_has_seen(
    tmp_path: Path,
) -> None:
    with control_room(tmp_path) as room:
        with StateDirectory.open(tmp_path) as directory:
            directory.commit(Commit(stage_states={device_key(CAMERA): b"state"}))
        with LiveBoardWriter(tmp_path / BOARD_NAME, room.clock) as board:
            board.show(
                LiveReading(
                    device=CAMERA,
                    event_time_ns=room.clock.now_ns(),
                    scoring=Scoring.SCORED,
                    refusal=Refusal.NONE,
                    score=1.0,
                    anomalous=False,
                    values={"centroid_x_px": 64.0, "centroid_y_px": 51.0},
                )
            )
        client = console_client(tmp_path, clock=room.clock)

        def shown() -> list[str]:
            return [client.get(path, headers=HTML).text.split("<tbody>")[1] for path in ("/stages", "/cameras")]

        assert all('<span class="chip normal">none</span>' in page for page in shown())
        room.take(alert(CAMERA.name))
        room.take(over(alert(CAMERA.name), after_s=0.1))
        for page in shown():
            link = f'<a href="/incidents?stage={STAGE}"><span class="chip high">1 unacknowledged</span></a>'
            assert link in page
            assert "chip normal" not in page
        [incident] = room.reader.incidents()
        room.desk.acknowledge(incident.id, by="anna")
        assert all("chip normal" in page for page in shown())
        room.clock.advance(86_400)
        for page in shown():
            assert "no current data" in page
            assert "chip normal" not in page
