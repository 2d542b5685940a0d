import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from connectors.wire.codec import ORIGIN_HEADER, SCHEMA_HEADER, SCHEMAS, decode, encode, origin_of
from connectors.wire.dead_letter import DeadLetterMessage, without_value
from connectors.wire.document import write_document
from connectors.wire.limits import MAX_DOCUMENT_BYTES
from connectors.wire.message import Incoming, Outgoing
from models.devices import Device, RecordKind, Stage
from models.messages import Origin, RecordMessage, ScoredMessage
from tests.support.golden_wire import GOLDEN, read_golden
from tests.support.hostile_wire import hostile_messages
from tests.support.wire_messages import (
    CAMERA_BLOCK,
    DEAD_LETTER,
    EXAMPLES,
    METER_MESSAGE,
    NOTICE,
    ORIGIN,
    RECORD_MESSAGE,
    SCORED,
    SOURCE,
    bits,
    incoming_of,
)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message_comes_back_bit_for_bit(name: str) -> None:
    assert bits(decode(incoming_of(encode(EXAMPLES[name])))) == bits(EXAMPLES[name])


@pytest.mark.parametrize("name", EXAMPLES)
def test_old_bytes_stay_readable(name: str) -> None:
    value, headers = read_golden(GOLDEN / f"{name}.json")
    incoming = Incoming(topic="scored", partition=0, offset=1, key=None, value=value, headers=headers)
    assert bits(decode(incoming)) == bits(EXAMPLES[name])
    assert origin_of(incoming) == ORIGIN


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_bytes_are_those_of_the_golden_file(name: str) -> None:
    encoded = encode(EXAMPLES[name], ORIGIN)
    assert (encoded.value, encoded.headers) == read_golden(GOLDEN / f"{name}.json")


def test_every_kind_of_message_has_a_golden_file_and_every_file_is_read() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(EXAMPLES)
    assert {type(message) for message in EXAMPLES.values()} == set(SCHEMAS)


def test_the_schema_comes_first_and_every_header_is_text() -> None:
    for message in EXAMPLES.values():
        headers = encode(message).headers
        assert headers[0] == (SCHEMA_HEADER, str(SCHEMAS[type(message)]).encode())
        assert ORIGIN_HEADER not in dict(headers)


def test_a_message_without_an_origin_has_none() -> None:
    assert origin_of(incoming_of(encode(SCORED))) is None
    assert origin_of(incoming_of(encode(SCORED, Origin("images", 0, 0)))) == Origin("images", 0, 0, 0)


def test_pixels_are_not_copied_and_nothing_else_keeps_them_in_memory() -> None:
    incoming = incoming_of(encode(RECORD_MESSAGE))
    message = decode(incoming)
    assert isinstance(message, RecordMessage)
    value = np.frombuffer(incoming.value or b"", np.uint8)
    block = message.block
    assert np.shares_memory(block.payload, value)
    for array in (block.event_time_ns, block.state, block.refusal):
        assert not np.shares_memory(array, value)


def test_arrays_are_read_only_and_aligned() -> None:
    for message in (RECORD_MESSAGE, METER_MESSAGE):
        decoded = decode(incoming_of(encode(message)))
        assert isinstance(decoded, RecordMessage)
        block = decoded.block
        for array in (block.event_time_ns, block.state, block.refusal, block.payload):
            assert array.flags.aligned
            assert not array.flags.writeable
    scored = decode(incoming_of(encode(SCORED)))
    assert isinstance(scored, ScoredMessage)
    assert not any(array.flags.writeable for array in scored.scored.arrays().values())


def test_a_single_shot_costs_little_beside_its_pixels() -> None:
    block = replace(
        CAMERA_BLOCK,
        payload=np.zeros((1, 102, 128), np.uint16),
        event_time_ns=CAMERA_BLOCK.event_time_ns[:1],
        state=CAMERA_BLOCK.state[:1],
        refusal=CAMERA_BLOCK.refusal[:1],
        hdf5_group=CAMERA_BLOCK.hdf5_group[:1],
    )
    encoded = encode(replace(RECORD_MESSAGE, block=block))
    assert len(encoded.value) < block.payload.nbytes + 1000
    assert sum(len(name) + len(value) for name, value in encoded.headers) < 600


def test_a_device_is_what_its_name_says() -> None:
    stranger = Device("LA_A3_31-Camera_1", Stage("LB", "A1", "11"), RecordKind.CAMERA)
    with pytest.raises(ValueError, match="its name says"):
        encode(replace(RECORD_MESSAGE, block=replace(CAMERA_BLOCK, device=stranger)))
    with pytest.raises(ValueError, match="says another device"):
        encode(replace(NOTICE, device=stranger))


