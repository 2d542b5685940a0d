"""The sender of messages against real HTTP servers on the loopback interface."""

import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.clock import Clock, SystemClock
from connectors.control_room.outbox import DROPPED, Outbox
from connectors.control_room.receivers import FailingReceiver, Suspension, resume
from connectors.webhooks.receiver import HttpReceiver
from connectors.webhooks.sender import WebhookSender, WebhookSettings
from connectors.webhooks.settings import ReceiverSettings
from models.errors import FatalError, RetryableError
from models.event_time import DAY_NS, SECOND_NS
from servers.kafka_server import free_port
from tests.support.manual_clock import ManualClock
from tests.support.outboxes import CountingOutbox, KeptOutbox, kept_outbox
from tests.support.receiver import Receiver, receiving
from tests.support.watching import wait_until


class Site:
    """An outbox, its receivers, and a sender between them."""

    def __init__(self, state: Path, stack: ExitStack) -> None:
        self.stack = stack
        self.kept: KeptOutbox = stack.enter_context(kept_outbox(state))
        self.urls: dict[str, str] = {}
        self.sentences: list[str] = []
        self.trouble: Exception | None = None

    def receiver(self, name: str = "a") -> Receiver:
        receiver = self.stack.enter_context(receiving())
        self.urls[name] = receiver.url
        return receiver

    def start(self, clock: Clock | None = None, outbox: Outbox | None = None, **settings: Any) -> WebhookSender:
        clock = clock or SystemClock()
        chosen = WebhookSettings(**{"timeout_s": 5.0, "first_retry_s": 0.05, "max_retry_s": 0.2, **settings})
        channels = {
            name: HttpReceiver(ReceiverSettings(name=name, url=SecretStr(url)), clock, timeout_s=chosen.timeout_s)
            for name, url in self.urls.items()
        }
        sender = WebhookSender(outbox or self.kept.outbox, channels, clock, chosen, self.sentences.append)
        self.stack.callback(sender.stop)
        sender.start()
        return sender

    def until_told(self, *events: str, within_s: float = 60.0) -> None:
        wait_until(lambda: set(events) <= set(self.kept.told()), within_s=within_s, every_s=0.01)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(tmp_path, stack)


def attempts(site: Site, event: str) -> int:
    return site.kept.waiting()[event].attempts


def until_tried(site: Site, event: str, times: int) -> None:
    wait_until(lambda: attempts(site, event) == times, every_s=0.005)


def until_it_has_looked(sender: WebhookSender, outbox: CountingOutbox) -> None:
    """One whole round later, and what came of it: the second one begins when the first is over."""
    for _ in range(2):
        before = outbox.rounds
        sender.notify()
        wait_until(lambda before=before: outbox.rounds > before, every_s=0.001)  # type: ignore[misc]
    wait_until(lambda: not any(one.busy for one in sender._receivers.values()), every_s=0.001)


def test_messages_are_posted_as_json_and_leave_the_outbox(site: Site) -> None:
    receiver = site.receiver()
    site.kept.put("a", "1")
    sender = site.start()
    site.until_told("a:1-opened")
    [delivery] = receiver.deliveries
    assert delivery.body == b'{"type": "alert.opened", "data": {"id": "1"}}'
    assert delivery.headers["content-type"] == "application/json"
    assert delivery.event_id == "1-opened"
    assert sender.counts.delivered == 1
    assert site.kept.standing().failing == {}
    assert sender.waiting() == (0, None)


def test_what_another_process_writes_goes_out_without_being_told(site: Site) -> None:
    receiver = site.receiver()
    sender = site.start()
    wait_until(lambda: sender._wake.is_set() is False, every_s=0.01)
    site.kept.put("a", "1")
    wait_until(lambda: len(receiver.deliveries) == 1, within_s=30.0, every_s=0.01)


def test_an_opening_comes_before_its_closing_though_it_has_to_be_repeated(site: Site) -> None:
    receiver = site.receiver()
    receiver.refuse(503, times=3)
    site.kept.put("a", "1")
    site.kept.put("a", "1", "closed")
    sender = site.start()
    site.until_told("a:1-closed")
    assert [delivery.event_id for delivery in receiver.asked] == ["1-opened"] * 4 + ["1-closed"]
    assert sender.counts.failed == 3
    [opened, _] = site.kept.receipts()
    assert (opened.attempts, opened.status) == (4, "204")


