"""The outbox on disk: order, idempotence, limits, what becomes of failures."""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.control_room.database import ControlRoomDatabase
from connectors.control_room.outbox import DROPPED, Waiting, drop_all, hand_over, put_again, waiting_by_receiver
from connectors.control_room.receipts import ReceiptReader, told_of, told_to
from connectors.control_room.receivers import Suspension, resume
from connectors.control_room.told_subjects import forget_told_to, knows_what_goes_on, note_told, owed_ends, who_knows
from tests.support.outboxes import KeptOutbox, kept_outbox, outbox_message


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[KeptOutbox]:
    with kept_outbox(tmp_path) as kept:
        yield kept


def due(kept: KeptOutbox, receiver: str, now_ns: int = 100) -> list[str]:
    return [message.event_id for message in kept.outbox.due(receiver, now_ns, 10)]


def test_messages_come_in_the_order_in_which_they_were_written(kept: KeptOutbox) -> None:
    for receiver, subject, event in [("a", "2", "opened"), ("b", "1", "opened"), ("a", "1", "opened")]:
        kept.put(receiver, subject, event)
    kept.put("a", "2", "closed")
    assert due(kept, "a") == ["2-opened", "1-opened", "2-closed"]
    assert due(kept, "b") == ["1-opened"]
    assert [message.event_id for message in kept.outbox.due("a", 100, 2)] == ["2-opened", "1-opened"]
    assert due(kept, "nobody") == []


def test_a_message_that_waits_holds_back_its_own_line_only(kept: KeptOutbox) -> None:
    for subject in ("1", "2"):
        kept.put("a", subject)
        kept.put("a", subject, "closed")
    first = kept.outbox.due("a", 100, 1)[0]
    kept.outbox.refused(first, "answered 400 Bad Request", 500)
    assert due(kept, "a", 499) == ["2-opened", "2-closed"]
    assert due(kept, "a", 500) == ["1-opened", "1-closed", "2-opened", "2-closed"]
    assert kept.outbox.due("a", 500, 1)[0].attempts == 1
    assert kept.standing().failing == {}  # the receiver takes others


def test_when_the_next_is_due(kept: KeptOutbox) -> None:
    assert kept.outbox.next_due_ns("a") is None
    kept.put("a", "1")
    kept.put("a", "1", "closed")
    assert kept.outbox.next_due_ns("a") == 0
    kept.outbox.failed(kept.outbox.due("a", 100, 1)[0], "away", 700, 100)
    assert kept.outbox.next_due_ns("a") == 700  # the closing waits behind the opening


def test_what_waits_or_was_delivered_is_not_stored_again(kept: KeptOutbox) -> None:
    opened = outbox_message("a", "1")
    assert kept.store(opened, outbox_message("b", "1")) == 2
    assert kept.store(opened) == 0
    kept.outbox.delivered(kept.outbox.due("a", 100, 1)[0], "204", 50)
    assert kept.store(opened) == 0
    assert list(kept.waiting()) == ["b:1-opened"]


def test_what_waits_is_counted_by_indexes_alone(kept: KeptOutbox) -> None:
    """A storm of messages must not slow the watch, which asks every few seconds."""
    kept.put("a", "1")
    asked: list[str] = []
    with kept.database.look() as connection:
        connection.set_trace_callback(asked.append)
        waiting_by_receiver(connection)
        connection.set_trace_callback(None)
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {asked[0]}")]
    over_messages = [step for step in plan if "outbox" in step or "tried" in step]
    assert [step for step in over_messages if step.startswith("SCAN") and "COVERING INDEX" not in step] == []
    assert any("tried USING INDEX outbox_by_attempts (receiver=? AND attempts>?)" in step for step in over_messages)


