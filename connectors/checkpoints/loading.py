"""Loading a checkpoint from its slots: the latest generation that is whole."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from connectors.checkpoints.document import (
    POSITION_NAMES,
    DamagedError,
    Generations,
    Position,
    decode_position,
    slot_name,
)
from connectors.checkpoints.packing import unpack
from connectors.checkpoints.store import Checkpoint
from models.errors import FatalError

#: The content that is kept under a name, or None when there is none or it can't be read.
Read = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What is kept of a partition."""

    checkpoint: Checkpoint
    generations: Generations


def load(where: str, place: str, names: Iterable[str], read: Read) -> Loaded | None:
    """Load the latest generation that is whole; None where nothing has ever been written.

    Parameters
    ----------
    where
        Agent and partition, for sentences.
    place
        The folder or topic, for sentences.
    names
        All that is kept, documents included.

    Raises
    ------
    FatalError
        ``checkpoint_too_new``; ``checkpoint_damaged`` when neither the latest generation nor the one before is whole.
    """
    kept = frozenset(names)
    if not kept:
        return None
    positions, unreadable = _positions(where, read)
    for position in positions:
        states = _states(position, read)
        if states is None:
            continue
        # A document that can't be read or is gone may have been the latest; only the first one stands alone.
        damaged = unreadable or position is not positions[0] or (len(positions) < 2 and position.generation > 0)
        checkpoint = Checkpoint(
            next_offsets=position.next_offsets,
            states=states,
            fell_back=_fell_back(where, position) if damaged else "",
        )
        generations = Generations(where, position, kept.difference(POSITION_NAMES))
        return Loaded(checkpoint=checkpoint, generations=generations)
    raise FatalError(
        f"neither the latest checkpoint of {where} nor the one before it can be read; restore {place} from a copy, or "
        "empty it: the work then begins again at the oldest message that is kept",
        reason="checkpoint_damaged",
    )


def _positions(where: str, read: Read) -> tuple[list[Position], bool]:
    """The documents that can be read, the latest first; and whether there is one that can't."""
    positions, unreadable = [], False
    for name in POSITION_NAMES:
        document = read(name)
        if document is None:
            continue
        try:
            position = decode_position(document, where)
        except DamagedError:
            unreadable = True
            continue
        if position.name == name:
            positions.append(position)
        else:
            unreadable = True
    return sorted(positions, key=lambda position: -position.generation), unreadable


def _states(position: Position, read: Read) -> dict[str, bytes] | None:
    """All states of a generation; None when one of them is damaged."""
    states: dict[str, bytes] = {}
    for key, entry in position.states.items():
        state = read(slot_name(key, entry.slot))
        if state is None or not entry.matches(state):
            return None
        try:
            states[key] = state if entry.unpacked is None else unpack(state, entry.unpacked)
        except ValueError:
            return None
    return states


def _fell_back(where: str, position: Position) -> str:
    offsets: Mapping[str, int] = position.next_offsets
    to = ", ".join(f"offset {offset} of {topic}" for topic, offset in sorted(offsets.items())) or "the beginning"
    return f"the latest checkpoint of {where} is damaged: the work goes on from the one before it, at {to}"
