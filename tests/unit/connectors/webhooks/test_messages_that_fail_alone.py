"""A message that a receiver always fails at, or whose time was noted by a wrong clock, silences nobody."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from connectors.webhooks.channel import Answer, Outcome
from connectors.webhooks.sender import WebhookSender, WebhookSettings
from models.event_time import parse_iso
from tests.support.manual_clock import ManualClock
from tests.support.outboxes import KeptOutbox, kept_outbox
from tests.support.watching import wait_until


class Choosy:
    """A channel that is away for a time, and always fails at some messages."""

    def __init__(self, *never: str) -> None:
        self.never = never
        self.failure = Outcome.LATER
        self.away = 0
        self.asked: list[str] = []
        self.took: list[str] = []

    def send(self, event_id: str, body: bytes) -> Answer:
        self.asked.append(event_id)
        if len(self.asked) <= self.away or event_id in self.never:
            return Answer(outcome=self.failure, error="answered 500 Internal Server Error")
        self.took.append(event_id)
        return Answer(outcome=Outcome.TAKEN, status="204")

    def abort(self) -> None:
        """Nothing waits."""


class Site:
    """An outbox, a channel and a sender, with a clock that the test moves."""

    def __init__(self, state: Path, stack: ExitStack) -> None:
        self.stack = stack
        self.kept: KeptOutbox = stack.enter_context(kept_outbox(state))
        self.clock = ManualClock()

    def start(self, channel: Choosy) -> WebhookSender:
        chosen = WebhookSettings(first_retry_s=1.0, max_retry_s=8.0)
        sender = WebhookSender(self.kept.outbox, {"a": channel}, self.clock, chosen)
        self.stack.callback(sender.stop)
        sender.start()
        return sender

    def pass_until_told(self, sender: WebhookSender, *events: str) -> None:
        """Let time pass until these are delivered."""
        self.pass_until(sender, lambda: set(events) <= set(self.kept.told()))

    def pass_until(self, sender: WebhookSender, condition: Callable[[], bool]) -> None:
        """Let time pass, a second at a time; at most half an hour of it."""
        for _ in range(1800):
            if condition():
                return
            self.clock.advance(1.0)
            self.round(sender)
        pytest.fail(f"told: {self.kept.told()}")

    def round(self, sender: WebhookSender) -> None:
        """Let the sender look once, and deliver what it found."""
        before = self.kept.outbox.rounds
        sender.notify()
        wait_until(
            lambda: self.kept.outbox.rounds > before and not any(one.busy for one in sender._receivers.values()),
            every_s=0.0005,
        )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(tmp_path, stack)


def test_a_message_that_is_never_taken_silences_its_own_line_only(site: Site) -> None:
    channel = Choosy("1-opened")
    for subject in "123456":
        site.kept.put("a", subject)
    site.kept.put("a", "1", "closed")
    sender = site.start(channel)
    site.pass_until_told(sender, *(f"a:{subject}-opened" for subject in "23456"))
    assert list(site.kept.waiting()) == ["a:1-opened", "a:1-closed"]
    site.pass_until(sender, lambda: channel.asked.count("1-opened") >= 4)  # it is tried again and again
    site.kept.put("a", "7")
    site.pass_until_told(sender, "a:7-opened")
    assert "1-closed" not in channel.asked
    assert site.kept.standing().failing == {}


def test_several_of_them_do_not_either(site: Site) -> None:
    never = [f"{number}-opened" for number in range(5)]
    for number in range(40):
        site.kept.put("a", str(number))
    sender = site.start(Choosy(*never))
    site.pass_until_told(sender, *(f"a:{number}-opened" for number in range(5, 40)))
    assert list(site.kept.waiting()) == [f"a:{event}" for event in never]


def test_who_was_away_gets_what_was_tried_most_as_soon_as_it_is_back(site: Site) -> None:
    channel = Choosy()
    channel.away = 6
    for subject in "123456":
        site.kept.put("a", subject)
    sender = site.start(channel)
    site.pass_until_told(sender, *(f"a:{subject}-opened" for subject in "123456"))
    assert channel.asked[:3] == ["1-opened"] * 3
    assert sorted(channel.took) == [f"{subject}-opened" for subject in "123456"]
    assert channel.took[1] == "1-opened"  # right after the one that told that it is back


@pytest.mark.parametrize("outcome", [Outcome.LATER, Outcome.REFUSED])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_clock_that_was_ahead_and_is_set_right_delays_nothing(site: Site, outcome: Outcome, restarted: bool) -> None:
    channel = Choosy("1-opened")
    channel.failure = outcome
    site.clock.set_wall_clock("2023-07-01T10:00:00Z")
    site.kept.put("a", "1", created_ns=site.clock.now_ns())
    sender = site.start(channel)
    wait_until(lambda: site.kept.waiting()["a:1-opened"].attempts == 1, every_s=0.005)
    channel.never = ()
    if restarted:
        sender.stop()
    site.clock.set_wall_clock("2022-07-01T10:00:00Z")
    site.pass_until_told(site.start(channel) if restarted else sender, "a:1-opened")
    assert site.clock.now_ns() < parse_iso("2022-07-01T10:00:20Z")