def test_the_error_of_what_waits_is_that_of_the_most_attempts(kept: KeptOutbox) -> None:
    for subject in ("1", "2", "3"):
        kept.put("a", subject, created_ns=int(subject))
    _, second, third = kept.outbox.due("a", 100, 3)
    for _ in range(2):
        kept.outbox.refused(second, "answered 400 Bad Request", 0)
    kept.outbox.refused(third, "answered 413 Too Large", 0)
    assert kept.outbox.waiting() == {"a": Waiting(messages=3, oldest_ns=1, error="answered 400 Bad Request")}


def test_a_receipt_says_who_got_what_when_and_how(kept: KeptOutbox) -> None:
    kept.put("a", "1")
    kept.put("a", "2")
    message = kept.outbox.due("a", 100, 1)[0]
    kept.outbox.failed(message, "away", 0, 60)
    kept.outbox.delivered(message, "202", 90)
    [receipt] = ReceiptReader(kept.state).of_subjects(["1", "none"])
    assert (receipt.receiver, receipt.event_id, receipt.type) == ("a", "1-opened", "alert.opened")
    assert (receipt.created_ns, receipt.delivered_ns, receipt.status, receipt.attempts) == (7, 90, "202", 2)
    standing = kept.standing()
    assert standing.latest == {"a": 90}
    assert {name: waiting.messages for name, waiting in standing.waiting.items()} == {"a": 1}


def test_a_receiver_fails_from_its_first_failure_until_it_takes_something(kept: KeptOutbox) -> None:
    kept.put("a", "1")
    message = kept.outbox.due("a", 100, 1)[0]
    assert kept.outbox.failed(message, "away", 0, 60) == 60
    assert kept.outbox.failed(message, "still away", 0, 80) == 60
    kept.outbox.suspend("a", 85, gone=False)
    assert kept.suspensions() == {"a": Suspension(since_ns=85, gone=False)}
    kept.outbox.suspend("a", 90, gone=True)
    failing = kept.standing().failing["a"]
    assert (failing.failing_since_ns, failing.last_error) == (60, "still away")
    assert failing.suspension == Suspension(since_ns=85, gone=True)
    kept.outbox.delivered(message, "204", 95)
    assert kept.standing().failing == {}


def test_who_is_resumed_is_asked_at_once(kept: KeptOutbox) -> None:
    kept.put("a", "1")
    kept.outbox.failed(kept.outbox.due("a", 100, 1)[0], "away", 10_000, 60)
    with kept.database.step() as connection:
        assert not resume(connection, "a")
    assert due(kept, "a") == ["1-opened"]
    kept.outbox.failed(kept.outbox.due("a", 100, 1)[0], "away", 10_000, 60)
    kept.outbox.suspend("a", 85, gone=False)
    with kept.database.step() as connection:
        assert resume(connection, "a")
    assert kept.suspensions() == {}


def test_what_was_told_can_be_told_again_under_the_same_id(kept: KeptOutbox) -> None:
    for number, subject in enumerate(("1", "2")):
        kept.put("a", subject, created_ns=number)
        kept.put("b", subject, created_ns=number)
    before = kept.waiting()
    for receiver in ("a", "b"):
        for message in kept.outbox.due(receiver, 100, 10):
            kept.outbox.delivered(message, "204", 50)
    with kept.database.step() as connection:
        assert put_again(connection, told_of(connection, "1"), 99) == 2
        assert put_again(connection, told_of(connection, "1"), 99) == 0  # it waits already
        assert put_again(connection, told_to(connection, "b", 1), 99) == 1
    again = kept.waiting()
    assert list(again) == ["a:1-opened", "b:1-opened", "b:2-opened"]
    assert all(again[event].body == before[event].body for event in again)
    assert all(message.created_ns == 99 for message in again.values())  # it waits since then
    kept.outbox.delivered(again["a:1-opened"], "204", 60)
    assert len(ReceiptReader(kept.state).of_subjects(["1"])) == 3
    with kept.database.step() as connection:
        assert len(told_of(connection, "1")) == 2  # of each message once