def test_the_pause_doubles_with_each_failure_and_its_jitter_is_computed(site: Site) -> None:
    receiver = site.receiver()
    receiver.refuse(500, times=6)
    clock = ManualClock()
    site.kept.put("a", "1")
    sender = site.start(clock, first_retry_s=1.0, max_retry_s=10.0)
    pauses: list[float] = []
    for attempt, longest_s in enumerate((1, 2, 4, 8, 10, 10), start=1):
        until_tried(site, "a:1-opened", attempt)
        pause_s = (site.kept.error("1-opened")[1] - clock.now_ns()) / SECOND_NS
        assert longest_s / 2 <= pause_s <= longest_s
        pauses.append(pause_s / longest_s)
        assert site.kept.standing().failing["a"].last_error == "answered 500 Internal Server Error"
        clock.advance(pause_s - 0.1)
        until_it_has_looked(sender, site.kept.outbox)
        assert len(receiver.asked) == attempt
        clock.advance(0.2)
        sender.notify()
    site.until_told("a:1-opened")
    assert site.kept.standing().failing == {}
    assert len(set(pauses)) == 6


@pytest.mark.parametrize(
    ("status", "header", "pause_s"), [(429, "7", 7.0), (503, "9999", 100.0), (503, "0", 1.0), (500, "7", 7.0)]
)
def test_a_receiver_that_asks_for_a_pause_gets_it_within_bounds(
    site: Site, status: int, header: str, pause_s: float
) -> None:
    site.receiver().refuse(status, Retry_After=header)
    clock = ManualClock()
    site.kept.put("a", "1")
    site.start(clock, first_retry_s=1.0, max_retry_s=100.0)
    until_tried(site, "a:1-opened", 1)
    assert site.kept.error("1-opened")[1] == clock.now_ns() + pause_s * SECOND_NS


def test_a_pause_may_be_asked_for_until_a_date(site: Site) -> None:
    site.receiver().refuse(503, Date="Fri, 01 Jul 2022 09:30:00 GMT", Retry_After="Fri, 01 Jul 2022 09:30:42 GMT")
    clock = ManualClock()
    site.kept.put("a", "1")
    site.start(clock, first_retry_s=1.0, max_retry_s=100.0)
    until_tried(site, "a:1-opened", 1)
    pause_s = (site.kept.error("1-opened")[1] - clock.now_ns()) / SECOND_NS
    assert 1.0 <= pause_s <= 100.0


def test_a_receiver_that_is_away_or_slow_does_not_hold_up_others_and_loses_nothing(site: Site) -> None:
    good, silent = site.receiver("good"), site.receiver("silent")
    silent.hold.clear()
    site.urls["refused"] = f"http://127.0.0.1:{free_port()}/hook"
    for name, count in (("refused", 300), ("silent", 300), ("good", 50)):
        for number in range(count):
            site.kept.put(name, f"{name}{number}")
    site.start(max_retry_s=5.0)
    wait_until(lambda: len(good.deliveries) == 50, every_s=0.01)
    wait_until(lambda: len(site.kept.told()) == 50, every_s=0.01)
    waiting = site.kept.outbox.waiting()
    assert {name: one.messages for name, one in waiting.items()} == {"refused": 300, "silent": 300}
    assert "ConnectionRefusedError" in site.kept.standing().failing["refused"].last_error


def test_a_message_that_is_refused_holds_back_its_own_line_only(site: Site) -> None:
    receiver = site.receiver()
    receiver.refuse(422)
    for subject in ("1", "2"):
        site.kept.put("a", subject)
        site.kept.put("a", subject, "closed")
    site.start(first_retry_s=60.0, max_retry_s=60.0)
    site.until_told("a:2-opened", "a:2-closed")
    assert receiver.event_ids() == ["2-opened", "2-closed"]
    assert list(site.kept.waiting()) == ["a:1-opened", "a:1-closed"]
    assert site.kept.error("1-opened")[0] == "answered 422 Unprocessable Entity"
    assert site.kept.standing().failing == {}


