"""Units of a snapshot cut into messages: each says where its records stand among those of its device in the file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from models.messages import FileMoment, RecordMessage
from models.records import RecordBlock, rows_of
from models.state import State
from streams.work_units import WorkUnit

#: Most records in one message, also of devices that have next to no payload.
_MOST_RECORDS = 4096


@dataclass(frozen=True, slots=True)
class DevicePosition:
    """How many blocks and records of a device in a file were sent."""

    blocks: int = 0
    records: int = 0


#: Positions by the devices' names.
Positions = Mapping[str, DevicePosition]


def record_messages(
    unit: WorkUnit, before: Positions, block_bytes: int, moment: FileMoment
) -> tuple[list[RecordMessage], dict[str, DevicePosition]]:
    """The messages of a unit, device by device, and the positions after them.

    Parameters
    ----------
    before
        Positions after the units of the file before this one.
    block_bytes
        Most payload in one message; a single record that is larger travels alone.
    """
    positions = dict(before)
    messages: list[RecordMessage] = []
    for device, blocks in unit.blocks.items():
        position = positions.get(device.name, DevicePosition())
        begins_unit = unit.index > 0
        for block in blocks:
            for piece in cut_block(block, block_bytes):
                messages.append(
                    RecordMessage(
                        block=piece,
                        block_number=position.blocks,
                        first_record=position.records,
                        moment=moment,
                        begins_unit=begins_unit,
                    )
                )
                begins_unit = False
                position = DevicePosition(position.blocks + 1, position.records + len(piece))
        positions[device.name] = position
    return messages, positions


def halves(message: RecordMessage) -> tuple[RecordMessage, RecordMessage]:
    """A message of two records or more as two; both keep its block number, records are known by their position."""
    middle = len(message.block) // 2
    first, second = rows_of(message.block, 0, middle), rows_of(message.block, middle, len(message.block))
    return (
        replace(message, block=first),
        replace(message, block=second, first_record=message.first_record + middle, begins_unit=False),
    )


def cut_block(block: RecordBlock, block_bytes: int) -> Iterator[RecordBlock]:
    """Pieces of a block with at most so much payload, without a copy."""
    record_bytes = block.payload.nbytes // len(block) if len(block) else 0
    count = min(max(1, block_bytes // max(1, record_bytes)), _MOST_RECORDS)
    for start in range(0, len(block), count):
        yield rows_of(block, start, min(start + count, len(block)))


def written_positions(positions: Positions) -> State:
    """Positions as a state that can be encoded."""
    return {name: [position.blocks, position.records] for name, position in sorted(positions.items())}


def read_positions(state: State) -> dict[str, DevicePosition]:
    """Positions from such a state."""
    return {name: DevicePosition(blocks, records) for name, (blocks, records) in state.items()}
