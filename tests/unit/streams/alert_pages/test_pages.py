"""How pages are made: each once, one after the other, in bounded time. The process that makes them is a small one."""

import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.alerts.alert import Alert, AlertChange, AlertEvent, AlertKind, AlertSource, AlertStatus, Severity
from models.alerts.explanation import NO_EXPLANATION
from models.devices import Stage
from models.errors import RetryableError
from streams.alert_pages.pages import KEPT_BYTES, AlertPages
from streams.settings import load_settings, settings_of_text, settings_text
from tests.support.watching import wait_until
from tests.unit.connectors.state.examples import decided
from tests.unit.streams.alert_pages.programs import COUNTING, HANGING, PIDS, SERVING

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


def commit(state: Path, *alerts: Alert) -> None:
    with StateDirectory.open(state) as directory:
        directory.commit(Commit(alerts=[AlertEvent(change=AlertChange.OPENED, alert=alert) for alert in alerts]))


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Callable[..., AlertPages]]:
    """Pages of some alerts, made by a program."""
    all_made: list[AlertPages] = []

    def make(program: str, *, limit_s: float = 60.0, kept_bytes: int = KEPT_BYTES) -> AlertPages:
        commit(tmp_path, *(replace(ALERT, id=f"{number:016x}") for number in range(1, 12)))
        command = (sys.executable, "-c", program)
        made = AlertPages(tmp_path, load_settings(None), limit_s=limit_s, kept_bytes=kept_bytes, command=command)
        all_made.append(made)
        return made

    yield make
    for each in all_made:
        each.close()
        each._maker.shutdown()


def path_of(number: int) -> str:
    return f"/alerts/{number:016x}"


def made_ids(state: Path) -> list[int]:
    return [int(line, 16) for line in (state / "made").read_text().split()]


def test_a_page_is_made_once_as_long_as_its_alert_stands_so(pages: Callable[..., AlertPages], tmp_path: Path) -> None:
    served = pages(COUNTING)
    for _ in range(2):
        assert served.page(path_of(1)).html == f"<html>{1:016x}"
    assert made_ids(tmp_path) == [1]
    commit(tmp_path, replace(ALERT, shots=2))
    served.page(path_of(1))
    assert made_ids(tmp_path) == [1, 1]


def test_pages_are_kept_together_up_to_some_bytes(pages: Callable[..., AlertPages], tmp_path: Path) -> None:
    served = pages(COUNTING, kept_bytes=3 * len(f"<html>{1:016x}"))
    for number in [1, 2, 3, 1, 4, 4, 1]:
        served.page(path_of(number))
    assert made_ids(tmp_path) == [1, 2, 3, 4, 1]
    # One that is larger is served, and leaves no other one.
    served = pages(COUNTING, kept_bytes=5)
    assert [served.page(path_of(5)).status for _ in range(2)] == [200, 200]
    assert made_ids(tmp_path)[5:] == [5, 5]


def test_a_page_that_takes_too_long_is_given_up(pages: Callable[..., AlertPages]) -> None:
    served = pages(HANGING, limit_s=0.3)
    page = served.page(path_of(1))
    assert page.status == 503
    assert "takes longer than 0.3 s: the disk with the snapshots is slow" in page.html


def test_what_was_copied_for_a_page_is_removed_however_its_process_ends(
    pages: Callable[..., AlertPages], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    copying = """
def answer(asked):
    pathlib.Path(asked["folder"], "copy.h5").write_bytes(b"content")
    pathlib.Path(asked["state"], "copied").touch()
    %s
"""
    served = pages(SERVING % (copying % "time.sleep(600)"), limit_s=60.0)
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(served.page(path_of(1)).status))
    thread.start()
    wait_until((tmp_path / "copied").exists)
    assert len(list((tmp_path / "temporary").rglob("copy.h5"))) == 1
    served.close()  # it is killed, as at its limit
    thread.join()
    assert found == [503]
    assert pages(SERVING % (copying % "made(asked)")).page(path_of(1)).status == 200
    assert not list((tmp_path / "temporary").iterdir())


