"""The webhook sender against real HTTP servers on the loopback interface."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from connectors.alert_documents import LinkSettings, alert_body, alert_document
from connectors.clock import Clock, SystemClock
from connectors.evidence_store import EvidenceLink
from connectors.webhook_post import checked_addresses, receiver_name
from connectors.webhooks import WebhookSender, WebhookSettings
from models.alerts.alert import Alert, AlertChange, AlertEvent, AlertKind, AlertSource, AlertStatus, Severity
from models.alerts.explanation import NO_EXPLANATION, Explanation
from models.devices import Stage
from models.errors import FatalError, RetryableError
from models.event_time import SECOND_NS, parse_iso
from tests.support.manual_clock import ManualClock


@dataclass(frozen=True)
class Message:
    id: int
    url: str
    alert_id: str
    event_id: str
    body: bytes
    attempts: int = 0
    next_ns: int = 0
    error: str = ""


class MemoryOutbox:
    """An outbox as the sender sees it, in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.waiting: dict[int, Message] = {}
        self.done: list[str] = []
        self.trouble: Exception | None = None
        self._next_id = 1

    def put(self, url: str, alert_id: str, event: str = "opened", body: bytes = b"{}") -> None:
        with self._lock:
            self.waiting[self._next_id] = Message(self._next_id, url, alert_id, f"{alert_id}-{event}", body)
            self._next_id += 1

    def due(self, now_ns: int, limit: int) -> list[Message]:
        with self._lock:
            if self.trouble is not None:
                raise self.trouble
            heads: dict[tuple[str, str], Message] = {}
            for message in self.waiting.values():
                heads.setdefault((message.url, message.alert_id), message)
            return [message for message in heads.values() if message.next_ns <= now_ns][:limit]

    def delivered(self, delivery_id: int) -> None:
        with self._lock:
            self.done.append(self.waiting.pop(delivery_id).event_id)

    def failed(self, delivery_id: int, error: str, next_attempt_ns: int) -> None:
        with self._lock:
            before = self.waiting[delivery_id]
            self.waiting[delivery_id] = replace(
                before, attempts=before.attempts + 1, error=error, next_ns=next_attempt_ns
            )

    def next_due_ns(self) -> int | None:
        with self._lock:
            return min((message.next_ns for message in self.waiting.values()), default=None)


@dataclass
class Receiver:
    """A receiver whose answers the test chooses."""

    statuses: list[int] = field(default_factory=list)  # the answers to come; 200 afterwards
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    hold: threading.Event | None = None

    def __post_init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.path, dict(self.headers), body))
                if receiver.hold is not None:
                    receiver.hold.wait(20)
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "ftp://localhost/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def events(self) -> list[str]:
        return [headers["Idempotency-Key"] for _, headers, _ in self.got]


@pytest.fixture
def outbox() -> MemoryOutbox:
    return MemoryOutbox()


@pytest.fixture
def make_receiver() -> Iterator[Callable[[], Receiver]]:
    receivers: list[Receiver] = []

    def make() -> Receiver:
        receivers.append(Receiver())
        return receivers[-1]

    yield make
    for receiver in receivers:
        if receiver.hold is not None:
            receiver.hold.set()
        receiver.server.shutdown()
        receiver.server.server_close()


Start = Callable[..., WebhookSender]


@pytest.fixture
def start(outbox: MemoryOutbox) -> Iterator[Start]:
    senders: list[WebhookSender] = []

    def begin(clock: Clock | None = None, **settings: float) -> WebhookSender:
        chosen = WebhookSettings(**{"timeout_s": 5.0, "first_retry_s": 0.05, "max_retry_s": 0.2, **settings})
        senders.append(WebhookSender(outbox, clock or SystemClock(), chosen))
        senders[-1].start()
        return senders[-1]

    yield begin
    for sender in senders:
        sender.stop()


def wait_until(condition: Callable[[], bool], patience_s: float = 10.0) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "this never became true"
        time.sleep(0.005)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_messages_are_posted_as_json_and_leave_the_outbox(
    outbox: MemoryOutbox, make_receiver: Callable[[], Receiver], start: Start
) -> None:
    receiver = make_receiver()
    outbox.put(f"{receiver.url}?key=1", "a", body=b'{"id": "a"}')
    sender = start()
    wait_until(lambda: outbox.done == ["a-opened"])
    [(path, headers, body)] = receiver.got
    assert (path, body) == ("/hook?key=1", b'{"id": "a"}')
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == "a-opened"
    assert sender.counts.delivered == 1
    assert sender.troubles == {}


