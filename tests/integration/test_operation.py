"""A watch at work: beside another one, stopped, on a full disk, with receivers of alerts, looked at by Prometheus."""

import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import connectors.snapshots.content as content_module
from models.alerts.alert import AlertChange
from servers.kafka_server import free_port
from streams.settings import load_settings
from streams.watch import open_watch
from tests.integration.test_determinism import split_by_device
from tests.support.receiver import Receiver, receiving
from tests.support.watch_results import (
    WatchResults,
    assert_same_results,
    assert_same_rows,
    assert_tidy,
    commit_number,
    read_results,
)
from tests.support.watching import (
    QUICK,
    deliver,
    petawatch,
    petawatch_running,
    wait_until,
    watch_live,
    watch_once,
)

_RETRY = {"first_retry_s": 0.1, "max_retry_s": 0.5}


def _expected_events(results: WatchResults) -> Counter[tuple[str, str]]:
    return Counter((alert["id"], event) for alert in results.alerts for event in ("opened", "closed"))


def test_a_second_watch_refuses_and_a_stopped_one_is_gone_on_with(
    snapshots: list[Path], undisturbed: WatchResults, tmp_path: Path
) -> None:
    data, state = tmp_path / "data", tmp_path / "state"
    folder = data / "5Hz" / "2022-07-01"
    for path in snapshots[:2]:
        deliver(path, folder)
    environment = {"PETAWATCH_SEQUENCE__REORDER_WAIT_S": "0.2"}
    with petawatch_running("watch", data, "--state", state, environment=environment) as process:
        wait_until(lambda: commit_number(state) >= 2)
        second = petawatch("watch", data, "--state", state, "--once")
        assert second.returncode == 1
        assert second.stderr.count("\n") == 1
        assert f"in use by process {process.pid}" in second.stderr
        for path in snapshots[2:]:
            deliver(path, folder)
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        _, errors = process.communicate(timeout=60)
        assert time.monotonic() - began < 10
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
    assert_same_results(watch_once(data, state), undisturbed)
    assert_tidy(state)


def test_stopped_with_much_to_do(day: Path, undisturbed: WatchResults, tmp_path: Path) -> None:
    """What is begun is made durable; the rest is left for the next run, and comes out the same."""
    state = tmp_path / "state"
    stopped = threading.Event()

    def stop_soon(*_: object) -> None:
        if not stopped.is_set():
            stopped.set()
            watch.stop()

    small = {"unit_bytes": 1_000_000, "block_records": 16}
    with open_watch([day], state, load_settings(None, units=small, **QUICK), on_alerts=stop_soon) as watch:
        watch.run()
    assert stopped.is_set()
    assert read_results(state).ledger["records"]["read"] < undisturbed.ledger["records"]["read"]
    assert_same_results(watch_once(day, state), undisturbed)