def test_only_old_messages_of_closed_alerts_give_way_and_only_beyond_the_limit(kept: KeptOutbox) -> None:
    for number in range(4):
        kept.put("a", str(number), created_ns=number)
        if number != 1:
            kept.put("a", str(number), "closed", created_ns=number)
    kept.put("b", "0", created_ns=0)
    assert kept.outbox.drop("a", before_ns=3, keep=7, now_ns=99) == 0
    assert kept.outbox.drop("a", before_ns=3, keep=6, now_ns=99) == 2
    assert kept.outbox.drop("a", before_ns=3, keep=4, now_ns=99) == 2  # no opening without its end
    assert list(kept.waiting()) == ["a:1-opened", "a:3-opened", "a:3-closed", "b:0-opened"]
    assert {(receipt.event_id, receipt.status) for receipt in kept.receipts()} == {
        *(("0-opened", DROPPED), ("0-closed", DROPPED)),
        *(("2-opened", DROPPED), ("2-closed", DROPPED)),
    }
    assert kept.standing().latest == {}  # nobody got them
    assert kept.outbox.drop("a", before_ns=3, keep=1, now_ns=99) == 0  # the open one stays, and what is young
    assert kept.who_knows("2") == {}
    assert kept.who_knows("3") == {"a": False}


def test_the_end_of_what_was_delivered_never_gives_way(kept: KeptOutbox) -> None:
    kept.put("a", "1", created_ns=1)
    kept.outbox.delivered(kept.waiting()["a:1-opened"], "204", 2)
    kept.put("a", "1", "closed", created_ns=2)
    kept.put("a", "2", created_ns=2)
    kept.put("a", "2", "closed", created_ns=9)
    assert kept.outbox.drop("a", before_ns=5, keep=0, now_ns=99) == 0  # the second is over for too short a time
    assert kept.outbox.drop("a", before_ns=10, keep=0, now_ns=99) == 2
    assert list(kept.waiting()) == ["a:1-closed"]


def test_who_was_told_of_what_goes_on_is_known_however_long_it_does(kept: KeptOutbox) -> None:
    for subject in ("1", "2"):
        kept.put("a", subject, created_ns=1)
    kept.put("a", "1", "closed", created_ns=2)
    kept.store(replace(outbox_message("b", "1"), type="incident.acknowledged"))
    assert kept.who_knows("1") == {"a": False}
    assert kept.outbox.knows_what_goes_on() == {"a": 1}
    kept.outbox.forget_receipts(50)
    assert (kept.who_knows("1"), kept.who_knows("2")) == ({}, {"a": True})


def test_what_is_written_again_or_told_again_changes_nothing_of_who_knows(kept: KeptOutbox) -> None:
    kept.put("a", "1")
    kept.put("a", "1", "closed")
    kept.put("a", "1")
    for event in ("opened", "closed"):
        kept.outbox.delivered(kept.waiting()[f"a:1-{event}"], "204", 50)
    kept.put("a", "1")
    with kept.database.step() as connection:
        assert put_again(connection, told_of(connection, "1"), 60) == 2
    assert kept.who_knows("1") == {"a": False}


def test_who_takes_over_messages_knows_what_the_other_one_knew(kept: KeptOutbox) -> None:
    for subject in ("1", "2"):
        kept.put("old", subject)
    kept.put("old", "1", "closed")
    with kept.database.step() as connection:
        assert hand_over(connection, "old", "new", 9) == 3
    assert (kept.who_knows("1"), kept.who_knows("2")) == ({"new": False}, {"new": True})
    with kept.database.step() as connection:
        drop_all(connection, "new", 10)
    assert (kept.who_knows("1"), kept.who_knows("2")) == ({}, {})


def test_an_end_that_was_told_is_not_owed_again_after_a_receiver_was_moved(kept: KeptOutbox) -> None:
    with kept.database.step() as connection:
        connection.execute(
            "INSERT INTO activations (alert_id, alarm_id, incident_id, scope, open, front_end, amp, arm,"
            " first_shot_ns, last_shot_ns, alert, known_ns) VALUES ('1', 'a', 'i', 's', 0, '', '', '', 1, 1, '{}', 1)"
        )
    for receiver in ("old", "new"):
        kept.put(receiver, "1")
    kept.put("new", "1", "closed")  # the settings did not name the old one then
    with kept.database.step() as connection:
        hand_over(connection, "old", "new", 9)
        assert owed_ends(connection) == []
    assert kept.who_knows("1") == {"new": False}


