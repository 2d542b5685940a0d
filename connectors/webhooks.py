"""Webhooks: delivers each message of a durable outbox to its receiver, again and again until it is taken."""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from connectors.clock import Clock
from connectors.webhook_post import WebhookPost, receiver_name
from models.errors import RetryableError
from models.event_time import HOUR_NS, SECOND_NS

_LOOK_AHEAD = 256  # messages that are looked at together
_BATCH = 32  # messages that a receiver gets in one go
_PARALLEL = 8
_GIVEN_UP_RETRY_NS = 24 * HOUR_NS
_OUTBOX_RETRY_S = 1.0
_SLOW_S = 1.0  # a receiver that is busy for longer must not hide the messages of others
_IDLE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """How stubbornly receivers are told of alerts.

    Attributes
    ----------
    timeout_s
        A receiver that is silent for so long is tried again later.
    first_retry_s, max_retry_s
        The waiting time after the first failure, and the longest: it doubles with each failure in a row.
    give_up_after_h
        A message that could not be delivered for about so long counts as given up: it stays in the outbox with its
        error and is tried once a day.
    """

    timeout_s: float = 10.0
    first_retry_s: float = 1.0
    max_retry_s: float = 300.0
    give_up_after_h: float = 168.0

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not self.timeout_s > 0 or not self.give_up_after_h > 0:
            raise ValueError("timeout_s and give_up_after_h are more than 0")
        if not 0 < self.first_retry_s <= self.max_retry_s:
            raise ValueError("first_retry_s is more than 0 and at most max_retry_s")

    @property
    def give_up_attempts(self) -> int:
        """After how many failures in a row a message has been tried for ``give_up_after_h``."""
        attempts, total_s, wait_s = 1, 0.0, self.first_retry_s
        while total_s < self.give_up_after_h * 3600 and wait_s < self.max_retry_s:
            attempts, total_s, wait_s = attempts + 1, total_s + wait_s, wait_s * 2
        return attempts + max(0, math.ceil((self.give_up_after_h * 3600 - total_s) / self.max_retry_s))


class Delivery(Protocol):
    """One message on its way."""

    @property
    def id(self) -> int:
        """Number in the outbox; earlier messages have smaller ones."""
        ...

    @property
    def url(self) -> str:
        """The receiver."""
        ...

    @property
    def alert_id(self) -> str:
        """Messages of one alert arrive in order."""
        ...

    @property
    def event_id(self) -> str:
        """Receivers drop what they have seen under this id."""
        ...

    @property
    def body(self) -> bytes:
        """UTF-8 JSON."""
        ...

    @property
    def attempts(self) -> int:
        """How many times it was tried in vain."""
        ...


