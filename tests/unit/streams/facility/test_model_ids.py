"""Both models are named where workers differ, and nothing is said where they don't."""

from connectors.wire.codec import encode
from connectors.wire.message import Incoming
from connectors.wire.progress import Progress
from models.event_time import SECOND_NS
from streams.facility.model_ids import differing_models, models_of, other_models

T = 1_656_668_000 * SECOND_NS


def said(key: str, worker: str, model: str, at_ns: int = 1) -> Incoming:
    encoded = encode(Progress(name=worker, at_ns=at_ns, next_offset=1, model=model))
    return Incoming(
        topic="progress",
        partition=0,
        offset=at_ns,
        timestamp_ms=1,
        key=key.encode(),
        value=encoded.value,
        headers=encoded.headers,
    )


def test_a_worker_has_the_models_of_all_its_partitions() -> None:
    words = [
        Progress(name="a", at_ns=5, model="new"),
        Progress(name="a", at_ns=3, model="old"),  # a partition that refused the promotion
        Progress(name="b", at_ns=4, model="old"),
        Progress(name="c", at_ns=9),
    ]
    assert models_of(words) == {"a": ("new", "old"), "b": ("old",)}
    assert models_of(reversed(words)) == {"a": ("new", "old"), "b": ("old",)}


def test_a_partition_without_records_says_nothing_of_now() -> None:
    words = [
        Progress(name="a", at_ns=T + 61 * SECOND_NS, model="new"),
        Progress(name="a", at_ns=T, model="old"),
        Progress(name="b", at_ns=T, model="old"),
    ]
    assert models_of(words) == {"a": ("new",), "b": ("old",)}


def test_the_sentence_names_workers_models_and_the_setting() -> None:
    sentence = differing_models({"b": ("base-2",), "a": ("base-1", "base-2")})
    assert "(a with base-1 and base-2, b with base-2)" in sentence
    assert "worker.model" in sentence


def test_a_worker_that_begins_looks_at_the_others() -> None:
    topic = [said("image/0", "a", "base-1"), said("image/1", "b", "base-1", 2), said("join/0", "d", "")]
    assert other_models(topic, "c", "base-1") == ""
    sentence = other_models(topic, "c", "base-2")
    assert "with the model base-2, but the last scores of others are by a with base-1, b with base-1" in sentence
    assert "a with" not in other_models(topic, "a", "base-2")  # its own old scores
    assert other_models([said("image/0", "a", "base-1"), said("image/0", "c", "base-2", 2)], "c", "base-2") == ""


def test_what_is_no_progress_says_nothing() -> None:
    bad = said("image/0", "a", "base-1")
    unreadable = [
        Incoming(topic="progress", partition=0, offset=1, timestamp_ms=1, key=bad.key, value=value, headers=bad.headers)
        for value in (None, b"nonsense")
    ]
    assert other_models(unreadable, "c", "base-2") == ""
