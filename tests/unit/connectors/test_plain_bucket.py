"""How often a store is asked that fails, without a real one; what a real one answers is tested in integration."""

import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from urllib3.util import Retry

from connectors.object_store.plain_bucket import PlainBucket
from connectors.object_store.settings import ObjectStoreSettings
from models.errors import FatalError, RetryableError

BUSY = b"<Error><Code>SlowDown</Code><Message>busy</Message></Error>"
PAGE = b"<html><body>Welcome<br></body></html>"
NO_BUCKET = b"<Error><Code>NoSuchBucket</Code><Message>no such bucket</Message></Error>"
CONTENT = b"0123456789"


@dataclass(slots=True)
class Store:
    """Answers with the next of ``answers``, for ever with the last; ``asked`` are the methods."""

    port: int
    answers: list[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def bucket(self, retries: int) -> PlainBucket:
        return PlainBucket(ObjectStoreSettings(endpoint=f"127.0.0.1:{self.port}", secure=False, retries=retries), "abc")


def _answer(handler: BaseHTTPRequestHandler, status: int, content: bytes, length: int) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/xml")
    handler.send_header("Content-Length", str(length))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(content)


def busy(handler: BaseHTTPRequestHandler) -> None:
    _answer(handler, 503, BUSY, len(BUSY))


def whole(handler: BaseHTTPRequestHandler) -> None:
    _answer(handler, 200, CONTENT, len(CONTENT))


def broken_off(handler: BaseHTTPRequestHandler) -> None:
    _answer(handler, 200, CONTENT[:4], len(CONTENT))


def without_bucket(handler: BaseHTTPRequestHandler) -> None:
    _answer(handler, 404, NO_BUCKET, len(NO_BUCKET))


def page(handler: BaseHTTPRequestHandler) -> None:
    _answer(handler, 200, PAGE, len(PAGE))


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers = fake.answers
            fake.asked.append(self.command)
            (answers.pop(0) if len(answers) > 1 else answers[0])(self)

        do_HEAD = do_GET  # noqa: N815 - the base class's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    monkeypatch.setattr(Retry, "sleep", lambda *_: None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake = Store(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("answers", [[busy], [broken_off], [broken_off, busy, broken_off, busy]])
def test_whatever_fails_an_object_is_asked_for_no_oftener_than_is_set(
    store: Store, answers: list[Callable[[BaseHTTPRequestHandler], None]]
) -> None:
    store.answers = answers
    with pytest.raises(RetryableError) as error:
        store.bucket(retries=3).get("a", io.BytesIO())
    assert error.value.reason == "object_store_away"
    assert len(store.asked) == 4


def test_an_object_that_broke_off_is_read_anew(store: Store) -> None:
    store.answers = [broken_off, busy, whole]
    into = io.BytesIO()
    store.bucket(retries=2).get("a", into)
    assert into.getvalue() == CONTENT


def test_a_missing_bucket_is_no_missing_object(store: Store) -> None:
    store.answers = [without_bucket]
    with pytest.raises(FatalError, match=r"has no bucket for s3://abc/a") as error:
        store.bucket(retries=0).get("a", io.BytesIO())
    assert error.value.reason == "object_store_bucket"


def test_a_page_that_answers_to_everything_is_no_object_store(store: Store) -> None:
    store.answers = [page]
    with pytest.raises(FatalError, match=r"is no object store; mend object_store.endpoint"):
        list(store.bucket(retries=0).keys(""))


@pytest.mark.parametrize("content", [b"", b"no certificate"])
def test_authorities_that_are_none_are_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "authorities.pem"
    file.write_bytes(content)
    with pytest.raises(FatalError, match=r"authorities\.pem holds no certificates .*; give a PEM file") as error:
        PlainBucket(ObjectStoreSettings(ca_file=file), "abc")
    assert error.value.reason == "object_store_tls"
