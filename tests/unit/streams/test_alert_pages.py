"""How pages are made: each once, one after the other, in bounded time. The process that makes them is a small one."""

import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.alerts.alert import Alert, AlertChange, AlertEvent, AlertKind, AlertSource, AlertStatus, Severity
from models.alerts.explanation import NO_EXPLANATION
from models.devices import Stage
from streams.alert_pages import AlertPages
from streams.settings import load_settings, settings_of_text, settings_text
from tests.support.watching import wait_until

ALERT = Alert(
    id="0" * 15 + "1",
    kind=AlertKind.NO_BEAM,
    severity=Severity.HIGH,
    status=AlertStatus.OPEN,
    stage=Stage("LA", "A3", "31"),
    device="",
    first_shot_ns=10**18,
    last_shot_ns=10**18,
    shots=1,
    score=0.0,
    reasons=(),
    model="",
    source=AlertSource(file="10Hz/a.h5", sha256="ab" * 32, path=""),
    explanation=NO_EXPLANATION,
)
COUNTING = """
import json, sys
asked = json.load(sys.stdin)
with open(asked["state"] + "/made", "a") as made:
    made.write(asked["alert"] + "\\n")
print("<html>" + asked["alert"])
"""


def commit(state: Path, *alerts: Alert) -> None:
    with StateDirectory.open(state) as directory:
        directory.commit(Commit(alerts=[AlertEvent(change=AlertChange.OPENED, alert=alert) for alert in alerts]))


@pytest.fixture
def pages(tmp_path: Path) -> Callable[..., AlertPages]:
    """Pages of some alerts, made by a program."""

    def make(program: str, *, limit_s: float = 60.0) -> AlertPages:
        commit(tmp_path, *(replace(ALERT, id=f"{number:016x}") for number in range(1, 12)))
        made = AlertPages(tmp_path, load_settings(None), limit_s=limit_s)
        made.command = (sys.executable, "-c", program)
        return made

    return make


def path_of(number: int) -> str:
    return f"/alerts/{number:016x}"


def made_ids(state: Path) -> list[int]:
    return [int(line, 16) for line in (state / "made").read_text().split()]


def test_a_page_is_made_once_as_long_as_its_alert_stands_so(pages: Callable[..., AlertPages], tmp_path: Path) -> None:
    served = pages(COUNTING)
    for _ in range(2):
        assert served.page(path_of(1)).html == f"<html>{1:016x}\n"
    assert made_ids(tmp_path) == [1]
    commit(tmp_path, replace(ALERT, shots=2))
    served.page(path_of(1))
    assert made_ids(tmp_path) == [1, 1]


def test_few_pages_are_kept(pages: Callable[..., AlertPages], tmp_path: Path) -> None:
    served = pages(COUNTING)
    for number in [*range(1, 10), 9, 1]:
        served.page(path_of(number))
    assert made_ids(tmp_path) == [*range(1, 10), 1]


def test_a_page_that_takes_too_long_is_given_up(pages: Callable[..., AlertPages]) -> None:
    served = pages("import time; time.sleep(600)", limit_s=0.3)
    page = served.page(path_of(1))
    assert page.status == 503
    assert "takes longer than 0.3 s" in page.html
    assert f"petawatch replay --alert {1:016x}" in page.html


def test_what_the_process_says_is_shown_as_text(pages: Callable[..., AlertPages]) -> None:
    page = pages("import sys; sys.exit('<b>no & yes</b>')").page(path_of(1))
    assert page.status == 503
    assert "&lt;b&gt;no &amp; yes&lt;/b&gt;" in page.html


def test_one_page_after_the_other_and_few_wait(pages: Callable[..., AlertPages], tmp_path: Path) -> None:
    waiting = f"import time, pathlib\nwhile not pathlib.Path({str(tmp_path / 'go')!r}).exists(): time.sleep(0.02)\n"
    served = pages(waiting + COUNTING)
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda number=number: found.append(served.page(path_of(number)).status))
        for number in range(1, 7)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: found == [503, 503])
    (tmp_path / "go").touch()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200] * 4 + [503] * 2
    assert len(made_ids(tmp_path)) == 4


def test_closing_ends_the_process(pages: Callable[..., AlertPages], tmp_path: Path) -> None:
    served = pages(f"import pathlib, time; pathlib.Path({str(tmp_path / 'begun')!r}).touch(); time.sleep(600)")
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(served.page(path_of(1)).status))
    thread.start()
    wait_until((tmp_path / "begun").exists)
    served.close()
    thread.join()
    assert found == [503]


def test_without_a_state_directory(tmp_path: Path) -> None:
    page = AlertPages(tmp_path / "none", load_settings(None)).page(path_of(1))
    assert page.status == 503


def test_settings_go_to_the_process_with_their_secrets_and_nothing_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = load_settings(
        None,
        time_zone="Europe/Bucharest",
        object_store={"secret_key": "s3", "ca_file": str(tmp_path / "ca.pem")},
        tape={"mounts": [str(tmp_path)]},
        archive={"installation": "lab-2"},
    )
    monkeypatch.setenv("PETAWATCH_TIME_ZONE", "Asia/Tokyo")
    again = settings_of_text(settings_text(settings))
    assert again.object_store == settings.object_store
    assert again.object_store.secret_key.get_secret_value() == "s3"
    assert (again.tape, again.archive, again.reading) == (settings.tape, settings.archive, settings.reading)
    assert again.zone.key == "Europe/Bucharest"
