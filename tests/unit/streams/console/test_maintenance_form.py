"""Maintenance of a stage, begun and ended on its page."""

from pathlib import Path

from connectors.access.role import Role
from connectors.control_room.reader import ControlRoomReader
from models.alarms.life_cycle import AlarmState
from models.event_time import HOUR_NS, parse_iso
from tests.support.console_pages import post, text_of, told
from tests.support.console_state import write_state
from tests.support.consoles import HTML, console_client
from tests.support.manual_clock import ManualClock
from tests.support.signing_in import add_user, csrf_token, sign_in
from tests.unit.connectors.state.examples import STAGE

_START, _END = f"/stages/{STAGE}/maintenance/start", f"/stages/{STAGE}/maintenance/end"


def test_begun_with_an_end_and_a_reason_changed_and_ended(tmp_path: Path) -> None:
    write_state(tmp_path, ManualClock())
    client, reader = console_client(tmp_path), ControlRoomReader(tmp_path)
    page = post(client, _START, length="1h", why="new crystal")
    assert not told(page)[1]
    assert told(page)[0].endswith(" until 2022-07-01 10:30:00 UTC.")
    assert "until 2022-07-01 10:30:00 (UTC), by" in text_of(page)
    assert "new crystal" in page
    [found] = reader.maintenance()
    assert (found.stage, found.until_ns, found.why) == (str(STAGE), ManualClock().now_ns() + HOUR_NS, "new crystal")
    assert {alarm.state for alarm in reader.alarms(stage=STAGE)} == {AlarmState.SUPPRESSED}
    assert not told(post(client, _START, until="2022-07-01T18:00", why="it takes longer"))[1]
    assert [each.until_ns for each in reader.maintenance()] == [parse_iso("2022-07-01T18:00")]
    page = post(client, _END)
    assert not told(page)[1]
    assert "not under maintenance" in text_of(page)
    assert reader.maintenance() == []
    assert AlarmState.SUPPRESSED not in {alarm.state for alarm in reader.alarms(stage=STAGE)}


def test_where_somebody_works_the_lists_and_the_wall_are_calm(tmp_path: Path) -> None:
    write_state(tmp_path, ManualClock())
    client = console_client(tmp_path)
    for path in ("/stages", "/cameras"):
        assert "chip high" in client.get(path, headers=HTML).text
    post(client, _START, length="1h", why="new crystal")
    [found] = ControlRoomReader(tmp_path).maintenance()
    words = f"maintenance until 2022-07-01 10:30 UTC, by {found.by}"
    for path in ("/stages", "/cameras"):
        page = client.get(path, headers=HTML).text
        assert words in text_of(page)
        assert "chip high" not in page
    wall = client.get("/live/incidents").json()
    assert wall["suppressed"] == {str(STAGE): {"cause": "maintenance", "words": words, "why": "new crystal"}}
    assert [(each["put_aside"], each["aside_words"]) for each in wall["incidents"]] == [("maintenance", words)] * 2
    listed = client.get("/incidents", headers=HTML).text
    assert text_of(listed).count(words) == 2
    assert "chip high" not in listed


def test_what_is_refused_is_said_on_the_page(tmp_path: Path) -> None:
    write_state(tmp_path, ManualClock())
    client = console_client(tmp_path)
    for path, fields, words in (
        (_START, {"length": "1h"}, "Say why"),
        (_START, {"until": "tomorrow", "why": "x"}, "is no ISO 8601 time"),
        (_START, {"why": "x"}, "choose a length"),
        (_START, {"until": "2022-07-01", "why": "x"}, "would be over"),
        (_END, {}, "is not under maintenance"),
    ):
        sentence, refused = told(post(client, path, **fields))
        assert refused
        assert words in sentence
    assert ControlRoomReader(tmp_path).maintenance() == []


def test_a_viewer_sees_it_and_has_no_form(tmp_path: Path) -> None:
    write_state(tmp_path, ManualClock())
    post(console_client(tmp_path), _START, length="shift", why="new crystal")
    add_user(tmp_path, "eve", Role.VIEWER)
    viewer = console_client(tmp_path, host="10.1.2.3")
    sign_in(viewer, "eve")
    page = viewer.get(f"/stages/{STAGE}", headers=HTML).text
    assert "new crystal" in page
    assert "<form" not in page.split("<main")[1]


def test_a_script_is_told_the_sentence_alone(tmp_path: Path) -> None:
    write_state(tmp_path, ManualClock())
    client, [*_, incident] = console_client(tmp_path), ControlRoomReader(tmp_path).incidents()
    token = csrf_token(client.get("/incidents", headers=HTML).text)
    for path, fields, status, words in (
        (_START, {"length": "1h", "why": "new crystal"}, 200, "Under maintenance by "),
        (_END, {}, 200, "ended the maintenance"),
        (_END, {}, 409, "is not under maintenance"),
        (f"/incidents/{incident.id}/acknowledge", {}, 200, "Acknowledged by "),
        (f"/incidents/{incident.id}/acknowledge", {}, 409, "acknowledged the incident"),
    ):
        answer = client.post(path, data={"csrf": token, **fields}, headers={"Accept": "application/json"})
        assert answer.status_code == status
        assert words in answer.json()["told"]
        assert answer.json()["refused"] is (status != 200)
