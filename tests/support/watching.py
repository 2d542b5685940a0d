"""Runs a watch in tests: at once, live in a thread, or as a process of its own."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.alerts.alert import AlertEvent
from streams.settings import load_settings
from streams.watch import Watch, open_watch
from tests.support.watch_results import WatchResults, read_results

#: A live watch that does not keep a test waiting.
QUICK = {"spool": {"settle_s": 0.2, "settle_empty_s": 0.2, "rescan_s": 0.5}, "sequence": {"reorder_wait_s": 0.2}}

_COMMAND = "import sys; from streams.command_line import main; main(sys.argv[1:])"


def watch_once(data: Path, state: Path, *, tell: Callable[[str], None] | None = None, **options: Any) -> WatchResults:
    """Process what lies in a folder, and give what a user would see."""
    with open_watch([data], state, load_settings(None, **options), tell=tell) as watch:
        watch.run_once()
    return read_results(state)


@dataclass(slots=True)
class LiveWatch:
    """A watch that runs in a thread."""

    watch: Watch
    state: Path
    told: list[str] = field(default_factory=list)
    alerts: list[AlertEvent] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def until(self, condition: Callable[[WatchResults], bool], *, within_s: float = 150.0) -> WatchResults:
        """Wait until what the watch has made durable fulfils a condition."""
        results: list[WatchResults] = []

        def met() -> bool:
            results[:] = [read_results(self.state)]
            return condition(results[0])

        wait_until(lambda: bool(self.failures) or met(), within_s=within_s)
        if self.failures:
            raise self.failures[0]
        return results[0]


@contextmanager
def watch_live(data: Path, state: Path, *, http: str = "off", **options: Any) -> Iterator[LiveWatch]:
    """Watch a folder while the block runs; stops in an orderly way at its end."""
    told: list[str] = []
    alerts: list[AlertEvent] = []
    settings = load_settings(None, **{**QUICK, **options})
    with open_watch([data], state, settings, http=http, tell=told.append, on_alerts=alerts.extend) as watch:
        live = LiveWatch(watch, state, told, alerts)

        def run() -> None:
            try:
                watch.run()
            except BaseException as error:  # noqa: BLE001 - it is raised again where the test waits
                live.failures.append(error)

        thread = threading.Thread(target=run, name="MainThread of the watch")
        thread.start()
        try:
            yield live
        finally:
            watch.stop()
            thread.join(120)
        assert not thread.is_alive(), "the watch did not stop"
        if live.failures:
            raise live.failures[0]


def wait_until(condition: Callable[[], bool], *, within_s: float = 90.0, every_s: float = 0.05) -> None:
    """Wait for something that another thread or process does."""
    until_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until_s, f"not within {within_s} s"
        time.sleep(every_s)


def petawatch(
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = 120.0,
    user: int | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run a command as a process, as a user does."""
    return subprocess.run(
        [sys.executable, "-c", _COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
        env=_environment(environment),
        user=user,
    )


@contextmanager
def petawatch_running(
    *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """A command as a process that the test ends; what is left of it at the block's end is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(environment),
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


def deliver(source: Path, folder: Path) -> Path:
    """Put a file into a watched folder as recorders do: written aside under another name, then moved in."""
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".{source.name}.part"
    shutil.copyfile(source, aside)
    return aside.rename(folder / source.name)


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    return {**os.environ, **(more or {})}  # noqa: TID251 - the process inherits the test's
