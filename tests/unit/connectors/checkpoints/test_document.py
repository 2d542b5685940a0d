"""The slots of a checkpoint: whatever happens to the latest generation, the one before is whole."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.checkpoints import document
from connectors.checkpoints.document import (
    MOST_KEY_CHARACTERS,
    DamagedError,
    Generations,
    Position,
    StateEntry,
    decode_position,
    slot_name,
)
from connectors.checkpoints.loading import Loaded, load
from models.errors import FatalError

_WHERE = "agent image, partition 3"
_POSITION = Position(
    generation=5,
    next_offsets={"images": 7},
    states={
        "a": StateEntry(slot=1, length=2, sha256="00" * 32, unpacked=9),
        "b": StateEntry(slot=0, length=3, sha256="11" * 32, unpacked=None),
    },
)


class Kept(dict[str, bytes]):
    """What a store keeps."""

    def write(
        self,
        generations: Generations,
        offsets: Mapping[str, int],
        changed: Mapping[str, bytes],
        steps: int | None = None,
    ) -> bool:
        """Write, or die after so many steps; whether it was finished."""
        writing = generations.next_writing(offsets, changed)
        puts = [*writing.slots.items(), (writing.position.name, writing.document)]
        self.update(puts[:steps])
        if steps is not None and steps < len(puts):
            return False
        for name in writing.needless:
            del self[name]
        generations.written(writing)
        return True

    def load(self) -> Loaded | None:
        return load(_WHERE, "the folder", self, self.get)


def test_a_document_is_read_as_it_was_written() -> None:
    assert decode_position(_POSITION.encode(), _WHERE) == _POSITION


@given(st.data())
def test_no_damage_to_a_document_passes(data: st.DataObject) -> None:
    whole = bytearray(_POSITION.encode())
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytes(whole[:at]) + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + bytes(whole[at + 1 :])
    for content in (damaged, bytes(whole[:at])):
        with pytest.raises(DamagedError):
            decode_position(content, _WHERE)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"generation": -1, "next_offsets": {}, "states": {}},
        {"generation": True, "next_offsets": {}, "states": {}},
        {"generation": 1, "next_offsets": {"a": "1"}, "states": {}},
        {"generation": 1, "next_offsets": {}, "states": {"a": [0, 1]}},
        {"generation": 1, "next_offsets": [], "states": {}},
        [],
    ],
)
def test_a_document_with_another_content_is_damaged(content: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps(content)
    monkeypatch.setattr(json, "dumps", lambda *_, **__: body)
    encoded = _POSITION.encode()
    monkeypatch.undo()
    with pytest.raises(DamagedError):
        decode_position(encoded, _WHERE)


def test_states_that_format_1_wrote_lie_as_they_are_until_they_change() -> None:
    """The bytes of a program of then: two generations, of which the latest names a state of each kind."""
    kept, states = Kept(), {"a": b"as it was", "b": b"PWST"}
    content = {
        "generation": 0,
        "next_offsets": {"images": 7},
        "states": {key: [0, len(state), hashlib.sha256(state).hexdigest()] for key, state in states.items()},
    }
    body = json.dumps(content).encode()
    checksum = hashlib.sha256(b"1\n" + body).hexdigest()
    kept["position-0"] = f"petawatch-checkpoint 1 {checksum}\n".encode() + body
    kept.update({slot_name(key, 0): state for key, state in states.items()})
    loaded = kept.load()
    assert loaded is not None
    assert loaded.checkpoint.states == states
    assert kept.write(loaded.generations, {"images": 8}, {"a": b"changed"})
    again = kept.load()
    assert again is not None
    assert again.checkpoint.states == {"a": b"changed", "b": b"PWST"}
    assert not again.checkpoint.fell_back


def test_an_older_format_without_a_migration_is_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = _POSITION.encode()
    monkeypatch.setattr(document, "FORMAT", 3)
    with pytest.raises(DamagedError):
        decode_position(encoded, _WHERE)


@given(st.text(min_size=1, max_size=MOST_KEY_CHARACTERS), st.text(min_size=1, max_size=MOST_KEY_CHARACTERS))
def test_names_of_slots_are_fit_for_files_and_unique(one: str, other: str) -> None:
    name = slot_name(one, 0)
    assert "/" not in name
    assert len(name.encode()) <= 255
    assert (name == slot_name(other, 0)) == (one == other)
    assert not name.startswith("position-") or name.endswith("#0")


@pytest.mark.parametrize("key", ["", "x" * (MOST_KEY_CHARACTERS + 1)])
def test_keys_have_limits(key: str) -> None:
    with pytest.raises(FatalError) as raised:
        Generations(_WHERE).next_writing({}, {key: b"1"})
    assert raised.value.reason == "checkpoint_too_large"


def test_states_have_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MOST_STATE_BYTES", 10)
    monkeypatch.setattr(document, "MOST_STATES", 2)
    generations = Generations(_WHERE)
    for changed in ({"a": b"x" * 11}, {"a": b"1", "b": b"1", "c": b"1"}):
        with pytest.raises(FatalError, match=_WHERE):
            generations.next_writing({}, changed)


_KEYS = st.sampled_from(["a", "b", "c"])
_CHANGES = st.dictionaries(_KEYS, st.sampled_from([b"", b"1", b"22", b"333"]))


@given(st.lists(st.tuples(_CHANGES, st.none() | st.integers(0, 4)), max_size=12), st.data())
def test_deaths_at_any_step_and_then_damage_to_the_latest_generation(
    writes: list[tuple[dict[str, bytes], int | None]], data: st.DataObject
) -> None:
    kept = Kept()
    generations = Generations(_WHERE)
    kept.write(generations, {}, {})
    history: list[tuple[dict[str, int], dict[str, bytes]]] = [({}, {})]
    for number, (changed, steps) in enumerate(writes):
        states = {key: state for key, state in {**history[-1][1], **changed}.items() if state}
        if kept.write(generations, {"images": number}, changed, steps):
            history.append(({"images": number}, states))
        else:
            loaded = kept.load()  # the next owner
            assert loaded is not None
            generations = loaded.generations
            assert not loaded.checkpoint.fell_back
            assert (loaded.checkpoint.next_offsets, loaded.checkpoint.states) == history[-1]
    if len(history) < 2 or (writes and writes[-1][1] is not None):
        return  # a death before the damage is two troubles at once
    latest, before = generations.current, history[-2]
    assert latest is not None
    new = {
        slot_name(key, entry.slot)
        for key, entry in latest.states.items()
        if writes[-1][0].get(key)  # what did not change is in both generations
    }
    name = data.draw(st.sampled_from(sorted({latest.name} | new)))
    kept[name] = kept[name][:-1] + bytes([kept[name][-1] ^ 1])
    loaded = kept.load()
    assert loaded is not None
    assert loaded.checkpoint.fell_back
    assert (loaded.checkpoint.next_offsets, loaded.checkpoint.states) == before


def test_nothing_that_nobody_needs_is_kept() -> None:
    kept, generations = Kept(), Generations(_WHERE)
    for number in range(6):
        kept.write(generations, {"images": number}, {f"device-{number}": b"1", f"device-{number - 1}": b""})
    assert len(kept) <= 2 + 2


def test_a_key_that_comes_back_while_the_one_before_names_it() -> None:
    kept, generations = Kept(), Generations(_WHERE)
    for number, state in enumerate([b"1", b"", b"2", b"", b"3"]):
        kept.write(generations, {"images": number}, {"a": state})
    loaded = kept.load()
    assert loaded is not None
    assert loaded.checkpoint.states == {"a": b"3"}