def test_a_thousand_waiting_messages_go_out_when_their_receiver_is_back(site: Site) -> None:
    receiver = site.receiver()
    receiver.refuse(503, times=2)
    for number in range(500):
        site.kept.put("a", f"{number:03d}")
        site.kept.put("a", f"{number:03d}", "closed")
    site.start()
    wait_until(lambda: len(site.kept.told()) == 1000, within_s=120.0)
    told = receiver.event_ids()
    assert told == [f"{number:03d}-{event}" for number in range(500) for event in ("opened", "closed")]
    assert len(receiver.asked) == 1002


def test_redirections_are_not_followed(site: Site) -> None:
    site.receiver().refuse(302)
    site.kept.put("a", "1")
    site.start(first_retry_s=60.0, max_retry_s=60.0)
    until_tried(site, "a:1-opened", 1)
    assert site.kept.error("1-opened")[0] == "answered 302 Found; redirections are not followed, give the final address"


def test_a_receiver_that_fails_for_long_is_suspended_asked_now_and_then_and_taken_back(site: Site) -> None:
    receiver = site.receiver()
    receiver.refuse(500, times=4)
    clock = ManualClock()
    for subject in ("1", "2"):
        site.kept.put("a", subject)
    sender = site.start(clock, first_retry_s=900.0, max_retry_s=1800.0, suspend_after_h=1.0, probe_every_s=7200.0)
    for attempt in (1, 2):
        until_tried(site, "a:1-opened", attempt)
        assert site.kept.suspensions() == {}
        clock.advance(1800)
        sender.notify()
    wait_until(lambda: len(site.sentences) == 1, every_s=0.01)
    assert (
        "the receiver a has failed for 1 hours (answered 500 Internal Server Error): it is suspended"
        in (site.sentences[0])
    )
    assert site.kept.suspensions() == {"a": Suspension(since_ns=clock.now_ns(), gone=False)}
    for asked in (4, 5):
        clock.advance(7200)
        sender.notify()
        wait_until(lambda asked=asked: len(receiver.asked) >= asked, every_s=0.01)  # type: ignore[misc]
        wait_until(lambda: not sender._receivers["a"].busy, every_s=0.01)
    wait_until(lambda: len(site.kept.told()) == 2, every_s=0.01)  # it takes messages again: all of them
    assert site.kept.suspensions() == {}
    assert site.sentences[1] == "the receiver a takes messages again"


def test_a_suspended_receiver_is_asked_with_one_message_so_far_apart(site: Site) -> None:
    receiver = site.receiver()
    receiver.refuse(500, times=100)
    clock = ManualClock()
    for subject in ("1", "2"):
        site.kept.put("a", subject)
    message = site.kept.waiting()["a:1-opened"]
    site.kept.outbox.failed(message, "away", 0, clock.now_ns() - DAY_NS)
    site.kept.outbox.suspend("a", clock.now_ns(), gone=False)
    sender = site.start(clock, first_retry_s=1.0, max_retry_s=2.0, probe_every_s=600.0)
    wait_until(lambda: len(receiver.asked) == 1, every_s=0.01)
    until_tried(site, "a:1-opened", 2)
    for asked in (2, 3):
        clock.advance(590)
        until_it_has_looked(sender, site.kept.outbox)
        assert len(receiver.asked) == asked - 1
        clock.advance(11)
        sender.notify()
        wait_until(lambda asked=asked: len(receiver.asked) == asked, every_s=0.01)  # type: ignore[misc]
        wait_until(lambda: not sender._receivers["a"].busy, every_s=0.01)
    with site.kept.database.step() as connection:  # an operator
        assert resume(connection, "a")
    wait_until(lambda: len(receiver.asked) == 4, every_s=0.01)


def test_who_is_taken_back_before_it_was_suspended_is_asked_at_once(site: Site) -> None:
    receiver = site.receiver()
    receiver.refuse(500)
    site.kept.put("a", "1")
    site.start(ManualClock(), first_retry_s=60.0, max_retry_s=60.0)
    until_tried(site, "a:1-opened", 1)
    with site.kept.database.step() as connection:
        assert not resume(connection, "a")
    wait_until(lambda: receiver.event_ids() == ["1-opened"], every_s=0.01)


