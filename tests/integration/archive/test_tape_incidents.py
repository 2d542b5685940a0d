"""What a real keeper of tapes wants of a person is acknowledged in the watch's console, and is over once it is done."""

import json
import re
from pathlib import Path

import pytest

from connectors.clock import SystemClock
from connectors.control_room.reader import ControlRoomReader
from models.alarms.life_cycle import AlarmState
from models.event_time import HOUR_NS, format_iso
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


def test_commands_decide_it_while_the_keeper_works_and_the_shift_report_hands_it_over(
    tmp_path: Path, ltfs: TapeShelf, capsys: pytest.CaptureFixture[str]
) -> None:
    tapes, state = TapeArchive(tmp_path / "site", [ltfs.drive(ltfs.cartridge()).mount]), tmp_path / "state"
    tapes.fill(5)
    write_state(state)
    command, options = run_with(capsys), ("--state", state, "--config", tapes.config)
    reader = ControlRoomReader(tape_alerts_place(load_settings(tapes.config).archive, state))
    with tapes.keeper() as keeper:
        keeper.run_once()
        wait_until(lambda: bool(reader.incidents()))
        listed = map(json.loads, command("alarms", "list", "--json", *options)[1].splitlines())
        wanted = {each["id"] for each in listed if each["kind"] == "tape_wanted"}
        assert wanted == {alarm.id for alarm in reader.alarms()}
        for id_ in sorted(wanted):
            assert command("alarms", "acknowledge", id_, "--reason", "is fetched", *options)[0] == 0
        assert {alarm.state for alarm in reader.alarms()} == {AlarmState.ACKNOWLEDGED}
        now_ns, out = SystemClock().now_ns(), tmp_path / "shift.html"
        stretch = ("--from", format_iso(now_ns - HOUR_NS), "--to", format_iso(now_ns + HOUR_NS), "--out", out)
        assert command("report", *stretch, *options)[::2] == (0, "")
    page = out.read_text(encoding="utf-8")
    [incident] = reader.incidents()
    assert all(words in page for words in (incident.id, "is fetched", *incident.subjects))
    code, out_, _ = command("audit", "verify", *options)
    assert (code, len(out_.splitlines())) == (0, 2)
