"""Delivers each message of a durable outbox to its receiver, again and again until it is taken."""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from connectors.clock import Clock
from connectors.control_room.outbox import Outbox, WaitingMessage
from connectors.webhooks.channel import Answer, Channel, Outcome
from models.errors import RetryableError
from models.event_time import DAY_NS, HOUR_NS, SECOND_NS

_BATCH = 32  # messages that a receiver gets in one go
_SUSPECT_AFTER = 3  # failures of one message; then others are tried, too, since it may be the message's own fault
_OUTBOX_RETRY_S = 1.0
_LOOK_S = 0.2  # so far apart it is looked whether another process has written into the outbox
_IDLE_S = 60.0
_EXPIRE_EVERY_S = 600.0
_DRAIN_LOOK_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """How stubbornly receivers and messengers are told.

    Attributes
    ----------
    timeout_s
        A receiver that is silent for so long is tried again later.
    first_retry_s, max_retry_s
        The waiting time after the first failure, and the longest: it doubles with each failure in a row, and up to half
        of it is left out, so that not all who failed together try again together. A receiver that asks for another
        waiting time gets it, up to the longest.
    report_after_s
        When a message has waited for so long, an alert says so to all others.
    suspend_after_h
        A receiver that has failed for so long is suspended: nothing is lost, but it is asked now and then only.
    probe_every_s
        How often a suspended one is asked.
    keep_days
        For so long receipts are kept, and what waits for a receiver of which more than ``most_waiting`` messages wait.
    most_waiting
        Of more messages for one receiver the oldest are dropped, when their alerts are closed for ``keep_days``.
    """

    timeout_s: float = 10.0
    first_retry_s: float = 1.0
    max_retry_s: float = 300.0
    report_after_s: float = 900.0
    suspend_after_h: float = 24.0
    probe_every_s: float = 600.0
    keep_days: float = 30.0
    most_waiting: int = 10_000

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        times = (self.timeout_s, self.report_after_s, self.suspend_after_h, self.probe_every_s, self.keep_days)
        if not all(time > 0 for time in times) or self.most_waiting < 1:
            raise ValueError("the times and most_waiting are more than 0")
        if not 0 < self.first_retry_s <= self.max_retry_s:
            raise ValueError("first_retry_s is more than 0 and at most max_retry_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCounts:
    """What has happened since the start: messages delivered, attempts failed, messages given up."""

    delivered: int = 0
    failed: int = 0
    given_up: int = 0


@dataclass(slots=True)
class _Receiver:
    name: str
    channel: Channel
    busy: bool = False
    retry_s: float = 0.0  # monotonic
    failures: int = 0
    suspended: bool = False
    gone: bool = False
    takes: bool = False  # it took what it was sent last


class WebhookSender:
    """Delivers what waits in an outbox, each receiver on a thread of its own, so that none waits for another.

    At least once, in order for each subject and receiver. A receiver that is away holds back everything for itself, for
    ``first_retry_s`` at first; a message that is refused holds back its own line only. A receiver that goes on failing
    is asked with what was tried least; a message that fails again and again between others that it takes is refused.

    Parameters
    ----------
    channels
        The receivers and messengers by name. What waits for others goes on waiting.
    tell
        Called with a sentence when a receiver is suspended or takes messages again, from any thread.
    """

    def __init__(
        self,
        outbox: Outbox,
        channels: Mapping[str, Channel],
        clock: Clock,
        settings: WebhookSettings,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._settings = settings
        self._tell = tell
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._abandoned = False  # the outbox may be closed
        self._receivers = {name: _Receiver(name, channel) for name, channel in channels.items()}
        self._counts = WebhookCounts()
        self._failure: Exception | None = None
        self._expire_at_s = clock.monotonic_s()
        self._looked_ns = 0
        self._threads: set[threading.Thread] = set()
        self._dispatcher = threading.Thread(target=self._dispatch, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._dispatcher.start()

    def notify(self) -> None:
        """There may be something new in the outbox; from any thread, returns at once."""
        self._wake.set()

    def check(self) -> None:
        """Raise what has ended the sender, if anything has.

        Raises
        ------
        FatalError
            What the outbox raised; other exceptions are errors of the program.
        """
        if self._failure is not None:
            raise self._failure

    @property
    def counts(self) -> WebhookCounts:
        """What has happened since the start."""
        return self._counts

    def waiting(self) -> tuple[int, int | None]:
        """How many messages wait, and since when the oldest does, ns since 1970; None when none waits.

        Raises
        ------
        RetryableError
            The disk is busy or full.
        """
        waiting = self._outbox.waiting().values()
        return sum(one.messages for one in waiting), min((one.oldest_ns for one in waiting), default=None)

    def drain(self, within_s: float) -> None:
        """Give receivers that are well a last moment; what they don't take stays for the next run."""
        until_s = self._clock.monotonic_s() + within_s
        until_ns = self._clock.now_ns() + round(within_s * SECOND_NS)
        self.notify()
        while self._deliverable(until_ns) and self._clock.monotonic_s() < until_s:
            self._clock.sleep(_DRAIN_LOOK_S)

    def stop(self, patience_s: float = 2.0) -> None:
        """End within ``patience_s``; what was not delivered by then stays in the outbox."""
        with self._lock:
            self._stopping = True
            threads = [self._dispatcher, *self._threads]
        self._wake.set()
        for one in self._receivers.values():
            one.channel.abort()
        deadline_s = self._clock.monotonic_s() + patience_s
        for thread in threads:
            if thread.is_alive():
                thread.join(max(0.0, min(patience_s, deadline_s - self._clock.monotonic_s())))
        self._abandoned = True

    def _deliverable(self, until_ns: int) -> bool:
        """Whether a receiver that is well gets something until then, be it that a run before it has put it off."""
        well = [one for one in self._receivers.values() if not one.failures and not one.suspended]
        due_ns = [self._outbox.next_due_ns(one.name) for one in well]
        return any(one.busy for one in well) or any(at_ns is not None and at_ns <= until_ns for at_ns in due_ns)

    def _dispatch(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                wait_s = self._hand_out()
                self._rest(wait_s)
            except RetryableError:
                self._wake.wait(_OUTBOX_RETRY_S)
            except Exception as error:  # noqa: BLE001 - raised again by check()
                self._failure = error
                return

    def _rest(self, wait_s: float) -> None:
        """Wait until something may be due, or was written by another process."""
        until_s = self._clock.monotonic_s() + wait_s
        while not self._wake.wait(min(_LOOK_S, wait_s)) and not self._outbox.changed():
            if self._clock.monotonic_s() >= until_s:
                return

    def _hand_out(self) -> float:
        """Start the deliveries that are due; gives the seconds until there can be more."""
        self._outbox.changed()
        self._heed_the_clock()
        self._expire()
        self._look_at_failing()
        now_ns, now_s = self._clock.now_ns(), self._clock.monotonic_s()
        waits_s = [_IDLE_S]
        for one in self._receivers.values():
            if one.busy or one.gone:
                continue  # its end, or another process, wakes the dispatcher
            if one.retry_s > now_s:
                waits_s.append(one.retry_s - now_s)
                continue
            batch = self._batch(one, now_ns)
            if batch:
                self._start(one, batch)
                continue
            next_ns = self._outbox.next_due_ns(one.name)
            waits_s += [] if next_ns is None else [max(0.0, (next_ns - now_ns) / SECOND_NS)]
        return min(waits_s)

    def _batch(self, receiver: _Receiver, now_ns: int) -> list[WaitingMessage]:
        """What to send a receiver now."""
        if receiver.failures >= _SUSPECT_AFTER:
            return self._outbox.least_tried(receiver.name, now_ns)
        return self._outbox.due(receiver.name, now_ns, 1 if receiver.suspended or receiver.failures else _BATCH)

    def _heed_the_clock(self) -> None:
        """When the wall clock was set back, and now and then, see that nothing waits for a time that it had reached."""
        now_ns = self._clock.now_ns()
        if now_ns < self._looked_ns or self._clock.monotonic_s() >= self._expire_at_s:
            longest_s = max(self._settings.max_retry_s, self._settings.probe_every_s)
            self._outbox.bring_forward(now_ns + round(longest_s * SECOND_NS))
        self._looked_ns = now_ns

    def _expire(self) -> None:
        """Drop what has waited for weeks where too much waits, and receipts as old; says what."""
        now_ns, now_s = self._clock.now_ns(), self._clock.monotonic_s()
        if now_s < self._expire_at_s:
            return
        self._expire_at_s = now_s + _EXPIRE_EVERY_S
        before_ns = now_ns - round(self._settings.keep_days * DAY_NS)
        self._outbox.forget_receipts(before_ns)
        for name in self._outbox.waiting():
            dropped = self._outbox.drop(name, before_ns, self._settings.most_waiting, now_ns)
            if dropped:
                self._count(given_up=dropped)
                self._tell(
                    f"{dropped} messages of closed alerts for the receiver {name} were dropped after "
                    f"{self._settings.keep_days:g} days: more than {self._settings.most_waiting} waited; "
                    "petawatch webhooks list says why"
                )

    def _look_at_failing(self) -> None:
        """Those that an earlier run suspended, or that an operator has taken back."""
        with self._lock:  # what comes of a delivery that is under way may be missing in what is read now
            idle = [one for one in self._receivers.values() if not one.busy]
        failing = self._outbox.failing()
        with self._lock:
            for one in idle:
                known = failing.get(one.name)
                if known is None and one.failures:
                    one.retry_s, one.failures = 0.0, 0
                suspension = None if known is None else known.suspension
                one.suspended, one.gone = suspension is not None, suspension is not None and suspension.gone

    def _start(self, receiver: _Receiver, batch: list[WaitingMessage]) -> None:
        with self._lock:
            if self._stopping:
                return
            receiver.busy = True
            thread = threading.Thread(target=self._deliver, args=(receiver, batch), name="webhook", daemon=True)
            self._threads.add(thread)
            thread.start()

    def _deliver(self, receiver: _Receiver, batch: list[WaitingMessage]) -> None:
        refused: set[str] = set()
        try:
            for message in batch:
                if message.subject_id in refused:
                    continue  # it waits behind an earlier one
                answer = None if self._stopping else receiver.channel.send(message.event_id, message.body)
                if answer is None or self._abandoned or (answer.error and self._stopping):
                    break  # it was we who hung up
                outcome = self._note(receiver, message, answer)
                if outcome in {Outcome.LATER, Outcome.GONE}:
                    break
                if outcome is Outcome.REFUSED:
                    refused.add(message.subject_id)
        except RetryableError:
            with self._lock:  # the disk is full or busy: what was delivered may be delivered again
                receiver.retry_s, receiver.failures = self._clock.monotonic_s() + _OUTBOX_RETRY_S, 0
        except Exception as error:  # noqa: BLE001 - raised again by check()
            self._failure = error
        finally:
            with self._lock:
                receiver.busy = False
                self._threads.discard(threading.current_thread())
            self._wake.set()

    def _note(self, receiver: _Receiver, message: WaitingMessage, answer: Answer) -> Outcome:
        """Make durable what came of an attempt; what it means for the next message."""
        outcome = _judged(receiver, message, answer)
        receiver.takes = outcome is Outcome.TAKEN
        if outcome is Outcome.TAKEN:
            self._outbox.delivered(message, answer.status, self._clock.now_ns())
            self._count(delivered=1)
            with self._lock:
                again = receiver.suspended
                receiver.failures, receiver.suspended = 0, False
            if again:
                self._tell(f"the receiver {receiver.name} takes messages again")
            return outcome
        self._count(failed=1)
        if outcome is Outcome.REFUSED:
            wait_s = _pause_s(self._settings, message, message.attempts + 1, answer)
            self._outbox.refused(message, answer.error, self._clock.now_ns() + round(wait_s * SECOND_NS))
        else:
            self._fail(receiver, message, answer)
        return outcome

    def _fail(self, receiver: _Receiver, message: WaitingMessage, answer: Answer) -> None:
        now_ns, now_s = self._clock.now_ns(), self._clock.monotonic_s()
        wait_s = _pause_s(self._settings, message, receiver.failures + 1, answer)
        if receiver.suspended:
            wait_s = max(wait_s, self._settings.probe_every_s)
        with self._lock:
            receiver.failures += 1
            receiver.retry_s = now_s + wait_s
        since_ns = self._outbox.failed(message, answer.error, now_ns + round(wait_s * SECOND_NS), now_ns)
        gone = answer.outcome is Outcome.GONE
        too_long = now_ns - since_ns >= self._settings.suspend_after_h * HOUR_NS
        if gone or (too_long and not receiver.suspended):
            self._outbox.suspend(receiver.name, now_ns, gone=gone)
            self._tell(_suspended(receiver.name, answer.error, self._settings, gone=gone))

    def _count(self, *, delivered: int = 0, failed: int = 0, given_up: int = 0) -> None:
        with self._lock:
            before = self._counts
            self._counts = WebhookCounts(
                delivered=before.delivered + delivered,
                failed=before.failed + failed,
                given_up=before.given_up + given_up,
            )


def _judged(receiver: _Receiver, message: WaitingMessage, answer: Answer) -> Outcome:
    """What an answer means: a message that fails once more right after the receiver took another is refused."""
    suspect = answer.outcome is Outcome.LATER and receiver.takes and message.attempts >= _SUSPECT_AFTER
    return Outcome.REFUSED if suspect else answer.outcome


def _pause_s(settings: WebhookSettings, message: WaitingMessage, failures: int, answer: Answer) -> float:
    """The pause after so many failures in a row; its jitter is computed from the message and the attempt."""
    if answer.retry_after_s is not None:
        return min(max(answer.retry_after_s, settings.first_retry_s), settings.max_retry_s)
    doubled_s = min(settings.first_retry_s * 2.0 ** min(failures - 1, 60), settings.max_retry_s)
    digest = hashlib.sha256(f"{message.receiver}|{message.event_id}|{message.attempts}".encode()).digest()
    return doubled_s * (1.0 - int.from_bytes(digest[:4]) / 2.0**33)


def _suspended(name: str, error: str, settings: WebhookSettings, *, gone: bool) -> str:
    if gone:
        return (
            f"the receiver {name} wants no messages any more ({error}): it is suspended, what waits for it stays; "
            f"petawatch webhooks resume {name} tries it again"
        )
    return (
        f"the receiver {name} has failed for {settings.suspend_after_h:g} hours ({error}): it is suspended, what waits "
        f"for it stays, and it is asked every {settings.probe_every_s:g} s; petawatch webhooks list shows it"
    )
