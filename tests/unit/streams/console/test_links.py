"""The links that messages carry: the console has the page of each."""

from pathlib import Path

from connectors.alert_documents import alert_document
from connectors.control_room.reader import ControlRoomReader
from connectors.webhooks.message_body import incident_document
from tests.support.console_state import write_state
from tests.support.consoles import HTML, console_client
from tests.support.manual_clock import ManualClock


def test_the_console_answers_the_links_of_alerts_and_of_incidents(tmp_path: Path) -> None:
    write_state(tmp_path, ManualClock())
    client = console_client(tmp_path, links={"address": "http://127.0.0.1"})
    room = ControlRoomReader(tmp_path)
    incident = room.incidents()[0]
    alert = room.activations(incident.id)[0].alert
    at_incident = client.get(incident_document(incident, links="http://127.0.0.1")["link"], headers=HTML)
    at_alert = client.get(alert_document(alert, links="http://127.0.0.1")["link"], headers=HTML)
    assert at_incident.status_code == 200
    assert at_alert.status_code == 303
    assert client.get(at_alert.headers["location"], headers=HTML).status_code == 200
