"""Bad messages, each made from a good one by one change, with the reasons for which they may be refused.

``hostile_messages`` names the whole corpus; agents and tests on a real broker feed it in too.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import flatbuffers  # type: ignore[import-untyped]
import numpy as np
from streaming_data_types.dataarray_da00 import Variable, serialise_da00
from streaming_data_types.fbschemas.dataarray_da00 import da00_DataArray, da00_Variable
from streaming_data_types.fbschemas.dataarray_da00.da00_dtype import da00_dtype

from connectors.wire.codec import encode
from connectors.wire.containers import write_container
from connectors.wire.document import write_document
from connectors.wire.limits import MAX_DOCUMENT_BYTES
from connectors.wire.message import Headers, Incoming
from models.records import IMAGE_SHAPE
from models.state import decode_state
from tests.support.wire_messages import CAMERA, EXAMPLES, TIMES_NS, incoming_of

PAYLOAD, HEADER = "damaged_payload", "damaged_header"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostileMessage:
    """A message that every reader refuses.

    Attributes
    ----------
    reason
        Of the ``RecordError``.
    """

    name: str
    incoming: Incoming
    reason: str


def hostile_messages() -> list[HostileMessage]:
    """The corpus, in a fixed order."""
    return [
        HostileMessage(name=name, incoming=incoming, reason=reason)
        for source in (_headers, _values, _blocks, _structures, _notices, _containers, _documents, _decisions)
        for name, incoming, reason in source()
    ]


def good(name: str = "records-1-camera") -> Incoming:
    """The good message that a bad one is made from."""
    return incoming_of(encode(EXAMPLES[name]))


def with_header(incoming: Incoming, name: str, value: bytes | None) -> Incoming:
    """The message with another value of one header, or without it."""
    kept: Headers = tuple((own, value if own == name and value is not None else data) for own, data in incoming.headers)
    return replace(incoming, headers=tuple(pair for pair in kept if value is not None or pair[0] != name))


_Cases = Iterator[tuple[str, Incoming, str]]


def _headers() -> _Cases:
    record = good()
    for name in ("schema", "file", "sha256", "device", "kind", "records", "first_record", "start_ns"):
        yield f"no header {name}", with_header(record, name, None), "missing_header"
    yield "no headers at all", replace(record, headers=()), "missing_header"
    changes: list[tuple[str, str, bytes]] = [
        ("schema without a version", "schema", b"records"),
        ("schema of version 0", "schema", b"records/0"),
        ("schema of a long version", "schema", b"records/9999999"),
        ("schema in capitals", "schema", b"Records/1"),
        ("schema with a line feed", "schema", b"records/1\n"),
        ("schema no UTF-8", "schema", b"\xff\xfe"),
        ("empty schema", "schema", b""),
        ("file no UTF-8", "file", b"10Hz/\xff.h5"),
        ("unknown kind of device", "kind", b"thermometer"),
        ("kind against the name", "kind", b"spectrometer"),
        ("no records", "records", b"0"),
        ("negative records", "records", b"-2"),
        ("records beyond all bounds", "records", b"99999999999999999999"),
        ("records in Arabic digits", "records", "٢".encode()),
        ("records as a float", "records", b"2.0"),
        ("negative first record", "first_record", b"-1"),
        ("negative block", "block", b"-1"),
        ("rate 0", "interval_hz", b"0.0"),
        ("infinite rate", "interval_hz", b"1e999"),
        ("rate in words", "interval_hz", b"infinity"),
        ("replacement neither 0 nor 1", "replacement", b"2"),
        ("start beyond all times", "start_ns", b"9223372036854775807"),
        ("start no number", "start_ns", b"now"),
    ]
    for name, header, value in changes:
        yield name, with_header(record, header, value), HEADER
    yield "schema twice", replace(record, headers=(*record.headers, ("schema", b"notice/1"))), HEADER
    yield "header without a value", _null_header(record, "file"), HEADER
    yield "giant header", with_header(record, "file", b"a" * (1 << 20)), "too_large"
    yield "giant schema", with_header(record, "schema", b"a" * (1 << 20)), "too_large"
    yield "unknown schema", with_header(record, "schema", b"temperatures/1"), "unknown_schema"
    yield "future version", with_header(record, "schema", b"records/2"), "unknown_version"


def _null_header(incoming: Incoming, name: str) -> Incoming:
    # Kafka knows headers without a value, and a client may hand them on as None.
    nothing: Any = None
    return replace(incoming, headers=tuple((own, nothing if own == name else data) for own, data in incoming.headers))


def _values() -> _Cases:
    for example in EXAMPLES:
        if example.startswith("dead-letter"):
            continue  # any bytes are the value of a dead letter
        message, value = good(example), good(example).value or b""
        yield f"{example}: tombstone", replace(message, value=None), PAYLOAD
        yield f"{example}: empty value", replace(message, value=b""), PAYLOAD
        yield f"{example}: half the value", replace(message, value=value[: len(value) // 2]), PAYLOAD
        yield f"{example}: without the first byte", replace(message, value=value[1:]), PAYLOAD
        yield f"{example}: zeros", replace(message, value=bytes(len(value))), PAYLOAD
        yield f"{example}: ones", replace(message, value=b"\xff" * len(value)), PAYLOAD
        yield f"{example}: a picture", replace(message, value=b"\x89PNG\r\n\x1a\n" + value), PAYLOAD
    yield "dead letter without its topic", with_header(good("dead-letter-1"), "topic", None), "missing_header"
    yield "dead letter of a negative offset", with_header(good("dead-letter-1"), "offset", b"-1"), HEADER
    yield "records with the value of rows", replace(good(), value=good("scored-1").value), PAYLOAD
    yield "rows with the value of records", replace(good("scored-1"), value=good().value), PAYLOAD


def _variables() -> dict[str, Variable]:
    pixels = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    return {
        "time": Variable("time", np.array(TIMES_NS[:2], np.int64), ["record"]),
        "state": Variable("state", np.zeros(2, np.uint8), ["record"]),
        "refusal": Variable("refusal", np.zeros(2, np.uint8), ["record"]),
        "signal": Variable("signal", pixels, ["record", "y", "x"]),
        "hdf5_path": Variable("hdf5_path", np.frombuffer(b"a\0b\0c\0d", np.uint8), ["byte"]),
    }


def da00_message(variables: list[Variable], *, name: str = CAMERA.name, timestamp_ns: int = TIMES_NS[0]) -> Incoming:
    """Two camera records by their headers, with these variables."""
    return replace(good(), value=serialise_da00(name, timestamp_ns, variables))


def good_variables() -> Incoming:
    """What the bad blocks are made from: it is no bad one."""
    return da00_message(list(_variables().values()))


def _blocks() -> _Cases:
    record, time = ["record"], np.array(TIMES_NS[:2], np.int64)
    picture = np.zeros((2, 3, 4), np.uint16)
    changed: list[tuple[str, str, Variable]] = [
        ("times as doubles", "time", Variable("time", time.astype(np.float64), record)),
        ("times of 32 bits", "time", Variable("time", time.astype(np.int32), record)),
        ("times out of order", "time", Variable("time", np.array([TIMES_NS[0], 5], np.int64), record)),
        ("one time too many", "time", Variable("time", np.array([*TIMES_NS], np.int64), record)),
        ("a single time without axes", "time", Variable("time", time[:1])),
        ("the earliest of all times", "time", Variable("time", np.array([-(2**63), TIMES_NS[0]], np.int64), record)),
        ("the latest of all times", "time", Variable("time", np.array([TIMES_NS[0], 2**63 - 1], np.int64), record)),
        ("one state too few", "state", Variable("state", np.zeros(1, np.uint8), record)),
        ("unknown state", "state", Variable("state", np.array([0, 8], np.uint8), record)),
        ("states as a text", "state", Variable("state", "ON", record)),
        ("unknown refusal", "refusal", Variable("refusal", np.array([0, 200], np.uint8), record)),
        ("pixels as doubles", "signal", Variable("signal", picture.astype(np.float64), ["record", "y", "x"])),
        ("pixels with signs", "signal", Variable("signal", picture.astype(np.int16), ["record", "y", "x"])),
        ("flat pixels", "signal", Variable("signal", picture.reshape(2, 12), ["record", "y"])),
        ("swapped axes", "signal", Variable("signal", picture, ["y", "x", "record"])),
        ("axis without a name", "signal", Variable("signal", picture, ["record", "y"])),
        ("one picture too few", "signal", Variable("signal", picture[:1], ["record", "y", "x"])),
        ("four axes", "signal", Variable("signal", picture[None], ["a", "record", "y", "x"])),
        ("paths of other records", "hdf5_path", Variable("hdf5_path", np.frombuffer(b"a\0b\0c", np.uint8), ["byte"])),
        ("paths no UTF-8", "hdf5_path", Variable("hdf5_path", np.frombuffer(b"\xff\0b\0c\0d", np.uint8), ["byte"])),
        ("paths as a text", "hdf5_path", Variable("hdf5_path", "a\0b\0c\0d", ["byte"])),
        ("variable of another name", "state", Variable("status", np.zeros(2, np.uint8), record)),
    ]
    for name, variable, value in changed:
        yield name, da00_message(list((_variables() | {variable: value}).values())), PAYLOAD
    everything = _variables()
    yield "variable missing", da00_message(list(everything.values())[:-1]), PAYLOAD
    yield "variable twice", da00_message([*everything.values(), everything["time"]]), PAYLOAD
    yield "variables in another order", da00_message(list(everything.values())[::-1]), PAYLOAD
    yield "another device inside", da00_message(list(everything.values()), name="LA_A3_31-Camera_2"), PAYLOAD
    yield "another first time", da00_message(list(everything.values()), timestamp_ns=5), PAYLOAD
    yield "more records by the header", with_header(good(), "records", b"3"), PAYLOAD
    value = good().value or b""
    yield "wrong identifier", replace(good(), value=value[:4] + b"ev44" + value[8:]), PAYLOAD
    yield "identifier no UTF-8", replace(good(), value=value[:4] + b"\xff\xff\xff\xff" + value[8:]), PAYLOAD
    yield "root far outside", replace(good(), value=b"\xff\xff\xff\x7f" + value[4:]), PAYLOAD
    paths = b"a" * (1 << 20) + b"\0" * 101
    many = da00_message(list((_variables() | {"hdf5_path": Variable("p", np.frombuffer(paths, np.uint8))}).values()))
    yield "paths that grow", with_header(many, "records", b"100"), PAYLOAD


def _structures() -> _Cases:
    """What the library itself never writes."""
    yield "a shape of 2 to the 62", _built(shape=[2**31, 2**31, 1]), PAYLOAD
    yield "a negative shape", _built(shape=[-1, 3, 4]), PAYLOAD
    yield "a shape of another picture", _built(shape=[2, *IMAGE_SHAPE]), PAYLOAD
    yield "a shape without axes", _built(shape=[]), PAYLOAD
    yield "a type that is none", _built(dtype=99), PAYLOAD
    yield "one axis a million times", _built(axes=100_000, label="x" * (1 << 20)), PAYLOAD
    yield "one variable a million times", _built(variables=1_000_000), PAYLOAD


def _built(
    *,
    shape: list[int] | None = None,
    dtype: int = da00_dtype.uint16,
    axes: int = 3,
    label: str = "y",
    variables: int = 5,
) -> Incoming:
    """A ``da00`` of one variable named again and again, put together by hand."""
    builder = flatbuffers.Builder(1024)
    name, text = builder.CreateString("time"), builder.CreateString(label)
    shape_place = builder.CreateNumpyVector(np.array([2, 3, 4] if shape is None else shape, np.int64))
    data_place = builder.CreateNumpyVector(np.zeros(48, np.uint8))
    da00_Variable.StartAxesVector(builder, axes)
    for _ in range(axes):
        builder.PrependUOffsetTRelative(text)
    axes_place = builder.EndVector()
    da00_Variable.Start(builder)
    da00_Variable.AddName(builder, name)
    da00_Variable.AddDataType(builder, dtype)
    da00_Variable.AddAxes(builder, axes_place)
    da00_Variable.AddShape(builder, shape_place)
    da00_Variable.AddData(builder, data_place)
    variable = da00_Variable.End(builder)
    da00_DataArray.StartDataVector(builder, variables)
    for _ in range(variables):
        builder.PrependUOffsetTRelative(variable)
    list_place = builder.EndVector()
    source = builder.CreateString(CAMERA.name)
    da00_DataArray.Start(builder)
    da00_DataArray.AddSourceName(builder, source)
    da00_DataArray.AddTimestamp(builder, TIMES_NS[0])
    da00_DataArray.AddData(builder, list_place)
    builder.Finish(da00_DataArray.End(builder), file_identifier=b"da00")
    return replace(good(), value=bytes(builder.Output()))


def _changed_json(name: str, **changes: Any) -> Incoming:
    message = good(name)
    return replace(message, value=json.dumps(json.loads(message.value or b"") | changes).encode())


def _notices() -> _Cases:
    notice = good("notice-1")
    yield "unknown notice", with_header(notice, "notice", b"lunch"), HEADER
    yield "notice of another kind of device", with_header(notice, "kind", b"camera"), HEADER
    yield "notice of a negative number", _changed_json("notice-1", records=-1), PAYLOAD
    yield "notice of a long number", _changed_json("notice-1", records=10**400), PAYLOAD
    yield "notice of a wild time", _changed_json("notice-1", until_ns=2**63 - 1), PAYLOAD
    yield "notice with a number for a name", _changed_json("notice-1", stage_devices=[1]), PAYLOAD
    yield "notice with half a letter", _changed_json("notice-1", stage_devices=["\ud800"]), PAYLOAD
    yield "notice neither true nor false", _changed_json("notice-1", replaces=1), PAYLOAD
    yield "notice that is a list", replace(notice, value=b"[]"), PAYLOAD
    yield "notice beyond all bounds", replace(notice, value=b" " * (MAX_DOCUMENT_BYTES + 1)), "too_large"
    yield "notice that goes deep", replace(notice, value=b"[" * 200_000), PAYLOAD


def _entry(name: str, value: Any) -> Any:
    """A change that puts this value there."""
    return lambda values: values.__setitem__(name, value)


def _containers() -> _Cases:
    def changed(name: str, change: Any) -> Incoming:
        message = good(name)
        values = decode_state(message.value or b"")
        change(values)
        return replace(message, value=write_container(values))

    def rows(change: Any) -> Any:
        return lambda values: change(values["scored"]["rows"])

    yield "a live reading of a vacuum pump", changed("live-1", _entry("device", [CAMERA.name, "other"])), PAYLOAD
    yield "a live reading of an unknown scoring", changed("live-1", _entry("scoring", 250)), PAYLOAD
    yield "a live reading of too few values", changed("live-1", _entry("values", np.zeros(1))), PAYLOAD
    picture = np.zeros((IMAGE_SHAPE[0], IMAGE_SHAPE[1] + 1), np.uint8)
    yield "a live picture of another shape", changed("live-1", _entry("thumbnail", picture)), PAYLOAD
    yield (
        "rows of two lengths",
        changed("scored-1", rows(lambda own: _set(own["arrays"], "score", [1.0], "f4"))),
        PAYLOAD,
    )
    yield (
        "rows of another type",
        changed("scored-1", rows(lambda own: _set(own["arrays"], "state", [0] * 3, "i8"))),
        PAYLOAD,
    )
    yield (
        "rows of a wild time",
        changed("scored-1", rows(lambda own: _set(own["arrays"], "event_time_ns", [2**63 - 1] * 3, "i8"))),
        PAYLOAD,
    )
    yield (
        "rows of an unknown state",
        changed("scored-1", rows(lambda own: _set(own["arrays"], "state", [250] * 3, "u1"))),
        PAYLOAD,
    )
    yield (
        "rows of an unknown scoring",
        changed("scored-1", rows(lambda own: _set(own["arrays"], "scoring", [250] * 3, "u1"))),
        PAYLOAD,
    )
    yield (
        "rows with features of another kind",
        changed("scored-1", rows(lambda own: own.update(device=["x", "other"]))),
        PAYLOAD,
    )
    yield "rows of an unknown kind", changed("scored-1", rows(lambda own: own.update(device=["x", "laser"]))), PAYLOAD
    yield "rows without an array", changed("scored-1", rows(lambda own: own["arrays"].pop("score"))), PAYLOAD
    yield (
        "rows with a list for an array",
        changed("scored-1", rows(lambda own: own["arrays"].update(score=[1.0, 2.0, 3.0]))),
        PAYLOAD,
    )
    yield "rows with a path too many", changed("scored-1", rows(lambda own: own["hdf5_group"].append("/d"))), PAYLOAD
    yield "rows with a number for the model", changed("scored-1", rows(lambda own: own.update(model=1))), PAYLOAD
    yield "rows without a stage", changed("scored-1", lambda values: values["scored"].pop("stage")), PAYLOAD
    yield "rows with half a stage", changed("scored-1", lambda values: values["scored"].update(stage=["LA"])), PAYLOAD
    yield "negative waiting", changed("decided-1", lambda values: values.update(pending=[["a", "b", -1]])), PAYLOAD
    yield "waiting twice", changed("decided-1", lambda values: values.update(pending=[["a", "b", 1]] * 2)), PAYLOAD
    yield (
        "unknown outcome",
        changed("decided-1", lambda values: _set(values["decided"][0]["rows"], "outcome", [250] * 3, "u1")),
        PAYLOAD,
    )
    yield (
        "triplets of two lengths",
        changed("decided-1", lambda values: values["triplets"]["missing_devices"].append("x")),
        PAYLOAD,
    )
    yield "evidence of two shapes", changed("evidence-1", lambda values: _set(values, "raw", [[1]], "u2")), PAYLOAD
    yield "evidence of an unknown role", changed("evidence-1", lambda values: values.update(role="../../etc")), PAYLOAD
    for name, document in _bad_references():
        body = document.encode()
        head = b"PWST" + (1).to_bytes(4, "little") + len(body).to_bytes(4, "little")
        yield f"container {name}", replace(good("scored-1"), value=head + body + bytes(64)), PAYLOAD
    value = good("scored-1").value or b""
    yield "container of another version", replace(good("scored-1"), value=value[:4] + b"\2" + value[5:]), PAYLOAD
    yield (
        "container that is all document",
        replace(good("scored-1"), value=value[:8] + b"\xff\xff\xff\xff" + value[12:]),
        PAYLOAD,
    )
    yield "container with more bytes", replace(good("scored-1"), value=value + b"\0"), PAYLOAD


def _set(values: dict[str, Any], name: str, items: Any, dtype: str) -> None:
    values[name] = np.array(items, dtype)


def _bad_references() -> Iterator[tuple[str, str]]:
    for name, reference in (
        ("of objects", '["|O",[8]]'),
        ("of texts", '["<U4",[1]]'),
        ("of a type of thousands of fields", json.dumps([",".join(["i1"] * 20_000), [1]])),
        ("of a huge type", '["V2000000000",[1]]'),
        ("of a negative length", '["|u1",[-1]]'),
        ("of a length beyond 64 bits", '["|u1",[99999999999999999999999]]'),
        ("of a length of 2 to the 62", '["|u1",[2147483648,2147483648]]'),
        ("of a fraction", '["|u1",[1.5]]'),
        ("of no shape", '["|u1"]'),
        ("of nothing", "[]"),
        ("of a number", "7"),
        ("of a hundred axes", json.dumps(["|u1", [1] * 100])),
    ):
        yield name, f'{{"moment":[0,0],"retried":false,"scored":{{"__array__":{reference}}}}}'
    yield "that goes deep", '{"a":' * 200_000


def _decisions() -> _Cases:
    """What operators decide, as somebody else would have it."""
    yield "promotion of a model elsewhere", with_header(good("promotion-1"), "model", b"../../etc"), PAYLOAD
    yield "promotion of no model", with_header(good("promotion-1"), "model", b""), PAYLOAD
    for name in ("../../etc", "a/b", " "):
        document = write_document({"model": name, "at_ns": 1})
        yield f"shadow that is {name}", replace(good("shadow-1"), value=document), PAYLOAD
    yield "shadow of no word", replace(good("shadow-1"), value=write_document({"at_ns": 1})), PAYLOAD
    yield "model of another role", with_header(good("model-files-1-shadow"), "role", b"other"), "damaged_header"
    yield "promotion without a model", with_header(good("promotion-1"), "model", None), "missing_header"
    yield "promotion of a wild time", _changed_json("promotion-1", at_ns=2**62), PAYLOAD
    yield "baseline of id 0", _changed_json("baseline-1", id=0), PAYLOAD
    yield "baseline of a wild time", _changed_json("baseline-1", from_ns=-(2**63)), PAYLOAD
    yield "baseline of no device", with_header(good("baseline-1"), "device", None), "missing_header"
    data = np.zeros(3, np.uint8)
    for name, files in (
        ("nothing", {}),
        ("a file elsewhere", {"../model.onnx": data}),
        ("a hidden file", {".model": data}),
        ("a file of numbers", {"model.onnx": np.zeros(3)}),
        ("a file of text", {"model.onnx": "abc"}),
        ("very many files", {f"file-{number}": data for number in range(17)}),
    ):
        yield f"model of {name}", replace(good("model-files-1"), value=write_container({"files": files})), PAYLOAD
    yield "model of no name", with_header(good("model-files-1"), "model", b"/"), PAYLOAD


def _documents() -> _Cases:
    record = json.loads(good("announcement-1").value or b"")["record"]
    alert = json.loads(good("alert-1").value or b"")["alert"]
    explanation = {"text": "hot spot", "cause": "hot_spot", "cause_probability": 0.5}
    yield (
        "announcement of an unknown status",
        _changed_json("announcement-1", record=record | {"status": "lost"}),
        PAYLOAD,
    )
    yield (
        "announcement of negative records",
        _changed_json("announcement-1", record=record | {"records_read": -1}),
        PAYLOAD,
    )
    yield "announcement of a negative manifest", _changed_json("announcement-1", devices={"a": -1}), PAYLOAD
    yield (
        "announcement of a long number",
        _changed_json("announcement-1", record=record | {"size_bytes": 2**64}),
        PAYLOAD,
    )
    yield "announcement of a list of counts", _changed_json("announcement-1", file_counts=[]), PAYLOAD
    yield "announcement without a connector", _changed_json("announcement-1", connector=None), PAYLOAD
    yield "alert of an unknown kind", _changed_json("alert-1", alert=alert | {"kind": "fire"}), PAYLOAD
    yield "alert with a text for its score", _changed_json("alert-1", alert=alert | {"score": "14"}), PAYLOAD
    yield "alert of a wild time", _changed_json("alert-1", alert=alert | {"first_shot_ns": -(2**63)}), PAYLOAD
    yield "alert of minus one shot", _changed_json("alert-1", alert=alert | {"shots": -1}), PAYLOAD
    yield "alert of half a letter", _changed_json("alert-1", alert=alert | {"device": "\udcff"}), PAYLOAD
    yield "alert of a source in two parts", _changed_json("alert-1", alert=alert | {"source": ["a", "b"]}), PAYLOAD
    for name, said in (
        ("in one text", "hot spot"),
        ("without a cause", {"text": "a"}),
        ("with a certainty of more than 1", explanation | {"cause_probability": 1.5}),
        ("with no number for its certainty", explanation | {"cause_probability": float("nan")}),
        ("of half a letter", explanation | {"text": "\udcff"}),
        ("longer than a book", explanation | {"text": "a" * (1 << 17)}),
    ):
        yield f"alert explained {name}", _changed_json("alert-1", alert=alert | {"explanation": said}), PAYLOAD
    yield "alert without an alert", _changed_json("alert-1", alert=None), PAYLOAD
    yield "progress to a negative offset", _changed_json("progress-1-worker", next_offset=-1), PAYLOAD
    yield "progress in words", _changed_json("progress-1-worker", next_offset="far"), PAYLOAD
    yield "progress of true", _changed_json("progress-1-worker", next_offset=True), PAYLOAD
    yield "progress with a text for a number", _changed_json("progress-1-connector", oldest_unsent_s="0.1"), PAYLOAD
    yield "progress no UTF-8", replace(good("progress-1-worker"), value=b'{"name":"\xff"}'), PAYLOAD
