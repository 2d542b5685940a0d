"""Whatever the bytes are, they are refused with a reason and in one sentence, quickly and without much memory."""

import time
import tracemalloc
from dataclasses import replace

import pytest

from connectors.wire.codec import decode, origin_of
from models.errors import RecordError
from models.messages import RecordMessage
from tests.support.hostile_wire import HostileMessage, good, good_variables, hostile_messages, with_header

CORPUS = hostile_messages()


def test_the_corpus_names_each_message_once() -> None:
    assert len({message.name for message in CORPUS}) == len(CORPUS) > 150


def test_what_the_corpus_is_made_from_is_good() -> None:
    assert isinstance(decode(good()), RecordMessage)
    assert isinstance(decode(good_variables()), RecordMessage)


@pytest.mark.parametrize("hostile", CORPUS, ids=lambda hostile: hostile.name)
def test_a_bad_message_is_refused(hostile: HostileMessage) -> None:
    with pytest.raises(RecordError) as caught:
        decode(hostile.incoming)
    assert caught.value.reason == hostile.reason
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 1000
    assert "images/3 at offset 4711" in text


def test_no_bad_message_takes_long_or_much_memory() -> None:
    for hostile in CORPUS:
        tracemalloc.start()
        begin = time.process_time()
        with pytest.raises(RecordError):
            decode(hostile.incoming)
        seconds, (_, peak) = time.process_time() - begin, tracemalloc.get_traced_memory()
        tracemalloc.stop()
        size = len(hostile.incoming.value or b"")
        assert peak < (4 << 20) + 20 * size, hostile.name
        assert seconds < 2.0, hostile.name


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"images",
        b"images/1/2",
        b"images/1/2/3/4",
        b"/1/2/3",
        b"images/-1/2/3",
        b"images/1/2/3 ",
        b"images/1/x/3",
        b"images/1/99999999999999999999/3",
        "images/1/٢/3".encode(),
        b"\xff/1/2/3",
    ],
)
def test_a_damaged_origin_is_refused(text: bytes) -> None:
    incoming = replace(good(), headers=(*good().headers, ("origin", text)))
    with pytest.raises(RecordError) as caught:
        origin_of(incoming)
    assert caught.value.reason == "damaged_header"


def test_a_missing_header_is_named() -> None:
    with pytest.raises(RecordError, match="lacks the header sha256"):
        decode(with_header(good(), "sha256", None))
