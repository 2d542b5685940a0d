"""What a real keeper of tapes wants of a person is acknowledged in the watch's console, and is over once it is done."""

import re
from pathlib import Path

import pytest

from connectors.control_room.reader import ControlRoomReader
from models.alarms.life_cycle import AlarmState
from streams.archive.places import tape_alerts_place
from streams.settings import load_settings
from tests.support.commands import run_with
from tests.support.console_state import write_state
from tests.support.consoles import HTML, console_client
from tests.support.ltfs.drive import TapeShelf
from tests.support.signing_in import csrf_token
from tests.support.tape_archive import TapeArchive
from tests.support.watching import wait_until


def test_a_cartridge_that_is_to_be_mounted_anew_is_acknowledged_and_done(
    tmp_path: Path, ltfs: TapeShelf, capsys: pytest.CaptureFixture[str]
) -> None:
    drives = [ltfs.drive(ltfs.cartridge()) for _ in range(2)]
    tapes, state = TapeArchive(tmp_path / "site", [drive.mount for drive in drives]), tmp_path / "state"
    tapes.fill(5)
    write_state(state)
    place = tape_alerts_place(load_settings(tapes.config).archive, state)
    client = console_client(state, archive={"folder": tapes.folder / "archive"})
    reader = ControlRoomReader(place)
    assert client.get("/incidents", headers=HTML).text.count("data-row") == 2, "no keeper has run"
    with tapes.keeper() as keeper:
        keeper.run_once()
        wait_until(lambda: sum(incident.episodes for incident in reader.incidents()) == 2)
        [incident] = reader.incidents()
        page = client.get("/incidents", headers=HTML).text
        assert page.count("data-row") == 3
        form = {"csrf": csrf_token(page), "why": "fetched"}
        done = client.post(f"/incidents/{incident.id}/acknowledge", data=form, headers=HTML)
        assert re.search(r'id="told" class="told" role="status">Acknowledged by', done.text)
        assert {alarm.state for alarm in reader.alarms()} == {AlarmState.ACKNOWLEDGED}
        for drive in drives:
            drive.remount()
        keeper.run_once()
        wait_until(lambda: {alarm.state for alarm in reader.alarms()} == {AlarmState.NORMAL})
        assert client.get(f"/api/v1/incidents/{incident.id}").json()["open_episodes"] == 0
    command = run_with(capsys)
    code, out, _ = command("audit", "list", "--state", str(place))
    assert (code, "fetched" in out) == (0, True), out
    _, out, told = command("check", "--config", str(tapes.config))
    assert "tape decisions" in out + told