@contextmanager
def _full_disk(state: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A disk under the state directory without a free byte: a real one where that may be mounted."""
    folder = state.parent
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "petawatch-test", str(folder)]
    real = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        if not real:
            monkeypatch.setattr("connectors.state.directory.transaction", _no_space)
        yield
    finally:
        if real:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def _no_space(*_: object, **__: object) -> Iterator[None]:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    raise error
    yield


def _fill(folder: Path) -> None:
    """Take all free space of a small disk."""
    with (folder / "ballast").open("wb", buffering=0) as ballast:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    ballast.write(bytes(size))
            except OSError:
                continue


def test_a_full_disk_is_waited_out(
    day: Path, undisturbed: WatchResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "disk" / "state"
    monkeypatch.setattr("streams.commit_builder._RETRY_PAUSE_S", 0.1)
    told: list[str] = []

    def tell(sentence: str) -> None:
        if "shown live" not in sentence:  # the wall's board is beside the work, and has its own sentence
            told.append(sentence)

    with _full_disk(state, monkeypatch):
        small = os.path.ismount(state.parent)
        with open_watch([day], state, load_settings(None), tell=tell, http="127.0.0.1:0") as watch:
            if small:
                _fill(state.parent)
            thread = threading.Thread(target=watch.run_once, name="MainThread of the watch")
            thread.start()
            try:
                wait_until(lambda: bool(told))
                assert "is full" in told[0]
                time.sleep(0.5)
                assert thread.is_alive()
                assert len(told) == 1
            finally:
                (state.parent / "ballast").unlink(missing_ok=True)
                monkeypatch.undo()
                thread.join(120)
        assert not thread.is_alive()
        assert "goes on" in told[1]
        results = read_results(state)
        assert_tidy(state)
    assert_same_results(results, undisturbed)


def test_stopped_while_the_disk_is_full(day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.commit_builder._RETRY_PAUSE_S", 0.1)
    state = tmp_path / "state"
    told: list[str] = []
    with open_watch([day], state, load_settings(None), tell=told.append) as watch:
        monkeypatch.setattr("connectors.state.directory.transaction", _no_space)
        failures: list[BaseException] = []

        def run() -> None:
            try:
                watch.run_once()
            except BaseException as error:  # noqa: BLE001 - looked at below
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        wait_until(lambda: bool(told))
        watch.stop()
        thread.join(60)
        assert not thread.is_alive()
    assert "is full" in str(failures[0])


def _openings_and_closings(receiver: Receiver) -> list[tuple[str, str]]:
    """Without what tells that an alert got worse."""
    return [event for event in receiver.events() if event[1] != "announced_again"]


def test_receivers_get_every_opening_before_its_closing(day: Path, undisturbed: WatchResults, tmp_path: Path) -> None:
    with receiving() as first, receiving() as second:
        run = petawatch(
            "watch", day, "--state", tmp_path / "state", "--once", "--webhook", first.url, "--webhook", second.url
        )
        assert run.returncode == 0, run.stderr
    for receiver in (first, second):
        assert Counter(_openings_and_closings(receiver)) == _expected_events(undisturbed)
        for alert in undisturbed.alerts:
            events = [event for id_, event in receiver.events() if id_ == alert["id"]]
            assert (events[0], events[-1]) == ("opened", "closed")
        closings = {message["id"]: message for message in receiver.messages if message["event"] == "closed"}
        for alert in undisturbed.alerts:
            assert {name: closings[alert["id"]][name] for name in alert if name != "evidence"} == {
                name: value for name, value in alert.items() if name != "evidence"
            }


def test_a_receiver_that_is_away_for_a_while_gets_all(day: Path, undisturbed: WatchResults, tmp_path: Path) -> None:
    state, port = tmp_path / "state", free_port()
    with receiving(port) as receiver:
        url = receiver.url
    options: dict[str, Any] = {"webhook_urls": (url,), "webhooks": _RETRY}
    results = watch_once(day, state, **options)  # nobody listens: the watch does its work and does not wait
    assert_same_rows(results.shots, undisturbed.shots)
    expected = _expected_events(undisturbed)
    with receiving(port) as receiver:
        watch_once(day, state, **options)  # the next watch, with nothing else to do
        assert Counter(_openings_and_closings(receiver)) == expected
    with receiving(port) as receiver:
        watch_once(day, state, **options)
        assert receiver.events() == []  # once delivered, never again


def test_a_live_watch_sends_while_it_works(snapshots: list[Path], undisturbed: WatchResults, tmp_path: Path) -> None:
    data, state, port = tmp_path / "data", tmp_path / "state", free_port()
    with receiving(port) as receiver:
        url = receiver.url
    with watch_live(data, state, webhook_urls=(url,), webhooks=_RETRY) as live:
        for path in snapshots:
            deliver(path, data / "5Hz" / "2022-07-01")
        live.until(lambda results: results.ledger["files"]["accepted"] == 6)
        with receiving(port) as receiver:  # it comes back, and has missed nothing
            sent = [event for event in live.alerts if event.change is not AlertChange.UPDATED]
            assert len(sent) > 4
            expected = Counter((event.alert.id, event.change.value) for event in sent)
            wait_until(lambda: Counter(_openings_and_closings(receiver)) == expected)


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=120) as answer:  # noqa: S310 - of this computer
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def _samples(text: str) -> dict[str, float]:
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def test_metrics_and_health_of_a_live_watch(snapshots: list[Path], undisturbed: WatchResults, tmp_path: Path) -> None:
    data, state = tmp_path / "data", tmp_path / "state"
    data.mkdir()
    address = f"127.0.0.1:{free_port()}"
    with watch_live(data, state, http=address) as live:
        wait_until(lambda: _get(f"http://{address}/readyz")[0] == 200)
        assert json.loads(_get(f"http://{address}/healthz")[1])["status"] == "alive"
        for path in snapshots[:2]:
            deliver(path, data / "5Hz" / "2022-07-01")
        live.until(lambda results: results.ledger["files"]["accepted"] == 2)
        for path in snapshots[2:]:
            deliver(path, data / "5Hz" / "2022-07-01")
        results = live.until(lambda results: results.ledger["files"]["accepted"] == 6)

        def shown() -> dict[str, float]:
            return _samples(_get(f"http://{address}/metrics")[1])

        alert = results.alerts_of("image_anomaly")[0]
        status, page = _get(f"http://{address}/alerts/{alert['id']}")
        assert (status, "from the evidence of the watch" in page) == (200, True)
        read = float(results.ledger["records"]["read"])
        wait_until(lambda: shown()['petawatch_ledger_records{state="read"}'] == read)
        first = shown()
        assert first['petawatch_files_total{result="accepted"}'] == 6
        assert first["petawatch_ledger_unbalanced_records"] == 0
        assert (
            first['petawatch_ledger_records{state="ended"}'] + first['petawatch_ledger_records{state="pending"}']
            == read
        )
        for kind in ("camera", "energy_meter", "spectrometer"):
            idle = first[f'petawatch_records_total{{kind="{kind}",outcome="idle"}}']
            assert idle == 600
            assert first[f'petawatch_records_total{{kind="{kind}",outcome="triplet"}}'] > 500
        assert first['petawatch_scored_records_total{kind="camera",scoring="scored"}'] > 200
        assert first["petawatch_file_close_to_alert_seconds_count"] > 0
        ages = {name: value for name, value in first.items() if name.startswith("petawatch_data_age_seconds{")}
        assert len(ages) == 6
        time.sleep(1.1)
        second = shown()
        assert all(second[name] >= age + 1 for name, age in ages.items())
        assert second["petawatch_commit_age_seconds"] > 1


def test_a_watch_imports_no_learning_framework(day: Path, tmp_path: Path) -> None:
    """They take seconds and hundreds of megabytes; the watch is ready in three seconds."""
    code = """
import sys
class Missing:
    def find_spec(self, name, *_):
        if name in {"tensorflow", "keras", "tf2onnx", "onnx", "pandas", "duckdb", "scipy.stats", "matplotlib"}:
            raise ImportError(f"{name} is not installed")
sys.meta_path.insert(0, Missing())
from streams.command_line import main
main(sys.argv[1:])
"""
    deliver(min(day.rglob("*09-32*")), tmp_path / "data")
    command = [sys.executable, "-c", code, "watch", str(tmp_path / "data"), "--state", str(tmp_path / "s"), "--once"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr


def test_a_recorder_that_never_comes_back_after_a_stop_holds_up_nobody(snapshots: list[Path], tmp_path: Path) -> None:
    """The camera's recorder dies while the watch is stopped: the shots of the others leave as incomplete."""
    data, state = tmp_path / "data", tmp_path / "state"
    recorders = tmp_path / "recorders"
    for path in snapshots[::2]:
        split_by_device(path, recorders)
    folder = data / "5Hz" / "2022-07-01"
    minutes = [sorted(recorders.glob(f"*09-{minute}*")) for minute in (30, 31, 32)]
    with watch_live(data, state) as live:
        for path in [*minutes[0], *minutes[1]]:
            deliver(path, folder)
        live.until(lambda results: results.ledger["files"]["accepted"] == 6)
    with watch_live(data, state, silence_after_s=1.0) as live:
        for path in minutes[2][1:]:
            deliver(path, folder)
        results = live.until(lambda results: results.ledger["records"]["incomplete"] > 500)
    assert results.ledger["balanced"]


def test_a_storage_that_is_away_for_a_moment(
    day: Path, undisturbed: WatchResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be read is read again, and takes its place as a replaced file does."""
    hash_content = content_module._hold
    failures = [True, True]

    def hold(descriptor: int, size: int) -> Any:
        if "Computer02" in str(Path(f"/proc/self/fd/{descriptor}").readlink()) and failures:
            failures.pop()
            raise OSError(errno.EIO, "Input/output error")
        return hash_content(descriptor, size)

    monkeypatch.setattr(content_module, "_hold", hold)
    results = watch_once(day, tmp_path / "state")
    assert not failures
    assert results.ledger["balanced"]
    assert results.ledger["records"] == undisturbed.ledger["records"]
    assert results.ledger["files"]["accepted"] == 6
    rejected = results.alerts_of("snapshot_rejected")
    assert [(alert["status"], alert["reasons"]) for alert in rejected] == [("closed", ["storage"])] * 2