def test_a_receiver_that_is_gone_is_suspended_at_once_and_left_alone(site: Site) -> None:
    receiver, other = site.receiver(), site.receiver("b")
    receiver.refuse(410)
    clock = ManualClock()
    for subject in ("1", "2"):
        site.kept.put("a", subject)
        site.kept.put("b", subject)
    sender = site.start(clock)
    wait_until(lambda: bool(site.sentences), every_s=0.01)
    assert "wants no messages any more (answered 410 Gone)" in site.sentences[0]
    assert site.kept.suspensions()["a"].gone
    wait_until(lambda: len(other.deliveries) == 2, every_s=0.01)
    clock.advance(7 * 86_400)
    until_it_has_looked(sender, site.kept.outbox)
    assert len(receiver.asked) == 1
    with site.kept.database.step() as connection:
        resume(connection, "a")
    wait_until(lambda: receiver.event_ids() == ["1-opened", "2-opened"], every_s=0.01)


def test_what_gives_way_after_weeks_is_told_and_counted(site: Site) -> None:
    clock = ManualClock()
    for subject in ("1", "2"):
        site.kept.put("a", subject, created_ns=clock.now_ns() - 31 * DAY_NS)
        site.kept.put("a", subject, "closed", created_ns=clock.now_ns() - 31 * DAY_NS)
    sender = site.start(clock, keep_days=30.0, most_waiting=2)
    wait_until(lambda: bool(site.sentences), every_s=0.01)
    assert list(site.kept.waiting()) == ["a:2-opened", "a:2-closed"]
    assert sender.counts.given_up == 2
    assert [receipt.status for receipt in site.kept.receipts()] == [DROPPED] * 2
    assert site.sentences[0].startswith("2 messages of closed alerts for the receiver a were dropped after 30 days")


def test_old_receipts_go_now_and_then(site: Site) -> None:
    site.receiver()
    clock = ManualClock()
    site.kept.put("a", "1")
    sender = site.start(clock, keep_days=1.0)
    site.until_told("a:1-opened")
    clock.advance(86_401)
    sender.notify()
    wait_until(lambda: site.kept.told() == [], every_s=0.01)


def test_it_stops_quickly_while_a_receiver_is_silent(site: Site) -> None:
    receiver = site.receiver()
    receiver.hold.clear()
    site.kept.put("a", "1")
    sender = site.start(timeout_s=60.0)
    wait_until(lambda: len(receiver.asked) == 1, every_s=0.01)
    began = time.monotonic()
    sender.stop()
    assert time.monotonic() - began < 10.0
    assert attempts(site, "a:1-opened") == 0  # it was we who hung up
    wait_until(lambda: not any(thread.name.startswith("webhook") for thread in threading.enumerate()), every_s=0.01)


def test_a_silent_receiver_is_a_failure_after_the_timeout(site: Site) -> None:
    site.receiver().hold.clear()
    site.kept.put("a", "1")
    site.start(timeout_s=0.1, first_retry_s=60.0, max_retry_s=60.0)
    until_tried(site, "a:1-opened", 1)
    assert "TimeoutError" in site.kept.error("1-opened")[0]


class SlowOutbox(CountingOutbox):
    """An outbox whose answers are old when they come."""

    while_answering: Callable[[], None] | None = None

    def failing(self) -> dict[str, FailingReceiver]:
        found = super().failing()
        if self.while_answering is not None:
            self.while_answering()
        return found


def test_who_fails_while_it_is_looked_who_does_is_not_taken_for_well(site: Site) -> None:
    receiver = site.receiver()
    receiver.refuse(503)
    receiver.hold.clear()
    site.kept.put("a", "1")
    outbox = SlowOutbox(site.kept.database)
    sender = site.start(outbox=outbox, first_retry_s=60.0, max_retry_s=60.0)
    wait_until(lambda: len(receiver.asked) == 1, every_s=0.01)
    [known] = sender._receivers.values()

    def let_it_fail() -> None:
        receiver.hold.set()
        wait_until(lambda: not known.busy, every_s=0.001)

    outbox.while_answering = let_it_fail
    until_it_has_looked(sender, outbox)
    assert known.failures == 1


class TroubledOutbox(CountingOutbox):
    """An outbox whose disk the test chooses."""

    trouble: Exception | None = None

    def failing(self) -> dict[str, FailingReceiver]:
        found = super().failing()
        if self.trouble is not None:
            raise self.trouble
        return found


