"""Any message comes back bit for bit; any bytes whatever are a message or are refused with a reason."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from connectors.wire.codec import SCHEMAS, decode, encode, origin_of
from connectors.wire.containers import write_container
from connectors.wire.hdf5_paths import pack_paths, unpack_paths
from connectors.wire.limits import MAX_TIME_NS, MIN_TIME_NS
from connectors.wire.message import Incoming
from models.alerts.explanation import Explanation
from models.devices import RecordKind, parse_device
from models.errors import RecordError
from models.messages import AlertMessage, EvidenceMessage, FileMoment, Origin, RecordMessage
from models.records import RecordBlock, SourceReference
from models.state import decode_state
from tests.support.wire_messages import ALERT, EVIDENCE, EXAMPLES, bits, incoming_of

REASONS = {"missing_header", "damaged_header", "unknown_schema", "unknown_version", "damaged_payload", "too_large"}
GOOD = {name: incoming_of(encode(message)) for name, message in EXAMPLES.items()}
SCHEMA_NAMES = sorted(str(schema) for schema in SCHEMAS.values())

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
PATHS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
TIMES = st.integers(MIN_TIME_NS, MAX_TIME_NS - 1)
MOMENTS = st.builds(FileMoment, start_ns=TIMES, closed_ns=TIMES)
SOURCES = st.builds(SourceReference, file=TEXTS, sha256=TEXTS)
WORDS = {
    RecordKind.CAMERA: "Camera",
    RecordKind.ENERGY_METER: "EnergyMeter",
    RecordKind.SPECTROMETER: "Spectro",
    RecordKind.OTHER: "Saga",
}


def refused_or_read(incoming: Incoming) -> None:
    """Nothing but a ``RecordError`` of a bounded reason, and what is read can be written again."""
    refusal = None
    try:
        message = decode(incoming)
    except RecordError as error:
        refusal = error
    if refusal is not None:
        assert refusal.reason in REASONS
        assert str(refusal).isprintable()
        assert len(str(refusal)) < 1000
        return
    again = encode(message)
    assert bits(decode(incoming_of(again))) == bits(message)


@st.composite
def record_messages(draw: st.DrawFn) -> RecordMessage:
    """Any block of any kind: every bit pattern of every payload."""
    kind = draw(st.sampled_from(RecordKind))
    rows = draw(st.integers(1, 5))
    device = parse_device(f"{draw(st.sampled_from(['LA_A3_31', 'LB_A2', '?']))}{WORDS[kind]}{draw(TEXTS)}")
    shape = {
        RecordKind.CAMERA: (rows, draw(st.integers(0, 5)), draw(st.integers(0, 5))),
        RecordKind.ENERGY_METER: (rows, 2),
        RecordKind.SPECTROMETER: (rows, draw(st.integers(0, 9))),
        RecordKind.OTHER: (rows, draw(st.integers(0, 2))),
    }[device.kind]
    unsigned = np.uint16 if device.kind is RecordKind.CAMERA else np.uint64
    payload: Any = draw(npst.arrays(unsigned, shape))
    block = RecordBlock(
        device=device,
        source=draw(SOURCES),
        event_time_ns=np.sort(draw(npst.arrays(np.int64, rows, elements=TIMES))),
        state=draw(npst.arrays(np.uint8, rows, elements=st.integers(0, 7))),
        refusal=draw(npst.arrays(np.uint8, rows, elements=st.integers(0, 10))),
        payload=payload if device.kind is RecordKind.CAMERA else payload.view(np.float64),
        hdf5_group=tuple(draw(st.lists(PATHS, min_size=rows, max_size=rows))),
        interval_hz=draw(st.floats(min_value=0, exclude_min=True, allow_infinity=False) | st.just(np.nan)),
        replacement=draw(st.booleans()),
    )
    positions = st.integers(0, 2**63 - 1)
    return RecordMessage(
        block=block,
        block_number=draw(positions),
        first_record=draw(positions),
        moment=draw(MOMENTS),
        begins_unit=draw(st.booleans()),
    )


@given(record_messages())
def test_any_record_block_comes_back_bit_for_bit(message: RecordMessage) -> None:
    assert bits(decode(incoming_of(encode(message)))) == bits(message)


@given(st.lists(PATHS, min_size=1, max_size=8) | st.lists(st.sampled_from(["aba", "aa", "a", ""]), min_size=1))
def test_any_paths_come_back(paths: list[str]) -> None:
    assert unpack_paths(pack_paths(tuple(paths)), len(paths), 1 << 20) == tuple(paths)


@given(
    st.floats(allow_nan=False) | st.just(np.nan),
    TEXTS,
    TIMES,
    st.none() | MOMENTS,
    st.lists(TEXTS, max_size=3),
    st.builds(Explanation, text=TEXTS, cause=TEXTS, cause_probability=st.floats(0, 1)),
)
def test_any_alert_comes_back(
    score: float,
    text: str,
    time_ns: int,
    moment: FileMoment | None,
    reasons: list[str],
    explanation: Explanation,
) -> None:
    alert = replace(
        ALERT.event.alert,
        score=score,
        device=text,
        first_shot_ns=time_ns,
        reasons=tuple(reasons),
        explanation=explanation,
    )
    message = AlertMessage(event=replace(ALERT.event, alert=alert), moment=moment)
    assert bits(decode(incoming_of(encode(message)))) == bits(message)


@given(
    st.integers(1, 5).flatmap(lambda n: st.tuples(npst.arrays(np.uint16, (n, 3)), npst.arrays(np.uint32, (3, n, 3))))
)
def test_any_evidence_comes_back(pixels: tuple[Any, Any]) -> None:
    cleaned, reconstruction, residual_z = pixels[1].view(np.float32)
    frame = replace(
        EVIDENCE.frame, raw=pixels[0], cleaned=cleaned, reconstruction=reconstruction, residual_z=residual_z
    )
    assert bits(decode(incoming_of(encode(EvidenceMessage(frame=frame))))) == bits(EvidenceMessage(frame=frame))


@given(st.text("abc-.", min_size=1), st.integers(0, 2**31), st.integers(0, 2**63 - 1), st.integers(0, 2**31))
def test_any_origin_comes_back(topic: str, partition: int, offset: int, part: int) -> None:
    origin = Origin(topic, partition, offset, part)
    assert origin_of(incoming_of(encode(ALERT, origin))) == origin


@given(
    st.sampled_from(sorted(GOOD)),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
    st.floats(0, 1),
    st.binary(max_size=8),
)
@settings(max_examples=1500)
def test_good_messages_with_bytes_changed_are_read_or_refused(
    name: str, changes: list[tuple[float, int]], cut: float, tail: bytes
) -> None:
    good = GOOD[name]
    value = bytearray(good.value or b"")
    for place, byte in changes:
        if value:
            value[int(place * len(value))] = byte
    refused_or_read(replace(good, value=bytes(value)))
    refused_or_read(replace(good, value=bytes(value[: int(cut * len(value))]) + tail))


def test_every_single_bit_of_a_block_that_is_turned_is_read_or_refused() -> None:
    good = GOOD["records-1-camera"]
    value = good.value or b""
    for place in range(len(value)):
        for bit in (1, 128):
            changed = bytearray(value)
            changed[place] ^= bit
            refused_or_read(replace(good, value=bytes(changed)))


@given(st.sampled_from(sorted(GOOD)), st.data())
@settings(max_examples=500)
def test_good_messages_with_headers_changed_are_read_or_refused(name: str, data: st.DataObject) -> None:
    good = GOOD[name]
    headers = list(good.headers)
    place = data.draw(st.integers(0, len(headers) - 1))
    names = st.sampled_from([header for header, _ in good.headers]) | TEXTS
    values = st.binary(max_size=30) | st.integers().map(lambda number: str(number).encode()) | TEXTS.map(str.encode)
    headers[place] = (data.draw(names), data.draw(values))
    refused_or_read(replace(good, headers=tuple(headers[: data.draw(st.integers(0, len(headers)))])))
    refused_or_read(replace(good, headers=tuple(headers)))


@given(st.sampled_from(SCHEMA_NAMES), st.sampled_from(sorted(GOOD)), st.binary(max_size=200) | st.none())
@example("dead-letter/1", "dead-letter-1", None)
@settings(max_examples=500)
def test_any_bytes_are_refused_or_read(schema: str, name: str, value: bytes | None) -> None:
    headers = (("schema", schema.encode()), *((key, data) for key, data in GOOD[name].headers if key != "schema"))
    refused_or_read(replace(GOOD[name], headers=headers, value=value))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
DOCUMENTS = [name for name, good in GOOD.items() if (good.value or b"").startswith(b"{")]
CONTAINERS = [name for name, good in GOOD.items() if (good.value or b"").startswith(b"PWST")]
LEAVES = JSON | npst.arrays(npst.scalar_dtypes().filter(lambda dtype: dtype.kind in "biufcSUmM"), (2,))


def _put(value: Any, data: st.DataObject, leaves: st.SearchStrategy[Any]) -> Any:
    """The value with one entry, at any depth, replaced."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 9)):
        key = data.draw(st.sampled_from(sorted(value)))
        return value | {key: _put(value[key], data, leaves)}
    if isinstance(value, list) and value and data.draw(st.integers(0, 9)):
        place = data.draw(st.integers(0, len(value) - 1))
        return [*value[:place], _put(value[place], data, leaves), *value[place + 1 :]]
    return data.draw(leaves)


@given(st.sampled_from(DOCUMENTS), st.data())
@settings(max_examples=500)
def test_documents_with_an_entry_changed_are_read_or_refused(name: str, data: st.DataObject) -> None:
    good = GOOD[name]
    changed = _put(json.loads(good.value or b""), data, JSON)
    refused_or_read(replace(good, value=json.dumps(changed).encode()))


@given(st.sampled_from(CONTAINERS), st.data())
@settings(max_examples=500)
def test_containers_with_an_entry_changed_are_read_or_refused(name: str, data: st.DataObject) -> None:
    good = GOOD[name]
    changed = _put(decode_state(good.value or b""), data, LEAVES)
    if isinstance(changed, dict):
        refused_or_read(replace(good, value=write_container(changed)))
