"""The document of a checkpoint: which of two slots holds each state, so that the checkpoint before is whole, too.

Every state has two slots. A write puts a state into the slot that the latest document does not name, and then a new
document into the place of the one before the latest. So the latest two generations of a checkpoint never share what
has changed between them, and a write that ends half-way has touched nothing that the latest one names.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from connectors.checkpoints.packing import pack
from models.errors import FatalError

#: Of the documents that are written.
FORMAT = 2
#: Where the two documents are kept: one of an even generation, one of an odd one.
POSITION_NAMES = ("position-0", "position-1")
MOST_STATES = 65_536
MOST_STATE_BYTES = 256 << 20
MOST_POSITION_BYTES = 16 << 20
MOST_KEY_CHARACTERS = 200

_MAGIC = "petawatch-checkpoint"
_HEADER_BYTES = 128
_LONG_NAME = 180  # characters; file systems take names of up to 255


def _all_unpacked(content: dict[str, Any]) -> dict[str, Any]:
    return content | {"states": {key: [*entry, None] for key, entry in content["states"].items()}}


#: How a document of an older format becomes one of the next, by the older format's number.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _all_unpacked}


class DamagedError(Exception):
    """What was read is not what was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateEntry:
    """Where a state lies and what it must be: its slot (0 or 1), its bytes there and their SHA-256.

    Attributes
    ----------
    unpacked
        Bytes of the state itself; None where it lies as it is, as format 1 wrote it.
    """

    slot: int
    length: int
    sha256: str
    unpacked: int | None

    def matches(self, state: bytes | None) -> bool:
        """Whether this is the state that was written."""
        return state is not None and len(state) == self.length and _digest(state) == self.sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One generation of a checkpoint, without the states themselves."""

    generation: int = 0
    next_offsets: Mapping[str, int] = field(default_factory=dict)
    states: Mapping[str, StateEntry] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Where its document is kept."""
        return POSITION_NAMES[self.generation % 2]

    def encode(self) -> bytes:
        """The document: a line with format and checksum, whatever the format, then JSON."""
        content = {
            "generation": self.generation,
            "next_offsets": dict(self.next_offsets),
            "states": {
                key: [entry.slot, entry.length, entry.sha256, entry.unpacked] for key, entry in self.states.items()
            },
        }
        body = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
        return f"{_MAGIC} {FORMAT} {_checksum(str(FORMAT), body)}\n".encode() + body


def decode_position(document: bytes, where: str) -> Position:
    """Read a document of this format or an older one.

    Parameters
    ----------
    where
        Agent and partition, for the sentence of an error.

    Raises
    ------
    DamagedError
        It is not what was written.
    FatalError
        ``checkpoint_too_new``.
    """
    head, newline, body = document.partition(b"\n")
    words = head[:_HEADER_BYTES].decode("ascii", errors="replace").split(" ")
    if not newline or len(words) != 3 or words[0] != _MAGIC or not words[1].isdigit():
        raise DamagedError
    if words[2] != _checksum(words[1], body):
        raise DamagedError
    version = int(words[1])
    if version > FORMAT:
        raise FatalError(
            f"a newer Petawatch wrote the checkpoint of {where} (format {version}, this one knows {FORMAT}); "
            "run that version, or a newer one",
            reason="checkpoint_too_new",
        )
    try:
        content = json.loads(body)
        for older in range(version, FORMAT):
            content = MIGRATIONS[older](content)
        states = {
            str(key): StateEntry(
                slot=_natural(slot),
                length=_natural(length),
                sha256=str(digest),
                unpacked=None if unpacked is None else _natural(unpacked),
            )
            for key, (slot, length, digest, unpacked) in content["states"].items()
        }
        next_offsets = {str(topic): _natural(offset) for topic, offset in content["next_offsets"].items()}
        return Position(generation=_natural(content["generation"]), next_offsets=next_offsets, states=states)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError from error


@lru_cache(maxsize=4 * MOST_STATES)
def slot_name(key: str, slot: int) -> str:
    """Where a slot of a state is kept: a name that is fit for a file, too."""
    name = quote(key, safe="@:,+= ")
    if len(name) > _LONG_NAME:
        name = f"{name[:100]}~{_digest(key.encode())}"
    return f"{name}#{slot}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """What is to be written: first the slots, then the document; afterwards what nobody needs any more goes."""

    slots: Mapping[str, bytes]
    position: Position
    document: bytes
    needless: tuple[str, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of the slots."""
        return sum(map(len, self.slots.values()))


class Generations:
    """The two latest generations of a partition's checkpoint, and what the next write puts where.

    Parameters
    ----------
    where
        Agent and partition, for sentences.
    names
        All slots that are kept, needed or not.
    """

    def __init__(self, where: str, current: Position | None = None, names: frozenset[str] = frozenset()) -> None:
        self._where = where
        self._current = current
        self._names = names

    @property
    def current(self) -> Position | None:
        """The latest that is known to be written."""
        return self._current

    def next_writing(self, next_offsets: Mapping[str, int], changed: Mapping[str, bytes]) -> Writing:
        """The next generation; an empty state removes its key.

        Raises
        ------
        FatalError
            ``checkpoint_too_large``: a limit that only an error of the program or a wrong file can exceed.
        """
        before = self._current
        known = {} if before is None else before.states
        states, slots = dict(known), {}
        for key, state in changed.items():
            self._check(key, state)
            states.pop(key, None)
            if state:
                slot, packed = 1 - known[key].slot if key in known else 0, pack(state)
                states[key] = StateEntry(slot=slot, length=len(packed), sha256=_digest(packed), unpacked=len(state))
                slots[slot_name(key, slot)] = packed
        generation = 0 if before is None else before.generation + 1
        position = Position(generation=generation, next_offsets=dict(next_offsets), states=states)
        document = position.encode()
        if len(states) > MOST_STATES or len(document) > MOST_POSITION_BYTES:
            raise self._too_large(f"its {len(states)} states")
        needed = {slot_name(key, slot) for key in (*states, *known) for slot in (0, 1)}
        needless = tuple(sorted(self._names - needed))
        return Writing(slots=slots, position=position, document=document, needless=needless)

    def written(self, writing: Writing) -> None:
        """Take note that it is durable."""
        self._current = writing.position
        self._names = self._names.union(writing.slots).difference(writing.needless)

    def _check(self, key: str, state: bytes) -> None:
        if not 1 <= len(key) <= MOST_KEY_CHARACTERS:
            raise self._too_large(f"a key of {len(key)} characters")
        if len(state) > MOST_STATE_BYTES:
            raise self._too_large(f"the state {key} with {len(state)} bytes")

    def _too_large(self, what: str) -> FatalError:
        return FatalError(
            f"the checkpoint of {self._where} exceeds its limits by {what}; spread its devices over more partitions",
            reason="checkpoint_too_large",
        )


def _checksum(version: str, body: bytes) -> str:
    return _digest(version.encode() + b"\n" + body)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _natural(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(value)
    return value