def test_a_new_message_goes_out_at_once_when_told(
    outbox: MemoryOutbox, make_receiver: Callable[[], Receiver], start: Start
) -> None:
    receiver = make_receiver()
    sender = start()
    time.sleep(0.05)
    began = time.monotonic()
    outbox.put(receiver.url, "a")
    sender.notify()
    wait_until(lambda: outbox.done == ["a-opened"])
    assert time.monotonic() - began < 1.0


def test_an_opening_comes_before_its_closing_though_it_has_to_be_repeated(
    outbox: MemoryOutbox, make_receiver: Callable[[], Receiver], start: Start
) -> None:
    receiver = make_receiver()
    receiver.statuses = [503, 500, 429]
    outbox.put(receiver.url, "a", "opened")
    outbox.put(receiver.url, "a", "closed")
    sender = start()
    wait_until(lambda: len(outbox.done) == 2)
    assert outbox.done == ["a-opened", "a-closed"]
    assert receiver.events() == ["a-opened"] * 4 + ["a-closed"]
    assert (sender.counts.delivered, sender.counts.failed) == (2, 3)


def test_waiting_times_double_up_to_the_longest(
    outbox: MemoryOutbox, make_receiver: Callable[[], Receiver], start: Start
) -> None:
    receiver = make_receiver()
    receiver.statuses = [500] * 6
    clock = ManualClock()
    outbox.put(receiver.url, "a")
    sender = start(clock, first_retry_s=1.0, max_retry_s=10.0)
    for attempt, wait_s in enumerate((1, 2, 4, 8, 10, 10), start=1):
        wait_until(lambda attempt=attempt: outbox.waiting[1].attempts == attempt)  # type: ignore[misc]
        assert outbox.waiting[1].next_ns == clock.now_ns() + wait_s * SECOND_NS
        assert sender.troubles == {receiver_name(receiver.url): "answered 500 Internal Server Error"}
        clock.advance(wait_s - 0.1)
        sender.notify()
        time.sleep(0.02)
        assert len(receiver.got) == attempt
        clock.advance(0.1)
        sender.notify()
    wait_until(lambda: outbox.done == ["a-opened"])
    assert sender.troubles == {}


def test_an_unreachable_receiver_does_not_hold_up_others_and_loses_nothing(
    outbox: MemoryOutbox, make_receiver: Callable[[], Receiver], start: Start
) -> None:
    good, silent = make_receiver(), make_receiver()
    silent.hold = threading.Event()
    refused = f"http://127.0.0.1:{closed_port()}/hook"
    for number in range(600):  # more than are looked at together
        outbox.put(refused, f"r{number}")
        outbox.put(silent.url, f"s{number}")
    for number in range(50):
        outbox.put(good.url, f"g{number}")
    start(max_retry_s=5.0)
    wait_until(lambda: sum(event.startswith("g") for event in outbox.done) == 50)
    assert len(outbox.done) == 50
    assert len(outbox.waiting) == 1200
    assert any("ConnectionRefusedError" in message.error for message in outbox.waiting.values())


def test_a_backlog_goes_out_when_its_receiver_is_back(
    outbox: MemoryOutbox, make_receiver: Callable[[], Receiver], start: Start
) -> None:
    receiver = make_receiver()
    receiver.statuses = [503, 503]
    for number in range(400):
        outbox.put(receiver.url, f"{number:03d}")
        outbox.put(receiver.url, f"{number:03d}", "closed")
    start()
    wait_until(lambda: len(outbox.done) == 800, 30)
    for number in range(400):
        assert outbox.done.index(f"{number:03d}-opened") < outbox.done.index(f"{number:03d}-closed")
    assert len(receiver.got) == 802


def test_redirections_are_not_followed(
    outbox: MemoryOutbox, make_receiver: Callable[[], Receiver], start: Start
) -> None:
    receiver = make_receiver()
    receiver.statuses = [302]
    outbox.put(receiver.url, "a")
    start(first_retry_s=60.0, max_retry_s=60.0)
    wait_until(lambda: outbox.waiting[1].attempts == 1)
    assert outbox.waiting[1].error == "answered 302 Found; redirections are not followed, give the final address"