def test_a_busy_outbox_is_waited_out_and_a_broken_one_is_raised(site: Site) -> None:
    site.receiver()
    site.kept.put("a", "1")
    outbox = TroubledOutbox(site.kept.database)
    outbox.trouble = RetryableError("the disk is full", reason="disk_full")
    sender = site.start(outbox=outbox)
    until_it_has_looked(sender, outbox)
    sender.check()
    outbox.trouble = None
    sender.notify()
    site.until_told("a:1-opened")
    outbox.trouble = FatalError("the state is damaged", reason="state_damaged")
    sender.notify()
    wait_until(lambda: _has_failed(sender, FatalError), every_s=0.01)


def test_an_error_of_the_program_does_not_end_the_sender_in_silence(site: Site) -> None:
    outbox = TroubledOutbox(site.kept.database)
    outbox.trouble = RuntimeError("can't start new thread")
    sender = site.start(outbox=outbox)
    wait_until(lambda: _has_failed(sender, RuntimeError), every_s=0.01)


def _has_failed(sender: WebhookSender, kind: type[Exception]) -> bool:
    try:
        sender.check()
    except kind:
        return True
    return False


def test_a_last_moment_is_given_to_those_who_are_well(site: Site) -> None:
    receiver = site.receiver()
    site.urls["away"] = f"http://127.0.0.1:{free_port()}/hook"
    for name in ("a", "away", "unknown"):
        site.kept.put(name, "1")
    sender = site.start(first_retry_s=60.0, max_retry_s=60.0)
    began = time.monotonic()
    sender.drain(60.0)
    assert time.monotonic() - began < 30.0
    assert receiver.event_ids() == ["1-opened"]
    assert sorted(site.kept.waiting()) == ["away:1-opened", "unknown:1-opened"]


def test_a_last_moment_lasts_until_what_an_earlier_run_put_off_is_due(site: Site) -> None:
    site.receiver()
    site.kept.put("a", "1")
    [message] = site.kept.outbox.due("a", SystemClock().now_ns(), 1)
    now_ns = SystemClock().now_ns()
    site.kept.outbox.failed(message, "was away", now_ns + SECOND_NS, now_ns)
    site.start(first_retry_s=1.0, max_retry_s=60.0).drain(60.0)
    assert site.kept.told() == ["a:1-opened"]


def test_credentials_go_into_a_header(site: Site) -> None:
    receiver = site.receiver()
    site.urls["a"] = receiver.url.replace("http://", "http://me:p%40ss@") + "?key=1"
    site.kept.put("a", "1")
    site.start()
    site.until_told("a:1-opened")
    assert receiver.deliveries[0].headers["authorization"] == "Basic bWU6cEBzcw=="


@pytest.mark.parametrize(
    "settings",
    [
        {"timeout_s": 0.0},
        {"first_retry_s": 2.0, "max_retry_s": 1.0},
        {"suspend_after_h": 0.0},
        {"most_waiting": 0},
        {"report_after_s": -1.0},
    ],
)
def test_settings_are_checked(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        WebhookSettings(**settings)


def test_a_receiver_hears_of_what_is_written_soon(site: Site, record_property: Callable[[str, object], None]) -> None:
    """Each message is written alone, as alerts come; the sender is told, as the watch does."""
    receiver = site.receiver()
    sender = site.start()
    took_s: list[float] = []
    for number in range(30):
        began = time.perf_counter()
        site.kept.put("a", str(number))
        sender.notify()
        wait_until(lambda number=number: len(receiver.deliveries) > number, every_s=0.0005)  # type: ignore[misc]
        took_s.append(time.perf_counter() - began)
    median_ms = 1000 * statistics.median(took_s)
    record_property("median_ms", median_ms)
    assert median_ms < 500.0


def test_what_was_delivered_right_before_a_kill_comes_again_under_the_same_id(site: Site) -> None:
    receiver = site.receiver()
    for subject in ("1", "2"):
        site.kept.put("a", subject)
        site.kept.put("a", subject, "closed")
    command = [sys.executable, "-m", "tests.support.killed_sender", str(site.kept.state), receiver.url]
    for _ in range(2):
        assert subprocess.run(command, check=False, timeout=120).returncode == -signal.SIGKILL
    assert receiver.event_ids() == ["1-opened"] * 2
    assert site.kept.told() == []
    site.start()
    site.until_told("a:2-closed")
    assert receiver.event_ids() == ["1-opened"] * 3 + ["1-closed", "2-opened", "2-closed"]
    assert len({delivery.body for delivery in receiver.deliveries[:3]}) == 1
