"""The list of incidents, one of them, and the steps of operators: by forms that work without a script."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from connectors.access.role import Role
from connectors.control_room.decisions import OperatorDecisions
from connectors.control_room.reader import ControlRoomReader
from connectors.control_room.receipts import Receipt
from connectors.evidence_store import EvidenceLink, EvidenceStore
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from dashboards.console.incident_view import evidence_shots, receipt_rows
from dashboards.reason_words import why
from models.alarms.alarm import alarm_id
from models.alarms.life_cycle import AlarmState
from models.alerts.alert import AlertChange, AlertEvent, AlertKind
from models.alerts.verdicts import Verdict
from models.event_time import HOUR_NS, SECOND_NS
from models.records import IMAGE_SHAPE
from streams.alarms.settings import AlarmSettings, KindSettings
from tests.support.alarms import alert, control_room, over
from tests.support.console_pages import post, text_of, told
from tests.support.console_state import (
    FIRST_SHOTS_NS,
    OTHER_CAMERA,
    evidence_frame,
    take_alerts,
    write_alerts,
    write_state,
)
from tests.support.consoles import HTML, console_client
from tests.support.manual_clock import ManualClock
from tests.support.signing_in import add_user, csrf_token, sign_in
from tests.unit.connectors.state.examples import CAMERA, METER, alert_event


@pytest.fixture
def state(tmp_path: Path) -> Path:
    write_state(tmp_path, ManualClock())
    return tmp_path


@pytest.fixture
def client(state: Path) -> TestClient:
    return console_client(state)


def incident_of(state: Path, number: int = 0) -> str:
    """By the time of its first shot."""
    return ControlRoomReader(state).incidents()[-1 - number].id


def test_the_list_is_filtered_by_its_address(client: TestClient, state: Path) -> None:
    def listed(query: str) -> list[str]:
        return re.findall(
            r'href="/incidents/([0-9a-f]{16})" data-row', client.get(f"/incidents?{query}", headers=HTML).text
        )

    both = [incident_of(state, 1), incident_of(state, 0)]
    assert listed("") == listed("show=all") == listed("show=unacknowledged") == both
    assert listed("stage=LA-A3-31&kind=image_anomaly&priority=high") == both
    assert listed("stage=LB-A1-11") == listed("kind=drift") == []
    assert listed("from=2022-07-01T09:50") == both[:1]
    assert listed("to=2022-07-01T09:50") == both[1:]
    post(client, f"/incidents/{both[0]}/acknowledge")
    assert listed("show=unacknowledged") == both[1:]
    assert listed("") == both


def test_a_long_list_comes_by_the_hundred(tmp_path: Path) -> None:
    write_alerts(tmp_path, 130, every_s=1_000.0)
    client = console_client(tmp_path)
    seen: list[str] = []
    path = "/incidents?show=all"
    while path:
        page = client.get(path, headers=HTML).text
        seen += re.findall(r'href="/incidents/([0-9a-f]{16})" data-row', page)
        more = re.search(r'href="([^"]*)" rel="next"', page)
        path = more[1].replace("&amp;", "&") if more else ""
    assert len(seen) == len(set(seen)) == len(ControlRoomReader(tmp_path).incidents(limit=1_000))
    assert len(seen) > 100


def test_every_episode_and_alarm_of_a_large_incident_is_reached(tmp_path: Path) -> None:
    cameras = [f"LA_A3_31-Camera_{number}-Camera-1" for number in range(1, 13)]
    with control_room(tmp_path) as room:
        episodes = [alert(cameras[n % 12], at_s=n) for n in range(60)]
        room.take(*(replace(each, score=float(n)) for n, each in enumerate(episodes)))
        [incident] = room.reader.incidents()
        expected = {each.id for each in room.reader.alarms(incident=incident.id)}
    client = console_client(tmp_path)

    def gone_through(path: str, what: str, found: str) -> list[str]:
        seen: list[str] = []
        while path:
            page = client.get(path, headers=HTML).text
            seen += re.findall(found, page)
            more = re.search(rf'href="([^"]*)" rel="next"[^>]*>More {what}<', page)
            path = more[1].replace("&amp;", "&") if more else ""
        return seen

    path = f"/incidents/{incident.id}"
    assert gone_through(path, "episodes", r'id="e-([0-9a-f]{16})"') == [each.id for each in episodes[::-1]]
    assert sorted(gone_through(path, "alarms", r'id="steps-([0-9a-f]{16})"')) == sorted(expected)
    # A link to one opens the page that has it, with its alarm first.
    page = client.get(f"{path}?alert={episodes[3].id}", headers=HTML).text
    assert re.search(rf'id="e-{episodes[3].id}"[^>]*aria-current="true"', page)
    assert "episodes 51 to 60 of 60" in page
    assert re.findall(r'id="steps-([0-9a-f]{16})"', page)[0] == alarm_id(episodes[3])
    assert "episodes 51 to 60 of 60" in client.get(f"{path}?episodes=99", headers=HTML).text


def test_an_incident_shows_why_what_to_do_and_its_evidence(client: TestClient, state: Path) -> None:
    page = text_of(client.get(f"/incidents/{incident_of(state)}", headers=HTML).text)
    for words in (
        "hot spot at (61, 40) px",
        "hot spot 93 %",
        "whom to call",
        "worst and first shot",
        "what it means",
        "Who was told",
    ):
        assert words in page, words


def test_guidance_comes_first_and_ids_come_last(client: TestClient, state: Path) -> None:
    incident = incident_of(state, 1)
    page = client.get(f"/incidents/{incident}", headers=HTML).text
    heads = re.findall(r"<h2[^>]*>([^<]*)<", page.partition('<div class="look">')[2])
    assert heads[0].startswith("What to do about")
    assert heads[1] == "Evidence"
    assert heads[-2:] == ["Ids and files", "Keys"]
    assert "2 episodes, the worst first" in heads
    assert incident not in text_of(page).partition("Ids and files")[0]


def test_an_episode_without_a_picture_shows_that_of_another_one_as_what_it_is(tmp_path: Path) -> None:
    at_ns = FIRST_SHOTS_NS[0]
    camera, worse = alert_event(at_ns).alert, alert_event(at_ns + 30 * SECOND_NS, device=OTHER_CAMERA).alert
    camera, worse = replace(camera, score=9.0), replace(worse, score=12.0)
    energy = replace(alert_event(at_ns, device=METER).alert, kind=AlertKind.ENERGY_OUTLIER, score=15.0)
    with StateDirectory.open(tmp_path) as directory:
        links = [EvidenceStore(tmp_path).write(evidence_frame(each, "worst")) for each in (camera, worse)]
        events = [AlertEvent(change=AlertChange.OPENED, alert=each) for each in (energy, camera, worse)]
        directory.commit(Commit(alerts=events, evidence=links))
    take_alerts(tmp_path)
    client = console_client(tmp_path)
    path = f"/incidents/{incident_of(tmp_path)}"
    page = client.get(path, headers=HTML).text
    assert re.search(rf'id="e-{energy.id}"[^>]*aria-current="true"', page)
    assert "This episode has no picture of its own." in page
    assert f"Picture of another episode, at the same shot {why(camera)} : {CAMERA.name}, shot of" in text_of(page)
    assert re.findall('data-evidence="([^"]*)"', page) == [f"/incidents/alert/{camera.id}/evidence/worst"]
    page = client.get(f"{path}?alert={camera.id}", headers=HTML).text
    assert "Picture of another episode" not in page
    # That of the same shots is gone: the worst other one is named as of another shot.
    (tmp_path / links[0].npz).unlink()
    (tmp_path / links[0].png).unlink()
    page = client.get(path, headers=HTML).text
    assert f"Picture of another episode {why(worse)} : {OTHER_CAMERA.name}, shot of" in text_of(page)


def test_every_time_of_an_incident_says_that_it_is_utc(client: TestClient, state: Path) -> None:
    incident = incident_of(state)
    [alarm] = ControlRoomReader(state).alarms(incident=incident)
    post(client, f"/alarms/{alarm.id}/shelve", length="1h", incident=incident, why="spare on its way")
    post(client, f"/incidents/alert/{alarm.latest_alert_id}/verdict", verdict="true", incident=incident)
    page = post(client, f"/incidents/{incident}/acknowledge")
    # Columns say it in their heads.
    outside = text_of(re.sub("<td.*?</td>", "", page, flags=re.DOTALL))
    assert re.findall(r"\d\d:\d\d:\d\d(?:\.\d{3})?+(?! UTC).{20}", outside) == []
    assert len(re.findall(r"\d\d:\d\d:\d\d(?:\.\d{3})? UTC", outside)) > 6


def test_an_alert_s_link_leads_to_its_incident_with_it_chosen(client: TestClient, state: Path) -> None:
    alerts = ControlRoomReader(state).members(incident_of(state, 1))
    assert len(alerts) == 2
    for path in (f"/alerts/{alerts[1]}", f"/incidents/alert/{alerts[1]}"):
        answer = client.get(path, headers=HTML)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/incidents/{incident_of(state, 1)}?alert={alerts[1]}"
    page = client.get(answer.headers["location"], headers=HTML).text
    assert re.search(rf'id="e-{alerts[1]}"[^>]*aria-current="true"', page)
    for path in ("/incidents/alert/0123456789abcdef", "/incidents/0123456789abcdef"):
        answer = client.get(path, headers=HTML)
        assert answer.status_code == 404
        assert "There is no" in answer.text


def test_evidence_comes_as_arrays_and_as_a_picture(client: TestClient, state: Path) -> None:
    alert = ControlRoomReader(state).members(incident_of(state))[0]
    answer = client.get(f"/incidents/alert/{alert}/evidence/worst")
    pixels = IMAGE_SHAPE[0] * IMAGE_SHAPE[1]
    assert len(answer.content) == pixels * (2 + 3 * 4)
    raw = np.frombuffer(answer.content, "<u2", pixels)
    cleaned = np.frombuffer(answer.content, "<f4", pixels, 2 * pixels)
    assert np.array_equal(raw.astype(np.float32) - 40, cleaned)
    picture = client.get(f"/incidents/alert/{alert}/evidence/first.png")
    assert picture.content.startswith(b"\x89PNG")
    assert client.get(f"/incidents/alert/{alert}/evidence/last").status_code == 404
    for file in (state / "evidence").rglob("*.npz"):
        file.write_bytes(file.read_bytes()[:-100])
    assert client.get(f"/incidents/alert/{alert}/evidence/worst").status_code == 410
    for file in (state / "evidence").rglob("*.npz"):
        file.unlink()
    assert client.get(f"/incidents/alert/{alert}/evidence/worst").status_code == 410
    assert "no longer kept" in client.get(f"/incidents/{incident_of(state)}", headers=HTML).text


def test_acknowledged_once_and_the_second_one_is_told_by_whom(state: Path) -> None:
    for name in ("ada", "bob"):
        add_user(state, name, Role.OPERATOR)
    clients = [console_client(state, host="10.1.2.3") for _ in range(2)]
    for name, client in zip(("ada", "bob"), clients, strict=True):
        assert sign_in(client, name).status_code == 303
    incident = incident_of(state)
    sentence, refused = told(post(clients[0], f"/incidents/{incident}/acknowledge", why="I go there"))
    assert (sentence[:19], refused) == ("Acknowledged by ada", False)
    page = post(clients[1], f"/incidents/{incident}/acknowledge")
    sentence, refused = told(page)
    assert sentence.startswith("Ada acknowledged the incident")
    assert refused
    assert "acknowledged by ada at 2022-07-01" in text_of(page)
    assert "I go there" in page
    assert "Acknowledge</button>" not in page


def seen_on(page: str) -> str:
    found = re.search(r'name="seen" value="(\d+)"', page)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("path", ["/incidents/{incident}", "/incidents"])
def test_what_came_after_the_page_was_made_stays_unacknowledged(tmp_path: Path, path: str) -> None:
    with control_room(tmp_path) as room:
        room.take(alert())
        [incident] = room.reader.incidents()
        add_user(tmp_path, "ada", Role.OPERATOR)
        client = console_client(tmp_path, host="10.1.2.3")
        sign_in(client, "ada")
        seen = seen_on(client.get(path.format(incident=incident.id), headers=HTML).text)
        room.pass_s(5)
        room.take(alert(kind=AlertKind.NO_BEAM, at_s=30))
        page = post(client, f"/incidents/{incident.id}/acknowledge", seen=seen)
        assert told(page)[0].endswith("What was announced after the page was made stays unacknowledged.")
        assert "since ada acknowledged at 2022-07-01" in text_of(page)
        assert room.reader.incidents()[0].is_unseen
        page = post(client, f"/incidents/{incident.id}/acknowledge", seen=seen_on(page))
        assert "stays unacknowledged" not in page
        assert "since ada acknowledged" not in page
        assert room.reader.incidents()[0].acknowledged_by == "ada"


def test_an_incident_says_who_acknowledged_it_by_way_of_its_alarm(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        for at_s in (0, 7_200):
            room.take(alert(at_s=at_s))
            room.take(over(alert(at_s=at_s)))
        room.desk.acknowledge(room.reader.alarms()[0].id, by="ada", why="seen both")
        room.take(alert(at_s=20_000))
        newest, *touched = room.reader.incidents()
        client = console_client(tmp_path)
        for incident in touched:
            page = text_of(client.get(f"/incidents/{incident.id}", headers=HTML).text)
            other = next(each.id for each in touched if each.id != incident.id)
            assert "seen both" in page
            assert f"incident {other}" in page
        assert "seen both" not in client.get(f"/incidents/{newest.id}", headers=HTML).text


def test_each_shot_has_one_button_and_each_message_says_of_what() -> None:
    def link(role: str, time_ns: int) -> EvidenceLink:
        return EvidenceLink(alert_id="a", role=role, event_time_ns=time_ns, png=f"{role}.png", npz=f"{role}.npz")

    shots = evidence_shots([link("worst", 5), link("first", 3), link("last", 5)], "last")
    assert [(shot.role, shot.words, shot.chosen) for shot in shots] == [
        ("worst", "worst and last", True),
        ("first", "first", False),
    ]
    assert len(evidence_shots([link(role, 5) for role in ("worst", "first", "last")], "worst")) == 1
    one = alert()
    receipts = [
        Receipt(
            receiver="mail",
            subject_id=subject,
            event_id="e",
            type=f"{what}.opened",
            created_ns=0,
            delivered_ns=0,
            status="200",
            attempts=1,
        )
        for subject, what in ((one.id, "alert"), ("i", "incident"))
    ]
    rows = receipt_rows(receipts, [one])
    assert [row[2].endswith(words) for row, words in zip(rows, (f"({one.device}): opened", ": opened"), strict=True)]
    assert rows[1][2] == "the incident: opened"


def test_keys_are_told_only_to_those_who_may_use_them(state: Path) -> None:
    for name, role in (("eve", Role.VIEWER), ("ada", Role.OPERATOR)):
        add_user(state, name, role)
        client = console_client(state, host="10.1.2.3")
        sign_in(client, name)
        for path in ("/incidents", f"/incidents/{incident_of(state)}"):
            page = client.get(path, headers=HTML).text
            assert ("<kbd>a</kbd>" in page) is ("<kbd>v</kbd>" in page) is (role is Role.OPERATOR)
            assert "<kbd>j</kbd>" in page


def test_shelved_with_an_end_and_taken_up_again(client: TestClient, state: Path) -> None:
    incident = incident_of(state)
    [alarm] = ControlRoomReader(state).alarms(incident=incident)
    fields = {"incident": incident, "why": "the camera is being replaced"}
    sentence, refused = told(post(client, f"/alarms/{alarm.id}/shelve", length="1h", **fields))
    assert (sentence, refused) == (
        "Shelved by root until 2022-07-01 10:30:00 UTC.".replace("root", sentence.split()[2]),
        False,
    )
    shelved = ControlRoomReader(state).alarm(alarm.id)
    assert shelved is not None
    assert shelved.state is AlarmState.SHELVED
    assert shelved.life.shelved_until_ns == ManualClock().now_ns() + HOUR_NS
    page = post(client, f"/alarms/{alarm.id}/unshelve", incident=incident)
    assert not told(page)[1]
    assert "the camera is being replaced" in page  # in what was done
    for length, until, words in (("", "tomorrow", "is no ISO 8601 time"), ("", "2022-07-20", "at most 24 hours")):
        sentence, refused = told(post(client, f"/alarms/{alarm.id}/shelve", length=length, until=until, **fields))
        assert refused
        assert words in sentence
    sentence, refused = told(post(client, f"/alarms/{alarm.id}/reset", incident=incident))
    assert refused


def test_out_of_service_until_it_is_put_back(client: TestClient, state: Path) -> None:
    incident = incident_of(state)
    [alarm] = ControlRoomReader(state).alarms(incident=incident)

    def step(name: str, why: str = "") -> tuple[str, tuple[str, bool]]:
        page = post(client, f"/alarms/{alarm.id}/{name}", incident=incident, why=why)
        return page, told(page)

    _, (sentence, refused) = step("take-out")
    assert refused
    assert "Say why" in sentence
    assert step("put-back")[1][1]
    page, (sentence, refused) = step("take-out", "no spare until autumn")
    assert not refused
    assert sentence.startswith("Taken out of service by ")
    assert "no spare until autumn" in text_of(page)
    assert "put-back" in page
    assert "take-out" not in page
    [out] = ControlRoomReader(state).alarms(incident=incident)
    assert out.state is AlarmState.OUT_OF_SERVICE
    page, (sentence, refused) = step("put-back")
    assert not refused
    assert "take-out" in page
    [back] = ControlRoomReader(state).alarms(incident=incident)
    assert back.state is AlarmState.UNACKNOWLEDGED


def test_a_latched_alarm_is_reset(tmp_path: Path) -> None:
    settings = AlarmSettings(kinds={AlertKind.IMAGE_ANOMALY: KindSettings(latching=True)})
    with control_room(tmp_path, settings) as room:
        one = alert()
        room.take(one)
        room.take(over(one, after_s=3))
        client = console_client(tmp_path, clock=room.clock, alarms=settings)
        [incident], [alarm] = room.reader.incidents(), room.reader.alarms()
        fields = {"incident": incident.id}
        assert told(post(client, f"/alarms/{alarm.id}/reset", **fields))[1]
        page = post(client, f"/incidents/{incident.id}/acknowledge")
        assert f"/alarms/{alarm.id}/reset" in page
        page = post(client, f"/alarms/{alarm.id}/reset", **fields)
        assert not told(page)[1]
        assert f"/alarms/{alarm.id}/reset" not in page
        assert [each.state for each in room.reader.alarms()] == [AlarmState.NORMAL]


def test_a_verdict_is_given_and_shown(client: TestClient, state: Path) -> None:
    incident = incident_of(state)
    [alert] = ControlRoomReader(state).members(incident)
    page = post(
        client, f"/incidents/alert/{alert}/verdict", verdict="false", incident=incident, why="dust on the window"
    )
    assert not told(page)[1]
    [verdict] = OperatorDecisions(state).verdicts()
    assert (verdict.alert_id, verdict.verdict, verdict.reason) == (alert, Verdict.FALSE, "dust on the window")
    assert f"false, said {verdict.by} at" in text_of(page)


@pytest.mark.parametrize(
    "path",
    [
        "/incidents/{incident}/acknowledge",
        "/incidents/alert/{alert}/verdict",
        "/alarms/{alarm}/shelve",
        "/alarms/{alarm}/take-out",
        "/stages/LA-A3-31/maintenance/start",
    ],
)
def test_a_viewer_may_not_and_another_page_may_not(state: Path, path: str) -> None:
    incident = incident_of(state)
    [alarm] = ControlRoomReader(state).alarms(incident=incident)
    path = path.format(incident=incident, alert=alarm.latest_alert_id, alarm=alarm.id)
    fields = {"verdict": "true", "length": "1h", "why": "x"}
    assert console_client(state).post(path, data=fields, headers=HTML).status_code == 403
    add_user(state, "eve", Role.VIEWER)
    before = ControlRoomReader(state).audit()
    viewer = console_client(state, host="10.1.2.3")
    sign_in(viewer, "eve")
    page = viewer.get(f"/incidents/{incident}", headers=HTML).text
    assert "Acknowledge</button>" not in page
    assert viewer.post(path, data={**fields, "csrf": csrf_token(page)}, headers=HTML).status_code == 403
    assert ControlRoomReader(state).audit() == before


def test_an_episode_of_no_incident_is_shown_all_the_same(tmp_path: Path) -> None:
    alert = write_state(tmp_path)[0]
    (tmp_path / "decisions.sqlite").unlink()
    for ending in ("-wal", "-shm"):
        (tmp_path / f"decisions.sqlite{ending}").unlink(missing_ok=True)
    page = console_client(tmp_path).get(f"/incidents/alert/{alert.id}", headers=HTML)
    assert page.status_code == 200
    assert "belongs to no incident yet" in page.text
    assert FIRST_SHOTS_NS[0] == alert.first_shot_ns
