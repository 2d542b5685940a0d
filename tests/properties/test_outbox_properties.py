"""Whatever receivers answer, and wherever the sender is killed: everybody gets everything, in order."""

import tempfile
from collections import defaultdict
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import given, settings

from connectors.webhooks.channel import Answer, Outcome
from connectors.webhooks.sender import WebhookSender, WebhookSettings
from tests.support.manual_clock import ManualClock
from tests.support.outboxes import KeptOutbox, kept_outbox, outbox_message

RECEIVERS = ("a", "b")
SUBJECTS = 2
KILLED = "killed"
#: What comes of an attempt; ``KILLED``: the receiver has the message, and the sender is gone.
ATTEMPTS = st.sampled_from([*Outcome, Outcome.TAKEN, Outcome.REFUSED, Outcome.REFUSED, KILLED])
#: Messages by subject, then what comes of the next attempts, then how long nothing happens.
ROUNDS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from(RECEIVERS), st.integers(0, SUBJECTS - 1)), max_size=5),
        st.lists(ATTEMPTS, max_size=5),
        st.sampled_from([0.0, 0.0, 0.4, 10.0, 700.0]),
    ),
    max_size=8,
)

Round = tuple[list[tuple[str, int]], list[Outcome | str], float]


class KilledError(BaseException):
    """The end of a process."""


class Script:
    """A channel that answers as it was told, and takes everything afterwards."""

    def __init__(self, received: list[str]) -> None:
        self.received = received
        self.answers: list[Outcome | str] = []

    def send(self, event_id: str, body: bytes) -> Answer:
        answer = self.answers.pop(0) if self.answers else Outcome.TAKEN
        if answer in {Outcome.TAKEN, KILLED}:
            self.received.append(event_id)
        if not isinstance(answer, Outcome):
            raise KilledError
        return Answer(outcome=answer, status="x", error="" if answer is Outcome.TAKEN else "no")

    def abort(self) -> None:
        """Nothing waits."""


class Site:
    """Two receivers, and a sender that works when it is told to."""

    def __init__(self, kept: KeptOutbox) -> None:
        self.kept = kept
        self.clock = ManualClock()
        self.received: dict[str, list[str]] = defaultdict(list)
        self.written: dict[str, list[str]] = defaultdict(list)
        self.channels = {name: Script(self.received[name]) for name in RECEIVERS}
        self.restart()

    def restart(self) -> None:
        chosen = WebhookSettings(first_retry_s=1.0, max_retry_s=8.0)
        self.sender = WebhookSender(self.kept.outbox, self.channels, self.clock, chosen)

    def write(self, receiver: str, subject: int) -> None:
        event = str(len(self.written[receiver]))
        self.written[receiver].append(f"{subject}-{event}")
        self.kept.store(outbox_message(receiver, str(subject), event, self.clock.now_ns()))

    def deliver(self) -> None:
        """What the dispatcher does, on this thread."""
        self.sender._look_at_failing()
        for one in self.sender._receivers.values():
            if one.gone or one.retry_s > self.clock.monotonic_s():
                continue
            batch = self.sender._batch(one, self.clock.now_ns())
            try:
                self.sender._deliver(one, batch)
            except KilledError:
                self.restart()
                return


def line(events: list[str], subject: int) -> list[str]:
    """The events of a subject, each once as long as it only comes again right away."""
    of_it = [event for event in events if event.startswith(f"{subject}-")]
    return [event for at, event in enumerate(of_it) if at == 0 or of_it[at - 1] != event]


@settings(max_examples=40, deadline=None)
@given(ROUNDS)
def test_everybody_gets_everything_in_order(
    rounds: list[tuple[list[tuple[str, int]], list[Outcome | str], float]],
) -> None:
    with tempfile.TemporaryDirectory() as folder, kept_outbox(Path(folder)) as kept:
        site = Site(kept)
        for messages, answers, pause_s in rounds:
            for receiver, subject in messages:
                site.write(receiver, subject)
            for name in RECEIVERS:
                site.channels[name].answers = list(answers)
            site.deliver()
            site.clock.advance(pause_s)
            for name in RECEIVERS:
                for subject in range(SUBJECTS):
                    got = line(site.received[name], subject)
                    assert got == line(site.written[name], subject)[: len(got)]
        with kept.database.step() as connection:  # an operator takes back those who were gone
            connection.execute("DELETE FROM receivers")
            connection.execute("UPDATE outbox SET next_attempt_ns = 0")
        site.restart()
        for name in RECEIVERS:
            site.channels[name].answers = []
        for _ in range(3):
            site.deliver()
        assert kept.waiting() == {}
        for name in RECEIVERS:
            for subject in range(SUBJECTS):
                assert line(site.received[name], subject) == line(site.written[name], subject)
            once = [receipt.event_id for receipt in kept.receipts() if receipt.receiver == name]
            assert sorted(once) == sorted(site.written[name])