class Outbox(Protocol):
    """A durable store of messages that wait; used by several threads.

    Every method may raise ``RetryableError`` (the disk is full or busy), which is waited out, and ``FatalError``.
    """

    def due(self, now_ns: int, limit: int) -> Sequence[Delivery]:
        """The messages to try now, oldest first: of each receiver and alert only the first that waits."""
        ...

    def delivered(self, delivery_id: int, /) -> None:
        """The receiver has it."""
        ...

    def failed(self, delivery_id: int, error: str, next_attempt_ns: int, /) -> None:
        """The receiver did not take it; try again then."""
        ...

    def next_due_ns(self) -> int | None:
        """When the next message is to be tried (in the past: at once); None when none waits."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCounts:
    """What has happened since the start: messages delivered, attempts failed, messages given up."""

    delivered: int = 0
    failed: int = 0
    given_up: int = 0


@dataclass(slots=True)
class _Receiver:
    in_flight: frozenset[int] = frozenset()
    busy_since_s: float = 0.0  # monotonic, as the next
    retry_s: float = 0.0
    failures: int = 0
    error: str = ""
    post: WebhookPost | None = None


class WebhookSender:
    """Delivers what waits in an outbox, each receiver on a thread of its own, so that none waits for another.

    At least once, in order for each alert and receiver. Any answer but 2xx is a failure, redirections, too. A failure
    holds back everything for that receiver, for ``first_retry_s`` at first and up to ``max_retry_s``.
    """

    def __init__(self, outbox: Outbox, clock: Clock, settings: WebhookSettings) -> None:
        self._outbox = outbox
        self._clock = clock
        self._settings = settings
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._abandoned = False  # the outbox may be closed
        self._receivers: dict[str, _Receiver] = {}
        self._counts = WebhookCounts()
        self._failure: Exception | None = None
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

    @property
    def troubles(self) -> dict[str, str]:
        """The receivers (without secrets) that did not take the latest message, and what they said."""
        with self._lock:
            return {receiver_name(url): one.error for url, one in self._receivers.items() if one.error}

    def stop(self, patience_s: float = 2.0) -> None:
        """End within ``patience_s``; what was not delivered by then stays in the outbox."""
        with self._lock:
            self._stopping = True
            posts = [one.post for one in self._receivers.values() if one.post is not None]
            threads = [self._dispatcher, *self._threads]
        self._wake.set()
        for post in posts:
            post.abort()
        deadline_s = self._clock.monotonic_s() + patience_s
        for thread in threads:
            if thread.is_alive():
                thread.join(max(0.0, min(patience_s, deadline_s - self._clock.monotonic_s())))
        self._abandoned = True

    def _dispatch(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                wait_s = self._hand_out()
            except RetryableError:
                wait_s = _OUTBOX_RETRY_S
            except Exception as error:  # noqa: BLE001 - raised again by check()
                self._failure = error
                return
            self._wake.wait(wait_s)

    def _hand_out(self) -> float:
        """Start the deliveries that are due; gives the seconds until there can be more."""
        now_ns, now_s = self._clock.now_ns(), self._clock.monotonic_s()
        due = self._outbox.due(now_ns, _LOOK_AHEAD)
        batches: dict[str, list[Delivery]] = {}
        hiding: list[Delivery] = []
        with self._lock:
            for delivery in due:
                receiver = self._receivers.setdefault(delivery.url, _Receiver())
                slow = bool(receiver.in_flight) and now_s - receiver.busy_since_s > _SLOW_S
                if not receiver.in_flight and receiver.retry_s <= now_s:
                    batches.setdefault(delivery.url, []).append(delivery)
                elif (slow and delivery.id not in receiver.in_flight) or receiver.retry_s > now_s:
                    hiding.append(delivery)
        for url, batch in batches.items():
            self._start(url, batch[:_BATCH], now_s)
        if len(due) == _LOOK_AHEAD and hiding:
            self._postpone(hiding, now_s)
            return 0.0
        return self._until_next_s(now_ns, now_s)

    def _until_next_s(self, now_ns: int, now_s: float) -> float:
        """Seconds until something may be due; a delivery that ends wakes the dispatcher earlier."""
        next_ns = self._outbox.next_due_ns()
        with self._lock:
            waits_s = [one.retry_s - now_s for one in self._receivers.values() if one.retry_s > now_s]
            if any(one.in_flight for one in self._receivers.values()):
                waits_s.append(_SLOW_S)
        if next_ns is not None and next_ns > now_ns:
            waits_s.append((next_ns - now_ns) / SECOND_NS)
        return min([_IDLE_S, *waits_s])

    def _postpone(self, hiding: list[Delivery], now_s: float) -> None:
        """Move messages for receivers that are away out of the sight of ``due``: others are behind them."""
        for delivery in hiding:
            receiver = self._receivers[delivery.url]
            wait_s = max(self._settings.first_retry_s, receiver.retry_s - now_s)
            self._note_failure(delivery, receiver.error or "the receiver is slow", wait_s)

    def _start(self, url: str, batch: list[Delivery], now_s: float) -> None:
        with self._lock:
            if self._stopping or len(self._threads) >= _PARALLEL:
                return
            receiver = self._receivers[url]
            receiver.in_flight = frozenset(delivery.id for delivery in batch)
            receiver.busy_since_s = now_s
            thread = threading.Thread(target=self._deliver, args=(receiver, batch), name="webhook", daemon=True)
            self._threads.add(thread)
            thread.start()

    def _deliver(self, receiver: _Receiver, batch: list[Delivery]) -> None:
        try:
            for delivery in batch:
                if self._stopping or not self._try(receiver, delivery):
                    break
        except RetryableError:
            with self._lock:  # the disk is full or busy: what was delivered may be delivered again
                receiver.retry_s = self._clock.monotonic_s() + _OUTBOX_RETRY_S
        except Exception as error:  # noqa: BLE001 - raised again by check()
            self._failure = error
        finally:
            with self._lock:
                receiver.in_flight = frozenset()
                self._threads.discard(threading.current_thread())
            self._wake.set()

    def _try(self, receiver: _Receiver, delivery: Delivery) -> bool:
        error = self._post(receiver, delivery)
        if self._abandoned or (error is not None and self._stopping):
            return False  # we hung up ourselves
        if error is None:
            with self._lock:
                receiver.failures, receiver.error = 0, ""
            self._outbox.delivered(delivery.id)
            self._count(delivered=1)
            return True
        with self._lock:
            receiver.failures += 1
            receiver.error = error
            doubled_s = self._settings.first_retry_s * 2.0 ** min(receiver.failures - 1, 60)
            wait_s = min(doubled_s, self._settings.max_retry_s)
            receiver.retry_s = self._clock.monotonic_s() + wait_s
        self._note_failure(delivery, error, wait_s)
        self._count(failed=1)
        return False

    def _note_failure(self, delivery: Delivery, error: str, wait_s: float) -> None:
        attempts = delivery.attempts + 1
        wait_ns = round(wait_s * SECOND_NS)
        if attempts >= self._settings.give_up_attempts:
            error, wait_ns = f"given up after {attempts} attempts: {error}", _GIVEN_UP_RETRY_NS
        self._outbox.failed(delivery.id, error, self._clock.now_ns() + wait_ns)
        self._count(given_up=int(attempts == self._settings.give_up_attempts))

    def _count(self, *, delivered: int = 0, failed: int = 0, given_up: int = 0) -> None:
        with self._lock:
            before = self._counts
            self._counts = WebhookCounts(
                delivered=before.delivered + delivered,
                failed=before.failed + failed,
                given_up=before.given_up + given_up,
            )

    def _post(self, receiver: _Receiver, delivery: Delivery) -> str | None:
        """Send a message; gives what went wrong, or None."""
        post = WebhookPost(delivery.url, self._settings.timeout_s)
        with self._lock:
            if self._stopping:
                return "stopped"
            receiver.post = post
        error = post.send(delivery.event_id, delivery.body)
        with self._lock:
            receiver.post = None
        return error