def test_what_is_given_up_is_counted_and_tried_once_a_day(
    outbox: MemoryOutbox, make_receiver: Callable[[], Receiver], start: Start
) -> None:
    receiver = make_receiver()
    receiver.statuses = [404] * 5
    clock = ManualClock()
    outbox.put(receiver.url, "a")
    sender = start(clock, first_retry_s=900.0, max_retry_s=1800.0, give_up_after_h=1.0)
    for attempt in (1, 2, 3):  # 900 s, 1800 s, and the hour is over
        wait_until(lambda attempt=attempt: outbox.waiting[1].attempts == attempt)  # type: ignore[misc]
        assert sender.counts.given_up == 0
        clock.advance(1800)
        sender.notify()
    wait_until(lambda: sender.counts.given_up == 1)
    assert outbox.waiting[1].error == "given up after 4 attempts: answered 404 Not Found"
    assert outbox.waiting[1].next_ns == clock.now_ns() + 24 * 3600 * SECOND_NS
    clock.advance(24 * 3600)
    sender.notify()
    wait_until(lambda: outbox.waiting[1].attempts == 5)
    clock.advance(24 * 3600)
    sender.notify()
    wait_until(lambda: outbox.done == ["a-opened"])
    assert sender.counts.given_up == 1


def test_it_stops_quickly_while_a_receiver_is_silent(
    outbox: MemoryOutbox, make_receiver: Callable[[], Receiver], start: Start
) -> None:
    receiver = make_receiver()
    receiver.hold = threading.Event()
    outbox.put(receiver.url, "a")
    sender = start(timeout_s=60.0)
    wait_until(lambda: len(receiver.got) == 1)
    began = time.monotonic()
    sender.stop()
    assert time.monotonic() - began < 1.5
    assert outbox.waiting[1].attempts == 0  # it was we who hung up
    assert not any(thread.name.startswith("webhook") for thread in threading.enumerate())


def test_a_silent_receiver_is_a_failure_after_the_timeout(
    outbox: MemoryOutbox, make_receiver: Callable[[], Receiver], start: Start
) -> None:
    receiver = make_receiver()
    receiver.hold = threading.Event()
    outbox.put(receiver.url, "a")
    start(timeout_s=0.1, first_retry_s=60.0, max_retry_s=60.0)
    wait_until(lambda: outbox.waiting[1].attempts == 1)
    assert "TimeoutError" in outbox.waiting[1].error


def test_a_busy_outbox_is_waited_out_and_a_broken_one_is_raised(
    outbox: MemoryOutbox, make_receiver: Callable[[], Receiver], start: Start
) -> None:
    receiver = make_receiver()
    outbox.put(receiver.url, "a")
    outbox.trouble = RetryableError("the disk is full", reason="disk_full")
    sender = start()
    time.sleep(0.05)
    sender.check()
    outbox.trouble = None
    sender.notify()
    wait_until(lambda: outbox.done == ["a-opened"])
    outbox.trouble = FatalError("the state is damaged", reason="state_damaged")
    sender.notify()
    wait_until(lambda: _has_failed(sender, FatalError))


def test_an_error_of_the_program_does_not_end_the_sender_in_silence(outbox: MemoryOutbox, start: Start) -> None:
    outbox.trouble = RuntimeError("can't start new thread")
    sender = start()
    wait_until(lambda: _has_failed(sender, RuntimeError))


def _has_failed(sender: WebhookSender, kind: type[Exception]) -> bool:
    try:
        sender.check()
    except kind:
        return True
    return False


def test_an_address_in_the_outbox_that_is_none_is_a_failure_like_others(outbox: MemoryOutbox, start: Start) -> None:
    outbox.put("file:///etc/passwd", "a")
    start(first_retry_s=60.0, max_retry_s=60.0)
    wait_until(lambda: outbox.waiting[1].attempts == 1)
    assert "no http or https address" in outbox.waiting[1].error


def test_credentials_go_into_a_header_and_not_into_names(
    outbox: MemoryOutbox, make_receiver: Callable[[], Receiver], start: Start
) -> None:
    receiver = make_receiver()
    url = receiver.url.replace("http://", "http://me:p%40ss@")
    outbox.put(url, "a")
    start()
    wait_until(lambda: outbox.done == ["a-opened"])
    assert receiver.got[0][1]["Authorization"] == "Basic bWU6cEBzcw=="
    assert receiver_name(url) == receiver.url.removesuffix("/hook")


