import threading
from pathlib import Path

from connectors.state.commit import Commit, OutboxMessage
from connectors.state.directory import StateDirectory
from connectors.webhooks import Outbox


def _message(url: str, alert: str, event: str) -> OutboxMessage:
    return OutboxMessage(url=url, alert_id=alert, event_id=event, body=f'{{"event": "{event}"}}'.encode(), created_ns=7)


def test_only_the_first_of_each_line_is_due(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        outbox = state.outbox()
        assert outbox.next_due_ns() is None
        messages = [
            _message("http://a", "1", "opened"),
            _message("http://a", "1", "closed"),
            _message("http://b", "1", "opened"),
            _message("http://a", "2", "opened"),
        ]
        state.commit(Commit(outbox=messages))
        due = outbox.due(100, 10)
        assert [(one.url, one.alert_id, one.event_id) for one in due] == [
            ("http://a", "1", "opened"),
            ("http://b", "1", "opened"),
            ("http://a", "2", "opened"),
        ]
        assert (due[0].body, due[0].attempts) == (b'{"event": "opened"}', 0)
        assert len(outbox.due(100, 2)) == 2
        outbox.failed(due[0].id, "refused", 500)
        assert [one.url + one.alert_id for one in outbox.due(499, 10)] == ["http://b1", "http://a2"]
        assert outbox.due(500, 10)[0].attempts == 1
        outbox.delivered(due[0].id)
        assert [one.event_id for one in outbox.due(100, 10)] == ["closed", "opened", "opened"]
        outbox.close()


def test_when_the_next_is_due(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        outbox = state.outbox()
        state.commit(Commit(outbox=[_message("http://a", "1", "opened"), _message("http://a", "1", "closed")]))
        assert outbox.next_due_ns() == 0
        outbox.failed(outbox.due(0, 1)[0].id, "away", 700)
        assert outbox.next_due_ns() == 700  # the closing waits behind the opening
        assert outbox.waiting() == 2
        outbox.close()


def test_messages_outlive_the_watch(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(Commit(outbox=[_message("http://a", "1", "opened")]))
    with StateDirectory.open(tmp_path) as state:
        outbox: Outbox = state.outbox()
        (waiting,) = outbox.due(0, 10)
        outbox.delivered(waiting.id)
        state.outbox().close()
    with StateDirectory.open(tmp_path) as state:
        assert state.outbox().waiting() == 0


def test_delivering_beside_commits(tmp_path: Path) -> None:
    """Two threads deliver while a third commits: nothing is lost, nothing is refused as busy."""
    with StateDirectory.open(tmp_path) as state:
        outbox = state.outbox()
        failures: list[Exception] = []
        done = threading.Event()

        def deliver() -> None:
            try:
                while not done.is_set() or outbox.waiting():
                    for one in outbox.due(0, 5):
                        outbox.delivered(one.id)
            except Exception as error:  # noqa: BLE001  the test shows it
                failures.append(error)

        threads = [threading.Thread(target=deliver) for _ in range(2)]
        for thread in threads:
            thread.start()
        for number in range(30):
            state.commit(
                Commit(outbox=[_message("http://a", str(number), "opened")], stage_states={"x": b"1" * 10_000})
            )
        done.set()
        for thread in threads:
            thread.join()
        assert failures == []
        assert outbox.waiting() == 0
        outbox.close()