def test_the_process_ends_with_a_watch_that_is_killed(pages: Callable[..., AlertPages], tmp_path: Path) -> None:
    pages(COUNTING)  # the alerts
    making = f"""
import os, pathlib, time
import streams.replay.kept_shot as kept_shot
def hang(*_):
    pathlib.Path({str(tmp_path / "new")!r}).write_text(str(os.getpid()))
    os.rename({str(tmp_path / "new")!r}, {str(tmp_path / "pid")!r})
    time.sleep(600)
kept_shot.kept_shot_page = hang
from streams.alert_pages.process import main
main()
"""
    watch = f"""
import pathlib, sys
from streams.alert_pages.pages import AlertPages
from streams.settings import load_settings
command = (sys.executable, "-c", {making!r})
served = AlertPages(pathlib.Path({str(tmp_path)!r}), load_settings(None), limit_s=600.0, command=command)
served.page({path_of(1)!r})
"""
    with subprocess.Popen([sys.executable, "-c", watch]) as process:
        wait_until((tmp_path / "pid").exists, within_s=120.0)
        process.kill()
    made_by = Path("/proc", (tmp_path / "pid").read_text())
    wait_until(lambda: not made_by.exists() or " Z " in (made_by / "stat").read_text())


def test_what_the_process_says_is_shown_as_text(pages: Callable[..., AlertPages]) -> None:
    page = pages(SERVING % "def answer(asked): sys.exit('<b>no & yes</b>')").page(path_of(1))
    assert page.status == 503
    assert "&lt;b&gt;no &amp; yes&lt;/b&gt;" in page.html


def waiting(state: Path) -> str:
    """A process that waits before its first answer until it may."""
    return (
        SERVING
        % f"""
def answer(asked):
    pathlib.Path({str(state / "begun")!r}).touch()
    while not pathlib.Path({str(state / "go")!r}).exists(): time.sleep(0.02)
    made(asked)
"""
    )


def test_one_page_after_the_other_and_few_wait(pages: Callable[..., AlertPages], tmp_path: Path) -> None:
    served = pages(waiting(tmp_path))
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda number=number: found.append(served.page(path_of(number)).status))
        for number in range(1, 11)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: found == [503, 503])
    (tmp_path / "go").touch()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200] * 8 + [503] * 2
    assert len(made_ids(tmp_path)) == 8


def test_who_turns_pages_fast_waits_for_the_last_one_alone(pages: Callable[..., AlertPages], tmp_path: Path) -> None:
    served = pages(waiting(tmp_path))
    found: dict[int, bytes | str] = {}
    gone = {number: threading.Event() for number in range(1, 12)}

    def ask(number: int) -> None:
        try:
            found[number] = served.document(f"{number:016x}", 5, gone[number].is_set)
        except RetryableError as error:
            found[number] = error.reason

    threads = []
    for number in range(1, 12):  # more than may wait, each gone when the next one comes
        threads.append(threading.Thread(target=ask, args=[number]))
        threads[-1].start()
        if number == 1:
            wait_until((tmp_path / "begun").exists)
        elif number < 11:
            gone[number].set()
            threads[-1].join()
    (tmp_path / "go").touch()
    for thread in threads:
        thread.join()
    # The first was being made already; of the others only the one that is still looked at is made.
    assert made_ids(tmp_path) == [1, 11]
    assert found == {1: b"<html>" + b"0" * 15 + b"1", 11: b"<html>" + b"0" * 15 + b"b"} | dict.fromkeys(
        range(2, 11), "shot_away"
    )


def test_what_could_not_be_had_now_is_asked_for_again(pages: Callable[..., AlertPages], tmp_path: Path) -> None:
    served = pages(SERVING % "def answer(asked): made(asked) if 0 else tell(str(time.monotonic_ns()), lasting=False)")
    assert len({served.page(path_of(1)).html for _ in range(3)}) == 3


def test_a_process_is_begun_before_it_is_wanted_only_where_it_is_kept_warm(
    pages: Callable[..., AlertPages], tmp_path: Path
) -> None:
    served = pages(PIDS)
    with StateDirectory.open(tmp_path) as directory:
        directory.commit(Commit(decided=[decided(start_ns=10**18)]))
    served.warm()
    assert not served._process.running
    served.keep_warm()
    # It has rehearsed with the latest alert.
    wait_until(lambda: (tmp_path / "pids").exists() and bool(served._kept))
    [pid] = (tmp_path / "pids").read_text().split()
    assert served.page(path_of(2)).status == 200
    assert set((tmp_path / "pids").read_text().split()) == {pid}


def test_closing_ends_the_process(pages: Callable[..., AlertPages], tmp_path: Path) -> None:
    served = pages(waiting(tmp_path))
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(served.page(path_of(1)).status))
    thread.start()
    wait_until((tmp_path / "begun").exists)
    served.close()
    thread.join()
    assert found == [503]
    assert served.page(path_of(2)).status == 503
    wait_until(lambda: served._process._process is None)


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