@pytest.mark.parametrize(
    "settings",
    [{"timeout_s": 0.0}, {"first_retry_s": 2.0, "max_retry_s": 1.0}, {"give_up_after_h": 0.0}],
)
def test_settings_are_checked(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        WebhookSettings(**settings)


@pytest.mark.parametrize(
    "urls",
    [
        ("ftp://example.org",),
        ("example.org",),
        ("http://",),
        ("http://host:99999/",),
        ("http://a b/",),
        ("http://host/\r\nX: y",),
        ("http://a/", "http://a/"),
    ],
)
def test_addresses_are_checked(urls: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"no http or https address|is given twice"):
        checked_addresses(urls)
    assert checked_addresses(("http://a/", "https://me:secret@b:8443/c?d=e")) != ()


@pytest.mark.parametrize(("first", "longest", "hours", "attempts"), [(1.0, 1.0, 1.0, 3601), (3600.0, 3600.0, 0.5, 2)])
def test_give_up_attempts(first: float, longest: float, hours: float, attempts: int) -> None:
    settings = WebhookSettings(first_retry_s=first, max_retry_s=longest, give_up_after_h=hours)
    assert settings.give_up_attempts == attempts


ALERT = Alert(
    id="0123456789abcdef",
    kind=AlertKind.IMAGE_ANOMALY,
    severity=Severity.HIGH,
    status=AlertStatus.OPEN,
    stage=Stage("LA", "A3", "31"),
    device="LA_A3_31-Camera_1-Camera-1",
    first_shot_ns=parse_iso("2022-07-01T09:34:00.100Z"),
    last_shot_ns=parse_iso("2022-07-01T09:34:07.200Z"),
    opened_ns=parse_iso("2022-07-01T09:34:00.300Z"),
    shots=12,
    score=8.25,
    reasons=("residual", "latent"),
    model="base-1",
    source=AlertSource(file="10Hz/a.h5", sha256="ab" * 32, path="09-34-00-100/LA_A3_31-Camera_1-Camera-1"),
    explanation=Explanation(
        text="hot spot at (61, 40) px, 34 % above its surroundings", cause="hot_spot", cause_probability=0.93
    ),
)


def test_the_document_has_the_fields_of_the_alerts_command() -> None:
    link = EvidenceLink(
        alert_id=ALERT.id, role="worst", event_time_ns=ALERT.first_shot_ns, png="evidence/w.png", npz="evidence/w.npz"
    )
    document = alert_document(ALERT, [link])
    assert json.loads(json.dumps(document)) == {
        "id": "0123456789abcdef",
        "kind": "image_anomaly",
        "severity": "high",
        "status": "open",
        "stage": {"front_end": "LA", "amp": "A3", "arm": "31"},
        "device": "LA_A3_31-Camera_1-Camera-1",
        "first_shot": "2022-07-01T09:34:00.100Z",
        "last_shot": "2022-07-01T09:34:07.200Z",
        "opened_shot": "2022-07-01T09:34:00.300Z",
        "shots": 12,
        "score": 8.25,
        "reasons": ["residual", "latent"],
        "explanation": "hot spot at (61, 40) px, 34 % above its surroundings",
        "cause": "hot_spot",
        "cause_probability": 0.93,
        "model": "base-1",
        "source": {
            "file": "10Hz/a.h5",
            "sha256": "ab" * 32,
            "path": "09-34-00-100/LA_A3_31-Camera_1-Camera-1",
        },
        "evidence": [
            {"role": "worst", "shot": "2022-07-01T09:34:00.100Z", "png": "evidence/w.png", "npz": "evidence/w.npz"}
        ],
    }
    assert alert_document(replace(ALERT, score=float("inf")))["score"] is None
    unexplained = alert_document(replace(ALERT, explanation=NO_EXPLANATION))
    assert [unexplained[name] for name in ("explanation", "cause", "cause_probability")] == ["", "", None]


def test_a_link_only_where_somebody_can_follow_it() -> None:
    assert "link" not in alert_document(ALERT)
    linked = alert_document(ALERT, links="http://control-room:9464")
    assert linked == alert_document(ALERT) | {"link": "http://control-room:9464/alerts/0123456789abcdef"}
    event = AlertEvent(change=AlertChange.OPENED, alert=ALERT)
    assert json.loads(alert_body(event, now_ns=0, links="https://lab/watch"))["link"] == (
        "https://lab/watch/alerts/0123456789abcdef"
    )


@pytest.mark.parametrize(
    "address",
    ["control-room:9464", "http://a/", "http://me:secret@a", "http://a?b", "http://a#b", "javascript:x", "ftp://a"],
)
def test_an_address_for_links_is_one_of_http_and_complete(address: str) -> None:
    with pytest.raises(ValueError, match="http"):
        LinkSettings(address=address)


@pytest.mark.parametrize(
    ("change", "age_ms"), [(AlertChange.OPENED, 59_900), (AlertChange.CLOSED, 52_800), (AlertChange.UPDATED, 59_900)]
)
def test_the_body_says_what_happened_and_how_old_the_shot_is(change: AlertChange, age_ms: int) -> None:
    now_ns = parse_iso("2022-07-01T09:35:00Z")
    body = json.loads(alert_body(AlertEvent(change=change, alert=ALERT), now_ns=now_ns))
    assert body == alert_document(ALERT) | {
        "event": change.value,
        "event_id": f"0123456789abcdef-{change.value}",
        "sent_at": "2022-07-01T09:35:00.000Z",
        "age_ms": age_ms,
    }