def test_who_has_got_an_end_that_is_stored_again_counts_as_told(kept: KeptOutbox) -> None:
    kept.put("a", "1")
    kept.put("a", "1", "closed")
    for event in ("opened", "closed"):
        kept.outbox.delivered(kept.waiting()[f"a:1-{event}"], "204", 50)
    with kept.database.step() as connection:
        note_told(connection, "a", "1", goes_on=True, now_ns=60)
    kept.put("a", "1")
    assert kept.who_knows("1") == {"a": True}
    assert kept.store(outbox_message("a", "1", "closed")) == 0
    assert kept.who_knows("1") == {"a": False}


def test_who_knows_of_something_is_found_without_looking_at_all_that_was_ever_told(kept: KeptOutbox) -> None:
    kept.put("a", "1")
    asked: list[str] = []
    with closing(ControlRoomDatabase.open(kept.state)) as database, database.step() as connection:
        connection.set_trace_callback(asked.append)
        who_knows(connection, "1")
        note_told(connection, "a", "1", goes_on=True, now_ns=2)
        owed_ends(connection)
        knows_what_goes_on(connection)
        forget_told_to(connection, "a", ["1"])
        connection.set_trace_callback(None)
        plans = {text: connection.execute(f"EXPLAIN QUERY PLAN {text}").fetchall() for text in asked}
        assert len(plans) == 5
        for text, plan in plans.items():
            for *_, step in plan:
                # What goes on is little: its index is gone through, all that was ever told is not.
                if step.startswith("SCAN"):
                    assert step.endswith("INDEX told_going_on"), text


def test_another_process_is_noticed(kept: KeptOutbox) -> None:
    kept.outbox.changed()
    assert not kept.outbox.changed()
    kept.put("a", "1")
    assert kept.outbox.changed()
    kept.outbox.delivered(kept.outbox.due("a", 100, 1)[0], "204", 50)
    assert not kept.outbox.changed()  # that was our own doing


def test_messages_outlive_the_process(tmp_path: Path) -> None:
    with kept_outbox(tmp_path) as kept:
        kept.put("a", "1")
    with kept_outbox(tmp_path) as kept:
        kept.outbox.delivered(kept.outbox.due("a", 100, 1)[0], "204", 50)
    with kept_outbox(tmp_path) as kept:
        assert kept.outbox.waiting() == {}


def test_old_receipts_go(kept: KeptOutbox) -> None:
    for subject, delivered_ns in (("1", 50), ("2", 60)):
        kept.put("a", subject)
        kept.outbox.delivered(kept.outbox.due("a", 100, 1)[0], "204", delivered_ns)
    kept.outbox.forget_receipts(60)
    assert kept.told() == ["a:2-opened"]


def test_delivering_beside_writing(kept: KeptOutbox) -> None:
    """Two threads deliver while a third writes: nothing is lost, nothing is refused as busy."""
    failures: list[Exception] = []
    done = threading.Event()

    def deliver(receiver: str) -> None:
        try:
            while not done.is_set() or kept.outbox.due(receiver, 100, 1):
                for message in kept.outbox.due(receiver, 100, 5):
                    kept.outbox.delivered(message, "204", 50)
        except Exception as error:  # noqa: BLE001  the test shows it
            failures.append(error)

    threads = [threading.Thread(target=deliver, args=(receiver,)) for receiver in ("a", "b")]
    for thread in threads:
        thread.start()
    for number in range(30):
        kept.store(outbox_message("a", str(number)), outbox_message("b", str(number)))
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert kept.waiting() == {}
    assert len(kept.told()) == 60