def test_what_readers_would_refuse_is_not_written() -> None:
    with pytest.raises(ValueError, match="zero character"):
        encode(replace(RECORD_MESSAGE, block=replace(CAMERA_BLOCK, hdf5_group=("a", "b\0c"))))
    with pytest.raises(ValueError, match="split it"):
        write_document({"text": "a" * MAX_DOCUMENT_BYTES})


def test_additional_entries_of_a_document_are_passed_over() -> None:
    incoming = incoming_of(encode(NOTICE))
    later = replace(incoming, value=(incoming.value or b"")[:-1] + b',"colour":"blue"}')
    assert decode(later) == NOTICE


def test_a_dead_letter_knows_whose_records_it_holds() -> None:
    assert (DEAD_LETTER.records, DEAD_LETTER.source, DEAD_LETTER.first_record) == (2, SOURCE, 224)
    assert DEAD_LETTER.device == CAMERA_BLOCK.device.name


def test_a_dead_letter_of_rows_knows_whose_records_it_holds() -> None:
    letter = DeadLetterMessage(original=incoming_of(encode(SCORED)), reason="poisonous", agent="join", error="")
    assert (letter.records, letter.source) == (3, SOURCE)


@pytest.mark.parametrize("error", ["it failed", "é" * 500, ""])
def test_a_dead_letter_without_its_value_is_still_accounted_for(error: str) -> None:
    whole = encode(replace(DEAD_LETTER, error=error))
    letter = Outgoing(topic="dead-letters", key=b"k", value=whole.value, headers=whole.headers)
    smaller = without_value(letter)
    assert (smaller.topic, smaller.key, smaller.value) == (letter.topic, letter.key, b"")
    read = decode(Incoming(topic="dead-letters", partition=0, offset=1, key=b"k", value=b"", headers=smaller.headers))
    told = f"the value of {len(whole.value)} bytes was too large to keep; {error}"
    assert isinstance(read, DeadLetterMessage)
    assert read.error.removesuffix("...") == told[: len(read.error.removesuffix("..."))]
    assert len(read.error) == min(len(told), 500)
    original = replace(DEAD_LETTER.original, value=b"")
    assert read == replace(DEAD_LETTER, original=original, error=read.error)


def test_any_bad_message_makes_a_dead_letter_and_comes_back_out_of_it() -> None:
    for hostile in hostile_messages():
        original = hostile.incoming
        if any(value is None for _, value in original.headers):
            continue  # a header without a value comes as no bytes from the clients
        letter = DeadLetterMessage(original=original, reason=hostile.reason, agent="image", error="\udcff" + "x" * 9999)
        encoded = encode(letter)
        assert encoded.value == (original.value or b"")
        assert len(dict(encoded.headers)["error"]) <= 500
        decoded = decode(incoming_of(encoded, "dead-letters"))
        assert isinstance(decoded, DeadLetterMessage)
        assert decoded == letter
        assert decoded.original == original


def test_a_dead_letter_of_a_dead_letter_keeps_both() -> None:
    inner = incoming_of(encode(DEAD_LETTER), "dead-letters")
    outer = DeadLetterMessage(original=inner, reason="damaged_header", agent="recorder", error="")
    decoded = decode(incoming_of(encode(outer), "dead-letters"))
    assert isinstance(decoded, DeadLetterMessage)
    assert decode(decoded.original) == DEAD_LETTER


def test_the_layout_says_what_any_reader_of_da00_sees() -> None:
    """Another program of the community reads a block with the library alone."""
    program = (
        "import sys\n"
        "from streaming_data_types.dataarray_da00 import deserialise_da00\n"
        "array = deserialise_da00(sys.stdin.buffer.read())\n"
        "for v in array.data: print(v.name, v.unit, v.data.dtype, v.axes, v.data.shape)\n"
        "print(array.source_name, array.data[0].data.tolist(), array.data[3].data[1, 2, 3])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], input=encode(RECORD_MESSAGE).value, capture_output=True, check=True
    )
    assert run.stdout.decode().splitlines() == [
        "time ns int64 ['record'] (2,)",
        "state None uint8 ['record'] (2,)",
        "refusal None uint8 ['record'] (2,)",
        "signal counts uint16 ['record', 'y', 'x'] (2, 3, 4)",
        "hdf5_path None uint8 ['byte'] (43,)",
        "LA_A3_31-Camera_1-Camera-1 [1656668040000000000, 1656668040100000001] 4094",
    ]
